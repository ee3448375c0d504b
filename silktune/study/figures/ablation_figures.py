"""The pictures of an ablation: differences from the reference, runs, gain per class, confusion matrices.

A line of the table without a finished run keeps its name and has nothing drawn.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from silktune.data.statistics import class_statistics
from silktune.outcome import ClassScores, Confusion
from silktune.safe_names import file_name
from silktune.study.ablation.results import Results
from silktune.study.ablation.table_model import Row
from silktune.study.figures import canvas, confusion_matrices
from silktune.study.figures.canvas import COLOURS, STRONG, WEAK
from silktune.study.metric_summary import TITLES
from silktune.study.statistics import Comparison
from silktune.study.table.differences import Difference, differences, variables

SEED = "0.7"  # the colour of the lines that join runs


def write(results: Results, folder: Path) -> list[Path]:
    """Every picture as PNG and PDF, each whole or not at all; what has nothing to show is not written.

    Returns:
        The files: forest, runs, gain, and confusion-<variable> for every variable.
    """
    with canvas.style():
        return [
            canvas.save(figure, folder / f"{name}.{suffix}")
            for name, figure in _figures(results)
            for suffix in ("png", "pdf")
        ]


def _figures(results: Results) -> Iterator[tuple[str, Figure]]:
    compared = {one.row.id: one for one in differences(results, results.table.metric) if one.comparison}
    if compared:
        yield "forest", forest(results, compared)
    if any(results.scores(row) for row in results.table.rows):
        yield "runs", runs(results)
    if compared:
        yield "gain", gain(results)
    for variable in variables(results):
        if figure := confusions(results, variable):
            yield f"confusion-{file_name(variable)}", figure


def _line_panels(
    results: Results, compared: Mapping[str, Difference], *, share_x: bool
) -> tuple[Figure, list[tuple[Axes, list[Row]]]]:
    """A panel with all lines; in a table of single-task networks one per variable."""
    table = results.table
    metric = table.metric
    names = [f"{line} (reference)" if line == table.reference else line for line in table.lines]
    size = (2.2 if len(table.variables) == 1 else 1.25, canvas.lines_height(names))
    figure, axes = canvas.grid(table.variables, size, columns=4, gap=(0.35, 0.4), share_x=share_x)
    panels = [[table.row(line, variable) for line in table.lines] for variable in table.variables]
    for panel, rows in zip(axes, panels, strict=True):
        counts = [compared[row.id].runs if row.id in compared else len(results.values(row, metric)) for row in rows]
        canvas.name_lines(panel, names, counts)
    return figure, list(zip(axes, panels, strict=True))


def forest(results: Results, compared: Mapping[str, Difference]) -> Figure:
    """The difference of every line from the reference with its 95 % confidence interval."""
    figure, panels = _line_panels(results, compared, share_x=True)
    tests = set()
    for panel, rows in panels:
        panel.axvline(0, color="black", linewidth=0.8)
        for y, row in enumerate(rows):
            if row.id in compared and (found := compared[row.id].comparison):
                _interval(panel, y, found, strong=compared[row.id].found)
                tests |= set() if math.isnan(found.low) else {found.test}
    canvas.below(figure, f"difference in {_metric(results)} from the reference [percentage points]")
    if not tests:
        why = (
            "no difference varies from run to run" if any(one.runs > 1 for one in compared.values()) else "single runs"
        )
        canvas.below(figure, f"{why}: differences without confidence intervals")
        return figure
    shown = "shown to differ, all looks together" if results.table.at_most else "p < 5 % after Holm's correction"
    strong, weak = _key(shown, STRONG, "o"), _key("no difference shown", WEAK, "o", "white")
    canvas.below(figure, [strong, weak])
    canvas.below(figure, f"bars: 95 % confidence intervals ({' or '.join(sorted(tests))} t-test)")
    return figure


def _metric(results: Results) -> str:
    """The metric that the table judges; of a single-task network the mean F1 is that of its variable."""
    title = TITLES[results.table.metric]
    return title if title == "OA" else f"mean {title}"


def _interval(panel: Axes, y: int, difference: Comparison, *, strong: bool) -> None:
    colour = STRONG if strong else WEAK
    if not math.isnan(difference.low):
        ends = [100 * difference.low, 100 * difference.high]
        panel.plot(ends, [y, y], color=colour, linewidth=1.6 if strong else 1, solid_capstyle="butt")
    face = colour if strong else "white"
    panel.plot(100 * difference.difference, y, "o", color=colour, markersize=4.5, markerfacecolor=face)


def runs(results: Results) -> Figure:
    """A dot for every run of every row and a bar for their mean; runs with the same seed are joined."""
    figure, panels = _line_panels(results, {}, share_x=False)
    for panel, rows in panels:
        same_seed = defaultdict(list)
        for y, row in enumerate(rows):
            for run, value in results.values(row, results.table.metric).items():
                same_seed[row.experiment.train.seed, run].append((100 * value, y))
            if figure_of_row := results.summary(row, results.table.metric):
                panel.plot(100 * figure_of_row.mean, y, "|", color="black", markersize=11, markeredgewidth=1.6)
        for points in same_seed.values():
            x, y_of_x = zip(*points, strict=True)
            panel.plot(x, y_of_x, color=SEED, linewidth=0.7, zorder=1)
            panel.plot(x, y_of_x, "o", color=STRONG, markersize=3.5, alpha=0.6, markeredgewidth=0)
    canvas.below(figure, f"{_metric(results)} on the test set [%]")
    seeds = Line2D([], [], color=SEED, label="the same seed")
    canvas.below(figure, [_key("run", STRONG, "o"), _key("mean", "black", "|"), seeds])
    return figure


def gain(results: Results) -> Figure:
    """What every line gains in the F1 of each class over the reference, against the images that the class has."""
    table, names = results.table, variables(results)
    lines = [line for line in table.lines if line != table.reference]
    figure, axes = canvas.grid(lines, (1.9, 1.5), columns=max(3, math.isqrt(len(lines))), gap=(0.2, 0.25))
    for panel, line in zip(axes, lines, strict=True):
        panel.axhline(0, color="black", linewidth=0.8)
        points = [_gains(results, line, name) for name in names]
        for i, classes in enumerate(points):
            for count, gained, minority in classes:
                panel.plot(count, 100 * gained, linestyle="", **_look(i, "v" if minority else "o"))
        if not any(points):
            canvas.say_nothing(panel)
    _count_axis(axes[0], [count for name in names for count in results.facts.variable(name).counts.values()])
    canvas.below(figure, "images of the class")
    keys = [Line2D([], [], linestyle="", label=name, **_look(i)) for i, name in enumerate(names)]
    canvas.below(figure, [*keys, _key("under-represented class", WEAK, "v"), _key("other class", WEAK, "o")])
    canvas.beside(figure, f"F1 gain over {table.reference} [percentage points]")
    return figure


def _gains(results: Results, line: str, variable: str) -> list[tuple[int, float, bool]]:
    """Of every class with an F1 in both: its images, the gain of the mean over the runs, whether it is rare."""
    table, facts = results.table, results.facts.variable(variable)
    rare = class_statistics(facts.counts).minority_mask
    found = []
    for (name, count), minority in zip(facts.counts.items(), rare, strict=True):
        figure = (variable, name, "f1")
        one = results.summary(table.row(line, variable), figure)
        reference = results.summary(table.row(table.reference, variable), figure)
        if one and reference:
            found.append((count, one.mean - reference.mean, minority))
    return found


def _look(which: int, marker: str = "s") -> dict[str, Any]:
    """A colour per variable; from the eighth on they come again, hollow."""
    colour = COLOURS[which % len(COLOURS)]
    face = colour if which < len(COLOURS) else "white"
    return {"color": colour, "marker": marker, "markerfacecolor": face, "markeredgewidth": 0.7}


def _count_axis(panel: Axes, counts: Sequence[int]) -> None:
    """Numbers of images, logarithmic, with plain numbers."""
    panel.set_xscale("log")
    steps = (1,) if max(counts) >= 100 * min(counts) else (1, 2, 5)
    panel.xaxis.set_major_locator(LogLocator(subs=steps))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:,.0f}"))
    panel.xaxis.set_minor_formatter(NullFormatter())


def confusions(results: Results, variable: str) -> Figure | None:
    """The confusion matrices of every line, summed over its runs; None before the first run."""
    matrices: dict[str, Confusion | None] = {}
    classes: tuple[ClassScores, ...] = ()
    for line in results.table.lines:
        scores = results.scores(results.table.row(line, variable)).values()
        found = [one for run in scores for one in run.variables if one.name == variable]
        title = f"{line} (n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{len(found)})" if found else line
        matrices[title] = Confusion.total([one.confusion for one in found]) if found else None
        classes = found[0].classes if found else classes
    return confusion_matrices.panels(variable, matrices, classes) if classes else None


def _key(label: str, colour: str, marker: str, face: str = "") -> Line2D:
    """What a legend shows."""
    return Line2D([], [], linestyle="", color=colour, marker=marker, markerfacecolor=face or colour, label=label)
