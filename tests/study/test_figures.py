"""The pictures of an ablation: what they show, that nothing overlaps, and that they are written whole and the same."""

from __future__ import annotations

import itertools
import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from silktune.outcome import ClassScores, Confusion
from silktune.study.ablation.results import Results
from silktune.study.ablation.table_model import Table
from silktune.study.data_facts import Facts, VariableFacts
from silktune.study.figures import ablation_figures as figures
from silktune.study.figures import canvas, confusion_matrices
from silktune.study.table.differences import differences
from tests.study.tables import FACTS, MULTI_TASK, MULTI_TASK_F1, finished, multi_task, outcomes, single_task

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _style() -> Iterator[None]:
    with canvas.style():
        yield


def forest(results: Results) -> Figure:
    return figures.forest(results, {one.row.id: one for one in differences(results, "mean_f1") if one.comparison})


def some(**f1: tuple[float, float]) -> Results:
    """The multi-task table with runs of some rows only, by their numbers: `row1=(mean, deviation)`."""
    rows = {MULTI_TASK.rows[int(name.removeprefix("row"))].id: value for name, value in f1.items()}
    return Results(MULTI_TASK, FACTS, outcomes(MULTI_TASK, rows))


def marks(panel: Axes, marker: str) -> list[Line2D]:
    return [line for line in panel.lines if line.get_marker() == marker]


def joins(panel: Axes) -> list[Line2D]:
    """The lines between dots, without those that go through the whole panel."""
    return [line for line in panel.lines if line.get_marker() == "None" and line.get_transform() == panel.transData]


def points(lines: list[Line2D]) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for line in lines for x, y in line.get_xydata()]


def filled(line: Line2D) -> bool:
    return to_hex(line.get_markerfacecolor()) != "#ffffff"


def names(panel: Axes) -> list[str]:
    return [label.get_text() for label in panel.get_yticklabels()]


def counts(panel: Axes) -> list[str]:
    """The numbers of runs at the right of a panel."""
    return [text.get_text() for text in panel.texts][1:]


def said(figure: Figure) -> str:
    texts = [text.get_text() for text in figure.texts]
    return "\n".join(texts + [label.get_text() for legend in figure.legends for label in legend.get_texts()])


