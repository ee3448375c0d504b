"""The model of a search as MLflow keeps it, gives it back and serves it."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import cv2
import mlflow
import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from silktune.data.dataset import Dataset
from silktune.model.ensemble import Ensemble
from silktune.model.folder import ABOUT
from silktune.model.images import answers
from silktune.tracking import model, store
from silktune.tracking.mlflow_tracker import MlflowTracker
from tests.model.trained import leave
from tests.tracking.samples import content, tracker

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def folders(tiny: Dataset, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    made = tmp_path_factory.mktemp("models")
    return [leave(tiny, made / f"run{seed}", train__seed=seed)[1] for seed in (1, 2)]


@pytest.fixture(scope="module")
def images(tiny: Dataset, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Five image files."""
    folder = tmp_path_factory.mktemp("images")
    paths = [folder / f"{i}.png" for i in range(5)]
    for path, pixels in zip(paths, tiny.images[np.arange(5)], strict=True):
        cv2.imwrite(str(path), cv2.resize(pixels[..., ::-1], (50, 40)))
    return paths


@pytest.fixture
def one(runs: Path) -> Iterator[MlflowTracker]:
    before = mlflow.get_tracking_uri()
    opened = tracker(runs)
    opened.open({}, {})
    opened.trial("final", "f0", {}, {})
    mlflow.set_tracking_uri(store.uri(runs))  # for those who load a model
    yield opened
    mlflow.set_tracking_uri(before)


def log(one: MlflowTracker, folders: list[Path]) -> str:
    return model.log_model(
        one, "final", folders, ["aGVsbG8="], classes={"place": ["FR", "IT"]}, metadata={"dataset": "d"},
        metrics={"test.mean_f1.mean": 0.5}, params={"net.NB_RN": 1},
    )  # fmt: skip


def test_it_takes_images_in_every_form_and_says_what_the_ensemble_says(
    one: MlflowTracker, folders: list[Path], images: list[Path]
) -> None:
    address = log(one, folders)
    python = mlflow.pyfunc.load_model(address)
    expected = answers(Ensemble.load(folders, torch.device("cpu")), images)
    contents = [path.read_bytes() for path in images]
    pixels = [cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for path in images]
    for given in (
        [str(path) for path in images], contents, [base64.b64encode(each).decode() for each in contents], pixels,
        [each / 255 for each in pixels], [each.tolist() for each in pixels],
    ):  # fmt: skip
        found = python.predict(pd.DataFrame({"image": given}))
        pd.testing.assert_frame_equal(found, expected, check_exact=False, atol=1e-5)
    assert python.metadata.metadata["classes"] == [{"variable": "place", "classes": ["FR", "IT"]}]
    kept = one.store.client.get_logged_model(address.removeprefix("models:/"))
    assert kept.params["net.NB_RN"] == "1"
    assert {metric.key: metric.value for metric in kept.metrics} == {"test.mean_f1.mean": 0.5}


def test_the_same_weights_are_kept_once(one: MlflowTracker, folders: list[Path], runs: Path) -> None:
    address = log(one, folders)
    assert not one.store.client.search_registered_models()
    later = tracker(runs)
    later.open({}, {})
    assert log(later, folders) == address
    assert log(later, folders[:1]) != address
    assert len(content(runs)["final runs"]["models"]) == 2


def test_the_best_on_validation_is_the_champion(one: MlflowTracker, folders: list[Path]) -> None:
    def register(networks: list[Path], validation: float, data: str = "d") -> str:
        return model.register(one, "silk", log(one, networks), "final", validation=validation, data=data)

    def champion() -> str:
        return str(one.store.client.get_model_version_by_alias("silk", "champion").version)

    assert register(folders, 0.5) == (
        "MLflow's registry has it as silk, version 1: the champion, since there was none, with 50.0 on validation."
    )
    assert "version 1: the champion, with 50.0 on validation." in register(folders, 0.5)
    assert "version 1 stays the champion, with 50.0 on validation, where this one has 41.0" in register(
        folders[:1], 0.41
    )
    assert champion() == "1"
    assert "version 3: the new champion, with 62.0 on validation, where version 1 has 50.0" in register(
        folders[1:], 0.62
    )
    assert champion() == "3"
    assert "stays the champion, since it is of another data set" in register(folders[::-1], 0.9, data="e")
    assert champion() == "3"
    assert len(one.store.client.search_model_versions("name = 'silk'")) == 4


def test_a_model_that_cannot_be_kept_leaves_nothing(one: MlflowTracker, folders: list[Path], runs: Path) -> None:
    with pytest.raises(yaml.YAMLError):
        model.log_model(
            one, "final", folders, ["aGVsbG8="], classes={}, metadata={"no JSON": object()}, metrics={}, params={}
        )
    assert not one.store.client.search_logged_models([one.store.experiment])
    assert content(runs)["final runs"]["models"] == []


def test_what_a_killed_driver_left_is_removed(one: MlflowTracker, folders: list[Path]) -> None:
    client, run = one.store.client, one.run("final")
    client.create_logged_model(run.experiment, model.NAME, source_run_id=run.id)
    address = log(one, folders)
    (kept,) = client.search_logged_models([run.experiment])
    assert (f"models:/{kept.model_id}", str(kept.status)) == (address, "READY")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def served(one: MlflowTracker, folders: list[Path], tmp_path: Path) -> Iterator[str]:
    """`mlflow models serve` of it, on loopback, in a folder in which silktune is not."""
    location = one.store.client.get_logged_model(log(one, folders).removeprefix("models:/")).artifact_location
    port, said = free_port(), tmp_path / "output"
    paths = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    output = said.open("w", encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "mlflow", "models", "serve", "-m", location, "-p", str(port), "-h", "127.0.0.1",
         "--env-manager", "local"],
        cwd=tmp_path, env=os.environ | {"PATH": paths}, start_new_session=True,
        stdout=output, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        end = time.monotonic() + 120
        while True:
            assert process.poll() is None, said.read_text(encoding="utf-8")
            assert time.monotonic() < end, "the server does not answer"
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/invocations"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)
        output.close()


def test_a_server_answers_with_the_same_figures(served: str, folders: list[Path], images: list[Path]) -> None:
    texts = [[base64.b64encode(path.read_bytes()).decode()] for path in images]
    body = json.dumps({"dataframe_split": {"columns": ["image"], "data": texts}}).encode()
    request = urllib.request.Request(served, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        found = pd.DataFrame(json.loads(answer.read())["predictions"])
    expected = answers(Ensemble.load(folders, torch.device("cpu")), images)
    assert list(found.columns) == list(expected.columns)
    for name in expected:
        if pd.api.types.is_numeric_dtype(expected[name]):
            np.testing.assert_allclose(found[name], expected[name], atol=1e-5)
        else:
            assert found[name].tolist() == expected[name].tolist()


def test_every_file_of_a_network_is_kept(one: MlflowTracker, folders: list[Path]) -> None:
    location = one.store.client.get_logged_model(log(one, folders).removeprefix("models:/")).artifact_location
    kept = sorted(Path(location.removeprefix("file://")).glob(f"artifacts/*/*/{ABOUT}"))
    assert len(kept) == len(folders)
    requirements = Path(location.removeprefix("file://"), "requirements.txt").read_text(encoding="utf-8").split()
    assert {line.split("==")[0] for line in requirements} == set(model.REQUIRED)
