"""Which versions of Python and of libraries are at work here; numbers may depend on them."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("silktune", "torch", "torchvision", "timm", "ray", "optuna", "mlflow", "numpy", "scikit-learn")
TAG = "version."
RECORDS_ONLY = "mlflow"  # changes no number
SEVERAL = ", "


def versions() -> dict[str, str]:
    """The installed versions by package, `python` among them, without importing anything."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def tags() -> dict[str, str]:
    """The same as tags of a study."""
    return {f"{TAG}{package}": number for package, number in versions().items()}


def seen(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """The tags of a study that goes on: every version of a package that has worked on it, the first one first."""
    both = {}
    for tag, number in now.items():
        earlier = before.get(tag, "").split(SEVERAL) if tag.startswith(TAG) else []
        both[tag] = SEVERAL.join(filter(None, dict.fromkeys([*earlier, number])))
    return both


def mixed(tags: Mapping[str, str]) -> str:
    """A sentence about the packages of which several versions worked on a study; "" where there are none."""
    several = {
        tag.removeprefix(TAG): number.replace(SEVERAL, " and ")
        for tag, number in tags.items()
        if tag.startswith(TAG) and SEVERAL in number and tag != TAG + RECORDS_ONLY
    }
    if not several:
        return ""
    return (
        f"This study has been worked on with {'; '.join(f'{name} {numbers}' for name, numbers in several.items())}: a "
        "difference between its trials may come from that. Each outcome says its own versions. To compare trials of "
        "one version only, go on with the first one, or give another --name."
    )
