"""How long a command takes to begin, against a Python that does nothing.

They take turns in one run, each in a process of its own; medians of the CPU seconds of a process, which another load on
the machine hardly changes. Prints a table and one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
NOTHING = "python -c pass"
COMMANDS = {
    NOTHING: ["-c", "pass"],
    "import silktune": ["-c", "import silktune"],
    "silktune --help": ["-m", "silktune", "--help"],
    "silktune search --help": ["-m", "silktune", "search", "--help"],
    "silktune settings": ["-m", "silktune", "settings"],
}


def seconds(words: list[str]) -> float:
    """CPU seconds of a Python with these words."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], stdout=subprocess.DEVNULL, cwd=ROOT, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="(9)")
    asked = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for round_ in range(asked.rounds + 1):
        for name, words in COMMANDS.items():
            took = seconds(words)
            if round_:  # in the first one files are read from the disk
                times[name].append(took)
    medians = {name: statistics.median(column) for name, column in times.items()}
    print(f"| what | CPU seconds | times `{NOTHING}` |\n|---|---:|---:|")
    for name, median in medians.items():
        print(f"| `{name}` | {median:.3f} | {median / medians[NOTHING]:.1f} |")
    print(json.dumps(medians))


if __name__ == "__main__":
    main()
