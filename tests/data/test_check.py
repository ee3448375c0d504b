"""Faults that were put into a table and its images are found, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from silktune.data.check import images as checked_images
from silktune.data.check import near_duplicates, perceptual_hash
from silktune.data.check.findings import Finding
from silktune.data.check.never_together import never_together, settled
from silktune.data.check.table import read, same_images
from silktune.data.label_table import read as read_labels
from silktune.errors import DataError
from silktune.seeds import stream
from silktune.settings import Data
from tests.data.conftest import picture, small_set

PICTURES = 24


def nobody(done: int, total: int) -> None: ...


def table(folder: Path, rows: list[str], head: str = "image,record,split,place,material") -> Path:
    path = folder / "labels.csv"
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return path


def rows_of(count: int, split: bool = True) -> list[str]:
    subsets = ("train", "train", "train", "validation", "test")
    return [
        f"{i:03d}.png,r{i},{subsets[i % 5] if split else ''},{('Lyon', 'Tours')[i // 5 % 2]},"
        f"{('silk', 'cotton')[i // 10 % 2]}"
        for i in range(count)
    ]


def found(path: Path, kind: str, **settings: object) -> list[Finding]:
    return [finding for finding in read(path, Data(**settings)).findings if finding.kind == kind]


class TestTheTable:
    def test_without_faults_nothing_is_found(self, tmp_path: Path) -> None:
        assert read(table(tmp_path, rows_of(60)), Data()).findings == ()

    def test_records_in_several_subsets(self, tmp_path: Path) -> None:
        rows = [row.replace(",r3,", ",r0,").replace(",r14,", ",r11,") for row in rows_of(60)]
        (finding,) = found(table(tmp_path, rows), "split")
        assert finding.where == ("r0", "r11")
        assert finding.text.startswith("the column split puts images of one record into several subsets (r0, r11)")

    def test_an_image_in_several_rows(self, tmp_path: Path) -> None:
        checked = read(table(tmp_path, [*rows_of(60), "007.png,r7,validation,Tours,silk"]), Data())
        (finding,) = checked.findings
        assert (finding.kind, finding.where) == ("rows", ("007.png",))
        assert len(checked.labels.cells) == 60

    @pytest.mark.parametrize(
        ("spelled", "how"),
        [
            ("lyon", "differ only in case"), ("Lyon.", "differ only in spaces or signs"),
            ("cotton", ""),
        ],
    )  # fmt: skip
    def test_classes_that_differ_only_in_spelling(self, tmp_path: Path, spelled: str, how: str) -> None:
        rows = [row.replace("Lyon", spelled) if i % 3 == 0 else row for i, row in enumerate(rows_of(60))]
        findings = found(table(tmp_path, rows), "classes that look alike")
        assert [how in finding.text for finding in findings] == [True] * bool(how)
        assert [set(finding.where) for finding in findings] == [{"Lyon", spelled}] * bool(how)

    @pytest.mark.parametrize("typo", ["cottn", "coton", "cottton", "cotten", "octton"])
    def test_a_rare_class_that_is_another_but_for_a_letter(self, tmp_path: Path, typo: str) -> None:
        rows = rows_of(80)
        rows[12] = rows[12].replace("cotton", typo)
        (finding,) = found(table(tmp_path, rows), "classes that look alike")
        assert finding.where == (typo, "cotton")

    def test_centuries_are_no_typing_errors(self, tmp_path: Path) -> None:
        rows = [row.replace("Lyon", "century 17").replace("Tours", "century 18") for row in rows_of(60)]
        rows[0] = rows[0].replace("century 17", "century 19")
        assert found(table(tmp_path, rows), "classes that look alike") == []

    def test_classes_in_too_few_records(self, tmp_path: Path) -> None:
        rows = rows_of(60, split=False)
        rows[4] = rows[4].replace("Lyon", "Genoa")
        (finding,) = found(table(tmp_path, rows), "rare classes")
        assert finding.where == ("Genoa",)
        assert "Genoa (1 record)" in finding.text

    def test_a_variable_of_one_class_is_left_out(self, tmp_path: Path) -> None:
        rows = [row.replace("cotton", "silk") for row in rows_of(60)]
        checked = read(table(tmp_path, rows), Data())
        assert [(finding.kind, finding.where) for finding in checked.findings] == [("variables", ("material",))]
        assert checked.labels.variables == ("place",)

    def test_a_column_of_text_is_left_out(self, tmp_path: Path) -> None:
        rows = [f"{row},remark {i}" for i, row in enumerate(rows_of(120, split=False))]
        checked = read(table(tmp_path, rows, "image,record,split,place,material,remark"), Data())
        assert [finding.where for finding in checked.findings if finding.kind == "variables"] == [("remark",)]
        assert checked.labels.variables == ("place", "material")

    @pytest.mark.parametrize(
        ("head", "row", "sentence"),
        [
            ("image,record", "{i}.png,r{i}", "there is no variable"),
            ("image,place", "{i}.png,Lyon", "the variable place has only the class Lyon; two are needed"),
        ],
    )
    def test_of_which_nothing_can_be_checked(self, tmp_path: Path, head: str, row: str, sentence: str) -> None:
        with pytest.raises(DataError, match=sentence):
            read(table(tmp_path, [row.format(i=i) for i in range(9)], head), Data())

    def test_a_group_that_is_no_column(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"no column plaice to name groups\. Did you mean place\?"):
            read(table(tmp_path, rows_of(60)), Data(), "plaice")

    def test_a_group_is_no_variable(self, tmp_path: Path) -> None:
        assert read(table(tmp_path, rows_of(60)), Data(), "place").labels.variables == ("material",)

    def test_one_file_under_several_names(self, tmp_path: Path) -> None:
        checked = read(table(tmp_path, rows_of(60)), Data())
        contents = {f"{i:03d}.png": bytes([i]) for i in range(60)} | {"005.png": b"\0", "003.png": b"\2"}
        first, second = same_images(checked.labels, contents, checked.subsets)
        assert first.where == ("000.png", "005.png")
        assert "different labels (place Lyon / Tours) and different records (r0, r5)" in first.text
        assert "different subsets (train, validation)" in second.text


class TestPairsOfClasses:
    @staticmethod
    def pairs(tmp_path: Path, count: int, never: bool) -> Path:
        random = stream(0, "pairs")
        rows = []
        for i in range(count):
            place, weave = random.choice(["FR", "IT", "ES"]), random.choice(["satin", "twill", "damask"])
            weave = "satin" if never and (place, weave) == ("IT", "twill") else weave
            rows.append(f"{i}.png,r{i},{place},{weave}")
        return table(tmp_path, rows, "image,record,place,technique")

    def test_the_pair_that_was_taken_out_is_found(self, tmp_path: Path) -> None:
        (pair,) = never_together(read_labels(self.pairs(tmp_path, 300, never=True)))
        assert (pair.variable, pair.label, pair.other_variable, pair.other_label) == (
            "place",
            "IT",
            "technique",
            "twill",
        )
        assert pair.expected > 15
        assert pair.p < 1e-6

    def test_where_chance_is_enough_nothing_is_found(self, tmp_path: Path) -> None:
        assert never_together(read_labels(self.pairs(tmp_path, 300, never=False))) == []

    def test_images_of_one_record_count_once(self, tmp_path: Path) -> None:
        path = self.pairs(tmp_path, 300, never=True)
        lines = path.read_text(encoding="utf-8").splitlines()
        few = [line.replace(f",r{i},", f",r{i % 12},") for i, line in enumerate(lines[1:])]
        assert never_together(read_labels(table(tmp_path, few, lines[0]))) == []

    def test_a_variable_that_another_one_settles_is_said_once(self, tmp_path: Path) -> None:
        land = {"Lyon": "FR", "Tours": "FR", "Genoa": "IT", "Lucca": "IT"}
        rows = [f"{i}.png,r{i},{town},{land[town]}" for i, town in enumerate([*land] * 30)]
        labels = read_labels(table(tmp_path, rows, "image,record,town,land"))
        assert settled(labels) == {"land": ("town", 1.0)}
        assert never_together(labels) == []


def copies(image: np.ndarray) -> dict[str, np.ndarray]:
    """Copies of a picture as people make them."""
    height, width = image.shape[:2]
    _, packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 35])
    return {
        "smaller": cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
        "larger": cv2.resize(image, None, fx=1.7, fy=1.7, interpolation=cv2.INTER_CUBIC),
        "recompressed": cv2.imdecode(packed, cv2.IMREAD_COLOR),
        "cropped": image[round(0.04 * height) : round(0.98 * height), round(0.01 * width) : round(0.95 * width)],
    }


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The table of pictures, of which the first four have a copy each, one that is no image and one of one colour."""
    folder = tmp_path_factory.mktemp("pictures")
    for i in range(PICTURES):
        picture(folder / f"{i:03d}.png", height=150, width=180)
    for i, kind in enumerate(("smaller", "larger", "recompressed", "cropped")):
        copy = copies(cv2.imread(str(folder / f"{i:03d}.png")))[kind]
        assert cv2.imwrite(str(folder / f"{kind}.png"), copy)
    (folder / "text.jpg").write_text("no picture", encoding="utf-8")
    assert cv2.imwrite(str(folder / "plain.png"), np.full((90, 90, 3), 200, np.uint8))
    picture(folder / "tiny.png", height=20, width=30)
    names = sorted(path.name for path in folder.iterdir())
    rows = [
        f"{name},{name},,{('Lyon', 'Tours')[i % 2]},{('silk', 'cotton')[i % 3 > 0]}" for i, name in enumerate(names)
    ]
    return table(folder, [*rows, "gone.png,gone,,Lyon,silk"])


