"""The training loop: the same numbers each time, also after a kill; what it sees, what it keeps, what it refuses."""

from __future__ import annotations

import math
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision

from silktune.core import augment, checkpoint, losses, similarity, training, training_loop
from silktune.core.collective import ALONE
from silktune.core.inputs import Inputs
from silktune.core.loader import Loader
from silktune.core.predict import evaluate, predict
from silktune.core.silknet import SilkNet
from silktune.core.training import Trained
from silktune.core.trunk import Trunk
from silktune.data.dataset import Dataset
from silktune.data.label_table import UNKNOWN
from silktune.data.triplet_shares import triplet_shares
from silktune.errors import ResourceError, SettingsError, StudyError, TrainingError
from silktune.outcome import Epoch, Outcome, StopOn, VariableScores
from silktune.seeds import number, stream
from silktune.settings import Experiment
from tests import reference
from tests.core.trainings import runtime, small, timeless, train, without_seconds

CPU = torch.device("cpu")


class Kept(list[Epoch]):
    """A reporter that keeps what it is told."""

    def __call__(self, epoch: Epoch) -> None:
        self.append(epoch)


class Stops(Kept):
    """A reporter that raises after epoch `last`, as a person's Ctrl-C does."""

    def __init__(self, last: int) -> None:
        super().__init__()
        self.last = last

    def __call__(self, epoch: Epoch) -> None:
        super().__call__(epoch)
        if epoch.number == self.last:
            raise KeyboardInterrupt


def fit(experiment: Experiment, data: Dataset, folder: Path | None = None) -> Trained:
    return training.fit(experiment, runtime(folder), data, lambda epoch: None)


def loader(experiment: Experiment, data: Dataset) -> Loader:
    return Loader(data, Inputs.of(Trunk(experiment, data, CPU)), CPU, ALONE)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """Those of the best epoch, in the checkpoint that a training ends with."""
    found: dict[str, torch.Tensor] = torch.load(folder / checkpoint.FILE, weights_only=True)["best"]
    assert len(found) > 20
    return found


