"""Search spaces: what is shipped, what is wrong with a file, which points there are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from silktune.errors import SettingsError, SilktuneError, SpaceError
from silktune.settings import Experiment
from silktune.study import range_steps, space_file

Write = Callable[[str], str]
GAMMA = "search: {loss.gamma: {low: 0, high: 1}}\n"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a space and gives its path."""

    def write(text: str) -> str:
        (tmp_path / "s.yaml").write_text(text, encoding="utf-8")
        return str(tmp_path / "s.yaml")

    return write


class TestShipped:
    def test_spaces_load(self) -> None:
        files = [path for folder in space_file.shelves() for path in folder.glob("*.yaml")]
        assert {path.stem for path in files} >= {"silknet", "frozen", "quick"}
        for path in files:
            loaded = space_file.load(path.stem, {})
            assert loaded.question.endswith(("?", "."))
            assert loaded.dimensions
            for point in loaded.first.values():
                loaded.experiment(point)

    def test_silknet_searches_every_setting_of_the_issue(self) -> None:
        searched = {dimension.name for dimension in space_file.load("silknet", {}).dimensions}
        assert searched == {
            "train.learning_rate", "net.NB_RN", "net.NN_jfc", "net.NN_tfc", "loss.gamma",
            "loss.lambda_aux", "loss.alpha_sem", "loss.alpha_co", "loss.alpha_slf",
        }  # fmt: skip

    def test_silknet_begins_with_the_papers(self) -> None:
        loaded = space_file.load("silknet", {})
        assert loaded.base == Experiment()  # λ_C among them, which is 1
        assert loaded.experiment(loaded.first["P23 MTL^fo+R^all"]) == Experiment()
        mtl = Experiment().with_({"loss.gamma": 0, "loss.lambda_aux": 0}).effective()
        assert loaded.experiment(loaded.first["P23 MTL"]) == mtl
        p22 = loaded.experiment(loaded.first["P22 C*+co+sem"])
        assert (p22.net.NB_RN, p22.net.NN_jfc, p22.net.NN_tfc) == (0, (1024, 32), ())

    @pytest.mark.parametrize(("name", "blocks"), [("frozen", [0]), ("quick", [0])])
    def test_small_machines_train_little_of_a_small_trunk(self, name: str, blocks: list[int]) -> None:
        loaded = space_file.load(name, {})
        assert (loaded.base.net.trunk, loaded.base.net.weights) == ("timm/tf_efficientnet_lite0", "pretrained")
        searched = [list(d.choices) for d in loaded.dimensions if d.name == "net.NB_RN"]
        assert (searched or [[loaded.base.net.NB_RN]]) == [blocks]
        assert loaded.base.loss.alpha_slf == 0  # a view of its own would have to pass the trunk in every step

    def test_frozen_takes_any_trunk(self) -> None:
        loaded = space_file.load("frozen", {"net.trunk": "resnet152", "data.image_size": 160})
        assert loaded.experiment(loaded.first["MTL^la"]).net.trunk == "resnet152"

    def test_frozen_searches_every_setting_of_the_issue(self) -> None:
        searched = {dimension.name for dimension in space_file.load("frozen", {}).dimensions}
        assert searched == {
            "train.learning_rate", "net.NN_jfc", "net.NN_tfc", "net.dropout", "loss.gamma", "loss.tau",
            "loss.lambda_aux", "loss.alpha_sem", "loss.alpha_co",
        }  # fmt: skip

    def test_an_unknown_name_is_told_the_nearest(self) -> None:
        with pytest.raises(
            SpaceError, match=r"'silkent' is neither a file nor a shipped search space. Did you mean silknet"
        ):
            space_file.load("silkent", {})


