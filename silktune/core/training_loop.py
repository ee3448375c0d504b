"""One training of a SilkNet (P23 §3.2, §5.1), epoch by epoch, by one worker or by several together.

W workers run this same code. Each computes its share of every global batch and gathers the rest (`collective`); all
take the same steps, so all have the same weights and report the same. The first worker alone writes.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from silktune.core import augment, batch_sampling, checkpoint, metrics
from silktune.core.backbones import measure_statistics
from silktune.core.batch_sampling import Rows, pieces
from silktune.core.checkpoint import Checkpoint
from silktune.core.collective import ALONE, World
from silktune.core.device import device_name
from silktune.core.loader import Batch, feed
from silktune.core.loss_balancing import counts_per_output
from silktune.core.random_streams import Chance
from silktune.core.silknet import Network, network
from silktune.core.terms import Features, Terms, Value
from silktune.data.dataset import Dataset
from silktune.errors import StudyError, TrainingError
from silktune.outcome import Epoch, Outcome, Reporter, Scores
from silktune.seeds import number, stream
from silktune.settings import Experiment, Runtime, Train, spell
from silktune.settings.identity import experiment_digest
from silktune.settings.pretrained_weights import RANDOM
from silktune.storage import Storage

ADAM = {"betas": (0.9, 0.999), "eps": 1e-8}  # P23 §5.1
IMAGES_MEASURED = 1024  # for the batch-norm statistics of random weights


class Training:
    """One training from its first epoch, or from where a checkpoint left it."""

    def __init__(
        self, experiment: Experiment, runtime: Runtime, data: Dataset, device: torch.device, world: World
    ) -> None:
        self.experiment, self.data, self.device = experiment, data, device
        self.place = Storage.of(runtime.folder) if runtime.folder else None
        self.world, self.first = world, world.rank == 0
        self.settings, self.seed = experiment.train, experiment.train.seed
        self.identity = identity(experiment, data) if self.place else ""
        self.loss = Terms(experiment.loss, torch.from_numpy(data.background).to(device), _counts(data, device))
        if self.settings.sampling == "balanced":
            batch_sampling.check_balanced(self.settings.batch_size, class_counts(data))
        self.network = build(experiment, data, device)
        self.prefix, self.net = self.network.prefix, self.network.silknet
        world.copy_first(self.network.state_dict().values())
        self.trained = [parameter for parameter in self.net.parameters() if parameter.requires_grad]
        self.optimiser = torch.optim.Adam(self.trained, lr=self.settings.learning_rate, **ADAM)  # type: ignore[arg-type]
        self.epochs: tuple[Epoch, ...] = ()
        self.best: dict[str, Tensor] = {}
        self.seconds = 0.0
        self._go_on()

    def _go_on(self) -> None:
        found = checkpoint.load(self.place, self.identity) if self.place and self.first else None
        found = self.world.from_first(found)
        if found:
            if any(_saturated(found.epochs[:n], self.settings) for n in range(1, len(found.epochs))):
                raise StudyError(
                    f"{self.place} holds {len(found.epochs)} epochs, more than a training with train.max_epochs="
                    f"{self.settings.max_epochs} and train.patience={self.settings.patience} has. Give another folder."
                )
            self.net.load_state_dict(found.net)
            self.optimiser.load_state_dict(found.optimiser)
            self.epochs, self.best, self.seconds = found.epochs, found.best, found.seconds

    def run(self, report: Reporter) -> None:
        """Epoch after epoch to the end; the network then has the weights of the best one."""
        for epoch in self.epochs:
            report(epoch)
        while not self._ended():
            self._epoch(report)
        self.net.load_state_dict(self.best)
        if self.place and self.first:
            weights = {name: value.cpu() for name, value in self.network.state_dict().items()}
            checkpoint.write(weights, self.place, checkpoint.MODEL)

    def _ended(self) -> bool:
        return _saturated(self.epochs, self.settings)

    def _best_epoch(self) -> int:
        return _best(self.epochs)

    def _epoch(self, report: Reporter) -> None:
        start, e = time.monotonic(), len(self.epochs) + 1
        train_loss, (validation_loss, validation) = self.world.from_first((self._train(e), self._validate()))
        for name, value in {**train_loss, **validation_loss}.items():
            if not np.isfinite(value):
                raise TrainingError(
                    f"The loss {name} is {value} after epoch {e}. A smaller train.learning_rate than "
                    f"{spell(self.settings.learning_rate)} may help."
                )
        seconds = self.world.from_first(time.monotonic() - start)
        epoch = Epoch(
            number=e,
            train_loss=train_loss,
            validation_loss=validation_loss,
            validation=validation,
            seconds=seconds,
        )
        self.epochs = (*self.epochs, epoch)
        self.seconds += seconds
        if self._best_epoch() == e:
            self.best = {name: value.to("cpu", copy=True) for name, value in self.net.state_dict().items()}
        self._save()
        report(epoch)

    def _save(self) -> None:
        if self.place and self.first:
            now = self.best if self._best_epoch() == len(self.epochs) else self.net.state_dict()
            state = Checkpoint(self.identity, now, self.best, self.optimiser.state_dict(), self.epochs, self.seconds)
            checkpoint.save(state, self.place)

    def _train(self, e: int) -> dict[str, float]:
        chance, sums = Chance.of_epoch(self.seed, e, self.device), self.loss.sums()
        self.net.train()
        for batch in self.feed(train_batches(self.experiment, self.data, e)):
            sums.add(self.step(batch, chance))
        return sums.means()

    def feed(self, batches: Sequence[Rows]) -> Generator[Batch, None, None]:
        """This worker's part of some batches."""
        return feed(self.data, batches, self.device, self.world, self.prefix)

    def step(self, batch: Batch, chance: Chance) -> dict[str, Value]:
        """One step of the optimiser; the loss terms before it."""
        terms, _ = self.terms(batch, chance)
        loss = self.loss.combine(terms)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.world.sum_gradients(self.trained)
        self.optimiser.step()
        return terms

    def terms(self, batch: Batch, chance: Chance) -> tuple[dict[str, Value], Sequence[Tensor]]:
        """The loss terms of one global batch that have a weight, and L_C always; and the logits."""
        N = len(batch.labels)
        logits, f = self.net(batch.inputs, self.net.dropout_mask(N, chance.dropout)[batch.own])
        together = self.world.gather(torch.cat([*logits, f], dim=1), N)
        *logits, f = torch.split(together, [part.shape[1] for part in (*logits, f)], dim=1)

        def augmented() -> Tensor:
            images = augment.apply(batch.images, augment.draw(N, chance.augmentation)[batch.own])
            mask = self.net.dropout_mask(N, chance.dropout_augmented)[batch.own]
            return self.world.gather(self.net.cluster(self.net.f_jfc(self.prefix(images), mask)), N)

        return self.loss(Features(logits, f, batch.labels, batch.colour, augmented)), logits

    @torch.no_grad()
    def _validate(self) -> tuple[dict[str, float], Scores]:
        """The whole loss and the scores on the validation set, in batches that are the same in every epoch."""
        self.net.eval()
        chance = Chance.of_validation(self.experiment.data.split_seed, self.device)
        sums, predictions = self.loss.sums(), []
        seen = validation_batches(self.experiment, self.data)
        for batch in self.feed(seen):
            terms, logits = self.terms(batch, chance)
            sums.add(terms)
            predictions.append(torch.stack([a.argmax(1) for a in logits], dim=1))
        labels = self.data.labels[np.concatenate(seen)]
        scores = metrics.scores(labels, torch.cat(predictions).cpu().numpy(), self.data.variables)
        return sums.means(), scores

    def outcome(self) -> Outcome:
        best = self.epochs[self._best_epoch() - 1]
        return Outcome(
            state="finished", best_epoch=best.number, epochs=self.epochs, validation=best.validation,
            seconds=self.seconds, device=device_name(self.device),
        )  # fmt: skip


