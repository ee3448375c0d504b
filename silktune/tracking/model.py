"""A trained network in MLflow's own model format, which MLflow loads without silktune."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from copy import deepcopy
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from silktune.tracking.mlflow_run import Run
from silktune.tracking.mlflow_tracker import MlflowTracker
from silktune.tracking.request_limits import SENDING

WEIGHTS = "silktune.weights"


class Joined(nn.Module):
    """A network whose output is one tensor, as MLflow's own format wants it: the variables side by side."""

    def __init__(self, network: nn.Module, variables: Sequence[str]) -> None:
        super().__init__()
        self.network = network
        self.variables = tuple(variables)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, 3, S, S) → probabilities (N, ΣK_m), variable after variable."""
        shares: dict[str, Tensor] = self.network(images)
        return torch.cat([shares[name] for name in self.variables], dim=1)


def log_model(
    tracker: MlflowTracker,
    group: str,
    network: nn.Module,
    example: np.ndarray[Any, np.dtype[np.float32]],
    *,
    name: str,
    classes: Mapping[str, Sequence[str]],
    metadata: Mapping[str, Any],
    register: str = "",
) -> str:
    """Writes the network as an MLflow model, linked to the run of a group; the same weights only once.

    The model takes float32 images (N, 3, S, S) in [0, 1], of any number N ≥ 1, and gives one array (N, ΣK_m) of
    probabilities; its metadata `columns` says of each column which class of which variable it is.

    Args:
        tracker: an open one.
        group: whose run the model belongs to.
        network: images → variable name → (N, K_m) probabilities.
        example: images to trace the network with.
        name: the model's name on its run.
        classes: variable → the names of its classes, in the order of the network's outputs.
        metadata: what else a person should know of the model; JSON.
        register: the name in MLflow's registry; "" registers nothing.

    Returns:
        The model's address, `models:/m-…`.

    Raises:
        TrackingError: the store cannot be reached or written.
    """
    run, known = tracker.run(group), {"columns": columns(classes)}
    weights = _digest(network, known)
    model = _found(tracker, run, name, weights) or _logged(
        tracker, run, Joined(network, list(classes)), example,
        name=name, weights=weights, metadata=dict(metadata) | known,
    )  # fmt: skip
    address = f"models:/{model}"
    if register:
        _register(tracker, register, model, run)
    return address


def columns(classes: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """What each column of the model's output is: `{"variable": "place", "class": "FR"}`.

    A list, since MLflow sorts the keys of mappings; and no `place=FR`, since `=` may stand in a name.
    """
    return [{"variable": variable, "class": name} for variable, names in classes.items() for name in names]


def _digest(network: nn.Module, known: Mapping[str, Any]) -> str:
    """Stands for what is `known` of the network's outputs and its trained weights, wherever they lie.

    What is frozen is made anew from the settings, and may differ by rounding.
    """
    made = hashlib.blake2b(json.dumps(known).encode(), digest_size=16)
    for name, tensor in network.named_parameters():
        if not tensor.requires_grad:
            continue
        made.update(name.encode())
        made.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return made.hexdigest()


def _found(tracker: MlflowTracker, run: Run, name: str, weights: str) -> str | None:
    """The id of the model that is on the run already; what an interrupted writing left is removed."""
    client = tracker.store.client
    found = None
    with tracker.store.sentences():
        for model in client.search_logged_models([run.experiment], filter_string=f"source_run_id = '{run.id}'"):
            if model.name == name and str(model.status) != "READY":
                client.delete_logged_model(model.model_id)
            elif model.name == name and model.tags.get(WEIGHTS) == weights:
                found = str(model.model_id)
    return found


def _logged(
    tracker: MlflowTracker,
    run: Run,
    network: Joined,
    example: np.ndarray[Any, np.dtype[np.float32]],
    *,
    name: str,
    weights: str,
    metadata: dict[str, Any],
) -> str:
    """The id of a new model; one that cannot be saved or sent leaves nothing behind."""
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model

    client = tracker.store.client
    with TemporaryDirectory() as folder, tracker.store.sentences(SENDING):
        made = client.create_logged_model(run.experiment, name, source_run_id=run.id, tags={WEIGHTS: weights})
        try:
            path = Path(folder) / "model"
            _save(network, path, example, metadata, Model(run_id=run.id, model_id=made.model_id))
            client.log_model_artifacts(made.model_id, str(path))
            client.finalize_logged_model(made.model_id, "READY")
        except BaseException:
            client.delete_logged_model(made.model_id)
            raise
        client.log_outputs(run.id, [LoggedModelOutput(made.model_id, step=0)])
    return str(made.model_id)


def _save(
    network: Joined,
    path: Path,
    example: np.ndarray[Any, np.dtype[np.float32]],
    metadata: dict[str, Any],
    model: Any,
) -> None:
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    network = deepcopy(network).eval().cpu()
    example = np.resize(example, (max(2, len(example)), *example.shape[1:]))  # one image would be traced as a constant
    with torch.no_grad():
        width = network(torch.from_numpy(example)).shape[1]
    images = TensorSpec(np.dtype(np.float32), (-1, *example.shape[1:]))  # with a name it would want a dict
    shares = TensorSpec(np.dtype(np.float32), (-1, width))
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # torch's, of weights that share memory
        mlflow.pytorch.save_model(
            network, str(path), mlflow_model=model, input_example=example, serialization_format="pt2",
            signature=ModelSignature(Schema([images]), Schema([shares])), metadata=metadata,
            pip_requirements=[f"{package}=={version(package)}" for package in ("mlflow", "torch", "numpy")],
        )  # fmt: skip


def _register(tracker: MlflowTracker, register: str, model: str, run: Run) -> None:
    """A version of the registered model, unless one of this model is there.

    Its source is the folder of the model: `models:/…` MLflow would look up in whatever store is set globally.
    """
    client = tracker.store.client
    with tracker.store.sentences():
        if not client.search_registered_models(f"name = '{register}'"):
            client.create_registered_model(register)
        source = client.get_logged_model(model).artifact_location
        if all(version.source != source for version in client.search_model_versions(f"name = '{register}'")):
            client.create_model_version(register, source=source, run_id=run.id, model_id=model)
