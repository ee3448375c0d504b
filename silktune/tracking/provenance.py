"""What a study was made from and with: the data set, the versions, the state of the source, the command."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from silktune import versions
from silktune.tracking.mlflow_names import short
from silktune.tracking.mlflow_tracker import MlflowTracker

DIGEST_LENGTH = 36  # of MLflow's column


def log_dataset(
    tracker: MlflowTracker,
    *,
    name: str,
    digest: str,
    source: Path,
    classes: Mapping[str, Sequence[str]],
    profile: Mapping[str, Any],
) -> None:
    """The data set as an MLflow data set on the study's run, in the context "training".

    MLflow itself leaves out one of the same name and digest.

    Args:
        tracker: an open one.
        name: what a person calls it.
        digest: its hash; MLflow keeps 36 characters, so the tag `silktune.dataset` has the whole of it.
        source: the folder of the prepared data set.
        classes: variable → the names of its classes.
        profile: metrics worth a look: images, records, counts; JSON.

    Raises:
        TrackingError: the store cannot be reached or written.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag

    run = tracker.run("")
    made = Dataset(
        name=short(name, 500),
        digest=digest[:DIGEST_LENGTH],
        source_type="local",
        source=json.dumps({"uri": source.absolute().as_uri()}),
        schema=json.dumps({"mlflow_colspec": [_column("image", True), *(_column(one, False) for one in classes)]}),
        profile=json.dumps(dict(profile) | {"classes": {one: list(names) for one, names in classes.items()}}),
    )
    with tracker.store.sentences():
        tracker.store.client.log_inputs(run.id, [DatasetInput(made, [InputTag("mlflow.data.context", "training")])])
    run.write(tags={"silktune.dataset": digest})


def _column(name: str, required: bool) -> dict[str, Any]:
    return {"type": "string", "name": name, "required": required}


def tags(command: str, folder: Path | None = None) -> dict[str, str]:
    """Tags of a study's run: versions, git's state, the command line, the host.

    Args:
        command: the line that a person gave.
        folder: whose git state; None: the current folder's. Nothing is said where there is none.
    """
    made = {"silktune.command": command, "silktune.host": socket.gethostname(), "mlflow.source.name": command}
    made |= {"mlflow.source.type": "LOCAL"}
    return made | versions.tags() | _git(folder or Path.cwd())


def _git(folder: Path) -> dict[str, str]:
    commit = _ask_git(folder, "rev-parse", "HEAD")
    if not commit:
        return {}
    state = _ask_git(folder, "status", "--porcelain", "--untracked-files=no")
    found = {"git.commit": commit, "mlflow.source.git.commit": commit}
    return found | ({} if state is None else {"git.dirty": str(bool(state)).lower()})


def _ask_git(folder: Path, *question: str) -> str | None:
    """Git's answer; None if there is no git, no repository or no answer within seconds."""
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), *question],
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
