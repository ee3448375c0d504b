"""SILKNOW's export and the released code's lists as label tables; formats as they were published."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from silktune.api.import_labels import Imported, import_labels
from silktune.cli.app import app
from silktune.data import label_table
from silktune.data.silknow.knowledge_graph import parsed
from silktune.errors import DataError, SilktuneError

SHARED = Path(__file__).parents[3] / "shared" / "data" / "silknow-labels"
needs_labels = pytest.mark.skipif(not SHARED.exists(), reason="the labels of the SILKNOW image sets are not here")

HEAD = ",obj,museum,text,img,deeplink,place_uri,place_country_code,time_uri,time_label,technique_group,material_group"
HEAD += ",depict_group,category_group"
OBJECT = "http://data.silknow.org/object"
MEDIA = "https://silknow.org/silknow/media"


def line(
    number: int, name: str, images: str, place: str = "['ES']", time: str = "['eighteenth century (dates CE)']",
    material: str = "['animal_fibre']", category: str = "['fabrics']", museum: str = "imatex",
) -> list[str]:  # fmt: skip
    return [
        str(number), f"{OBJECT}/{name}", museum, "['a text, with a comma']", "['http://x/1']", images, "[]", place,
        "[]", time, "['http://data.silknow.org/vocabulary/facet/damask']", material, "[nan]", category,
    ]  # fmt: skip


@pytest.fixture
def export(tmp_path: Path) -> Path:
    path = tmp_path / "total_post.csv"
    lines = [
        line(0, "a1", f"['{MEDIA}/imatex/1.jpg', '{MEDIA}/imatex/2.jpg']"),
        line(1, "b2", f"['{MEDIA}/cer/3.jpg']", place="['FR', 'IT']", museum="http://data.silknow.org/graph/cer"),
        line(2, "c3", "[]"),
        line(3, "d4", f"['{MEDIA}/imatex/4.jpg']", category="['fabrics', 'costume']"),
        line(
            4, "e5", f"['{MEDIA}/imatex/5.jpg']", place="[nan]", time="[]", material="['animal_fibre', 'metal_thread']"
        ),
        line(5, "f6", f"['{MEDIA}/imatex/1.jpg', '{MEDIA}/imatex/6.jpg']", place="['GB', nan]"),
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEAD.split(","), *lines])
    return path


def rows(found: Imported) -> dict[str, dict[str, str]]:
    table = pd.read_csv(found.table, dtype=str, keep_default_na=False)
    return {row["image"]: row for row in table.to_dict("records")}


def test_an_export_has_a_row_for_each_image_and_counts_the_rest(export: Path, tmp_path: Path) -> None:
    found = import_labels([export], tmp_path / "labels.csv")
    table = rows(found)
    assert list(table) == ["cer__b2__3.jpg", "imatex__a1__2.jpg", "imatex__e5__5.jpg", "imatex__f6__6.jpg"]
    assert table["imatex__a1__2.jpg"] == {
        "image": "imatex__a1__2.jpg", "record": "imatex__a1", "museum": "imatex", "place": "ES",
        "timespan": "eighteenth century (dates CE)", "technique": "damask", "material": "animal_fibre", "depiction": "",
    }  # fmt: skip
    assert table["cer__b2__3.jpg"]["place"] == ""
    assert table["imatex__f6__6.jpg"]["place"] == "GB"
    assert table["imatex__e5__5.jpg"]["timespan"] == ""
    assert found.left_out == {
        "objects without an image": 1,
        "images of objects that are not just fabrics": 1,
        "images that several objects have, once for each": 2,
    }
    assert found.unknown == {"place": {"several values": 1}, "material": {"several values": 1}}
    assert (found.images, found.records) == (4, 4)
    assert label_table.read(found.table, ["place"]).variables == ("museum", "place")


def test_the_multimodal_set_has_tabs_a_split_and_a_row_for_each_text(tmp_path: Path) -> None:
    source = tmp_path / "dataset.tsv"
    head = "obj\tmuseum\ttxt\tlang\tsplit\tdeeplink\tplace_country_code\ttime_label"
    lines = [
        f"{OBJECT}/a\tvam\tsilk\ten\ttrn\t['{MEDIA}/1.jpg']\tGB\tnineteenth century (dates CE)",
        f"{OBJECT}/a\tvam\tseda\tes\ttrn\t['{MEDIA}/1.jpg']\tGB\tnineteenth century (dates CE)",
        f"{OBJECT}/b\tvam\tsilk\ten\tdev\t['{MEDIA}/2.jpg']\tFR\tnan",
        f"{OBJECT}/c\tvam\tsilk\ten\ttst\t['{MEDIA}/3.jpg']\tnan\tnan",
    ]
    source.write_text("\n".join([head, *lines]), encoding="utf-8")
    found = import_labels([source], tmp_path / "labels.csv")
    assert {name: row["split"] for name, row in rows(found).items()} == {
        "vam__a__1.jpg": "train", "vam__b__2.jpg": "validation"
    }  # fmt: skip
    assert found.variables == ("place", "timespan")
    assert found.left_out == {"images without a label of any variable": 1}


@pytest.mark.parametrize(
    ("cell", "values"),
    [
        ("[]", []), ("[nan]", []), ("['FR', 'IT']", ["FR", "IT"]), ("['FR', nan]", ["FR"]), ("FR", ["FR"]), ("nan", []),
        ('["l\'Aquila"]', ["l'Aquila"]), ("['Nan Goldin']", ["Nan Goldin"]), ("", []), ("['a', 'b", ["a", "b"]),
    ],
)  # fmt: skip
def test_a_cell_is_the_text_of_a_list(cell: str, values: list[str]) -> None:
    assert parsed(cell) == values


@pytest.fixture
def collections(tmp_path: Path) -> Path:
    head = "#image_file\t#timespan\t#place\t#material\t#museum\t\n"
    first = "../img/imatex__a__1.jpg\t19th_c.\tES\tSilk___Metal_Thread\timatex\t\n"
    first += "img/imatex__b.jpg\tnan\tNaN\tSilk\timatex\t\n"
    (tmp_path / "collection_1.txt").write_text(head + first, encoding="utf-8")
    again = "#image_file\t#place\t#timespan\nimg/imatex__a__1.jpg\tES\t19th_c.\n"
    again += "x/loose.jpg\tFR\tnan\nimg/y__z__2.jpg\tnan\tnan\n"
    (tmp_path / "collection_2.txt").write_text(again, encoding="utf-8")
    (tmp_path / "Masterfile.txt").write_text("collection_1.txt\ncollection_2.txt\n", encoding="utf-8")
    return tmp_path


def test_a_master_file_stands_for_its_lists(collections: Path) -> None:
    found = import_labels([collections / "Masterfile.txt"], collections / "labels.csv")
    table = rows(found)
    assert list(table) == ["imatex__a__1.jpg", "imatex__b.jpg", "loose.jpg"]
    assert table["imatex__a__1.jpg"] == {
        "image": "imatex__a__1.jpg", "record": "imatex__a", "museum": "imatex", "timespan": "19th_c.", "place": "ES",
        "material": "",
    }  # fmt: skip
    assert table["imatex__b.jpg"]["record"] == "imatex__b"
    assert table["loose.jpg"]["record"] == "loose.jpg"
    assert found.unknown == {"material": {"several values": 1}}
    assert found.left_out == {"images without a label of any variable": 1}


def test_lists_that_contradict_each_other_lose_the_image(collections: Path) -> None:
    other = collections / "collection_2.txt"
    other.write_text(other.read_text(encoding="utf-8").replace("ES\t19th_c.", "FR\t19th_c."), encoding="utf-8")
    found = import_labels([collections / "collection_1.txt", other], collections / "labels.csv")
    assert "imatex__a__1.jpg" not in rows(found)
    assert found.left_out["images that stand in the lists with different labels"] == 1


def test_a_map_merges_renames_and_takes_out(export: Path, tmp_path: Path) -> None:
    (tmp_path / "map.csv").write_text("variable,old,new\nplace,ES,Iberia\nplace,GB,\n", encoding="utf-8")
    found = import_labels([export], tmp_path / "labels.csv", tmp_path / "map.csv")
    assert Counter(row["place"] for row in rows(found).values()) == {"Iberia": 1, "": 3}
    assert found.unknown["place"] == {"several values": 1, "values that the map takes out": 1}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("variable,old,new\nplce,ES,E\n", "line 2: there is no variable plce. Did you mean place?"),
        ("variable,old,new\nplace,EZ,E\n", "line 2: place has no class EZ."),
        ("variable,old,new\nplace,ES,E\nplace,ES,F\n", "line 3: place: ES is mapped twice"),
        ("variable,from\nplace,ES\n", "it lacks old, new"),
    ],
)
def test_a_map_that_is_wrong_is_refused(export: Path, tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "map.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as error:
        import_labels([export], tmp_path / "labels.csv", tmp_path / "map.csv")
    assert sentence in str(error.value)
    assert not (tmp_path / "labels.csv").exists()


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("gone.csv", None, "No such file"),
        ("labels.csv", "image,place\na.jpg,ES\n", "none of the files that can be imported"),
        ("empty.csv", "", "no table that can be read"),
        ("master.txt", "collection_1.txt\ncollection_9.txt\n", "it names lists that are not in"),
        ("list.txt", "#image_file\t#place\na.jpg\tnan\n", "no image is left: 1 images without a label"),
    ],
)
def test_what_cannot_be_imported_is_a_sentence(collections: Path, name: str, text: str | None, sentence: str) -> None:
    if text is not None:
        (collections / name).write_text(text, encoding="utf-8")
    with pytest.raises(SilktuneError) as error:
        import_labels([collections / name], collections / "out.csv")
    assert sentence in str(error.value)
    assert not (collections / "out.csv").exists()


def test_another_file_is_not_overwritten_and_the_same_is_no_harm(export: Path, tmp_path: Path) -> None:
    to = tmp_path / "labels.csv"
    import_labels([export], to)
    import_labels([export], to)
    to.write_text("mine", encoding="utf-8")
    with pytest.raises(DataError, match="is not overwritten"):
        import_labels([export], to)
    assert to.read_text(encoding="utf-8") == "mine"


def test_the_command_says_what_it_left_out(export: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["data", "import", str(export), "--to", str(tmp_path / "labels.csv")])
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[0] == f"4 images of 4 records: {tmp_path / 'labels.csv'}"
    assert "left out: 1 objects without an image" in result.output
    assert "museum is no variable: add data.variables=place,timespan,technique,material,depiction" in result.output


@needs_labels
def test_the_published_lists_come_back_as_they_are(tmp_path: Path) -> None:
    """The labels of 36,043 images written as the published lists are, a file for each subset."""
    labels = pd.read_csv(SHARED / "labels.csv", dtype=str, keep_default_na=False)
    variables = ["place", "timespan", "technique", "material"]
    for subset, of_subset in labels.groupby("split"):
        part = of_subset[["image", *variables]].replace("", "nan")
        part.columns = pd.Index([f"#{name}" for name in ("image_file", *variables)])
        part.to_csv(tmp_path / f"multimodal_image_centered_img_cent_{subset}.txt", sep="\t", index=False)
    found = import_labels(sorted(tmp_path.glob("multimodal*.txt")), tmp_path / "labels.csv")
    labels["split"] = labels["split"].replace("dev", "validation")
    expected = {row["image"]: row for row in labels.to_dict("records") if any(row[name] for name in variables)}
    table = rows(found)
    assert table.keys() == expected.keys()
    assert all(table[name] == row for name, row in expected.items())
    assert sum(found.left_out.values()) == len(labels) - len(expected)
