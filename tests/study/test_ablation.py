"""Ablation tables: what is shipped, what a file may say, what is wrong with one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from silktune.errors import SpaceError
from silktune.settings import Experiment
from silktune.study import ablation, space_file
from silktune.study.ablation.table_model import Printed, Table
from silktune.study.search_report import settings_yaml

Write = Callable[[str], str]

# P23 Table 3, with γ for "fo": λ_C, λ_aux, α_sem, α_co, α_slf, γ
P23 = {
    "MTL": (1, 0, 0, 0, 0, 0),
    "MTL^fo": (1, 0, 0, 0, 0, 2),
    "MTL+R^sem": (1, 1, 1, 0, 0, 0),
    "MTL+R^all": (1, 1, 0.5, 0.5, 0.5, 0),
    "MTL^fo+R^sem": (1, 1, 1, 0, 0, 2),
    "MTL^fo+R^all": (1, 1, 0.5, 0.5, 0.5, 2),
}
# P22 Table 3: mini-batch, λ_C, λ_aux, α_sem, α_co
P22 = {
    "C*": ("random", 1, 0, 0, 0),
    "C": ("balanced", 1, 0, 0, 0),
    "C*+sem": ("random", 1, 1, 1, 0),
    "C*+co": ("random", 1, 1, 0, 1),
    "C*+co+sem": ("random", 1, 1, 0.5, 0.5),
    "C+sem": ("balanced", 1, 1, 1, 0),
    "C+co": ("balanced", 1, 1, 0, 1),
    "C+co+sem": ("balanced", 1, 1, 0.5, 0.5),
}
BASE = "base: {id: MTL, set: {loss.gamma: 0, loss.lambda_aux: 0}}\n"
ROW = "rows: [{id: A, set: {loss.gamma: 1}}]\n"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a table and gives its path."""

    def write(text: str) -> str:
        (tmp_path / "t.yaml").write_text(text, encoding="utf-8")
        return str(tmp_path / "t.yaml")

    return write


def complaints(path: str, overrides: dict[str, Any] | None = None, **options: Any) -> list[str]:
    """What is wrong with a table, without the path."""
    with pytest.raises(SpaceError) as caught:
        ablation.load(path, overrides or {}, **options)
    return str(caught.value).replace(f"{path}: ", "").split("\n")


