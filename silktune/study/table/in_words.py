"""What a table says, in sentences for a reader who has had no statistics."""

from __future__ import annotations

from silktune.study.ablation import uncertainty
from silktune.study.ablation.results import Results
from silktune.study.metric_summary import TITLES
from silktune.study.table import decision_sheet
from silktune.study.table.cell_text import points
from silktune.study.table.differences import Difference, differences
from silktune.study.table.runs_planned import what_may_be_missed

MOST_ROWS = 12  # that have a sentence each; of more rows only those that differ


def in_words(results: Results) -> list[str]:
    """A sentence for every row: better, worse, or not known; nothing before there are two runs."""
    compared = [one for one in differences(results, results.table.metric) if one.tested]
    if not compared:
        return []
    found = [one for one in compared if one.found]
    told = compared if len(compared) <= MOST_ROWS else found
    said = [_sentence(results, one) for one in told]
    if rest := len(compared) - len(told):
        said.append(f"The other {rest} rows: no difference from {results.table.reference} was shown.")
    if len(found) < len(compared) and not results.table.at_most:
        said.append(f"No difference shown does not mean equal: {what_may_be_missed(results)}.")
    return said


def _sentence(results: Results, one: Difference) -> str:
    comparison, table = one.comparison, results.table
    assert comparison is not None
    low, high = sorted((comparison.low, comparison.high))
    metric = TITLES[table.metric]
    if one.found:
        least, most = (low, high) if comparison.difference > 0 else (-high, -low)
        way = "better" if comparison.difference > 0 else "worse"
        return (
            f"{one.row.id} is {way} than {one.reference.id} in {metric}, by {points(least)} to {points(most)} points "
            f"(95 % confidence); more than chance.{_on_test_sets(results, one)}"
        )
    if one.decision:
        return decision_sheet.in_words(table, one)
    reach = f"from {_side(low)} to {_side(high)}"
    if table.smallest_effect and max(-low, high) < table.smallest_effect:
        return (
            f"{one.row.id} is as good as {one.reference.id}: the difference in {metric}, {reach}, is smaller than the "
            f"{points(table.smallest_effect)} points that matter here."
        )
    but = ""
    if comparison.p < 0.05:
        but = f" It looks like one, but among {one.tests} comparisons chance alone makes such a difference too often."
    return f"{one.row.id}: no difference from {one.reference.id} was shown; it may be anything {reach}.{but}"


def _on_test_sets(results: Results, one: Difference) -> str:
    """Whether a difference that is more than the chance of seeds would be there on another test set too."""
    found = uncertainty.of_difference(results, one.row, one.reference, results.table.metric)
    if not (found and found.both):
        return ""
    low, high = found.both.low, found.both.high
    if low > 0 or high < 0:
        return " That holds for other objects of the same kind too."
    return f" On other objects of the same kind it may be anything from {_side(low)} to {_side(high)}."


def _side(share: float) -> str:
    return f"{points(abs(share))} points {'better' if share > 0 else 'worse'}"
