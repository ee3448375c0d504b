"""The augmentation of the self-similarity loss."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from silktune.core import augment
from tests import reference


def identity(n):
    zeros, ones = np.zeros(n), np.ones(n)
    return augment.Augmentation(
        turns=np.zeros(n, np.int64), horizontal=zeros > 0, vertical=zeros > 0, crop=ones, angle=zeros,
        hue=zeros, saturation=ones, sigma=zeros, seed=np.zeros(n, np.int64),
    )  # fmt: skip


def with_(n=2, **arrays):
    return dataclasses.replace(identity(n), **{name: np.array(value) for name, value in arrays.items()})


def images(n=2, S=16, seed=0):
    return torch.rand(n, 3, S, S, generator=torch.Generator().manual_seed(seed))


def draw(n, seed=0):
    return augment.draw(n, np.random.default_rng(seed))


def close(a, b, atol=1e-5):
    torch.testing.assert_close(a, b, atol=atol, rtol=0)


def test_the_identity_gives_the_image_back():
    x = images(40, S=21)  # more than are taken at once
    close(augment.apply(x, identity(40)), x)


def test_turn_and_flips_move_whole_pixels():
    x = images(4)
    a = with_(4, turns=[1, 0, 0, 1], horizontal=[False, True, False, True], vertical=[False, False, True, False])
    out = augment.apply(x, a)
    close(out[0], x[0].rot90(1, (1, 2)))
    close(out[1], x[1].flip(2))
    close(out[2], x[2].flip(1))
    close(out[3], x[3].rot90(1, (1, 2)).flip(2))  # first the turn, then the flip


def test_a_quarter_turn_is_an_angle_of_90_degrees():
    close(augment.apply(images(), with_(turns=[1, 1])), augment.apply(images(), with_(angle=[90.0, 90.0])))


def test_a_crop_is_around_the_centre():
    x = torch.zeros(1, 3, 20, 20)
    x[:, :, 3:17, 3:17] = 0.5  # the middle 70 %
    out = augment.apply(x, with_(1, crop=[0.7]))
    close(out[:, :, 1:-1, 1:-1], torch.full((1, 3, 18, 18), 0.5))


def test_outside_of_the_image_is_its_reflection():
    x = torch.full((1, 3, 32, 32), 0.25)
    close(augment.apply(x, with_(1, angle=[5.0])), x)


@given(st.floats(-0.05, 0.05), st.floats(0.9, 1.0), st.integers(0, 2**32 - 1))
def test_hue_and_saturation_are_the_reference(hue, saturation, seed):
    x = images(1, S=4, seed=seed)
    x[0, :, 0] = torch.tensor([[0.0, 1.0, 0.5, 0.5], [0.0, 1.0, 0.5, 0.2], [0.0, 1.0, 0.5, 0.5]])  # grey, ties
    out = augment.apply(x, with_(1, hue=[hue], saturation=[saturation]))
    for row in range(4):
        for column in range(4):
            expected = reference.tint(x[0, :, row, column].tolist(), hue, saturation)
            assert out[0, :, row, column].tolist() == pytest.approx(expected, abs=2e-5)


def test_a_hue_turned_all_the_way_round_is_the_same():
    x = images()
    close(augment.apply(x, with_(hue=[1.0, -1.0])), x)
    red = torch.tensor([1.0, 0.0, 0.0])[None, :, None, None].expand(2, 3, 4, 4)
    turned = augment.apply(red, with_(hue=[1 / 3, -1 / 3]))[:, :, 0, 0]
    close(turned, torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]))  # green, blue


def test_noise_is_gaussian_of_the_papers_deviation():
    grey = torch.full((1, 3, 128, 128), 0.5)
    noise = augment.apply(grey, with_(1, sigma=[augment.SIGMA], seed=[7])) - grey
    assert noise.std().item() == pytest.approx(0.1, rel=0.02)
    assert noise.mean().item() == pytest.approx(0, abs=0.002)
    assert ((noise.abs() < 0.1).double().mean()).item() == pytest.approx(0.683, abs=0.01)


def test_an_image_is_augmented_the_same_whatever_its_batch_mates():
    x, a = images(40), draw(40)
    together = augment.apply(x, a)
    rows = np.array([39, 3, 17])
    assert torch.equal(augment.apply(x[rows], a[rows]), together[rows])
    halves = [augment.apply(x[part], a[part]) for part in (slice(0, 20), slice(20, 40))]
    assert torch.equal(torch.cat(halves), together)


def test_images_of_a_batch_are_augmented_differently():
    x = images(1).expand(8, 3, 16, 16)
    out = augment.apply(x, draw(8))
    assert len({tuple(image.flatten().tolist()) for image in out}) == 8


@given(st.integers(0, 2**32 - 1))
def test_values_stay_in_0_to_1(seed):
    extreme = images(5, S=8, seed=seed).round()
    out = augment.apply(extreme, draw(5, seed))
    assert out.shape == extreme.shape
    assert out.min() >= 0
    assert out.max() <= 1


def test_parameters_have_the_ranges_of_the_paper():
    a = draw(20_000)
    for name, low, high in [
        ("crop", 0.7, 1.0), ("angle", -5, 5), ("hue", -0.05, 0.05), ("saturation", 0.9, 1.0),
    ]:  # fmt: skip
        values = getattr(a, name)
        assert low <= values.min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < values.max() <= high
    for name in ("turns", "horizontal", "vertical"):
        assert set(getattr(a, name)) == {0, 1}
        assert getattr(a, name).mean() == pytest.approx(0.5, abs=0.02)
    assert set(a.sigma) == {0.1}
    assert len(set(a.seed)) == 20_000


def test_the_same_chance_gives_the_same_augmentation():
    assert torch.equal(augment.apply(images(), draw(2, 5)), augment.apply(images(), draw(2, 5)))
    assert not torch.equal(augment.apply(images(), draw(2, 5)), augment.apply(images(), draw(2, 6)))


def test_every_image_needs_its_parameters():
    with pytest.raises(ValueError, match="2 images, but 3 augmentations"):
        augment.apply(images(), identity(3))


def test_no_images():
    assert augment.apply(images(0), draw(0)).shape == (0, 3, 16, 16)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_gpu_gives_the_same_but_for_the_noise():
    a = dataclasses.replace(draw(5), sigma=np.zeros(5))
    x = images(5, S=64)
    close(augment.apply(x.cuda(), a).cpu(), augment.apply(x, a), atol=1e-4)
