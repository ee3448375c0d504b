"""A running Ray that asks for a token lets in who has it, and tells who has not what to do."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray

from silktune.errors import ResourceError
from silktune.orchestrate.executors.ray.connection import connected
from silktune.orchestrate.executors.resources import Placement
from tests.nodes import LIMIT, Node, Reaper, free_net, free_port

TOKEN = secrets.token_hex(32)

pytestmark = [pytest.mark.ray, pytest.mark.timeout(2 * LIMIT)]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    folder, ip, port = Path(tempfile.mkdtemp(prefix="t")), f"{free_net()}.1", free_port()
    environ = os.environ | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN}
    reaper = Reaper()
    node = Node(["--head", f"--port={port}", "--include-dashboard=false", "--num-cpus=1"], ip, folder, environ)
    reaper.hear(node)
    try:
        node.wait()
        yield f"{ip}:{port}"
    finally:
        node.kill()
        reaper.end()
        shutil.rmtree(folder)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of somebody who has told Ray of no token."""
    for name in ("RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def joins(address: str) -> None:
    before = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    with connected(Placement(concurrent=1, workers=1, gpus=None, device="cpu", retries=0, address=address)):
        assert ray.cluster_resources()["CPU"] == 1
    assert {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"} == before


@pytest.mark.parametrize(
    "variables",
    [{}, {"RAY_AUTH_MODE": "disabled"}, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "f" * 64}],
)  # fmt: skip
def test_who_has_no_token(
    variables: dict[str, str],
    address: str,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ResourceError, match=f"^--address {address}: the Ray at {address} asks for its token, and this"):
        joins(address)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("content", [None, "", "\n", "\udcff"])
@pytest.mark.parametrize("path", [False, True])
def test_who_has_no_token_in_a_file(
    path: bool, content: str | None, address: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray's C++ part would end the process without a word."""
    file = home / ("mine" if path else ".ray/auth_token")
    file.parent.mkdir(exist_ok=True)
    if content is not None:
        file.write_text(content, encoding="utf-8", errors="surrogateescape")
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    if path:
        monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(file))
    with pytest.raises(ResourceError, match=f"RAY_AUTH_MODE is token, and there is none in {file}. Give: export"):
        joins(address)


def test_who_has_the_token_in_a_variable(address: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
    joins(address)


@pytest.mark.parametrize("auto", [False, True])
def test_who_has_the_token_in_a_file(auto: bool, address: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a Ray that `auto` finds, Ray takes it by itself."""
    (home / ".ray").mkdir()
    (home / ".ray" / "auth_token").write_text(TOKEN, encoding="utf-8")
    monkeypatch.setenv("RAY_ADDRESS" if auto else "RAY_AUTH_MODE", address if auto else "token")
    joins("auto" if auto else address)