class TestForest:
    def test_has_every_line_with_its_difference_and_interval_in_percentage_points(self) -> None:
        results = multi_task()
        (panel,) = forest(results).axes
        assert names(panel) == ["MTL (reference)", "MTL^fo", "MTL+R^all", "MTL^fo+R^all"]
        assert counts(panel) == ["5"] * 4
        assert points(marks(panel, "o")) == [(pytest.approx(4.0), 1), (pytest.approx(3.3), 2), (pytest.approx(5.0), 3)]
        table = results.table
        for line, row in zip(joins(panel), table.rows[1:], strict=True):
            one = results.compare(row, table.rows[0], "mean_f1")
            assert one is not None
            assert line.get_xdata() == pytest.approx([100 * one.low, 100 * one.high])

    def test_is_filled_where_holm_leaves_a_difference(self) -> None:
        results = some(row0=(0.3, 0.01), row1=(0.4, 0.01), row2=(0.301, 0.02))
        (panel,) = forest(results).axes
        assert [filled(dot) for dot in marks(panel, "o")] == [True, False]
        assert [bar.get_linewidth() for bar in joins(panel)] == [1.6, 1]

    def test_is_hollow_where_holm_takes_a_difference_away(self) -> None:
        f1 = {"MTL": [0.30, 0.30, 0.31], "MTL^fo": [0.32, 0.33, 0.342], "MTL+R^all": [0.32, 0.31, 0.36]}
        f1["MTL^fo+R^all"] = [0.32, 0.31, 0.355]
        results = Results(MULTI_TASK, FACTS, {
            MULTI_TASK.trial(row, run).id: finished({"time": value})
            for row in MULTI_TASK.rows for run, value in enumerate(f1[row.id], start=1)
        })  # fmt: skip
        focal = differences(results, "mean_f1")[0]
        assert focal.comparison
        assert focal.comparison.p < 0.05 < focal.p_holm
        (panel,) = forest(results).axes
        assert not any(filled(dot) for dot in marks(panel, "o"))

    def test_names_the_test_and_the_reference_but_has_no_dot_for_it(self) -> None:
        figure = forest(multi_task())
        assert "95 % confidence intervals (Welch t-test)" in said(figure)
        assert "p < 5 % after Holm's correction" in said(figure)
        assert 0 not in [y for _, y in points(marks(figure.axes[0], "o"))]

    def test_keeps_the_name_of_a_line_without_a_run(self) -> None:
        (panel,) = forest(some(row0=(0.3, 0.01), row2=(0.4, 0.01))).axes
        assert names(panel) == ["MTL (reference)", "MTL^fo", "MTL+R^all", "MTL^fo+R^all"]
        assert counts(panel) == ["5", "–", "5", "–"]
        assert points(marks(panel, "o")) == [(pytest.approx(10), 2)]

    def test_counts_the_runs_that_were_compared(self) -> None:
        made = multi_task().outcomes
        fewer = Results(MULTI_TASK, FACTS, {name: one for name, one in made.items() if name != "MTL-run1"})
        (panel,) = forest(fewer).axes
        assert counts(panel) == ["4"] * 4

    def test_of_single_runs_has_differences_without_intervals_and_says_so(self) -> None:
        figure = forest(multi_task(1))
        (panel,) = figure.axes
        assert len(marks(panel, "o")) == 3
        assert joins(panel) == []
        assert not any(filled(dot) for dot in marks(panel, "o"))
        assert "single runs: differences without confidence intervals" in said(figure)
        assert "Holm" not in said(figure)

    def test_of_runs_that_do_not_vary_has_differences_without_intervals_and_says_so(self) -> None:
        figure = forest(some(row0=(0.3, 0.0), row1=(0.4, 0.0)))
        assert not joins(figure.axes[0])
        assert "no difference varies from run to run: differences without confidence intervals" in said(figure)

    def test_of_single_task_networks_has_a_panel_per_variable(self) -> None:
        material, place = forest(single_task()).axes
        assert [material.get_title(), place.get_title()] == ["material", "place"]
        assert names(material) == ["C* (reference)", "C", "C* + sem"]
        assert points(marks(material, "o")) == [(pytest.approx(9.7), 1), (pytest.approx(1.6), 2)]
        assert points(marks(place, "o")) == [(pytest.approx(1.2), 1), (pytest.approx(0.6), 2)]


class TestRuns:
    def test_have_a_dot_each_and_a_bar_at_their_mean(self) -> None:
        results = multi_task()
        (panel,) = figures.runs(results).axes
        dots = points(marks(panel, "o"))
        assert len(dots) == 20
        for y, row in enumerate(results.table.rows):
            values = [100 * value for value in results.values(row, "mean_f1").values()]
            assert sorted(x for x, at in dots if at == y) == pytest.approx(sorted(values))
        means = points(marks(panel, "|"))
        assert means == [(pytest.approx(100 * mean), y) for y, (mean, _) in enumerate(MULTI_TASK_F1.values())]

    def test_with_the_same_seed_are_joined_and_others_are_not(self) -> None:
        (panel,) = figures.runs(multi_task(2)).axes
        assert [list(line.get_ydata()) for line in joins(panel)] == [[0, 1, 2, 3]] * 2
        rows = MULTI_TASK.rows
        other = rows[1].model_copy(update={"experiment": rows[1].experiment.with_({"train.seed": 7})})
        table = MULTI_TASK.model_copy(update={"rows": (rows[0], other, *rows[2:])})
        (panel,) = figures.runs(Results(table, FACTS, outcomes(table, MULTI_TASK_F1, 2))).axes
        assert sorted(list(line.get_ydata()) for line in joins(panel)) == [[0, 2, 3], [0, 2, 3], [1], [1]]

    def test_that_are_missing_leave_the_name(self) -> None:
        (panel,) = figures.runs(some(row1=(0.3, 0.01))).axes
        assert counts(panel) == ["–", "5", "–", "–"]
        assert len(names(panel)) == 4


