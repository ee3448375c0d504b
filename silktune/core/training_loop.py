"""One training of a SilkNet (P23 §3.2, §5.1), epoch by epoch, by one worker or by several together.

W workers run this same code. Each computes its share of every global batch and gathers the rest (`collective`); all
take the same steps, so all have the same weights and report the same. The first worker alone writes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Sequence

import numpy as np
import torch
from torch import Tensor

from silktune.core import augment, batch_sampling, checkpoint, early_stopping, metrics
from silktune.core.backbones import Suffix
from silktune.core.batch_sampling import Rows, pieces
from silktune.core.checkpoint import Checkpoint
from silktune.core.collective import World
from silktune.core.device import device_name
from silktune.core.inputs import Inputs
from silktune.core.loader import Batch, Loader
from silktune.core.loss_balancing import counts_per_output
from silktune.core.random_streams import Chance
from silktune.core.silknet import SilkNet
from silktune.core.terms import Features, Terms, Value, cross_entropy
from silktune.data.dataset import Dataset
from silktune.errors import StudyError, TrainingError
from silktune.outcome import Epoch, Outcome, Reporter, Scores
from silktune.seeds import number, stream
from silktune.settings import Experiment, Runtime, spell
from silktune.settings.identity import experiment_digest
from silktune.storage import Storage

ADAM = {"betas": (0.9, 0.999), "eps": 1e-8, "fused": True}  # P23 §5.1; fused: the same step, several times as fast


class Training:
    """One training from its first epoch, or from where a checkpoint left it."""

    def __init__(
        self, experiment: Experiment, runtime: Runtime, inputs: Inputs, device: torch.device, world: World
    ) -> None:
        self.experiment, self.data, self.inputs, self.device = experiment, inputs.trunk.data, inputs, device
        self.place = Storage.of(runtime.folder) if runtime.folder else None
        self.checkpoint_seconds, self.saved = runtime.checkpoint_seconds, -math.inf
        self.world, self.first = world, world.rank == 0
        self.settings, self.seed = experiment.train, experiment.train.seed
        self.identity = identity(experiment, self.data) if self.place else ""
        self.loss = Terms(
            experiment.loss, torch.from_numpy(self.data.background).to(device), _counts(self.data, device)
        )
        if self.settings.sampling == "balanced":
            batch_sampling.check_balanced(self.settings.batch_size, class_counts(self.data))
        self.net = build(inputs)
        world.copy_first(self.net.state_dict().values())
        self.loader = Loader(self.data, inputs, device, world)
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
            if any(early_stopping.saturated(found.epochs[:n], self.settings) for n in range(1, len(found.epochs))):
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

    def _ended(self) -> bool:
        return early_stopping.saturated(self.epochs, self.settings)

    def _best_epoch(self) -> Epoch:
        return early_stopping.best(self.epochs, self.settings.stop_on)

    def _epoch(self, report: Reporter) -> None:
        start, e = time.monotonic(), len(self.epochs) + 1
        (train_loss, shares), (validation_loss, validation) = self.world.from_first((self._train(e), self._validate()))
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
            train_shares=shares,
            validation_loss=validation_loss,
            validation=validation,
            seconds=seconds,
        )
        self.epochs = (*self.epochs, epoch)
        self.seconds += seconds
        if self._best_epoch() is epoch:
            self.best = {name: value.to("cpu", copy=True) for name, value in self.net.state_dict().items()}
        self._save()
        report(epoch)

    def _save(self) -> None:
        due = self._ended() or time.monotonic() - self.saved >= self.checkpoint_seconds
        if self.place and self.first and due:
            now = self.best if self._best_epoch() is self.epochs[-1] else self.net.state_dict()
            state = Checkpoint(self.identity, now, self.best, self.optimiser.state_dict(), self.epochs, self.seconds)
            checkpoint.save(state, self.place)
            self.saved = time.monotonic()

    def _train(self, e: int) -> tuple[dict[str, float], dict[str, float]]:
        chance, sums = Chance.of_epoch(self.seed, e, self.device), self.loss.sums()
        self.net.train()
        for batch in self.feed(train_batches(self.experiment, self.data, e), chance):
            sums.add(self.step(batch, chance))
        return sums.means(), sums.shares()

    def feed(self, batches: Sequence[Rows], chance: Chance) -> Generator[Batch, None, None]:
        """This worker's part of some batches, with what the second view of L_slf is made from, if it has a weight."""
        V, wanted = self.settings.self_views, bool(self.experiment.loss.weights["slf"])

        def views(N: int) -> Rows:
            return chance.view.integers(0, V, N)

        return self.loader.feed(batches, views if wanted and V else None, images=wanted and not V)

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
        with self.inputs.trunk.autocast():
            logits, f = self.net(batch.inputs, self.net.dropout_mask(N, chance.dropout)[batch.own])
        together = self.world.gather(torch.cat([*logits, f], dim=1), N)
        *logits, f = torch.split(together, [part.shape[1] for part in (*logits, f)], dim=1)

        def augmented() -> Tensor:
            inputs = batch.inputs_of_views if self.settings.self_views else self._inputs_afresh(batch, chance)
            mask = self.net.dropout_mask(N, chance.dropout_augmented)[batch.own]
            with self.inputs.trunk.autocast():
                f_jfc = self.net.f_jfc(inputs, mask)
            return self.world.gather(self.net.cluster(f_jfc), N)

        return self.loss(Features(logits, f, batch.labels, batch.colour, augmented)), logits

    def _inputs_afresh(self, batch: Batch, chance: Chance) -> Tensor:
        """Of new augmentations x′ of the images."""
        augmentation = augment.draw(len(batch.labels), chance.augmentation)[batch.own]
        return self.inputs.prefix(augment.apply(batch.images, augmentation))

    @torch.no_grad()
    def _validate(self) -> tuple[dict[str, float], Scores]:
        """The whole loss and the scores on the validation set, in batches that are the same in every epoch."""
        self.net.eval()
        chance = Chance.of_validation(self.experiment.data.split_seed, self.device)
        sums, predictions = self.loss.sums(), []
        seen = validation_batches(self.experiment, self.data)
        for batch in self.feed(seen, chance):
            terms, logits = self.terms(batch, chance)
            if self.settings.stop_on == "C":
                terms["CE"] = cross_entropy(logits, batch.labels)
            sums.add(terms)
            predictions.append(torch.stack([a.argmax(1) for a in logits], dim=1))
        labels = self.data.labels[np.concatenate(seen)]
        scores = metrics.scores(labels, torch.cat(predictions).cpu().numpy(), self.data.variables)
        return sums.means(), scores

    def outcome(self) -> Outcome:
        best = self._best_epoch()
        return Outcome(
            state="finished", best_epoch=best.number, stop_on=self.settings.stop_on, epochs=self.epochs,
            validation=best.validation, seconds=self.seconds, device=device_name(self.device),
        )  # fmt: skip


def build(inputs: Inputs) -> SilkNet:
    """A network before its first step: the trained blocks as the trunk has them, the added layers from a stream."""
    experiment, data, device = inputs.trunk.experiment, inputs.trunk.data, inputs.trunk.device
    suffix = Suffix([], inputs.length) if inputs.length else inputs.trunk.suffix
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(number(experiment.train.seed, "initialisation of the heads"))
        net = SilkNet(experiment.net, suffix, [variable.outputs for variable in data.variables])
        net.initialise()
    return net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


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
