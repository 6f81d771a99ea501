"""The checks of `segments`: rows are whole, reports add up, nothing is out before its period ended."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.graph.check.findings import Findings
from samgraph.graph.check.reports import report_number, shares
from samgraph.graph.check.spans import heaviest_day, overlapping
from samgraph.graph.dataset.tables import THEME

TOLERANCE = 0.005
"""Rounding of published shares: a company's weights may add up to this much above 1."""
ALL_PERIOD_ENDS = (
    "announced_on is the period's last day in every report: period ends, no days of publication, and using them "
    "looks ahead; give the days on which reports came out"
)
_NOISE = 1e-9

Bools = npt.NDArray[np.bool_]


def check_segments(frame: pd.DataFrame, findings: Findings) -> None:
    """Note the rows of `segments` (complete, indexed by position) that cannot be used."""
    _note(frame, ~is_theme(frame) & frame["kind"].notna(), "kind is neither empty nor theme", findings)
    _check_themes(frame[is_theme(frame)], findings)
    frame = frame[frame["kind"].isna()]
    period_end, announced_on = frame["period_end"], frame["announced_on"]
    dated = period_end.notna() | announced_on.notna()
    spanned = frame["valid_from"].notna() | frame["valid_to"].notna()
    _note(frame, dated & spanned, "it has both report dates and a span; give one of them", findings)
    half = (dated & (period_end.isna() | announced_on.isna())) | (spanned & frame["valid_from"].isna())
    _note(frame, half & ~(dated & spanned), "one of its two dates is empty", findings)
    _note(frame, ~dated & ~spanned, "it has neither period_end and announced_on nor valid_from", findings)
    _note(frame, announced_on < period_end, "announced_on is before period_end", findings)

    weight, revenue = frame["weight"], frame["revenue"]
    _note(
        frame, weight.notna() & revenue.notna(), "it has both weight and revenue; give one of them", findings
    )
    _note(frame, weight.isna() & revenue.isna(), "it has neither weight nor revenue", findings)
    _note(frame, (weight < 0) | (weight > 1), "weight is outside 0..1", findings)
    _note(frame, revenue < 0, "revenue is negative", findings)

    # What is wrong by itself is not held against the other rows of its report.
    sound = frame[~frame.index.isin(findings.rows("segments"))]
    if len(sound):
        _check_reports(sound, findings)


def is_theme(frame: pd.DataFrame) -> Bools:
    """Which rows of `segments` are memberships of a theme, no revenue, [n_rows]."""
    return (frame["kind"] == THEME).fillna(False).to_numpy(dtype=bool)


def _check_themes(frame: pd.DataFrame, findings: Findings) -> None:
    """Rows of themes: a span each, no share of anything, and a company belongs to a theme once at a time."""
    _note(frame, frame["valid_from"].isna(), "a theme needs valid_from, its first day of use", findings)
    dated = frame["period_end"].notna() | frame["announced_on"].notna()
    _note(frame, dated, "a theme has a span, no report dates", findings)
    shared = (frame["weight"].notna() & (frame["weight"] != 1)) | frame["revenue"].notna()
    _note(frame, shared, "a theme is a membership: its weight is empty or 1, its revenue empty", findings)
    sound = frame[~frame.index.isin(findings.rows("segments"))]
    twice = np.flatnonzero(overlapping(sound, ["company_id", "product_id"]) >= 0)
    findings.add("segments", sound.index[twice], "its company belongs to its theme twice at one time")


class Publication:
    """Whether days of publication are ones: nobody reports on a period on the day on which it ends.

    A table in which every report (two or more) is announced on its period's last day holds period ends in the wrong
    column, and using reports from then on looks months ahead: it is refused. Where some are, it is said.
    """

    def __init__(self) -> None:
        self._reports = self._same = 0
        self._rows: list[npt.NDArray[np.int64]] = []

    def add(self, frame: pd.DataFrame) -> None:
        """Count the reports of some companies, all of whose rows are there (complete, indexed by position)."""
        dated = frame[frame["period_end"].notna() & frame["announced_on"].notna()]
        same = dated[dated["announced_on"] == dated["period_end"]]
        key = ["company_id", "period_end", "announced_on"]
        self._reports += len(dated.drop_duplicates(key))
        self._same += len(same.drop_duplicates(key))
        self._rows.append(same.index.to_numpy(dtype=np.int64))

    def judge(self, findings: Findings) -> list[str]:
        """Note every row where all are period ends; a sentence where some are."""
        if self._reports > 1 and self._same == self._reports:
            findings.add("segments", np.concatenate(self._rows), ALL_PERIOD_ENDS)
        elif self._same:
            return [
                f"table segments: {self._same} of {self._reports} reports are announced on the last day of their "
                "period; where that is the period's end in the wrong column, using them looks ahead"
            ]
        return []


def _check_reports(frame: pd.DataFrame, findings: Findings) -> None:
    report = report_number(frame)
    explicit = frame["period_end"].isna().to_numpy()
    in_weights = frame["weight"].notna().to_numpy()
    count = np.bincount(report)
    share = np.bincount(report, weights=in_weights) / count
    mixed = ((share > 0) & (share < 1))[report]
    _note(frame, mixed, "its report gives weight in some rows and revenue in others", findings)

    revenue = np.bincount(report, weights=np.nan_to_num(frame["revenue"].to_numpy()))[report]
    _note(frame, ~in_weights & ~mixed & (revenue <= 0), "the revenue of its report adds up to 0", findings)
    _note(frame, ~in_weights & np.isinf(revenue), "the revenue of its report adds up to infinity", findings)

    total = np.bincount(report, weights=np.nan_to_num(frame["weight"].to_numpy()))
    heavy = np.flatnonzero((total[report] > 1 + TOLERANCE + _NOISE) & ~explicit)
    findings.add(
        "segments",
        frame.index[heavy],
        [f"the weights of its report add up to {total[report[i]]:.6g}" for i in heavy],
    )
    lasting = ~(frame["valid_to"] <= frame["valid_from"]).to_numpy()
    _check_spans(frame[explicit & lasting & ~mixed], findings)


def _check_spans(frame: pd.DataFrame, findings: Findings) -> None:
    """Rows with spans: the weights of a company at any day, and one product twice at one time."""
    twice = np.flatnonzero(overlapping(frame, ["company_id", "product_id"]) >= 0)
    findings.add("segments", frame.index[twice], "its company sells its product twice at one time")
    for company, rows, total, day in too_heavy(frame, np.nan_to_num(shares(frame))):
        findings.add("segments", rows, f"the weights of company {company} add up to {total:.6g} on {day}")


def too_heavy(frame: pd.DataFrame, weight: npt.NDArray[np.float64]) -> list[tuple[str, pd.Index, float, str]]:
    """Companies whose weights add up to more than 1 (beyond rounding) on some day.

    `frame`: company_id, valid_from, valid_to. Each entry: the company, the rows (index labels) that hold on
    the company's heaviest day, their sum, that day.
    """
    if not len(frame):
        return []
    top = heaviest_day(frame, "company_id", weight)
    found = []
    for company, total, day in top[top["total"] > 1 + TOLERANCE + _NOISE].itertuples(index=False):
        holds = (frame["company_id"] == company) & (frame["valid_from"] <= day)
        holds &= frame["valid_to"].isna() | (day < frame["valid_to"])
        found.append((str(company), frame.index[holds], float(total), day.date().isoformat()))
    return found


def _note(frame: pd.DataFrame, wrong: pd.Series | Bools, reason: str, findings: Findings) -> None:
    findings.add("segments", frame.index[np.asarray(wrong, dtype=bool)], reason)
