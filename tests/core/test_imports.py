"""What a process loads before its first step: a worker of every trial pays for it."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = ("torchvision", "torch._dynamo", "sklearn", "scipy", "matplotlib", "ray", "mlflow", "optuna")


def loaded(code: str) -> set[str]:
    """The heavy modules that a new process has after some code."""
    tail = f"; import json, sys; print(json.dumps([name for name in {HEAVY} if name in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", code + tail], capture_output=True, text=True, encoding="utf-8", check=True
    )
    return set(json.loads(done.stdout))


def test_a_training_that_was_not_begun_has_loaded_nothing_heavy() -> None:
    assert loaded("from silktune.core import training, predict, cost") == set()


def test_a_network_needs_torchvision_and_nothing_else() -> None:
    code = "from silktune.core.silknet import network; from silktune.settings import Net; "
    code += "network(Net(trunk='resnet18', weights='none'), [3], 32)"
    assert loaded(code) == {"torchvision", "torch._dynamo"}, "torchvision loads torch._dynamo, and so would Adam"
