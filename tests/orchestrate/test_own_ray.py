"""A Ray of silktune's own is closed: on loopback, with a token that only it knows, in a folder that only it enters."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import ray
from ray._private import services

from silktune.errors import ResourceError
from silktune.orchestrate.executors.ray import address, own_ray
from silktune.orchestrate.executors.ray.connection import connected
from silktune.orchestrate.executors.ray.environment import LOOPBACK
from silktune.orchestrate.executors.resources import Placement
from tests.orchestrate.conftest import beyond_loopback

LIMIT = 60  # seconds
OWN = Placement(concurrent=1, workers=1, gpus=None, device="cpu", retries=0)
USERS = {"RAY_AUTH_MODE": "disabled", "RAY_AUTH_TOKEN": "the user's", "RAY_AUTH_TOKEN_PATH": "/nowhere"}
JOIN = "import ray, sys; ray.init(sys.argv[1], logging_level='error'); print('joined')"


def variables() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}


def processes() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


@pytest.fixture(scope="module")
def started_ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of temporary files of a Ray, in a shell in which its user has asked for no token."""
    folder = Path(os.environ.get("TMPDIR", "/tmp")) / f"s{os.getpid()}"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (USERS | {"RAY_TMPDIR": str(folder)}).items():
            patch.setenv(name, value)
        before = variables()
        with connected(OWN):
            yield folder
        assert variables() == before
    assert list(folder.iterdir()) == []
    folder.rmdir()


@pytest.mark.ray
@pytest.mark.timeout(2 * LIMIT)
class TestPrivate:
    def test_listens_on_loopback_only(self, started_ray: Path) -> None:
        assert len(processes()) > 3
        assert beyond_loopback(psutil.Process()) == []

    def test_refuses_who_has_not_its_token(self, started_ray: Path) -> None:
        """Ray lets each of them wait for twenty seconds, so they come together."""
        known = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        known[LOOPBACK] = "0"  # else it looks for another network
        own = ray.get_runtime_context().gcs_address
        strangers = [
            subprocess.Popen(
                [sys.executable, "-c", JOIN, own], env=known | variables, text=True, encoding="utf-8",
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )
            for variables in ({"RAY_AUTH_MODE": "disabled"}, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "f" * 64})
        ]  # fmt: skip
        try:
            answers = [stranger.communicate(timeout=LIMIT) for stranger in strangers]
        finally:
            for stranger in strangers:
                stranger.kill()
        for stranger, (output, error) in zip(strangers, answers, strict=True):
            assert stranger.returncode == 1
            assert "InvalidAuthToken" in error
            assert "joined" not in output

    def test_is_not_the_one_that_auto_means(self, started_ray: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("RAY_ADDRESS", raising=False)
        own = ray.get_runtime_context().gcs_address
        assert own in services.find_gcs_addresses()
        with suppress(ResourceError):  # unless somebody has started another one on this machine
            assert address.locate("auto") != own

    def test_the_token_is_written_nowhere(self, started_ray: Path) -> None:
        token = os.environ["RAY_AUTH_TOKEN"]
        assert len(token) == 64
        assert not any(token in " ".join(process.cmdline()) for process in processes())
        files = [path for path in started_ray.rglob("*") if path.is_file()]
        assert len(files) > 3
        assert not any(token.encode() in path.read_bytes() for path in files)

    def test_nobody_else_enters_its_folder(self, started_ray: Path) -> None:
        (folder,) = started_ray.iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700
        assert any(folder.rglob("raylet*"))

    def test_trials_are_no_slower_than_other_work(self, started_ray: Path) -> None:
        niceness = ray.remote(num_cpus=0)(lambda: os.nice(0))
        assert ray.get(niceness.remote(), timeout=LIMIT) == os.nice(0)


@pytest.mark.parametrize("variable", ["RAY_TMPDIR", "TMPDIR"])
def test_a_folder_whose_name_is_too_long_for_a_socket(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("é" * 50)
    deep.mkdir()
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv(variable, str(deep))
    monkeypatch.setattr("tempfile.tempdir", None)
    sentence = rf"{deep}: this name is \d+ bytes too long for Ray's sockets in it. Set {variable} to a folder"
    with pytest.raises(ResourceError, match=sentence), own_ray.folder():
        pass
    assert list(deep.iterdir()) == []


def test_a_folder_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / "gone"))
    with (
        pytest.raises(ResourceError, match=r"gone: Ray cannot keep its files there .* Set RAY_TMPDIR"),
        own_ray.folder(),
    ):
        pass


def test_no_loopback_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket, "create_connection", unreachable)
    with pytest.raises(ResourceError, match=r"127\.0\.0\.1, does not answer .*Network is unreachable"):
        own_ray.check_loopback()
