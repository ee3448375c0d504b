"""table.md, table.tex and the CSV files of an ablation."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silktune.outcome import MEANS, Outcome
from silktune.study.ablation.results import Results
from silktune.study.data_facts import VariableFacts
from silktune.study.document import latex as tex
from silktune.study.document.parts import Cell, Sheet
from silktune.study.statistics import runs_needed
from silktune.study.table import ablation_document, csv_tables
from silktune.study.table.ablation_sheets import sheets
from silktune.study.table.differences import differences
from tests import test_metric_names as metric_names
from tests.outcomes import epoch
from tests.study.tables import (
    BASE,
    FACTS,
    MULTI_TASK,
    SINGLE_TASK,
    finished,
    multi_task,
    outcomes,
    single_task,
    table_md,
)

GOLDEN = """\
# p23-small

Do focal training and clustering help the rare classes?

4 experiments, 5 runs each: 20 of 20 trainings finished. Reference: MTL. Judged by: F1 (mean_f1). The paper's figures are from P23, Tables 4, 5 and 6.

## In words

- MTL^fo is better than MTL in F1, by 2.64 to 5.36 points (95 % confidence); more than chance.
- MTL+R^all is better than MTL in F1, by 0.28 to 6.32 points (95 % confidence); more than chance.
- MTL^fo+R^all is better than MTL in F1, by 3.74 to 6.26 points (95 % confidence); more than chance.

## Data set

silk, 1,000 images (digest 0123456789abcdef).

| variable | classes | under-represented | m/K | imbalance ratio | BD | images with a label [%] | background |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| material | 3 | 2 | 0.67 | 9.0 | 0.62 | 72.0 | 0 |
| place | 4 | 2 | 0.50 | 11.0 | 0.73 | 73.0 | 25 |
| time | 2 | 1 | 0.50 | 1.3 | 0.14 | 58.0 | 4 |

## What the rows change

The base is the defaults with `net.trunk=resnet18 loss.gamma=0 loss.lambda_aux=0`.

| experiment | changes |
| --- | --- |
| MTL | nothing |
| MTL^fo | `loss.gamma=2` |
| MTL+R^all | `loss.lambda_aux=1` |
| MTL^fo+R^all | `loss.gamma=2 loss.lambda_aux=1` |

## OA per variable [%]

| experiment | material | place | time |
| --- | ---: | ---: | ---: |
| MTL | 70.0 ± 0.32 | 57.1 ± 0.11 | 65.7 ± 0.25 |
| MTL^fo | **72.8 ± 0.78** | **58.1 ± 0.28** | **67.9 ± 0.61** |
| MTL+R^all | **72.3 ± 1.72** | **58.0 ± 0.61** | **67.5 ± 1.35** |
| MTL^fo+R^all | **73.5 ± 0.72** | **58.4 ± 0.26** | **68.5 ± 0.57** |

