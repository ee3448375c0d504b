"""The files that a table names: inside the image folder, spelled as on the disk, and read as files."""

from __future__ import annotations

import os
import shutil
import unicodedata
from pathlib import Path

import pandas as pd
import pytest

from silktune.data.prepare import prepare
from silktune.errors import DataError
from silktune.settings import Data
from tests.data.conftest import picture, small_set

SMALL = Data(image_size=16)
REFUSED = "Name a folder that holds all images with --images, or delete the row."


def renamed(table: Path, image: str, name: str) -> Path:
    """The table with another name for one of its images."""
    table.write_text(table.read_text(encoding="utf-8").replace(f"{image},", f"{name},", 1), encoding="utf-8")
    return table


def refusal(table: Path, images: Path | None = None) -> str:
    with pytest.raises(DataError) as caught:
        prepare(table, images, SMALL, table.parents[1] / "data")
    return str(caught.value)


@pytest.mark.parametrize("named", [True, False])
def test_a_name_that_leaves_the_image_folder_is_refused_with_its_line(tmp_path: Path, named: bool) -> None:
    table = small_set(tmp_path / "set")
    picture(tmp_path / "secret.png")
    folder = table.parent if named else None
    for name in ("../secret.png", f"{tmp_path}/secret.png", "images/../../secret.png", "../set/../secret.png"):
        (table.parent / "images").mkdir(exist_ok=True)
        again = renamed(small_set(tmp_path / "set"), "003.png", name)
        assert refusal(again, folder) == (
            f"{table}: line 5: the image {name} is not in the image folder {table.parent}. {REFUSED}"
        )
    assert not (tmp_path / "data").exists()


def test_links_are_followed(tmp_path: Path) -> None:
    table = small_set(tmp_path / "set")
    picture(tmp_path / "secret.png")
    (table.parent / "003.png").unlink()
    (table.parent / "003.png").symlink_to("../secret.png")
    assert refusal(table) == (
        f"{table}: line 5: the image 003.png, a link to {tmp_path}/secret.png, is not in the image folder "
        f"{table.parent}. {REFUSED}"
    )
    (table.parent / "003.png").unlink()
    (table.parent / "sub").symlink_to("..")
    renamed(table, "003.png", "sub/secret.png")
    assert "the image sub/secret.png, a link to" in refusal(table)


def test_a_folder_whose_name_begins_alike_is_another(tmp_path: Path) -> None:
    table = renamed(small_set(tmp_path / "set"), "003.png", "../set2/003.png")
    picture(tmp_path / "set2" / "003.png")
    assert "line 5: the image ../set2/003.png is not in the image folder" in refusal(table)


def test_what_stays_inside_is_read(tmp_path: Path) -> None:
    """Links and absolute names too, and an image folder that is a link itself."""
    table = small_set(tmp_path / "set")
    (tmp_path / "link").symlink_to("set")
    (table.parent / "003.png").rename(table.parent / "other.png")
    (table.parent / "003.png").symlink_to("other.png")
    (table.parent / "sub").symlink_to(".")
    renamed(renamed(table, "004.png", "sub/004.png"), "005.png", "../set/005.png")
    renamed(renamed(table, "006.png", f"{tmp_path}/set/006.png"), "007.png", f"{tmp_path}/link/007.png")
    digests = {
        prepare(source, images, SMALL, tmp_path / "data").name
        for source, images in (
            (table, None), (table, tmp_path / "set"), (table, tmp_path / "link"),
            (tmp_path / "link" / "labels.csv", None),
        )
    }  # fmt: skip
    assert len(digests) == 1


def test_the_folder_called_images_may_be_a_link(tmp_path: Path) -> None:
    table = small_set(tmp_path / "set")
    (tmp_path / "disk").mkdir()
    for path in table.parent.glob("*.png"):
        path.rename(tmp_path / "disk" / path.name)
    (table.parent / "images").symlink_to(tmp_path / "disk")
    one = prepare(table, None, SMALL, tmp_path / "data")
    table.write_text(table.read_text(encoding="utf-8").replace("\n0", "\nimages/0"), encoding="utf-8")
    assert prepare(table, None, SMALL, tmp_path / "data") != one
    assert "is not in the image folder" in refusal(renamed(table, "images/003.png", "images/../003.png"))


