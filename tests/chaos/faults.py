"""What goes wrong, really and at once: each fault is a function, a plan says which comes after how many epochs."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.chaos.nodes import Cluster
from tests.chaos.study import Study, until
from tests.nodes import BIN, Node, is_training
from tests.tracking.server import Server

GONE = "is gone. What is done is kept; the same command goes on."
NOTICE = 5  # seconds between a spot notice and the end of its node
POISON = '''
"""In every Python of a node: whoever writes the checkpoint of the trial that is named beside this file, dies."""
import os, pathlib, signal, sys

def hook(event, arguments, named=pathlib.Path(__file__).with_name("trial")):
    if event in ("os.mkdir", "os.rename") and named.exists():
        if named.read_text() in os.fsdecode(arguments[0]).split("/"):
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
'''


@dataclass
class Scene:
    """All that can be disturbed."""

    cluster: Cluster
    study: Study
    chance: random.Random
    poison: Path  # a folder on the nodes' PYTHONPATH
    server: Server | None = None

    def nodes(self) -> list[Node]:
        return [*([self.cluster.head] if self.cluster.head else []), *self.cluster.nodes]

    def advance(self, steps: int) -> bool:
        """Wait until so many more epochs or outcomes are there; False if the study is done before."""
        self.wait(steps)
        return self.goes_on()

    def wait(self, steps: int) -> None:
        """Wait until so many more epochs or outcomes are there, or the command ends."""
        seen = self.study.look()
        until(lambda: self.study.look() >= seen + steps or self.study.status is not None, f"{steps} epochs more")

    def goes_on(self) -> bool:
        """Give the command again if some trials failed; False if the study is done."""
        if self.study.status == 3:
            self.study.start()
        assert self.study.status in (None, 0), self.study.said
        return self.study.status is None

    def finish(self) -> None:
        """Until the study is done."""
        while self.goes_on():
            self.study.end()
        self.study.look()


def poisonable(folder: Path) -> dict[str, str]:
    """The environment of nodes on which `poison` works."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(POISON, encoding="utf-8")
    return {"PYTHONPATH": f"{folder}:{Path(__file__).parents[2]}"}


def worker(scene: Scene) -> str:
    """A process that trains, or that launched those that do, is killed."""
    found = _training(scene)
    if not found:
        return ""
    process = scene.chance.choice(found)
    name = process.name()
    process.kill()
    return f"{name} {process.pid}"


def late(scene: Scene) -> str:
    """Every process that trains is killed when a trial's outcome appears: after it, and before Ray knows of its end."""
    processes, before = _training(scene), scene.study.names()
    until(lambda: scene.study.names() != before or scene.study.status is not None, "an outcome", pause=0.001)
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    return ", ".join(sorted(scene.study.names() - before))


def _training(scene: Scene) -> list[psutil.Process]:
    """The processes that train, when there are any; none if the study is done before."""
    found: list[psutil.Process] = []

    def some() -> bool:
        found[:] = [process for node in scene.nodes() for process in node.processes() if is_training(process)]
        return bool(found) or scene.study.status is not None

    until(some, "a process that trains")
    return found


def node(scene: Scene) -> str:
    """A node is gone at once; another one joins."""
    lost = scene.chance.choice(scene.cluster.nodes)
    scene.cluster.lose(lost)
    scene.cluster.add()
    return lost.address


def driver(scene: Scene) -> str:
    """The command is killed, and given again."""
    scene.study.kill()
    scene.study.start()
    return "silktune ablate"


def head(scene: Scene) -> str:
    """The head is gone, and the cluster with it: the command says so, unless it needed no Ray any more.

    Then all is started again at the same address.
    """
    assert scene.cluster.head
    before, nodes = len(scene.study.said), len(scene.cluster.nodes)
    scene.cluster.head.kill()
    status, said = scene.study.end(), scene.study.said[before:]
    assert "Traceback" not in said, said
    assert status in (0, 3) or (status == 1 and GONE in said), f"{status}: {said}"
    scene.cluster.end()
    scene.cluster.start(nodes)
    scene.study.start()
    return scene.cluster.address


def spot(scene: Scene) -> str:
    """A node is announced to go (docs/cluster/spot-notice.sh), goes at its deadline, and another one joins."""
    lost = scene.chance.choice(scene.cluster.nodes)
    deadline = time.monotonic() + NOTICE
    command = [str(BIN / "ray"), "drain-node", "--address", scene.cluster.address]
    command += ["--node-id", lost.id, "--reason", "DRAIN_NODE_REASON_PREEMPTION", "--reason-message", "spot notice"]
    command += ["--deadline-remaining-seconds", str(NOTICE)]
    done = subprocess.run(
        command, env=scene.cluster.environ, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    until(lambda: time.monotonic() >= deadline, "the deadline")
    scene.cluster.lose(lost)
    scene.cluster.add()
    return lost.address


def mlflow(scene: Scene) -> str:
    """MLflow's server is killed, and comes back after an epoch."""
    assert scene.server
    scene.server.kill()
    scene.wait(1)
    scene.server.start()
    return scene.server.uri


def poison(scene: Scene) -> str:
    """A trial's process dies whenever it is run, until the trial is given up; then whatever killed it is mended."""
    running = scene.study.running
    if not running:
        return ""
    trial = scene.chance.choice(running)
    (scene.poison / "trial").write_text(trial, encoding="utf-8")
    until(lambda: _over(scene.study, trial), f"{trial} is given up")
    (scene.poison / "trial").unlink()
    return trial


def _over(study: Study, trial: str) -> bool:
    study.look()
    return study.status is not None or study.outcome(trial) is not None


FAULTS: dict[str, Callable[[Scene], str]] = {
    fault.__name__: fault for fault in (worker, late, node, driver, head, spot, mlflow, poison)
}


@dataclass(frozen=True)
class Planned:
    """A fault to come."""

    kind: str
    after: int  # epochs and outcomes since the one before
    delay: float  # seconds more


def plan(seed: int, count: int, kinds: Sequence[str]) -> list[Planned]:
    """So many faults, as many of each kind, in an order and at moments that the seed decides."""
    chance = random.Random(seed)
    drawn = [kind for _ in range(-(-count // len(kinds))) for kind in chance.sample(kinds, len(kinds))]
    return [Planned(kind, chance.randint(1, 3), chance.random()) for kind in drawn[:count]]


def disturb(scene: Scene, planned: Sequence[Planned], tell: Callable[[Planned, str, list[str]], None]) -> int:
    """Start the study and let faults happen until it is done or none is left; then let it finish.

    Args:
        scene: where.
        planned: the faults, in their order.
        tell: hears of each fault, its target and what was running.

    Returns:
        How many happened.
    """
    scene.study.start()
    done = 0
    for fault in planned:
        if not scene.advance(fault.after):
            break
        time.sleep(fault.delay)
        running = scene.study.running
        target = FAULTS[fault.kind](scene)
        if not target:
            break
        tell(fault, target, running)
        done += 1
    scene.finish()
    return done
