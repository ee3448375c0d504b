"""Which trial of a search wins: a named rule, so that a reader can say which one it was."""

from __future__ import annotations

from collections.abc import Mapping

from silktune.outcome import Outcome

RULE = "the largest mean F1 on the validation set at the epoch with the smallest validation loss (P23 §5.1)"


def ranked(outcomes: Mapping[str, Outcome]) -> list[str]:
    """The trials that finished, best first; of equals, the one that was begun first.

    Trials that were stopped early or failed cannot win.
    """
    finished = [name for name, outcome in outcomes.items() if outcome.state == "finished"]
    return sorted(finished, key=lambda name: (-outcomes[name].value, len(name), name))  # t1000 is after t999
