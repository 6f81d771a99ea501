"""What a load has to write: the difference between what the graph holds and what it must hold.

For each kind of edge the rows of the dataset are merged into what the graph holds (a row of the same key
replaces it, a report as a whole), the merged whole is checked again, and compared edge by edge: equal ones
stay, others are ended, new ones created. Nothing is written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.graph.check.findings import Findings
from samgraph.graph.check.reports import Days, intervals, shares
from samgraph.graph.check.segments import too_heavy
from samgraph.graph.check.spans import overlapping
from samgraph.graph.dataset.parts import Parts
from samgraph.graph.load import edges
from samgraph.graph.load.edges import EdgeKind, NodeKind

HELD = -1
"""The position of a row that is in the graph already and not in the dataset."""
_EARLIER = "together with what earlier loads brought"


@dataclass(frozen=True)
class ReportRules:
    """The options of the time rules.

    `same_lag`: the graph's reports were dated by the same lag, if perhaps by another calendar.
    """

    stale_after_months: int = 18
    lag: int | None = None
    calendar: Days | None = None
    same_lag: bool = False


@dataclass
class EdgeChanges:
    """Edges of one kind to create (columns of the kind) and to end (element ids)."""

    kind: EdgeKind
    create: Parts = field(default_factory=Parts)
    end: list[str] = field(default_factory=list)

    @property
    def created(self) -> int:
        return self.create.rows


@dataclass
class NodeChanges:
    """Nodes of one label to create and to change (columns of the kind)."""

    kind: NodeKind
    create: pd.DataFrame
    update: pd.DataFrame

    def touched(self) -> pd.Index:
        """The ids of both."""
        ids: pd.Index[Any] = pd.Index(pd.concat([self.create, self.update])[self.kind.key])
        return ids


def diff(target: pd.DataFrame, held: pd.DataFrame, changes: EdgeChanges) -> npt.NDArray[np.bool_]:
    """Add to `changes` what turns `held` (with ids) into `target`; which rows of `target` are held,
    [n_rows].
    """
    columns = list(changes.kind.columns)
    if held.empty:
        if len(target):
            changes.create.append(target[columns].reset_index(drop=True))
        return np.zeros(len(target), dtype=bool)
    numbered = target[columns].assign(_row=np.arange(len(target)))
    both = numbered.merge(held[[*columns, "id"]], on=columns, how="outer", indicator=True)
    same = both.loc[both["_merge"] == "both", "_row"].to_numpy(dtype=np.int64)
    stays = np.zeros(len(target), dtype=bool)
    stays[same] = True
    changes.end.extend(both.loc[both["_merge"] == "right_only", "id"].tolist())
    if not stays.all():
        changes.create.append(target.loc[~stays, columns].reset_index(drop=True))
    return stays


def diff_nodes(kind: NodeKind, wanted: pd.DataFrame, held: pd.DataFrame) -> NodeChanges:
    """Nodes to create or change. An empty value of the dataset does not erase what the graph holds."""
    columns, key = list(kind.columns), kind.key
    wanted = wanted[columns].reset_index(drop=True)
    if held.empty:
        return NodeChanges(kind, wanted, wanted.iloc[:0])
    row = pd.Index(held[key]).get_indexer(pd.Index(wanted[key]))
    known = wanted[row >= 0].reset_index(drop=True)
    before = held.iloc[row[row >= 0]].reset_index(drop=True)
    changed = np.zeros(len(known), dtype=bool)
    for name in columns[1:]:
        is_empty = known[name] == edges.NONE if name in edges.DAYS else known[name].isna()
        known[name] = known[name].where(~is_empty, before[name])
        differs = (known[name] != before[name]) & ~(known[name].isna() & before[name].isna())
        changed |= differs.to_numpy(dtype=bool)
    return NodeChanges(kind, wanted[row < 0].reset_index(drop=True), known[changed].reset_index(drop=True))


def merge(mine: pd.DataFrame, held: pd.DataFrame, key: Sequence[str]) -> pd.DataFrame:
    """The rows of the dataset and those held rows whose key is not among them (position HELD)."""
    if held.empty:
        return mine
    if len(mine):
        held = held[~_among(held, mine, key)]
    kept = held.drop(columns="id").assign(position=HELD)
    return pd.concat([mine, kept], ignore_index=True) if len(mine) else kept


def _among(rows: pd.DataFrame, others: pd.DataFrame, key: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Which rows have a key that one of the others has, [n_rows]."""
    marks = others[list(key)].drop_duplicates().assign(_there=True)
    return rows[list(key)].merge(marks, on=list(key), how="left")["_there"].notna().to_numpy()


