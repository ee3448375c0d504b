"""timm's trunks: cut wherever one likes they are timm's own numbers; what is wrong with a name, a size, a depth."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn

from silktune.core import backbones, training
from silktune.core.backbones import Prefix, Suffix, build, measure_statistics, timm_blocks, timm_trunks
from silktune.core.silknet import network
from silktune.data.dataset import Dataset
from silktune.errors import SettingsError
from silktune.settings import Experiment, Net, Runtime

SIZE = 64  # pixels per side
CUT = {  # net.trunk → its blocks: of every class that is cut a small one, and one more where a detail differs
    "resnet10t": 4, "seresnet18": 8, "ecaresnet26t": 8, "efficientnet_lite0": 16, "mobilenetv3_small_050": 12,
    "mobilenetv4_conv_small_035": 17, "convnext_atto": 12, "test_convnext2": 4, "vit_tiny_patch16_224": 12,
    "deit_tiny_distilled_patch16_224": 12, "vit_small_patch14_reg4_dinov2": 12, "test_vit3": 9,
    "swin_tiny_patch4_window7_224": 12, "swinv2_tiny_window8_256": 12,
}  # fmt: skip
OTHERS = (
    "vgg11",
    "hiera_tiny_224",
    "maxvit_tiny_tf_224",
    "eva02_tiny_patch14_224",
    "repvit_m1",
    "ghostnet_050",
    "xcit_nano_12_p8_224",
)
WHOLE = ("levit_128s", "regnetx_002", "densenet121")
SIZES = {"vit_small_patch14_reg4_dinov2": 70, "vit_tiny_patch16_224": 96, "levit_128s": 224}


def size_of(name: str) -> int:
    return SIZES.get(name, SIZE)


@cache
def random_trunk(name: str) -> Any:
    """A trunk of timm, all of it random, stored statistics and layer scales as well."""
    size = {"img_size": size_of(name)} if timm.models.get_pretrained_cfg(name).fixed_input_size else {}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        trunk = timm.create_model(name, **size).eval()
        for key, value in trunk.state_dict().items():
            if key.endswith("running_var"):
                nn.init.uniform_(value, 0.5, 1.5)
            elif value.is_floating_point() and value.ndim <= 1:
                nn.init.normal_(value, mean=0.0 if key.endswith(("bias", "mean")) else 1.0, std=0.1)
    return trunk


@cache
def file_of(name: str, folder: str) -> str:
    path = f"{folder}/{name}.pth"
    torch.save(random_trunk(name).state_dict(), path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("timm"))


def images_for(name: str) -> Tensor:
    return torch.rand(2, 3, size_of(name), size_of(name), generator=torch.Generator().manual_seed(0))


def split(name: str, weights: str, NB_RN: int) -> tuple[Prefix, Suffix]:
    return build(f"timm/{name}", weights, size_of(name)).split(NB_RN)


@torch.no_grad()
def timms_own(name: str) -> Tensor:
    """What timm itself makes of the images."""
    trunk, about = random_trunk(name), timm.models.get_pretrained_cfg(name)
    mean, deviation = (torch.tensor(values).view(1, 3, 1, 1) for values in (about.mean, about.std))
    features: Tensor = trunk.forward_features((images_for(name) - mean) / deviation)
    result: Tensor = trunk.forward_head(features, pre_logits=True)
    return result


class TestATrunkThatIsCut:
    @pytest.mark.parametrize("name", CUT)
    def test_is_timms_own_wherever_its_parts_meet(self, name: str, folder: str) -> None:
        expected, images = timms_own(name), images_for(name)
        assert expected.std() > 1e-3, "numbers that a mistake would change"
        backbone = build(f"timm/{name}", file_of(name, folder), size_of(name))
        assert len(backbone.blocks) == CUT[name]
        for NB_RN in {0, 1, 2, CUT[name] // 2, CUT[name] - 1, CUT[name]}:
            prefix, suffix = backbone.split(NB_RN)
            with torch.no_grad():
                f_RN = suffix(prefix(images))
            assert f_RN.shape[1] == suffix.F
            torch.testing.assert_close(f_RN, expected, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("name", CUT)
    def test_has_its_parameters_once_and_no_classifier(self, name: str) -> None:
        whole = random_trunk(name)
        about = timm.models.get_pretrained_cfg(name)
        classifiers = (about.classifier,) if isinstance(about.classifier, str) else about.classifier or ()
        named = dict(whole.named_parameters())
        dropped = sum(p.numel() for key, p in named.items() if key.rpartition(".")[0] in classifiers)
        wanted = sum(p.numel() for p in named.values()) - dropped
        sizes = []
        with torch.device("meta"):
            backbone = build(f"timm/{name}", "none", size_of(name))
        for NB_RN in range(CUT[name], -1, -1):
            prefix, suffix = backbone.split(NB_RN)
            assert not any(p.requires_grad for p in prefix.parameters())
            assert all(p.requires_grad for p in suffix.parameters())
            assert sum(p.numel() for part in (prefix, suffix) for p in part.parameters()) == wanted
            sizes.append(sum(p.numel() for p in suffix.parameters()))
        assert sizes[-1] == 0
        assert 0 < sizes[0] < wanted, "the stem is never trained"
        assert sizes[::-1] == sorted(set(sizes)), "every block adds some"

    @pytest.mark.parametrize("name", ["efficientnet_lite0", "convnext_atto", "vit_tiny_patch16_224"])
    def test_trains_every_parameter_of_its_suffix_and_draws_nothing(self, name: str) -> None:
        torch.manual_seed(0)
        prefix, suffix = split(name, "none", 2)
        if name == "efficientnet_lite0":
            measure_statistics(prefix, suffix, [torch.rand(8, 3, SIZE, SIZE)])
        prefix.train()
        suffix.train()
        first, second = suffix(prefix(images_for(name))), suffix(prefix(images_for(name)))
        assert torch.equal(first, second)
        (first**2).sum().backward()
        assert [key for key, p in suffix.named_parameters() if p.grad is None] == []
        assert not any(module.training for module in suffix.modules())

    def test_keeps_the_sign_of_its_features(self, folder: str) -> None:
        name = "vit_tiny_patch16_224"
        prefix, suffix = split(name, file_of(name, folder), 1)
        with torch.no_grad():
            assert 0.2 < (suffix(prefix(images_for(name))) < 0).float().mean() < 0.8


class TestATrunkThatIsNotCut:
    @pytest.mark.parametrize("name", WHOLE)
    def test_is_timms_own_and_frozen(self, name: str, folder: str) -> None:
        prefix, suffix = split(name, file_of(name, folder), 0)
        f_RN = suffix(prefix(images_for(name)))
        torch.testing.assert_close(f_RN, timms_own(name), rtol=1e-4, atol=1e-5)
        assert not list(suffix.parameters())

    def test_says_so(self) -> None:
        with pytest.raises(SettingsError) as caught:
            split("levit_128s", "none", 1)
        assert str(caught.value) == (
            "net.NB_RN is 1, but silktune cannot cut timm/levit_128s into blocks. Give net.NB_RN=0, which trains none "
            f"of it, or a trunk of another family ({backbones.backbone.CUT})."
        )

    @pytest.mark.parametrize("name", OTHERS)
    def test_of_other_families_gives_a_vector(self, name: str) -> None:
        """Nothing but shapes."""
        about = timm.models.get_pretrained_cfg(name)
        with torch.device("meta"):
            backbone = build(f"timm/{name}", "none", about.input_size[-1])
        assert (backbone.blocks, backbone.image_size) == ((), about.input_size[-1])
        assert backbone.F > 0


class TestRandomWeights:
    def test_start_from_images_as_they_are(self) -> None:
        prefix, _ = split("resnet10t", "none", 1)
        assert torch.equal(prefix.mean, torch.zeros(1, 3, 1, 1))
        assert torch.equal(prefix.deviation, torch.ones(1, 3, 1, 1))

    def test_of_a_resnet_begin_as_the_identity_where_they_are_trained(self) -> None:
        prefix, suffix = split("resnet10t", "none", 2)
        assert [bool((block.bn2.weight == 0).all()) for block in suffix.layers[:2]] == [True, True]
        assert not any((block.bn2.weight == 0).any() for block in prefix.layers[1:])

    def test_of_an_efficientnet_do_so_where_a_block_has_a_way_around_it(self) -> None:
        _, suffix = split("efficientnet_lite0", "none", 3)
        assert [bool((block.bn3.weight == 0).all()) for block in suffix.layers[:3]] == [True, True, False]

    @pytest.mark.parametrize("name", ["efficientnet_lite0", "vit_tiny_patch16_224", "convnext_atto"])
    def test_can_be_measured_whether_there_is_a_batch_norm_or_not(self, name: str) -> None:
        torch.manual_seed(0)
        prefix, suffix = split(name, "none", 2)
        measure_statistics(prefix, suffix, [torch.rand(16, 3, size_of(name), size_of(name))])
        f_RN = suffix(prefix(images_for(name)))
        assert f_RN.isfinite().all()
        assert not any(module.training for part in (prefix, suffix) for module in part.modules())


class TestWhatCannotBe:
    def said(self, trunk: str, weights: str = "none", image_size: int = SIZE) -> str:
        with pytest.raises(SettingsError) as caught:
            build(trunk, weights, image_size)
        return str(caught.value)

    def test_a_name_that_timm_does_not_know(self) -> None:
        assert self.said("timm/resnet10") == (
            "net.trunk: timm has no resnet10. Did you mean resnet10t? `silktune trunks PATTERN` lists them."
        )
        assert self.said("timm/zzz") == "net.trunk: timm has no zzz. `silktune trunks PATTERN` lists them."
        assert self.said("timm/") == "net.trunk: timm has no . `silktune trunks PATTERN` lists them."

    def test_a_tag_that_timm_does_not_know(self) -> None:
        assert self.said("timm/convnext_atto.d2in1k") == (
            "net.trunk: timm/convnext_atto.d2in1k: timm has no weights d2in1k of convnext_atto. Did you mean d2_in1k?"
        )
        assert self.said("timm/convnext_atto", "d2in1k") == (
            "net.weights: d2in1k is no tag of timm's weights of convnext_atto. Did you mean d2_in1k?"
        )

    def test_weights_of_torchvision(self) -> None:
        assert self.said("timm/convnext_atto", "IMAGENET1K_V2") == (
            "net.weights: IMAGENET1K_V2 is no tag of timm's weights of convnext_atto. "
            "There is: pretrained, d2_in1k, none."
        )

    def test_two_tags(self) -> None:
        assert self.said("timm/resnet18.a2_in1k", "a1_in1k") == (
            "net.weights is a1_in1k, but net.trunk=timm/resnet18.a2_in1k names other weights. "
            "Give net.weights=pretrained, or net.trunk=timm/resnet18."
        )

    def test_an_image_size_that_a_patch_does_not_divide(self) -> None:
        assert self.said("timm/vit_tiny_patch16_224", image_size=100) == (
            "data.image_size is 100, but timm/vit_tiny_patch16_224 takes 96 or 112. It was made for 224."
        )
        assert "takes 154 or 168. It was made for 518." in self.said("timm/vit_small_patch14_dinov2", image_size=160)

    def test_an_image_size_that_is_too_small(self) -> None:
        said = self.said("timm/inception_v3", image_size=32)
        assert said.endswith("timm/inception_v3 takes others (a multiple of 32). It was made for 299.")

    def test_a_depth_that_is_not_there_is_found_before_a_study_starts(self, tiny: Dataset) -> None:
        shared = {"data.image_size": 32, "net.weights": "none", "net.trunk": "timm/resnet10t"}
        training.check(Experiment().with_({**shared, "net.NB_RN": 4}), Runtime(device="cpu"), tiny)
        with pytest.raises(SettingsError, match=r"net\.NB_RN is 5, but timm/resnet10t has 4 blocks\."):
            training.check(Experiment().with_({**shared, "net.NB_RN": 5}), Runtime(device="cpu"), tiny)


def test_names_are_found_by_a_text_or_a_pattern() -> None:
    assert "timm/resnet10t" in timm_trunks.names("resnet10")
    assert timm_trunks.names("timm/vit_tiny_patch*_224") == ["timm/vit_tiny_patch16_224"]
    assert timm_trunks.names("nothing of the kind") == []


def test_every_anatomy_is_that_of_a_class_of_timm() -> None:
    classes = {kind.__name__ for name in CUT for kind in type(random_trunk(name)).__mro__}
    assert set(timm_blocks.ANATOMIES) <= classes


def test_a_network_of_images_of_another_size_than_the_trunks() -> None:
    net = Net(trunk="timm/vit_tiny_patch16_224", weights="none", NB_RN=1, NN_jfc=(8,), NN_tfc=())
    (logits,) = network(net, [3], 48).eval()(torch.rand(2, 3, 48, 48))
    assert tuple(logits.shape) == (2, 3)
