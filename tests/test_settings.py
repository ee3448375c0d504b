"""Settings: names, limits, what a person wrote, and every complaint as a sentence."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from silktune.errors import SettingsError
from silktune.settings import Experiment, names, parse, spell
from silktune.settings.descriptions import describe
from silktune.settings.trunks import BLOCKS
from silktune.settings.value_text import alike


def said(changes: dict[str, Any], where: str = "") -> list[str]:
    with pytest.raises(SettingsError) as caught:
        Experiment().with_(changes, where)
    return str(caught.value).split("\n")


def test_names_are_sections_and_fields() -> None:
    assert len(names()) == len(set(names())) == 33
    assert {name.split(".")[0] for name in names()} == {"data", "net", "loss", "train"}
    assert tuple(Experiment().flat()) == names()


def test_every_setting_has_an_origin_and_ours_says_why() -> None:
    described = describe()
    assert tuple(d.name for d in described) == names()
    assert {d.origin for d in described} == {"P23", "released code", "ours"}
    assert all(d.why for d in described if d.origin in ("ours", "released code"))
    assert {d.name: d.symbol for d in described if d.symbol} == {
        "net.NB_RN": "NB_RN", "net.NN_jfc": "NN_jfc", "net.NN_tfc": "NN_tfc", "loss.gamma": "γ",
        "loss.lambda_C": "λ_C", "loss.lambda_aux": "λ_aux", "loss.alpha_sem": "α_sem", "loss.alpha_co": "α_co",
        "loss.alpha_slf": "α_slf", "loss.tau": "τ", "loss.beta": "β", "train.batch_size": "N^MB",
        "train.self_views": "V",
    }  # fmt: skip


def test_defaults_are_the_papers() -> None:
    flat = Experiment().flat()
    p23 = {
        "data.image_size": 224, "net.trunk": "resnet152", "net.NB_RN": 3, "net.NN_jfc": (1024,), "net.NN_tfc": (128,),
        "net.dropout": 0.3, "loss.gamma": 2.0, "loss.lambda_C": 1.0, "loss.lambda_aux": 1.0, "loss.alpha_sem": 0.5,
        "loss.alpha_co": 0.5, "loss.alpha_slf": 0.5, "train.learning_rate": 1e-4, "train.batch_size": 300,
        "train.sampling": "random",
    }  # fmt: skip
    assert {name: flat[name] for name in p23} == p23


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("loss.lamda_aux", 0.5, "loss.lamda_aux is no setting. Did you mean loss.lambda_aux?"),
        ("loss.gamma", -1, "loss.gamma cannot be -1: it should be greater than or equal to 0."),
        ("loss.gamma", "much", "loss.gamma cannot be 'much': it should be a valid number, "
         "unable to parse string as a number."),
        ("loss.gamma", float("nan"), "loss.gamma cannot be nan: it should be a finite number."),
        ("loss.gamma", None, "loss.gamma cannot be None: it should be a valid number."),
        ("net.dropout", 1, "net.dropout cannot be 1: it should be less than 1."),
        ("train.learning_rate", 0, "train.learning_rate cannot be 0: it should be greater than 0."),
        ("train.batch_size", 1, "train.batch_size cannot be 1: it should be greater than or equal to 2."),
        ("train.batch_size", 2.5, "train.batch_size cannot be 2.5: it should be a valid integer, "
         "got a number with a fractional part."),
        ("train.sampling", "fair", "train.sampling cannot be 'fair': it should be random or balanced."),
        ("net.NN_jfc", (), "net.NN_jfc cannot be (): it should have at least 1 item, not 0."),
        ("net.NN_jfc", [64, 0], "net.NN_jfc cannot be 0: it should be greater than or equal to 1."),
        ("net.NB_RN", 51, "net.NB_RN is 51, but resnet152 has 50 residual blocks."),
        ("net.trunk", "resnet5", "net.trunk: there is no resnet5. Did you mean resnet50?"),
        ("loss.gamma", True, "loss.gamma cannot be True: no setting is true or false."),
        ("net.NN_jfc", [8, True], "net.NN_jfc cannot be True: no setting is true or false."),
        ("net.weights", "", "net.weights cannot be '': it should have at least 1 character."),
    ],
)  # fmt: skip
def test_a_complaint_is_a_sentence(name: str, value: Any, sentence: str) -> None:
    assert said({name: value}) == [sentence]


def test_what_does_not_go_together() -> None:
    assert said({"net.trunk": "resnet18", "net.NB_RN": 9}) == ["net.NB_RN is 9, but resnet18 has 8 residual blocks."]
    assert said({"loss.lambda_C": 0, "loss.lambda_aux": 0}) == [
        "loss.lambda_C is 0 and so is every weight of the auxiliary clustering: nothing to train."
    ]
    assert Experiment().with_({"net.trunk": "resnet18", "net.NB_RN": BLOCKS["resnet18"]}).net.NB_RN == 8


def test_a_name_that_is_near_none_is_told_all() -> None:
    (sentence,) = said({"x": 1})
    assert sentence.startswith("x is no setting. There is: data.variables, data.image_size, ")


def test_all_complaints_are_said_at_once_and_where() -> None:
    assert said({"loss.gama": 1, "net.dropout": 2, "train.seed": -1}, "command line") == [
        "command line: loss.gama is no setting. Did you mean loss.gamma?",
        "command line: net.dropout cannot be 2: it should be less than 1.",
        "command line: train.seed cannot be -1: it should be greater than or equal to 0.",
    ]


def test_an_experiment_does_not_change() -> None:
    experiment = Experiment()
    other = experiment.with_({"loss.gamma": 0})
    assert (experiment.loss.gamma, other.loss.gamma) == (2.0, 0.0)
    with pytest.raises(ValidationError):
        experiment.loss.gamma = 1.0  # type: ignore[misc]
    assert experiment == Experiment()
    assert hash(experiment.loss) == hash(Experiment().loss)


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("loss.gamma=0", "loss.gamma", 0),
        ("loss.gamma=1e-3", "loss.gamma", 1e-3),
        (" loss.gamma = 2 ", "loss.gamma", 2),
        ("net.NN_jfc=[1024,32]", "net.NN_jfc", [1024, 32]),
        ("net.NN_jfc=1024,32", "net.NN_jfc", (1024, 32)),
        ("net.NN_tfc=()", "net.NN_tfc", ()),
        ("net.trunk=resnet18", "net.trunk", "resnet18"),
        ("net.weights=a=b.pth", "net.weights", "a=b.pth"),
        ("net.weights=", "net.weights", ""),
        ("data.variables=place,time", "data.variables", "place,time"),
    ],
)
def test_the_command_lines_words(text: str, name: str, value: Any) -> None:
    assert parse(text) == (name, value)


def test_a_word_without_equals() -> None:
    with pytest.raises(SettingsError) as caught:
        parse("loss.gamma")
    assert str(caught.value) == "command line: 'loss.gamma' is no setting; settings are written name=value."


@pytest.mark.parametrize("written", ["[1024, 32]", "1024,32", "(1024,32)", [1024, 32], (1024, 32), "[1024,32,]"])
def test_a_list_however_a_person_writes_it(written: object) -> None:
    assert Experiment().with_({"net.NN_jfc": written}).net.NN_jfc == (1024, 32)


@pytest.mark.parametrize("written", ["[]", "()", "", [], ()])
def test_no_layers(written: object) -> None:
    assert Experiment().with_({"net.NN_tfc": written}).net.NN_tfc == ()


def test_one_layer_and_names() -> None:
    assert Experiment().with_({"net.NN_tfc": 64}).net.NN_tfc == (64,)
    variables = Experiment().with_({"data.variables": "['place', time]"}).data.variables
    assert variables == ("place", "time")


class TestEffective:
    def test_weights_that_do_nothing_are_0(self) -> None:
        without = Experiment().with_({"loss.lambda_aux": 0}).effective()
        assert [without.flat()[f"loss.alpha_{term}"] for term in ("sem", "co", "slf")] == [0, 0, 0]
        alphas = dict.fromkeys(("loss.alpha_sem", "loss.alpha_co", "loss.alpha_slf"), 0.0)
        assert Experiment().with_(alphas).effective() == without

    def test_beta_does_nothing_without_class_weights(self) -> None:
        beta = Experiment().with_({"loss.beta": 0.5})
        assert beta.effective() == Experiment()
        weighted = beta.with_({"loss.class_weights": "effective"})
        assert weighted.effective() == weighted

    def test_of_what_has_an_effect_is_the_same(self) -> None:
        assert Experiment().effective() == Experiment()
        assert Experiment().effective().effective() == Experiment()


WORDS = st.text(min_size=1, max_size=20) | st.sampled_from(
    ["a,b", "2020", "[x]", "True", "None", "none", "1e5", "0x1F", "1_000", "a b", " a", "a ", "#", "a#b", "a=b", "=",
     "'", '"', "it's", "'quoted'", '"a,b"', "()", "[", "]", "(old) a (new)", "...", "{}", "b'x'", "\\", "C:\\new", "\n",
     "\u00a0", "\ufeff", "絹", "-1", "2+3j", "1 # x", "$HOME", "`x`", "~", "*", "", "((((" * 60]
)  # fmt: skip
NODES = st.lists(st.integers(1, 65536), min_size=1, max_size=4).map(tuple)
SHARE = st.floats(0, 1, allow_nan=False)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "data.variables": st.lists(WORDS, max_size=4, unique=True).map(tuple),
    "data.image_size": st.integers(16, 1024), "data.crop": st.sampled_from(["whole", "centre"]),
    "data.split_seed": st.integers(0, 2**70), "data.min_records": st.integers(3, 10**6),
    "data.background": st.sampled_from(["class", "unknown"]), "data.split_by": WORDS,
    "net.trunk": st.sampled_from(["resnet50", "resnet101", "resnet152"]), "net.weights": WORDS.filter(bool),
    "net.NB_RN": st.integers(0, 16), "net.NN_jfc": NODES, "net.NN_tfc": NODES | st.just(()),
    "net.dropout": st.floats(0, 1, exclude_max=True), "loss.gamma": st.floats(0, 10),
    "loss.lambda_C": SHARE.filter(bool), "loss.lambda_aux": SHARE, "loss.alpha_sem": SHARE, "loss.alpha_co": SHARE,
    "loss.alpha_slf": SHARE, "loss.tau": st.floats(0, 10), "loss.class_weights": st.sampled_from(["none", "effective"]),
    "loss.beta": st.floats(0, 1, exclude_max=True), "loss.task_weights": st.sampled_from(["labels", "equal"]),
    "loss.sem_margin": st.sampled_from(["all", "comparable"]),
    "train.learning_rate": st.floats(0, 1, exclude_min=True),
    "train.batch_size": st.integers(2, 65536), "train.sampling": st.sampled_from(["random", "balanced"]),
    "train.max_epochs": st.integers(1, 100_000), "train.patience": st.integers(1, 100_000),
    "train.stop_on": st.sampled_from(["L", "C", "mean_f1"]),
    "train.precision": st.sampled_from(["float32", "bfloat16"]),
    "train.self_views": st.integers(0, 64), "train.seed": st.integers(0, 2**62 - 1),
}  # fmt: skip


class TestSpelling:
    """What is printed as name=value can be pasted back."""

    def test_every_setting_is_tried(self) -> None:
        assert tuple(VALUES) == names()

    @settings(max_examples=400, deadline=None)
    @given(st.fixed_dictionaries(VALUES))
    def test_what_is_spelled_is_parsed_to_the_same(self, values: dict[str, Any]) -> None:
        experiment = Experiment().with_(values)
        words = [f"{name}={spell(value)}" for name, value in experiment.flat().items()]
        assert Experiment().with_(dict(map(parse, words))) == experiment
        shell = shlex.split(shlex.join(words))
        assert Experiment().with_(dict(map(parse, shell))) == experiment

    @pytest.mark.parametrize(
        ("value", "spelled"),
        [
            ((1024, 32), "1024,32"), ([1024, 32], "1024,32"), ((), "[]"), (("a", "b c"), "a,b c"),
            (("a,b", "2020", "[x]", "True"), '"a,b","2020","[x]","True"'), ("2020", '"2020"'), ("", '""'),
            ("resnet18", "resnet18"), ("a=b#.pth", "a=b#.pth"), (2.0, "2"), (1e-4, "0.0001"),
            (0.1 + 0.2, "0.30000000000000004"),
            (3, "3"), (True, "True"), (None, "None"), ("絹", "絹"), ("a\nb", r'"a\nb"'),
        ],
    )  # fmt: skip
    def test_as_a_person_writes_it(self, value: object, spelled: str) -> None:
        assert spell(value) == spelled

    def test_names_with_brackets_of_their_own(self) -> None:
        assert Experiment().with_({"data.variables": "time,place (country)"}).data.variables == (
            "time", "place (country)",
        )  # fmt: skip

    def test_an_older_spelling_is_the_same_value(self) -> None:
        assert alike("[1024, 32]", "[1024,32]")
        assert alike("2.0", "2")
        assert not alike("[1024]", "1024")
        assert not alike("a", "b")
