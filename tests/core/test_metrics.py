"""F1 and OA, against plain loops and at limits computed by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support

from silktune.core import metrics
from silktune.data.variables import Variable
from silktune.errors import DataError
from tests import reference

PLACE = Variable("place", ("FR", "IT", "ES"), (60, 30, 10), background=4)
MATERIAL = Variable("material", ("animal", "metal"), (50, 50), background=0)


def scores(labels, predictions, *variables):
    return metrics.scores(np.array(labels), np.array(predictions), variables)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_is_the_reference(seed, N):
    rng = np.random.default_rng(seed)
    variables = (PLACE, MATERIAL, Variable("time", ("18", "19", "20"), (1, 200, 99), background=1))
    outputs = [len(v.classes) + (v.background > 0) for v in variables]
    labels = np.stack([rng.integers(-1, K, N) for K in outputs], 1)
    labels[0] = 0  # something to score in every variable
    predictions = np.stack([rng.integers(0, K, N) for K in outputs], 1)
    ours = metrics.scores(labels, predictions, variables)
    each, means = reference.metrics(
        labels.tolist(),
        predictions.tolist(),
        [variable.counts for variable in variables],
        [variable.background for variable in variables],
    )
    for variable, expected in zip(ours.variables, each, strict=True):
        assert {name: getattr(variable, name) for name in expected} == pytest.approx(expected)
    assert ours.mean_f1 == pytest.approx(means["f1"])
    assert ours.mean_f1_with_background == pytest.approx(means["f1_with_background"])
    assert ours.mean_f1_minority == pytest.approx(means["f1_minority"])
    assert pytest.approx(means["OA"]) == ours.OA


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_precision_recall_and_f1_are_scikit_learns_to_the_last_bit(seed, N):
    truth, predicted = np.random.default_rng(seed).integers(0, 5, (2, N))
    confusion = np.zeros((6, 6), np.int64)
    np.add.at(confusion, (truth, predicted), 1)
    expected = precision_recall_fscore_support(truth, predicted, labels=range(6), average=None, zero_division=0)[:3]
    assert np.array_equal(metrics.precision_recall_f1(confusion), np.array(expected))


def test_six_images_by_hand():
    #                FR   FR   IT   background  IT   unknown
    labels = [[0], [0], [1], [3], [1], [-1]]
    predictions = [[0], [1], [1], [1], [3], [2]]
    (place,) = scores(labels, predictions, PLACE).variables
    FR, IT, ES, background = place.classes
    assert (FR.precision, FR.recall, FR.f1, FR.support) == (1, 0.5, pytest.approx(2 / 3), 2)
    assert (IT.precision, IT.recall, IT.f1) == (pytest.approx(1 / 3), 0.5, pytest.approx(0.4))
    assert (ES.precision, ES.recall, ES.f1, ES.support) == (None, None, None, 0)
    assert (background.name, background.f1, background.support) == ("background", 0, 1)
    assert place.f1 == pytest.approx((2 / 3 + 0.4) / 2)
    assert place.f1_with_background == pytest.approx((2 / 3 + 0.4 + 0) / 3)
    assert place.f1_minority == pytest.approx(0.4)  # IT and ES are under-represented, ES has no image here
    assert pytest.approx(2 / 5) == place.OA
    assert place.labelled == 5
    assert place.confusion.matrix().tolist() == [[1, 1, 0, 0], [0, 1, 0, 1], [0, 0, 0, 0], [0, 1, 0, 0]]


def test_under_represented_is_less_than_one_kth_of_the_whole_data_set():
    (place,) = scores([[0]], [[0]], PLACE).variables
    assert [c.minority for c in place.classes] == [False, True, True, False]
    (material,) = scores([[0]], [[0]], MATERIAL).variables
    assert [c.minority for c in material.classes] == [False, False]  # 1/2 is not less than 1/2


def test_a_variable_without_labels_is_left_out_of_the_means():
    result = scores([[-1, 0], [-1, 1]], [[0, 0], [1, 0]], PLACE, MATERIAL)
    place, material = result.variables
    assert (place.f1, place.f1_with_background, place.f1_minority, place.OA) == (None,) * 4
    assert place.labelled == 0
    assert place.confusion.matrix().tolist() == [[0] * 4] * 4
    assert result.mean_f1 == material.f1 == pytest.approx(1 / 3)
    assert material.f1_minority is None
    assert result.mean_f1_minority is None
    assert result.OA == 0.5


def test_a_variable_with_background_labels_alone_has_an_accuracy_but_no_f1():
    result = scores([[3, 0], [3, 1]], [[3, 0], [0, 1]], PLACE, MATERIAL)
    place, _ = result.variables
    assert (place.f1, place.OA, place.f1_with_background) == (None, 0.5, pytest.approx(2 / 3))
    assert result.mean_f1 == 1
    assert pytest.approx(0.75) == result.OA


def test_perfect_predictions():
    labels = [[0, 0], [1, 1], [2, 0], [3, 1]]
    result = scores(labels, labels, PLACE, MATERIAL)
    assert (result.mean_f1, result.mean_f1_with_background, result.mean_f1_minority, result.OA) == (
        1,
        1,
        1,
        1,
    )


def test_the_record_survives_json():
    result = scores([[0], [1], [-1]], [[0], [2], [1]], PLACE)
    assert type(result).model_validate_json(result.model_dump_json()) == result


@pytest.mark.parametrize("labels", [[[-1], [-1]], [[3], [3]]], ids=["unknown", "background"])
def test_nothing_to_score(labels):
    with pytest.raises(DataError, match=r"None of the 2 images has a label .* for place: nothing to score"):
        scores(labels, [[0], [0]], PLACE)


@given(st.integers(0, 2**32 - 1))
def test_images_permuted_change_nothing(seed):
    rng = np.random.default_rng(seed)
    labels, predictions = rng.integers(-1, 4, (20, 1)), rng.integers(0, 4, (20, 1))
    labels[0] = 0
    order = rng.permutation(20)
    assert scores(labels[order], predictions[order], PLACE) == scores(labels, predictions, PLACE)
