"""Torchvision's ResNets and a hand-picked few of timm's trunks, in numbers, so that nothing is imported to list them.

timm has a thousand more: `core.backbones.timm_trunks` knows them.
"""

from __future__ import annotations

from typing import NamedTuple


class Known(NamedTuple):
    """What a trunk is, and where its own weights lie."""

    parameters: float  # millions, without its classifier
    F: int  # length of f_RN
    blocks: int  # that NB_RN counts
    image_size: int  # pixels per side that it was made for
    source: str  # a file of torchvision's, or a repository of timm's on Hugging Face


KNOWN = {
    "resnet18": Known(11.2, 512, 8, 224, "resnet18-f37072fd.pth"),
    "resnet34": Known(21.3, 512, 16, 224, "resnet34-b627a593.pth"),
    "resnet50": Known(23.5, 2048, 16, 224, "resnet50-0676ba61.pth"),
    "resnet101": Known(42.5, 2048, 33, 224, "resnet101-63fe2227.pth"),
    "resnet152": Known(58.1, 2048, 50, 224, "resnet152-394f9c45.pth"),
    "timm/tf_efficientnet_lite0": Known(3.4, 1280, 16, 224, "timm/tf_efficientnet_lite0.in1k"),
    "timm/mobilenetv4_conv_small": Known(2.5, 1280, 17, 224, "timm/mobilenetv4_conv_small.e2400_r224_in1k"),
    "timm/efficientnet_b0": Known(4.0, 1280, 16, 224, "timm/efficientnet_b0.ra_in1k"),
    "timm/convnext_atto": Known(3.4, 320, 12, 224, "timm/convnext_atto.d2_in1k"),
    "timm/convnext_tiny": Known(27.8, 768, 18, 224, "timm/convnext_tiny.in12k_ft_in1k"),
    "timm/vit_tiny_patch16_224": Known(5.5, 192, 12, 224, "timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k"),
    "timm/vit_small_patch14_dinov2": Known(22.1, 384, 12, 518, "timm/vit_small_patch14_dinov2.lvd142m"),
    "timm/vit_base_patch14_dinov2": Known(86.6, 768, 12, 518, "timm/vit_base_patch14_dinov2.lvd142m"),
    "timm/vit_base_patch16_clip_224": Known(85.8, 768, 12, 224, "timm/vit_base_patch16_clip_224.laion2b_ft_in12k_in1k"),
    "timm/swin_tiny_patch4_window7_224": Known(27.5, 768, 12, 224, "timm/swin_tiny_patch4_window7_224.ms_in1k"),
}