Mean ± standard deviation over 5 runs on the test set. Bold: cannot be told from the best of its column. Where all rows are equal, some row is not in bold in about 5 of 100 tables.
"""  # noqa: E501
BOTH = pytest.mark.parametrize("results", [multi_task(), single_task()], ids=["multi-task", "single-task"])


def with_failures() -> Results:
    failed = {
        MULTI_TASK.trial(row, 5).id: Outcome(state="failed", reason="loss is <nan> | epoch 3\nbatch 7")
        for row in MULTI_TASK.rows[1:3]
    }
    return Results(MULTI_TASK, FACTS, multi_task(4).outcomes | failed)


def cells_of(line: str) -> int:
    return len(re.findall(r"(?<!\\)\|", line)) - 1


def test_the_text() -> None:
    results = multi_task()
    assert table_md(results, [sheet for sheet in sheets(results) if sheet.name == "OA"]) == GOLDEN


@BOTH
def test_every_sheet_is_a_whole_table_in_markdown(results: Results) -> None:
    made = sheets(results)
    blocks = [block.splitlines() for block in table_md(results, made).split("\n\n") if block.startswith("|")]
    assert len(blocks) == len(made) + 2
    assert all(len({cells_of(line) for line in block}) == 1 for block in blocks)
    assert [(len(block) - 2, cells_of(block[0])) for block in blocks[2:]] == [
        (len(sheet.rows), len(sheet.columns)) for sheet in made
    ]


def test_a_class_name_cannot_end_a_cell_or_begin_html() -> None:
    sheet = Sheet("s", "t <b>", ("a|b",), ((Cell("IT|VE\n<br> <0.001", bold=True),),), ())
    text = table_md(multi_task(), [sheet])
    assert "## t \\<b>\n\n| a\\|b |\n| --- |\n| **IT\\|VE \\<br> <0.001** |\n" in text
    assert "| IT\\|VE † | 70 |" in table_md(multi_task(), sheets(multi_task()))


def test_the_text_ends_with_what_failed() -> None:
    results = with_failures()
    assert table_md(results, sheets(results)).endswith(
        "## Runs that failed\n\n"
        "- row 'MTL^fo', run 5: loss is \\<nan> \\| epoch 3 batch 7\n"
        "- row 'MTL+R^all', run 5: loss is \\<nan> \\| epoch 3 batch 7\n"
    )
    assert "4 experiments, 5 runs each: 16 of 20 trainings finished." in table_md(results, [])


def test_the_text_of_single_task_networks_tells_a_lines_changes_once() -> None:
    text = table_md(single_task(), [])
    assert "3 experiments × 2 variables, 3 runs each: 18 of 18 trainings finished." in text
    assert "Each experiment trains a network of its own for every variable." in text
    assert text.count("`train.sampling=balanced`") == 1


@BOTH
def test_latex_is_balanced(results: Results) -> None:
    made = sheets(results)
    text = ablation_document.latex(results, made)
    environments = re.findall(r"\\(begin|end)\{(\w+)\}", text)
    assert environments == [("begin", "table"), ("begin", "tabular"), ("end", "tabular"), ("end", "table")] * len(made)
    bare = re.sub(r"\\[{}]", "", text)
    depth = 0
    for sign in bare:
        depth += {"{": 1, "}": -1}.get(sign, 0)
        assert depth >= 0
    assert depth == 0
    assert len(re.findall(r"(?<!\\)\$", text)) % 2 == 0


@BOTH
def test_every_row_of_a_latex_table_has_its_cells(results: Results) -> None:
    made = sheets(results)
    bodies = re.findall(
        r"\\begin\{tabular\}\{([lr]+)\}\n(.*?)\\end\{tabular\}", ablation_document.latex(results, made), re.S
    )
    assert len(bodies) == len(made)
    for sheet, (columns, body) in zip(made, bodies, strict=True):
        lines = [line.strip() for line in body.strip().splitlines()]
        rows = [line for line in lines if line.endswith("\\\\")]
        left = [i < sheet.labels or head == "paper" for i, head in enumerate(sheet.columns)]
        assert [column == "l" for column in columns] == left
        assert {len(re.findall(r"(?<!\\)&", row)) + 1 for row in rows} == {len(sheet.columns)}
        assert (lines[0], lines[-1]) == (r"\toprule", r"\bottomrule")
        assert lines.count(r"\midrule") == 1 + len(sheet.rules)
        assert len(rows) - len(sheet.rows) in (1, 2)
        assert len(rows) + lines.count(r"\midrule") + 2 == len(lines)


def test_a_latex_table() -> None:
    sheet = Sheet(
        "classes-a_b", "F1 of a_b [%]", ("class", "images", "runs needed"),
        ((Cell("[x] & {y}"), Cell("30"), Cell("31.9 ± 2.45", bold=True)), (Cell("MTL^fo"), Cell("–"), Cell("−4"))),
        ("80 % at p < 0.05.",), rules=(1,),
    )  # fmt: skip
    assert (
        tex.environment(sheet, f"{sheet.title}. Why?", "tab:p 23-classes-a_b")
        == r"""\begin{table}
  \centering
  \small
  \setlength{\tabcolsep}{4pt}
  \caption{F1 of a\_b [\%]. Why?}
  \label{tab:p-23-classes-a-b}
  \smallskip
  \begin{tabular}{lrr}
    \toprule
    class & images & runs needed \\
    \midrule
    {}[x] \& \{y\} & 30 & \textbf{31.9 $\pm$ 2.45} \\
    \midrule
    MTL$^{\mathrm{fo}}$ & -- & $-$4 \\
    \bottomrule
  \end{tabular}
  \par\smallskip{\footnotesize\raggedright 80 \% at p $<$ 0.05.\par}
