"""Preparing: whole or not at all, going on after a kill, and every sentence about files and disks."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from silktune.data import disk_space, image_decoding
from silktune.data.colour import descriptor
from silktune.data.dataset import Dataset, read_contents
from silktune.data.image_store import FOLDER, ImageStore
from silktune.data.image_store_writer import writing
from silktune.data.prepare import CHUNK, prepare
from silktune.errors import DataError, ResourceError
from silktune.settings import Data
from tests.data.conftest import labellings, picture, pixels, small_set
from tests.data.test_decoders import png, zeroed

SMALL = Data(image_size=16)
FILES = ["contents.npy", "dataset.json", "rejected.csv", "samples.parquet"]

SCRIPT = """
import os, signal, sys
from pathlib import Path
from silktune.data.prepare import prepare
from silktune.settings import Data
table, root, kill_at = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
def progress(done, total):
    if kill_at and done >= kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
print(prepare(table, None, Data(image_size=16), root, workers=2, progress=progress))
"""


def in_another_process(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SCRIPT, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8")


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of three chunks of images."""
    return small_set(tmp_path_factory.mktemp("many"), 3 * CHUNK)


def test_what_is_in_the_folder(tmp_path: Path) -> None:
    table = small_set(tmp_path / "crests")
    folder = prepare(table, None, SMALL, tmp_path / "data")
    assert sorted(content(folder)) == FILES
    assert [path.name for path in (tmp_path / "data").iterdir() if path.name != FOLDER] == [folder.name]
    about = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    assert (about["name"], about["images"], about["digest"]) == ("crests", 12, folder.name)
    assert about["variables"][0] == {"name": "colour", "classes": ["blue", "red"], "counts": [6, 6], "background": 0}
    samples = pd.read_parquet(folder / "samples.parquet")
    assert samples.columns.tolist() == ["image", "record", "subset", "colour", "shape"]
    rows, colour = pixels(folder), Dataset.open(folder).colour
    assert (rows.shape, rows.dtype, colour.shape, colour.dtype) == ((12, 16, 16, 3), np.uint8, (12, 25), np.float32)
    for row, name in enumerate(samples["image"]):
        image = image_decoding.read(table.parent / name)
        assert np.array_equal(rows[row], image_decoding.resize(image, 16))
        assert np.array_equal(colour[row], descriptor(image))