def _best(epochs: Sequence[Epoch]) -> int:
    """The number of the epoch with the smallest validation loss; 0 before the first."""
    return min(epochs, key=lambda epoch: epoch.validation_loss["L"]).number if epochs else 0


def _saturated(epochs: Sequence[Epoch], settings: Train) -> bool:
    """Whether a training is over after these epochs (P23 §5.1)."""
    return len(epochs) >= settings.max_epochs or len(epochs) - _best(epochs) >= settings.patience


def build(experiment: Experiment, data: Dataset, device: torch.device) -> Network:
    """A network before its first step: the backbone's weights, the added layers random from the seed's streams."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(number(experiment.train.seed, "initialisation"))
        untrained = network(experiment.net, [variable.outputs for variable in data.variables])
        untrained.silknet.initialise()
    untrained.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if experiment.net.weights == RANDOM:
        rows = stream(experiment.train.seed, "batch norm").permutation(data.rows("train"))[:IMAGES_MEASURED]
        equal = np.array_split(rows, -(-len(rows) // 128))
        measured = [batch.images for batch in feed(data, equal, device, ALONE, nn.Identity())]
        measure_statistics(untrained.prefix, untrained.silknet.suffix, measured)
    return untrained


def train_batches(experiment: Experiment, data: Dataset, e: int) -> Sequence[Rows]:
    """The rows of every training batch of epoch e."""
    rows, size = data.rows("train"), experiment.train.batch_size
    chance = stream(experiment.train.seed, "batches", e)
    if experiment.train.sampling == "balanced":
        (variable,), labels = data.variables, data.labels[rows, 0]
        return batch_sampling.balanced_batches(labels, rows, size, variable.K, chance)
    return batch_sampling.random_batches(rows, size, chance)


def validation_batches(experiment: Experiment, data: Dataset) -> Sequence[Rows]:
    """The rows of every validation batch, the same in every epoch."""
    rows = stream(experiment.data.split_seed, "validation").permutation(data.rows("validation"))
    return pieces(rows, experiment.train.batch_size)


def identity(experiment: Experiment, data: Dataset) -> str:
    """What a checkpoint belongs to: the experiment, whenever it ends."""
    return experiment_digest(experiment, data.digest, without=("train.max_epochs", "train.patience"))


def class_counts(data: Dataset) -> dict[str, dict[str, int]]:
    """Training images of every class of every variable."""
    labels = data.labels[data.rows("train")]
    return {
        variable.name: {name: int((labels[:, m] == k).sum()) for k, name in enumerate(variable.classes)}
        for m, variable in enumerate(data.variables)
    }


def _counts(data: Dataset, device: torch.device) -> list[Tensor]:
    """M tensors of training images per output of the network."""
    labels = torch.from_numpy(data.labels[data.rows("train")])
    return [n.to(device) for n in counts_per_output(labels, [variable.outputs for variable in data.variables])]