class TestShipped:
    def test_p23_has_the_rows_of_its_table_3(self) -> None:
        table = ablation.load("p23")
        assert [row.id for row in table.rows] == list(P23)
        for row in table.rows:
            loss = row.experiment.loss
            weights = (loss.lambda_C, loss.lambda_aux, loss.alpha_sem, loss.alpha_co, loss.alpha_slf, loss.gamma)
            assert weights == P23[row.id], row.id
            assert row.experiment.model_copy(update={"loss": Experiment().loss}) == Experiment()
        assert (table.runs, table.reference, table.variables) == (5, "MTL", ("",))

    def test_p22_has_the_rows_of_its_table_3_for_four_variables(self) -> None:
        table = ablation.load("p22")
        variables = ("material", "technique", "place", "time")
        assert [row.id for row in table.rows] == [f"{line} ({variable})" for line in P22 for variable in variables]
        for row in table.rows:
            loss, train, net = row.experiment.loss, row.experiment.train, row.experiment.net
            assert (train.sampling, loss.lambda_C, loss.lambda_aux, loss.alpha_sem, loss.alpha_co) == P22[row.line]
            assert (loss.alpha_slf, loss.gamma, train.batch_size, train.learning_rate) == (0, 0, 180, 1e-3)
            assert (net.NB_RN, net.NN_jfc, net.NN_tfc, net.dropout) == (0, (1024, 32), (), 0.3)
            assert (row.experiment.data.variables, row.experiment.data.background) == ((row.variable,), "unknown")
        assert table.base.data.variables == table.variables == variables
        assert (table.runs, table.reference, table.lines) == (3, "C*", tuple(P22))

    def test_longtail_changes_one_thing_at_a_time_beside_the_focal_loss(self) -> None:
        table = ablation.load("longtail")
        assert table.lines == ("MTL", "MTL^fo", "MTL^la", "MTL^cb", "MTL^fo+cb", "MTL^tw", "MTL^la+tw")
        balanced = {
            row.id: (row.experiment.loss.gamma, row.experiment.loss.tau, row.experiment.loss.class_weights,
                     row.experiment.loss.task_weights)
            for row in table.rows
        }  # fmt: skip
        assert balanced["MTL"] == (0, 0, "none", "labels")
        assert balanced["MTL^la"] == (0, 1, "none", "labels")
        assert balanced["MTL^fo+cb"] == (2, 0, "effective", "labels")
        assert balanced["MTL^la+tw"] == (0, 1, "none", "equal")
        assert all(not any(row.experiment.loss.alphas.values()) for row in table.rows)
        assert (table.runs, table.reference) == (5, "MTL")

    def test_figures_are_those_of_the_papers(self) -> None:
        p23, p22 = ablation.load("p23"), ablation.load("p22")
        assert p23.row("MTL").paper["mean_f1_with_background"] == Printed(mean=0.286, deviation=0.0046)
        assert p23.row("MTL^fo+R^all").paper["OA"] == Printed(mean=0.658, deviation=0.0070)
        assert p23.row("MTL+R^all").paper["depiction.f1_with_background"] == Printed(mean=0.321)
        assert p23.row("MTL^fo").paper["technique.f1_minority"] == Printed(mean=0.087)
        assert all(len(row.paper) == 12 for row in p23.rows)
        assert p22.row("C*", "material").paper == {
            "material.OA": Printed(mean=0.765, deviation=0.0025),
            "material.f1": Printed(mean=0.376, deviation=0.0037),
            "material.f1_minority": Printed(mean=0.131),
        }
        assert p22.row("C+co+sem", "time").paper["time.OA"] == Printed(mean=0.583, deviation=0.0002)
        assert p22.row("C+sem", "place").paper["place.f1"] == Printed(mean=0.209, deviation=0.0086)
        assert p22.row("C", "technique").paper["technique.f1_minority"] == Printed(mean=0.19)
        assert all(len(row.paper) == 3 for row in p22.rows)

    def test_p23s_mean_is_that_of_its_variables(self) -> None:
        """A slip in copying a figure of Table 4 or 5 would break the sum."""
        for row in ablation.load("p23").rows:
            variables = [figure.mean for name, figure in row.paper.items() if name.endswith(".f1_with_background")]
            assert len(variables) == 5
            assert sum(variables) / 5 == pytest.approx(row.paper["mean_f1_with_background"].mean, abs=0.001), row.id

    def test_quick_is_for_a_small_machine(self) -> None:
        table = ablation.load("quick")
        assert len(list(table.trials(table.runs))) <= 15
        assert {row.experiment.net.trunk for row in table.rows} == {"timm/tf_efficientnet_lite0"}
        assert [row.same_as for row in table.rows] == ["", "", "", "", table.rows[0].id, ""]

    def test_every_one_has_a_question_and_is_the_same_after_json(self) -> None:
        names = {path.stem for folder in space_file.shelves() for path in (folder / "ablations").glob("*.yaml")}
        assert names >= {"p23", "p22", "quick"}
        for name in names:
            table = ablation.load(name)
            assert table.name == name
            assert table.question.endswith("?")
            assert Table.model_validate_json(table.model_dump_json()) == table

    def test_run_small_with_overrides(self) -> None:
        small = {"net.trunk": "resnet18", "data.image_size": 64, "train.max_epochs": 2, "net.weights": "none"}
        assert len(ablation.load("p23", small).rows) == 6
        table = ablation.load("p22", small, variables=("motif", "category"))
        assert len(table.rows) == 16
        for row in table.rows:
            assert {name: row.experiment.flat()[name] for name in small} == small
            assert not row.changes.keys() & small.keys()

    def test_are_found_from_anywhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert ablation.load("p23").rows == ablation.load(space_file.find("p23", "ablations")).rows

    def test_an_unknown_name_is_told_the_nearest(self) -> None:
        with pytest.raises(SpaceError) as caught:
            ablation.load("p32")
        sentence = "'p32' is neither a file nor a shipped ablation table. Did you mean p23?"
        assert str(caught.value) == sentence


class TestRows:
    def test_say_what_they_change(self, write: Write) -> None:
        table = ablation.load(write(
            BASE + "runs: 2\nreference: B\nrows:\n"
            "- {id: A, set: {loss.gamma: 1, net.NN_jfc: [512, 32]}}\n- {id: B, set: {train.learning_rate: 1e-3}}"
        ))  # fmt: skip
        assert [row.changes for row in table.rows] == [
            {}, {"loss.gamma": 1.0, "net.NN_jfc": [512, 32]}, {"train.learning_rate": 1e-3}
        ]  # fmt: skip
        assert table.rows[0].experiment == table.base.effective()
        assert table.row("A").experiment == table.base.with_(table.row("A").changes).effective()
        assert (table.runs, table.reference) == (2, "B")

    def test_a_base_without_an_id_is_none(self, write: Write) -> None:
        table = ablation.load(write("base: {set: {loss.gamma: 0}}\n" + ROW))
        assert [row.id for row in table.rows] == ["A"]
        assert (table.base.loss.gamma, table.reference, table.runs) == (0, "A", 5)

    def test_have_only_settings_with_an_effect(self, write: Write) -> None:
        loss = ablation.load(write(BASE + ROW)).row("A").experiment.loss
        assert (loss.lambda_aux, loss.alpha_sem, loss.alpha_co, loss.alpha_slf) == (0, 0, 0, 0)

    def test_figures_of_a_paper(self, write: Write) -> None:
        text = (
            "base: {id: MTL, set: {loss.gamma: 0}, paper: {OA: 65}}\n"
            "rows: [{id: A, set: {loss.gamma: 1}, paper: {mean_f1: 32.6±1.11, a.b.f1_minority: 0, place.OA: '7.5'}}]"
        )
        table = ablation.load(write(text))
        assert table.row("MTL").paper == {"OA": Printed(mean=0.65)}
        assert table.row("A").paper == {
            "mean_f1": Printed(mean=0.326, deviation=0.0111),
            "a.b.f1_minority": Printed(mean=0),
            "place.OA": Printed(mean=0.075),
        }

    def test_their_own_variables_together_are_the_data_sets(self, write: Write) -> None:
        rows = "rows:\n- {id: A, set: {data.variables: [b, a]}}\n- {id: B, set: {data.variables: [c, a]}}\n"
        assert ablation.load(write(rows)).base.data.variables == ("b", "a", "c")
        asked = "base: {set: {data.variables: [d, a]}}\n" + rows
        assert ablation.load(write(asked)).base.data.variables == ("d", "a", "b", "c")
        with_all = rows + "- {id: C, set: {loss.gamma: 0}}"
        assert ablation.load(write(with_all)).base.data.variables == ()


