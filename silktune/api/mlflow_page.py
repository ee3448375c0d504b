"""How a person opens MLflow's page of a study."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

from silktune.tracking.store_errors import shown


def how_to_look(uri: str, experiment: str) -> str:
    """How to open MLflow's page of an experiment's runs; an address of one's own may hold a password."""
    page = f"#/experiments/{experiment}/runs"
    if uri.startswith("http"):
        return f"The runs are at {shown(uri)}/{page}"
    mlflow = shutil.which("mlflow") or Path(sys.executable).with_name("mlflow")
    store = shlex.quote(uri) if uri.startswith("sqlite") else '"$MLFLOW_TRACKING_URI"'
    command = f"{shlex.quote(str(mlflow))} ui --workers 1 --backend-store-uri {store}"
    return f"To look at the runs: {command}\nthen open http://127.0.0.1:5000/{page}"