\end{table}
"""
    )


def test_a_head_that_is_longer_than_its_column_stands_in_two_rows() -> None:
    sheet = Sheet("s", "t", ("row", "F1 with background", "n"), ((Cell("a"), Cell("1.0"), Cell("5")),), ())
    lines = tex.environment(sheet, "t", "s").splitlines()
    assert lines[9:12] == ["     & F1 with &  \\\\", "    row & background & n \\\\", r"    \midrule"]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("MTL^fo+R^all", r"MTL$^{\mathrm{fo}}$+R$^{\mathrm{all}}$"),
        ("C* + sem", "C$^{*}$ + sem"),
        ("a_b & 5 % #1 {x} ~ ^ $2", r"a\_b \& 5 \% \#1 \{x\} \textasciitilde{} \textasciicircum{} \$2"),
        ("C:\\new", r"C:\textbackslash{}new"),
        ("19th century – 京都 é", "19th century -- 京都 é"),
        ("two\n lines", "two lines"),
        ("a--b `c` <d>", r"a-{}-b \textasciigrave{}c\textasciigrave{} $<$d$>$"),
    ],
)
def test_latex_prints_text_as_it_is(text: str, written: str) -> None:
    assert tex.escape(text) == written


@given(st.text())
def test_no_text_can_break_latex(text: str) -> None:
    written = tex.escape(text)
    left = re.sub(
        r"\\(textbackslash|textasciitilde|textasciicircum|textasciigrave|ldots)\{\}|-\{\}-|\$[^$]+\$|\\[&%$#_{}]",
        "",
        written,
    )
    assert not set(left) & set("\\&%$#_{}~^\n")


@pytest.mark.parametrize(
    ("text", "letters"),
    [("’ “quoted” – é ř ž", ""), ("京都 → 🐱", "→京都🐱"), ("Orle\u0301ans", "\u0301"), ("≥ ± − …", "")],
)
def test_letters_that_pdflatex_does_not_know(text: str, letters: str) -> None:
    assert tex.foreign(tex.escape(text)) == letters


def test_latex_says_when_it_needs_other_letters() -> None:
    head = ablation_document.latex(multi_task(), sheets(multi_task())).splitlines()[:2]
    assert head[0].startswith("% Needs \\usepackage{booktabs}")
    assert head[1] == "% Needs XeLaTeX or LuaLaTeX and a font with these letters: 京都"
    latin = [sheet for sheet in sheets(multi_task()) if sheet.name == "OA"]
    assert "XeLaTeX" not in ablation_document.latex(multi_task(), latin)


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="there is no pdflatex")
@BOTH
def test_latex_compiles(results: Results, tmp_path: Path) -> None:
    made = [sheet for sheet in sheets(results) if sheet.name != "classes-place"]
    document = (
        rf"\documentclass{{article}}\usepackage{{booktabs}}\begin{{document}}{ablation_document.latex(results, made)}"
    )
    (tmp_path / "table.tex").write_text(document + r"\end{document}", encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "table.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout[-2000:]


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@BOTH
def test_figures_to_the_last_digit(results: Results) -> None:
    rows = read(csv_tables.metrics_csv(results))
    for row in results.table.rows:
        ours = [line for line in rows if line["row"] == row.id]
        names = {".".join(filter(None, (one["variable"], one["class"], one["metric"]))): one for one in ours}
        tested = results.scores(row)[1].flat()
        assert names.keys() == tested.keys() | {*csv_tables.VALIDATED}
        for name in tested:
            line = names[name]
            figure = results.summary(row, name)
            assert figure
            assert (float(line["mean"]), float(line["std"]), int(line["n"])) == (
                figure.mean,
                figure.deviation,
                figure.n,
            )
            printed = row.paper.get(name)
            assert line["paper_mean"] == (repr(printed.mean) if printed else "")


def test_variables_and_classes_with_dots_keep_their_own_figures() -> None:
    """`material` has a class `main.silk`, and `material.main` a class `silk`."""
    facts = FACTS.model_copy(
        update={
            "variables": (
                VariableFacts(name="material", counts={"main.silk": 9}, background=0),
                VariableFacts(name="material.main", counts={"silk": 9}, background=0),
            )
        }
    )
    first, second = (
        metric_names.scores({"material": ["main.silk"]}, 0.25),
        metric_names.scores({"material.main": ["silk"]}, 0.75),
    )
    test = first.model_copy(update={"variables": (*first.variables, *second.variables)})
    table = MULTI_TASK.model_copy(update={"rows": MULTI_TASK.rows[:1]})
    outcomes = {table.trial(table.rows[0], 1).id: Outcome(state="finished", test=test)}
    lines = read(csv_tables.metrics_csv(Results(table, facts, outcomes)))
    means = {(line["variable"], line["class"]): line["mean"] for line in lines if line["metric"] == "f1"}
    assert means == {
        ("material", ""): "0.25", ("material", "main.silk"): "0.25",
        ("material.main", ""): "0.75", ("material.main", "silk"): "0.75",
    }  # fmt: skip
    sheet = next(sheet for sheet in sheets(Results(table, facts, outcomes)) if sheet.name == "classes-material.main")
    assert [cell.text for cell in sheet.rows[0]][2] == "75.0 (n = 1)"


def test_what_a_paper_prints_stands_there_before_the_first_run() -> None:
    rows = read(csv_tables.metrics_csv(Results(SINGLE_TASK, FACTS, {})))
    assert len(rows) == 6
    assert rows[0] == {
        "row": "C* (material)", "variable": "material", "class": "", "metric": "f1", "mean": "", "std": "", "n": "0",
        "paper_mean": "0.376", "paper_std": "0.0037",
    }  # fmt: skip


@BOTH
def test_comparisons_to_the_last_digit(results: Results) -> None:
    rows = read(csv_tables.comparisons_csv(results))
    expected = [(one, figure) for figure in MEANS for one in differences(results, figure)]
    assert len(rows) == len(expected)
    for line, (one, figure) in zip(rows, expected, strict=True):
        found = one.comparison
        assert found
        names = (one.row.id, one.reference.id, one.row.variable, figure, found.test)
        assert tuple(line[key] for key in ("row", "reference", "variable", "metric", "test")) == names
        numbers = (found.difference, found.low, found.high, found.p)
        assert tuple(float(line[key]) for key in ("difference", "low", "high", "p")) == numbers
        primary = figure == "mean_f1"
        assert line["role"] == ("primary" if primary else "exploratory")
        assert line["p_holm"] == (repr(one.p_holm) if primary else "")
        known = runs_needed.interval(found, one.runs, one.tests) if primary else None
        ends = ["" if end is None else str(end) for end in known or (None, None)]
        assert [line["runs_needed_low"], line["runs_needed_high"]] == ends


def test_what_cannot_be_tested_has_empty_fields() -> None:
    lines = read(csv_tables.comparisons_csv(multi_task(1)))
    assert len(lines) == 12
    assert all((line["low"], line["p"], line["p_holm"], line["runs_needed_low"]) == ("", "", "", "") for line in lines)
    assert float(lines[0]["difference"]) == pytest.approx(0.04)


def test_what_does_not_vary_has_empty_fields() -> None:
    results = Results(MULTI_TASK, FACTS, outcomes(MULTI_TASK, {"MTL": (0.3, 0.0), "MTL^fo": (0.4, 0.0)}))
    lines = read(csv_tables.comparisons_csv(results))
    assert [float(line["difference"]) for line in lines[:1]] == [pytest.approx(0.1)]
    empty = ("low", "high", "p", "p_holm", "runs_needed_low", "runs_needed_high")
    assert {line[key] for line in lines for key in empty} == {""}
    made = [sheet for sheet in sheets(results) if sheet.name == "differences-mean_f1"]
    assert "| MTL^fo | +10.00 | – | – | – | – |" in table_md(results, made)
    assert r"MTL$^{\mathrm{fo}}$ & +10.00 & -- & -- & -- & -- \\" in ablation_document.latex(results, made)


def test_every_run_once_with_its_seed_and_how_it_ended() -> None:
    again = MULTI_TASK.rows[3].model_copy(update={"id": "again", "line": "again", "same_as": "MTL^fo+R^all"})
    table = MULTI_TASK.model_copy(update={"rows": (*MULTI_TASK.rows, again)})
    results = with_failures()
    rows = read(csv_tables.runs_csv(Results(table, FACTS, results.outcomes)))
    assert [(line["row"], line["run"]) for line in rows if line["row"] == "MTL"] == [
        ("MTL", str(r)) for r in (1, 2, 3, 4)
    ]
    assert len(rows) == 18
    assert not any("second" in key for key in rows[0])
    first = results.outcomes["MTL-run1"]
    assert first.test
    assert (rows[0]["fingerprint"], rows[0]["best_epoch"], rows[0]["state"]) == (first.fingerprint, "7", "finished")
    assert [float(rows[0][mean]) for mean in MEANS] == [getattr(first.test, mean) for mean in MEANS]
    failed = [line for line in rows if line["state"] == "failed"]
    assert [(line["row"], line["run"], line["OA"]) for line in failed] == [("MTL^fo", "5", ""), ("MTL+R^all", "5", "")]
    assert failed[0]["reason"] == "loss is <nan> | epoch 3\nbatch 7"
    assert {line["seed"] for line in rows if line["run"] == "3"} == {"3"}


def test_a_run_says_what_it_stopped_on_and_after_how_many_epochs() -> None:
    by_f1 = MULTI_TASK.rows[1].model_copy(update={"experiment": BASE.with_({"train.stop_on": "mean_f1"})})
    table = MULTI_TASK.model_copy(update={"rows": (MULTI_TASK.rows[0], by_f1)})
    ended = finished({"place": 0.3}).model_copy(update={"best_epoch": 12, "epochs": (epoch(22),)})
    failed = Outcome(state="failed", reason="loss is nan")
    rows = read(csv_tables.runs_csv(Results(table, FACTS, {"MTL-run1": ended, table.trial(by_f1, 1).id: failed})))
    assert [[line[name] for name in ("stop_on", "best_epoch", "epochs")] for line in rows] == [
        ["L", "12", "22"], ["mean_f1", "0", "0"]
    ]  # fmt: skip


def test_the_files_are_the_same_however_long_it_took() -> None:
    results = multi_task()
    slower = Results(MULTI_TASK, FACTS, {k: v.model_copy(update={"seconds": 1e6}) for k, v in results.outcomes.items()})
    for write in (csv_tables.metrics_csv, csv_tables.comparisons_csv, csv_tables.runs_csv):
        assert write(slower) == write(results)
    assert table_md(slower, sheets(slower)) == table_md(results, sheets(results))
