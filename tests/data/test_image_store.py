"""Images apart from labels: what is decoded when a label, a file's name, a table or an image changes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from silktune.data import decoder_worker
from silktune.data.colour import descriptor
from silktune.data.dataset import Dataset, read_contents
from silktune.data.decoder_pool import Decoders
from silktune.data.image_store import COLOUR, ImageStore, IncompleteError
from silktune.data.image_store_writer import writing
from silktune.data.prepare import prepare
from silktune.settings import Data
from tests.data.conftest import labellings, picture, pixels, small_set

SMALL = Data(image_size=16)
CENTRE = Data(image_size=16, crop="centre")


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the images that are really decoded, as they are."""
    names: list[str] = []
    call = Decoders.call

    def counted(self: Decoders, function: Callable[..., object], *arguments: object) -> object:
        if function is decoder_worker.row:
            names.append(Path(str(arguments[0])).name)
        return call(self, function, *arguments)

    monkeypatch.setattr(Decoders, "call", counted)
    return names


def change(table: Path, before: str, after: str) -> None:
    text = table.read_text(encoding="utf-8")
    assert before in text
    table.write_text(text.replace(before, after), encoding="utf-8")


def test_a_label_that_is_corrected_decodes_nothing(tmp_path: Path, decoded: list[str]) -> None:
    table = small_set(tmp_path / "set", 24)
    first = Dataset.open(prepare(table, None, SMALL, tmp_path / "data"))
    assert len(decoded) == 24
    change(table, "r3,blue", "r3,red")
    second = Dataset.open(prepare(table, None, SMALL, tmp_path / "data"))
    assert len(decoded) == 24
    assert second.digest != first.digest
    assert np.array_equal(first.images[:], second.images[:])
    assert np.array_equal(first.colour, second.colour)
    assert (first.labels != second.labels).sum() == 1


def test_ten_images_more_decode_ten(tmp_path: Path, decoded: list[str]) -> None:
    table = small_set(tmp_path / "set", 24)
    before = pixels(prepare(table, None, SMALL, tmp_path / "data"))
    del decoded[:]
    small_set(tmp_path / "set", 34)
    after = pixels(prepare(table, None, SMALL, tmp_path / "data"))
    assert sorted(decoded) == [f"{i:03d}.png" for i in range(24, 34)]
    assert np.array_equal(after[:24], before)
    assert np.array_equal(after, pixels(prepare(table, None, SMALL, tmp_path / "anew")))


def test_images_between_those_that_are_there_are_in_the_order_of_the_table(tmp_path: Path, decoded: list[str]) -> None:
    """Their rows in the store come last."""
    table = small_set(tmp_path / "set", 24)
    prepare(table, None, SMALL, tmp_path / "data")
    del decoded[:]
    picture(tmp_path / "set" / "0035.png")
    with table.open("a", encoding="utf-8") as file:
        file.write("0035.png,more,red,round\n")
    found = Dataset.open(prepare(table, None, SMALL, tmp_path / "data"))
    assert decoded == ["0035.png"]
    assert found.samples["image"].tolist().index("0035.png") == 4
    anew = Dataset.open(prepare(table, None, SMALL, tmp_path / "anew"))
    assert found.digest == anew.digest
    assert np.array_equal(found.images[:], anew.images[:])
    assert np.array_equal(found.colour, anew.colour)
    rows = np.array([7, 4, 4, 20])
    assert np.array_equal(found.images[rows], anew.images[:][rows])


def test_an_image_under_another_name_is_not_decoded_again(tmp_path: Path, decoded: list[str]) -> None:
    table = small_set(tmp_path / "set", 24)
    prepare(table, None, SMALL, tmp_path / "data")
    del decoded[:]
    (tmp_path / "set" / "003.png").rename(tmp_path / "set" / "renamed.png")
    change(table, "003.png", "renamed.png")
    folder = prepare(table, None, SMALL, tmp_path / "data")
    assert decoded == []
    assert Dataset.open(folder).samples["image"].tolist()[-1] == "renamed.png"
    assert np.array_equal(pixels(folder), pixels(prepare(table, None, SMALL, tmp_path / "anew")))


def test_two_tables_share_their_images(tmp_path: Path, decoded: list[str]) -> None:
    table = small_set(tmp_path / "one", 24)
    prepare(table, None, SMALL, tmp_path / "data")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    change(tmp_path / "two" / "labels.csv", "image,record,colour,shape", "image,record,shade,form")
    prepare(tmp_path / "two" / "labels.csv", None, SMALL, tmp_path / "data")
    assert len(decoded) == 24
    assert len(labellings(tmp_path / "data")) == 2


