"""The settings of an experiment, section by section: the one home of every default.

A setting has its letter in the papers and says where it comes from. Its name is `section.field` (`loss.gamma`), the
same on the command line, in YAML, in MLflow and in tables.

P23: Dorozynski 2023, the multi-task SilkNet. P22: Dorozynski and Rottensteiner 2022, its single-task predecessor.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

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
    background: Literal["class", "unknown"] = setting(
        "class", origin="P23", neutral="class",
        why="the label background is a class that a network tells apart, or unknown (P22, which has none)",
    )  # fmt: skip
    split_by: str = setting(
        "", origin="ours", neutral="",
        why="a column, such as museum, whose groups stay whole in a subset, as records do; empty: records alone",
    )  # fmt: skip


class Net(Section):
    """SilkNet, P23 §3.1 and Fig. 1."""

    trunk: str = setting(
        "resnet152", min_length=1, origin="P23",
        why="torchvision's resnet18, 34, 50, 101 or 152, or timm/NAME; `silktune trunks` lists them",
    )  # fmt: skip
    weights: str = setting(
        pretrained_weights.PRETRAINED, min_length=1, origin="P23",
        why="pretrained: the trunk's own (of a ResNet IMAGENET1K_V1); a name of torchvision's or timm's weights, a "
        "file (.pt, .pth, .safetensors), or none (random)",
    )  # fmt: skip
    NB_RN: int = setting(
        3, ge=0, symbol="NB_RN", origin="P23", why="blocks of the trunk trained, counted from the end; at most its own"
    )
    NN_jfc: Nodes = setting((1024,), symbol="NN_jfc", origin="P23", min_length=1, why="joint fc layers")
    NN_tfc: Nodes = setting((128,), symbol="NN_tfc", origin="P23", why="fc layers of each task")
    dropout: float = setting(0.3, ge=0, lt=1, origin="P23", why="on f_RN, the only dropout")

    @model_validator(mode="before")
    @classmethod
    def _spell_weights(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        values = {name: given.get(name, cls.model_fields[name].default) for name in ("weights", "trunk")}
        if not all(isinstance(value, str) for value in values.values()):
            return given
        return {**given, "weights": pretrained_weights.spelled(**values)}

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
        return pretrained_weights.digest(self.weights, self.trunk)


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
    sem_margin: Literal["all", "comparable"] = setting(
        "all", origin="P23", neutral="all",
        why="of L_sem. all: unknown labels count as if they differed (Eq. 6); comparable: they do not count",
    )  # fmt: skip

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
        10, ge=1, le=100_000, origin="ours", why="epochs without a better one, by stop_on; the papers are silent"
    )
    stop_on: Literal["L", "C", "mean_f1"] = setting(
        "L", origin="P23", neutral="L",
        why="what the best epoch is best in, on the validation set. L: the loss that is trained; the same for every "
        "loss are C, the plain cross-entropy (γ = 0, nothing balanced), and mean_f1",
    )  # fmt: skip
    precision: Literal["float32", "bfloat16"] = setting(
        "float32", origin="ours", neutral="float32", why="of the network; bfloat16 for GPUs: losses stay float32"
    )
    self_views: int = setting(
        0, symbol="V", ge=0, le=64, origin="ours", neutral=0,
        why="augmented views that an image has for L_slf; 0: a new one in every step, as in P23",
    )  # fmt: skip
    seed: int = setting(0, ge=0, lt=2**62, origin="ours", why="run r of a trial trains with seed + r")


class Runtime(Section):
    """Everything that may not change a number: where and on what a training runs."""

    device: Literal["auto", "cpu", "cuda"] = setting("auto", origin="ours", why="auto: a GPU if there is one")
    threads: int = setting(0, ge=0, origin="ours", why="CPU threads of torch; 0: torch decides")
    folder: str | Path | None = setting(None, origin="ours", why="or URI, for the checkpoint; None: nowhere")
    keep_model: bool = setting(True, origin="ours", why="whether the network is left in the folder")
    checkpoint_seconds: float = setting(
        30.0,
        ge=0,
        origin="ours",
        why="at least so long between checkpoints, of which the first epoch has one; 0: every epoch",
    )
