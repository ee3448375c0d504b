"""silktune's search against a plain script with Ray Tune and torchvision or timm (`plain.py`), in one run.

Both train every point of the same grid, and then the winner once more, from the same label table with the same split,
the same files of weights, losses, epochs and batches, two trials at once. Decoding images, starting Ray and building
silktune's cache count, as does all that silktune does beside: its record in MLflow, checkpoints, importances.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.search_speed import inputs, programs
from benchmarks.search_speed.programs import Order
from silktune.data.sample_data.collection import FEWEST

CASES = {"resnet152-3": 100, "resnet152-0": 120, "frozen": 600}  # and how many images are woven for each
HERE = Path(__file__).parent


def main() -> None:
    sizes = ", ".join(f"{case} {images}" for case, images in CASES.items())
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search_speed", description=__doc__)
    parser.add_argument("cases", nargs="*", default=list(CASES), help=f"of {', '.join(CASES)} (all), or a space's file")
    parser.add_argument("--woven", type=int, help=f"how many images are woven ({sizes})")
    parser.add_argument("--data", type=Path, help="a label table instead")
    parser.add_argument("--images", type=Path, help="the folder of its images")
    parser.add_argument("--min-records", type=int, default=3, help="of a class of that table (3)")
    parser.add_argument("--concurrent", type=int, default=2, help="trials at once (2)")
    parser.add_argument("--plain-trials", type=int, help="how many the plain script trains; the others are estimated")
    parser.add_argument("--json", type=Path, help="where the figures go, too")
    parser.add_argument("--keep", type=Path, help="an empty folder for all that is written; else it is deleted")
    asked = parser.parse_args()
    if unknown := [case for case in asked.cases if not _space(case).is_file()]:
        parser.error(f"{unknown[0]} is neither a case nor a file; the cases are {', '.join(CASES)}.")
    if asked.data and not asked.images:
        parser.error("--data needs --images, the folder of its images.")
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="speed-", ignore_cleanup_errors=True) as scratch:
        for case in asked.cases:
            found[case] = _compare(case, asked, (asked.keep or Path(scratch)) / Path(case).stem)
            print(_table(case, found[case]), flush=True)
            if asked.json:
                asked.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


def _space(case: str) -> Path:
    return HERE / f"{case}.yaml" if case in CASES else Path(case)


def _compare(case: str, asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Both programs on a case, one after the other."""
    folder.mkdir(parents=True)
    if asked.data:
        table, images = asked.data, asked.images
    else:
        table, images = inputs.woven(folder / "sample", asked.woven or CASES.get(case, FEWEST))
    table, count = inputs.split(table, images, folder, asked.min_records)
    order = Order(_space(case), table, images, folder / "trunk.pth", asked.concurrent)
    settings = order.content["set"]
    inputs.write_weights(order.weights, settings["net.trunk"], table, images)
    print(f"{case}: {count} images; the plain script …", flush=True)
    plain = programs.plain(order, folder / "plain", asked.plain_trials)
    print(f"{case}: silktune …", flush=True)
    ours = programs.ours(order, folder / "silktune")
    common = plain.f1.keys() & ours.f1.keys()
    ratios = {name: getattr(plain, name) / getattr(ours, name) for name in ("seconds", "cpu")}
    f1 = {"plain": plain.mean_f1(common), "silktune": ours.mean_f1(common)}
    about = {"images": count, "trials": order.trials, "epochs": settings["train.max_epochs"]}
    return about | {"plain": asdict(plain), "silktune": asdict(ours), "times": ratios, "common_f1": f1}


def _table(case: str, found: dict[str, Any]) -> str:
    """The figures of a case in Markdown."""
    both, times, trained = (found["plain"], found["silktune"]), found["times"], found["plain"]["trained"]
    rows = [
        ("trials per hour", [f"{3600 * found['trials'] / each['seconds']:.0f}" for each in both], times["seconds"]),
        ("seconds", [f"{each['seconds']:.0f}" for each in both], times["seconds"]),
        ("CPU seconds", [f"{each['cpu']:.0f}" for each in both], times["cpu"]),
        (f"validation mean F1 of {trained} trials", [f"{f1:.3f}" for f1 in found["common_f1"].values()], None),
        ("test mean F1 of the winner", [f"{each['test_f1']:.3f}" for each in both], None),
    ]
    head = (
        f"{case}: {found['images']} images, {found['trials']} trials of {found['epochs']} epochs, and the winner's run"
    )
    if trained < found["trials"]:
        head += f"; of the plain script's trials {trained} were trained, the others are taken to cost as much each"
    lines = ["", f"{head}.", "", "| | plain | silktune | times |", "|---|--:|--:|--:|"]
    lines += [
        f"| {name} | {' | '.join(cells)} | {'' if ratio is None else f'{ratio:.1f}'} |" for name, cells, ratio in rows
    ]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