@pytest.mark.parametrize(
    ("text", "complaints"),
    [
        ("", ["is no mapping with the keys question, set, search, first, asha."]),
        ("sarch: {}", ["sarch is no key of a search space. Did you mean search?"]),
        ("search: [a]", ["search: ['a'] should be a mapping, name: value."]),
        (GAMMA + "set: text", ["set: 'text' should be a mapping, name: value."]),
        (GAMMA + "set: {1: 2}", ["set: 1 should be a name."]),
        (GAMMA + "first: {P: [1]}", ["first: P: [1] should be a mapping, name: value."]),
        (
            GAMMA + "set: {loss.lamda_aux: 1, net.dropout: 2}",
            [
                "set: loss.lamda_aux is no setting. Did you mean loss.lambda_aux?",
                "set: net.dropout cannot be 2: it should be less than 1.",
            ],
        ),
        ("question: x",
         ["there is nothing to search. Name settings under `search:`, or fix fewer on the command line."]),
        ("search: {loss.gama: {low: 0, high: 1}}", ["search: loss.gama is no setting. Did you mean loss.gamma?"]),
        ("search: {loss.gamma: 5}", ["search: loss.gamma: 5 should be {choices: [...]} or {low: ..., high: ...}."]),
        ("search: {loss.gamma: {low: 0, hihg: 1}}", [
            "search: loss.gamma: hihg is no key here. Did you mean high?",
            "search: loss.gamma: a range needs the numbers low and high, a choice needs choices.",
        ]),
        ("search: {loss.gamma: {low: 2, high: 1}}", [
            "search: loss.gamma: low 2 must be below high 1; with log above 0 and without step."
        ]),
        ("search: {loss.gamma: {low: 0, high: 1, log: true}}", [
            "search: loss.gamma: low 0 must be below high 1; with log above 0 and without step."
        ]),
        ("search: {loss.gamma: {low: 1, high: 2, log: perhaps}}", [
            "search: loss.gamma: log: 'perhaps' should be true or false."
        ]),
        ("search: {loss.gamma: {low: 1, high: 2, log: 'yes'}}", [
            "search: loss.gamma: log: 'yes' should be true or false."
        ]),
        (GAMMA + "question: 5\nfirst: {P: {loss.gamma: 7}, 1: {}}\nset: {2020-01-01: 1}", [
            "question: 5 should be text. Put it in quotes.",
            "set: datetime.date(2020, 1, 1) should be a name.",
            "first: 1 should be a name.",
        ]),
        ("search: {loss.gamma: {low: 0, hgh: 1}, loss.tau: 5, net.dropout: {choices: [0, 7]}}", [
            "search: loss.gamma: hgh is no key here. Did you mean high?",
            "search: loss.tau: 5 should be {choices: [...]} or {low: ..., high: ...}.",
            "search: loss.gamma: a range needs the numbers low and high, a choice needs choices.",
            "search: net.dropout: net.dropout cannot be 7: it should be less than 1.",
        ]),
        ("search: {loss.gamma: {low: 0, high: 99}}", [
            "search: loss.gamma: loss.gamma cannot be 99.0: it should be less than or equal to 10."
        ]),
        ("search: {loss.gamma: {low: 0, high: 1, log: true, step: 0.5}}", [
            "search: loss.gamma: low 0 must be below high 1; with log above 0 and without step."
        ]),
        ("search: {loss.gamma: {low: 0, high: .inf}}", [
            "search: loss.gamma: a range needs the numbers low and high, a choice needs choices."
        ]),
        ("search: {loss.gamma: {low: false, high: true}}", [
            "search: loss.gamma: a range needs the numbers low and high, a choice needs choices."
        ]),
        ("search: {loss.gamma: {low: 0, high: 1, step: 0}}", ["search: loss.gamma: step 0 must be above 0."]),
        ("search: {loss.gamma: {low: 0, high: 1, step: 0.3}}", [
            "search: loss.gamma: step 0.3 does not divide the range from 0 to 1: it ends at 0.9. "
            "Write step: 0.25, or high: 0.9."
        ]),
        ("search: {loss.gamma: {low: 0.1, high: 0.7, step: 0.25}}", [
            "search: loss.gamma: step 0.25 does not divide the range from 0.1 to 0.7: it ends at 0.6. "
            "Write step: 0.2 or step: 0.3, or high: 0.6."
        ]),
        ("search: {loss.gamma: {low: 0, high: 1, step: 5}}", [
            "search: loss.gamma: step 5 is longer than the range from 0 to 1. Write step: 1."
        ]),
        ("search: {train.learning_rate: {low: 1.0e-5, high: 1.0e-4, step: 4.0e-5}}", [
            "search: train.learning_rate: step 4e-05 does not divide the range from 1e-05 to 0.0001: it ends at 9e-05. "
            "Write step: 4.5e-05, or high: 9e-05."
        ]),
        ("search: {net.NB_RN: {low: 0, high: 8, step: 3}}", [
            "search: net.NB_RN: step 3 does not divide the range from 0 to 8: it ends at 6. "
            "Write step: 2 or step: 4, or high: 6."
        ]),
        ("search: {loss.gamma: {low: 0, high: 1, step: 0.1}}\nfirst: {P: {loss.gamma: 0.25}}", [
            "first: P: loss.gamma=0.25 is not in the space (0 … 1, step 0.1)."
        ]),
        ("search: {net.NB_RN: {low: 0, high: 8, step: 4}}\nfirst: {P: {net.NB_RN: 3}}", [
            "first: P: net.NB_RN=3 is not in the space (0 … 8, step 4)."
        ]),
        ("search: {loss.gamma: {low: 0, high: 1}}\nfirst: {P: {loss.gamma: true}}", [
            "first: P: loss.gamma=True is not in the space (0 … 1)."
        ]),
        ("search: {net.NB_RN: {low: 0.5, high: 3}}", ["search: net.NB_RN: low, high and step must be whole numbers."]),
        ("search: {loss.gamma: {choices: []}}", [
            "search: loss.gamma: choices is empty; name at least one value, or take the setting out."
        ]),
        ("search: {loss.gamma: {choices: [1, 2, 1.0]}}", ["search: loss.gamma: choices has 1 twice."]),
        ("search: {loss.gamma: {choices: [1], low: 0}}", [
            "search: loss.gamma: has choices and low: it is either a choice or a range."
        ]),
        ("search: {loss.gamma: {low: 0, high: 1, unless: {loss.lamda_aux: 0}}}", [
            "search: loss.gamma: unless: loss.lamda_aux is no setting. Did you mean loss.lambda_aux?"
        ]),
        ("search: {loss.gamma: {low: 0, high: 1, unless: 0.5}}", [
            "search: loss.gamma: unless: 0.5 should be a mapping, name: value."
        ]),
        ("search: {loss.alpha_co: {choices: [0, 1], unless: {loss.gamma: 0}}, loss.gamma: {choices: [0, 1]}}", [
            "search: loss.alpha_co: unless names loss.gamma, which must stand before it."
        ]),
        ("search: {net.trunk: {choices: [resnet18, resnet152]}, net.NB_RN: {low: 0, high: 9}}", [
            "search: net.trunk=resnet18 with net.NB_RN=9: net.NB_RN is 9, but resnet18 has 8 residual blocks."
        ]),
        (GAMMA + "first: {P: {loss.gamma: 5}, Q: {}, R: {loss.gamma: 1, loss.gama: 1},"
         " S: {loss.gamma: 1, net.NB_RN: 1}}", [
            "first: P: loss.gamma=5 is not in the space (0 … 1).",
            "first: Q: has no value for loss.gamma.",
            "first: R: loss.gama is no setting. Did you mean loss.gamma?",
            "first: S: net.NB_RN=1 is not searched. Name it under `search:`.",
        ]),
        ("search: {net.NB_RN: {low: 0, high: 4}}\nfirst: {P: {net.NB_RN: 2.5}}", [
            "first: P: net.NB_RN=2.5 is not in the space (0 … 4)."
        ]),
        (GAMMA + "asha: 5", ["asha: 5 should be {min_epochs: 1 or more, reduction: 2 or more}."]),
        (GAMMA + "asha: {min_epochs: 0, reduction: 1}", [
            "asha: {'min_epochs': 0, 'reduction': 1} should be {min_epochs: 1 or more, reduction: 2 or more}."
        ]),
    ],
)  # fmt: skip
def test_a_complaint_is_a_sentence_with_its_place(write: Write, text: str, complaints: list[str]) -> None:
    path = write(text)
    with pytest.raises(SpaceError) as caught:
        space_file.load(path, {})
    assert str(caught.value).split("\n") == [f"{path}: {complaint}" for complaint in complaints]


