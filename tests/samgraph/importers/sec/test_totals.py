"""Hidden totals and the words of members."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samgraph.importers.sec.members import member
from samgraph.importers.sec.totals import rounding, totals

nan = np.nan


def hidden(values, target):
    return np.flatnonzero(totals(np.array(values, dtype=float), np.array(target, dtype=float))).tolist()


def test_totals_are_found_by_the_sums_of_all_periods():
    # Two levels: the third is the first two, the last is everything.
    nested = [[262.8, 162.0], [62.6, 49.7], [325.4, 211.7], [146.4, 95.1], [471.8, 306.8]]
    assert hidden(nested, [471.8, 306.8]) == [2, 4]
    assert hidden(nested[:4], [600.0, 400.0]) == [2]  # what lacks of the whole does not hide it
    assert (
        hidden([[262, 162], [62, 49], [324, 300]], [900, 900]) == []
    )  # equal in one period of two: by accident


def test_what_adds_up_to_the_whole_has_no_total():
    assert hidden([[50.0], [30.0], [20.0]], [100.0]) == []  # although 30 and 20 are 50
    assert hidden([[50, 60], [30, 30], [20, 10]], [100, nan]) == []


def test_coarse_figures_that_add_up_by_chance_are_kept():
    coarse = [[4], [9], [13], [7]]
    assert (
        hidden(coarse, [25]) == hidden(coarse, [40]) == []
    )  # 13 is 4 and 9, as one in two such sums is of three
    assert hidden(coarse, [20]) == [2]  # without it the rest is the whole
    assert hidden([[200], [300]], [300]) == [1]  # the whole itself beside a part


def test_a_period_that_lacks_a_part_is_judged_without_it():
    assert hidden([[4217.0, nan], [1033.0, 977.0], [5250.0, 977.0]], [5250.0, 977.0]) == [2]


def test_the_unit_of_rounding():
    assert rounding(np.array([262.8e6, 62.6e6, nan])) == 1e5
    assert rounding(np.array([1.5])) == 1 and rounding(np.array([])) == 1


@given(st.lists(st.integers(10_000_000, 99_999_999), min_size=4, max_size=9, unique=True), st.data())
def test_a_planted_total_is_found_and_nothing_else(parts, data):
    chosen = data.draw(st.lists(st.sampled_from(range(len(parts))), min_size=2, max_size=3, unique=True))
    leaves = np.array([[one, one * 3 + 7 * number] for number, one in enumerate(parts)], dtype=float)
    values = np.vstack([leaves, leaves[chosen].sum(axis=0)])
    assert hidden(values, leaves.sum(axis=0)) == [len(parts)]


@pytest.mark.parametrize(
    ("text", "name", "key", "family", "kind"),
    [
        ("BondFundsMember", "Bond Funds", "bond fund", "bond fund", "product"),
        ("CloudServices_", "Cloud Services", "cloud service", "cloud", "product"),
        ("OEMProducts", "OEM Products", "oem product", "oem", "product"),
        ("MutualFundsInUS", "Mutual Funds In US", "mutual fund in us", "fund mutual us", "product"),
        ("Product", "Product", "product", "", "product"),
        ("ProductAndServiceOther", "Product And Service Other", "product and service other", "", "unnamed"),
        ("AllOtherSegments", "All Other Segments", "all other segment", "all", "unnamed"),
        ("CorporateNonSegment", "Corporate Non Segment", "corporate non segment", "corporate non", "unnamed"),
        ("SegmentEliminations", "Segment Eliminations", "segment elimination", "elimination", "elimination"),
        ("TotalProducts", "Total Products", "total product", "", "total"),
        ("", "", "", "", "unnamed"),
        ("电池", "电池", "电池", "电池", "product"),
    ],
)
def test_members_by_their_words(text, name, key, family, kind):
    found = member(text)
    assert (found.name, found.key, found.family, found.kind) == (name, key, family, kind)


@given(st.text(max_size=30))
def test_a_member_is_the_same_by_its_own_name(text):
    found = member(text)
    assert member(found.name).key == found.key or not found.key
