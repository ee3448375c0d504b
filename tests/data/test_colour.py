"""The colour descriptor against the plain loops of tests/reference.py and at what a person can compute."""

from __future__ import annotations

import numpy as np
import pytest

from silktune.data.colour import SIDE, descriptor, hue_saturation, r
from silktune.seeds import stream
from tests import reference


def flat(colour: tuple[int, int, int], height: int = 30, width: int = 40) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_reference(seed: int) -> None:
    image = stream(seed, "colour").integers(0, 256, (224, 224, 3)).astype(np.uint8)
    assert descriptor(image).tolist() == reference.colour_descriptor(image)


def test_it_is_the_reference_on_the_borders_of_cells() -> None:
    """Multiples of 51 have saturations of n/5, which lie on the borders."""
    image = (51 * stream(0, "borders").integers(0, 6, (224, 224, 3))).astype(np.uint8)
    assert descriptor(image).tolist() == reference.colour_descriptor(image)


@pytest.mark.parametrize("R", range(0, 256, 15))
def test_near_a_border_or_not_each_colour_is_in_the_cell_that_double_precision_says(R: int) -> None:
    """All colours with this much red: the float32 of other pixels would show as a count that moved."""
    G, B = np.meshgrid(np.arange(256), np.arange(256), indexing="ij")
    colours = np.stack([np.full_like(G, R), G, B], axis=-1).astype(np.uint8)
    for rows in (slice(0, SIDE), slice(256 - SIDE, 256)):
        for columns in (slice(0, SIDE), slice(256 - SIDE, 256)):
            H, S = hue_saturation(colours[rows, columns])
            x, y = (r / 2 * (1 + S * turned(2 * np.pi * H)) for turned in (np.cos, np.sin))
            column, row = (np.minimum(side.astype(int), r - 1).ravel() for side in (x, y))
            expected = np.bincount(row * r + column, minlength=r * r)
            assert np.array_equal(descriptor(np.ascontiguousarray(colours[rows, columns])), expected)


def test_many_pixels_on_borders_of_few_colours() -> None:
    image = np.tile(np.array([[[5, 4, 4], [255, 102, 102], [0, 255, 255], [7, 7, 7]]], np.uint8), (224, 56, 1))
    assert descriptor(image).tolist() == reference.colour_descriptor(image)


def test_hue_and_saturation_are_real_numbers() -> None:
    """OpenCV's 8-bit hue cannot tell these two apart."""
    H, S = hue_saturation(np.array([[[200, 100, 101], [200, 100, 102]]], np.uint8))
    assert H[0, 0] != H[0, 1]
    assert H[0, 0] == pytest.approx(1 - 1 / 600)
    assert S[0, 0] == 0.5


@pytest.mark.parametrize(
    ("colour", "row", "column"),
    [
        ((128, 128, 128), 2, 2),  # grey is in the middle
        ((0, 0, 0), 2, 2),
        ((255, 0, 0), 2, 4),  # red: x = r, the last cell holds its border
        ((0, 255, 255), 2, 0),  # cyan: x = 0
        ((128, 255, 0), 4, 2),  # a quarter of the circle: y = r
        ((128, 0, 255), 0, 2),  # three quarters: y = 0
        ((255, 102, 102), 2, 4),  # S = 0.6: x = 4 on the border belongs to the cell to the right
    ],
)
def test_one_colour_is_one_cell(colour: tuple[int, int, int], row: int, column: int) -> None:
    expected = np.zeros((5, 5))
    expected[row, column] = 224**2
    assert np.array_equal(descriptor(flat(colour)).reshape(5, 5), expected)


@pytest.mark.parametrize("size", [(1, 1), (20, 500), (300, 30), (224, 224), (700, 900)])
def test_every_pixel_of_the_resized_image_counts_once(size: tuple[int, int]) -> None:
    image = stream(0, "sizes").integers(0, 256, (*size, 3)).astype(np.uint8)
    found = descriptor(image)
    assert found.shape == (25,)
    assert found.dtype == np.float64
    assert found.sum() == 224**2


def test_a_turned_image_has_the_same_descriptor() -> None:
    image = stream(0, "turn").integers(0, 256, (224, 224, 3)).astype(np.uint8)
    assert np.array_equal(descriptor(image), descriptor(np.ascontiguousarray(np.rot90(image))))