def test_a_key_that_is_there_twice(write: Write) -> None:
    with pytest.raises(SpaceError, match=r"loss\.gamma is there twice .*line 2"):
        space_file.load(write("set: {loss.gamma: 1,\n  loss.gamma: 2}"), {})


def test_what_is_no_yaml(write: Write) -> None:
    path = write("[1")
    with pytest.raises(SpaceError) as caught:
        space_file.load(path, {})
    assert str(caught.value).startswith(f"{path}: cannot be read as YAML: ")
    assert "\n" not in str(caught.value)


class TestOverrides:
    def test_fix_a_setting(self, write: Write) -> None:
        text = "search: {loss.gamma: {low: 0, high: 1}, net.NB_RN: {low: 0, high: 4}}\nset: {net.dropout: 0.1}"
        loaded = space_file.load(write(text), {"loss.gamma": 3, "net.dropout": 0})
        assert [dimension.name for dimension in loaded.dimensions] == ["net.NB_RN"]
        assert (loaded.base.loss.gamma, loaded.base.net.dropout) == (3.0, 0.0)

    def test_fix_a_setting_on_which_others_depend(self) -> None:
        names = {d.name for d in space_file.load("silknet", {"loss.lambda_aux": 0.0}).dimensions}
        assert names == {"train.learning_rate", "net.NB_RN", "net.NN_jfc", "net.NN_tfc", "loss.gamma"}

    def test_have_the_last_word(self, write: Write) -> None:
        assert space_file.load(write(GAMMA + "set: {net.dropout: 7}"), {"net.dropout": 0.5}).base.net.dropout == 0.5

    def test_that_are_wrong_are_the_command_lines(self, write: Write) -> None:
        with pytest.raises(SpaceError) as caught:
            space_file.load(write(GAMMA), {"net.dropout": 7, "loss.gama": 1})
        assert str(caught.value).split("\n") == [
            "command line: loss.gama is no setting. Did you mean loss.gamma?",
            "command line: net.dropout cannot be 7: it should be less than 1.",
        ]

    def test_that_fit_only_together_with_the_file(self, write: Write) -> None:
        path = write(GAMMA + "set: {net.trunk: resnet18}")
        assert space_file.load(path, {"net.NB_RN": 8}).base.net.NB_RN == 8
        with pytest.raises(
            SpaceError, match=r"s\.yaml: set, with the command line: net\.NB_RN is 9, but resnet18 has 8"
        ):
            space_file.load(path, {"net.NB_RN": 9})

    def test_of_everything_leave_nothing(self, write: Write) -> None:
        with pytest.raises(SpaceError, match="there is nothing to search"):
            space_file.load(write(GAMMA), {"loss.gamma": 1})


