"""Backbones: what every one of them keeps; which statistics a ResNet uses, where its weights come from."""

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

from silktune.core.backbones import Prefix, Suffix, build, measure_statistics
from silktune.core.backbones.resnets import IMAGENET_DEVIATION, IMAGENET_MEAN
from silktune.errors import ResourceError, SettingsError
from silktune.settings.trunks import BLOCKS, FAMILIES

SIZE = 64  # pixels per side
MEAN, DEVIATION = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_DEVIATION))


def split(name: str, weights: str | Path, NB_RN: int) -> tuple[Prefix, Suffix]:
    return build(name, str(weights), SIZE).split(NB_RN)


def without_memory(name: str, NB_RN: int) -> tuple[Prefix, Suffix]:
    """Parts whose tensors have shapes and no values: fast for the largest, too."""
    with torch.device("meta"):
        return split(name, "none", NB_RN)


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
    return torch.rand(4, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", BLOCKS)
class TestEveryBackbone:
    """What `Family` promises; a new family is held to it by its entries in `settings.trunks`."""

    def test_is_of_one_family_and_has_the_blocks_that_the_settings_say(self, name: str) -> None:
        assert [name in trunks for trunks in FAMILIES.values()].count(True) == 1
        with torch.device("meta"):
            backbone = build(name, "none", SIZE)
        assert len(backbone.blocks) == BLOCKS[name]
        assert min(backbone.F, backbone.image_size) > 0

    def test_is_cut_into_a_prefix_and_a_suffix_without_losing_anything(self, name: str) -> None:
        with torch.device("meta"):
            whole = sum(p.numel() for p in split(name, "none", BLOCKS[name])[1].parameters())
        for NB_RN in (0, 1, BLOCKS[name] // 2):
            prefix, suffix = without_memory(name, NB_RN)
            assert not any(p.requires_grad for p in prefix.parameters())
            assert all(p.requires_grad for p in suffix.parameters())
            stem = prefix.layers[0]
            counted = [p for part in (prefix, suffix) for p in part.parameters()]
            assert sum(p.numel() for p in counted) - sum(p.numel() for p in stem.parameters()) == whole
        assert not any(p.requires_grad for p in without_memory(name, BLOCKS[name])[0].parameters()), "the stem"

    def test_gives_f_rn_of_its_length_and_blocks_count_from_the_end(self, name: str) -> None:
        images = torch.rand(1, 3, SIZE, SIZE, device="meta")
        sizes = []
        for NB_RN in (0, 1, 2, BLOCKS[name]):
            prefix, suffix = without_memory(name, NB_RN)
            f_RN = suffix(prefix(images))
            assert tuple(f_RN.shape) == (1, suffix.F)
            sizes.append(sum(p.numel() for p in suffix.parameters()))
        assert sizes[0] == 0
        assert sizes == sorted(set(sizes))


class TestPrefix:
    def test_and_suffix_are_the_same_wherever_they_meet(self, file: Path, images: Tensor) -> None:
        expected = None
        for NB_RN in (0, 1, 3, 8):
            prefix, suffix = split("resnet18", file, NB_RN)
            f_RN = suffix(prefix(images)).detach()
            expected = f_RN if expected is None else expected
            torch.testing.assert_close(f_RN, expected, rtol=1e-5, atol=1e-6)

    def test_is_a_pure_function_without_gradient(self, file: Path, images: Tensor) -> None:
        prefix, _ = split("resnet18", file, 3)
        together = prefix.train()(images.clone().requires_grad_())
        assert not together.requires_grad
        for n in range(len(images)):
            torch.testing.assert_close(prefix(images[n : n + 1])[0], together[n], rtol=1e-4, atol=1e-5)

    def test_where_nothing_is_trained_gives_f_rn_itself(self, file: Path, images: Tensor) -> None:
        prefix, suffix = split("resnet18", file, 0)
        assert tuple(prefix(images).shape) == (len(images), suffix.F) == (len(images), 512)
        assert not list(suffix.parameters())


def test_three_blocks_of_resnet152_are_all_of_layer4() -> None:
    with torch.device("meta"):
        layer4 = torchvision.models.resnet152().layer4
    _, suffix = without_memory("resnet152", 3)
    assert [p.shape for p in suffix.parameters()] == [p.shape for p in layer4.parameters()]


@pytest.mark.parametrize("name", FAMILIES["resnets"])
def test_a_resnets_feature_length(name: str) -> None:
    assert without_memory(name, 0)[1].F == (512 if name in ("resnet18", "resnet34") else 2048)


class TestBatchNorm:
    def test_uses_its_stored_statistics_in_training_too(self, file: Path, images: Tensor) -> None:
        prefix, suffix = split("resnet18", file, 3)
        before = {name: value.clone() for part in (prefix, suffix) for name, value in part.state_dict().items()}
        alone = suffix(prefix(images[:1]))
        prefix.train()
        suffix.train()
        assert not any(module.training for part in (prefix, suffix) for module in part.modules())
        torch.testing.assert_close(suffix(prefix(images))[:1], alone, rtol=1e-4, atol=1e-5)
        after = {name: value for part in (prefix, suffix) for name, value in part.state_dict().items()}
        assert all(torch.equal(value, before[name]) for name, value in after.items())

    def test_of_random_weights_is_measured(self) -> None:
        images = torch.rand(48, 3, SIZE, SIZE)
        (prefix, suffix), seen = split("resnet18", "none", 3), {}
        measure_statistics(prefix, suffix, [images])
        norms = [m for part in (prefix, suffix) for m in part.modules() if isinstance(m, nn.BatchNorm2d)]
        assert len(norms) == 20
        for norm in norms:
            norm.register_forward_hook(lambda norm, args, _: seen.update({norm: args[0]}))
        with torch.no_grad():
            suffix(prefix(images))
        for norm in norms:
            assert norm.running_mean is not None
            assert norm.running_var is not None
            x = (seen[norm] - norm.running_mean.view(1, -1, 1, 1)) / norm.running_var.view(1, -1, 1, 1).sqrt()
            assert x.mean().item() == pytest.approx(0, abs=0.01)
            assert x.std(dim=(0, 2, 3)).mean().item() == pytest.approx(1, abs=0.02)

    def test_that_is_not_measured_is_not_so(self, images: Tensor) -> None:
        prefix, _ = split("resnet18", "none", 3)
        with torch.no_grad():
            x = prefix.layers[0][:1](images)
        assert x.std().item() != pytest.approx(1, abs=0.02)

    def test_of_several_batches_is_their_mean(self, images: Tensor) -> None:
        prefix, suffix = split("resnet18", "none", 3)
        measure_statistics(prefix, suffix, [images[:2], images[2:]])
        conv, norm, *_ = prefix.layers[0]
        with torch.no_grad():
            parts = [conv(part).mean(dim=(0, 2, 3)) for part in (images[:2], images[2:])]
        torch.testing.assert_close(norm.running_mean, (parts[0] + parts[1]) / 2)


class TestWeightsOfAFile:
    @pytest.mark.parametrize("NB_RN", [0, 3, 8])
    def test_give_torchvisions_own_numbers(self, resnet: nn.Module, file: Path, images: Tensor, NB_RN: int) -> None:
        (prefix, suffix), seen = split("resnet18", file, NB_RN), []
        hook = resnet.fc.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
        with torch.no_grad():
            resnet((images - MEAN) / DEVIATION)
            f_RN = suffix(prefix(images))
        hook.remove()
        torch.testing.assert_close(f_RN, seen[0], rtol=1e-4, atol=1e-5)

    def test_are_loaded_exactly(self, resnet: nn.Module, file: Path) -> None:
        prefix, suffix = split("resnet18", file, 2)
        own = [*prefix.layers.state_dict().values(), *suffix.state_dict().values()]
        theirs = [value for name, value in resnet.state_dict().items() if not name.startswith("fc.")]
        assert len(own) == len(theirs) == 120
        assert all(torch.equal(a, b) for a, b in zip(own, theirs, strict=True))
        assert torch.equal(prefix.mean, MEAN)
        assert torch.equal(prefix.deviation, DEVIATION)

    def test_of_several_gpus_are_loaded_too(self, resnet: nn.Module, tmp_path: Path) -> None:
        torch.save({f"module.{name}": value for name, value in resnet.state_dict().items()}, tmp_path / "w.pth")
        prefix, _ = split("resnet18", tmp_path / "w.pth", 0)
        assert torch.equal(prefix.layers[0][0].weight, resnet.conv1.weight)

    def test_without_a_classifier_are_enough(self, resnet: nn.Module, tmp_path: Path) -> None:
        state = {name: value for name, value in resnet.state_dict().items() if not name.startswith("fc.")}
        torch.save(state, tmp_path / "w.pth")
        build("resnet18", str(tmp_path / "w.pth"), SIZE)

    def test_none_are_random_and_images_as_they_are(self) -> None:
        prefix, suffix = split("resnet18", "none", 2)
        assert torch.equal(prefix.mean, torch.zeros(1, 3, 1, 1))
        assert torch.equal(prefix.deviation, torch.ones(1, 3, 1, 1))
        assert [bool((block.bn2.weight == 0).all()) for block in suffix.layers[:2]] == [True, True]
        assert not (prefix.layers[-1].bn2.weight == 0).any()


class TestWeightsThatAreWrong:
    def said(self, weights: object, name: str = "resnet18") -> str:
        with pytest.raises(SettingsError) as caught:
            build(name, str(weights), SIZE)
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
            (b"\x09\0\0\0\0\0\0\0{}      ", "it is a file of safetensors that broke off, or is damaged: copy it again"),
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
            f"net.weights: there is no file {tmp_path / 'w.pth'}. Give a file, a name, pretrained or none."
        )

    def test_a_name_that_torchvision_does_not_know(self) -> None:
        assert self.said("IMAGENET1K_V3") == (
            "net.weights: IMAGENET1K_V3 is no name of torchvision's weights for resnet18. Did you mean IMAGENET1K_V1?"
        )
        assert self.said("non").endswith(" Did you mean none?")
        assert self.said("xyz").endswith(" There is: pretrained, IMAGENET1K_V1, DEFAULT, none.")

    @pytest.mark.timeout(30)
    def test_a_name_without_internet(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TORCH_HOME", str(tmp_path))
        monkeypatch.setattr(socket, "getaddrinfo", _no_internet)
        with pytest.raises(ResourceError) as caught:
            build("resnet18", "IMAGENET1K_V1", SIZE)
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
            build("resnet18", "IMAGENET1K_V1", SIZE)

    def test_other_weights_under_a_name_of_torchvision(
        self, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TORCH_HOME", str(tmp_path))
        copy = tmp_path / "hub" / "checkpoints" / "resnet18-f37072fd.pth"
        copy.parent.mkdir(parents=True)
        shutil.copy(file, copy)
        with pytest.raises(ResourceError, match=r"its content is damaged, or other weights\. Delete it to download"):
            build("resnet18", "IMAGENET1K_V1", SIZE)


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return print, ("run",)


def _no_internet(*address: object, **options: object) -> None:
    raise socket.gaierror("Temporary failure in name resolution")
