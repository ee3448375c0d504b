"""What speaks against a node: each sentence ends the search for the cause."""

from __future__ import annotations

from pathlib import Path

from silktune import __version__
from silktune.orchestrate.executors.ray.node_check import REMEDY, _together, complaints_of_node
from silktune.storage import Storage

MARKER, MARK = ".marker", b"mark"


def complaints(place: Storage, folder: str = "", version: str = __version__) -> list[str]:
    return complaints_of_node(version, place.where, MARKER, MARK, folder)


def test_a_node_that_does_its_part(tmp_path: Path) -> None:
    place = Storage.of(tmp_path)
    place.write(MARKER, MARK)
    assert complaints(place, str(tmp_path)) == []


def test_everything_is_said_at_once(tmp_path: Path) -> None:
    assert complaints(Storage.of(tmp_path), str(tmp_path / "data"), "0.0.9") == [
        f"it has silktune {__version__}, this machine 0.0.9. Install the same.",
        f"it does not see the data set, {tmp_path / 'data'}. {REMEDY}",
        f"what this machine writes to {tmp_path} is not seen there. {REMEDY}",
    ]


def test_another_folder_of_the_same_name(tmp_path: Path) -> None:
    place = Storage.of(tmp_path)
    place.write(MARKER, b"of another study")
    assert complaints(place) == [f"what this machine writes to {tmp_path} is not seen there. {REMEDY}"]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / f"{MARKER}-answer").mkdir()
    place = Storage.of(tmp_path)
    place.write(MARKER, MARK)
    (complaint,) = complaints(place)
    assert complaint.startswith(f"{tmp_path} cannot be used there (")


def test_a_place_that_the_node_does_not_know() -> None:
    (complaint,) = complaints(Storage("nonsense://a"))
    assert "this is no place that can be used" in complaint


def test_what_is_wrong_with_many_nodes_is_said_once() -> None:
    said = {f"10.0.0.{n}": ["it is blind."] for n in range(1, 8)}
    assert _together(said | {"10.0.0.8": ["it is deaf."], "10.0.0.9": []}) == [
        "Nodes 10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5 and 2 more: it is blind.",
        "Node 10.0.0.8: it is deaf.",
    ]
