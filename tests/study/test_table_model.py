"""A table's rows and trials: names, order, sharing, JSON."""

from __future__ import annotations

import re

import pytest

from silktune.settings import Experiment
from silktune.study.ablation.table_model import Printed, Row, Table

DEEP = Experiment().with_({"net.NB_RN": 9})


def row(name: str, gamma: float, *, line: str = "", variable: str = "", same_as: str = "") -> Row:
    experiment = Experiment().with_({"loss.gamma": gamma})
    return Row(
        id=name, line=line or name, experiment=experiment, changes={"loss.gamma": gamma}, variable=variable,
        same_as=same_as,
    )  # fmt: skip


def table(*rows: Row) -> Table:
    return Table(name="t", question="?", runs=2, reference=rows[0].line, base=Experiment(), rows=rows)


class TestTrials:
    def test_run_1_of_every_row_comes_before_run_2_of_any(self) -> None:
        trials = list(table(row("A", 0), row("B", 1), row("C", 2)).trials(3))
        assert [trial.id for trial in trials] == [f"{name}-run{run}" for run in (1, 2, 3) for name in "ABC"]
        assert [trial.run for trial in trials] == [1, 1, 1, 2, 2, 2, 3, 3, 3]

    def test_more_runs_only_add(self) -> None:
        some = table(row("A", 0), row("B", 1))
        assert list(some.trials(5))[:4] == list(some.trials(2))

    def test_the_same_run_has_the_same_seed_in_every_row(self) -> None:
        first, second = table(row("A", 0), row("B", 1)).trials(1)
        assert first.seeded().train.seed == second.seeded().train.seed
        assert first.experiment.loss.gamma != second.experiment.loss.gamma

    def test_rows_with_one_experiment_share_their_runs(self) -> None:
        some = table(row("A", 0), row("B", 1), row("A again", 0, same_as="A"))
        assert [trial.group for trial in some.trials(1)] == ["A", "B"]
        assert some.trial(some.rows[2], 2) == some.trial(some.rows[0], 2)

    def test_a_trial_is_of_its_rows_experiment_and_group(self) -> None:
        some = table(row("MTL^fo (place)", 2))
        trial = some.trial(some.rows[0], 3)
        assert (trial.id, trial.group, trial.run) == ("MTL-fo-place-run3", "MTL^fo (place)", 3)
        assert trial.experiment == some.rows[0].experiment


class TestNamesOfFiles:
    @pytest.mark.parametrize(
        ("name", "stem"),
        [
            ("MTL", "MTL"),
            ("MTL^fo+R^all", "MTL-fo+R-all"),
            ("C* (place)", "Cstar-place"),
            ("C* + co + sem", "Cstar+co+sem"),
            ("gamma=0.5 NN_jfc=[1024,32]", "gamma=0.5-NN_jfc=-1024-32"),
            ("../../etc/passwd", "etc-passwd"),
            ("..", "row"),
            ("/", "row"),
            ("α", "α"),
            ("x" * 300, "x" * 79 + "-12b539c1cad94615"),
            ("絹" * 96, "絹" * 26 + "-04c520764571256a"),
        ],
    )
    def test_need_no_quotes(self, name: str, stem: str) -> None:
        some = table(row(name, 0))
        assert some.trial(some.rows[0], 1).id == f"{stem}-run1"

    def test_are_one_for_each_row(self) -> None:
        names = ["a^b", "a-b", "A-B", "a-b.2", "a b", "^", "*", "star", "?", "x" * 90, "x" * 91, "a/b", "(a) b"]
        some = table(*(row(name, number / 10) for number, name in enumerate(names)))
        ids = [trial.id for trial in some.trials(1)]
        assert len({name.lower() for name in ids}) == len(names)  # on a disk that knows no upper case, too
        assert all(re.fullmatch(r"[\w+=-][\w.+=-]*-run1", name) for name in ids)


class TestTable:
    SINGLE = (
        row("A (x)", 0, line="A", variable="x"),
        row("A (y)", 0.5, line="A", variable="y"),
        row("B (x)", 1, line="B", variable="x"),
        row("B (y)", 1.5, line="B", variable="y"),
    )

    def test_lines_and_variables_keep_their_order(self) -> None:
        assert table(*self.SINGLE).lines == ("A", "B")
        assert table(*self.SINGLE).variables == ("x", "y")
        assert table(row("B", 0), row("A", 1)).lines == ("B", "A")
        assert table(row("A", 0)).variables == ("",)

    def test_a_row_is_found_by_line_and_variable(self) -> None:
        assert table(*self.SINGLE).row("B", "x").id == "B (x)"
        assert table(row("A", 0), row("B", 1)).row("B").id == "B"
        assert table(row("A", 0), row("B", 1)).row("B", "x").id == "B"  # its network predicts all variables
        with pytest.raises(KeyError, match=r"B \(z\)"):
            table(*self.SINGLE).row("B", "z")

    def test_is_the_same_after_json(self) -> None:
        full = Row(
            id="A", line="A", experiment=DEEP.with_({"net.NN_jfc": (512, 32), "data.variables": ("x",)}),
            changes={"net.NN_jfc": [512, 32], "net.trunk": "resnet152", "net.NB_RN": 9, "loss.gamma": 0.1},
            variable="x", paper={"x.f1": Printed(mean=0.326, deviation=0.0111), "x.OA": Printed(mean=0.65)},
        )  # fmt: skip
        some = table(full, row("B", 1, same_as="A"))
        assert Table.model_validate_json(some.model_dump_json()) == some


def test_a_printed_figure_is_said_in_percent() -> None:
    assert str(Printed(mean=0.326, deviation=0.0111)) == "32.6 ± 1.11"
    assert str(Printed(mean=0.65)) == "65.0"