def test_an_image_that_is_there_twice_is_decoded_once(tmp_path: Path, decoded: list[str]) -> None:
    table = small_set(tmp_path / "set", 24)
    shutil.copy(tmp_path / "set" / "003.png", tmp_path / "set" / "005.png")
    found = pixels(prepare(table, None, SMALL, tmp_path / "data"))
    assert len(decoded) == 23
    assert np.array_equal(found[3], found[5])


def test_other_sizes_and_crops_are_other_images(tmp_path: Path, decoded: list[str]) -> None:
    table = small_set(tmp_path / "set", 24)
    shapes = {
        pixels(prepare(table, None, settings, tmp_path / "data")).shape
        for settings in (SMALL, CENTRE, Data(image_size=17))
    }
    assert shapes == {(24, 16, 16, 3), (24, 17, 17, 3)}
    assert len(decoded) == 3 * 24
    prepare(table, None, Data(image_size=16, split_seed=1, min_records=4), tmp_path / "data")
    assert len(decoded) == 3 * 24


def test_an_image_that_was_changed_is_decoded(tmp_path: Path, decoded: list[str]) -> None:
    table = small_set(tmp_path / "set", 24)
    before = pixels(prepare(table, None, SMALL, tmp_path / "data"))
    del decoded[:]
    picture(tmp_path / "set" / "003.png", name="another")
    after = pixels(prepare(table, None, SMALL, tmp_path / "data"))
    assert decoded == ["003.png"]
    assert np.flatnonzero((before != after).any(axis=(1, 2, 3))).tolist() == [3]


def test_what_was_decoded_before_an_image_turned_out_damaged_is_kept(tmp_path: Path, decoded: list[str]) -> None:
    table = small_set(tmp_path / "set", 24)
    (tmp_path / "set" / "003.png").write_bytes(b"damaged")
    with pytest.raises(Exception, match="1 of 24 images cannot be read"):
        prepare(table, None, SMALL, tmp_path / "data")
    picture(tmp_path / "set" / "003.png")
    del decoded[:]
    prepare(table, None, SMALL, tmp_path / "data")
    assert decoded == ["003.png"]


def row(value: int) -> tuple[np.ndarray, np.ndarray]:
    return np.full((16, 16, 3), value, np.uint8), np.full(25, value, np.float32)


def test_a_row_is_found_by_its_content(tmp_path: Path) -> None:
    store = ImageStore.of(tmp_path, SMALL)
    one, other, absent = (bytes([i]) * 16 for i in range(3))
    with writing(store) as writer:
        writer.append({one: row(1), other: row(2)})
    assert store.lacks([one, absent]) == {absent}
    rows = store.rows([other, one, other])
    assert rows.tolist() == [1, 0, 1]
    assert store.pixels()[rows][:, 0, 0, 0].tolist() == [2, 1, 2]
    assert store.colour(rows)[:, 3].tolist() == [2, 1, 2]
    with pytest.raises(IncompleteError, match="1 of 2 images are not in this image store"):
        store.rows([one, absent])


def test_rows_that_a_full_disk_cut_off_do_not_count(tmp_path: Path) -> None:
    store = ImageStore.of(tmp_path, SMALL)
    with writing(store) as writer:
        writer.append({bytes(16): row(1)})
        writer._write(store.pixels_file, [bytes(100)])
    with writing(store) as writer:
        writer.append({bytes([1]) * 16: row(2)})
    assert store.pixels()[store.rows([bytes([1]) * 16, bytes(16)])][:, 0, 0, 0].tolist() == [2, 1]


def test_what_is_mapped_stays_as_it_is_while_images_are_added(tmp_path: Path) -> None:
    table = small_set(tmp_path / "set", 24)
    before = Dataset.open(prepare(table, None, SMALL, tmp_path / "data"))
    copy = before.images[:]
    small_set(tmp_path / "set", 34)
    prepare(table, None, SMALL, tmp_path / "data")
    assert np.array_equal(before.images[:], copy)
    assert len(read_contents(before.folder)) == 24


def test_a_descriptor_fits_into_its_row() -> None:
    assert descriptor(np.zeros((16, 16, 3), np.uint8)).shape == (COLOUR,)


def test_who_reads_images_loads_no_decoder(tmp_path: Path) -> None:
    """So each process of a training begins sooner."""
    folder = prepare(small_set(tmp_path / "set", 24), None, SMALL, tmp_path / "data")
    code = (
        "import sys; from pathlib import Path; from silktune.data.dataset import Dataset; "
        "print(Dataset.open(Path(sys.argv[1])).images[:3].shape, [m for m in ('cv2', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, encoding="utf-8", check=True
    )
    assert done.stdout == "(3, 16, 16, 3) []\n"
