"""`silktune.predict` and `silktune.evaluate`: from a table with gaps to proposals, and what they are worth."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import silktune
from silktune.api.models import Model
from silktune.api.predict import Prediction
from silktune.data.dataset import Dataset
from silktune.data.sample_data import collection
from silktune.errors import DataError, SettingsError, SilktuneError, StudyError
from silktune.model import evaluation_report, predicting
from silktune.model.gallery import PICTURES, Gallery
from silktune.model.proposals import COLUMNS
from tests.model.trained import leave

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def model(tiny: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Of three epochs, so that not all images are alike to it."""
    _, folder = leave(tiny, tmp_path_factory.mktemp("model") / "run", train__max_epochs=3)
    return silktune.load(folder.parent, device="cpu")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another 60 woven images, whose records have one or more of them."""
    return collection.weave(tmp_path_factory.mktemp("catalogue") / "sample", 60, 7)


def rows(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def predict(model: Model, source: Path, folder: Path, **asked: Any) -> tuple[Prediction, pd.DataFrame]:
    found = silktune.predict(model, source, folder / "p.csv", **asked)
    return found, rows(folder / "p.csv")


def test_there_is_a_row_for_each_gap_and_a_known_label_stays(model: Model, table: Path, tmp_path: Path) -> None:
    complete = tmp_path / "complete.csv"
    found, proposals = predict(model, table, tmp_path, complete=complete)
    before, after = rows(table), rows(complete)
    gaps = {(image, name) for name in model.variables for image in before.loc[before[name] == "", "image"]}
    assert gaps
    assert set(zip(proposals["image"], proposals["variable"], strict=True)) == gaps
    assert {name: count.gaps for name, count in found.variables.items()} == {
        name: int((before[name] == "").sum()) for name in model.variables
    }
    for name in model.variables:
        known = before[name] != ""
        assert (after.loc[known, name] == before.loc[known, name]).all()
        assert (after.loc[known, f"{name}_source"] == "table").all()
        proposed = proposals[(proposals["variable"] == name) & (proposals["proposal"] != "")].set_index("image")
        filled = after[after[f"{name}_source"] == "silktune"].set_index("image")[name]
        assert filled.to_dict() == proposed["proposal"].to_dict()
        assert set(filled) <= set(model.variables[name])
    assert list(after["image"]) == list(before["image"])


def test_it_says_what_the_model_says(model: Model, table: Path, tmp_path: Path) -> None:
    _, proposals = predict(model, table, tmp_path, everything=True)
    images = rows(table)["image"]
    expected = model([table.parent / "images" / name for name in images])
    for name in model.variables:
        found = proposals[proposals["variable"] == name].set_index("image").loc[images]
        assert found["class"].tolist() == expected[name].tolist()
        assert found["runner_up"].tolist() == expected[f"{name}.runner_up"].tolist()
        np.testing.assert_allclose(found["probability"].astype(float), expected[f"{name}.probability"], atol=1e-4)
        known = found["label"] != ""
        assert (found.loc[known, "proposal"] == "").all()


def test_parquet_has_the_same_rows(model: Model, table: Path, tmp_path: Path) -> None:
    _, text = predict(model, table, tmp_path)
    silktune.predict(model, table, tmp_path / "p.parquet")
    binary = pd.read_parquet(tmp_path / "p.parquet")
    assert binary["class"].tolist() == text["class"].tolist()
    np.testing.assert_allclose(binary["probability"], text["probability"].astype(float), atol=1e-4)


def test_of_a_record_its_images_decide_together(model: Model, table: Path, tmp_path: Path) -> None:
    _, images = predict(model, table, tmp_path, everything=True)
    silktune.predict(model, table, tmp_path / "r.csv", by_record=True, everything=True)
    records = rows(tmp_path / "r.csv")
    assert sorted(set(records["record"])) == sorted(set(rows(table)["record"]))
    for name, classes in model.variables.items():
        part = images[images["variable"] == name].astype({"probability": float})
        alone = part.groupby("record").filter(lambda group: len(group) == 1).set_index("record")
        found = records[records["variable"] == name].set_index("record")
        assert alone["class"].to_dict() == found.loc[alone.index, "class"].to_dict()
        assert set(found["class"]) <= set(classes)


def test_an_interrupted_one_goes_on_and_gives_the_same(
    model: Model, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predicting, "CHUNK", 8)
    _, whole = predict(model, table, tmp_path)
    (tmp_path / "b").mkdir()

    def stop(done: int, total: int) -> None:
        if done >= 16:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict(model, table, tmp_path / "b", progress=stop)
    left = tmp_path / "b" / "p.csv.unfinished"
    assert sorted(path.name for path in tmp_path.joinpath("b").iterdir()) == [left.name]
    assert len(list(left.glob("*.rejected.parquet"))) == 2
    answered: list[int] = []
    ask = type(model.ensemble).__call__
    monkeypatch.setattr(type(model.ensemble), "__call__", lambda self, x: answered.append(len(x)) or ask(self, x))
    _, found = predict(model, table, tmp_path / "b")
    assert sum(answered) == len(rows(table)) - 16
    pd.testing.assert_frame_equal(found, whole)
    assert not left.exists()


def test_the_beginning_of_another_one_is_not_gone_on_with(model: Model, table: Path, tmp_path: Path) -> None:
    (tmp_path / "p.csv.unfinished").mkdir()
    (tmp_path / "p.csv.unfinished" / "task.json").write_text(json.dumps("another"), encoding="utf-8")
    with pytest.raises(StudyError, match="holds the beginning of another prediction"):
        predict(model, table, tmp_path)


def spoil(folder: Path) -> dict[str, str]:
    """Images of every kind in a folder; those that cannot be read, and why."""
    pixels = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).convert("CMYK").save(folder / "cmyk.jpg")
    Image.fromarray(pixels).convert("L").save(folder / "grey.png")
    Image.fromarray(np.dstack([pixels, pixels[..., :1]])).save(folder / "alpha.png")
    cv2.imwrite(str(folder / "deep.tiff"), pixels.astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(folder / "turned.JPG", exif=exif)
    frames = [Image.fromarray(pixels), Image.fromarray(pixels[::-1])]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    (folder / "text.jpg").write_text("no picture", encoding="utf-8")
    (folder / "torn.png").write_bytes((folder / "grey.png").read_bytes()[:200])
    (folder / "empty.webp").touch()
    (folder / "notes.txt").write_text("not an image", encoding="utf-8")
    return {"text.jpg": "", "torn.png": "the file ends in the middle of the picture", "empty.webp": "the file is empty"}


def test_a_folder_of_images_of_every_kind(model: Model, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    bad = spoil(folder)
    found, proposals = predict(model, folder, tmp_path)
    assert found.images == 9
    assert set(proposals["image"]) == {"cmyk.jpg", "grey.png", "alpha.png", "deep.tiff", "turned.JPG", "moving.gif"}
    assert found.rejected_file is not None
    rejected = rows(found.rejected_file).set_index("image")["reason"].to_dict()
    assert rejected.keys() == bad.keys()
    for name, reason in bad.items():
        assert reason in rejected[name]


def test_the_released_codes_files(model: Model, table: Path, tmp_path: Path) -> None:
    _, proposals = predict(model, table, tmp_path, released=tmp_path / "released")
    proposed = proposals[(proposals["variable"] == "place") & (proposals["proposal"] != "")]
    lines = (tmp_path / "released/sys_integration_pred_place.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "obj_uri, museum, image_name, predicted_class, class_score"
    assert len(lines) == 1 + len(proposed)
    first = proposed.iloc[0]
    assert lines[1].startswith(f"{first['record']}, , {first['image']}, {first['proposal']}, ")
    assert lines[1].endswith("%")


def test_a_gallery_shows_what_is_to_be_looked_at(model: Model, table: Path, tmp_path: Path) -> None:
    found, proposals = predict(model, table, tmp_path, gallery=tmp_path / "g.html")
    silktune.predict(model, table, tmp_path / "all.csv", everything=True)
    everything = rows(tmp_path / "all.csv")
    assert (proposals["label"] == "").all()
    assert found.gallery == tmp_path / "g.html"
    page = (tmp_path / "g.html").read_text(encoding="utf-8")
    assert "http" not in page
    for part, name in zip(page.split('<h2 id="v')[1:], model.variables, strict=True):
        known = everything[(everything["variable"] == name) & (everything["label"] != "")]
        wrong = known[known["label"] != known["class"]]
        assert f"The most confident of {len(wrong)} labels that the model takes for another class" in part
        first = wrong.loc[wrong["probability"].astype(float).idxmax(), "image"]
        shown = re.findall(r'<span class="hint">([^<]+\.jpg)</span>', part.split("<h3>Least sure")[0])
        assert len(shown) == min(len(wrong), PICTURES)
        assert shown[0] == first
        gaps = everything[(everything["variable"] == name) & (everything["label"] == "")]
        assert f"Of {len(gaps)} gaps" in part
    assert page.count("<img") == page.count("<figcaption>")


def test_names_in_a_gallery_are_text() -> None:
    gallery = Gallery(["<b>"])
    cells = {name: ["<script>"] for name in COLUMNS} | {"variable": ["<b>"], "label": [""]}
    gallery.add(pd.DataFrame(cells | {"probability": [0.5], "runner_up_probability": [0.4]}))
    page = gallery.page("<i>", Path("nowhere"))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "<img" not in page, "there is no such file"


def test_a_table_without_labels_and_one_without_gaps(model: Model, table: Path, tmp_path: Path) -> None:
    whole = rows(table)
    bare, full = tmp_path / "bare.csv", tmp_path / "full.csv"
    whole[["image"]].to_csv(bare, index=False)
    for name, classes in model.variables.items():
        whole[name] = classes[0]
    whole.to_csv(full, index=False)
    images = table.parent / "images"
    found = silktune.predict(model, bare, tmp_path / "a.csv", images=images)
    assert all(count.gaps == len(whole) for count in found.variables.values())
    found = silktune.predict(model, full, tmp_path / "b.csv", images=images)
    assert all(count.gaps == 0 for count in found.variables.values())
    assert len(rows(tmp_path / "b.csv")) == 0


def test_no_column_of_the_table_is_lost(model: Model, table: Path, tmp_path: Path) -> None:
    """Columns of a person's own are copied, whatever they are called, but for those that predict would write."""
    mine = rows(table).assign(probability="certain", curator="A.")
    mine.to_csv(tmp_path / "mine.csv", index=False)
    images = table.parent / "images"
    silktune.predict(model, tmp_path / "mine.csv", tmp_path / "p.csv", images=images, complete=tmp_path / "c.parquet")
    done = pd.read_parquet(tmp_path / "c.parquet")
    assert (done["probability"] == "certain").all()
    assert (done["curator"] == "A.").all()
    mine.assign(place_source="archive").to_csv(tmp_path / "mine.csv", index=False)
    with pytest.raises(SettingsError, match="has the column place_source already"):
        silktune.predict(model, tmp_path / "mine.csv", tmp_path / "q.csv", images=images, complete=tmp_path / "d.csv")
    assert not (tmp_path / "q.csv").exists()


