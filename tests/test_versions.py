"""Versions that were at work on a study: all of them are kept, and several of one package are said."""

from __future__ import annotations

import platform

import torch

from silktune.versions import mixed, seen, tags, versions


def test_of_here() -> None:
    assert versions()["python"] == platform.python_version()
    assert versions()["torch"].partition("+")[0] == torch.__version__.partition("+")[0]
    assert tags()["version.python"] == platform.python_version()


def test_every_one_is_kept_once_and_in_order() -> None:
    first = {"version.torch": "2.11", "silktune.host": "a"}
    second = seen(first, {"version.torch": "2.12", "silktune.host": "b", "version.ray": "2.60"})
    assert second == {"version.torch": "2.11, 2.12", "silktune.host": "b", "version.ray": "2.60"}
    assert seen(second, first) == {"version.torch": "2.11, 2.12", "silktune.host": "a"}
    assert seen({}, first) == first


def test_several_are_said() -> None:
    assert mixed({"version.torch": "2.11", "silktune.host": "a, b"}) == ""
    assert mixed({"version.mlflow": "3.17, 3.18"}) == ""  # it records numbers and makes none
    said = mixed({"version.torch": "2.11, 2.12", "version.python": "3.11.7, 3.12.1"})
    assert said.startswith("This study has been worked on with torch 2.11 and 2.12; python 3.11.7 and 3.12.1: a diff")
