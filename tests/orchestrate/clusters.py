"""The shipped files for `ray up` with their placeholders filled in, and a machine from which they could be used."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import ray
import yaml

from silktune import __version__
from silktune.orchestrate.cluster.cluster_file import ClusterFile
from silktune.orchestrate.cluster.rules import Here

ROOT = Path(__file__).parents[2]
AWS, LOCAL = "cluster.yaml", "docs/cluster/onpremises.yaml"
FILLED = {
    "<bucket>": "silk-bucket",
    "<region>": "eu-central-1",
    "<ami>": "ami-12c6146b",
    "<head address>": "10.77.0.1",
    "<worker address>": "10.77.0.2",
    "<user>": "silk",
    "<interface>": "eth0",
}


def text(name: str) -> str:
    """A shipped file, filled in."""
    found = (ROOT / name).read_text(encoding="utf-8")
    for placeholder, value in FILLED.items():
        found = found.replace(placeholder, value)
    return found


def cluster(name: str, **sections: Any) -> ClusterFile:
    """A shipped file, filled in, with some sections exchanged; `None` takes one out."""
    content = yaml.safe_load(text(name)) | sections
    return ClusterFile(name, {key: value for key, value in content.items() if value is not None})


def home(folder: Path) -> Path:
    """A home with a token and a key for SSH, as the documentation has them made."""
    for name, content in ((".ray/auth_token", "0123456789abcdef"), (".ssh/silktune", "no real key")):
        file = folder / name
        file.parent.mkdir(parents=True)
        file.write_text(content, encoding="utf-8")
        file.chmod(0o600)
    return folder


def here(home: Path, **environ: str) -> Here:
    variables = os.environ | {"HOME": str(home), "RAY_AUTH_MODE": "token"} | environ
    return Here(variables, {"ray": ray.__version__, "silktune": __version__}, ROOT)