class TestPoints:
    TEXT = (
        "search:\n  loss.lambda_aux: {choices: [0, 0.5]}\n"
        "  loss.alpha_co: {low: 0.0, high: 1.0, step: 0.5, unless: {loss.lambda_aux: 0}}\n"
        "  net.NB_RN: {low: 0, high: 4, step: 4}\n"
    )

    def test_a_grid_has_every_point_once(self, write: Write) -> None:
        grid = space_file.load(write(self.TEXT), {}).grid()
        assert grid == [
            *({"loss.lambda_aux": 0, "net.NB_RN": n} for n in (0, 4)),
            *({"loss.lambda_aux": 0.5, "loss.alpha_co": a, "net.NB_RN": n} for a in (0, 0.5, 1) for n in (0, 4)),
        ]
        assert all(isinstance(point["net.NB_RN"], int) for point in grid)

    def test_a_grid_needs_steps(self, write: Write) -> None:
        with pytest.raises(SpaceError, match=r"loss\.gamma is a range without a step: a grid needs choices or a step"):
            space_file.load(write(GAMMA), {}).grid()

    def test_a_condition_rules_a_setting_out(self, write: Write) -> None:
        loaded = space_file.load(write(self.TEXT), {})
        values = {"loss.lambda_aux": 0.0, "loss.alpha_co": 0.7, "net.NB_RN": 1}
        assert loaded.project(values) == {"loss.lambda_aux": 0.0, "net.NB_RN": 1}
        assert loaded.project(values | {"loss.lambda_aux": 0.5})["loss.alpha_co"] == 0.7
        experiment = loaded.experiment(values)
        assert (experiment.loss.lambda_aux, experiment.loss.alpha_co) == (0, 0)

    def test_numbers_that_yaml_takes_for_text(self, write: Write) -> None:
        text = (
            "search: {train.learning_rate: {low: 1e-5, high: 1e-2, log: true}}\nfirst: {P: {train.learning_rate: 1e-4}}"
        )
        assert isinstance(yaml.safe_load(text)["first"]["P"]["train.learning_rate"], str)
        assert space_file.load(write(text), {}).first == {"P": {"train.learning_rate": 1e-4}}

    def test_what_it_is_as_json_tells_spaces_apart(self, write: Write) -> None:
        first = space_file.load(write(self.TEXT), {}).model_dump_json()
        assert space_file.load(write(self.TEXT), {}).model_dump_json() == first
        assert space_file.load(write(self.TEXT), {"net.dropout": 0.2}).model_dump_json() != first
        assert space_file.load(write(self.TEXT.replace("0.5]", "0.6]")), {}).model_dump_json() != first