class TestGenerated:
    def test_one_left_out_each(self, write: Write) -> None:
        text = "base: {id: MTL, set: {}}\nleave_one_out: [loss.alpha_sem, net.NN_tfc, net.NB_RN]"
        rows = ablation.load(write(text)).rows
        assert [row.id for row in rows] == ["MTL", "without alpha_sem", "without NN_tfc", "without NB_RN"]
        assert [row.changes for row in rows[1:]] == [{"loss.alpha_sem": 0.0}, {"net.NN_tfc": []}, {"net.NB_RN": 0}]
        assert rows[2].experiment == Experiment().with_({"net.NN_tfc": ()})

    def test_one_left_out_each_is_at_the_value_at_which_a_setting_does_nothing(self, write: Write) -> None:
        text = (
            "base: {id: MTL, set: {loss.tau: 1, loss.class_weights: effective, loss.task_weights: equal}}\n"
            "leave_one_out: [loss.tau, loss.class_weights, loss.task_weights]"
        )
        table = ablation.load(write(text))
        assert [row.changes for row in table.rows[1:]] == [
            {"loss.tau": 0.0}, {"loss.class_weights": "none"}, {"loss.task_weights": "labels"},
        ]  # fmt: skip

    def test_all_combinations(self, write: Write) -> None:
        rows = ablation.load(write("factorial: {loss.gamma: [0, 0.5], net.NN_jfc: [[512], [1024, 32]]}")).rows
        assert [row.id for row in rows] == [
            "gamma=0 NN_jfc=[512]", "gamma=0 NN_jfc=[1024,32]", "gamma=0.5 NN_jfc=[512]", "gamma=0.5 NN_jfc=[1024,32]"
        ]  # fmt: skip
        assert rows[3].experiment == Experiment().with_({"loss.gamma": 0.5, "net.NN_jfc": (1024, 32)})
        assert rows[3].changes == {"loss.gamma": 0.5, "net.NN_jfc": [1024, 32]}

    def test_several_factorials_make_a_common_row_once(self, write: Write) -> None:
        rows = ablation.load(write("factorial: [{loss.gamma: [0, 1]}, {loss.gamma: [1, 3], net.NB_RN: [0]},"
                                   " {loss.gamma: [3, 1]}]")).rows  # fmt: skip
        assert [row.id for row in rows] == ["gamma=0", "gamma=1", "gamma=1 NB_RN=0", "gamma=3 NB_RN=0", "gamma=3"]

    def test_share_the_runs_of_an_earlier_row(self, write: Write) -> None:
        text = (
            "base: {id: MTL, set: {loss.gamma: 0}}\nrows: [{id: A, set: {loss.lambda_aux: 0}}]\n"
            "leave_one_out: [loss.lambda_aux, loss.gamma]\nfactorial: {loss.gamma: [0, 1], loss.lambda_aux: [0, 1]}"
        )
        table = ablation.load(write(text))
        assert {row.id: row.same_as for row in table.rows} == {
            "MTL": "", "A": "", "without lambda_aux": "A", "without gamma": "MTL", "gamma=0 lambda_aux=0": "A",
            "gamma=0 lambda_aux=1": "MTL", "gamma=1 lambda_aux=0": "", "gamma=1 lambda_aux=1": "",
        }  # fmt: skip
        assert [trial.group for trial in table.trials(1)] == [
            "MTL",
            "A",
            "gamma=1 lambda_aux=0",
            "gamma=1 lambda_aux=1",
        ]

    def test_share_them_for_every_variable(self, write: Write) -> None:
        text = BASE + "variables: [x, y]\nfactorial: {loss.gamma: [0, 1]}"
        rows = ablation.load(write(text)).rows
        assert [row.same_as for row in rows] == ["", "", "MTL (x)", "MTL (y)", "", ""]

    def test_are_not_there_for_what_the_command_line_fixes(self, write: Write) -> None:
        """A row 'gamma=0' in which gamma is 1 would be a lie."""
        text = BASE + "leave_one_out: [loss.gamma, net.dropout]\nfactorial: {loss.gamma: [0, 1], net.NB_RN: [0, 1]}"
        table = ablation.load(write(text), {"loss.gamma": 1})
        assert [row.id for row in table.rows] == ["MTL", "without dropout", "NB_RN=0", "NB_RN=1"]
        assert {row.experiment.loss.gamma for row in table.rows} == {1}
        path = write(BASE + "leave_one_out: [loss.gamma]")
        assert complaints(path, {"loss.gamma": 1}) == [
            "has no rows left: the command line fixes every setting that they would change."
        ]


