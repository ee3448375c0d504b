"""A Ray of several nodes on one machine, any of which can be lost."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.nodes import Node, Reaper, free_net, free_port

# A node that is lost is missed after two seconds, not after fifteen.
ENVIRON = {
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_failure_threshold": "4",
    "GLOO_SOCKET_IFNAME": "lo",
}


class Cluster:
    """A head without CPUs, at an address that stays, and nodes with one CPU each."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self.environ = {k: v for k, v in os.environ.items() if k != "RAY_ADDRESS"} | ENVIRON | dict(environ)
        self._net, self._count = free_net(), 1
        self.port, self._client_port = free_port(), free_port()
        self._reaper = Reaper()
        self.head: Node | None = None
        self.nodes: list[Node] = []

    @property
    def address(self) -> str:
        return f"{self._net}.1:{self.port}"

    def start(self, nodes: int) -> None:
        """Start the head and so many nodes."""
        words = ["--head", f"--port={self.port}", "--num-cpus=0", "--include-dashboard=false"]
        words += [f"--ray-client-server-port={self._client_port}"]
        self.head = self._node(words, 1, self.environ)
        self.head.wait()
        self.add(nodes)

    def add(self, nodes: int = 1) -> None:
        """Let nodes join."""
        for node in [self.join() for _ in range(nodes)]:
            node.wait()

    def join(self, *, within: Sequence[str] = (), **environ: str) -> Node:
        """A node that begins to join, in surroundings of its own."""
        self._count += 1
        words = [f"--address={self.address}", "--num-cpus=1"]
        self.nodes.append(self._node(words, self._count, self.environ | environ, within))
        return self.nodes[-1]

    def lose(self, node: Node) -> None:
        """Kill a node."""
        self.nodes.remove(node)
        node.kill()

    def end(self) -> None:
        """Kill all that is left."""
        for node in [*([self.head] if self.head else []), *self.nodes]:
            node.kill()
        self.head, self.nodes = None, []

    def close(self) -> None:
        """Kill all that is left, for good."""
        self.end()
        self._reaper.end()

    def _node(self, words: list[str], number: int, environ: Mapping[str, str], within: Sequence[str] = ()) -> Node:
        folder = Path(tempfile.mkdtemp(prefix="n", dir=self.folder))
        made = Node(words, f"{self._net}.{number}", folder, environ, within)
        self._reaper.hear(made)
        return made


@contextmanager
def cluster(nodes: int, environ: Mapping[str, str] | None = None) -> Iterator[Cluster]:
    """A Ray of a head and so many nodes, inside; its folder has a short name since sockets lie in it."""
    folder = Path(tempfile.mkdtemp(prefix="sc"))
    made = Cluster(folder, environ or {})
    try:
        made.start(nodes)
        yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)