def test_a_promise_that_cannot_be_held_proposes_nothing_and_says_what_can(
    model: Model, table: Path, tmp_path: Path
) -> None:
    found, proposals = predict(model, table, tmp_path, min_precision=0.99)
    assert (proposals["proposal"] == "").all()
    assert len(found.notes) == len(model.variables)
    assert "labelled validation records cannot show a precision of 99 %" in found.notes[0]


ASKED: list[tuple[str, Callable[[Model, Path, Path], Any], type[SilktuneError], str]] = [
    ("there", lambda m, t, f: silktune.predict(m, t, t), SettingsError, "is there already, and is not overwritten"),
    ("kind", lambda m, t, f: silktune.predict(m, t, f / "p.txt"), SettingsError, "may end in .csv or .parquet"),
    ("share", lambda m, t, f: silktune.predict(m, t, f / "p.csv", min_precision=90), SettingsError, "a share between"),
    ("no table", lambda m, t, f: silktune.predict(m, t.parent / "images", f / "p.csv", complete=f / "c.csv"),
     SettingsError, "is a folder, and has no table to complete"),
    ("page", lambda m, t, f: silktune.predict(m, t, f / "p.csv", gallery=f / "g.csv"), SettingsError, "end in .html"),
    ("no images", lambda m, t, f: silktune.predict(m, f, f / "p.csv"), DataError, "there is no image in this folder"),
    ("no model", lambda m, t, f: silktune.load(f), StudyError, "there is no model here"),
    ("group", lambda m, t, f: silktune.evaluate(m, t, group="muesum"), DataError, "has no column muesum"),
    ("folder", lambda m, t, f: silktune.evaluate(m, f), DataError, "a model is evaluated on a label table"),
    ("array", lambda m, t, f: m([np.zeros((3, 3))]), DataError, r"has the shape \(H, W, 3\), not \(3, 3\)"),
    ("text", lambda m, t, f: m(["no base64!"]), DataError, "is neither the name of a file nor an image in base64"),
    ("number", lambda m, t, f: m([7]), DataError, "a path, bytes, a base64 text or an array, not int"),
]  # fmt: skip