def test_copies_are_found_and_no_other_pair(pictures: Path, tmp_path: Path) -> None:
    labels = read(pictures, Data()).labels
    seen = checked_images.read(labels, None, Data(image_size=128), tmp_path, nobody)
    alike = checked_images.look_alikes(seen, nobody)
    assert {frozenset((seen.names[a], seen.names[b])) for a, b, _ in alike.matches} == {
        frozenset((f"{i:03d}.png", f"{kind}.png"))
        for i, kind in enumerate(("smaller", "larger", "recompressed", "cropped"))
    }
    assert (alike.plain, alike.left) == (["plain.png"], 0)
    assert seen.unreadable == {"gone.png": "there is no such file", "text.jpg": "it is no image or a damaged one"}
    assert seen.tiny == {"tiny.png": (30, 20)}


def test_no_image_can_be_read(tmp_path: Path) -> None:
    path = small_set(tmp_path / "set")
    for image in path.parent.glob("*.png"):
        image.write_text("no picture", encoding="utf-8")
    with pytest.raises(DataError, match="12 of 12 images cannot be read"):
        checked_images.read(read(path, Data()).labels, None, Data(image_size=32), tmp_path / "data", nobody)


def test_there_is_no_folder_of_images(tmp_path: Path) -> None:
    path = small_set(tmp_path / "set").rename(tmp_path / "labels.csv")
    with pytest.raises(DataError, match="Name the folder that they are in with --images"):
        checked_images.read(read(path, Data()).labels, None, Data(image_size=32), tmp_path / "data", nobody)


