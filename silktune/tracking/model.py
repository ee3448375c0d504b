"""A trained model in MLflow's own format, which MLflow loads and serves without silktune being installed."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import silktune
from silktune.model import folder as model_folder
from silktune.tracking.mlflow_run import Run
from silktune.tracking.mlflow_tracker import MlflowTracker
from silktune.tracking.request_limits import SENDING

WEIGHTS = "silktune.weights"
VALIDATION, DATA = "silktune.validation.mean_f1", "silktune.dataset"  # tags of a registered version
CHAMPION = "champion"  # the alias of the registered version to be used
NAME = "silknet"
NETWORKS = "networks"  # the artifact, as `served_model` reads it
CODE = Path(__file__).with_name("served_model.py")
REQUIRED = (  # what the code that loads and asks a model imports
    "mlflow", "torch", "torchvision", "timm", "huggingface-hub", "safetensors", "numpy", "scipy", "pandas", "pyarrow",
    "pydantic", "opencv-python-headless", "pillow", "fsspec",
)  # fmt: skip


def log_model(
    tracker: MlflowTracker,
    group: str,
    folders: Sequence[Path],
    example: Sequence[str],
    *,
    classes: Mapping[str, Sequence[str]],
    metadata: Mapping[str, Any],
    metrics: Mapping[str, float],
    params: Mapping[str, Any],
) -> str:
    """Writes a model of one network or several as an MLflow model, linked to the run of a group; the same only once.

    It takes a data frame with a column `image` (paths, bytes, base64 texts or arrays) and gives a row for each image
    with four columns for each variable: the most probable class under the variable's name, its `.probability`, the
    `.runner_up` and its `.runner_up_probability`; and `unlike`.

    Args:
        tracker: an open one.
        group: whose run the model belongs to.
        folders: of the networks (`silktune.model.folder`).
        example: an image as base64, for MLflow's page.
        classes: variable → the names of its classes.
        metadata: what else a person should know of the model; JSON.
        metrics: of the model, on validation and test set.
        params: the settings it was trained with.

    Returns:
        The model's address, `models:/m-…`.

    Raises:
        TrackingError: the store cannot be reached or written.
    """
    run, weights = tracker.run(group), _digest(folders)
    model = _found(tracker, run, weights) or _logged(
        tracker, run, folders, example, weights=weights, metadata=dict(metadata) | {"classes": columns(classes)},
        metrics=metrics, params=params,
    )  # fmt: skip
    return f"models:/{model}"


def columns(classes: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """The classes of each variable; a list, since MLflow sorts the keys of mappings."""
    return [{"variable": variable, "classes": list(names)} for variable, names in classes.items()]


def _digest(folders: Sequence[Path]) -> str:
    """Stands for the files of the networks."""
    made = hashlib.blake2b(digest_size=16)
    for folder in folders:
        for path in sorted(folder.iterdir()):
            made.update(path.name.encode())
            with path.open("rb") as file:
                made.update(hashlib.file_digest(file, "blake2b").digest())
    return made.hexdigest()


def _found(tracker: MlflowTracker, run: Run, weights: str) -> str | None:
    """The id of the model that is on the run already; what an interrupted writing left is removed."""
    client = tracker.store.client
    found = None
    with tracker.store.sentences():
        for model in client.search_logged_models([run.experiment], filter_string=f"source_run_id = '{run.id}'"):
            if model.name == NAME and str(model.status) != "READY":
                client.delete_logged_model(model.model_id)
            elif model.name == NAME and model.tags.get(WEIGHTS) == weights:
                found = str(model.model_id)
    return found


def _logged(
    tracker: MlflowTracker, run: Run, folders: Sequence[Path], example: Sequence[str], *, weights: str,
    metadata: dict[str, Any], metrics: Mapping[str, float], params: Mapping[str, Any],
) -> str:  # fmt: skip
    """The id of a new model; one that cannot be saved or sent leaves nothing behind."""
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model

    client = tracker.store.client
    with TemporaryDirectory() as folder, tracker.store.sentences(SENDING):
        shown = {name: str(value) for name, value in params.items()}
        made = client.create_logged_model(
            run.experiment, NAME, source_run_id=run.id, tags={WEIGHTS: weights}, params=shown
        )
        try:
            path = Path(folder) / "model"
            networks = Path(folder) / NETWORKS
            model_folder.together(folders, networks)
            save(path, networks, example, metadata, Model(run_id=run.id, model_id=made.model_id))
            client.log_model_artifacts(made.model_id, str(path))
            client.finalize_logged_model(made.model_id, "READY")
        except BaseException:
            client.delete_logged_model(made.model_id)
            raise
        client.log_outputs(run.id, [LoggedModelOutput(made.model_id, step=0)])
        for name, value in metrics.items():
            client.log_metric(run.id, name, value, model_id=made.model_id)
    return str(made.model_id)


def save(path: Path, networks: Path, example: Sequence[str], metadata: dict[str, Any], model: Any) -> None:
    """Write a model in MLflow's format into a folder, of the networks in another."""
    import mlflow
    import pandas as pd
    from mlflow.environment_variables import MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema
    from mlflow.types.schema import AnyType

    bar = MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR
    shown = bar.get_raw()
    bar.set(False)  # of copying the artifacts from one folder to the next
    try:
        with warnings.catch_warnings(action="ignore"):  # pandas's, of how MLflow looks at the example
            mlflow.pyfunc.save_model(
                str(path), python_model=str(CODE), mlflow_model=model, metadata=metadata,
                artifacts={NETWORKS: str(networks)},
                code_paths=[str(Path(silktune.__file__).parent)], pip_requirements=requirements(),
                signature=ModelSignature(Schema([ColSpec(AnyType(), "image", required=False)])),
                input_example=pd.DataFrame({"image": list(example)}),
            )  # fmt: skip
    finally:
        bar.unset() if shown is None else bar.set(shown)


