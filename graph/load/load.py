"""Load a dataset into the graph: check it, compare it with what is there, write the difference, commit.

Facts, not files: what a dataset does not mention stays. A report is replaced as a whole by one of the same
company, period and announcement; any other row by one of the same key. What is replaced is not lost but ended
at the moment of the load (`samgraph.graph.db.ledger`), so that questions as known at an earlier moment are
answered as before.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from samgraph.errors import ConfigError, GraphError
from samgraph.graph.check.dataset import CheckReport, check
from samgraph.graph.check.findings import Findings
from samgraph.graph.check.reports import Days
from samgraph.graph.check.series import trading_days
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.driver import Graph
from samgraph.graph.db.failures import CutError
from samgraph.graph.db.ledger import (
    BEFORE_ALL,
    OPEN_MOMENT,
    Writer,
    committed_moment,
    graph_fingerprint,
    past_loads,
    writing,
)
from samgraph.graph.load import edges
from samgraph.graph.load.edges import BATCH
from samgraph.graph.load.lanes import lanes_for, write_sells
from samgraph.graph.load.plan import EdgeChanges, Plan, ReportRules
from samgraph.graph.load.planner import make_plan
from samgraph.graph.load.report import COUNTS, LoadReport, RefusedDataset
from samgraph.progress import warn

Progress = Callable[[int], None]
TRIES = 3  # of a load that the server leaves in the middle


def load(
    graph: Graph,
    dataset: Dataset,
    *,
    dry_run: bool = False,
    stale_after_months: int = 18,
    lag: int | None = None,
    checked: CheckReport | None = None,
    progress: Progress | None = None,
    expect: Progress | None = None,
) -> LoadReport:
    """Check a dataset and load it. All or nothing: whoever reads meanwhile sees the graph of before.

    A server that goes away in the middle is waited for (`connection.RETRY_SECONDS`), and the load begun anew.
    With `dry_run` it checks and compares, and writes nothing. A report is used until `stale_after_months` after
    its period end, and from the next calendar day after its announcement or the `lag`-th trading day after it:
    trading days are those of the dataset's bars, or else of its benchmarks, and Monday to Friday beyond them.
    `checked` is what `check(dataset)` said, if it was asked already; `progress` is called with the number of
    edges written since the last call, and `expect`, before the first, with how many there will be.

    Raises RefusedDataset, with the report of every unusable row, DatasetError for a missing table or column,
    ConfigError for a wrong option, GraphError where the server fails or another load is writing.
    """
    rules = rules_of(dataset, stale_after_months, lag)
    clock = LoadClock()
    checked = check(dataset) if checked is None else checked
    clock.stage("check")
    if not checked.ok:
        raise refusal(dataset, checked, dry_run=dry_run)
    if dry_run:
        plan = planned(graph, dataset, checked, rules, committed_moment(graph), clock, dry_run=True)
        return account(dataset, checked, plan, True, None, clock)
    commits: list[tuple[Plan, dt.datetime]] = []
    for left in reversed(range(TRIES)):
        try:
            done = _load_once(graph, dataset, checked, rules, clock, progress, expect, commits)
            break
        except CutError:
            # Asking waits for the server, or tells that it does not come back.
            known = {past.moment for past in past_loads(graph)}
            if commits and commits[-1][1] in known:  # only the word of it was lost
                done = account(dataset, checked, commits[-1][0], False, commits[-1][1], clock)
                break
            if not left:
                raise
            commits.clear()
            warn(f"{graph.address} went away in the middle of the load and is back: the load begins anew")
    if done.moment is not None:
        with contextlib.suppress(GraphError):  # a user without the right to it reads the same, only slower
            graph.run_batches("load/replan")
        clock.stage("commit")
    return done


def _load_once(
    graph: Graph,
    dataset: Dataset,
    checked: CheckReport,
    rules: ReportRules,
    clock: LoadClock,
    progress: Progress | None,
    expect: Progress | None,
    commits: list[tuple[Plan, dt.datetime]],
) -> LoadReport:
    """One try of a load; `commits` gets the plan and the moment before they are committed.

    Raises CutError where the server went away meanwhile: readers see the graph of before, or, if only the answer to
    the commit was lost, that of after.
    """
    with writing(graph) as writer:
        plan = planned(writer.graph, dataset, checked, rules, writer.committed, clock, dry_run=False)
        if plan.is_empty and _is_known(writer.graph, dataset, rules):
            return account(dataset, checked, plan, False, None, clock)
        sells = sum(changes.created for changes in plan.edges if changes.kind is edges.SELLS)
        writer.begin(dataset.root.resolve().name, lanes=lanes_for(sells))
        if expect:
            expect(sum(changes.created for changes in plan.edges))
        _write(plan, writer, progress)
        clock.stage("write")
        commits.append((plan, writer.moment))
        _commit(plan, writer, dataset, rules)
    return account(dataset, checked, plan, False, writer.moment, clock)


def refusal(dataset: Dataset, checked: CheckReport, *, dry_run: bool = False) -> RefusedDataset:
    """The error of a dataset that cannot be loaded, with its report."""
    return RefusedDataset(
        f"{dataset.root} cannot be loaded, nothing was written: {checked.sentence()}; correct it and load again",
        account(dataset, checked, None, dry_run, None, LoadClock()),
    )


def rules_of(dataset: Dataset, stale_after_months: int, lag: int | None) -> ReportRules:
    """The time rules for a dataset. Raises ConfigError for a wrong option."""
    return ReportRules(_months(stale_after_months), lag, _calendar(dataset, lag))


def _months(stale_after_months: int) -> int:
    if stale_after_months < 1:
        raise ConfigError(f"reports cannot be stale after {stale_after_months} months; use 1 or more")
    return stale_after_months


def _calendar(dataset: Dataset, lag: int | None) -> Days | None:
    """The trading days that a lag counts."""
    if lag is None:
        return None
    if lag < 1:
        raise ConfigError(
            f"a lag of {lag} trading days would use a report on the day it came out; use 1 or more"
        )
    source = next((name for name in ("bars", "benchmarks") if dataset.has(name)), None)
    if source is None:
        return None
    if source == "bars":
        return trading_days(dataset)
    parts = [part.frame["date"].dropna().unique() for part in dataset.parse_parts(source, ["date"])]
    return np.unique(np.concatenate([np.asarray(part, dtype="datetime64[D]") for part in parts]))


def planned(
    graph: Graph | None,
    dataset: Dataset,
    checked: CheckReport,
    rules: ReportRules,
    committed: dt.datetime | None,
    clock: LoadClock,
    *,
    dry_run: bool,
) -> Plan:
    """What is to be written, held against the graph as recorded at `committed` (None: there is nothing, nor a graph).

    Raises RefusedDataset where the dataset contradicts what earlier loads brought.
    """
    findings = Findings()
    last = [] if graph is None else past_loads(graph)[:1]
    same_rules = all(
        (past.stale_after_months, past.lag) == (rules.stale_after_months, rules.lag) for past in last
    )
    rules = replace(rules, same_lag=any(past.lag == rules.lag for past in last))
    plan = make_plan(
        graph,
        checked.tables,
        checked.segments,
        rules,
        committed or BEFORE_ALL,
        findings,
        fresh=committed is None,
        every_company=not same_rules,
    )
    clock.stage("compare")
    tables = [name for name in checked.counts.index if findings.count(name)]
    if tables:
        rejected = findings.frame(dataset.cells)
        checked = replace(
            checked,
            counts=checked.counts.assign(
                rejected=checked.counts["rejected"]
                + pd.Series({name: findings.count(name) for name in checked.counts.index})
            ),
            rejected=pd.concat([checked.rejected, rejected], ignore_index=True),
        )
        raise refusal(dataset, checked, dry_run=dry_run)
    return plan


def _is_known(graph: Graph, dataset: Dataset, rules: ReportRules) -> bool:
    """Whether this very dataset was loaded by these rules before."""
    me = (graph_fingerprint(dataset), rules.stale_after_months, rules.lag)
    return me in {(past.fingerprint, past.stale_after_months, past.lag) for past in past_loads(graph)}


def _write(plan: Plan, writer: Writer, progress: Progress | None) -> None:
    """Everything that readers cannot see before the commit: new nodes, new edges, ends of replaced edges."""
    for nodes in plan.nodes:
        for rows in edges.batches(nodes.create, nodes.kind.columns):
            with writer.batch() as transaction:
                transaction.run(f"load/{nodes.kind.name}", rows=rows, moment=writer.moment)
    for changes in plan.edges:
        for ids in (changes.end[i : i + BATCH] for i in range(0, len(changes.end), BATCH)):
            with writer.batch() as transaction:
                transaction.run("load/retire", ids=ids, moment=writer.moment)
        if changes.kind is edges.SELLS:
            write_sells(writer, changes.create, progress)
        else:
            _create(changes, writer, progress)


def _create(changes: EdgeChanges, writer: Writer, progress: Progress | None) -> None:
    for part in changes.create:
        for rows in edges.batches(part, changes.kind.columns):
            with writer.batch() as transaction:
                transaction.run(
                    f"load/{changes.kind.name}", rows=rows, moment=writer.moment, open=OPEN_MOMENT
                )
            if progress:
                progress(len(rows))


def _commit(plan: Plan, writer: Writer, dataset: Dataset, rules: ReportRules) -> None:
    """Changed names and places, and the new committed moment, in one transaction."""
    for nodes in plan.nodes:
        for rows in edges.batches(nodes.update, nodes.kind.columns):
            writer.holder.run(f"update/{nodes.kind.name}", rows=rows, moment=writer.moment)
    writer.commit(record(plan, dataset, rules), longest_sells_days(plan))


def record(plan: Plan, dataset: Dataset, rules: ReportRules) -> dict[str, Any]:
    """What the ledger keeps of a load."""
    return {
        "dataset": dataset.root.resolve().name,
        "fingerprint": graph_fingerprint(dataset),
        "tables": [f"{name} {digest}" for name, digest in dataset.fingerprint().items()],
        "stale_after_months": rules.stale_after_months,
        "lag": rules.lag,
        "edges_created": sum(changes.created for changes in plan.edges),
        "edges_ended": sum(len(changes.end) for changes in plan.edges),
    }


def longest_sells_days(plan: Plan) -> int:
    """Days of the longest SELLS edge to be written that has no long_from."""
    parts = (part for changes in plan.edges if changes.kind is edges.SELLS for part in changes.create)
    lives = ((part["valid_to"] - part["valid_from"])[~edges.is_long(part)] for part in parts)
    return max((int(days.max()) for days in lives if len(days)), default=0)


@dataclass
class LoadClock:
    """Seconds of each stage of a load."""

    begun: float = field(default_factory=time.perf_counter)
    seconds: dict[str, float] = field(default_factory=dict)

    def stage(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name] = round(now - self.begun, 3)
        self.begun = now


def account(
    dataset: Dataset,
    checked: CheckReport,
    plan: Plan | None,
    dry_run: bool,
    moment: dt.datetime | None,
    clock: LoadClock,
) -> LoadReport:
    """The report of a load that was planned, or of one that was refused (`plan` None)."""
    tables = checked.counts.reindex(columns=list(COUNTS), fill_value=0)
    kinds = plan.edges if plan else []
    if plan:
        for name, fates in plan.fates.items():
            tables.loc[name, list(fates)] = list(fates.values())
    for name in tables.index:
        if plan and name not in plan.fates:  # prices: used as they are
            row = tables.loc[name]
            tables.loc[name, "used"] = row["read"] - row["merged"] - row["rejected"]
    return LoadReport(
        dataset=str(dataset.root),
        dry_run=dry_run,
        moment=moment,
        tables=tables.astype("int64"),
        rejected=checked.rejected,
        edges=pd.DataFrame(
            {"created": [c.created for c in kinds], "ended": [len(c.end) for c in kinds]},
            index=pd.Index([c.kind.name for c in kinds], name="edges", dtype="str"),
        ),
        notes=checked.notes,
        seconds=clock.seconds,
    )
