"""A Ray that is not there is a sentence, and at once."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from silktune.errors import ResourceError
from silktune.orchestrate.executors.ray.connection import connected
from silktune.orchestrate.executors.resources import Placement

LEAVE = """
import gc, threading, time
import ray
from silktune.orchestrate.executors.ray.connection import connected
from silktune.orchestrate.executors.resources import Placement

def drop():
    while ray.is_initialized():
        time.sleep(0.001)
    gc.set_threshold(1, 1, 1)
    while references:
        cycle = [references.pop()]
        cycle.append(cycle)
        time.sleep(0.001)

with connected(Placement(concurrent=1, workers=1, gpus=None, device="cpu", retries=0)):
    references = [ray.put(1) for _ in range(5000)]
    threading.Thread(target=drop, daemon=True).start()
print(len(references) < 5000, gc.isenabled())
"""


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{free.getsockname()[1]}"


def placement(address: str) -> Placement:
    return Placement(concurrent=1, workers=1, gpus=None, device="cpu", retries=0, address=address)


def test_nobody_at_the_address(nobody: str) -> None:
    with (
        pytest.raises(ResourceError, match=rf"--address {nobody}: no Ray answers: .*refused"),
        connected(placement(nobody)),
    ):
        pass


def test_nobody_where_ray_was(nobody: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", nobody)
    sentence = (
        rf"--address auto, which is RAY_ADDRESS {nobody}: no Ray answers: .*:{nobody.rpartition(':')[2]}: .*refused"
    )
    with pytest.raises(ResourceError, match=sentence), connected(placement("auto")):
        pass


def test_what_nobody_has_typed_is_not_named(nobody: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", nobody)
    with pytest.raises(ResourceError, match=rf"^RAY_ADDRESS {nobody}: no Ray answers"), connected(placement(nobody)):
        pass


@pytest.mark.parametrize(
    "address",
    ["anyscale://x", "k8s://ns/x:6379", "10.0.0.5", "10.0.0.5:", ":6379", "10.0.0.5:abc", "10.0.0.5:6379/", "head 6379",
     "::1:6379", "[::1]", "10.0.0.5:80", "10.0.0.5:70000", "10.0.0.5:-1", " ", "Auto", "http://10.0.0.5:6379"],
)  # fmt: skip
def test_what_is_no_address(address: str) -> None:
    sentence = rf"^--address {re.escape(address)}: .* An address is written host:port"
    with pytest.raises(ResourceError, match=sentence), connected(placement(address)):
        pass


def test_a_host_that_nobody_knows() -> None:
    with (
        pytest.raises(ResourceError, match=r"--address nowhere\.invalid:6379: no Ray answers: .*not known|resolution"),
        connected(placement("nowhere.invalid:6379")),
    ):
        pass


def test_rays_client() -> None:
    with pytest.raises(ResourceError, match="cannot carry a study"), connected(placement("ray://127.0.0.1:10001")):
        pass


@pytest.mark.ray
@pytest.mark.parametrize("cause", [OSError(36, "File name too long"), KeyError("loss")])
def test_an_error_is_not_told_as_the_end_of_ray(cause: Exception) -> None:
    """Ray is let go before the error gets out, and is gone then."""
    own = Placement(concurrent=1, workers=1, gpus=None, device="cpu", retries=0)
    with pytest.raises(type(cause)) as raised, connected(own):
        raise cause
    assert raised.value is cause


@pytest.mark.ray
def test_what_other_threads_let_go_while_ray_shuts_down() -> None:
    """Ray 2.60 ends the process when the garbage collector drops a reference of its own then."""
    done = subprocess.run(
        [sys.executable, "-c", LEAVE], timeout=90, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, encoding="utf-8",
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "True True\n")
