"""`silktune cluster check --nodes` with real ssh: two sshds on loopback, each with mounts and a home of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import ray

from silktune import __version__
from silktune.errors import ResourceError
from silktune.orchestrate.cluster import host_check
from silktune.orchestrate.cluster.cluster_file import ClusterFile
from tests.orchestrate.clusters import AWS, LOCAL, cluster, here, home

HEAD, WORKER, NOBODY = "127.77.4.1", "127.77.4.2", "127.77.4.3"
# `/run` for what sshd wants there, the home for what a login shell finds; all gone with the process.
SSHD = """
mount -t tmpfs none /run && mkdir -m 755 /run/sshd && mount --bind {home} ~ && {mount} &&
exec {sshd} -D -e -f {home}/sshd_config
"""


def missing() -> str:
    """Why no sshd can be had here; empty if it can."""
    if os.geteuid():
        return "needs root, for port 22 of loopback addresses of its own"
    if absent := [name for name in ("unshare", "ssh", "ssh-keygen", "bash") if not shutil.which(name)]:
        return f"needs {', '.join(absent)}"
    if not shutil.which("sshd", path="/usr/sbin:/usr/local/sbin"):
        return "needs openssh-server"
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, timeout=10, check=False).returncode:
        return "needs mount namespaces"
    with socket.socket() as port:
        port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that have ended are no hindrance
        try:
            port.bind((HEAD, 22))
        except OSError:
            return "port 22 is taken on every address of this machine"
    return ""


pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Starts an sshd on an address: with other mounts, and versions of silktune and Ray that a login shell finds."""
    started = []
    (tmp_path / "storage").mkdir()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], timeout=30, check=True)

    def one(address: str, *, mount: str = "true", ray_version: str = ray.__version__) -> None:
        folder = tmp_path / address
        folder.mkdir()
        for name, answer in (("silktune", f"silktune {__version__}"), ("ray", f"ray, version {ray_version}")):
            (folder / name).write_text(f"#!/bin/sh\necho {answer}\n", encoding="utf-8")
            (folder / name).chmod(0o755)
        (folder / ".bashrc").write_text("PATH=~:$PATH\n", encoding="utf-8")
        (folder / ".profile").write_text(". ~/.bashrc\n", encoding="utf-8")
        (folder / "sshd_config").write_text(
            f"ListenAddress {address}:22\nHostKey {tmp_path}/key\nAuthorizedKeysFile {tmp_path}/key.pub\n"
            "StrictModes no\nPermitRootLogin prohibit-password\nPidFile none\n",
            encoding="utf-8",
        )
        script = SSHD.format(home=folder, mount=mount, sshd=shutil.which("sshd", path="/usr/sbin:/usr/local/sbin"))
        sshd = subprocess.Popen(
            ["unshare", "--mount", "bash", "-c", script], stderr=subprocess.PIPE, text=True, encoding="utf-8"
        )
        started.append(sshd)
        assert sshd.stderr
        assert any("Server listening" in line for line in sshd.stderr), "sshd does not start"

    yield one
    for sshd in started:
        sshd.terminate()
        sshd.wait(timeout=10)
        assert sshd.stderr
        sshd.stderr.close()


def machines(tmp_path: Path, *workers: str) -> ClusterFile:
    return cluster(
        LOCAL,
        provider={"type": "local", "head_ip": HEAD, "worker_ips": list(workers)},
        auth={"ssh_user": "root", "ssh_private_key": str(tmp_path / "key")},
        metadata={"storage": str(tmp_path / "storage")},
    )


def complaints(file: ClusterFile, tmp_path: Path) -> list[str]:
    with pytest.raises(ResourceError) as caught:
        host_check.ask(file, here(home(tmp_path / "home")))
    return [line.removeprefix(f"{LOCAL}: ") for line in str(caught.value).splitlines()]


@pytest.mark.timeout(60)
def test_machines_that_agree_are_listed(start: Callable[..., None], tmp_path: Path) -> None:
    start(HEAD)
    start(WORKER)
    said = host_check.ask(machines(tmp_path, WORKER), here(home(tmp_path / "home")))
    assert [address for address, _ in said] == [HEAD, WORKER]
    for _, line in said:
        assert line.startswith("Python 3.")
        assert line.endswith(f", ray {ray.__version__}, silktune {__version__}, storage seen")
    assert list((tmp_path / "storage").iterdir()) == []


@pytest.mark.timeout(90)
def test_every_machine_that_does_not_fit_is_named(
    start: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_check, "LIMIT", 10)
    start(HEAD)
    start(WORKER, mount=f"mount -t tmpfs none {tmp_path}/storage", ray_version="2.59.1")
    said = complaints(machines(tmp_path, WORKER, NOBODY), tmp_path)
    assert said[:2] == [
        f"{WORKER}: {tmp_path}/storage must be a folder there and the same as on {HEAD}. Mount it.",
        f"{WORKER}: ray 2.59.1 is installed, here {ray.__version__}. Give `ray up` anew.",
    ]
    assert len(said) == 3
    assert said[2].startswith(f"{NOBODY} cannot be reached over SSH: ")
    assert list((tmp_path / "storage").iterdir()) == []


@pytest.mark.timeout(60)
def test_a_head_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    (sentence,) = complaints(machines(tmp_path, WORKER), tmp_path)
    assert sentence == f"{HEAD} cannot be reached over SSH: ssh: connect to host {HEAD} port 22: Connection refused."


def test_machines_of_a_cloud_are_not_there_before(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match=r"--nodes asks machines that are there before `ray up`; these are not\."):
        host_check.ask(cluster(AWS), here(home(tmp_path / "home")))