class TestGain:
    def test_is_in_percentage_points_over_the_images_of_a_class(self) -> None:
        results = some(row0=(0.2, 0.01), row1=(0.3, 0.01))
        focal = figures.gain(results).axes[0]
        assert focal.get_title() == "MTL^fo"
        assert focal.get_xscale() == "log"
        drawn = dict(points(marks(focal, "o") + marks(focal, "v")))
        assert set(drawn) == {count for one in FACTS.variables for count in one.counts.values()}
        for name, count in FACTS.variable("material").counts.items():
            reference, row = (results.values(one, f"material.{name}.f1").values() for one in MULTI_TASK.rows[:2])
            assert drawn[count] == pytest.approx(100 * (sum(row) - sum(reference)) / 5)

    def test_marks_the_under_represented_classes(self) -> None:
        focal = figures.gain(multi_task()).axes[0]
        assert {x for x, _ in points(marks(focal, "v"))} == {120, 60, 70, 30, 250}

    def test_has_a_colour_per_variable_that_the_legend_names(self) -> None:
        figure = figures.gain(multi_task())
        colours = {line.get_color() for line in marks(figure.axes[0], "o")}
        assert len(colours) == 3
        legend = {key.get_label(): key.get_color() for key in figure.legends[0].get_lines()}
        assert {legend[one.name] for one in FACTS.variables} == colours
        assert "under-represented class" in legend

    def test_of_a_line_without_a_run_is_an_empty_panel(self) -> None:
        _, missing, _ = figures.gain(some(row0=(0.2, 0.01), row1=(0.3, 0.01))).axes
        assert missing.get_title() == "MTL+R^all"
        assert [text.get_text() for text in missing.texts] == ["no finished run"]
        assert marks(missing, "o") == []

    def test_of_single_task_networks_has_all_variables_in_a_panel(self) -> None:
        figure = figures.gain(single_task())
        assert [panel.get_title() for panel in figure.axes] == ["C", "C* + sem"]
        assert len(points(marks(figure.axes[0], "o") + marks(figure.axes[0], "v"))) == 3 + 4

    def test_tells_more_variables_apart_than_there_are_colours(self) -> None:
        looks = [tuple(sorted(figures._look(i).items())) for i in range(14)]
        assert len(set(looks)) == 14


def confusions(results: Results, variable: str) -> list[Axes]:
    figure = figures.confusions(results, variable)
    assert figure is not None
    return [panel for panel in figure.axes if panel.get_title()]


