"""Outcomes made by hand, without a training."""

from __future__ import annotations

from silktune.outcome import ClassScores, Epoch, Outcome, Scores, State, VariableScores


def scores(f1: float) -> Scores:
    """One variable of two classes; half of `f1` with background, twice as OA."""
    classes = tuple(
        ClassScores(name=name, precision=f1, recall=None, f1=f1, support=3, minority=False) for name in ("FR", "IT")
    )
    variable = VariableScores(
        name="place", f1=f1, f1_with_background=f1 / 2, f1_minority=None, OA=2 * f1, labelled=6, classes=classes,
        confusion=((2, 1), (1, 2)),
    )  # fmt: skip
    return Scores(mean_f1=f1, mean_f1_with_background=f1 / 2, mean_f1_minority=None, OA=2 * f1, variables=(variable,))


def epoch(number: int) -> Epoch:
    losses = {"L": 1 / number, "C": 0.5 / number}
    return Epoch(number=number, train_loss=losses, validation_loss=losses, validation=scores(number / 10), seconds=2.0)


def outcome(f1: float, *, test: float | None = None, state: State = "finished", reason: str = "") -> Outcome:
    """An outcome of two epochs whose validation mean F1 is `f1`."""
    return Outcome(
        state=state, reason=reason, best_epoch=2, epochs=(epoch(1), epoch(2)), validation=scores(f1),
        test=None if test is None else scores(test), seconds=4.0, device="CPU",
    )  # fmt: skip
