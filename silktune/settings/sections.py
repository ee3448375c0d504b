"""The settings of an experiment, section by section: the one home of every default.

A setting has its letter in the papers and says where it comes from. Its name is `section.field` (`loss.gamma`), the
same on the command line, in YAML, in MLflow and in tables.

P23: Dorozynski 2023, the multi-task SilkNet. P22: Dorozynski and Rottensteiner 2022, its single-task predecessor.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import model_validator

from silktune.settings import pretrained_weights, trunks
from silktune.settings.fields import Names, Nodes, Section, setting

MAX_MEGAPIXELS = 200  # of an image, unless a command says otherwise; decoded they take 600 MB, with transparency 4 GB


class Data(Section):
    """Which images and labels a network sees."""

    variables: Names = setting((), origin="ours", why="empty: every column of the label table that can be one")
    image_size: int = setting(224, ge=16, le=1024, origin="P23", why="pixels per side")
    crop: Literal["whole", "centre"] = setting(
        "whole", origin="P23", why="whole: aspect not kept; centre: the largest square in the middle"
    )
    split_seed: int = setting(0, ge=0, origin="ours", why="one split for all runs, as the papers seem to have")
    min_records: int = setting(
        3, ge=3, origin="P23", why="a class with fewer records cannot be in all three subsets: background"
    )


class Net(Section):
    """SilkNet, P23 §3.1 and Fig. 1."""

    trunk: str = setting(
        "resnet152", min_length=1, origin="P23",
        why="torchvision's resnet18, 34, 50, 101 or 152; the smaller ones for small machines",
    )  # fmt: skip
    weights: str = setting(
        "IMAGENET1K_V1", min_length=1, origin="P23",
        why="a name of torchvision's weights, a file with a state dict, or none (random)",
    )  # fmt: skip
    NB_RN: int = setting(
        3, ge=0, symbol="NB_RN", origin="P23", why="residual blocks trained, counted from the end; at most the trunk's"
    )
    NN_jfc: Nodes = setting((1024,), symbol="NN_jfc", origin="P23", min_length=1, why="joint fc layers")
    NN_tfc: Nodes = setting((128,), symbol="NN_tfc", origin="P23", why="fc layers of each task")
    dropout: float = setting(0.3, ge=0, lt=1, origin="P23", why="on f_RN, the only dropout")

    @model_validator(mode="after")
    def _blocks_exist(self) -> Self:
        if complaint := trunks.complaint(self.trunk, self.NB_RN):
            raise ValueError(complaint)
        return self

    @property
    def weights_digest(self) -> str:
        """What `weights` stands for: the content of a file, or else the name itself.

        Raises:
            SettingsError: there is no such file, or it cannot be read.
        """
        return pretrained_weights.digest(self.weights)


class Loss(Section):
    """The weights of P23 Eq. 1–5; the defaults are the row MTL^fo+R^all of P23 Table 3."""

    gamma: float = setting(2.0, symbol="γ", ge=0, le=10, origin="released code", why="P23 is silent; 0 is softmax")
    lambda_C: float = setting(1.0, symbol="λ_C", ge=0, le=1, origin="P23")
    lambda_aux: float = setting(1.0, symbol="λ_aux", ge=0, le=1, origin="P23")
    alpha_sem: float = setting(0.5, symbol="α_sem", ge=0, le=1, origin="P23")
    alpha_co: float = setting(0.5, symbol="α_co", ge=0, le=1, origin="P23")
    alpha_slf: float = setting(0.5, symbol="α_slf", ge=0, le=1, origin="P23")

    tau: float = setting(
        0.0, symbol="τ", ge=0, le=10, origin="ours", neutral=0.0,
        why="logit adjustment: τ·ln of a class's share inside the softmax; 1 is balanced softmax",
    )  # fmt: skip
    class_weights: Literal["none", "effective"] = setting(
        "none", origin="ours", neutral="none", why="effective: classes weigh by their effective number of images (β)"
    )
    beta: float = setting(
        0.999, symbol="β", ge=0, lt=1, origin="ours", neutral=0.999,
        why="of class_weights=effective; 0: all alike, near 1: 1/images",
    )  # fmt: skip
    task_weights: Literal["labels", "equal"] = setting(
        "labels",
        origin="P23",
        neutral="labels",
        why="labels: a variable weighs by its labels (Eq. 2); equal: all variables alike",
    )

    @model_validator(mode="after")
    def _something_is_trained(self) -> Self:
        if not any(self.weights.values()):
            raise ValueError("loss.lambda_C is 0 and so is every weight of the auxiliary clustering: nothing to train")
        return self

    @property
    def alphas(self) -> dict[str, float]:
        """α of each term of the auxiliary clustering, P23 Eq. 5: the settings alpha_<term>, in their order."""
        names = [name for name in type(self).model_fields if name.startswith("alpha_")]
        return {name.removeprefix("alpha_"): getattr(self, name) for name in names}

    @property
    def weights(self) -> dict[str, float]:
        """What each term of the loss is multiplied by, P23 Eq. 1 and 5: λ_C, and λ_aux·α of the auxiliary ones."""
        return {"C": self.lambda_C} | {term: self.lambda_aux * alpha for term, alpha in self.alphas.items()}


class Train(Section):
    """Optimisation, P23 §5.1, and when it ends."""

    learning_rate: float = setting(1e-4, gt=0, le=1, origin="P23", why="Adam, β 0.9/0.999, ε 1e-8")
    batch_size: int = setting(
        300, symbol="N^MB", ge=2, le=65536, origin="released code", why="P23 is silent; over all workers together"
    )
    sampling: Literal["random", "balanced"] = setting("random", origin="P23", why="P22: C* is random, C balanced")
    max_epochs: int = setting(100, ge=1, le=100_000, origin="ours", why="the papers are silent")
    patience: int = setting(
        10, ge=1, le=100_000, origin="ours", why="epochs without a better validation loss; the papers are silent"
    )
    seed: int = setting(0, ge=0, lt=2**62, origin="ours", why="run r of a trial trains with seed + r")


class Runtime(Section):
    """Everything that may not change a number: where and on what a training runs."""

    device: Literal["auto", "cpu", "cuda"] = setting("auto", origin="ours", why="auto: a GPU if there is one")
    threads: int = setting(0, ge=0, origin="ours", why="CPU threads of torch; 0: torch decides")
    folder: str | Path | None = setting(None, origin="ours", why="or URI, for the checkpoint; None: nowhere")