def test_many_names_outside_are_not_all_said(tmp_path: Path) -> None:
    table = small_set(tmp_path / "set", 12)
    table.write_text(table.read_text(encoding="utf-8").replace("\n0", "\n../0"), encoding="utf-8")
    said = refusal(table).splitlines()
    assert len(said) == 6
    assert said[-1] == f"{table}: 7 more images are not in the image folder."


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    table = small_set(tmp_path / "set")
    assert refusal(table, tmp_path / "none") == (
        f"{tmp_path}/none: there is no such folder; name the one that the images are in with --images."
    )


def test_an_image_that_is_spelled_otherwise_on_the_disk_is_asked_about(tmp_path: Path) -> None:
    table = small_set(tmp_path / "set")
    composed, apart = (unicodedata.normalize(form, "é.png") for form in ("NFC", "NFD"))
    (table.parent / "001.png").rename(table.parent / "img.png")
    (table.parent / "002.png").rename(table.parent / apart)
    (table.parent / "Sub").mkdir()
    (table.parent / "003.png").rename(table.parent / "Sub" / "003.PNG")
    renamed(renamed(renamed(table, "001.png", "IMG.PNG"), "002.png", composed), "003.png", "sub/003.png")
    assert refusal(table).splitlines()[:4] == [
        f"{table.parent}: 3 of 12 images cannot be read:",
        "  IMG.PNG: there is no such file; did you mean img.png?",
        "  sub/003.png: there is no such file; did you mean Sub/003.PNG?",
        f"  {composed}: there is no such file; did you mean {apart}?",
    ]
    renamed(renamed(renamed(table, "IMG.PNG", "img.png"), composed, apart), "sub/003.png", "Sub/003.PNG")
    folder = prepare(table, None, SMALL, tmp_path / "data")
    assert apart in pd.read_parquet(folder / "samples.parquet")["image"].tolist()


def test_all_images_are_spelled_otherwise(tmp_path: Path) -> None:
    table = small_set(tmp_path / "set")
    table.write_text(table.read_text(encoding="utf-8").replace(".png", ".PNG"), encoding="utf-8")
    assert "none of its 12 images (000.PNG, …) is in" in refusal(table)
    assert "Did you mean 000.png? Name the folder" in refusal(table)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    table = small_set(tmp_path / "set")
    (table.parent / "001.png").unlink()
    (table.parent / "002.png").unlink()
    (table.parent / "003.png").unlink()
    os.mkfifo(table.parent / "001.png")
    (table.parent / "002.png").mkdir()
    (table.parent / "003.png").symlink_to("003.png")
    assert refusal(table).splitlines()[:4] == [
        f"{table.parent}: 3 of 12 images cannot be read:",
        "  001.png: it is no file",
        "  002.png: it is a folder, not an image",
        "  003.png: Too many levels of symbolic links",
    ]


def test_a_name_too_long_for_a_file(tmp_path: Path) -> None:
    table = renamed(small_set(tmp_path / "set"), "003.png", "x" * 300)
    assert "File name too long" in refusal(table)


def test_the_lines_are_those_of_the_file_when_images_are_left_out(tmp_path: Path) -> None:
    table = small_set(tmp_path / "set", 30)
    (table.parent / "003.png").unlink()
    folder = prepare(table, None, SMALL, tmp_path / "data", skip_unreadable=True)
    assert len(pd.read_parquet(folder / "samples.parquet")) == 29
    shutil.rmtree(folder)
    renamed(table, "020.png", "../020.png")
    with pytest.raises(DataError, match=r"line 22: the image \.\./020\.png is not in"):
        prepare(table, None, SMALL, tmp_path / "data", skip_unreadable=True)