def test_its_networks_are_every_trunk_as_deep_as_any_trial_trains_it(write: Write) -> None:
    trunks = "net.trunk: {choices: [resnet18, timm/convnext_atto]}"
    for depths, deepest in (("{low: 1, high: 5}", 5), ("{choices: [2, 8, 0]}", 8)):
        nets = space_file.load(write(f"search: {{{trunks}, net.NB_RN: {depths}}}\n"), {}).nets()
        assert {(net.trunk, net.NB_RN) for net in nets} == {("resnet18", deepest), ("timm/convnext_atto", deepest)}


class TestExperiment:
    def test_a_file_and_overrides(self, write: Write) -> None:
        path = write("set: {loss.gamma: 1, net.dropout: 0.1}")
        assert space_file.experiment(path, {"loss.gamma": 3}) == Experiment().with_(
            {"loss.gamma": 3, "net.dropout": 0.1}
        )
        assert space_file.experiment("", {}) == Experiment()

    @pytest.mark.parametrize(
        ("text", "overrides", "kind", "sentence"),
        [
            (
                "set: {loss.gama: 1}",
                {},
                SpaceError,
                "{path}: set: loss.gama is no setting. Did you mean loss.gamma?",
            ),
            ("set: [1]", {}, SpaceError, "{path}: set: [1] should be a mapping, name: value."),
            ("{}", {"loss.gama": 1}, SettingsError, "command line: loss.gama is no setting. Did you mean loss.gamma?"),
        ],
    )
    def test_that_is_wrong(
        self, write: Write, text: str, overrides: dict[str, Any], kind: type[SilktuneError], sentence: str
    ) -> None:
        path = write(text)
        with pytest.raises(kind) as caught:
            space_file.experiment(path, overrides)
        assert str(caught.value) == sentence.format(path=path)

    def test_no_file(self) -> None:
        with pytest.raises(SpaceError, match=r"'winer.yaml' is neither a file of settings nor written name=value"):
            space_file.experiment("winer.yaml", {})


@given(st.integers(0, 50), st.integers(1, 200), st.integers(-8, 0), st.data())
def test_every_value_of_the_steps_is_the_decimal_that_a_person_writes(
    first: int, step: int, exponent: int, data: st.DataObject
) -> None:
    count = data.draw(st.integers(1, 40))
    numbers = [float(f"{first + i * step}e{exponent}") for i in range(count + 1)]
    dimension = space_file.Dimension(
        name="loss.gamma", low=numbers[0], high=numbers[-1], step=float(f"{step}e{exponent}")
    )
    assert dimension.values() == numbers
    assert all(dimension.contains(number) for number in numbers)
    assert [dimension.clean(numbers[0] + i * dimension.step) for i in range(count + 1)] == numbers  # type: ignore[operator]
    assert not dimension.contains(numbers[0] + 0.5 * dimension.step)  # type: ignore[operator]


@given(st.integers(-1000, 1000), st.integers(1, 3000), st.integers(1, 4000), st.integers(-6, 0), st.booleans())
def test_the_step_that_is_proposed_divides_the_range(
    low: int, span: int, step: int, exponent: int, whole: bool
) -> None:
    exponent = 0 if whole else exponent
    a, b, c = (float(f"{number}e{exponent}") for number in (low, low + span, step))
    proposed = range_steps.nearest_steps(a, b, c, whole=whole)
    assert all(range_steps.divides(a, b, one) for one in proposed)
    assert range_steps.divides(a, b, c) == (not range_steps.wrong(a, b, c, whole=whole))
    if c < b - a:
        assert not range_steps.wrong(a, range_steps.last(a, b, c), c, whole=whole)