class TestConfusion:
    def test_is_summed_over_the_runs_and_a_share_of_the_true_class(self) -> None:
        results = Results(MULTI_TASK, FACTS, {
            MULTI_TASK.trial(MULTI_TASK.rows[0], run).id: finished({"time": f1}) for run, f1 in ((1, 0.2), (2, 0.6))
        })  # fmt: skip
        panel = confusions(results, "time")[0]
        assert panel.get_title() == "MTL (n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}2)"
        shares = panel.collections[0].get_array()
        assert shares is not None
        # 50 images of the 18th c., recall 0.1 and 0.3; 66 of the 19th c., whose misses are taken for it
        assert shares[0].tolist() == pytest.approx([(5 + 15) / 100, (45 + 35) / 100, 0])
        assert shares[1].tolist() == pytest.approx([0, 1, 0])
        assert [text.get_text() for text in panel.texts] == ["20", "80", "", "", "100", "", "", "", ""]

    def test_has_the_classes_with_their_numbers_of_test_images(self) -> None:
        panel = confusions(multi_task(), "place")[0]
        assert names(panel) == ["ES (66)", "FR (60)", "IT|VE (14)", "京都 (6)", "background (5)"]
        assert [label.get_text() for label in panel.get_xticklabels()][-1] == "background"
        assert not any(label.get_parse_math() for label in panel.get_xticklabels())

    def test_has_a_panel_for_every_line_even_without_a_run(self) -> None:
        panels = confusions(some(row1=(0.3, 0.01)), "time")
        assert [panel.get_title().split(" ")[0] for panel in panels][0::3] == ["MTL", "MTL^fo+R^all"]
        assert [text.get_text() for text in panels[0].texts] == ["no finished run"]

    def test_has_numbers_only_up_to_twelve_classes(self) -> None:
        for classes, numbers in ((12, 144), (13, 0), (29, 0)):
            many = VariableFacts(name="place", counts={f"c{i:02}": 1000 - 30 * i for i in range(classes)}, background=0)
            facts = FACTS.model_copy(update={"variables": (many,)})
            results = Results(MULTI_TASK, facts, outcomes(MULTI_TASK, {"MTL": (0.3, 0.1)}, facts=facts))
            panel = confusions(results, "place")[0]
            assert len(panel.texts) == numbers
            assert len(names(panel)) == classes

    def test_of_a_class_without_a_test_image_is_an_empty_row(self) -> None:
        time = finished({"time": 0.4}).test.variables[0]  # type: ignore[union-attr]
        figure = confusion_matrices.panels(
            "time", {"a": Confusion.model_validate([[0, 0, 0], [1, 1, 0], [0, 0, 0]])}, time.classes
        )
        shares = figure.axes[0].collections[0].get_array()
        assert shares is not None
        assert shares.tolist() == [[0, 0, 0], [0.5, 0.5, 0], [0, 0, 0]]

    def test_of_one_run_is_written_alone(self, tmp_path: Path) -> None:
        time = finished({"time": 0.4}).test.variables[0]  # type: ignore[union-attr]
        confusion_matrices.picture(time, tmp_path / "new" / "time.png")
        assert (tmp_path / "new" / "time.png").read_bytes().startswith(b"\x89PNG")


def _classes(K: int, name: str = "class {}") -> list[ClassScores]:
    return [
        ClassScores(name=name.format(k), precision=None, recall=None, f1=None, support=3, minority=False)
        for k in range(K)
    ]


class TestConfusionOfManyClasses:
    def test_has_the_most_frequent_confusions_of_all_panels_by_their_number(self) -> None:
        a = Confusion.count(200, [(1, 2)] * 5 + [(3, 3)] * 50 + [(7, 1)] * 2)
        b = Confusion.count(200, [(1, 2)] * 4 + [(7, 1)] * 9)
        figure = confusion_matrices.panels("motif", {"a": a, "b": b, "c": None}, _classes(200))
        one, other, missing = figure.axes
        assert names(one) == ["class 7 (3) → class 1", "class 1 (3) → class 2"]
        assert [text.get_text() for text in one.texts] == [" 2", " 5"]
        assert [bar.get_width() for bar in other.patches] == [9, 4]
        assert [text.get_text() for text in missing.texts] == ["no finished run"]
        assert len({panel.get_xlim() for panel in (one, other)}) == 1
        assert one.get_xlim()[1] > 9
        assert "the 2 most frequent of 2 confusions of 200 classes" in said(figure)

    def test_may_have_none(self) -> None:
        figure = confusion_matrices.panels("motif", {"a": Confusion.count(200, [(1, 1)])}, _classes(200))
        assert "there are no confusions of 200 classes" in said(figure)

    def test_is_a_matrix_where_a_person_can_read_one(self) -> None:
        for K, panels, patches in ((100, 1, 0), (101, 1, 1), (100, 10, 0), (100, 11, 1)):
            matrix = Confusion.count(K, [(0, 1)])
            figure = confusion_matrices.panels("motif", {str(i): matrix for i in range(panels)}, _classes(K))
            assert len(figure.axes[0].patches) == patches

    @pytest.mark.timeout(60)
    def test_is_small_however_many_classes_there_are(self, tmp_path: Path) -> None:
        """Of 3,300 classes a matrix would take gigabytes and minutes."""
        K = 3300
        pairs = [(k, (7 * k + 1) % K) for k in range(K)]
        variable = (
            finished({"time": 0.4})
            .test.variables[0]
            .model_copy(  # type: ignore[union-attr]
                update={"classes": tuple(_classes(K, "long " * 50 + "{}")), "confusion": Confusion.count(K, pairs)}
            )
        )
        confusion_matrices.picture(variable, tmp_path / "a.png")
        width, height = (int.from_bytes((tmp_path / "a.png").read_bytes()[at : at + 4], "big") for at in (16, 20))
        assert width < 2500
        assert height < 1000
        assert (tmp_path / "a.png").stat().st_size < 1_000_000


