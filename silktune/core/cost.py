"""What a training would cost on this machine, from a few of its steps.

The time of an epoch is taken to grow with its images. What is left out, because it is small beside the steps of a
training that takes long: the scores and the checkpoint at the end of an epoch, and the shorter last batch.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from statistics import median
from time import perf_counter

import torch

from silktune.core.activations.needed import views_kept
from silktune.core.batch_sampling import Rows
from silktune.core.collective import ALONE
from silktune.core.device import memory, prepare_device
from silktune.core.inputs import Inputs
from silktune.core.loader import Batch
from silktune.core.random_streams import Chance
from silktune.core.training import view
from silktune.core.training_loop import Training, train_batches, validation_batches
from silktune.core.trunk import Trunk
from silktune.data.dataset import Dataset
from silktune.settings import Experiment, Runtime
from silktune.settings.pretrained_weights import RANDOM

Feed = Callable[[Sequence[Rows]], Generator[Batch, None, None]]
STEPS = 5  # timed, after one that is not: the first one chooses algorithms and asks for memory


@dataclass(frozen=True)
class Pace:
    """What a training costs, in seconds."""

    start: float  # until the first step: weights read, network built
    train: float  # an image of an epoch: forward, every loss term, backward, its share of Adam's step
    validation: float  # an image of the validation set: forward, every loss term
    frozen: float = 0.0  # an image or a view that is kept, once before all trainings: what of the trunk is frozen

    def epoch(self, experiment: Experiment, data: Dataset) -> float:
        """The seconds of an epoch of any experiment of the same `kind`, from the images in its own batches."""
        seen = view(data, experiment)
        train, validation = train_batches(experiment, seen, 1), validation_batches(experiment, seen)
        return self.train * sum(map(len, train)) + self.validation * sum(map(len, validation))


def kind(experiment: Experiment, data: Dataset) -> Hashable:
    """What decides the pace of a training: experiments of one kind need to be measured only once.

    The sampling is not in it: which images are in a batch costs nothing, and how many there are `Pace.epoch` counts.
    """
    net, variables = experiment.net, view(data, experiment).variables
    terms = tuple(term for term in experiment.loss.alphas if experiment.loss.weights[term])
    trunk = (net.trunk, net.NB_RN, net.weights == RANDOM)  # random weights measure their statistics at the start
    images = (data.images.shape[1:], experiment.train.batch_size)
    return trunk, net.NN_jfc, net.NN_tfc, len(variables), terms, images, bool(views_kept(experiment))


def measure(
    experiment: Experiment, runtime: Runtime, data: Dataset, *, kept: bool = False, limit: float = 30.0
) -> Pace:
    """Builds the network as a training does and times a few of its steps and validation batches.

    Writes nothing; torch's random stream and its number of threads are afterwards what they were.

    Args:
        experiment: of several of one `kind` best the one with the most images, whose batches are full.
        runtime: the device and the threads that the trainings will have; its folder is not touched.
        data: the data set that the experiment is about.
        kept: whether activations will be kept: then what is frozen is no part of a step.
        limit: seconds after which no other batch is begun; one of each sort is timed even so.

    Raises:
        SilktuneError: as `training.train` does.
    """
    with _undisturbed(runtime) as device, memory(experiment):
        without = runtime.model_copy(update={"folder": None})
        return _measure(experiment, without, view(data, experiment), device, limit, kept=kept)


def _measure(
    experiment: Experiment, runtime: Runtime, data: Dataset, device: torch.device, limit: float, *, kept: bool
) -> Pace:
    start = _now(device)
    training = Training(experiment, runtime, Inputs.of(Trunk(experiment, data, device)), device, ALONE)
    built, chance = _now(device) - start, Chance.of_epoch(experiment.train.seed, 1, device)

    def feed(batches: Sequence[Rows]) -> Generator[Batch, None, None]:
        return training.feed(batches, chance)

    def step(batch: Batch) -> None:
        training.step(batch, chance)

    @torch.no_grad()
    def validate(batch: Batch) -> None:
        training.terms(batch, chance)

    views = bool(views_kept(experiment))

    def frozen(batch: Batch) -> None:
        if kept:  # once computed, it is there for the step
            _ = batch.inputs, batch.inputs_of_views if views else None

    training.net.train()
    once, train = _seconds_per_image((frozen, step), feed, device, train_batches(experiment, data, 1), limit / 2)
    training.net.eval()
    batches = validation_batches(experiment, data)
    again, validation = _seconds_per_image((frozen, validate), feed, device, batches, limit / 2)
    if not kept:
        return Pace(built, once + train, again + validation)
    return Pace(built, train, validation, once / (2 if views else 1))


def _seconds_per_image(
    parts: tuple[Callable[[Batch], object], Callable[[Batch], object]],
    feed: Feed,
    device: torch.device,
    batches: Sequence[Rows],
    limit: float,
) -> tuple[float, float]:
    """Of both parts the median over the timed batches; where `limit` leaves time for only one, it is the first."""
    full = [rows for rows in batches if len(rows) == len(batches[0])]
    begin = last = _now(device)
    times: list[tuple[float, float]] = []
    with closing(feed(list(islice(cycle(full), STEPS + 1)))) as fed:
        for batch in fed:
            parts[0](batch)
            between = _now(device)
            parts[1](batch)
            times.append((between - last, (last := _now(device)) - between))
            if last - begin >= limit:
                break
    first, second = (median(each[1:] or each) / len(full[0]) for each in zip(*times, strict=True))
    return first, second


def _now(device: torch.device) -> float:
    """The time when all that was asked of the device is done, in seconds."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return perf_counter()


@contextmanager
def _undisturbed(runtime: Runtime) -> Iterator[torch.device]:
    """The device, prepared; torch's streams and threads are then as before, and its GPU memory is free for others."""
    threads = torch.get_num_threads()
    device = prepare_device(runtime)
    try:
        with torch.random.fork_rng(devices=[torch.cuda.current_device()] if device.type == "cuda" else []):
            yield device
    finally:
        torch.set_num_threads(threads)
        torch.cuda.empty_cache()
