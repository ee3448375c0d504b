"""How good the winner of a search is, chosen by single values or by fresh runs of the leading trials. By simulation.

python -m benchmarks.selection [--searches 20000]

Trials have a worth each, normal with a deviation of `spread`; a run shows it with a deviation of 1, that of a seed. All
columns are in these deviations, so that a table of seeds with 2 points is read by doubling.
"""

from __future__ import annotations

import argparse

import numpy as np

TRIALS, SPREADS, LEADING, RUNS = (12, 20, 40), (0.5, 1.0, 2.0), (3, 5, 8), (1, 2, 3, 5)


def main() -> None:
    """Print a line for each number of trials, spread, and choice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--searches", type=int, default=20_000)
    searches = parser.parse_args().searches
    chance = np.random.default_rng(0)
    print("| trials | spread | single value says too much | confirmed, runs | finds more | still says too much |")
    print("|---:|---:|---:|---|---:|---:|")
    for trials in TRIALS:
        for spread in SPREADS:
            worth = chance.normal(0, spread, (searches, trials))
            single = worth + chance.normal(0, 1, worth.shape)
            order = np.argsort(-single, axis=1)
            winner = np.take_along_axis(worth, order[:, :1], 1)[:, 0]
            luck = (single.max(1) - winner).mean()
            for leading in LEADING:
                candidates = np.take_along_axis(worth, order[:, :leading], 1)
                for runs in RUNS:
                    fresh = candidates + chance.normal(0, runs**-0.5, candidates.shape)
                    chosen = np.take_along_axis(candidates, fresh.argmax(1)[:, None], 1)[:, 0]
                    better, left = (chosen - winner).mean(), (fresh.max(1) - chosen).mean()
                    print(f"| {trials} | {spread} | {luck:.2f} | {leading}, {runs} | {better:.2f} | {left:.2f} |")


if __name__ == "__main__":
    main()
