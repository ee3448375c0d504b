"""What decides the activations of an image: two keys that differ have different values, two that agree the same."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version
from typing import Literal

from pydantic import BaseModel, ConfigDict

from silktune.data.dataset import Dataset
from silktune.settings import Experiment
from silktune.settings.identity import digest
from silktune.settings.pretrained_weights import RANDOM

FORM = 1  # counts up when the same settings give other activations


class Key(BaseModel):
    """Which network, where it is cut, and which view of an image it is given; the image itself is a row's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trunk: str
    weights: str  # as `net.weights` names them
    weights_digest: str  # what they are
    NB_RN: int  # blocks behind the cut; 0: behind the pooling
    view: int | None = None  # of `train.self_views`; None: the image as it is
    precision: Literal["float32", "bfloat16"] = "float32"
    seed: int | None = None  # of random weights
    measured: str = ""  # on which images random weights have measured their statistics

    @classmethod
    def of(cls, experiment: Experiment, data: Dataset, NB_RN: int, view: int | None = None) -> Key:
        """The key of an experiment's trunk, cut before its last NB_RN blocks.

        Args:
            experiment: its trunk, its weights and, where they are random, its seed count.
            data: as the experiment sees it.
            NB_RN: where it is cut.
            view: the number of an augmented view; None: the image as it is.

        Raises:
            SettingsError: there is no such file of weights, or it cannot be read.
        """
        net, random = experiment.net, experiment.net.weights == RANDOM
        unknown = ["background unknown"] if experiment.data.background == "unknown" else []
        anew = [data.split] if data.split != data.about["split"] else []
        seen = digest([data.digest, [variable.name for variable in data.variables], *unknown, *anew])
        return cls(
            trunk=net.trunk, weights=net.weights, weights_digest=net.weights_digest, NB_RN=NB_RN, view=view,
            precision=experiment.train.precision,
            seed=experiment.train.seed if random else None, measured=seen if random else "",
        )  # fmt: skip

    @property
    def cut(self) -> str:
        """Where its trunk is cut, as a person reads it."""
        blocks = "block" if self.NB_RN == 1 else f"{self.NB_RN} blocks"
        return f"before its last {blocks}" if self.NB_RN else "behind its pooling"

    def __str__(self) -> str:
        """As a person reads it."""
        return f"{self.trunk} {self.cut}" + ("" if self.view is None else f", view {self.view + 1}")

    @cached_property
    def digest(self) -> str:
        """Its name on a disk; where a file of weights lies does not count."""
        counted = self.model_dump(exclude={"weights"})
        return digest({"form": FORM, **counted, "versions": [version(library) for library in self._libraries]})

    @property
    def _libraries(self) -> Sequence[str]:
        """Whose networks these are."""
        return ["timm"] if self.trunk.startswith("timm/") else ["torchvision"]
