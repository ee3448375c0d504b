"""Small tables and pictures that every test of the data room may use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from silktune.data.dataset import Dataset
from silktune.data.image_store import FOLDER
from silktune.data.sample_data.collection import weave
from silktune.seeds import stream

REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data"


@pytest.fixture
def table(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a label table into the test's folder."""

    def write(text: str, name: str = "labels.csv") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The label table of 90 woven images."""
    return weave(tmp_path_factory.mktemp("woven") / "sample", 90, 0)


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of the real data beside the repository."""
    if not REAL.is_dir():
        pytest.skip("there is no real data: shared/data beside the repository is absent")
    return REAL


def picture(path: Path, name: str = "", height: int = 40, width: int = 50) -> np.ndarray:
    """Write a random picture, smooth enough for JPEG, and return it as RGB."""
    small = stream(0, "picture", name or path.name).integers(0, 256, (5, 6, 3)).astype(np.uint8)
    image = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def small_set(folder: Path, records: int = 12) -> Path:
    """A table with two variables of two classes each and its PNG images beside it."""
    rows = ["image,record,colour,shape"]
    for i in range(records):
        picture(folder / f"{i:03d}.png")
        rows.append(f"{i:03d}.png,r{i},{('red', 'blue')[i % 2]},{('round', '', 'square')[i % 3]}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder / "labels.csv"


def pixels(folder: Path) -> np.ndarray:
    """The pixels of a prepared data set's images in their order."""
    return Dataset.open(folder).images[:]


def labellings(root: Path) -> list[Path]:
    """What is in a folder of prepared data sets but the images."""
    return sorted(path for path in root.iterdir() if path.name != FOLDER)