def assert_equal_weights(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    assert [name for name in a if not torch.equal(a[name], b[name])] == []


@pytest.fixture(scope="session")
def undisturbed(woven: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Path]:
    """What `small()` ends with, and the folder it leaves."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return timeless(train(small(), woven, folder)), folder


class TestTheSameNumbers:
    def test_again_and_without_a_folder(self, woven: Dataset, undisturbed: tuple[Outcome, Path]) -> None:
        trained = fit(small(), woven)
        assert timeless(trained.outcome) == undisturbed[0]
        assert_equal_weights(dict(trained.net.state_dict()), weights(undisturbed[1]))

    def test_whatever_torchs_global_stream_has_been_used_for(
        self, woven: Dataset, undisturbed: tuple[Outcome, Path]
    ) -> None:
        torch.manual_seed(1234)
        torch.rand(7)
        assert timeless(train(small(train__max_epochs=1), woven)).epochs == undisturbed[0].epochs[:1]

    def test_another_seed_gives_others(self, woven: Dataset, undisturbed: tuple[Outcome, Path]) -> None:
        other = train(small(train__seed=1, train__max_epochs=1), woven)
        assert other.epochs[0].train_loss["C"] != undisturbed[0].epochs[0].train_loss["C"]

    def test_of_what_an_outcome_says(self, undisturbed: tuple[Outcome, Path]) -> None:
        outcome = undisturbed[0]
        assert (outcome.state, outcome.device, len(outcome.epochs), outcome.test) == ("finished", "CPU", 3, None)
        assert [epoch.number for epoch in outcome.epochs] == [1, 2, 3]
        assert outcome.validation == outcome.epochs[outcome.best_epoch - 1].validation


class TestWhatDropoutDrops:
    @pytest.fixture
    def seen(self, monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
        """The factors of every forward pass in training."""
        seen: list[torch.Tensor] = []
        forward = SilkNet.f_jfc

        def f_jfc(net: SilkNet, inputs: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
            if net.training and mask is not None:
                seen.append(mask)
            return forward(net, inputs, mask)

        monkeypatch.setattr(SilkNet, "f_jfc", f_jfc)
        return seen

    def test_is_the_same_with_and_without_self_similarity(self, tiny: Dataset, seen: list[torch.Tensor]) -> None:
        both = small(net__dropout=0.4, train__max_epochs=2, train__patience=2)
        fit(both.with_({"loss.alpha_slf": 0.0}), tiny)
        alone = seen.copy()
        seen.clear()
        fit(both, tiny)
        plain, augmented = seen[::2], seen[1::2]
        assert len(alone) == len(plain) == len(augmented) >= 4
        assert all(map(torch.equal, alone, plain))
        assert not any(map(torch.equal, plain, augmented))

    def test_is_what_torchs_own_dropout_drops(self, tiny: Dataset, seen: list[torch.Tensor]) -> None:
        experiment = small(net__dropout=0.4, train__max_epochs=1, loss__alpha_slf=0.0)
        fit(experiment, tiny)
        torch.manual_seed(number(experiment.train.seed, "dropout", 1))
        for factors in seen:
            assert torch.equal(factors, torch.nn.functional.dropout(torch.ones_like(factors), 0.4))

    def test_draws_nothing_from_torchs_global_stream(self, tiny: Dataset) -> None:
        before = torch.get_rng_state()
        fit(small(net__dropout=0.4, train__max_epochs=1), tiny)
        assert torch.equal(torch.get_rng_state(), before)


class TestInterrupted:
    @pytest.mark.parametrize("last", [1, 2])
    def test_and_gone_on_with_the_outcome_is_the_same(
        self, woven: Dataset, undisturbed: tuple[Outcome, Path], tmp_path: Path, last: int
    ) -> None:
        first, second = Stops(last), Kept()
        with pytest.raises(KeyboardInterrupt):
            training.train(small(), runtime(tmp_path), woven, first)
        outcome = training.train(small(), runtime(tmp_path), woven, second)
        assert timeless(outcome) == undisturbed[0]
        assert second[:last] == first  # told once more, seconds included
        assert [epoch.number for epoch in second] == [1, 2, 3]
        assert_equal_weights(weights(tmp_path), weights(undisturbed[1]))

    @pytest.mark.slow
    @pytest.mark.timeout(90)
    def test_by_sigkill_in_the_middle_of_an_epoch(
        self, woven: Dataset, undisturbed: tuple[Outcome, Path], tmp_path: Path
    ) -> None:
        code = (
            "import sys; from pathlib import Path\n"
            "from silktune.core import training\n"
            "from silktune.data.dataset import Dataset\n"
            "from tests.core.trainings import runtime, small\n"
            "data, folder = Dataset.open(Path(sys.argv[1])), Path(sys.argv[2])\n"
            "training.train(small(), runtime(folder), data, lambda epoch: print(epoch.number, flush=True))\n"
        )
        command = [sys.executable, "-c", code, str(woven.folder), str(tmp_path)]
        root = Path(__file__).parents[2]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8", cwd=root) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "1\n"
            process.kill()
        assert process.returncode == -signal.SIGKILL
        assert timeless(train(small(), woven, tmp_path)) == undisturbed[0]
        assert_equal_weights(weights(tmp_path), weights(undisturbed[1]))

    def test_after_its_end_nothing_is_trained_again(
        self, woven: Dataset, undisturbed: tuple[Outcome, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(training, "Training", _TrainsNothing)
        kept = Kept()
        assert timeless(training.train(small(), runtime(undisturbed[1]), woven, kept)) == undisturbed[0]
        assert [without_seconds(epoch) for epoch in kept] == list(undisturbed[0].epochs)

    def test_more_epochs_go_on_from_there(
        self, woven: Dataset, undisturbed: tuple[Outcome, Path], tmp_path: Path
    ) -> None:
        shorter = train(small(train__max_epochs=1), woven, tmp_path)
        assert len(shorter.epochs) == 1
        assert timeless(train(small(train__patience=99), woven, tmp_path)) == undisturbed[0]


class _TrainsNothing(training_loop.Training):
    def _train(self, e: int) -> tuple[dict[str, float], dict[str, float]]:
        raise AssertionError(f"epoch {e} is trained again")


class TestACheckpoint:
    @pytest.fixture
    def folder(self, undisturbed: tuple[Outcome, Path], tmp_path: Path) -> Path:
        """The folder of a training that has ended."""
        return Path(shutil.copytree(undisturbed[1], tmp_path / "folder"))

    @pytest.mark.parametrize("change", [{"loss__gamma": 0.0}, {"train__seed": 1}, {"net__NB_RN": 2}])
    def test_of_other_settings_is_refused(self, woven: Dataset, folder: Path, change: dict[str, Any]) -> None:
        before = (folder / checkpoint.FILE).read_bytes()
        with pytest.raises(StudyError) as caught:
            train(small(**change), woven, folder)
        assert str(caught.value) == (
            f"{folder}/checkpoint.pt belongs to a training with other settings, other data or another version of "
            "silktune. Give another folder, or delete it to train from the first epoch."
        )
        assert (folder / checkpoint.FILE).read_bytes() == before

    def test_of_other_data_is_refused(self, woven: Dataset, folder: Path) -> None:
        with pytest.raises(StudyError, match="other data"):
            train(small(), replace(woven, digest="another"), folder)

    def test_of_other_weights_behind_the_same_file_name_is_refused(self, woven: Dataset, tmp_path: Path) -> None:
        file = tmp_path / "weights.pth"
        for seed in (0, 1):
            with torch.random.fork_rng():
                torch.manual_seed(seed)
                resnet = torchvision.models.get_model("resnet18", weights=None)
                resnet.bn1.running_mean.fill_(0.1)  # as if it were trained
                torch.save(resnet.state_dict(), file)
            if seed == 0:
                train(small(net__weights=str(file), net__NB_RN=0, train__max_epochs=1), woven, tmp_path / "run")
        with pytest.raises(StudyError, match="belongs to a training with other settings"):
            train(small(net__weights=str(file), net__NB_RN=0), woven, tmp_path / "run")

    @pytest.mark.parametrize("keep", [0, 1000, -100])
    def test_that_is_damaged_is_refused(self, woven: Dataset, folder: Path, keep: int) -> None:
        path = folder / checkpoint.FILE
        path.write_bytes(path.read_bytes()[:keep])
        with pytest.raises(StudyError, match=r"checkpoint\.pt cannot be read \(.*\)\. Delete it to train from the"):
            train(small(), woven, folder)

    def test_that_is_none_is_refused(self, woven: Dataset, folder: Path) -> None:
        torch.save({"a": 1}, folder / checkpoint.FILE)
        with pytest.raises(StudyError, match="cannot be read"):
            train(small(), woven, folder)

    def test_cannot_be_written_where_a_file_is(self, woven: Dataset, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("", encoding="utf-8")
        with pytest.raises(ResourceError, match=r"checkpoint\.pt could not be written"):
            train(small(train__max_epochs=1), woven, tmp_path / "file" / "folder")

    def test_is_written_without_a_copy_of_a_tensor(
        self, tiny: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        contents: list[dict[str, Any]] = []

        def save(content: Any, file: Any) -> None:
            contents.append(content)
            written(content, file)

        def copied(*_: object) -> None:
            pytest.fail("a tensor is copied")

        written = torch.save
        monkeypatch.setattr(torch, "save", save)
        monkeypatch.setattr(torch.Tensor, "__deepcopy__", copied)
        trained = fit(small(train__learning_rate=0.05, train__max_epochs=5, train__patience=4), tiny, tmp_path)
        outcome = trained.outcome
        live = {value.data_ptr() for value in trained.net.state_dict().values()}
        *epochs, _model = contents
        behind = [content for number, content in enumerate(epochs, 1) if number > outcome.best_epoch]
        assert behind, "an epoch that is not the best is wanted too"
        for content in behind:
            assert {value.data_ptr() for value in content["net"].values()} <= live
        assert all(epochs[best - 1]["net"] is epochs[best - 1]["best"] for best in (1, outcome.best_epoch))

    def test_of_its_best_epoch_holds_the_weights_once(self, tiny: Dataset, tmp_path: Path) -> None:
        experiment = small(train__max_epochs=1)
        net = fit(experiment, tiny, tmp_path).net
        trained = sum(4 * value.numel() for value in net.state_dict().values())
        adam = 2 * sum(4 * value.numel() for value in net.parameters() if value.requires_grad)
        assert (tmp_path / "checkpoint.pt").stat().st_size < 1.1 * (trained + adam) + 50_000

    def test_leaves_nothing_beside_it(self, folder: Path) -> None:
        assert sorted(path.name for path in folder.iterdir()) == ["checkpoint.pt"]


@pytest.fixture(scope="module")
def ended(woven: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[Trained, Path]:
    folder = tmp_path_factory.mktemp("early")
    settings = small(net__NB_RN=0, train__learning_rate=0.03, train__patience=2, train__max_epochs=30)
    return fit(settings, woven, folder), folder


class TestEarlyStopping:
    def test_ends_patience_epochs_after_the_best_validation_loss(self, ended: tuple[Trained, Path]) -> None:
        outcome = ended[0].outcome
        L = [epoch.validation_loss["L"] for epoch in outcome.epochs]
        assert len(L) == outcome.best_epoch + 2 < 30
        assert L[outcome.best_epoch - 1] == min(L)

    def test_the_result_has_the_weights_of_the_best_epoch(self, woven: Dataset, ended: tuple[Trained, Path]) -> None:
        trained, _ = ended
        outcome = trained.outcome
        assert outcome.validation != outcome.epochs[-1].validation
        assert evaluate(trained.net, trained.inputs, "validation") == outcome.validation


class TestWhatATrainingStopsOn:
    def test_is_the_same_cross_entropy_whatever_the_loss(self, woven: Dataset) -> None:
        experiment = small(
            train__max_epochs=1, train__batch_size=7, train__stop_on="C", net__NB_RN=0, loss__gamma=2, loss__tau=1,
            loss__task_weights="equal", loss__class_weights="effective",
        )  # fmt: skip
        trained = fit(experiment, woven)
        rows = woven.rows("validation")
        (batch,) = loader(experiment, woven).feed([rows])
        with torch.no_grad():
            logits, _ = trained.net.eval()(batch.inputs)
        plain = reference.classification_loss([a.double().tolist() for a in logits], batch.labels.tolist(), gamma=0)
        loss = trained.outcome.epochs[0].validation_loss
        assert loss["CE"] == pytest.approx(plain, rel=1e-5)
        assert loss["C"] != pytest.approx(plain, rel=0.01)
        assert "CE" not in trained.outcome.epochs[0].train_loss

    def test_is_the_loss_of_a_plain_training_itself(self, tiny: Dataset) -> None:
        plain = {"loss__gamma": 0, "loss__lambda_aux": 0, "train__batch_size": 7, "train__max_epochs": 2}
        for epoch in train(small(**plain, train__stop_on="C"), tiny).epochs:
            assert epoch.validation_loss["CE"] == pytest.approx(epoch.validation_loss["L"], rel=1e-12)

    @pytest.mark.parametrize("stop_on", ["L", "C", "mean_f1"])
    def test_decides_the_best_epoch_its_weights_and_the_end(self, woven: Dataset, stop_on: StopOn) -> None:
        settings = small(
            net__NB_RN=0, train__learning_rate=0.03, train__patience=3, train__max_epochs=30, train__stop_on=stop_on
        )
        trained = fit(settings, woven)
        outcome = trained.outcome
        epochs = outcome.epochs
        worse = {
            "L": lambda: [epoch.validation_loss["L"] for epoch in epochs],
            "C": lambda: [epoch.validation_loss["CE"] for epoch in epochs],
            "mean_f1": lambda: [-epoch.validation.mean_f1 for epoch in epochs],
        }[stop_on]()
        assert outcome.stop_on == stop_on
        assert outcome.best_epoch == worse.index(min(worse)) + 1 == len(worse) - 3 < 27
        assert evaluate(trained.net, trained.inputs, "validation") == outcome.validation

    def test_changes_no_epoch_and_another_one_does_not_go_on_from_its_checkpoint(
        self, woven: Dataset, undisturbed: tuple[Outcome, Path], tmp_path: Path
    ) -> None:
        found = train(small(train__stop_on="mean_f1"), woven, tmp_path)
        assert timeless(found).epochs == undisturbed[0].epochs
        with pytest.raises(StudyError, match="belongs to a training with other settings"):
            train(small(), woven, tmp_path)


class TestTheTestSet:
    @pytest.fixture
    def altered(self, woven: Dataset) -> Dataset:
        """The same data set with noise, other labels and other colours in its test rows."""
        rows, chance = woven.rows("test"), stream(0, "poison")
        images, labels, colour = woven.images[:], woven.labels.copy(), woven.colour.copy()
        images[rows] = chance.integers(0, 256, images[rows].shape)
        labels[rows] = 0
        colour[rows] = np.nan
        return replace(woven, images=images, labels=labels, colour=colour)

    def test_is_not_touched(self, altered: Dataset, undisturbed: tuple[Outcome, Path]) -> None:
        assert timeless(train(small(), altered)) == undisturbed[0]

    def test_this_check_can_fail(self, woven: Dataset, altered: Dataset, undisturbed: tuple[Outcome, Path]) -> None:
        shown = replace(altered, subset=np.where(woven.subset == "test", "train", woven.subset))
        assert timeless(train(small(train__max_epochs=1), shown)).epochs != undisturbed[0].epochs[:1]


class TestLosses:
    @pytest.mark.parametrize(
        ("weights", "terms"),
        [
            ({"lambda_aux": 0.0}, {"C"}),
            ({"alpha_co": 0.0, "alpha_slf": 0.0}, {"C", "sem"}),
            ({"alpha_sem": 0.0, "alpha_slf": 0.0}, {"C", "co"}),
            ({"alpha_sem": 0.0, "alpha_co": 0.0}, {"C", "slf"}),
            ({"lambda_C": 0.0}, {"C", "sem", "co", "slf"}),
            ({"lambda_C": 0.3, "lambda_aux": 0.7, "alpha_sem": 0.1}, {"C", "sem", "co", "slf"}),
        ],
    )
    def test_terms_without_a_weight_are_not_computed(
        self, tiny: Dataset, weights: dict[str, float], terms: set[str]
    ) -> None:
        experiment = small(train__max_epochs=1, **{f"loss__{name}": value for name, value in weights.items()})
        epoch = train(experiment, tiny).epochs[0]
        loss = experiment.loss
        for found in (epoch.train_loss, epoch.validation_loss):
            assert found.keys() == terms | {"L", "aux"}
            sem, co, slf = (found.get(name, 0.0) for name in ("sem", "co", "slf"))
            aux = loss.alpha_sem * sem + loss.alpha_co * co + loss.alpha_slf * slf
            assert found["aux"] == pytest.approx(aux, abs=1e-12)
            L = loss.lambda_C * found["C"] + (loss.lambda_aux * aux if loss.lambda_aux else 0)
            assert found["L"] == pytest.approx(L, abs=1e-12)

    def test_on_the_validation_set_is_that_of_plain_loops(self, tiny: Dataset) -> None:
        experiment = small(train__max_epochs=1, train__batch_size=64)
        trained = fit(experiment, tiny)
        outcome = trained.outcome
        rows = stream(0, "validation").permutation(tiny.rows("validation"))
        (batch,) = loader(experiment, tiny).feed([rows])
        net, prefix = trained.net.eval(), trained.inputs.prefix
        with torch.no_grad():
            logits, f = net(batch.inputs)
            changed = augment.apply(batch.images, augment.draw(len(rows), stream(0, "validation augmentation")))
            f_changed = net.cluster(net.f_jfc(prefix(changed)))
        labels, loss = batch.labels.tolist(), outcome.epochs[0].validation_loss
        a, unit = [each.double().tolist() for each in logits], f.double().tolist()
        rho = similarity.colour(batch.colour).double()
        delta = torch.cdist(f.double(), f.double())
        off = ~torch.eye(len(rows), dtype=torch.bool)
        assert loss["C"] == pytest.approx(reference.classification_loss(a, labels, 2.0), rel=1e-5)
        assert loss["sem"] == pytest.approx(reference.semantic_loss(unit, labels, tiny.background.tolist()), rel=1e-4)
        assert loss["co"] == pytest.approx(float((delta - (1 - rho)).abs()[off].mean()), rel=1e-4)
        assert loss["slf"] == pytest.approx(float((f - f_changed).norm(dim=1).mean()), rel=1e-5)

    @pytest.mark.parametrize(
        "changes",
        [{"loss__tau": 1.0}, {"loss__class_weights": "effective", "loss__beta": 0.9}, {"loss__task_weights": "equal"}],
    )
    def test_balances_classes_and_variables_where_it_is_asked_to(self, tiny: Dataset, changes: dict[str, Any]) -> None:
        plain, balanced = (train(small(train__max_epochs=1, **more), tiny).epochs[0] for more in ({}, changes))
        assert balanced.train_loss["C"] != plain.train_loss["C"]
        assert math.isfinite(balanced.validation_loss["L"])

    def test_that_is_no_number_ends_the_training(self, tiny: Dataset, tmp_path: Path) -> None:
        with pytest.raises(TrainingError) as caught:
            train(small(net__NB_RN=8, train__learning_rate=1.0, train__batch_size=8), tiny, tmp_path)
        assert str(caught.value) == ("The loss L is nan after epoch 1. A smaller train.learning_rate than 1 may help.")
        assert list(tmp_path.iterdir()) == []


class TestGaps:
    def test_an_epoch_says_what_the_clustering_by_labels_saw(self, tiny: Dataset) -> None:
        rows = tiny.rows("train")
        experiment = small(train__max_epochs=1, train__batch_size=len(rows), net__NB_RN=0)
        epoch = train(experiment, tiny).epochs[0]
        shares = triplet_shares(tiny.labels[rows], tiny.background)["all"]
        assert epoch.train_shares == {"sem.anchors": shares.anchors, "sem.triplets": shares.triplets}
        assert epoch.flat()["train.sem.anchors"] == shares.anchors
        assert train(small(train__max_epochs=1, net__NB_RN=0, loss__alpha_sem=0), tiny).epochs[0].train_shares == {}

    def test_images_with_one_label_each_train(self, tiny: Dataset) -> None:
        labels = np.full_like(tiny.labels, UNKNOWN)
        for row in range(len(labels)):
            known = np.flatnonzero(tiny.labels[row] != UNKNOWN)
            m = known[row % len(known)]
            labels[row, m] = tiny.labels[row, m]
        assert ((labels != UNKNOWN).sum(1) == 1).all()
        epoch = train(small(train__max_epochs=1), replace(tiny, labels=labels)).epochs[0]
        assert all(math.isfinite(value) for value in epoch.train_loss.values())
        assert epoch.train_loss["C"] > 0
        assert epoch.train_loss["sem"] == 0  # M·margin > 0 needs fewer gaps: no triplet of such images is valid

    def test_of_one_variable_leave_out_images_without_it(self, tiny: Dataset) -> None:
        seen = training.view(tiny, small(data__variables="technique"))
        assert len(seen.rows("train")) == (tiny.labels[tiny.rows("train"), 2] != UNKNOWN).sum()

    def test_a_batch_without_any_label_has_a_loss_and_a_gradient(self, tiny: Dataset) -> None:
        experiment = small()
        feeding = loader(experiment, tiny)
        net = training_loop.build(feeding.source)
        (batch,) = feeding.feed([tiny.rows("train")[:4]])
        logits, f = net(batch.inputs)
        none = torch.full_like(batch.labels, UNKNOWN)
        C = losses.classification(logits, none, gamma=2.0)
        sem = losses.semantic(f, *similarity.semantic(none, torch.from_numpy(tiny.background)))
        (C + sem).backward()
        assert (C.item(), sem.item()) == (0, 0)
        assert all(p.grad is None or p.grad.isfinite().all() for p in net.parameters())


class TestBalanced:
    def test_trains_one_variable(self, tiny: Dataset) -> None:
        balanced = small(
            data__variables="material", train__sampling="balanced", train__batch_size=6, train__max_epochs=1
        )
        assert len(train(balanced, tiny).epochs) == 1

    def test_too_large_a_batch_is_a_sentence_before_anything_is_trained(self, tiny: Dataset) -> None:
        balanced = small(data__variables="material", train__sampling="balanced", train__batch_size=1000)
        rarest = int(np.bincount(tiny.labels[tiny.rows("train"), 3] + 1)[1:].min())
        for call in (train, lambda e, data: training.check(e, runtime(), data)):
            with pytest.raises(SettingsError, match=rf"allows at most {3 * rarest} = {rarest} × 3"):
                call(balanced, tiny)

    def test_several_variables_are_a_sentence(self, tiny: Dataset) -> None:
        with pytest.raises(SettingsError, match=r"balanced sampling .* is for one"):
            training.check(small(train__sampling="balanced"), runtime(), tiny)


# P23 Table 3: (γ, λ_aux, α_sem, α_co, α_slf); λ_C is 1.
P23_TABLE_3 = {
    "MTL": (0, 0, 0, 0, 0),
    "MTL^fo": (2, 0, 0, 0, 0),
    "MTL+R^sem": (0, 1, 1, 0, 0),
    "MTL+R^all": (0, 1, 0.5, 0.5, 0.5),
    "MTL^fo+R^sem": (2, 1, 1, 0, 0),
    "MTL^fo+R^all": (2, 1, 0.5, 0.5, 0.5),
}
# P22 Table 3: (mini-batch, λ_aux, α_sem, α_co); λ_C is 1.
P22_TABLE_3 = {
    "C*": ("random", 0, 0, 0),
    "C": ("balanced", 0, 0, 0),
    "C*+sem": ("random", 1, 1, 0),
    "C*+co": ("random", 1, 0, 1),
    "C*+co+sem": ("random", 1, 0.5, 0.5),
    "C+sem": ("balanced", 1, 1, 0),
    "C+co": ("balanced", 1, 0, 1),
    "C+co+sem": ("balanced", 1, 0.5, 0.5),
}


def assert_trains(experiment: Experiment, data: Dataset) -> None:
    outcome = train(experiment, data)
    figures = [*outcome.epochs[0].train_loss.values(), *outcome.epochs[0].validation_loss.values()]
    assert all(math.isfinite(figure) for figure in figures)
    assert outcome.epochs[0].train_loss["L"] > 0


@pytest.mark.parametrize("row", P23_TABLE_3)
def test_every_row_of_p23_table_3_trains(tiny: Dataset, row: str) -> None:
    gamma, lambda_aux, sem, co, slf = P23_TABLE_3[row]
    weights = {"loss__alpha_sem": sem, "loss__alpha_co": co, "loss__alpha_slf": slf}
    assert_trains(small(train__max_epochs=1, loss__gamma=gamma, loss__lambda_aux=lambda_aux, **weights), tiny)


@pytest.mark.parametrize(
    ("row", "variable"),
    [
        ("C*", "material"), ("C*+sem", "technique"), ("C*+co", "place"), ("C*+co+sem", "time"),
        ("C", "time"), ("C+sem", "place"), ("C+co", "technique"), ("C+co+sem", "material"),
    ],
)  # fmt: skip
def test_every_row_of_p22_table_3_trains(tiny: Dataset, row: str, variable: str) -> None:
    """A row says how is trained, a variable on which labels: each row once, each variable with either sampling."""
    sampling, lambda_aux, sem, co = P22_TABLE_3[row]
    seen = tiny.select([variable])
    counts = np.bincount(seen.labels[seen.rows("train"), 0])
    largest = int(counts.min() * len(counts))  # P22 Eq. 5
    experiment = small(
        data__variables=variable, net__NB_RN=0, net__NN_jfc=(1024, 32), net__NN_tfc=(), loss__gamma=0,
        loss__lambda_aux=lambda_aux, loss__alpha_sem=sem, loss__alpha_co=co, loss__alpha_slf=0,
        train__sampling=sampling, train__batch_size=largest if sampling == "balanced" else 32, train__max_epochs=1,
    )  # fmt: skip
    assert_trains(experiment, tiny)


def with_background(data: Dataset) -> Dataset:
    """The same data set, in which the last class of the first variable is background."""
    first, *others = data.variables
    rarer = replace(first, classes=first.classes[:-1], counts=first.counts[:-1], background=first.counts[-1])
    return replace(data, variables=(rarer, *others))


def test_background_that_is_unknown_is_neither_trained_nor_scored(tiny: Dataset) -> None:
    data = with_background(tiny)
    background, test = data.labels[:, 0] == data.variables[0].K, data.subset == "test"
    known = data.labels[:, 0] >= 0
    tested: dict[str, VariableScores] = {}
    for name in ("class", "unknown"):
        experiment = small(train__max_epochs=1, net__NB_RN=0, data__background=name)
        trained = fit(experiment, data)
        tested[name] = evaluate(trained.net, trained.inputs, "test").variables[0]
        assert len(trained.inputs.trunk.data.rows("train")) > 0
    assert [len(scores.classes) for scores in tested.values()] == [data.variables[0].K + 1, data.variables[0].K]
    assert [scores.labelled for scores in tested.values()] == [(known & test).sum(), (known & test & ~background).sum()]
    assert tested["unknown"].f1 == tested["unknown"].f1_with_background
    alone = small(data__background="unknown", data__variables=data.variables[0].name)
    rows = training.view(data, alone).rows("train")
    assert not background[rows].any()
    assert len(rows) < len(training.view(data, small(data__variables=data.variables[0].name)).rows("train"))


def test_every_row_is_another_experiment() -> None:
    assert len(set(P23_TABLE_3.values())) == 6
    assert len(set(P22_TABLE_3.values())) == 8


class TestPredict:
    def test_of_no_rows_is_empty(self, tiny: Dataset) -> None:
        inputs = loader(small(), tiny).source
        assert predict(training_loop.build(inputs), inputs, np.array([], np.int64)).shape == (0, 5)