def requirements() -> list[str]:
    """The packages of `REQUIRED` that are here, with their versions."""
    found = []
    for package in REQUIRED:
        try:
            found.append(f"{package}=={version(package).partition('+')[0]}")
        except PackageNotFoundError:
            continue
    return found


def register(tracker: MlflowTracker, name: str, address: str, group: str, *, validation: float, data: str) -> str:
    """A version of a registered model, unless this model has one; it is the champion if it is the best on validation.

    Its source is the folder of the model: `models:/…` MLflow would look up in whatever store is set globally.

    Args:
        tracker: an open one.
        name: in MLflow's registry.
        address: of the model, as `log_model` gives it.
        group: whose run it belongs to.
        validation: its mean F1 on the validation set, over its runs.
        data: the digest of its data set: only models of the same one are compared.

    Returns:
        What came of it, in a sentence.

    Raises:
        TrackingError: the registry cannot be reached or written, or takes no such name.
    """
    client, run, model = tracker.store.client, tracker.run(group), address.removeprefix("models:/")
    with tracker.store.sentences():
        if not client.search_registered_models(f"name = '{name}'"):
            client.create_registered_model(name)
        source = client.get_logged_model(model).artifact_location
        versions = client.search_model_versions(f"name = '{name}'")
        own = next((version for version in versions if version.source == source), None)
        if own is None:
            tags = {VALIDATION: f"{validation:.17g}", DATA: data}
            own = client.create_model_version(name, source=source, run_id=run.id, model_id=model, tags=tags)
        champion = client.get_registered_model(name).aliases.get(CHAMPION)
        rival = None if champion is None else client.get_model_version(name, champion)
        best, why = _compared(validation, data, rival, str(own.version))
        if best:
            client.set_registered_model_alias(name, CHAMPION, own.version)
    return f"MLflow's registry has it as {name}, version {own.version}: {why}."


def _compared(validation: float, data: str, champion: Any, version: str) -> tuple[bool, str]:
    """Whether a version is the champion now, and why."""
    own = f"{100 * validation:.1f} on validation"
    if champion is None:
        return True, f"the {CHAMPION}, since there was none, with {own}"
    if str(champion.version) == version:
        return False, f"the {CHAMPION}, with {own}"
    name, tags = f"version {champion.version}", champion.tags
    if tags.get(DATA) != data or VALIDATION not in tags:
        return False, f"{name} stays the {CHAMPION}, since it is of another data set, with which {own} is no comparison"
    other = float(tags[VALIDATION])
    if validation > other:
        return True, f"the new {CHAMPION}, with {own}, where {name} has {100 * other:.1f}"
    return (
        False,
        f"{name} stays the {CHAMPION}, with {100 * other:.1f} on validation, where this one has {100 * validation:.1f}",
    )
