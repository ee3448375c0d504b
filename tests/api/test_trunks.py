"""`silktune.trunks` and `silktune trunks`: what is listed is what is built."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import huggingface_hub
import pytest
import timm
import torchvision
from typer.testing import CliRunner

import silktune
from silktune.api.trunks import AT_HAND, DESCRIBED, DOWNLOAD, EXTRA_BRINGS, NONE
from silktune.cli.app import app
from silktune.core.backbones import timm_trunks
from silktune.errors import SettingsError
from silktune.settings import pretrained_weights
from silktune.settings.known_trunks import KNOWN
from silktune.settings.trunks import BLOCKS, TIMM
from tests.cli.run import silktune as command

LITE0 = "timm/tf_efficientnet_lite0"


def lines(*words: str, columns: int = 80) -> list[str]:
    result = CliRunner().invoke(app, ["trunks", *words], env={"COLUMNS": str(columns)})
    assert result.exit_code == 0, result.output
    return [line.rstrip() for line in result.stdout.splitlines()]


@pytest.mark.parametrize("name", [name for name in KNOWN if name.startswith(TIMM)])
def test_what_is_written_of_a_trunk_of_timm_is_so(name: str) -> None:
    parameters, F, blocks, image_size = timm_trunks.facts(name)
    about = timm.models.get_pretrained_cfg(name.removeprefix(TIMM))
    assert KNOWN[name] == (round(parameters / 1e6, 1), F, blocks, image_size, about.hf_hub_id)


@pytest.mark.parametrize("name", BLOCKS)
def test_what_is_written_of_torchvisions_is_so(name: str) -> None:
    weights = torchvision.models.get_model_weights(name)["IMAGENET1K_V1"]
    F = 512 if name in ("resnet18", "resnet34") else 2048
    millions = round((weights.meta["num_params"] - F * 1000 - 1000) / 1e6, 1)
    assert KNOWN[name] == (millions, F, BLOCKS[name], 224, weights.url.rpartition("/")[2])


def test_weights_at_hand_are_told_from_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    before = {trunk.name: trunk.weights for trunk in silktune.trunks()}
    assert before == {name: AT_HAND if name == LITE0 else DOWNLOAD for name in KNOWN}
    monkeypatch.setattr(pretrained_weights, "_PACKAGE", "a_package_that_is_not_there")
    for file in ("hub/checkpoints/resnet18-f37072fd.pth",
                 "hub/models--timm--convnext_atto.d2_in1k/snapshots/main/model.safetensors"):  # fmt: skip
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(b"")
    after = {trunk.name: trunk.weights for trunk in silktune.trunks()}
    assert after == before | {"resnet18": AT_HAND, "timm/convnext_atto": AT_HAND, LITE0: EXTRA_BRINGS}


def test_some_of_all_of_timm() -> None:
    found = {trunk.name: trunk for trunk in silktune.trunks("resnet10*")}
    assert {"resnet101", "timm/resnet10t", "timm/resnet101"} <= set(found)
    assert found["timm/resnet10t"][1:5] == (pytest.approx(4.92, abs=0.01), 512, 4, 176)
    (levit,) = silktune.trunks("timm/levit_128s")[:1]
    assert (levit.blocks, levit.weights) == (0, DOWNLOAD)
    assert silktune.trunks("seresnet18")[-1].weights == NONE


def test_too_many_are_named_and_not_described() -> None:
    found = silktune.trunks("resnet")
    assert len(found) > DESCRIBED
    assert {trunk.parameters for trunk in found if trunk.name.startswith(TIMM)} == {None}
    assert lines("resnet")[-1].endswith("Give a longer pattern.")


def test_none() -> None:
    with pytest.raises(SettingsError, match=r"no trunk's name has 'rsenet' in it\. `silktune trunks` lists a few"):
        silktune.trunks("rsenet")


def test_the_list_fits_a_terminal_of_80_columns() -> None:
    head, *rows = lines()
    assert head.split() == ["net.trunk", "million", "F", "blocks", "pixels", "weights"]
    assert [row.split()[0] for row in rows[: len(KNOWN)]] == list(KNOWN)
    assert rows[4] == "resnet152                             58.1  2048      50     224  download"
    assert max(map(len, lines())) <= 80


def test_the_list_needs_no_heavy_library() -> None:
    code = "import sys, silktune; silktune.trunks(); print({'torch', 'timm', 'torchvision'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.stdout == "set()\n", done.stderr


def test_the_command_says_in_a_sentence_what_is_not_there() -> None:
    done = command("trunks", "rsenet")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("command line: no trunk's name has 'rsenet' in it.")