class TestVariables:
    TEXT = "base: {id: C*, set: {loss.gamma: 0}, paper: {x.f1: 1, y.f1: 2 ± 0.5, y.OA: 3}}\nvariables: [x, y]\n" + ROW

    def test_make_a_row_each(self, write: Write) -> None:
        table = ablation.load(write(self.TEXT))
        assert [(row.id, row.line, row.variable) for row in table.rows] == [
            ("C* (x)", "C*", "x"), ("C* (y)", "C*", "y"), ("A (x)", "A", "x"), ("A (y)", "A", "y")
        ]  # fmt: skip
        assert [row.experiment.data.variables for row in table.rows] == [("x",), ("y",)] * 2
        assert table.row("A", "y").changes == {"loss.gamma": 1.0}
        assert table.base.data.variables == ("x", "y")
        assert table.reference == "C*"

    def test_have_their_own_figures(self, write: Write) -> None:
        table = ablation.load(write(self.TEXT))
        assert table.row("C*", "x").paper == {"x.f1": Printed(mean=0.01)}
        assert table.row("C*", "y").paper == {"y.f1": Printed(mean=0.02, deviation=0.005), "y.OA": Printed(mean=0.03)}

    def test_of_the_command_line_replace_the_tables(self, write: Write) -> None:
        table = ablation.load(write(self.TEXT), variables=("y", "motif"))
        assert [row.id for row in table.rows] == ["C* (y)", "C* (motif)", "A (y)", "A (motif)"]
        assert table.base.data.variables == ("y", "motif")
        assert table.row("C*", "motif").paper == {}
        assert table.row("C*", "y").paper["y.OA"] == Printed(mean=0.03)

    def test_of_the_command_line_are_twice(self, write: Write) -> None:
        assert complaints(write(self.TEXT), variables=("y", "y")) == ["command line: --variables: y is there twice."]

    def test_for_a_table_that_has_none(self, write: Write) -> None:
        path = write(ROW)
        assert complaints(path, variables=("motif", "category")) == [
            f"command line: --variables: {path} has no `variables:`. Write data.variables=motif,category instead."
        ]

    def test_as_a_setting_for_a_table_that_has_some(self, write: Write) -> None:
        path = write(self.TEXT)
        assert complaints(path, {"data.variables": "x"}) == [
            f"command line: data.variables: {path} has a network for each of its variables. "
            "Name them with --variables instead."
        ]


