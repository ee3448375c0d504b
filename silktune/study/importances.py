"""Which settings a search's values depend on, and what exactly was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from silktune.study.document.parts import Sheet


@dataclass(frozen=True)
class Importances:
    """The share of the differences between trials that each setting explains (fANOVA).

    Trials that were stopped early count too: leaving them out would compare none but the good ones. All are then
    compared at the same epoch.
    """

    trials: int  # that are compared
    shares: Mapping[str, float]  # of the settings that all of them have, largest first
    stopped: int = 0  # of the trials, those that were stopped early
    epoch: int | None = None  # at which all are compared; None: each at its best, since none was stopped
    active: Mapping[str, tuple[float, int]] = field(default_factory=dict)  # of others: among how many that have them

    @property
    def measured(self) -> str:
        """What the settings explain, in words."""
        if self.epoch is None:
            return f"the validation mean F1 of {self.trials} trials, each at its best epoch"
        were = "was" if self.stopped == 1 else "were"
        return (
            f"the validation mean F1 after epoch {self.epoch}, the last that all {self.trials} trials reached, with "
            f"the {self.stopped} that {were} stopped early"
        )

    def texts(self) -> list[str]:
        """A setting and its share each."""
        return [f"{name} {share:.2f}" for name, share in self.shares.items()]

    def active_texts(self) -> list[str]:
        """The same of the settings that have an effect in some of the trials only, among these."""
        return [f"{name} {share:.2f} (of {trials} trials)" for name, (share, trials) in self.active.items()]

    def sheet(self, title: str) -> Sheet:
        """A row per setting: its share, and among how many trials."""
        rows = [[name, f"{share:.2f}", str(self.trials)] for name, share in self.shares.items()]
        rows += [[name, f"{share:.2f}", str(trials)] for name, (share, trials) in self.active.items()]
        return Sheet.of_texts("importances", title, ["setting", "share", "trials"], rows)