def test_progress_is_told_from_nothing_to_all(many: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    prepare(many, None, SMALL, tmp_path, progress=lambda done, total: told.append((done, total)))
    assert told == [(done, 3 * CHUNK) for done in (0, CHUNK, 2 * CHUNK, 3 * CHUNK)]


def test_what_is_prepared_is_not_prepared_again(tmp_path: Path) -> None:
    table = small_set(tmp_path)
    folder = prepare(table, None, SMALL, tmp_path / "data")
    times = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert prepare(table, None, SMALL, tmp_path / "data", progress=pytest.fail) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == times


def test_the_order_of_rows_and_the_way_they_are_written_change_nothing(tmp_path: Path) -> None:
    table = small_set(tmp_path)
    first = prepare(table, None, SMALL, tmp_path / "data")
    lines = table.read_text(encoding="utf-8").splitlines()
    table.write_text("\r\n".join([lines[0], *reversed(lines[1:])]).replace(",", ";"), encoding="utf-8")
    assert prepare(table, None, SMALL, tmp_path / "data") == first


def test_what_changes_the_data_set_changes_its_name(tmp_path: Path) -> None:
    table = small_set(tmp_path)

    def name(settings: Data = SMALL) -> str:
        return prepare(table, None, settings, tmp_path / "data").name

    names = [name(), name(Data(image_size=17)), name(Data(image_size=16, crop="centre"))]
    names += [name(Data(image_size=16, split_seed=1)), name(Data(image_size=16, min_records=4))]
    assert name(Data(image_size=16, variables=("shape",))) == names[0]
    picture(tmp_path / "000.png", name="another")
    names += [name()]
    table.write_text(table.read_text(encoding="utf-8").replace("red,round", "blue,round", 1), encoding="utf-8")
    names += [name()]
    assert len(set(names)) == len(names)


def store(root: Path) -> ImageStore:
    return ImageStore.of(root, SMALL)


def test_killed_it_goes_on_and_ends_the_same(many: Path, tmp_path: Path) -> None:
    killed = in_another_process(many, tmp_path / "killed", 2 * CHUNK)
    assert killed.wait() == -9
    assert labellings(tmp_path / "killed") == []
    assert len(store(tmp_path / "killed").index()) == 2 * CHUNK
    told: list[int] = []
    folder = prepare(many, None, SMALL, tmp_path / "killed", progress=lambda done, total: told.append(done))
    assert told == [2 * CHUNK, 3 * CHUNK]
    undisturbed = prepare(many, None, SMALL, tmp_path / "undisturbed")
    assert content(folder) == content(undisturbed)
    assert content(store(tmp_path / "killed").folder) == content(store(tmp_path / "undisturbed").folder)
    assert labellings(tmp_path / "killed") == [folder]


def test_what_was_done_before_the_kill_is_not_decoded_again(many: Path, tmp_path: Path) -> None:
    assert in_another_process(many, tmp_path, CHUNK).wait() == -9
    there = store(tmp_path)
    done = set(there.index())
    there.pixels_file.write_bytes(bytes([7]) * there.pixels_file.stat().st_size)
    folder = prepare(many, None, SMALL, tmp_path)
    marked = np.array([content in done for content in read_contents(folder)])
    assert marked.sum() == CHUNK
    assert (pixels(folder)[marked] == 7).all()
    assert not (pixels(folder)[~marked] == 7).all(axis=(1, 2, 3)).any()


def test_half_a_row_that_a_kill_left_is_written_again(many: Path, tmp_path: Path) -> None:
    assert in_another_process(many, tmp_path, CHUNK).wait() == -9
    for path in store(tmp_path).row_bytes:
        with path.open("ab") as file:
            file.write(b"half")
    folder = prepare(many, None, SMALL, tmp_path)
    assert np.array_equal(pixels(folder), pixels(prepare(many, None, SMALL, tmp_path / "undisturbed")))


def stop(done: int, total: int) -> None:
    if done:
        raise KeyboardInterrupt


@pytest.mark.parametrize("broken", ["contents.bin", "pixels.bin", "colour.bin"])
def test_images_that_damage_took_are_decoded_again(many: Path, tmp_path: Path, broken: str) -> None:
    whole = prepare(many, None, SMALL, tmp_path)
    before = pixels(whole)
    (store(tmp_path).folder / broken).write_bytes(b"")
    with pytest.raises(DataError, match="this prepared data set is damaged"):
        Dataset.open(whole)
    told: list[int] = []
    assert prepare(many, None, SMALL, tmp_path, progress=lambda done, total: told.append(done)) == whole
    assert told[0] == 0
    assert np.array_equal(pixels(whole), before)


def test_a_labelling_that_was_not_renamed_is_written_again(many: Path, tmp_path: Path) -> None:
    folder = prepare(many, None, SMALL, tmp_path)
    folder.rename(tmp_path / f".{folder.name}.part")
    told: list[int] = []
    assert prepare(many, None, SMALL, tmp_path, progress=lambda done, total: told.append(done)) == folder
    assert told == [3 * CHUNK]
    assert sorted(content(folder)) == FILES
    assert labellings(tmp_path) == [folder]


def test_two_processes_at_once_make_one_data_set(many: Path, tmp_path: Path) -> None:
    processes = [in_another_process(many, tmp_path / "both", 0) for _ in range(2)]
    said = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert said[0][0] == said[1][0]
    (folder,) = labellings(tmp_path / "both")
    assert content(folder) == content(prepare(many, None, SMALL, tmp_path / "alone"))
    assert len(store(tmp_path / "both").index()) == 3 * CHUNK
    assert store(tmp_path / "both").pixels_file.stat().st_size == 3 * CHUNK * 3 * 16**2


def test_while_one_writes_another_waits(tmp_path: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with writing(store(tmp_path)):
            order.append("second")

    with writing(store(tmp_path)):
        with (store(tmp_path).folder / "lock").open("a", encoding="utf-8") as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        waiting = threading.Thread(target=second)
        waiting.start()
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]


def test_images_may_be_in_a_folder_beside_the_table(tmp_path: Path) -> None:
    table = small_set(tmp_path)
    (tmp_path / "images").mkdir()
    for path in tmp_path.glob("*.png"):
        path.rename(tmp_path / "images" / path.name)
    assert prepare(table, None, SMALL, tmp_path / "data").is_dir()
    elsewhere = (tmp_path / "images").rename(tmp_path / "elsewhere")
    assert prepare(table, elsewhere, SMALL, tmp_path / "more").is_dir()


def test_no_image_at_all(tmp_path: Path) -> None:
    table = small_set(tmp_path)
    for path in tmp_path.glob("*.png"):
        path.unlink()
    with pytest.raises(DataError) as caught:
        prepare(table, None, SMALL, tmp_path / "data")
    assert str(caught.value) == (
        f"{table}: none of its 12 images (000.png, …) is in {tmp_path} or in {tmp_path}/images. "
        "Name the folder that they are in with --images."
    )


def test_missing_images_are_found_before_any_is_decoded(tmp_path: Path) -> None:
    table = small_set(tmp_path)
    for name in ("001.png", "003.png"):
        (tmp_path / name).unlink()
    with pytest.raises(DataError) as caught:
        prepare(table, None, SMALL, tmp_path / "data", progress=pytest.fail)
    assert str(caught.value).splitlines() == [
        f"{tmp_path}: 2 of 12 images cannot be read:",
        "  001.png: there is no such file",
        "  003.png: there is no such file",
        "Put whole files in their place, name another folder with --images, delete their rows, "
        "or leave them out: silktune data prepare … --skip-unreadable",
    ]
    assert not (tmp_path / "data").exists()


def test_unreadable_images_are_all_said_and_can_be_left_out(tmp_path: Path) -> None:
    table = small_set(tmp_path, 40)
    (tmp_path / "001.png").write_bytes(b"")
    (tmp_path / "003.png").write_text("<html>", encoding="utf-8")
    (tmp_path / "005.png").write_bytes((tmp_path / "005.png").read_bytes()[:100])
    (tmp_path / "007.png").unlink()
    with pytest.raises(DataError, match="1 of 40 images cannot be read"):
        prepare(table, None, SMALL, tmp_path / "data")
    picture(tmp_path / "007.png")
    with pytest.raises(DataError) as caught:
        prepare(table, None, SMALL, tmp_path / "data")
    assert str(caught.value).splitlines()[:4] == [
        f"{tmp_path}: 3 of 40 images cannot be read:",
        "  001.png: the file is empty",
        "  003.png: it is no image or a damaged one",
        "  005.png: the file ends in the middle of the picture",
    ]
    (tmp_path / "007.png").unlink()
    folder = prepare(table, None, SMALL, tmp_path / "data", skip_unreadable=True)
    rejected = pd.read_csv(folder / "rejected.csv")
    assert rejected["image"].tolist() == ["001.png", "003.png", "005.png", "007.png"]
    found = Dataset.open(folder)
    assert len(found.samples) == len(found.images) == len(found.colour) == 36
    for row, name in enumerate(found.samples["image"]):
        assert np.array_equal(found.images[row], image_decoding.resize(image_decoding.read(tmp_path / name), 16))


def test_too_large_images_are_found_before_any_is_decoded(tmp_path: Path) -> None:
    table = small_set(tmp_path)
    picture(tmp_path / "001.png", height=1000, width=1200)
    with pytest.raises(DataError) as caught:
        prepare(table, None, SMALL, tmp_path / "data", max_megapixels=1, progress=pytest.fail)
    assert str(caught.value).splitlines() == [
        f"{tmp_path}: 1 of 12 images cannot be read:",
        "  001.png: it is too large: 1,200 × 1,000 pixels are 1.2 megapixels",
        "To read larger images: silktune data prepare … --max-megapixels MP, which takes memory.",
        "Put whole files in their place, name another folder with --images, delete their rows, "
        "or leave them out: silktune data prepare … --skip-unreadable",
    ]


def test_with_and_without_the_large_images_are_two_data_sets(tmp_path: Path) -> None:
    """A training, which has no option for it, takes what was prepared; all of it if that was."""
    table = small_set(tmp_path, 20)
    picture(tmp_path / "001.png", height=1000, width=1200)

    def images_with(limit: float, *, skip: bool = False) -> int:
        folder = prepare(table, None, SMALL, tmp_path / "data", max_megapixels=limit, skip_unreadable=skip)
        return int(json.loads((folder / "dataset.json").read_text(encoding="utf-8"))["images"])

    assert images_with(1, skip=True) == 19
    assert images_with(1) == 19
    assert images_with(2) == 20
    assert images_with(1) == 20


@pytest.mark.timeout(60)
def test_a_huge_png_of_few_bytes_is_not_decoded(tmp_path: Path) -> None:
    table = small_set(tmp_path)
    (tmp_path / "001.png").write_bytes(png(30_000, 30_000, bytes(30_001)))
    with pytest.raises(DataError, match=r"001.png: it is too large: 30,000 × 30,000 pixels are 900.0 megapixels"):
        prepare(table, None, SMALL, tmp_path / "data")


def test_a_folder_is_no_image(tmp_path: Path) -> None:
    table = small_set(tmp_path)
    (tmp_path / "001.png").unlink()
    (tmp_path / "001.png").mkdir()
    with pytest.raises(DataError, match=r"  001.png: it is a folder, not an image\n"):
        prepare(table, None, SMALL, tmp_path / "data")


def test_a_damaged_jpeg_is_named_and_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    table = small_set(tmp_path, 20)
    picture(tmp_path / "a.jpg", height=480, width=640)
    (tmp_path / "001.png").write_bytes(zeroed((tmp_path / "a.jpg").read_bytes()))
    with pytest.raises(
        DataError, match=r"  001.png: it is damaged: Corrupt JPEG data: premature end of data segment\n"
    ):
        prepare(table, None, SMALL, tmp_path / "data")
    folder = prepare(table, None, SMALL, tmp_path / "data", skip_unreadable=True)
    assert pd.read_csv(folder / "rejected.csv")["image"].tolist() == ["001.png"]
    assert capfd.readouterr() == ("", "")


def test_what_was_left_out_once_stays_out(tmp_path: Path) -> None:
    """So a table with damaged images, once prepared, can be given to a training."""
    table = small_set(tmp_path, 20)
    (tmp_path / "001.png").unlink()
    folder = prepare(table, None, SMALL, tmp_path / "data", skip_unreadable=True)
    assert prepare(table, None, SMALL, tmp_path / "data") == folder


def test_images_left_out_may_make_a_class_too_rare(tmp_path: Path) -> None:
    table = small_set(tmp_path, 20)
    text = table.read_text(encoding="utf-8")
    for record in ("r1", "r3", "r5"):
        text = text.replace(f"{record},blue", f"{record},gold")
    table.write_text(text, encoding="utf-8")
    (tmp_path / "005.png").write_bytes(b"damaged")
    folder = prepare(table, None, SMALL, tmp_path / "data", skip_unreadable=True)
    about = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    assert about["became_background"] == {"colour": {"gold": 2}}
    assert pd.read_csv(folder / "rejected.csv").to_numpy().tolist() == [
        ["001.png", "no label but of classes too rare to split: colour gold"],
        ["005.png", "it is no image or a damaged one"],
    ]
    assert len(pixels(folder)) == about["images"] == 18


def test_no_room_is_said_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(ResourceError) as caught:
        disk_space.has_room(tmp_path, 10**18)
    assert str(caught.value).startswith(f"{tmp_path}: the images to be prepared need 1,000,000,000.0 GB, but only ")


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1.0 kB"), (3_140_000, "3.1 MB"), (2**40, "1,099.5 GB"),
     (999_999, "1,000.0 kB")],
)  # fmt: skip
def test_sizes_are_in_a_unit_that_shows_them(count: int, text: str) -> None:
    assert disk_space.size(count) == text


