"""The device that a training runs on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from silktune.errors import ResourceError, TrainingError
from silktune.settings import Experiment, Runtime


def prepare_device(runtime: Runtime) -> torch.device:
    """The device of a runtime, with torch set up to give the same numbers each time on it.

    Raises:
        ResourceError: a GPU was asked for and there is none.
    """
    available = torch.cuda.is_available()
    if runtime.device == "cuda" and not available:
        raise ResourceError("A GPU was asked for, but torch finds none. Use --device cpu, or look at nvidia-smi.")
    if runtime.threads:
        torch.set_num_threads(runtime.threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS' condition for equal results
    torch.set_deterministic_debug_mode("warn")
    torch.backends.cudnn.benchmark = False
    return torch.device("cuda" if available and runtime.device != "cpu" else "cpu")


@contextmanager
def memory(experiment: Experiment) -> Iterator[None]:
    """A training that does not fit into the GPU's memory says so in a sentence.

    Raises:
        TrainingError: the memory was too small for what is done inside.
    """
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        raise TrainingError(
            f"The GPU's memory does not hold this training (net.trunk={experiment.net.trunk}, "
            f"train.batch_size={experiment.train.batch_size}). A smaller train.batch_size or trunk, or fewer trials "
            "on one GPU, will."
        ) from error


def device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
