"""silktune: search and ablation for SilkNet on Ray, recorded in MLflow. Importing it loads nothing heavy.

    import silktune
    silktune.search(data="labels.csv", space="quick", trials=4).trials

What is named here is loaded when it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from silktune.api.ablate import ablate
    from silktune.api.check import check
    from silktune.api.describe import describe
    from silktune.api.evaluate import evaluate
    from silktune.api.models import Model, load
    from silktune.api.predict import predict
    from silktune.api.progress import Progress
    from silktune.api.search import search
    from silktune.api.search_each import search_each
    from silktune.api.studies import open_study
    from silktune.api.train import train
    from silktune.api.trunks import trunks
    from silktune.errors import SilktuneError

__version__ = "0.1.0"
__all__ = [
    "Model",
    "Progress",
    "SilktuneError",
    "__version__",
    "ablate",
    "check",
    "describe",
    "evaluate",
    "load",
    "open_study",
    "predict",
    "search",
    "search_each",
    "train",
    "trunks",
]

_MODULES = {
    "Model": "silktune.api.models",
    "Progress": "silktune.api.progress",
    "SilktuneError": "silktune.errors",
    "ablate": "silktune.api.ablate",
    "check": "silktune.api.check",
    "describe": "silktune.api.describe",
    "evaluate": "silktune.api.evaluate",
    "load": "silktune.api.models",
    "open_study": "silktune.api.studies",
    "predict": "silktune.api.predict",
    "search": "silktune.api.search",
    "search_each": "silktune.api.search_each",
    "train": "silktune.api.train",
    "trunks": "silktune.api.trunks",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'silktune' has no attribute '{name}'")
    value = globals()[name] = getattr(import_module(_MODULES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
