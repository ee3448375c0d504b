"""The losses, against plain loops, at limits computed by hand, and their gradients."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy, normalize

from silktune.core import losses, similarity
from silktune.settings import Loss
from tests import reference

seeds = st.integers(0, 2**32 - 1)
CLASSES = (3, 2, 4)  # the last id of each is its background
BACKGROUND = torch.tensor([2, 1, 3])


def batch(seed, N, D=6, dtype=torch.float64):
    """Unit descriptors, labels with gaps and logits of N images."""
    g = torch.Generator().manual_seed(seed)
    f = normalize(torch.randn(N, D, generator=g, dtype=dtype), dim=1)
    labels = torch.stack([torch.randint(-1, K, (N,), generator=g) for K in CLASSES], 1)
    logits = [3 * torch.randn(N, K, generator=g, dtype=dtype) for K in CLASSES]
    return f, labels, logits


def semantic_loss(f, labels, background=BACKGROUND, margin="all"):
    return losses.semantic(f, *similarity.semantic(labels, background, margin=margin))


def lists(tensors):
    return [tensor.tolist() for tensor in tensors]


class TestClassification:
    @given(seeds, st.integers(1, 6), st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.7]))
    def test_is_the_reference(self, seed, N, gamma):
        _, labels, logits = batch(seed, N)
        loss = losses.classification(logits, labels, gamma=gamma)
        expected = reference.classification_loss(lists(logits), labels.tolist(), gamma)
        assert loss.item() == pytest.approx(expected, rel=1e-9)

    def test_gamma_0_is_softmax_cross_entropy(self):
        _, labels, logits = batch(0, 50, dtype=torch.float32)
        summed = [cross_entropy(a, labels[:, m], ignore_index=-1, reduction="sum") for m, a in enumerate(logits)]
        expected = sum(summed) / (labels >= 0).sum()
        torch.testing.assert_close(losses.classification(logits, labels, gamma=0.0), expected)

    def test_every_label_weighs_the_same_whatever_its_variable(self):
        even = [torch.zeros(2, 2), torch.zeros(2, 4)]
        labels = torch.tensor([[0, -1], [1, 3]])  # two labels of the first variable, one of the second
        expected = (2 * math.log(2) + math.log(4)) / 3
        assert losses.classification(even, labels, gamma=0.0).item() == pytest.approx(expected)
        focal = (2 * 0.5**2 * math.log(2) + 0.75**2 * math.log(4)) / 3
        assert losses.classification(even, labels, gamma=2.0).item() == pytest.approx(focal)

    def test_no_labels_at_all(self):
        logits = [torch.randn(3, K, requires_grad=True) for K in CLASSES]
        loss = losses.classification(logits, torch.full((3, 3), -1), gamma=2.0)
        loss.backward()
        assert loss.item() == 0
        assert all(torch.equal(a.grad, torch.zeros_like(a)) for a in logits)

    @given(seeds, st.integers(1, 5))
    def test_an_image_without_labels_adds_nothing(self, seed, N):
        _, labels, logits = batch(seed, N)
        more = torch.cat([labels, torch.full((1, 3), -1)])
        with_it = losses.classification([torch.cat([a, 9 * a[:1]]) for a in logits], more, gamma=2.0)
        torch.testing.assert_close(with_it, losses.classification(logits, labels, gamma=2.0))

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
    @pytest.mark.parametrize("gamma", [0.0, 1e-3, 0.5, 1.0, 2.0, 10.0])
    def test_gradient_is_finite_wherever_the_softmax_is_0_or_1(self, gamma, dtype):
        huge = torch.tensor([0.0, 1e-7, 0.01, 1.0, 15.0, 40.0, 104.0, 1e4], dtype=dtype)
        a = torch.stack([huge, -huge], 1).requires_grad_()
        for label in (0, 1):
            loss = losses.classification([a], torch.full((len(huge), 1), label), gamma=gamma)
            (gradient,) = torch.autograd.grad(loss, a)
            assert loss.isfinite()
            assert gradient.isfinite().all()

    @pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
    def test_the_focal_weight_is_in_the_graph(self, gamma):
        _, labels, logits = batch(1, 4)
        logits = [a.requires_grad_() for a in logits]
        assert torch.autograd.gradcheck(lambda *a: losses.classification(a, labels, gamma=gamma), tuple(logits))


class TestSemantic:
    @given(seeds, st.integers(1, 7))
    def test_is_the_reference(self, seed, N):
        f, labels, _ = batch(seed, N)
        expected = reference.semantic_loss(f.tolist(), labels.tolist(), BACKGROUND.tolist())
        assert semantic_loss(f, labels).item() == pytest.approx(expected, rel=1e-6, abs=1e-7)

    @given(seeds, st.integers(1, 7))
    def test_over_comparable_variables_is_the_reference(self, seed, N):
        f, labels, _ = batch(seed, N)
        expected = reference.semantic_loss(f.tolist(), labels.tolist(), BACKGROUND.tolist(), over="comparable")
        assert semantic_loss(f, labels, margin="comparable").item() == pytest.approx(expected, rel=1e-6, abs=1e-7)

    @given(seeds, st.integers(1, 7), st.sampled_from(["all", "comparable"]))
    def test_counts_the_valid_triplets_of_each_anchor(self, seed, N, margin):
        f, labels, _ = batch(seed, N)
        _, valid = losses.semantic_counted(f, *similarity.semantic(labels, BACKGROUND, margin=margin))
        anchors = [i for i, *_ in reference.valid_triplets(labels.tolist(), BACKGROUND.tolist(), margin)]
        assert valid.tolist() == [anchors.count(i) for i in range(N)]

    def test_over_comparable_variables_two_known_labels_of_three_are_enough(self):
        labels = torch.tensor([[0, -1, -1], [0, 1, -1], [1, -1, 2]])  # at most 1 of 3: no anchor over all variables
        f, none = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]), torch.tensor([-1, -1, -1])
        assert semantic_loss(f, labels, none).item() == 0
        expected = (max(1 + math.sqrt(2) - 2, 0) + max(1 + math.sqrt(2) - math.sqrt(2), 0)) / 2
        assert semantic_loss(f, labels, none, "comparable").item() == pytest.approx(expected)

    def test_value_and_gradient_are_those_of_all_triplets_written_out(self):
        f, labels, _ = batch(2, 25)
        f.requires_grad_()
        Y, u = (share.double() for share in similarity.semantic(labels, BACKGROUND))
        delta = torch.cdist(f, f, compute_mode="donot_use_mm_for_euclid_dist")
        margin = Y[:, :, None] - (Y + u)[:, None, :]
        i, p, n = torch.meshgrid(*[torch.arange(25)] * 3, indexing="ij")
        valid = (margin > 1e-3) & (i != p) & (i != n) & (p != n)
        written_out = (margin + delta[:, :, None] - delta[:, None, :]).clamp(min=0)[valid].mean()
        loss = losses.semantic(f, Y, u)
        torch.testing.assert_close(loss, written_out)
        torch.testing.assert_close(*(torch.autograd.grad(value, f)[0] for value in (loss, written_out)))

    def test_gradcheck(self):
        f, labels, _ = batch(3, 7)
        assert torch.autograd.gradcheck(lambda f: semantic_loss(f, labels), f.requires_grad_())

    def test_three_images_by_hand(self):
        f = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
        labels = torch.tensor([[0], [0], [1]])  # valid: (0, 1, 2) and (1, 0, 2), margin 1
        expected = (max(1 + math.sqrt(2) - 2, 0) + max(1 + math.sqrt(2) - math.sqrt(2), 0)) / 2
        assert semantic_loss(f, labels, torch.tensor([-1])).item() == pytest.approx(expected)

    def test_a_triplet_without_loss_still_counts_in_the_mean(self):
        f = torch.tensor([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
        labels = torch.tensor([[0], [0], [1]])
        assert semantic_loss(f, labels, torch.tensor([-1])).item() == 0  # margin 1 + 0 − 2 < 0, twice

    @pytest.mark.parametrize(
        "labels",
        [[[0, 0, 0]] * 3, [[-1, -1, -1]] * 3, [[2, 1, 3]] * 3, [[0, 0, 0]], [[0, 0, 0], [1, 0, 0]]],
        ids=["all the same", "all unknown", "all background", "one image", "two images"],
    )
    def test_no_valid_triplet(self, labels):
        f = batch(4, len(labels))[0].requires_grad_()
        loss = semantic_loss(f, torch.tensor(labels))
        loss.backward()
        assert loss.item() == 0
        assert torch.equal(f.grad, torch.zeros_like(f))

    def test_a_margin_of_0_is_not_valid_where_floating_point_misses_it(self):
        Y = torch.zeros(3, 3, dtype=torch.float64)
        Y[0, 1] = 1 / 3 + 1 / 3 + 1 / 3 - 2 / 3 + 2e-16  # 1/3 and a rounding error
        Y[0, 2] = 1 / 3
        f = batch(5, 3)[0]
        assert (Y[0, 1] - Y[0, 2]) > 0
        assert losses.semantic(f, Y, torch.zeros_like(Y)).item() == 0


class TestColour:
    @given(seeds, st.integers(1, 7))
    def test_is_the_reference(self, seed, N):
        f, _, _ = batch(seed, N)
        rho = similarity.colour(torch.from_numpy(np.random.default_rng(seed).random((N, 25))))
        expected = reference.colour_loss(f.tolist(), rho.tolist())
        assert losses.colour(f, rho).item() == pytest.approx(expected, rel=1e-9)

    def test_one_image(self):
        f = batch(0, 1)[0].requires_grad_()
        loss = losses.colour(f, torch.ones(1, 1))
        loss.backward()
        assert loss.item() == 0
        assert torch.equal(f.grad, torch.zeros_like(f))

    @pytest.mark.parametrize("rho", [1.0, 0.0, -1.0])
    def test_two_identical_images(self, rho):
        f = torch.tensor([[0.6, 0.8], [0.6, 0.8]], requires_grad=True)
        loss = losses.colour(f, torch.full((2, 2), rho))
        loss.backward()
        assert loss.item() == 1 - rho
        assert torch.equal(f.grad, torch.zeros_like(f))

    def test_gradcheck(self):
        f, _, _ = batch(6, 5)
        rho = similarity.colour(torch.rand(5, 25, dtype=torch.float64))
        assert torch.autograd.gradcheck(lambda f: losses.colour(f, rho), f.requires_grad_())


class TestSelfSimilarity:
    @given(seeds, st.integers(1, 7))
    def test_is_the_reference(self, seed, N):
        f, f_augmented = batch(seed, N)[0], batch(seed + 1, N)[0]
        expected = reference.self_similarity_loss(f.tolist(), f_augmented.tolist())
        assert losses.self_similarity(f, f_augmented).item() == pytest.approx(expected, rel=1e-9)

    def test_an_augmentation_that_changes_nothing(self):
        f = batch(7, 4)[0].requires_grad_()
        f_augmented = f.detach().clone().requires_grad_()
        loss = losses.self_similarity(f, f_augmented)
        loss.backward()
        assert loss.item() == 0
        assert torch.equal(f.grad, torch.zeros_like(f))
        assert torch.equal(f_augmented.grad, torch.zeros_like(f))

    def test_gradcheck(self):
        f, f_augmented = (batch(seed, 4)[0].requires_grad_() for seed in (8, 9))
        assert torch.autograd.gradcheck(losses.self_similarity, (f, f_augmented))


class TestDistances:
    @given(seeds, st.integers(1, 9), st.sampled_from([torch.float32, torch.float64]))
    def test_they_and_their_gradient_are_those_of_differences(self, seed, N, dtype):
        f, steps = batch(seed, N, D=40)[0], torch.rand(N, N, generator=torch.Generator().manual_seed(seed)) - 0.5
        f = normalize(f + (f[:1] if seed % 2 else 0), dim=1).to(dtype).requires_grad_()
        delta, expected = losses._distances(f), losses._by_differences(f.double())
        torch.testing.assert_close(delta.double(), expected, rtol=0, atol=1e-6 if dtype == torch.float32 else 1e-12)
        found, exact = (torch.autograd.grad((d * steps).sum(), f)[0] for d in (delta, expected))
        torch.testing.assert_close(found, exact, rtol=1e-6, atol=1e-6 if dtype == torch.float32 else 1e-9)

    def test_equal_rows_are_exactly_0_apart_and_have_no_gradient(self):
        f = normalize(torch.randn(1, 1024), dim=1).repeat(4, 1).requires_grad_()
        delta = losses._distances(f)
        delta.sum().backward()
        assert torch.equal(delta, torch.zeros(4, 4))
        assert torch.equal(f.grad, torch.zeros_like(f))

    def test_equal_rows_among_others_too(self):
        f = normalize(torch.randn(6, 1024, generator=torch.Generator().manual_seed(0)), dim=1)[[0, 1, 2, 3, 1, 0]]
        delta = losses._distances(f.requires_grad_())
        assert delta[0, 5] == delta[1, 4] == 0
        (gradient,) = torch.autograd.grad(delta[0, 5] + delta[1, 4], f)
        assert torch.equal(gradient, torch.zeros_like(f))

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    @pytest.mark.parametrize("apart", [1e-12, 1e-8, 1e-5, 0.9e-4, 1.1e-4, 1e-3])
    def test_nearly_equal_rows_keep_their_distance_and_its_direction(self, apart, dtype):
        f = torch.tensor([[1.0, 0.0, 0.0], [1.0, apart, 0.0], [0.0, 0.0, 1.0]], dtype=dtype, requires_grad=True)
        distance = losses._distances(f)[0, 1]
        assert distance.item() == pytest.approx(apart, rel=1e-6)
        expected = torch.tensor([[0.0, -1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]], dtype=dtype)
        torch.testing.assert_close(torch.autograd.grad(distance, f)[0], expected, rtol=1e-6, atol=1e-6)


@given(seeds, st.integers(1, 7), st.randoms())
def test_a_batch_permuted_changes_nothing(seed, N, random):
    order = list(range(N))
    random.shuffle(order)
    f, labels, logits = batch(seed, N)
    f_augmented = batch(seed + 1, N)[0]
    descriptors = torch.from_numpy(np.random.default_rng(seed).random((N, 25)))

    def every_loss(rows):
        rho = similarity.colour(descriptors[rows])
        return torch.stack(
            [
                losses.classification([a[rows] for a in logits], labels[rows], gamma=2.0),
                semantic_loss(f[rows], labels[rows]),
                losses.colour(f[rows], rho),
                losses.self_similarity(f[rows], f_augmented[rows]),
            ]
        )

    torch.testing.assert_close(every_loss(order), every_loss(list(range(N))))


WEIGHTS = Loss(lambda_C=0.9, lambda_aux=0.8, alpha_sem=0.7, alpha_co=0.6, alpha_slf=0.5)
LETTERS = ("lambda_C", "lambda_aux", "alpha_sem", "alpha_co", "alpha_slf")
TERMS = {"C": 2.0, "sem": 3.0, "co": 5.0, "slf": 7.0}


class TestCombine:
    def test_is_the_reference(self):
        terms = {name: torch.tensor(value) for name, value in TERMS.items()}
        expected = reference.combined_loss(**TERMS, **{letter: getattr(WEIGHTS, letter) for letter in LETTERS})
        assert losses.combine(terms, WEIGHTS.weights).item() == pytest.approx(expected)

    def test_without_auxiliary_clustering_only_the_classification_is_asked_for(self):
        loss = losses.combine({"C": torch.tensor(2.0)}, WEIGHTS.model_copy(update={"lambda_aux": 0.0}).weights)
        assert loss.item() == pytest.approx(1.8)

    def test_a_term_with_a_weight_must_be_there(self):
        with pytest.raises(KeyError, match="sem"):
            losses.combine({"C": torch.tensor(2.0)}, WEIGHTS.weights)

    def test_a_loss_of_nothing_is_an_error(self):
        with pytest.raises(ValueError, match="nothing to train"):
            losses.combine({}, dict.fromkeys(WEIGHTS.weights, 0.0))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_gpu_gives_the_same_losses():
    f, labels, logits = batch(11, 40, D=64, dtype=torch.float32)
    descriptors = torch.rand(40, 25)

    def every_loss(device):
        on = [x.to(device) for x in (f, labels, BACKGROUND, descriptors, *logits)]
        return [
            losses.classification(on[4:], on[1], gamma=2.0).cpu(),
            losses.semantic(on[0], *similarity.semantic(on[1], on[2])).cpu(),
            losses.colour(on[0], similarity.colour(on[3])).cpu(),
            losses.self_similarity(on[0], on[0].flip(0)).cpu(),
        ]

    torch.testing.assert_close(every_loss("cuda"), every_loss("cpu"))