def test_emblems_that_differ_in_a_place_are_two_pictures() -> None:
    ring = np.full((near_duplicates.S, near_duplicates.S), 255, np.uint8)
    cv2.circle(ring, (56, 56), 50, 0, 8)
    one, other = ring.copy(), ring.copy()
    cv2.circle(one, (56, 56), 22, 0, -1)
    cv2.rectangle(other, (36, 36), (76, 76), 0, -1)
    cv2.circle(other, (56, 56), 8, 255, -1)
    assert near_duplicates.compare(one, one) == pytest.approx(1)
    assert near_duplicates.compare(one, other) is None
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > near_duplicates.LIKE


def test_candidates_are_those_of_plain_loops() -> None:
    hashed = (
        stream(0, "hashes")
        .integers(0, 2**63, (30, len(perceptual_hash.CROPS), perceptual_hash.WORDS))
        .astype(np.uint64)
    )
    hashed[7, 0] = hashed[19, 5] ^ np.uint64(0b1011)
    distances = {
        (a, b): min(
            sum(int(x ^ y).bit_count() for x, y in zip(crop, hashed[second, 0], strict=True))
            for first, second in ((a, b), (b, a))
            for crop in hashed[first]
        )
        for a in range(30) for b in range(a + 1, 30)
    }  # fmt: skip
    near = perceptual_hash.candidates(hashed, 105)
    assert near[0][:2] == (19, 7)
    assert (near[0].crop, near[0].bits) == (5, 3 * perceptual_hash.WORDS)
    assert {(min(c[:2]), max(c[:2])): c.bits for c in near} == {pair: d for pair, d in distances.items() if d <= 105}
    assert len(near) > 1
