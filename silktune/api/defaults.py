"""What a search, an ablation and a training are unless someone says otherwise: one home for commands and Python."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from silktune.study.sampler_names import Sampler

Device = Literal["auto", "cpu", "cuda"]

DEVICES: tuple[str, ...] = get_args(Device)

SPACE = "silknet"
TABLE = "p23"
TRIALS = 20  # of a search that is not over a grid; a grid has all its points
AT_MOST = 20  # runs of an ablation's row that is not decided earlier
CONFIRM = 5  # leading trials of a search that are trained again before its winner is chosen
FINAL_RUNS = 5  # as many as P23 has of its networks
SAMPLER: Sampler = "tpe"
SEED = 0  # of the sampler
EXECUTOR = "ray"
CONCURRENT = 1
WORKERS = 1
DEVICE: Device = "auto"
RETRIES = 3
THREADS = 0  # torch decides
ROOT = Path("runs")