def test_little_room_is_said_in_numbers_that_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for needed, free in ((1_000_001, 1_000_000), (40_000, 20_000), (5, 0)):
        monkeypatch.setattr(disk_space.shutil, "disk_usage", lambda _, free=free: type("Usage", (), {"free": free}))
        with pytest.raises(ResourceError) as caught:
            disk_space.has_room(tmp_path, needed)
        need, _, rest = str(caught.value).partition(" need ")[2].partition(", but only ")
        assert need != rest.partition(" is free")[0].partition(" are free")[0]


FULL = """
import sys
from pathlib import Path
from silktune.data.prepare import prepare
from silktune.errors import ResourceError
from silktune.settings import Data
table, root = Path(sys.argv[1]), Path(sys.argv[2])
junk = root / "junk"
def fill(done, total):
    if done and not junk.exists():
        with junk.open("wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)): pass
            except OSError:
                pass
try:
    prepare(table, None, Data(image_size=64), root / "data", progress=fill)
except ResourceError as error:
    print(error)
junk.unlink()
told = []
print(prepare(table, None, Data(image_size=64), root / "data", progress=lambda done, total: told.append(done)).name)
print(told[0])
"""


def test_a_disk_that_fills_up_loses_nothing(many: Path, tmp_path: Path) -> None:
    """On a disk of four megabytes of its own; a file grows in it while images are written."""
    (tmp_path / "disk").mkdir()
    mount = f"mount -t tmpfs -o size=4m tmpfs {tmp_path}/disk"
    if subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here (unshare -rm)")
    inside = f'{mount} && exec "$@"'
    run = [sys.executable, "-c", FULL, str(many), str(tmp_path / "disk")]
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", inside, "sh", *run],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said, _, told = done.stdout.splitlines()
    assert said == (
        f"{tmp_path}/disk/data: the disk is full. What is prepared is kept: make room and run the command again, "
        "it goes on from there; or name another folder with --to."
    )
    assert int(told) >= CHUNK


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    table = small_set(tmp_path)
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ResourceError, match=r"file/data: this cannot be written: Not a directory\. .* --to"):
        prepare(table, None, SMALL, tmp_path / "file" / "data")


def test_kamon_is_prepared(real: Path, tmp_path: Path) -> None:
    folder = prepare(real / "kamon" / "labels.csv", None, SMALL, tmp_path)
    about = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    assert (about["name"], about["images"], about["rejected"]) == ("kamon", 1002, 0)
    found = Dataset.open(folder)
    assert found.images.shape == (1002, 16, 16, 3)
    assert found.images[:].reshape(1002, -1).std(axis=1).min() > 1  # every row is a picture
    assert (found.colour.sum(axis=1) == 224**2).all()