class TestBestOf:
    WINNER = Experiment().with_({"net.NB_RN": 7, "net.dropout": 0.1, "loss.gamma": 3, "data.variables": ("x", "y")})
    TEXT = "base: {id: best, best_of: %s, set: {net.dropout: 0.2}}\nrows: [{id: A, set: {loss.gamma: 1}}]"

    @pytest.fixture
    def study(self, tmp_path: Path) -> Path:
        (tmp_path / "study").mkdir()
        (tmp_path / "study" / "winner.yaml").write_text(settings_yaml(self.WINNER, "The winner."), encoding="utf-8")
        return tmp_path / "study"

    def test_is_under_the_base_and_over_the_defaults(self, write: Write, study: Path) -> None:
        for best in (study, study / "winner.yaml"):
            table = ablation.load(write(self.TEXT % best), {"train.max_epochs": 3})
            assert table.base == self.WINNER.with_({"net.dropout": 0.2, "train.max_epochs": 3})
            assert table.row("A").experiment == table.base.with_({"loss.gamma": 1})

    def test_is_sought_from_where_the_command_runs(
        self, write: Write, study: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(study.parent)
        assert ablation.load(write(self.TEXT % "study")).base.net.NB_RN == 7

    def test_of_the_command_line_replaces_the_tables(self, write: Write, study: Path) -> None:
        table = ablation.load(write(self.TEXT % "nowhere"), best_of=study)
        assert (table.base.net.NB_RN, table.base.net.dropout) == (7, 0.2)

    def test_gives_way_to_variables(self, write: Write, study: Path) -> None:
        table = ablation.load(write(f"variables: [z]\n{self.TEXT % study}"))
        assert [row.experiment.data.variables for row in table.rows] == [("z",), ("z",)]
        assert table.base.data.variables == ("z",)

    def test_that_is_not_there(self, write: Write, tmp_path: Path) -> None:
        (tmp_path / "begun").mkdir()
        path = write(self.TEXT % (tmp_path / "begun"))
        assert complaints(path) == [
            f"base: best_of: there is no {tmp_path}/begun/winner.yaml. It is written when a search has ended."
        ]
        assert complaints(path, best_of="runs/x.yaml") == [
            "command line: best_of: there is no runs/x.yaml. It is written when a search has ended."
        ]

    def test_that_is_wrong_says_so_once(self, write: Write, tmp_path: Path) -> None:
        (tmp_path / "w.yaml").write_text("set: {loss.gama: 1, net.dropout: 7}", encoding="utf-8")
        assert complaints(write(self.TEXT % (tmp_path / "w.yaml"))) == [
            f"{tmp_path}/w.yaml: set: loss.gama is no setting. Did you mean loss.gamma?",
            f"{tmp_path}/w.yaml: set: net.dropout cannot be 7: it should be less than 1.",
        ]
        (tmp_path / "w.yaml").write_text("rows: []", encoding="utf-8")
        (sentence,) = complaints(write(self.TEXT % (tmp_path / "w.yaml")))
        assert sentence.startswith(f"{tmp_path}/w.yaml: rows is no key of a search space.")


class TestOverrides:
    def test_have_the_last_word_in_every_row(self, write: Write) -> None:
        text = BASE + "rows: [{id: A, set: {loss.gamma: 1, net.dropout: 0.5}}]"
        table = ablation.load(write(text), {"loss.gamma": 3, "train.max_epochs": 2})
        assert [row.experiment.loss.gamma for row in table.rows] == [3, 3]
        assert (table.base.loss.gamma, table.base.train.max_epochs) == (3, 2)
        assert table.row("A").changes == {"net.dropout": 0.5}

    @pytest.mark.parametrize(
        ("rows", "overrides", "sentence"),
        [
            (
                "- {id: A, set: {loss.gamma: 1}}",
                {"loss.gamma": 2, "train.max_epochs": 9},
                "row 'A': is the same experiment as the base 'MTL'. loss.gamma is fixed on the command line.",
            ),
            (
                "- {id: A, set: {loss.gamma: 1}}\n- {id: B, set: {loss.gamma: 1, net.NB_RN: 0}}",
                {"net.NB_RN": 3},
                "row 'B': is the same experiment as row 'A'. net.NB_RN is fixed on the command line.",
            ),
            (
                "- {id: A, set: {loss.gamma: 1, net.NB_RN: 0}}",
                {"net.NB_RN": 3, "loss.gamma": 1},
                "row 'A': is the same experiment as the base 'MTL'. "
                "net.NB_RN and loss.gamma are fixed on the command line.",
            ),
            (
                "- {id: A, set: {loss.lambda_aux: 1}}\n- {id: B, set: {loss.lambda_aux: 1, loss.alpha_sem: 1}}",
                {"loss.alpha_sem": 0.2},
                "row 'B': is the same experiment as row 'A'. loss.alpha_sem is fixed on the command line.",
            ),
            (
                "- {id: A, set: {loss.lambda_aux: 1, loss.alpha_sem: 1, loss.alpha_co: 0, loss.alpha_slf: 0}}",
                {"loss.lambda_aux": 0, "loss.alpha_sem": 0},
                "row 'A': is the same experiment as the base 'MTL'. "
                "loss.lambda_aux and loss.alpha_sem are fixed on the command line.",
            ),
        ],
    )
    def test_that_make_two_rows_the_same(
        self, write: Write, rows: str, overrides: dict[str, Any], sentence: str
    ) -> None:
        path = write(f"{BASE}rows:\n{rows}")
        ablation.load(path)
        assert complaints(path, overrides) == [sentence]

    def test_that_are_wrong_are_said_once(self, write: Write) -> None:
        path = write(BASE + "rows: [{id: A, set: {loss.gamma: 1}}, {id: B, set: {loss.gamma: 2}}]")
        assert complaints(path, {"loss.gama": 1, "net.dropout": 7}) == [
            "command line: loss.gama is no setting. Did you mean loss.gamma?",
            "command line: net.dropout cannot be 7: it should be less than 1.",
        ]

    def test_that_do_not_go_with_the_base_are_said_once(self, write: Write) -> None:
        path = write("base: {set: {net.trunk: resnet18}}\nrows: [{id: A, set: {loss.gamma: 1}}]")
        assert complaints(path, {"net.NB_RN": 9}) == [
            "base, with the command line: net.NB_RN is 9, but resnet18 has 8 residual blocks."
        ]

    def test_that_do_not_go_with_rows_are_said_once(self, write: Write) -> None:
        path = write("rows: [{id: A, set: {net.trunk: resnet18}},"
                     " {id: B, set: {net.trunk: resnet18, loss.gamma: 0}}]")  # fmt: skip
        assert complaints(path, {"net.NB_RN": 9}) == [
            "row 'A', with the command line: net.NB_RN is 9, but resnet18 has 8 residual blocks."
        ]

    def test_that_make_a_row_possible(self, write: Write) -> None:
        path = write("rows: [{id: A, set: {net.trunk: resnet18, net.NB_RN: 9}}]")
        assert complaints(path) == ["row 'A': net.NB_RN is 9, but resnet18 has 8 residual blocks."]
        assert ablation.load(path, {"net.trunk": "resnet34"}).rows[0].experiment.net.NB_RN == 9


SHARED = "cannot be changed: all rows share one prepared data set. Put it under `base:`."
TAKE_OUT = "Take it out, or let it change something."
NO_ID = "the base has no id, without which it is no row of the table. Give it one."
MEANS = "mean_f1, mean_f1_with_background, mean_f1_minority, OA"
OWN_NETWORKS = "data.variables cannot be set here: `variables:` has a network for each of its names."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ["is no mapping with the keys question, paper, runs, splits, metric, test, smallest_effect, base, "
              "variables, rows, leave_one_out, factorial, reference."]),
        ("rws: []", ["rws is no key of an ablation table. Did you mean rows?"]),
        ("question: x", ["has no rows. Name them under `rows:`, or have them made by `leave_one_out:` or"
                         " `factorial:`."]),
        (BASE + "rows: []", ["has no rows. Name them under `rows:`, or have them made by `leave_one_out:` or"
                             " `factorial:`."]),
        ("rows: {A: {}}", ["rows: {'A': {}} should be a list, - {id: …, set: {name: value}}."]),
        ("rows: [A]", ["row 1: 'A' should be a mapping, name: value."]),
        ("rows: [A, {id: B, set: {loss.gama: 1}}, null, {set: {}}]", [
            "row 1: 'A' should be a mapping, name: value.",
            "row 'B': loss.gama is no setting. Did you mean loss.gamma?",
            "row 3: None should be a mapping, name: value.", "row 4: has no id.",
        ]),
        ("rows: [{id: A, set: {2.5: 1, true: 2, loss.gamma: 1}}]",
         ["row 'A': set: 2.5 should be a name.", "row 'A': set: True should be a name."]),
        (ROW + "base: text", ["base: 'text' should be a mapping, name: value."]),
        (ROW + "base: {set: [1]}", ["base: set: [1] should be a mapping, name: value."]),
        (ROW + "base: {sett: {loss.gamma: 0}}", ["base: sett is no key of the base. Did you mean set?"]),
        (ROW + "base: {id: 5, best_of: 7}", [
            "base: id: 5 should be text. Put it in quotes.", "base: best_of: 7 should be text. Put it in quotes.",
        ]),
        (ROW + "question: 5\npaper: [P23]\nreference: 1", [
            "question: 5 should be text. Put it in quotes.", "paper: ['P23'] should be text. Put it in quotes.",
            "reference: 1 should be text. Put it in quotes.",
        ]),
        # rows
        ("rows: [{set: {loss.gamma: 1}}, {id: B}, {}, {id: 4, set: {net.NB_RN: 0}}, {id: E, set: }]", [
            "row 1: has no id.", "row 'B': has no set.", "row 3: has no id and no set.",
            "row 4: id: 4 should be text. Put it in quotes.", "row 'E': has no set.",
        ]),
        ("rows: [{id: A, sets: {loss.gamma: 1}}]", ["row 'A': sets is no key of a row. Did you mean set?"]),
        ("rows: [{id: A, set: 5}]", ["row 'A': set: 5 should be a mapping, name: value."]),
        ("rows: [{id: A, set: {1: 5}}]", ["row 'A': set: 1 should be a name."]),
        ("rows: [{id: MTL+R^sem, set: {loss.lamda_aux: 1, net.dropout: 2, loss.gamma: 1}}]", [
            "row 'MTL+R^sem': loss.lamda_aux is no setting. Did you mean loss.lambda_aux?",
            "row 'MTL+R^sem': net.dropout cannot be 2: it should be less than 1.",
        ]),
        ("rows: [{id: A, set: {net.trunk: resnet18, net.NB_RN: 9}}, {id: B, set: {net.trunk: resnet18, net.NB_RN: 9}}]",
         ["row 'A': net.NB_RN is 9, but resnet18 has 8 residual blocks.",
          "row 'B': net.NB_RN is 9, but resnet18 has 8 residual blocks."]),
        ("rows: [{id: A, set: {data.image_size: 64, data.imagesize: 64}}]", [
            f"row 'A': data.image_size {SHARED}",
            "row 'A': data.imagesize is no setting. Did you mean data.image_size?",
        ]),
        # the same twice
        (BASE + "rows: [{id: A, set: {loss.gamma: 1}}, {id: A, set: {loss.gamma: 2}}, {id: MTL, set: {net.NB_RN: 0}}]",
         ["row 'MTL': is there twice. Give every row an id of its own.",
          "row 'A': is there twice. Give every row an id of its own."]),
        ("rows: [{id: A, set: {loss.gamma: 1}}, {id: A, set: {loss.gamma: 1}}]",
         ["row 'A': is there twice. Give every row an id of its own."]),
        (BASE + "rows: [{id: A, set: {loss.gamma: 1}}, {id: B, set: {loss.gamma: 1.0}}]",
         [f"row 'B': is the same experiment as row 'A'. {TAKE_OUT}"]),
        (BASE + "rows: [{id: A, set: {}}]", [f"row 'A': is the same experiment as the base 'MTL'. {TAKE_OUT}"]),
        ("rows: [{id: A, set: {loss.gamma: 2}}]", [f"row 'A': is the same experiment as the base. {TAKE_OUT}"]),
        (BASE + "rows: [{id: A, set: {loss.alpha_sem: 1}}]",
         ["row 'A': is the same experiment as the base 'MTL'. loss.alpha_sem has no effect there."]),
        (BASE + "rows: [{id: A, set: {loss.gamma: 1}},"
         " {id: B, set: {loss.gamma: 1, loss.alpha_co: 0, loss.alpha_slf: 0}}]",
         ["row 'B': is the same experiment as row 'A'. loss.alpha_co and loss.alpha_slf have no effect there."]),
        # the base's mistakes are not the rows'
        ("base: {id: X, set: {loss.gama: 0}}\nrows: [{id: A, set: {loss.gamma: 2}}, {id: B, set: {net.NB_RN: 3}}]",
         ["base: loss.gama is no setting. Did you mean loss.gamma?"]),
        ("base: {id: X, set: {loss.gamma: 99}}\nrows: [{id: A, set: {}}, {id: B, set: {net.NB_RN: 0}},"
         " {id: C, set: {net.NB_RN: 0}}]", [
             "base: loss.gamma cannot be 99: it should be less than or equal to 10.",
             f"row 'A': is the same experiment as the base 'X'. {TAKE_OUT}",
             f"row 'C': is the same experiment as row 'B'. {TAKE_OUT}",
         ]),
        ("base: {set: {net.trunk: resnet18, net.NB_RN: 9}}\nrows: [{id: A, set: {loss.gamma: 0}}]",
         ["base: net.NB_RN is 9, but resnet18 has 8 residual blocks."]),
        ("base: {id: X, sett: {loss.gamma: 0}}\nrows: [{id: A, set: {loss.gamma: 2}}]",
         ["base: sett is no key of the base. Did you mean set?"]),
        ("base: [MTL]\nrows: [{id: A, set: {loss.gamma: 2}}]",
         ["base: ['MTL'] should be a mapping, name: value."]),
        # generated rows
        ("leave_one_out: [loss.alpha_sem]", [f"leave_one_out: {NO_ID}"]),
        (BASE + "leave_one_out: loss.alpha_sem", ["leave_one_out: 'loss.alpha_sem' should be a list of settings."]),
        (BASE + "leave_one_out: [loss.alpha_sme, net.trunk, net.trunk, data.variables, data.image_size,"
         " train.learning_rate]", [
            "leave_one_out: loss.alpha_sme is no setting. Did you mean loss.alpha_sem?",
            "leave_one_out: net.trunk has no value that turns it off: it is no number and no list of nodes.",
            "leave_one_out: data.variables has no value that turns it off: it is no number and no list of nodes.",
            f"leave_one_out: data.image_size {SHARED}",
            "leave_one_out: train.learning_rate cannot be 0: it should be greater than 0.",
        ]),
        ("factorial: {loss.gamma: 1, net.dropout: [], loss.gama: 5, data.crop: [whole], net.NB_RN: [0, 60, 99]}", [
            "factorial: loss.gamma: 1 should be a list of values, at least one.",
            "factorial: net.dropout: [] should be a list of values, at least one.",
            "factorial: loss.gama is no setting. Did you mean loss.gamma?",
            f"factorial: data.crop {SHARED}",
            "factorial: net.NB_RN is 60, but resnet152 has 50 residual blocks.",
            "factorial: net.NB_RN is 99, but resnet152 has 50 residual blocks.",
        ]),
        ("factorial: loss.gamma", ["factorial: 'loss.gamma' should be a mapping, name: value."]),
        (BASE + "leave_one_out: [loss.gamma, 5]", ["leave_one_out: ['loss.gamma', 5] should be a list of settings."]),
        ("factorial: [loss.gamma]", ["factorial: 'loss.gamma' should be a mapping, name: value."]),
        ("factorial: {net.trunk: [resnet18, resnet34], net.NB_RN: [9]}",
         ["row 'trunk=resnet18 NB_RN=9': net.NB_RN is 9, but resnet18 has 8 residual blocks."]),
        # reference, runs
        (BASE + "rows: [{id: A, set: {loss.gamma: 1}}]\nreference: MLT", ["reference: 'MLT' is no row. Did you mean"
                                                                           " MTL?"]),
        (ROW + "reference: 'C*'", ["reference: 'C*' is no row. There is: A."]),
        *((ROW + f"runs: {runs}", [f"runs: {python} should be a whole number, 1 or more."])
          for runs, python in (("0", "0"), ("-3", "-3"), ("2.5", "2.5"), ("five", "'five'"), ("true", "True"),
                               ("", "None"))),
        # metric, test, smallest effect
        (ROW + "metric: place.f1", [f"metric: 'place.f1' should be one of {MEANS}."]),
        (ROW + "test: t", ["test: 't' should be welch or paired."]),
        *((ROW + f"smallest_effect: {effect}", [f"smallest_effect: {python} should be a number of percentage points"
                                                " above 0: the smallest difference that is worth finding."])
          for effect, python in (("0", "0"), ("-1", "-1"), ("101", "101"), ("true", "True"), ("one", "'one'"),
                                 (".nan", "nan"))),
        # variables
        (ROW + "variables: []", ["variables: [] should be a list of names, at least one."]),
        (ROW + "variables:", ["variables: None should be a list of names, at least one."]),
        (ROW + "variables: place", ["variables: 'place' should be a list of names, at least one."]),
        (ROW + "variables: [place, 3]", ["variables: ['place', 3] should be a list of names, at least one."]),
        (ROW + "variables: [place, time, place]", ["variables: place is there twice."]),
        ("variables: [x]\nbase: {set: {data.variables: [x]}}\nrows: [{id: A, set: {data.variables: [x]}}]",
         [f"base: {OWN_NETWORKS}", f"row 'A': {OWN_NETWORKS}"]),
        # a paper's figures
        ("rows: [{id: A, set: {loss.gamma: 1}, paper: {F1: 5, mean_f: 5, place.f2: 5}}]", [
            "row 'A': paper: F1 is no metric. There is: " + MEANS + ", <variable>.f1, <variable>.f1_with_background,"
            " <variable>.f1_minority, <variable>.OA.",
            "row 'A': paper: mean_f is no metric. Did you mean mean_f1?",
            "row 'A': paper: place.f2 is no metric. Did you mean place.f1?",
        ]),
        ("rows: [{id: A, set: {loss.gamma: 1}, paper: 32.6}]",
         ["row 'A': paper: 32.6 should be a mapping, name: value."]),
        *((f"rows: [{{id: A, set: {{loss.gamma: 1}}, paper: {{OA: {written}}}}}]",
           [f"row 'A': paper: OA cannot be {python}: it should be in %, like 32.6 or 32.6 ± 1.11."])
          for written, python in (("'32,6'", "'32,6'"), ("101", "101"), ("-1", "-1"), ("5 ± 1 ± 1", "'5 ± 1 ± 1'"),
                                  ("5 ± -1", "'5 ± -1'"), (".nan", "nan"), ("true", "True"), ("", "None"),
                                  ("5 ±", "'5 ±'"), ("[5]", "[5]"))),
        (ROW + "base: {paper: {OA: 5}}", [f"base: paper: {NO_ID}"]),
        ("variables: [place]\nrows: [{id: A, set: {loss.gamma: 1}, paper: {plce.f1: 5, OA: 5}}]", [
            "row 'A': paper: plce.f1 is no metric. Did you mean place.f1?",
            "row 'A': paper: OA is no metric. There is: place.f1, place.f1_with_background, place.f1_minority,"
            " place.OA.",
        ]),
    ],
)  # fmt: skip
def test_a_complaint_is_a_sentence_with_its_place(write: Write, text: str, said: list[str]) -> None:
    path = write(text)
    with pytest.raises(SpaceError) as caught:
        ablation.load(path)
    assert str(caught.value).split("\n") == [f"{path}: {sentence}" for sentence in said]