def long_table(rows: int, variables: int) -> Results:
    """Rows with long names, over data with many variables of four classes."""
    facts = Facts(
        name="many", digest="0", images=9000,
        variables=tuple(
            VariableFacts(name=f"variable {i}", counts={f"class {k}": 30 * 4**k + i for k in range(4)}, background=0)
            for i in range(variables)
        ),
    )  # fmt: skip
    ids = [f"loss.gamma={i}, net.NB_RN=3, loss.alpha_slf=0.25, train.sampling=balanced" for i in range(rows)]
    made = tuple(MULTI_TASK.rows[0].model_copy(update={"id": name, "line": name}) for name in ids)
    table: Table = MULTI_TASK.model_copy(update={"rows": made, "reference": ids[0]})
    return Results(table, facts, outcomes(table, dict.fromkeys(ids, (0.3, 0.01)), 2, facts))


def overlapping(figure: Figure, texts: list[Text]) -> list[tuple[str, str]]:
    """Texts of a figure that was drawn which stand on each other by more than a pixel."""
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts if text.get_text() and text.get_visible()]
    assert len(boxes) > 1
    pairs = itertools.combinations(boxes, 2)
    return [(a, b) for (a, one), (b, other) in pairs if one.padded(-1).overlaps(other.padded(-1))]


def test_the_names_of_32_lines_are_whole_and_do_not_overlap() -> None:
    results = long_table(32, 2)
    for figure in (forest(results), figures.runs(results)):
        figure.draw_without_rendering()
        (panel,) = figure.axes
        whole = [" ".join(name.split()).removesuffix(" (reference)") for name in names(panel)]
        assert whole == list(results.table.lines)
        labels = panel.get_yticklabels()
        assert overlapping(figure, [*labels, *panel.get_xticklabels(), *panel.texts, *figure.texts]) == []


def test_the_panels_of_many_lines_and_variables_do_not_overlap() -> None:
    results = long_table(7, 11)
    gain, matrices = figures.gain(results), figures.confusions(results, "variable 3")
    assert matrices
    for figure in (gain, matrices):
        figure.draw_without_rendering()
        legends = [text for legend in figure.legends for text in legend.get_texts()]
        titles = [panel.title for panel in figure.axes]
        ticks = [label for panel in figure.axes for label in (*panel.get_xticklabels(), *panel.get_yticklabels())]
        assert overlapping(figure, [*titles, *figure.texts, *legends]) == []
        others = [(title, panel) for title in titles for panel in figure.axes if title.axes is not panel]
        assert not any(title.get_window_extent().overlaps(panel.bbox) for title, panel in others if title.get_text())
        assert figure is gain or overlapping(figure, [*titles, *figure.texts, *ticks]) == []


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return figures.write(multi_task(2), tmp_path_factory.mktemp("figures"))


