"""Distance to training images, against plain loops."""

from __future__ import annotations

import numpy as np

from silktune.model.novelty import INSIDE, NEIGHBOUR, Neighbours

RNG = np.random.default_rng(0)


def near(count: int) -> np.ndarray:
    """Features in one direction, of any length."""
    length = RNG.uniform(0.5, 9, (count, 1))
    return (length * (np.eye(16)[0] + 0.05 * RNG.normal(size=(count, 16)))).astype(np.float32)


def test_distance_is_that_to_the_k_th_nearest_unit_vector() -> None:
    train, some = near(50), near(7)
    unit, other = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (train, some))
    expected = [sorted(float(np.linalg.norm(a - b)) for b in unit)[NEIGHBOUR - 1] for a in other]
    np.testing.assert_allclose(Neighbours(unit.astype(np.float16), 1).distance(some), expected, atol=2e-3)


def test_nearly_all_of_the_same_origin_are_within_and_others_are_not() -> None:
    found = Neighbours.of(near(300), near(1000))
    assert (found.unlike(near(2000)) <= 1).mean() > INSIDE - 0.02
    assert (found.unlike(RNG.normal(size=(200, 16)).astype(np.float32)) > 1).mean() > 0.95


def test_without_validation_images_nothing_is_unlike() -> None:
    found = Neighbours.of(near(3), near(0))
    assert (found.unlike(RNG.normal(size=(20, 16)).astype(np.float32)) == 0).all()
    assert (Neighbours.of(near(0), near(5)).unlike(near(4)) <= 1).all()
