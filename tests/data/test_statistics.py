"""P23 Table 2 and P22 Table 2 from the counts of P23 Table 1."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silktune.data.statistics import class_statistics

TABLE_1 = {
    "place": {
        "GB": 7998, "FR": 7379, "ES": 4708, "IT": 4700, "IN": 2353, "CN": 1399, "IR": 1294, "JP": 1097, "BE": 648,
        "TR": 593, "DE": 592, "GR": 479, "NL": 455, "US": 357, "PK": 352, "RU": 228, "JM": 191, "CH": 146,
        "EG": 117, "AZ": 115, "MO": 84, "AT": 81, "PT": 73, "MA": 63, "BD": 60, "CA": 52, "AU": 46, "MM": 46,
        "UZ": 42,
    },
    "time": {"19th": 9975, "18th": 8423, "20th": 4012, "17th": 3378, "16th": 1829, "15th": 685, "13th": 43},
    "technique": {
        "embroidery": 6861, "velvet": 3051, "damask": 2768, "other": 2526, "resist dyeing": 355, "tabby": 185,
        "printed": 99, "twill": 67, "cannele": 65,
    },
    "material": {"animal fibre": 27252, "metal thread": 4208, "vegetal fibre": 3891},
    "depiction": {
        "flower": 2352, "plant": 336, "geom. shape": 202, "stripe": 138, "text": 129, "animal": 116, "fruit": 95,
        "object": 73,
    },
}  # fmt: skip

# K_m, |M_m|, IR (P23 Table 2, P22 Table 2 to two places), BD (P22 Table 2; depiction is ours)
TABLE_2 = {
    "place": (29, 22, 190.43, 0.78),
    "time": (7, 5, 231.98, 0.51),
    "technique": (9, 5, 105.55, 0.91),
    "material": (3, 2, 7.00, 0.66),
    "depiction": (8, 7, 32.22, 0.64),
}


@pytest.mark.parametrize("variable", TABLE_2)
def test_the_papers_tables_are_reproduced(variable: str) -> None:
    K, minority, IR, BD = TABLE_2[variable]
    found = class_statistics(TABLE_1[variable])
    assert (found.K, found.minority) == (K, minority)
    assert round(found.minority_share, 2) == {"material": 0.67, "technique": 0.56, "place": 0.76, "time": 0.71}.get(
        variable, round(7 / 8, 2)
    )  # P22 Table 2; depiction is ours
    assert pytest.approx(IR, abs=0.006) == found.IR
    assert pytest.approx(BD, abs=0.005) == found.BD


def test_which_classes_are_rare_is_said_in_the_order_of_the_counts() -> None:
    assert class_statistics([1, 8, 3]).minority_mask == (True, False, True)


def test_a_class_with_exactly_its_share_is_not_under_represented() -> None:
    """1/3 + 1/3 + 1/3 need not be 1 in floating point; counts are whole numbers."""
    assert class_statistics([7, 7, 7]).minority == 0
    assert class_statistics([6, 7, 8]).minority_mask == (True, False, False)


@pytest.mark.parametrize(("counts", "IR", "BD"), [([5, 5, 5], 1, 0), ([7], 1, 0), ([9, 0, 0], math.inf, 1)])
def test_the_limits(counts: list[int], IR: float, BD: float) -> None:
    found = class_statistics(counts)
    assert (found.IR, found.BD) == (IR, BD)


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=40))
def test_it_is_the_definition_in_plain_loops(counts: list[int]) -> None:
    found, K, total = class_statistics(counts), len(counts), sum(counts)
    zeta = [n / total for n in counts]
    m = sum(n * K < total for n in counts)
    assert found.minority == m
    assert pytest.approx(max(zeta) / min(zeta)) == found.IR
    tau = [0.0] * m + [1 / K] * (K - m - 1) + [1 / K + m / K]
    far = sum(abs(z - 1 / K) for z in zeta) / 2
    furthest = sum(abs(t - 1 / K) for t in tau) / 2
    assert pytest.approx(far / furthest if m else 0) == found.BD
    assert 0 <= found.BD <= 1 + 1e-12


@pytest.mark.parametrize("counts", [[], [0, 0], [3, -1]])
def test_what_is_no_count_is_refused(counts: list[int]) -> None:
    with pytest.raises(ValueError, match="class counts are"):
        class_statistics(counts)
