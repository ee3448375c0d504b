"""Trials are placed before anything is started: evenly, whole workers on one node each, or a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from silktune.errors import ResourceError
from silktune.orchestrate.executors.resources import Placement, Resources, share

LAPTOP = {"CPU": 2.0}
BIG = {"CPU": 16.0, "GPU": 4.0}
HEAD = {"CPU": 4.0}


def placed(*nodes: dict[str, float], **asked: Any) -> Resources:
    return share(
        nodes, Placement(**{"concurrent": 1, "workers": 1, "gpus": None, "device": "auto", "retries": 3} | asked)
    )


@pytest.mark.parametrize(
    ("nodes", "asked", "cpus", "gpus"),
    [
        ([LAPTOP], {}, 2, 0),
        ([LAPTOP], {"concurrent": 2}, 1, 0),
        ([LAPTOP], {"concurrent": 3}, 0.66, 0),
        ([LAPTOP], {"concurrent": 8}, 0.25, 0),
        ([LAPTOP], {"workers": 2}, 1, 0),
        ([BIG], {}, 16, 1),
        ([BIG], {"device": "cpu"}, 16, 0),
        ([BIG], {"concurrent": 4}, 4, 1),
        ([BIG], {"concurrent": 8}, 2, 0.5),
        ([BIG], {"concurrent": 8, "gpus": 0.25}, 2, 0.25),
        ([BIG], {"concurrent": 2, "workers": 2}, 4, 1),
        ([BIG, BIG], {"concurrent": 1, "workers": 8}, 4, 1),
        ([HEAD, BIG, BIG], {"concurrent": 2, "workers": 4, "gpus": 4.0}, 4, 1),
        ([HEAD, BIG], {"concurrent": 5, "gpus": 0.0}, 4, 0),
        ([{"CPU": 16.0}, {"CPU": 16.0}], {"concurrent": 3}, 8, 0),  # not 10: two fit on one node, one on the other
        ([HEAD, {}], {"concurrent": 2}, 2, 0),
    ],
)
def test_what_there_is_is_divided_evenly(
    nodes: list[dict[str, float]], asked: dict[str, Any], cpus: float, gpus: float
) -> None:
    found = placed(*nodes, **asked)
    assert (found.cpus, found.gpus) == (cpus, gpus)
    assert found.threads == max(1, int(cpus))
    assert found.per_worker == ({"CPU": cpus, "GPU": gpus} if gpus else {"CPU": cpus})


@pytest.mark.parametrize(
    ("nodes", "asked", "sentence"),
    [
        ([LAPTOP], {"device": "cuda"}, "Ray finds no GPU here. Use --device cpu, or look at nvidia-smi."),
        ([LAPTOP], {"gpus": 1.0}, "Ray finds no GPU here. Use --device cpu, or look at nvidia-smi."),
        ([BIG], {"gpus": 1.0, "device": "cpu"}, "--gpus-per-trial 1 with --device cpu: leave one of them out."),
        (
            [BIG],
            {"gpus": 3.0, "workers": 2},
            "--gpus-per-trial 3 with --workers-per-trial 2: workers cannot share a GPU. Give --gpus-per-trial 2, "
            "a multiple of it, or 0.",
        ),
        (
            [HEAD, BIG],
            {"gpus": 8.0},
            "A trial of one worker with 8 GPU each can never be placed: Ray's nodes have 4 CPU and 0 GPU; 16 CPU and "
            "4 GPU. Ask for less with --workers-per-trial and --gpus-per-trial, or wait until `ray status` shows more "
            "nodes.",
        ),
        (
            [BIG],
            {"workers": 8},
            "A trial of 8 workers with 1 GPU each can never be placed: Ray's nodes have 16 CPU and 4 GPU. Ask for less "
            "with --workers-per-trial and --gpus-per-trial, or wait until `ray status` shows more nodes.",
        ),
        (
            [BIG],
            {"workers": 2, "concurrent": 3},
            "3 trials at once of 2 workers with 1 GPU each do not fit: Ray's nodes have 16 CPU and 4 GPU. "
            "--concurrent 2 does.",
        ),
    ],
)
def test_what_can_never_run_is_a_sentence(nodes: list[dict[str, float]], asked: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ResourceError) as caught:
        placed(*nodes, **asked)
    assert str(caught.value) == sentence
