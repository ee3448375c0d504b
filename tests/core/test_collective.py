"""Several workers train the network of one: real processes over gloo, without Ray."""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist

from silktune.core import losses, predict, similarity
from silktune.core.activations.compute import Room, compute
from silktune.core.activations.needed import needed
from silktune.core.activations.store import ActivationStore
from silktune.core.collective import ALONE, Group, World
from silktune.core.training import fit
from silktune.data.dataset import Dataset
from silktune.outcome import Epoch
from silktune.settings import Experiment, Runtime
from tests.core.test_activations import Heard
from tests.core.trainings import small

LIMIT = 100  # seconds; workers that wait for each other fail by hanging
pytestmark = pytest.mark.timeout(2 * LIMIT)

N, D = 7, 5
CPU = torch.device("cpu")


class Workers:
    """W processes that have met once and then do one piece of work after the other, all of them each."""

    def __init__(self, W: int) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        context = multiprocessing.get_context("spawn")
        self.answers = context.Queue()
        self.orders = [context.Queue() for _ in range(W)]
        self.processes = [
            context.Process(target=_worker, args=(rank, W, port, orders, self.answers))
            for rank, orders in enumerate(self.orders)
        ]
        for process in self.processes:
            process.start()

    def __call__(self, work: Callable[..., Any], *args: Any) -> list[Any]:
        """What `work(world, *args)` returns in each of them."""
        for orders in self.orders:
            orders.put((work, args))
        results = dict(self.answers.get(timeout=LIMIT) for _ in self.processes)
        for result in results.values():
            if isinstance(result, Exception):
                raise result
        return [results[rank] for rank in range(len(self.processes))]

    def end(self) -> None:
        for orders in self.orders:
            orders.put(None)
        for process in self.processes:
            process.join(5)
            process.kill()


def _worker(rank: int, W: int, port: int, orders: Any, answers: Any) -> None:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "GLOO_SOCKET_IFNAME": "lo"}
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=W, timeout=timedelta(seconds=LIMIT))
    while order := orders.get():
        work, args = order
        try:
            answers.put((rank, work(Group(), *args)))
        except Exception as error:
            answers.put((rank, error))
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def workers() -> Iterator[Callable[[int], Workers]]:
    """So many workers: the same processes each time."""
    started: dict[int, Workers] = {}

    def of(W: int) -> Workers:
        if W not in started:
            started[W] = Workers(W)
        return started[W]

    yield of
    for each in started.values():
        each.end()


def batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Features, labels of two variables with gaps, colour descriptors."""
    chance = np.random.default_rng(0)
    f = torch.nn.functional.normalize(torch.from_numpy(chance.normal(size=(N, D))), dim=1)
    return f, torch.from_numpy(chance.integers(-1, 3, (N, 2))), torch.from_numpy(chance.random((N, 25)))


def auxiliary(world: World) -> tuple[float, torch.Tensor]:
    """L_sem + L_co of the batch, and its gradient to a weight that every feature went through."""
    f, labels, h = batch()
    weight = torch.nn.Parameter(torch.eye(D, dtype=torch.float64))
    own = world.share(N)
    gathered = world.gather(torch.nn.functional.normalize(f[own] @ weight, dim=1), N)
    Y, u = similarity.semantic(labels, torch.tensor([-1, -1]))
    loss = losses.semantic(gathered, Y, u) + losses.colour(gathered, similarity.colour(h))
    loss.backward()
    world.sum_gradients([weight])
    assert weight.grad is not None
    return loss.item(), weight.grad


def shares(world: World) -> list[tuple[int, int]]:
    return [(world.share(n).start, world.share(n).stop) for n in (6, 7, 2, 1)]


def smaller_than_the_workers(world: World) -> tuple[list[float], float]:
    weight = torch.nn.Parameter(torch.ones(()))
    rows = world.gather((torch.arange(2.0)[world.share(2)] * weight)[:, None], 2)
    (rows.sum() ** 2).backward()
    world.sum_gradients([weight])
    assert weight.grad is not None
    return rows.flatten().tolist(), weight.grad.item()


def talk(world: World) -> tuple[str, list[float]]:
    tensor = torch.full((2,), float(world.rank))
    world.copy_first([tensor])
    return world.from_first(f"worker {world.rank}"), tensor.tolist()


def training(
    world: World,
    experiment: Experiment,
    data: Dataset,
    folder: Path | None,
    stores: Sequence[ActivationStore] = (),
) -> tuple[list[Epoch], list[int], list[list[int]]]:
    """Epochs, the numbers of those that were reported, and the predictions for the test set."""
    told: list[int] = []
    runtime = Runtime(device="cpu", threads=1, folder=folder)
    trained = fit(experiment, runtime, data, lambda epoch: told.append(epoch.number), world, stores)
    predicted = predict.predict(trained.net, trained.inputs, data.rows("test"))
    return list(trained.outcome.epochs), told, predicted.tolist()


class TestTwoAndThreeWorkers:
    @pytest.mark.parametrize("W", [2, 3])
    def test_gather_features_with_their_gradient(self, workers: Callable[[int], Workers], W: int) -> None:
        value, gradient = auxiliary(ALONE)
        for found, its_gradient in workers(W)(auxiliary):
            assert found == pytest.approx(value, rel=1e-12)
            torch.testing.assert_close(its_gradient, gradient, rtol=1e-10, atol=1e-12)

    def test_share_every_batch_evenly_and_never_get_none(self, workers: Callable[[int], Workers]) -> None:
        assert workers(3)(shares) == [
            [(0, 2), (0, 2), (0, 1), (0, 1)],
            [(2, 4), (2, 4), (0, 1), (0, 1)],
            [(4, 6), (4, 7), (1, 2), (0, 1)],
        ]

    def test_a_batch_smaller_than_the_workers_counts_every_image_once(self, workers: Callable[[int], Workers]) -> None:
        assert workers(3)(smaller_than_the_workers) == [([0.0, 1.0], 2.0)] * 3

    def test_the_first_speaks_for_all(self, workers: Callable[[int], Workers]) -> None:
        assert workers(2)(talk) == [("worker 0", [0.0, 0.0])] * 2


def losses_of(epochs: list[Epoch]) -> np.ndarray[Any, Any]:
    return np.array([[*epoch.train_loss.values(), *epoch.validation_loss.values()] for epoch in epochs])


EXPERIMENT = small(net__dropout=0.0, train__batch_size=23, train__max_epochs=3, train__patience=3)


@pytest.fixture(scope="module")
def alone(woven: Dataset) -> tuple[list[Epoch], list[int], list[list[int]]]:
    return training(ALONE, EXPERIMENT, woven, None)


@pytest.mark.slow
class TestATraining:
    """23 images in a batch: neither 2 nor 3 divides it, and the last one is shorter."""

    @pytest.mark.parametrize("W", [2, 3])
    def test_does_not_depend_on_the_number_of_workers(
        self,
        workers: Callable[[int], Workers],
        woven: Dataset,
        alone: tuple[list[Epoch], list[int], list[list[int]]],
        W: int,
    ) -> None:
        assert len(woven.rows("train")) % 23 != 0
        epochs, told, predicted = alone
        for found, its_told, its_predicted in workers(W)(training, EXPERIMENT, woven, None):
            np.testing.assert_allclose(losses_of(found), losses_of(epochs), rtol=1e-5)
            assert [epoch.validation for epoch in found] == [epoch.validation for epoch in epochs]
            assert its_predicted == predicted
            assert its_told == told

    @pytest.mark.parametrize("NB_RN", [0, 1])
    def test_that_reads_activations_has_the_same_losses(
        self, workers: Callable[[int], Workers], woven: Dataset, NB_RN: int
    ) -> None:
        experiment = EXPERIMENT.with_({"net.NB_RN": NB_RN, "train.self_views": 2})
        epochs, _, predicted = training(ALONE, experiment, woven, None)
        keys = compute(needed([experiment], woven), woven, CPU, Room(10**9), Heard(), verify=True)
        kept = [ActivationStore.of(woven.store, key) for key in keys]
        assert len(kept) == 3
        for found, _, its_predicted in workers(2)(training, experiment, woven, None, kept):
            np.testing.assert_allclose(losses_of(found), losses_of(epochs), rtol=1e-5, atol=1e-6)
            assert its_predicted == predicted

    def test_with_dropout_too_since_what_is_dropped_is_drawn_for_the_whole_batch(
        self, workers: Callable[[int], Workers], woven: Dataset
    ) -> None:
        experiment = EXPERIMENT.with_({"net.dropout": 0.5, "train.max_epochs": 1})
        assert experiment.loss.weights["slf"], "the augmentation drops too"
        (epoch,), _, _ = training(ALONE, experiment, woven, None)
        for (found,), _, _ in workers(2)(training, experiment, woven, None):
            np.testing.assert_allclose(losses_of([found]), losses_of([epoch]), rtol=1e-5)

    def test_goes_on_with_another_number_of_workers(
        self,
        workers: Callable[[int], Workers],
        woven: Dataset,
        alone: tuple[list[Epoch], list[int], list[list[int]]],
        tmp_path: Path,
    ) -> None:
        begun = EXPERIMENT.with_({"train.max_epochs": 1})
        workers(2)(training, begun, woven, tmp_path)
        assert {path.name for path in tmp_path.iterdir()} == {"checkpoint.pt"}
        epochs, told, predicted = training(ALONE, EXPERIMENT, woven, tmp_path)
        np.testing.assert_allclose(losses_of(epochs), losses_of(alone[0]), rtol=1e-5)
        assert told == [1, 2, 3]
        assert predicted == alone[2]