def span_rows(table: pd.DataFrame, start: str, end: str) -> pd.DataFrame:
    """Rows of a checked table as edges: start, end, valid_from, valid_to, weight or score if it has one, position."""
    rows = {
        "start": table[start].to_numpy(),
        "end": table[end].to_numpy(),
        "valid_from": edges.days(table["valid_from"]) if "valid_from" in table else edges.FIRST,
        "valid_to": edges.days(table["valid_to"], edges.OPEN) if "valid_to" in table else edges.OPEN,
    }
    rows |= {name: table[name].to_numpy() for name in edges.NUMBERS if name in table}
    return pd.DataFrame(rows | {"position": table.index.to_numpy()})


def check_overlaps(
    table: str, merged: pd.DataFrame, by: Sequence[str], reason: str, findings: Findings
) -> None:
    """Overlaps among merged rows of one group: the dataset alone has none, so each involves a held row."""
    if not (merged["position"] == HELD).any():
        return
    other = overlapping(with_stamps(merged), by)
    guilty = (other >= 0) & (merged["position"] != HELD).to_numpy()
    positions = merged.loc[guilty, "position"].to_numpy()
    findings.add(table, positions, f"{reason} {_EARLIER}; give the earlier row too, with its valid_to")


def with_stamps(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with spans as days that pandas knows, NaT for an open end."""
    return rows.assign(
        valid_from=edges.stamps(rows["valid_from"]), valid_to=edges.stamps(rows["valid_to"], edges.OPEN)
    )


def segment_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of the checked `segments` as edges whose span, for reports, is still open, with position."""
    reported = table["period_end"].notna().to_numpy()
    return pd.DataFrame(
        {
            "start": table["company_id"].to_numpy(),
            "end": table["product_id"].to_numpy(),
            "weight": shares(table),
            "period_end": edges.days(table["period_end"]),
            "announced_on": edges.days(table["announced_on"]),
            "valid_from": np.where(reported, edges.NONE, edges.days(table["valid_from"])),
            "valid_to": np.where(reported, edges.NONE, edges.days(table["valid_to"], edges.OPEN)),
            "position": table.index.to_numpy(),
        }
    )


@dataclass(frozen=True)
class SellsTarget:
    """SELLS edges that must hold for some companies, and the fate of each dataset row among them.

    edges: the columns of SELLS and position; fates: "used", "unchanged", "superseded" or "stale", by
        position.
    """

    edges: pd.DataFrame
    fates: pd.Series


_REPORT = ["start", "period_end", "announced_on"]


def sells_target(
    mine: pd.DataFrame, held: pd.DataFrame, rules: ReportRules, findings: Findings
) -> SellsTarget:
    """What some companies sell at all times: dataset rows `mine` merged into what the graph holds of them.

    A report of the dataset replaces the held one of the same period and announcement as a whole; a row with a
    span of its own replaces the held one of the same product and valid_from.
    """
    is_report = mine["period_end"] != edges.NONE
    held_report = held["period_end"] != edges.NONE
    reports = merge(mine[is_report], held[held_report], _REPORT)
    spans = merge(mine[~is_report], held[~held_report], ["start", "end", "valid_from"])

    fates = pd.Series("used", index=mine["position"].to_numpy(), dtype="str")
    if len(reports):
        keys = reports[_REPORT].drop_duplicates(ignore_index=True)
        when = intervals(
            pd.DataFrame(
                {
                    "company_id": keys["start"],
                    "period_end": edges.stamps(keys["period_end"]),
                    "announced_on": edges.stamps(keys["announced_on"]),
                    "usable_from": edges.stamps(_told_before(keys, held[held_report], rules)),
                }
            ),
            stale_after_months=rules.stale_after_months,
            lag=rules.lag,
            calendar=rules.calendar,
        )
        keys["valid_from"], keys["valid_to"] = edges.days(when["valid_from"]), edges.days(when["valid_to"])
        keys["fate"] = when["fate"]
        reports = reports.drop(columns=["valid_from", "valid_to"]).merge(keys, on=_REPORT, how="left")
        never = reports[(reports["fate"] != "usable") & (reports["position"] != HELD)]
        fates.loc[never["position"]] = never["fate"].to_numpy()
        reports = reports[reports["fate"] == "usable"].drop(columns="fate")
    _note_unchanged(mine, held, fates)
    target = pd.concat([reports, spans], ignore_index=True) if len(spans) else reports
    if len(spans):
        _check_spans(target, spans, findings)
    return SellsTarget(target.reset_index(drop=True), fates)


def _told_before(keys: pd.DataFrame, held: pd.DataFrame, rules: ReportRules) -> npt.NDArray[np.int64]:
    """The first usable day that the graph has for each report, NONE where that is for the rules to say, [n_keys].

    A dataset of later years, whose calendar does not reach back, must not date the old reports anew.
    """
    if rules.lag is None or not rules.same_lag or held.empty:
        return np.full(len(keys), edges.NONE)
    told = held.drop_duplicates(_REPORT).set_index(_REPORT)["valid_from"]
    found = told.reindex(pd.MultiIndex.from_frame(keys[_REPORT]))
    return np.asarray(found.fillna(edges.NONE), dtype=np.int64)


def _note_unchanged(mine: pd.DataFrame, held: pd.DataFrame, fates: pd.Series) -> None:
    """A row whose fact the graph holds already, whatever else of its report or span of time changes."""
    if held.empty or mine.empty:
        return
    is_report = mine["period_end"] != edges.NONE
    fact = ["start", "end", "weight", "period_end", "announced_on"]
    same = np.where(
        is_report, _among(mine, held, fact), _among(mine, held, [*fact, "valid_from", "valid_to"])
    )
    rows = mine["position"].to_numpy()[same]
    fates.loc[rows] = fates.loc[rows].where(fates.loc[rows] != "used", "unchanged")


def _check_spans(target: pd.DataFrame, spans: pd.DataFrame, findings: Findings) -> None:
    """The weights of companies that have rows with spans, at any day, with their reports and earlier rows."""
    concerned = target[target["start"].isin(spans["start"].unique())].reset_index(drop=True)
    check_overlaps("segments", concerned, ["start", "end"], "its product is sold twice at one time", findings)
    dated = with_stamps(concerned).rename(columns={"start": "company_id"})
    for company, rows, total, day in too_heavy(dated, dated["weight"].to_numpy()):
        positions = concerned.loc[rows, "position"].to_numpy()
        findings.add(
            "segments",
            positions[positions != HELD],
            f"the weights of company {company} add up to {total:.6g} on {day}, its reports and earlier rows included",
        )


@dataclass
class Plan:
    """What a load writes, and how many rows of each table are used, unchanged, superseded or stale."""

    nodes: list[NodeChanges] = field(default_factory=list)
    edges: list[EdgeChanges] = field(default_factory=list)
    fates: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not any(len(n.create) or len(n.update) for n in self.nodes) and not any(
            len(changes.create) or changes.end for changes in self.edges
        )

    def count(self, table: str, fates: pd.Series) -> None:
        self.fates[table] = {str(name): int(n) for name, n in fates.value_counts().items()}