class TestWrite:
    def test_every_picture_as_png_and_pdf(self, written: list[Path]) -> None:
        pictures = ["forest", "runs", "gain", "confusion-material", "confusion-place", "confusion-time"]
        assert [path.name for path in written] == [f"{name}.{kind}" for name in pictures for kind in ("png", "pdf")]
        assert sorted(written[0].parent.iterdir()) == sorted(written)
        for path in written:
            assert path.read_bytes().startswith(b"%PDF" if path.suffix == ".pdf" else b"\x89PNG")

    def test_pdf_has_no_date_and_fonts_that_journals_take(self, written: list[Path]) -> None:
        for path in written[1::2]:
            assert b"CreationDate" not in path.read_bytes()
            assert b"/Type0" in path.read_bytes()
            assert b"/Type3" not in path.read_bytes()

    def test_another_process_writes_the_same_bytes_and_never_loads_pyplot(
        self, written: list[Path], tmp_path: Path
    ) -> None:
        code = (
            "import sys; from pathlib import Path; from silktune.study.figures import ablation_figures as figures\n"
            "from tests.study import tables\n"
            "figures.write(tables.multi_task(2), Path(sys.argv[1]))\n"
            "print('matplotlib.pyplot' in sys.modules)"
        )
        environment = os.environ | {"PYTHONHASHSEED": "7"}
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, env=environment, capture_output=True,
            text=True, encoding="utf-8", check=True,
        )  # fmt: skip
        assert (done.stdout, done.stderr) == ("False\n", "")
        assert [path.name for path in written if path.read_bytes() != (tmp_path / path.name).read_bytes()] == []

    def test_nothing_where_nothing_finished(self, tmp_path: Path) -> None:
        assert figures.write(Results(MULTI_TASK, FACTS, {}), tmp_path / "figures") == []
        assert not (tmp_path / "figures").exists()

    def test_no_differences_without_the_reference(self, tmp_path: Path) -> None:
        only = Results(MULTI_TASK, FACTS, {"MTL-fo-run1": finished({"time": 0.3})})
        assert [path.name for path in figures.write(only, tmp_path)][::2] == ["runs.png", "confusion-time.png"]

    def test_names_of_any_letters_without_a_warning(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        counts = {"丸に三つ葵": 30, "$x^2$": 20, "a_{b}\\": 9}
        facts = FACTS.model_copy(update={"variables": (VariableFacts(name="紋/家", counts=counts, background=0),)})
        rows = tuple(row.model_copy(update={"line": f"${row.id}$"}) for row in MULTI_TASK.rows[:2])
        table = MULTI_TASK.model_copy(update={"rows": rows, "reference": "$MTL$"})
        results = Results(table, facts, outcomes(table, {row.id: (0.3, 0.1) for row in rows}, 2, facts))
        with warnings.catch_warnings(), caplog.at_level(logging.WARNING):
            warnings.simplefilter("error")
            written = figures.write(results, tmp_path)
        assert written[-1].name == "confusion-紋-家-feb4d6d75809bb1f.pdf"
        assert caplog.records == []
        assert capfd.readouterr().err == ""

    def test_a_picture_that_cannot_be_drawn_leaves_the_one_before(self, tmp_path: Path) -> None:
        class Broken(Artist):
            def draw(self, _: object) -> None:
                raise OSError("the disk is full")

        path = tmp_path / "forest.png"
        path.write_bytes(b"before")
        figure = Figure()
        figure.add_artist(Broken())
        with pytest.raises(OSError, match="the disk is full"):
            canvas.save(figure, path)
        assert path.read_bytes() == b"before"


def test_the_style_ends_with_the_figures(tmp_path: Path) -> None:
    with mpl.rc_context({"font.size": 33, "text.parse_math": True}):
        before = dict(mpl.rcParams)
        figures.write(Results(MULTI_TASK, FACTS, {"MTL-run1": finished({"time": 0.3})}), tmp_path)
        assert dict(mpl.rcParams) == before
