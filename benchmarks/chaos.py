"""A study on several nodes of one machine, disturbed for minutes: what was lost, trained twice or came out otherwise.

Every fault is drawn from the seed and real (`tests/chaos`). A study that ends before all have happened is followed by
another one. Exit status 1 if anything is not as it would have been without a fault.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mlflow import MlflowClient

from silktune.data.sample_data import collection
from tests.chaos import faults
from tests.chaos.faults import FAULTS, Planned, Scene
from tests.chaos.nodes import Cluster, cluster
from tests.chaos.study import TRIALS, Study
from tests.tracking.server import Server

NODES = 2  # with a CPU each


class Chaos:
    """Rounds of disturbed studies, and what is found."""

    def __init__(self, folder: Path, seed: int, workers: int, ray: Cluster) -> None:
        self.folder, self.seed, self.ray = folder, seed, ray
        self.table = collection.weave(folder / "sample", 120, 0)
        self.words = ("--concurrent", str(NODES // workers), "--workers-per-trial", str(workers))
        self.injected, self.survived = Counter[str](), Counter[str]()
        self.lost = self.again = self.different = self.unrecorded = self.trials = self.broken = 0
        self.began = time.monotonic()
        self.undisturbed = self._study("undisturbed")

    def _study(self, name: str, uri: str = "") -> Study:
        study = Study(self.folder / name, self.table, self.ray.address, uri)
        study.add(*self.words)
        return study

    def compare_with(self) -> None:
        """Run the study once without a fault."""
        self.undisturbed.start()
        assert self.undisturbed.end() == 0, self.undisturbed.said

    def round(self, number: int, planned: Sequence[Planned]) -> int:
        """Disturb a study; how many of the faults happened."""
        name, round_faults = f"round{number}", Counter[str]()
        server = Server(self.folder / f"mlflow{number}")
        server.folder.mkdir()
        study = self._study(name, server.uri)
        scene = Scene(self.ray, study, random.Random(f"{self.seed} {number}"), self.folder / "poison", server)

        def tell(fault: Planned, target: str, running: list[str]) -> None:
            round_faults[fault.kind] += 1
            at = f"{time.monotonic() - self.began:6.1f} s"
            print(f"seed {self.seed}  {at}  {name}  {fault.kind:<7} {target:<42} ran: {', '.join(running)}", flush=True)

        try:
            server.start()
            done = faults.disturb(scene, planned, tell)
            study.start()  # once more: it trains nothing, and writes what MLflow missed at the end
            scene.finish()
            whole = self._judge(study, server)
        except AssertionError as error:
            print(f"{name}: {error}\n{study.said[-3000:]}", flush=True)
            done, whole = len(planned), False
            self.broken += 1
        finally:
            study.kill()
            server.kill()
        self.injected += round_faults
        self.survived += round_faults if whole else Counter()
        return done

    def _judge(self, study: Study, server: Server) -> bool:
        """Whether a study ended as if nothing had happened."""
        differences, unrecorded = study.differences(self.undisturbed), _unrecorded(server, study)
        missing = sorted({*self.undisturbed.outcomes()} - {*study.outcomes()} | {*study.lost()})
        for what, names in (
            ("lost", missing), ("again", sorted(study.again)), ("other than undisturbed", differences),
            ("not recorded once in MLflow", unrecorded),
        ):  # fmt: skip
            if names:
                print(f"{study.name}: {what}: {', '.join(names)}", flush=True)
        self.trials += TRIALS
        self.lost, self.again = self.lost + len(missing), self.again + len(study.again)
        self.different, self.unrecorded = self.different + len(differences), self.unrecorded + len(unrecorded)
        return not (missing or study.again or differences or unrecorded)

    def report(self) -> bool:
        """Print the figures; whether all is well."""
        print(f"\n{'fault':<8} {'injected':>8} {'survived':>8}")
        for kind in FAULTS:
            print(f"{kind:<8} {self.injected[kind]:>8} {self.survived[kind]:>8}")
        print(f"{'all':<8} {self.injected.total():>8} {self.survived.total():>8}\n")
        print(f"trials of disturbed studies             {self.trials}")
        print(f"outcomes lost                           {self.lost}")
        print(f"finished trials trained again           {self.again}")
        print(f"differences from the undisturbed study  {self.different}")
        print(f"trials not recorded once in MLflow      {self.unrecorded}")
        print(f"studies that did not end                {self.broken}", flush=True)
        return self.injected == self.survived and not self.broken


def _unrecorded(server: Server, study: Study) -> list[str]:
    """Trials without exactly one run in MLflow that is finished."""
    client = MlflowClient(tracking_uri=server.uri)
    runs = client.search_runs([one.experiment_id for one in client.search_experiments()], max_results=1000)
    found = Counter(run.data.tags.get("silktune.trial", "") for run in runs)
    finished = {run.data.tags.get("silktune.trial", "") for run in runs if run.info.status == "FINISHED"}
    return [trial for trial in study.outcomes() if found[trial] != 1 or trial not in finished]


def main() -> None:
    """Read the command line and go on until all faults have happened, or the time is over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--faults", type=int, default=30)
    parser.add_argument("--workers-per-trial", type=int, default=1, choices=(1, 2))
    parser.add_argument("--minutes", type=float, default=60, help="after which no new study is begun")
    wanted = parser.parse_args()
    planned = faults.plan(wanted.seed, wanted.faults, list(FAULTS))
    with tempfile.TemporaryDirectory(prefix="chaos") as name:
        folder = Path(name)
        with cluster(NODES, faults.poisonable(folder / "poison")) as ray:
            chaos = Chaos(folder, wanted.seed, wanted.workers_per_trial, ray)
            chaos.compare_with()
            number = 0
            while planned and time.monotonic() - chaos.began < 60 * wanted.minutes:
                number += 1
                planned = planned[chaos.round(number, planned) :]
            sys.exit(0 if chaos.report() else 1)


if __name__ == "__main__":
    main()