def test_what_is_no_yaml(write: Write) -> None:
    (sentence,) = complaints(write("rows: [1"))
    assert sentence.startswith("cannot be read as YAML: ")


def test_a_key_that_is_there_twice(write: Write) -> None:
    (sentence,) = complaints(write("rows:\n- id: A\n  set: {loss.gamma: 1, loss.gamma: 2}"))
    assert sentence.startswith("cannot be read as YAML: loss.gamma is there twice")
    assert "line 3" in sentence


def test_everything_is_said_at_once(write: Write) -> None:
    path = write(
        "runs: 0\nrwos: []\nbase: {id: X, set: {}}\nrows:\n- {id: A, set: {loss.gama: 1}}\n- {id: B, set: {}}\n"
        "- {id: B, set: {loss.gamma: 1}}\n- {id: C, set: {loss.gamma: 1}, paper: {OA: many}}\nreference: Y"
    )
    assert complaints(path, {"net.drop": 1}) == [
        "rwos is no key of an ablation table. Did you mean rows?",
        "runs: 0 should be a whole number, 1 or more.",
        "row 'A': loss.gama is no setting. Did you mean loss.gamma?",
        "row 'C': paper: OA cannot be 'many': it should be in %, like 32.6 or 32.6 ± 1.11.",
        "row 'B': is there twice. Give every row an id of its own.",
        "reference: 'Y' is no row. There is: X, A, B, C.",
        "command line: net.drop is no setting. Did you mean net.dropout?",
        f"row 'B': is the same experiment as the base 'X'. {TAKE_OUT}",
        f"row 'C': is the same experiment as row 'B'. {TAKE_OUT}",
    ]
