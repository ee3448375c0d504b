"""`silktune cluster check` as a person runs it."""

from __future__ import annotations

from pathlib import Path

import pytest
import ray

from silktune import __version__
from tests.cli.run import silktune
from tests.orchestrate.clusters import AWS, LOCAL, home, text


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shell prepared as the documentation says; where files may be put."""
    monkeypatch.setenv("HOME", str(home(tmp_path / "home")))
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    return tmp_path


def test_a_file_that_holds_is_summed_up(shell: Path) -> None:
    file = shell / "cluster.yaml"
    file.write_text(text(AWS), encoding="utf-8")
    done = silktune("cluster", "check", file)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.rstrip() for line in done.stdout.splitlines()] == [
        "cluster  silktune, provider aws",
        "head     1 × m5.xlarge, on demand",
        "gpu      0…8 × g5.xlarge, spot",
        f"runs     ray {ray.__version__} and silktune {__version__} on every node; MLflow's server on the head",
        "storage  s3://silk-bucket/silktune",
        "",
        f"Nothing speaks against it. Start it with: ray up {file}",
    ]


def test_machines_of_ones_own_are_summed_up(shell: Path) -> None:
    file = shell / "onpremises.yaml"
    file.write_text(text(LOCAL), encoding="utf-8")
    done = silktune("cluster", "check", file)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.rstrip() for line in done.stdout.splitlines()[:3]] == [
        "cluster  silktune, provider local",
        "head     10.77.0.1",
        "workers  10.77.0.2",
    ]


def test_every_complaint_is_a_line_and_the_exit_code_1(shell: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_AUTH_MODE")
    file = shell / "cluster.yaml"
    file.write_text(text(AWS).replace("max_workers: 8\nidle", "max_worker: 8\nidle"), encoding="utf-8")
    done = silktune("cluster", "check", file)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        f"{file}: max_worker is no key that Ray knows here. Did you mean max_workers?",
        "RAY_AUTH_MODE is not set in this shell: export RAY_AUTH_MODE=token, or Ray sends no token.",
    ]


def test_nodes_of_a_cloud_cannot_be_asked(shell: Path) -> None:
    file = shell / "cluster.yaml"
    file.write_text(text(AWS), encoding="utf-8")
    done = silktune("cluster", "check", file, "--nodes")
    sentence = f"{file}: --nodes asks machines that are there before `ray up`; these are not."
    assert (done.returncode, done.stderr.strip()) == (1, sentence)