@pytest.mark.parametrize(("ask", "kind", "sentence"), [row[1:] for row in ASKED], ids=[row[0] for row in ASKED])
def test_what_cannot_be_done_is_said(
    ask: Callable[[Model, Path, Path], Any], kind: type[SilktuneError], sentence: str, model: Model, table: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    with pytest.raises(kind, match=sentence):
        ask(model, table, tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_evaluation_counts_image_by_image(model: Model, table: Path, tmp_path: Path) -> None:
    known = rows(table)
    known.loc[known["place"] == "GB", "place"] = "Atlantis"
    known["museum"] = ["A", "B"] * (len(known) // 2)
    known.to_csv(tmp_path / "t.csv", index=False)
    found = silktune.evaluate(
        model, tmp_path / "t.csv", images=table.parent / "images", group="museum", to=tmp_path / "out"
    )
    expected = model([table.parent / "images" / name for name in known["image"]])
    for scores in found.scores.variables:
        labelled = known[scores.name].isin(model.variables[scores.name])
        assert scores.labelled == labelled.sum()
        assert scores.OA == pytest.approx((known[scores.name] == expected[scores.name])[labelled].mean())
    assert found.strange["place"].keys() == {"Atlantis"}
    assert set(found.groups) == {"A", "B"}
    assert {"evaluation.md", "metrics.csv", "groups.csv", "confusion_place.csv", "confusion_place.png"} <= {
        path.name for path in (tmp_path / "out").iterdir()
    }
    counts = pd.read_csv(tmp_path / "out/confusion_place.csv", index_col=0)
    assert counts.to_numpy().sum() == found.scores.variables[0].labelled
    with pytest.raises(SettingsError, match="is there already, and is not written into"):
        silktune.evaluate(model, table, to=tmp_path / "out")


def test_how_sure_a_model_is_is_told_and_drawn(model: Model, table: Path, tmp_path: Path) -> None:
    found = silktune.evaluate(model, table, to=tmp_path / "out")
    said, known = model([table.parent / "images" / name for name in rows(table)["image"]]), rows(table)
    for name, (confidence, correct, records) in found.certainty.items():
        labelled = (known[name] != "").to_numpy()
        np.testing.assert_allclose(confidence, said[f"{name}.probability"][labelled], atol=1e-6)
        assert correct.tolist() == (said[name] == known[name])[labelled].tolist()
        assert records.tolist() == known["record"][labelled].tolist()
    bins = pd.read_csv(tmp_path / "out/reliability.csv")
    here = bins[bins["set"] == "here"].groupby("variable")["images"].sum()
    assert here.to_dict() == {name: len(correct) for name, (_, correct, _) in found.certainty.items()}
    steps = pd.read_csv(tmp_path / "out/coverage.csv")
    last = steps[steps["set"] == "here"].groupby("variable").last()
    assert (last["coverage"] == 1).all()
    for picture in ("reliability.png", "coverage.png"):
        assert (cv2.imread(str(tmp_path / "out" / picture)) < 250).any()


def test_images_that_the_model_was_trained_on_are_counted(
    model: Model, table: Path, tiny: Dataset, tmp_path: Path
) -> None:
    assert set(silktune.evaluate(model, table).known.values()) == {0}
    own = collection.weave(tmp_path / "own", 60, 0)
    found = silktune.evaluate(model, own)
    assert found.known == {subset: len(tiny.rows(subset)) for subset in ("train", "validation")}
    assert "are too good; evaluate it on others" in " ".join(evaluation_report.remarks(found))


def test_grad_cam_is_shown_on_the_page_of_pictures(
    model: Model, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"gallery": tmp_path / "g.html", "grad_cam": True}
    with pytest.raises(SettingsError, match="name it with --gallery"):
        predict(model, table, tmp_path, grad_cam=True)
    told: list[tuple[int, int]] = []
    predict(model, table, tmp_path, progress=lambda done, total: told.append((done, total)), **asked)
    page = (tmp_path / "g.html").read_text(encoding="utf-8")
    pictures = page.count("<figure>")
    assert pictures == page.count('alt="what speaks for ') > 0
    assert told[-pictures:] == [(i, pictures) for i in range(1, pictures + 1)]


def test_without_captum_grad_cam_says_how_to_install_it(
    model: Model, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("silktune.model.grad_cam.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"pip install 'silktune\[explain\]'"):
        predict(model, table, tmp_path, gallery=tmp_path / "g.html", grad_cam=True)
    assert not list(tmp_path.iterdir())


def test_interrupted_while_the_page_is_made_the_same_command_goes_on(
    model: Model, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"gallery": tmp_path / "g.html", "complete": tmp_path / "c.csv", "grad_cam": True}

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("silktune.model.grad_cam.picture", interrupted)
        with pytest.raises(KeyboardInterrupt):
            predict(model, table, tmp_path, **asked)
    assert [path.suffix for path in tmp_path.iterdir()] == [".unfinished"]
    found, _ = predict(model, table, tmp_path, **asked)
    assert found.file.exists()
    assert {path.name for path in tmp_path.iterdir()} == {"p.csv", "c.csv", "g.html"}
