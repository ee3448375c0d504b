"""A cluster's head on this machine, with a token, and the shell of a person who uses it."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.nodes import BIN, LIMIT, Node, Reaper, free_net, free_port

CONFIG = "ray_bootstrap_config.yaml"


@dataclass
class Head:
    """A head that is up, and its user's variables."""

    address: str
    environ: Mapping[str, str]
    log: Path

    def run(self, command: str, *, limit: float = LIMIT) -> str:
        """What a command prints; it must succeed within `limit` seconds."""
        done = subprocess.run(
            ["bash", "-c", command], env=self.environ, timeout=limit, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8",
        )  # fmt: skip
        assert done.returncode == 0, (
            f"{command} ended with {done.returncode}:\n{done.stdout}\n{self.log.read_text(encoding='utf-8')}"
        )
        return done.stdout


@contextmanager
def head(
    words: Sequence[str], *, dashboard: int = 0, autoscaling: Mapping[str, Any] | None = None, **environ: str
) -> Iterator[Head]:
    """Start a head with a token; it ends with all that it started.

    Args:
        words: more options of `ray start`.
        dashboard: its port; none without one.
        autoscaling: what `ray up` would leave on the head for Ray's imitation of a provider; no autoscaler without.
        environ: variables of the head and of all commands.
    """
    folder = Path(tempfile.mkdtemp(prefix="ray"))
    address, port = f"{free_net()}.1", free_port()
    options = [
        *words, "--head", f"--port={port}", f"--ray-client-server-port={free_port()}",
        f"--include-dashboard={bool(dashboard)}", *([f"--dashboard-port={dashboard}"] if dashboard else []),
    ]  # fmt: skip
    if autoscaling:
        provider = {**autoscaling["provider"], "gcs_address": f"{address}:{port}"}
        (folder / CONFIG).write_text(yaml.safe_dump({**autoscaling, "provider": provider}), encoding="utf-8")
        options.append(f"--autoscaling-config=~/{CONFIG}")
    variables, reaper = _home(folder) | environ, Reaper()
    node = Node(options, address, folder, variables)
    try:
        reaper.hear(node)
        # With a dashboard its agent is waited for: it takes jobs.
        node.wait(lambda: not dashboard or any(folder.glob("session_latest/dashboard_agent_listen_port_*")))
        yield Head(f"{address}:{port}", variables, node.log)
    finally:
        node.kill()
        reaper.end()
        shutil.rmtree(folder, ignore_errors=True)


def _home(folder: Path) -> dict[str, str]:
    """Make a folder the home of somebody who has a token; the variables there."""
    (folder / ".ray").mkdir()
    (folder / ".ray" / "auth_token").write_text(secrets.token_hex(32), encoding="utf-8")
    known = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return known | {"HOME": str(folder), "PATH": f"{BIN}:{os.environ['PATH']}", "RAY_AUTH_MODE": "token"}
