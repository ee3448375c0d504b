"""Importing silktune loads nothing heavy, and changes nothing in the process: that happens when something is run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import silktune

ROOT = Path(__file__).parents[1]
HEAVY = (
    "torch", "torchvision", "ray", "mlflow", "optuna", "pandas", "numpy", "pyarrow", "cv2", "PIL", "sklearn", "scipy",
    "matplotlib", "pydantic", "yaml", "rich", "typer", "timm", "huggingface_hub", "safetensors",
)  # fmt: skip
LIBRARIES = (
    "torch", "torchvision", "torchvision.models", "ray", "ray.tune", "ray.train", "ray.train.torch", "mlflow", "optuna",
    "pandas", "pyarrow.fs", "fsspec", "cv2", "PIL.Image", "scipy.stats", "matplotlib.figure", "jsonschema", "typer",
    "rich.live", "pydantic", "sklearn", "yaml",
)  # fmt: skip
STATE = """
import importlib, logging, os, pkgutil, sys, warnings

def state():
    import torch
    backends = torch.backends
    levels = {name: getattr(logger, "level", 0) for name, logger in logging.root.manager.loggerDict.items()}
    return {
        "environment": dict(os.environ),
        "warnings": list(map(str, warnings.filters)),
        "logging": {"": logging.root.level, **{name: level for name, level in levels.items() if level}},
        "threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "determinism": (torch.are_deterministic_algorithms_enabled(), backends.cudnn.deterministic),
        "cudnn": (backends.cudnn.benchmark, backends.cudnn.allow_tf32, backends.cuda.matmul.allow_tf32),
        "precision": (torch.get_float32_matmul_precision(), str(torch.get_default_dtype())),
        "grad": torch.is_grad_enabled(),
        "seed": torch.initial_seed(),
        "signals": [__import__("signal").getsignal(number) for number in (2, 15)],
        "directory": os.getcwd(),
    }
"""
EVERY_MODULE = """
for library in {libraries!r}:
    importlib.import_module(library)
before = state()
{between}
import silktune
names = [module.name for module in pkgutil.walk_packages(silktune.__path__, "silktune.")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
after = state()
print(len(names), [key for key in before if before[key] != after[key]])
"""


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_nothing_heavy_is_loaded() -> None:
    loaded = python(
        "import sys; before = {*sys.modules}; import silktune; dir(silktune); print(*{*sys.modules} - before)"
    )
    modules = {name.partition(".")[0] for name in loaded.split()}
    assert "silktune" in modules
    assert modules & set(HEAVY) == set()


def every_module(between: str = "") -> tuple[int, str]:
    """How many modules silktune has, and what importing them changed after `between`."""
    count, _, changed = python(STATE + EVERY_MODULE.format(libraries=LIBRARIES, between=between)).partition(" ")
    return int(count), changed.strip()


def test_no_module_changes_anything_in_the_process() -> None:
    count, changed = every_module()
    assert count > 100
    assert changed == "[]"


def test_a_change_is_found() -> None:
    between = "os.environ['X'] = '1'; warnings.simplefilter('ignore'); logging.getLogger('x').setLevel(10)"
    assert every_module(f"{between}; import torch; torch.set_num_threads(3)")[1] == (
        "['environment', 'warnings', 'logging', 'threads']"
    )


def test_every_name_is_there() -> None:
    assert set(silktune.__all__) <= set(dir(silktune))
    for name in silktune.__all__:
        assert getattr(silktune, name)
    assert not hasattr(silktune, "predict_nothing")


def test_what_a_trials_process_imports_has_no_statistics_library() -> None:
    loaded = python("import sys, silktune.orchestrate.study_tracking; print(*sys.modules)").split()
    assert "silktune.study.statistics" in loaded
    assert not {"scipy.stats", "scipy.special", "scipy.optimize"} & set(loaded)
