"""Semantic and colour similarity, against plain loops and at limits computed by hand."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from silktune.core import similarity
from tests import reference

labels_of_images = hnp.arrays(np.int64, st.tuples(st.integers(1, 7), st.integers(1, 5)), elements=st.integers(-1, 3))


def semantic(labels, background):
    Y, u = similarity.semantic(torch.as_tensor(labels), torch.as_tensor(background))
    return Y.tolist(), u.tolist()


@given(labels_of_images, st.data())
def test_semantic_is_the_reference(labels, data):
    background = data.draw(st.lists(st.sampled_from([-1, 3]), min_size=labels.shape[1], max_size=labels.shape[1]))
    Y, u = semantic(labels, background)
    expected_Y, expected_u = reference.semantic_similarity(labels.tolist(), background)
    np.testing.assert_allclose(Y, expected_Y, rtol=1e-6)
    np.testing.assert_allclose(u, expected_u, rtol=1e-6)


@given(labels_of_images, st.data())
def test_over_comparable_variables_it_is_counted_by_hand(labels, data):
    background = data.draw(st.lists(st.sampled_from([-1, 3]), min_size=labels.shape[1], max_size=labels.shape[1]))
    seen = torch.as_tensor(labels), torch.as_tensor(background)
    Y, u = similarity.semantic(*seen, margin="comparable")
    for i in range(len(labels)):
        for o in range(len(labels)):
            pair = labels.tolist(), i, o, background
            comparable = labels.shape[1] - reference.count_not_comparable(*pair)
            assert u[i, o] == (comparable == 0)
            assert Y[i, o].item() == pytest.approx(reference.count_equal(*pair) / max(comparable, 1))
    if all(0 <= label < 3 for label in labels.flat):
        assert all(map(torch.equal, (Y, u), similarity.semantic(*seen)))


def test_all_labels_known_and_the_same():
    assert semantic([[1, 2], [1, 2]], [-1, -1]) == ([[1, 1], [1, 1]], [[0, 0], [0, 0]])


def test_all_labels_unknown():
    assert semantic([[-1, -1], [-1, -1]], [-1, -1]) == ([[0, 0], [0, 0]], [[1, 1], [1, 1]])


def test_background_is_comparable_with_a_class_but_not_with_background():
    Y, u = semantic([[3], [3], [0]], [3])
    assert Y == [[0, 0, 0], [0, 0, 0], [0, 0, 1]]
    assert u == [[1, 1, 0], [1, 1, 0], [0, 0, 0]]


def test_the_same_id_is_a_class_where_the_variable_has_no_background():
    assert semantic([[3], [3]], [-1]) == ([[1, 1], [1, 1]], [[0, 0], [0, 0]])


descriptors_of_images = hnp.arrays(
    np.float64, st.tuples(st.integers(1, 6), st.just(25)), elements=st.integers(0, 50176).map(float)
)


@given(descriptors_of_images)
def test_colour_is_the_reference(descriptors):
    rho = similarity.colour(torch.as_tensor(descriptors))
    np.testing.assert_allclose(rho, reference.colour_similarity(descriptors.tolist()), atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_colour_limits(dtype):
    h = torch.zeros(4, 25, dtype=dtype)
    h[0, 3] = 50176  # one colour
    h[1, 3] = 1  # the same, of a smaller image
    h[2] = 0.1  # constant, and its mean is not exactly 0.1
    h[3] = 5 - h[1]  # what 1 has not
    rho = similarity.colour(h)
    assert rho.dtype == dtype
    expected = [[1, 1, 0, -1], [1, 1, 0, -1], [0, 0, 0, 0], [-1, -1, 0, 1]]
    torch.testing.assert_close(rho, torch.tensor(expected, dtype=dtype))
    assert rho.abs().max() <= 1
    assert torch.equal(rho[2], torch.zeros(4, dtype=dtype))


def test_two_colours_apart_are_slightly_anticorrelated():
    rho = similarity.colour(torch.eye(25)[:2])
    assert rho[0, 1].item() == pytest.approx(-1 / 24)
