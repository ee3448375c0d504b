"""A file of weights lies outside the study's folder: while a study goes on it stays what it was, or the study stops."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch

from silktune.data.dataset import Dataset
from silktune.data.shared_dataset import Whereabouts
from silktune.errors import ResourceError, SilktuneError
from silktune.orchestrate.executors.job import Job, _check_same
from silktune.settings import Experiment, Runtime
from silktune.study.plan import Trial
from tests.cli.studies import Studies

SPACE = ("search", "space.yaml", "--sampler", "grid", "--confirm", "0", "--final-runs", "1")
ROWS = ("ablate", "rows.yaml")
COMMANDS = pytest.mark.parametrize("command", [SPACE, ROWS], ids=["search", "ablation"])
CHANGED = "net.weights: weights/w.pth has another content than when runs/study was begun"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """Two files of weights of one network."""
    made = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        path = tmp_path_factory.mktemp("weights") / "w.pth"
        trunk = timm.create_model("test_resnet")
        for module in trunk.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.fill_(0.1)  # as if it were trained
        torch.save(trunk.state_dict(), path)
        made.append(path.read_bytes())
    return made[0], made[1]


@pytest.fixture
def studies(tmp_path: Path, tiny: Dataset, weights: tuple[bytes, bytes], monkeypatch: pytest.MonkeyPatch) -> Studies:
    made = Studies(tmp_path, tiny, monkeypatch)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "w.pth").write_bytes(weights[0])
    return made


def begin(studies: Studies, command: tuple[str, ...]) -> tuple[int, str]:
    done = studies.begin(*command, "net.weights=weights/w.pth")
    if isinstance(done.exception, SilktuneError):
        return done.exception.exit_code, str(done.exception)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def outcomes(studies: Studies) -> dict[str, str]:
    files = (studies.study / "outcomes").glob("[!.]*.json")
    return {file.stem: json.loads(file.read_bytes())["state"] for file in files}


def after(number: int, action: Callable[[], object]) -> Callable[[Trial], None]:
    """Acts once, when so many trials have been trained."""
    trained: list[str] = []

    def between(trial: Trial) -> None:
        trained.append(trial.id)
        if len(trained) == number:
            action()

    return between


@COMMANDS
@pytest.mark.parametrize("how", ["replaced", "deleted"])
def test_changed_during_a_study_stops_it_and_fails_no_trial(
    command: tuple[str, ...], how: str, studies: Studies, weights: tuple[bytes, bytes]
) -> None:
    file = studies.folder / "weights" / "w.pth"
    studies.between = after(2, file.unlink if how == "deleted" else lambda: file.write_bytes(weights[1]))
    sentence = CHANGED if how == "replaced" else "net.weights: there is no file weights/w.pth"
    status, said = begin(studies, command)
    assert (status, said.startswith(sentence)) == (1, True), said
    before = outcomes(studies)
    assert len(before) == 2
    assert "failed" not in before.values()
    status, said = begin(studies, command)  # it says the same again, and trains nothing
    assert (status, said.startswith(sentence)) == (1, True), said
    assert outcomes(studies) == before
    file.write_bytes(weights[0])
    status, said = begin(studies, command)
    assert status in (0, 3), said  # γ = 3 fails where it is searched
    assert len(outcomes(studies)) > len(before)


def test_choices_are_files_too(studies: Studies, weights: tuple[bytes, bytes]) -> None:
    (studies.folder / "weights" / "v.pth").write_bytes(weights[1])
    space = studies.folder / "space.yaml"
    files = "  net.weights: {choices: [weights/w.pth, weights/v.pth]}\n"
    text = space.read_text(encoding="utf-8").replace("net.weights: none, ", "").replace("[0.0, 1.0, 2.0, 3.0]", "[1.0]")
    space.write_text(text + files, encoding="utf-8")
    assert studies.begin(*SPACE).exit_code == 0
    known = json.loads((studies.study / "outside.json").read_bytes())
    assert set(known) == {"weights/w.pth", "weights/v.pth"}
    (studies.folder / "weights" / "v.pth").write_bytes(weights[0])
    with pytest.raises(SilktuneError, match=r"weights/v\.pth has another content"):
        raise studies.begin(*SPACE).exception or AssertionError


@pytest.mark.parametrize("how", ["replaced", "deleted"])
def test_a_trial_looks_where_it_runs(how: str, tiny: Dataset, tmp_path: Path) -> None:
    file = tmp_path / "w.pth"
    file.write_bytes(b"1")
    experiment = Experiment().with_({"net.weights": str(file)})
    job = Job(
        trial="t", experiment=experiment, runtime=Runtime(device="cpu"), data=Whereabouts.of(tiny, None),
        digest=tiny.digest, weights=experiment.net.weights_digest, test=False,
    )  # fmt: skip
    _check_same(job, tiny)
    file.unlink()
    if how == "replaced":
        file.write_bytes(b"2")
    with pytest.raises(ResourceError, match=r"another content|there is no file"):
        _check_same(job, tiny)
    with pytest.raises(ResourceError, match="is another data set now"):
        _check_same(job.model_copy(update={"digest": "other"}), tiny)
