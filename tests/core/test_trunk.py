"""The trunk: which blocks are trained, which statistics it uses, where its weights come from."""

from __future__ import annotations

import pickle
import shutil
import socket
import zipfile
from pathlib import Path

import pytest
import torch
import torchvision
from torch import Tensor, nn

from silktune.core.trunk import IMAGENET_DEVIATION, IMAGENET_MEAN, Trunk
from silktune.errors import ResourceError, SettingsError
from silktune.settings import BLOCKS

MEAN, DEVIATION = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_DEVIATION))


def without_memory(name: str, NB_RN: int) -> Trunk:
    """A trunk whose tensors have shapes and no values: fast for the largest, too."""
    with torch.device("meta"):
        return Trunk(name, "none", NB_RN)


def random_resnet(name: str, seed: int) -> nn.Module:
    """A ResNet of torchvision, all of it random, the stored statistics as well."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        resnet: nn.Module = torchvision.models.get_model(name, weights=None)
        for module in resnet.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.running_mean, std=0.1)
                nn.init.uniform_(module.running_var, 0.5, 1.5)
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, std=0.1)
    return resnet.eval()


@pytest.fixture(scope="module")
def resnet() -> nn.Module:
    return random_resnet("resnet18", 0)


@pytest.fixture(scope="module")
def file(resnet: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.save(resnet.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))


class TestBlocks:
    @pytest.mark.parametrize("name", BLOCKS)
    def test_are_as_many_as_the_settings_say(self, name: str) -> None:
        trunk = without_memory(name, 0)
        assert (len(trunk.suffix), len(trunk.prefix)) == (0, 4 + BLOCKS[name])
        assert trunk.F == (512 if name in ("resnet18", "resnet34") else 2048)
        whole = without_memory(name, BLOCKS[name])
        assert (len(whole.suffix), len(whole.prefix)) == (BLOCKS[name], 4)

    def test_three_of_resnet152_are_all_of_layer4(self) -> None:
        with torch.device("meta"):
            layer4 = torchvision.models.resnet152().layer4
        trained = [(name, p.shape) for name, p in without_memory("resnet152", 3).suffix.named_parameters()]
        assert trained == [(name, p.shape) for name, p in layer4.named_parameters()]

    @pytest.mark.parametrize("NB_RN", [0, 1, 3, 8])
    def test_counted_from_the_end_are_trained_batch_norm_included_and_the_stem_never(self, NB_RN: int) -> None:
        trunk = without_memory("resnet18", NB_RN)
        trained = {name for name, p in trunk.named_parameters() if p.requires_grad}
        assert trained == {name for name, _ in trunk.named_parameters() if name.startswith("suffix.")}
        norms = {name for name in trained if ".bn" in name}
        assert len(norms) == NB_RN * 4  # two batch norms, weight and bias
        stem = [p for layer in trunk.prefix[:4] for p in layer.parameters()]
        assert len(stem) == 3
        assert not any(p.requires_grad for p in stem)


class TestBatchNorm:
    def test_uses_its_stored_statistics_in_training_too(self, file: Path, images: Tensor) -> None:
        trunk = Trunk("resnet18", str(file), 3)
        before = {name: value.clone() for name, value in trunk.state_dict().items()}
        alone = trunk(images[:1])
        trunk.train()
        assert not any(module.training for module in trunk.modules())
        torch.testing.assert_close(trunk(images)[:1], alone, rtol=1e-4, atol=1e-5)
        assert all(torch.equal(value, before[name]) for name, value in trunk.state_dict().items())

    def test_of_random_weights_is_measured(self) -> None:
        images = torch.rand(48, 3, 64, 64)
        trunk, seen = Trunk("resnet18", "none", 3), {}
        trunk.measure_statistics([images])
        norms = [module for module in trunk.modules() if isinstance(module, nn.BatchNorm2d)]
        assert len(norms) == 20
        for norm in norms:
            norm.register_forward_hook(lambda norm, args, _: seen.update({norm: args[0]}))
        with torch.no_grad():
            trunk(images)
        for norm in norms:
            assert norm.running_mean is not None
            assert norm.running_var is not None
            x = (seen[norm] - norm.running_mean.view(1, -1, 1, 1)) / norm.running_var.view(1, -1, 1, 1).sqrt()
            assert x.mean().item() == pytest.approx(0, abs=0.01)
            assert x.std(dim=(0, 2, 3)).mean().item() == pytest.approx(1, abs=0.02)

    def test_that_is_not_measured_is_not_so(self, images: Tensor) -> None:
        trunk = Trunk("resnet18", "none", 3)
        with torch.no_grad():
            x = trunk.prefix[:1](images)
        assert x.std().item() != pytest.approx(1, abs=0.02)

    def test_of_several_batches_is_their_mean(self, images: Tensor) -> None:
        trunk = Trunk("resnet18", "none", 3)
        trunk.measure_statistics([images[:2], images[2:]])
        norm = trunk.prefix[1]
        with torch.no_grad():
            parts = [trunk.prefix[0](part).mean(dim=(0, 2, 3)) for part in (images[:2], images[2:])]
        torch.testing.assert_close(norm.running_mean, (parts[0] + parts[1]) / 2)


class TestWeightsOfAFile:
    @pytest.mark.parametrize("NB_RN", [0, 3, 8])
    def test_give_torchvisions_own_numbers(self, resnet: nn.Module, file: Path, images: Tensor, NB_RN: int) -> None:
        trunk, seen = Trunk("resnet18", str(file), NB_RN), []
        hook = resnet.fc.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
        with torch.no_grad():
            resnet((images - MEAN) / DEVIATION)
            f_RN = trunk(images)
        hook.remove()
        torch.testing.assert_close(f_RN, seen[0], rtol=1e-4, atol=1e-5)

    def test_are_loaded_exactly(self, resnet: nn.Module, file: Path) -> None:
        trunk = Trunk("resnet18", str(file), 2)
        own = [value for name, value in trunk.state_dict().items() if name not in ("mean", "deviation")]
        theirs = [value for name, value in resnet.state_dict().items() if not name.startswith("fc.")]
        assert len(own) == len(theirs) == 120
        assert all(torch.equal(a, b) for a, b in zip(own, theirs, strict=True))
        assert torch.equal(trunk.mean, MEAN)
        assert torch.equal(trunk.deviation, DEVIATION)

    def test_of_several_gpus_are_loaded_too(self, resnet: nn.Module, tmp_path: Path) -> None:
        torch.save({f"module.{name}": value for name, value in resnet.state_dict().items()}, tmp_path / "w.pth")
        assert torch.equal(Trunk("resnet18", str(tmp_path / "w.pth"), 0).prefix[0].weight, resnet.conv1.weight)

    def test_without_a_classifier_are_enough(self, resnet: nn.Module, tmp_path: Path) -> None:
        state = {name: value for name, value in resnet.state_dict().items() if not name.startswith("fc.")}
        torch.save(state, tmp_path / "w.pth")
        Trunk("resnet18", str(tmp_path / "w.pth"), 0)

    def test_none_are_random_and_images_as_they_are(self) -> None:
        trunk = Trunk("resnet18", "none", 2)
        assert torch.equal(trunk.mean, torch.zeros(1, 3, 1, 1))
        assert torch.equal(trunk.deviation, torch.ones(1, 3, 1, 1))
        assert all((block.bn2.weight == 0).all() for block in trunk.suffix)


class TestWeightsThatAreWrong:
    def said(self, weights: object, name: str = "resnet18") -> str:
        with pytest.raises(SettingsError) as caught:
            Trunk(name, str(weights), 1)
        return str(caught.value)

    def test_of_another_trunk(self, file: Path) -> None:
        said = self.said(file, "resnet34")
        assert said.startswith(f"net.weights: {file} does not fit net.trunk=resnet34: ")
        assert said.endswith("Give the weights of torchvision's resnet34, or another trunk.")
        assert "80 of its 216 tensors are missing or have another shape (" in said

    def test_of_no_network(self, tmp_path: Path) -> None:
        torch.save({"a": torch.zeros(1)}, tmp_path / "w.pth")
        assert "does not fit net.trunk=resnet18: 100 of its 120" in self.said(tmp_path / "w.pth")

    @pytest.mark.parametrize("content", [{"epoch": 3, "state_dict": {}}, [1, 2]])
    def test_no_state_dict(self, tmp_path: Path, content: object) -> None:
        torch.save(content, tmp_path / "w.pth")
        assert self.said(tmp_path / "w.pth").endswith(
            "holds no state dict (tensor name → tensor). Save model.state_dict()."
        )

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (b"", "it is empty"), (b"garbage", "it is no file of torch.save"),
            (b"PK\x03\x04garbage", "it broke off, or is damaged: copy it again"),
            (b"<html>", "it is no file of torch.save"),
            (b"\x08\0\0\0\0\0\0\0{}      ", "it is a file of safetensors, not of torch.save"),
            (pickle.dumps(print), "it is damaged, or holds more than tensors"),
            (b"\x80\x02garbage", "it is damaged, or holds more than tensors"),
        ],
    )  # fmt: skip
    def test_garbage(self, tmp_path: Path, content: bytes, why: str) -> None:
        (tmp_path / "w.pth").write_bytes(content)
        self.in_our_words(tmp_path / "w.pth", why)

    def in_our_words(self, path: Path, why: str) -> None:
        said = self.said(path)
        assert said.startswith(f"net.weights: {path} is no state dict that torch can read ({why}")
        assert said.endswith(" Save one with torch.save(model.state_dict(), FILE).")
        assert "weights_only" not in said
        assert "\n" not in said

    def test_a_whole_module_and_code_are_not_run(self, resnet: nn.Module, tmp_path: Path) -> None:
        for name, content, old in (("a", resnet, False), ("b", resnet, True), ("c", {"a": Evil()}, False)):
            torch.save(content, tmp_path / f"{name}.pth", _use_new_zipfile_serialization=not old)
            self.in_our_words(
                tmp_path / f"{name}.pth", "it is damaged, or holds more than tensors, such as a whole module"
            )

    def test_what_broke_off_or_is_another_archive(self, file: Path, tmp_path: Path) -> None:
        (tmp_path / "half.pth").write_bytes(file.read_bytes()[:100_000])
        self.in_our_words(tmp_path / "half.pth", "it broke off, or is damaged: copy it again")
        for name, inside in (("other", "a.txt"), ("jit", "jit/constants.pkl")):
            with zipfile.ZipFile(tmp_path / f"{name}.pth", "w") as archive:
                archive.writestr(inside, "a")
        self.in_our_words(tmp_path / "other.pth", "it is an archive, but none of torch.save")
        self.in_our_words(tmp_path / "jit.pth", "it is a program of torch.jit, not a state dict")

    def test_a_folder(self, tmp_path: Path) -> None:
        assert self.said(f"{tmp_path}/") == (
            f"net.weights: {tmp_path} is a folder. Give the file of a state dict in it. "
            "Save one with torch.save(model.state_dict(), FILE)."
        )

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        assert self.said(tmp_path / "w.pth") == (
            f"net.weights: there is no file {tmp_path / 'w.pth'}. Give a file, a torchvision name, or none."
        )

    def test_a_name_that_torchvision_does_not_know(self) -> None:
        assert self.said("IMAGENET1K_V3") == (
            "net.weights: IMAGENET1K_V3 is no name of torchvision's weights for resnet18. Did you mean IMAGENET1K_V1?"
        )
        assert self.said("non").endswith(" Did you mean none?")
        assert self.said("xyz").endswith(" There is: IMAGENET1K_V1, DEFAULT, none.")

    @pytest.mark.timeout(30)
    def test_a_name_without_internet(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TORCH_HOME", str(tmp_path))
        monkeypatch.setattr(socket, "getaddrinfo", _no_internet)
        with pytest.raises(ResourceError) as caught:
            Trunk("resnet18", "IMAGENET1K_V1", 1)
        said = str(caught.value)
        assert said.startswith("net.weights: torchvision's IMAGENET1K_V1 for resnet18 could not be downloaded (")
        assert said.endswith(
            f"On a machine without internet put the file resnet18-f37072fd.pth into {tmp_path}/hub/checkpoints, "
            "or give net.weights=FILE, or net.weights=none."
        )

    def test_a_copy_that_broke_off(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TORCH_HOME", str(tmp_path))
        copy = tmp_path / "hub" / "checkpoints" / "resnet18-f37072fd.pth"
        copy.parent.mkdir(parents=True)
        copy.write_bytes(b"PK\x03\x04")
        with pytest.raises(ResourceError, match=r"resnet18-f37072fd\.pth cannot be read .* Delete it"):
            Trunk("resnet18", "IMAGENET1K_V1", 1)

    def test_other_weights_under_a_name_of_torchvision(
        self, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TORCH_HOME", str(tmp_path))
        copy = tmp_path / "hub" / "checkpoints" / "resnet18-f37072fd.pth"
        copy.parent.mkdir(parents=True)
        shutil.copy(file, copy)
        with pytest.raises(ResourceError, match=r"its content is damaged, or other weights\. Delete it to download"):
            Trunk("resnet18", "IMAGENET1K_V1", 1)


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return print, ("run",)


def _no_internet(*address: object, **options: object) -> None:
    raise socket.gaierror("Temporary failure in name resolution")
