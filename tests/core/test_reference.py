"""The plain loops themselves, at limits a person can compute."""

import math

import pytest

from tests import reference


def test_class_statistics():
    # ζ = 0.9, 0.1: one of two is under-represented, d(ζ, e) = 0.4, d(τ, e) = 1/2
    assert reference.class_statistics([90, 10]) == (2, 1, 9.0, pytest.approx(0.8))


def test_classes_of_equal_size():
    assert reference.class_statistics([5, 5, 5]) == (3, 0, 1.0, 0.0)


@pytest.mark.parametrize(
    ("pixel", "cell"),
    [
        ((128, 128, 128), 12),  # grey: the middle
        ((255, 0, 0), 14),  # red: right, middle row
        ((0, 255, 255), 10),  # cyan: left, middle row
        ((128, 255, 0), 22),  # a quarter turn, nearly: middle column, last row
        ((127, 0, 255), 2),  # three quarters, nearly: middle column, first row
    ],
)
def test_colour_descriptor(pixel, cell):
    h = reference.colour_descriptor([[pixel] * 4] * 3)
    assert h == [12 if k == cell else 0 for k in range(25)]


def test_losses_of_nothing_are_0():
    assert reference.classification_loss([[[1.0, 2.0]]], [[-1]], 2.0) == 0
    assert reference.semantic_loss([[1.0, 0.0]], [[0]], [-1]) == 0
    assert reference.colour_loss([[1.0, 0.0]], [[1.0]]) == 0


def test_classification_of_an_even_softmax():
    assert reference.classification_loss([[[0.0, 0.0]]], [[1]], 2.0) == pytest.approx(math.log(2) / 4)


def test_f1_score():
    assert reference.f1_score([(0, 0), (0, 1), (1, 1)], 0) == pytest.approx(2 / 3)
    assert reference.f1_score([(0, 0)], 1) is None
    assert reference.f1_score([(0, 1), (1, 0)], 1) == 0
