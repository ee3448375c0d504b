"""`silktune data`: what a person sees."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from silktune.api.dataset import open_dataset
from silktune.api.progress import Listener
from silktune.cli.data import app
from silktune.cli.terminal.progress import Preparation
from silktune.errors import DataError, SettingsError, SilktuneError
from silktune.settings import Experiment
from tests.data.conftest import labellings, small_set

COUNTS = """variable,class,count
material,animal fibre,27252
material,metal thread,4208
material,vegetal fibre,3891
time,19th,9975
time,18th,8423
time,20th,4012
time,17th,3378
time,16th,1829
time,15th,685
time,13th,43
time,background,104
"""


def run(*arguments: object, columns: int = 80) -> Result:
    result = CliRunner().invoke(app, [str(word) for word in arguments], env={"COLUMNS": str(columns)})
    if isinstance(result.exception, SilktuneError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def lines(result: Result) -> list[str]:
    return [line.rstrip() for line in result.stdout.splitlines() if line.strip()]


def test_importing_the_commands_loads_nothing_heavy() -> None:
    code = "import sys, silktune.cli.data; print([m for m in ('numpy', 'pandas', 'cv2', 'torch') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"[]\n"


def test_counts_are_described(tmp_path: Path) -> None:
    (tmp_path / "counts.csv").write_text(COUNTS, encoding="utf-8")
    assert lines(run("describe", tmp_path / "counts.csv")) == [
        "variable  K_m  labelled  share  background  |M_m|   m/K     IR    BD",
        "material    3    35,351      –           0      2  0.67    7.0  0.66",
        "time        7    28,345      –         104      5  0.71  232.0  0.51",
        "material                  time",
        "                 images                 images",
        "  animal fibre   27,252     19th         9,975",
        "• metal thread    4,208     18th         8,423",
        "• vegetal fibre   3,891   • 20th         4,012",
        "                          • 17th         3,378",
        "                          • 16th         1,829",
        "                          • 15th           685",
        "                          • 13th            43",
        "                            background     104",
        "• under-represented: a share of the labels below 1/K_m",
    ]


def test_a_label_table_is_described_with_its_split(tmp_path: Path) -> None:
    table = small_set(tmp_path / "set", 30)
    table.write_text(
        table.read_text(encoding="utf-8").replace("r7,blue", "r7,rare").replace("r9,blue", "r9,rare"), encoding="utf-8"
    )
    said = lines(run("describe", table))
    assert said[0].startswith("set: 29 images of 29 records: 1")
    assert said[1:3] == [
        "variable  K_m  labelled  share  background  |M_m|   m/K   IR    BD",
        "colour      2        28  96.6%           1      1  0.50  1.2  0.07",
    ]
    assert said[-2:] == [
        "colour: too rare for three subsets, so background: rare (2 records)",
        "left out: 1 image: no label but of classes too rare to split",
    ]
    assert "              images  train  validation  test" in said
    used = next(i for i, line in enumerate(said) if line.startswith("L_sem: "))
    assert re.fullmatch(
        r"L_sem: \d+\.\d % of training images can be anchors, \d[\d.]* % of triplets are valid;", said[used]
    )
    assert re.fullmatch(r"  with loss\.sem_margin=comparable 100\.0 % and \d[\d.]* %", said[used + 1])
    assert [line.split()[:2] for line in said if line.startswith("  background")] == [["background", "1"]]


@pytest.mark.parametrize("columns", [80, 120])
def test_no_line_is_wider_than_the_terminal(tmp_path: Path, columns: int) -> None:
    run("sample", tmp_path / "s", "--images", 60)
    assert max(map(len, lines(run("describe", tmp_path / "s", columns=columns)))) <= columns


def test_prepare_says_where_it_is_and_does_it_once(tmp_path: Path) -> None:
    table = small_set(tmp_path / "set")
    first = run("prepare", table, "--to", tmp_path / "data", "data.image_size=16", "data.variables=shape")
    (folder,) = labellings(tmp_path / "data")
    assert lines(first)[-1] == f"Prepared: {folder}"
    assert lines(first) == lines(
        run("prepare", table, "data.image_size=16", "--to", tmp_path / "data", "data.variables=shape")
    )
    about = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    assert about["settings"]["image_size"] == 16
    assert [variable["name"] for variable in about["variables"]] == ["colour", "shape"]
    assert lines(run("describe", folder, "data.variables=shape")) == lines(first)[:-1]


def test_prepare_calls_a_data_set_by_the_table_that_it_was_given(tmp_path: Path) -> None:
    small_set(tmp_path / "first", 24)
    shutil.copytree(tmp_path / "first", tmp_path / "second")
    for name in ("first", "second"):
        table = tmp_path / name / "labels.csv"
        done = run("prepare", table, "data.image_size=16", "--to", tmp_path / "data")
        assert lines(done)[0].startswith(f"{name}: 24 images")


def test_prepare_with_images_elsewhere_of_which_one_is_damaged(tmp_path: Path) -> None:
    table = small_set(tmp_path / "set", 30)
    table = table.rename(tmp_path / "labels.csv")
    (tmp_path / "set" / "003.png").write_text("?", encoding="utf-8")
    words = ["prepare", table, "--images", tmp_path / "set", "--to", tmp_path / "data", "data.image_size=16"]
    with pytest.raises(DataError, match=r"003\.png: it is no image or a damaged one"):
        run(*words)
    assert "left out: 1 image: it is no image or a damaged one" in lines(run(*words, "--skip-unreadable"))


def test_what_a_person_should_know_is_said_by_every_command_that_reads_the_table(tmp_path: Path) -> None:
    table = small_set(tmp_path / "set", 30)
    text = table.read_text(encoding="utf-8").replace(",blue,", ",Background,", 9)
    for i in range(2, 20):
        text = text.replace(f",r{i},", ",r1,")
    table.write_text(text, encoding="utf-8")
    told = [
        "colour: Background (9 images) is a class like others: only background, in small letters, says that a label is "
        "none of the classes of interest.",
        "Large records skew the split: of 27 images, 16 of record r1 belong together, so it is",
    ]
    to = ["--to", tmp_path / "data", "data.image_size=16"]
    prepared = lines(run("prepare", table, *to))
    (folder,) = labellings(tmp_path / "data")
    again = lines(run("prepare", table, *to))
    for said in (lines(run("describe", table)), lines(run("describe", folder)), prepared[:-1], again[:-1]):
        assert said[-2] == told[0]
        assert said[-1].startswith(told[1])
    for data in (table, folder):
        console = Console(file=io.StringIO(), width=80)
        experiment = Experiment().with_({"data.image_size": 16}, "here")
        with Preparation(console) as progress:
            open_dataset(data, None, experiment, tmp_path, Listener(progress))
        said = list(filter(None, console.file.getvalue().splitlines()))  # type: ignore[attr-defined]
        assert (said[0], said[1][: len(told[1])], len(said)) == (*told, 2)


def test_a_sample_is_woven_once(tmp_path: Path) -> None:
    first = run("sample", tmp_path / "s", "--images", 60, "--seed", 3)
    assert lines(first) == [f"Woven: {tmp_path}/s/labels.csv"]
    assert lines(run("sample", tmp_path / "s", "--images", 60, "--seed", 3)) == lines(first)
    with pytest.raises(DataError, match="a sample of 60 images with seed 3 is there already"):
        run("sample", tmp_path / "s", "--images", 60)


def test_a_setting_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        run("describe", tmp_path, "loss.gamma=1")
    assert str(caught.value).startswith("command line: loss.gamma is not about the data. There is: data.variables, ")


def test_a_setting_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"data\.image_sise is no setting\. Did you mean data\.image_size\?"):
        run("prepare", tmp_path, "data.image_sise=3")


@pytest.mark.parametrize("command", ["prepare", "describe", "sample"])
def test_help_fits_and_says_what_the_command_does(command: str) -> None:
    said = lines(run(command, "--help"))
    assert max(map(len, said)) <= 80
    assert any(word in " ".join(said) for word in ("Decode, resize", "Classes, gaps", "Weave a sample"))
