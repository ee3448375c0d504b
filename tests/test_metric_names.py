"""No two figures and no two files share a name, whatever people call their variables and classes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silktune.outcome import ClassScores, Epoch, Scores, VariableScores
from silktune.safe_names import distinct_names, escaped, without_case_and_accents

AWKWARD = st.sampled_from([
    "place", "Place", "best", "BEST", "loss", "mean_f1", "OA", "f1", "seconds", "train", "place.of.origin", "a.b", "a",
    "b", ".", "..", "a/b", "a_2f_b", "a_2F_b", "é", "e", "e\u0301", "\uff41", "best.place", "x" * 300, "京" * 96,
])  # fmt: skip
NAMES = st.one_of(AWKWARD, st.text(min_size=1, max_size=12))
TABLES = st.dictionaries(NAMES, st.lists(NAMES, min_size=1, max_size=4, unique=True), min_size=1, max_size=5)


def scores(classes: dict[str, list[str]], value: float = 0.5) -> Scores:
    variables = tuple(
        VariableScores(
            name=variable, f1=value, f1_with_background=value, f1_minority=value, OA=value, labelled=1,
            confusion=((1,) * len(names),) * len(names),
            classes=tuple(
                ClassScores(name=name, precision=value, recall=value, f1=value, support=1, minority=False)
                for name in names
            ),
        )
        for variable, names in classes.items()
    )  # fmt: skip
    return Scores(mean_f1=value, mean_f1_with_background=value, mean_f1_minority=value, OA=value, variables=variables)


def epoch(classes: dict[str, list[str]]) -> Epoch:
    losses = dict.fromkeys(("L", "C", "aux", "sem", "co", "slf"), 1.0)
    return Epoch(number=1, train_loss=losses, validation_loss=losses, validation=scores(classes), seconds=1.0)


@given(TABLES)
def test_no_two_figures_of_a_run_share_a_name_in_any_database(classes: dict[str, list[str]]) -> None:
    made = scores(classes)
    best = {f"validation.best.{name}" for name in made.flat()}
    recorded = [*epoch(classes).flat(), *best, *(f"test.{name}" for name in made.flat())]
    assert len(made.flat()) == len(made.metrics()) == 4 + sum(4 + 3 * len(names) for names in classes.values())
    assert len({without_case_and_accents(escaped(name)) for name in recorded}) == len(recorded)
    assert len(epoch(classes).flat()) == 12 + 4 + 4 * len(classes) + 1


@given(TABLES)
def test_a_name_depends_on_no_order_and_on_no_figure_that_is_undefined(classes: dict[str, list[str]]) -> None:
    backwards = {variable: names[::-1] for variable, names in reversed(classes.items())}
    assert dict(scores(backwards).names()) == dict(scores(classes).names())
    variables = tuple(v.model_copy(update={"f1": None, "classes": v.classes}) for v in scores(classes).variables)
    without = scores(classes).model_copy(update={"variables": variables})
    assert without.flat().items() <= scores(classes).flat().items()


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        ({"place.of.origin": ["18th c."]}, {"place.of.origin.f1", "place.of.origin.18th c..f1"}),
        ({"place": ["FR", "Naples/Sicily"]}, {"place.f1", "place.FR.f1", "place.Naples/Sicily.f1"}),
        ({"f1": ["f1"], "mean_f1": ["OA"], "train": ["loss"]}, {"f1.f1.f1", "mean_f1.OA.f1", "train.loss.f1"}),
    ],
)
def test_names_that_nothing_else_has_are_plain(classes: dict[str, list[str]], expected: set[str]) -> None:
    assert expected <= scores(classes).flat().keys()


@pytest.mark.parametrize(
    ("classes", "plain"),
    [
        ({"material": ["main.silk"], "material.main": ["silk"]}, "material.main.silk.f1"),
        ({"best": ["x"]}, "best.OA"),
        ({"Loss": ["x"]}, "Loss.f1"),
        ({"cut": ["velvet", "Velvet"]}, "cut.velvet.f1"),
        ({"city": ["Orleans", "Orléans"]}, "city.Orléans.f1"),
        ({"a/b": ["x"], "a_2f_b": ["x"]}, "a/b.f1"),
    ],
)
def test_names_that_could_be_taken_for_another_get_a_digest(classes: dict[str, list[str]], plain: str) -> None:
    flat = scores(classes).flat()
    assert plain not in flat
    assert [name for name in flat if name.startswith(f"{plain}-")]


def test_a_name_that_looks_like_one_with_a_digest_gets_one_of_its_own() -> None:
    first = distinct_names({"A": "A", "a": "a"})
    trap = {"A": "A", "a": "a", first["A"]: first["A"], first["a"]: first["a"]}
    assert len({without_case_and_accents(name) for name in distinct_names(trap).values()}) == 4
