"""The device that a training runs on."""

from __future__ import annotations

import os

import torch

from silktune.errors import ResourceError
from silktune.settings import Runtime


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
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
    return torch.device("cuda" if available and runtime.device != "cpu" else "cpu")


def device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
