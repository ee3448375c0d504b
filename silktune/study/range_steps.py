"""The values of a range with a step, as decimals: 0, 0.3, 0.6, 0.9 and never 0.8999999999999999."""

from __future__ import annotations

from decimal import Decimal

DIGITS = 3  # of a step that is proposed in place of one that does not divide its range


def decimal(number: float) -> Decimal:
    """The number as a person writes it."""
    return Decimal(repr(number))


def divides(low: float, high: float, step: float) -> bool:
    """Whether the steps that begin at `low` end at `high`."""
    return not (decimal(high) - decimal(low)) % decimal(step)


def last(low: float, high: float, step: float) -> float:
    """The last value that the steps reach."""
    return at(low, step, int((decimal(high) - decimal(low)) // decimal(step)))


def at(low: float, step: float, number: int) -> float:
    """The value after so many steps."""
    return float(decimal(low) + number * decimal(step))


def nearest_value(low: float, step: float, value: float) -> float:
    """The value of the steps that is nearest to `value`."""
    return at(low, step, round((decimal(value) - decimal(low)) / decimal(step)))


def nearest_steps(low: float, high: float, step: float, *, whole: bool) -> list[float]:
    """The steps of few digits nearest to `step` that divide the range; two where both are as near."""
    span, wanted = decimal(high) - decimal(low), decimal(step)
    unit = Decimal(1) if whole else Decimal(10) ** (wanted.adjusted() - DIGITS + 1)
    most = min(int(span / unit), 10 ** (DIGITS + 1))
    dividing = [span, *(unit * k for k in range(1, most + 1) if not span % (unit * k))]
    distance = min(abs(one - wanted) for one in dividing)
    return sorted({float(one) for one in dividing if abs(one - wanted) == distance})


def wrong(low: float, high: float, step: float, *, whole: bool) -> str:
    """Why a step does not fit its range, and which would; "" if it does."""
    if step <= 0:
        return f"step {step:.12g} must be above 0."
    if divides(low, high, step):
        return ""
    near = " or ".join(f"step: {one:.12g}" for one in nearest_steps(low, high, step, whole=whole))
    between, end = f"the range from {low:.12g} to {high:.12g}", f"{last(low, high, step):.12g}"
    if step > high - low:
        return f"step {step:.12g} is longer than {between}. Write {near}."
    return f"step {step:.12g} does not divide {between}: it ends at {end}. Write {near}, or high: {end}."
