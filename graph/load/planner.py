"""The whole plan of a load: nodes and edges of every kind, and the account of every row."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from samgraph.graph.check.cells import no_rows
from samgraph.graph.check.findings import Findings
from samgraph.graph.check.segment_groups import SegmentGroups
from samgraph.graph.check.segments import is_theme
from samgraph.graph.check.taxonomy import cycles, levels_and_paths
from samgraph.graph.dataset.tables import TABLES
from samgraph.graph.db.driver import Graph
from samgraph.graph.load import edges
from samgraph.graph.load.edges import EdgeKind, NodeKind
from samgraph.graph.load.plan import (
    HELD,
    EdgeChanges,
    Plan,
    ReportRules,
    check_overlaps,
    diff,
    diff_nodes,
    merge,
    segment_rows,
    sells_target,
    span_rows,
    with_stamps,
)

COMPANIES_AT_ONCE = 500


def make_plan(
    graph: Graph | None,
    tables: dict[str, pd.DataFrame],
    segments: SegmentGroups,
    rules: ReportRules,
    known: dt.datetime,
    findings: Findings,
    *,
    fresh: bool,
    every_company: bool,
) -> Plan:
    """Compare checked tables with the graph as recorded at the moment `known`.

    `fresh`: the graph holds nothing, so nothing is read (it may be None). `every_company`: also those companies of it
    that the dataset does not mention, because the time rules changed. What contradicts earlier loads goes to
    `findings`.
    """
    work = _Planner(graph, tables, rules, known, findings, fresh, Plan())
    work.companies()
    work.products()
    work.links()
    work.industries()
    work.universes()
    work.company_links()
    work.sells(segments, every_company)
    return work.plan


@dataclass
class _Planner:
    graph: Graph | None
    tables: dict[str, pd.DataFrame]
    rules: ReportRules
    known: dt.datetime
    findings: Findings
    fresh: bool
    plan: Plan

    def held_nodes(self, kind: NodeKind) -> pd.DataFrame:
        if self.fresh or self.graph is None:
            return edges.empty(kind.columns)
        return edges.frame(kind.columns, self.graph.read(f"current/{kind.name}", known=self.known)[0])

    def held_edges(self, kind: EdgeKind, companies: list[str] | None = None) -> pd.DataFrame:
        columns = ("id", *kind.columns)
        if self.fresh or self.graph is None:
            return edges.empty(columns)
        asked = {} if companies is None else {"companies": companies}
        return edges.frame(columns, self.graph.read(f"current/{kind.name}", known=self.known, **asked)[0])

    def companies(self) -> None:
        table = self.tables["companies"]
        wanted = table[["company_id", "name", "exchange"]].assign(
            listed_on=edges.days(table["listed_on"]), delisted_on=edges.days(table["delisted_on"])
        )
        changes = diff_nodes(edges.COMPANIES, wanted, self.held_nodes(edges.COMPANIES))
        self.plan.nodes.append(changes)
        self.plan.count("companies", _fates(table["company_id"].isin(changes.touched())))

    def products(self) -> None:
        table = self.tables["products"]
        held = self.held_nodes(edges.PRODUCTS)
        merged, touched = self.tree("products", edges.CHILD_OF, "product_id")

        ids = pd.Index(pd.concat([table["product_id"], held["product_id"]]).unique(), dtype="str")
        placed = levels_and_paths(_as_tree(merged), list(ids))
        newest = table.sort_values("valid_from", kind="stable").drop_duplicates("product_id", keep="last")
        named = pd.concat(
            [
                newest.assign(name_en=_other_names(newest)).set_index("product_id")[["name", "name_en"]],
                held.set_index("product_id")[["name", "name_en"]],
            ]
        )
        named = named[~named.index.duplicated()].reindex(ids)
        lives = merged.groupby("start").agg(valid_from=("valid_from", "min"), valid_to=("valid_to", "max"))
        lives = lives.reindex(ids)
        before = held.set_index("product_id").reindex(ids)
        for name in ("valid_from", "valid_to"):  # roots that the dataset does not mention have no row here
            lives[name] = lives[name].fillna(before[name]).astype("int64")
        wanted = pd.DataFrame(
            {
                "product_id": ids,
                "name": named["name"].to_numpy(),
                "name_en": named["name_en"].to_numpy(),
                "level": placed["level"].to_numpy(),
                "path": placed["path"].to_numpy(),
                "valid_from": lives["valid_from"].to_numpy(),
                "valid_to": lives["valid_to"].to_numpy(),
            }
        )
        changes = diff_nodes(edges.PRODUCTS, wanted, held)
        self.plan.nodes.append(changes)
        used = table["product_id"].isin(changes.touched()) | table.index.isin(touched)
        self.plan.count("products", _fates(used))

    def tree(self, name: str, kind: EdgeKind, key: str) -> tuple[pd.DataFrame, pd.Index]:
        """Plan the CHILD_OF edges of a taxonomy: all its rows merged, and the positions of those that change
        it.
        """
        table = self.tables.get(name, pd.DataFrame({key: [], "parent_id": []}, dtype="str"))
        held = self.held_edges(kind)
        mine = span_rows(table, key, "parent_id")
        merged = merge(mine, held, ["start", "valid_from"])
        reason = f"{key} has two parents at one time"
        check_overlaps(name, merged, ["start"], reason, self.findings)
        for rows, _ in cycles(_as_tree(merged)):
            positions = merged["position"].to_numpy()[rows]
            self.findings.add(
                name,
                positions[positions != HELD],
                "parent_id makes a cycle together with what earlier loads brought",
            )
        changes = EdgeChanges(kind)
        target = merged[merged["end"].notna()].reset_index(drop=True)
        stays = diff(target, held, changes)
        self.plan.edges.append(changes)
        changed = target.loc[~stays, "position"]
        ended = held[held["id"].isin(changes.end)]
        replaced = mine[mine["start"].isin(ended["start"])]["position"]
        return merged, pd.Index(pd.concat([changed, replaced]).unique())

    def links(self) -> None:
        if "product_links" not in self.tables:
            return
        self.spans("product_links", edges.SUPPLIES, "supplier_id", "customer_id", ["start", "end"])

    def industries(self) -> None:
        if "industries" in self.tables:
            table = self.tables["industries"]
            held = self.held_nodes(edges.INDUSTRIES)
            merged, touched = self.tree("industries", edges.INDUSTRY_CHILD_OF, "industry_id")
            ids = pd.Index(pd.concat([table["industry_id"], held["industry_id"]]).unique(), dtype="str")
            placed = levels_and_paths(_as_tree(merged), list(ids))
            names = table.set_index("industry_id")["name"].reindex(ids)
            wanted = pd.DataFrame(
                {"industry_id": ids, "name": names.to_numpy(), "level": placed["level"].to_numpy()}
            )
            changes = diff_nodes(edges.INDUSTRIES, wanted, held)
            self.plan.nodes.append(changes)
            used = table["industry_id"].isin(changes.touched()) | table.index.isin(touched)
            self.plan.count("industries", _fates(used))
        if "company_industries" in self.tables:
            self.spans("company_industries", edges.CLASSIFIED_AS, "company_id", "industry_id", ["start"])

    def universes(self) -> None:
        if "universes" not in self.tables:
            return
        names = pd.DataFrame({"universe": self.tables["universes"]["universe"].unique()}, dtype="str")
        self.plan.nodes.append(diff_nodes(edges.UNIVERSES, names, self.held_nodes(edges.UNIVERSES)))
        self.spans("universes", edges.MEMBER_OF, "company_id", "universe", ["start", "end"])

    def company_links(self) -> None:
        if "company_links" in self.tables:
            self.spans("company_links", edges.COMPETES_WITH, "company_id", "other_id", ["start", "end"])

    def spans(self, name: str, kind: EdgeKind, start: str, end: str, exclusive: list[str]) -> None:
        """Plan a kind of edge whose table has a span in every row; at one time there is one edge for
        `exclusive`.
        """
        mine = span_rows(self.tables[name], start, end)
        changes = EdgeChanges(kind)
        fates = []
        for companies, rows in _by_company(mine) if kind.by_company else [(None, mine)]:
            part = rows.sort_values(["start", "end"], kind="stable", ignore_index=True)
            held = self.held_edges(kind, companies)
            merged = merge(part, held, [*exclusive, "valid_from"])
            reason = "its span overlaps that of a row of the same " + " and ".join(
                {"start": start, "end": end}[one] for one in exclusive
            )
            check_overlaps(name, merged, exclusive, reason, self.findings)
            stays = diff(merged, held, changes)
            fates.append(_fates(pd.Series(~stays[(merged["position"] != HELD).to_numpy()])))
        self.plan.edges.append(changes)
        self.plan.count(name, pd.concat(fates) if fates else _fates(pd.Series([], dtype="bool")))

    def sells(self, segments: SegmentGroups, every_company: bool) -> None:
        changes, themes = EdgeChanges(edges.SELLS), EdgeChanges(edges.IN_THEME)
        fates: Counter[str] = Counter()
        told: set[str] = set()

        def compare(companies: list[str], rows: pd.DataFrame) -> None:
            mine = segment_rows(rows).sort_values(["start", "end"], kind="stable", ignore_index=True)
            held = self.held_edges(edges.SELLS, companies)
            target = sells_target(mine, held, self.rules, self.findings)
            diff(target.edges, held, changes)
            fates.update(target.fates.tolist())

        for group in segments:
            for companies, rows in _by_company(group, "company_id"):
                told.update(companies)
                theme = is_theme(rows)
                if theme.any():
                    fates.update(self.themes(companies, rows[theme], themes))
                compare(companies, rows[~theme])
        if every_company and not self.fresh:
            known = self.held_nodes(edges.COMPANIES)["company_id"]
            others = known[~known.isin(told)].tolist()
            for begin in range(0, len(others), COMPANIES_AT_ONCE):
                compare(others[begin : begin + COMPANIES_AT_ONCE], no_rows(TABLES["segments"]))
        self.plan.edges.append(changes)
        if themes.created or themes.end:
            self.plan.edges.append(themes)
        self.plan.fates["segments"] = dict(fates)

    def themes(self, companies: list[str], rows: pd.DataFrame, changes: EdgeChanges) -> list[str]:
        """Plan the IN_THEME edges of some companies; the fates of their rows of `segments`."""
        mine = span_rows(rows.drop(columns="weight"), "company_id", "product_id")
        mine = mine.sort_values(["start", "end"], kind="stable", ignore_index=True)
        held = self.held_edges(edges.IN_THEME, companies)
        merged = merge(mine, held, ["start", "end", "valid_from"])
        reason = "its company belongs to its theme twice at one time"
        check_overlaps("segments", merged, ["start", "end"], reason, self.findings)
        stays = diff(merged, held, changes)
        own = (merged["position"] != HELD).to_numpy()
        return _fates(pd.Series(~stays[own])).tolist()


def _by_company(rows: pd.DataFrame, key: str = "start") -> Iterator[tuple[list[str], pd.DataFrame]]:
    """The rows of some hundred companies at a time, with their ids.

    Companies come in the order of their ids, the rows of a part in that of `rows`.
    """
    codes, distinct = pd.factorize(rows[key], sort=True)
    group = codes // COMPANIES_AT_ONCE
    order = np.argsort(group, kind="stable")
    names = distinct.tolist()
    starts = range(0, len(names), COMPANIES_AT_ONCE)
    bounds = np.searchsorted(group[order], np.arange(len(starts) + 1))
    for number, begin in enumerate(starts):
        part = rows.iloc[order[bounds[number] : bounds[number + 1]]]
        yield names[begin : begin + COMPANIES_AT_ONCE], part


def _fates(used: pd.Series) -> pd.Series:
    return pd.Series(np.where(used.to_numpy(dtype=bool), "used", "unchanged"), dtype="str")


def _other_names(products: pd.DataFrame) -> pd.Series:
    """The English name and the synonyms as one text that the full-text index reads, apart by "; "."""
    english, synonyms = products["name_en"], products["synonyms"].fillna("").str.strip(";； ")
    both = (english.fillna("") + ";" + synonyms).str.strip(";； ")
    joined = both.str.replace(r"\s*[;；][\s;；]*", "; ", regex=True)
    return joined.where(synonyms != "", english)


def _as_tree(merged: pd.DataFrame) -> pd.DataFrame:
    """Merged rows in the form of `taxonomy`."""
    dated = with_stamps(merged)
    return dated.rename(columns={"start": "child", "end": "parent"})[
        ["child", "parent", "valid_from", "valid_to"]
    ]
