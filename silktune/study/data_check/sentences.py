"""What a report says of its parts in a sentence, the same in the terminal and in HTML."""

from __future__ import annotations

from collections.abc import Iterator

from silktune.data.check.findings import Named, Report
from silktune.data.check.images import TINY

SHORTCUT = 0.5  # of the way from chance to certainty, from which a group is named well


def about_images(report: Report) -> Iterator[str]:
    """Images that cannot be read, by reason, and those that show next to nothing."""
    for reason, count in report.reasons.items():
        yield f"{_images(count)} cannot be read: {reason}"
    if report.tiny:
        yield f"{_images(len(report.tiny))} with a side of fewer than {TINY} pixels"
    if report.plain:
        yield f"{_images(len(report.plain))} of one colour"


def about_pairs(report: Report) -> str:
    """How many pairs there are, and how many of them do harm."""
    if not report.pairs:
        return "No two files show one picture, as far as rescaled, recompressed and slightly cropped copies go."
    records = sum(pair.across_records for pair in report.pairs)
    subsets = sum(pair.across_subsets for pair in report.pairs)
    labels = sum(bool(pair.differing) for pair in report.pairs)
    what = "1 pair of files shows" if len(report.pairs) == 1 else f"{len(report.pairs):,} pairs of files show"
    return (
        f"{what} one picture: {records:,} in different records, {subsets:,} in "
        f"different subsets, {labels:,} with different labels. Give copies one record, or delete one of them."
    )


def about_labels(report: Report) -> str:
    """How many labels look wrong."""
    judged = sum(one.labels - one.not_judged for one in report.judged)
    left = sum(one.not_judged for one in report.judged)
    more = f"; {left:,} labels of classes in too few records were not judged" if left else ""
    return f"{len(report.labels):,} of {judged:,} labels look wrong, the likeliest first{more}."


def about_shortcut(report: Report) -> str:
    """Whether the group is named so well that a network may learn it instead of the variables."""
    group, *variables = report.named
    best = max(variables, key=lambda named: named.features, default=None)
    if _above_chance(group) < SHORTCUT:
        return f"Features hardly tell {group.column}: {group.features:.0%}, by chance {group.chance:.0%}."
    than = f", and {best.column} at {best.features:.0%}" if best else ""
    return (
        f"Features tell {group.column} at {group.features:.0%} (by chance {group.chance:.0%}){than}: a network may "
        f"learn it in place of what is shown. data.split_by={group.column} tests it on others."
    )


def _above_chance(named: Named) -> float:
    return (named.features - named.chance) / (1 - named.chance)


def _images(count: int) -> str:
    return f"{count:,} image{'s' * (count != 1)}"
