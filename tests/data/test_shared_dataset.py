"""A prepared data set in a storage, and its copies on the machines that read it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from silktune.data.dataset import Dataset
from silktune.data.image_store import FOLDER, ImageStore
from silktune.data.prepare import prepare
from silktune.data.shared_dataset import Whereabouts, cache, fetch, keep
from silktune.errors import DataError, ResourceError
from silktune.settings import Data
from silktune.storage import Storage
from tests.data.conftest import labellings, small_set

FETCH = "import sys; from pathlib import Path; from silktune.data.shared_dataset import fetch; "
FETCH += "from silktune.storage import Storage; "
FETCH += "print(fetch(Storage(sys.argv[1]), Path(sys.argv[2])))"


def same(one: Dataset, other: Dataset) -> None:
    assert (one.digest, one.variables) == (other.digest, other.variables)
    np.testing.assert_array_equal(one.images[:], other.images[:])
    for name in ("colour", "labels", "subset"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def files(storage: Storage, kind: str) -> list[str]:
    return [name for name in storage.files() if name.endswith(kind)]


def test_a_copy_is_the_same_data_set(tiny: Dataset, storage: Storage, tmp_path: Path) -> None:
    place = keep(tiny, storage)
    found = Dataset.open(fetch(place, tmp_path / "here"))
    same(found, tiny)
    assert sorted(path.name for path in found.folder.iterdir()) == sorted(path.name for path in tiny.folder.iterdir())


def test_what_is_there_is_neither_put_nor_copied_again(tiny: Dataset, tmp_path: Path) -> None:
    storage = Storage.of(tmp_path / "kept")
    place = keep(tiny, storage)
    folder = fetch(place, tmp_path / "here")
    for name in files(storage, ".pixels"):
        storage.write(name, b"changed")
    assert keep(tiny, storage) == place
    assert fetch(place, tmp_path / "here") == folder
    same(Dataset.open(folder), tiny)


def test_a_copy_that_was_interrupted_is_made_whole(tiny: Dataset, tmp_path: Path) -> None:
    place = keep(tiny, Storage.of(tmp_path / "kept"))
    part = tmp_path / "here" / f".{tiny.digest}.part"
    part.mkdir(parents=True)
    (part / "samples.parquet").write_bytes(b"half of it")
    same(Dataset.open(fetch(place, tmp_path / "here")), tiny)


def test_putting_it_there_was_interrupted(tiny: Dataset, tmp_path: Path) -> None:
    storage = Storage.of(tmp_path / "kept")
    place = keep(tiny, storage)
    place.remove("dataset.json")
    (contents,), (pixels,) = files(storage, ".contents"), files(storage, ".pixels")
    storage.remove(contents)
    storage.write(pixels, b"half of it")
    with pytest.raises(DataError, match="this is no prepared data set"):
        fetch(place, tmp_path / "here")
    same(Dataset.open(fetch(keep(tiny, storage), tmp_path / "here")), tiny)


def test_several_processes_copy_it_once(tiny: Dataset, tmp_path: Path) -> None:
    place = keep(tiny, Storage.of(tmp_path / "kept"))
    command = [sys.executable, "-c", FETCH, place.where, str(tmp_path / "here")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") for _ in range(3)]
    outputs = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert outputs == [str(tmp_path / "here" / tiny.digest)] * 3
    assert [path.name for path in labellings(tmp_path / "here")] == [tiny.digest]
    store = ImageStore(tmp_path / "here" / FOLDER / tiny.about["store"], 32)
    assert store.pixels_file.stat().st_size == 60 * 3 * 32**2


def test_a_machine_that_sees_the_drivers_folder_copies_nothing(
    tiny: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SILKTUNE_CACHE", str(tmp_path / "cache"))
    folder = shutil.copytree(tiny.folder.parent, tmp_path / "driver") / tiny.digest
    where = Whereabouts.of(Dataset.open(folder), Storage.of(tmp_path / "kept"))
    assert where.open().folder == folder
    assert not cache().exists()
    folder.rename(tmp_path / "elsewhere")
    assert where.open().folder == cache() / tiny.digest
    assert cache().is_relative_to(tmp_path)


def test_a_storage_that_cannot_be_written_is_a_sentence(tiny: Dataset, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ResourceError, match="the data set cannot be put there"):
        keep(tiny, Storage.of(tmp_path / "file"))


def test_only_what_is_new_is_put_and_fetched(tmp_path: Path) -> None:
    """A corrected label moves no image; ten images more are one piece of ten."""
    storage, here = Storage.of(tmp_path / "kept"), tmp_path / "here"
    table = small_set(tmp_path / "set", 24)

    def there_and_here() -> tuple[list[int], Dataset]:
        data = Dataset.open(prepare(table, None, Data(image_size=16), tmp_path / "data"))
        found = Dataset.open(fetch(keep(data, storage), here))
        same(found, data)
        return sorted(size for name, size in storage.files().items() if name.endswith(".pixels")), found

    bytes_each = 3 * 16**2
    assert there_and_here()[0] == [24 * bytes_each]
    table.write_text(table.read_text(encoding="utf-8").replace("r3,blue", "r3,red"), encoding="utf-8")
    assert there_and_here()[0] == [24 * bytes_each]
    small_set(tmp_path / "set", 34)
    sizes, found = there_and_here()
    assert sizes == [10 * bytes_each, 24 * bytes_each]
    assert len(found.images.pixels) == 34
    assert len(labellings(here)) == 3


def test_images_that_a_machine_lost_are_fetched_again(tiny: Dataset, tmp_path: Path) -> None:
    place = keep(tiny, Storage.of(tmp_path / "kept"))
    folder = fetch(place, tmp_path / "here")
    shutil.rmtree(tmp_path / "here" / FOLDER)
    same(Dataset.open(fetch(place, tmp_path / "here")), tiny)
    assert fetch(place, tmp_path / "here") == folder


def test_images_that_are_not_in_the_storage_are_said(tiny: Dataset, tmp_path: Path) -> None:
    storage = Storage.of(tmp_path / "kept")
    place = keep(tiny, storage)
    for name in files(storage, ".contents"):
        storage.remove(name)
    with pytest.raises(DataError, match=r"images/32px-whole-v2: 60 images are missing. Put the data set there again"):
        fetch(place, tmp_path / "here")
