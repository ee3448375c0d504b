"""Temperatures, the calibration error, and promises of a precision that hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from silktune.model import calibration
from silktune.model.calibration import BINS, Promise, calibration_error, sharpened, temperature
from silktune.study.predictions import Predictions


def labelled(N: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that are true, and labels drawn with them."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(5, 0.7), N)
    return p.astype(np.float32), np.array([rng.choice(5, p=row) for row in p])


@pytest.mark.parametrize("T", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_what_was_too_sure_or_too_unsure(T: float) -> None:
    p, y = labelled(4000, 0)
    wrong = sharpened(p, 1 / T)  # logits T times too large
    assert temperature(wrong, y) == pytest.approx(T, rel=0.08)
    np.testing.assert_allclose(sharpened(wrong, T), p, atol=1e-4)


def test_calibration_never_changes_the_class_and_helps() -> None:
    p, y = labelled(4000, 1)
    wrong = sharpened(p, 0.3)
    right = sharpened(wrong, temperature(wrong, y))
    assert (wrong.argmax(1) == right.argmax(1)).all()
    errors = [calibration_error(q.max(1).astype(float), q.argmax(1) == y) for q in (wrong, right)]
    assert errors[1] < 0.3 * errors[0]


def test_without_labels_nothing_is_changed() -> None:
    assert temperature(np.empty((0, 3), np.float32), np.empty(0, np.int64)) == 1
    assert calibration_error(np.empty(0), np.empty(0, bool)) == 0


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_the_calibration_error_is_that_of_plain_loops(found: list[tuple[float, bool]]) -> None:
    bins: dict[int, list[tuple[float, bool]]] = {}
    for share, right in found:
        bins.setdefault(min(int(share * BINS), BINS - 1), []).append((share, right))
    expected = 0.0
    for members in bins.values():
        gap = sum(share for share, _ in members) / len(members) - sum(right for _, right in members) / len(members)
        expected += len(members) / len(found) * abs(gap)
    shares, right = (np.array(each) for each in zip(*found, strict=True))
    assert calibration_error(shares.astype(float), right) == pytest.approx(expected, abs=1e-9)


def drawn(N: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    confidence = rng.beta(8, 1.2, N)
    return confidence, rng.random(N) < confidence, np.arange(N).astype(str).astype(object)


def test_a_promise_holds_on_another_sample_in_95_of_100_cases_and_is_worth_something() -> None:
    rng, broken, coverage = np.random.default_rng(0), 0, []
    for _ in range(300):
        promise = Promise.of(*drawn(600, rng), 0.9)
        confidence, correct, _ = drawn(600, rng)
        proposed = confidence >= promise.threshold
        coverage.append(proposed.mean())
        broken += bool(proposed.any() and correct[proposed].mean() < 0.9)
    assert broken <= 15
    assert np.mean(coverage) > 0.4


def test_images_of_one_record_are_no_more_evidence_than_one() -> None:
    rng = np.random.default_rng(0)
    confidence, correct, _ = drawn(600, rng)
    correct[:] = True
    assert Promise.of(confidence, correct, np.arange(600).astype(str).astype(object), 0.9).possible
    few = Promise.of(confidence, correct, (np.arange(600) % 20).astype(str).astype(object), 0.9)
    assert not few.possible
    assert few.records == 20


def test_what_it_says_of_the_validation_set_is_counted_there() -> None:
    confidence, correct, records = drawn(900, np.random.default_rng(3))
    promise = Promise.of(confidence, correct, records, 0.85)
    above = confidence >= promise.threshold
    assert promise.possible
    assert promise.coverage == pytest.approx(above.mean(), abs=1e-9)
    assert promise.held == pytest.approx(correct[above].mean(), abs=1e-9)
    assert promise.held >= 0.85


@settings(max_examples=50)
@given(st.integers(0, 40), st.integers(0, 10_000), st.sampled_from([0.5, 0.9, 0.99]))
def test_few_images_ties_and_none_are_no_matter(N: int, seed: int, precision: float) -> None:
    rng = np.random.default_rng(seed)
    confidence = rng.choice([0.4, 0.7, 1.0], N)
    records = rng.choice(["a", "b", "c"], N).astype(object)
    promise = Promise.of(confidence, rng.random(N) < 0.5, records, precision)
    assert not promise.possible or N > 0
    assert 0 <= promise.coverage <= 1


def test_of_a_record_the_mean_counts() -> None:
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], np.float32)
    images = np.array(["a1", "b1", "a2"], object)
    found = Predictions(
        "d", images, np.array(["a", "b", "a"], object), {"v": ("x", "y")}, np.array([[-1], [1], [0]]), (p,)
    )
    record = calibration.by_record(found)
    assert record.records.tolist() == ["a", "b"]
    assert record.labels.tolist() == [[0], [1]]
    np.testing.assert_allclose(record.probabilities[0], [[0.75, 0.25], [0.2, 0.8]])
