"""The outputs that an audit compares, each row with the day on which it may be known.

A row is compared where that day is not after the day of the audit. So a label of day t counts from the day on which its
return ends, a regression of t from t + 1, the parameters of a window from its first test day.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from samgraph.config import RunConfig
from samgraph.factors.signals.styles import STYLES
from samgraph.graph.series.snapshots import SnapshotSeries
from samgraph.hist.concept_returns import concept_returns
from samgraph.hist.config import HistConfig
from samgraph.hist.data import TrainingInputs, training_inputs
from samgraph.hist.features.scaling import scaled_by_day
from samgraph.hist.market import Market
from samgraph.hist.models.rows import rows_of, score_data
from samgraph.run.inputs import Inputs
from samgraph.run.table import Known, Schedule
from samgraph.run.table_registry import registered

_PANELS = ("open", "high", "low", "close", "vwap", "adj", "volume", "market_cap", "book_to_price")
_FLAGS = ("tradable", "limit_up", "limit_down")
_PARTS = ("concept", "hidden", "individual", "score")
SAME = "same"
_AXES = {
    "company_id": 0,
    "factor_a": 1,
    "factor_b": 1,
}  # columns that name places of an axis: companies, factors


@dataclass(frozen=True, eq=False)
class Output:
    """A table and the day by which each of its rows may be known, datetime64[s] [n_rows]; NaT: never in this run."""

    frame: pd.DataFrame
    known: np.ndarray[Any, np.dtype[np.datetime64]]


Outputs = dict[str, Output]


def input_outputs(config: RunConfig, inputs: Inputs) -> Outputs:
    """Bars, members, snapshots, cuts, features and labels: what a run knows before it trains."""
    market = inputs.market
    schedule = Schedule(market.dates, config.trading.lag)
    hist = config.model.hist(config.trading)
    trained = training_inputs(market, None, hist)
    names = [*trained.feature_names]
    features = {name: trained.features[:, :, f] for f, name in enumerate(names)}
    for name, one in (("products", inputs.products), ("industries", inputs.industries)):
        told = concept_returns(market, one, hist.concept_returns)
        features |= {
            f"{name} half-life {half_life:g}": told[:, :, k]
            for k, half_life in enumerate(hist.concept_returns)
        }
    bars = {name: getattr(market, name) for name in _PANELS if getattr(market, name) is not None}
    bars |= {name: getattr(market, name) for name in _FLAGS} | {"weight": market.weights()}
    sectors = np.asarray((*inputs.sector_ids, ""), dtype=object)[inputs.sectors]
    series = {
        "products": inputs.products,
        "industries": inputs.industries,
        "regression_products": inputs.coarse_products,
        "regression_industries": inputs.coarse_industries,
    }
    reach = hist.lag + hist.horizon
    return {
        "calendar": _dated(pd.DataFrame({"date": market.dates.as_unit("s"), "benchmark": market.benchmark})),
        "members": _members(market),
        "bars": _panels(market, bars),
        "industry_labels": _panels(market, {"industry": sectors}),
        **{f"snapshots_{name}": _snapshots(one) for name, one in series.items()},
        **{f"cuts_{name}": _cuts(one) for name, one in series.items()},
        **{f"snapshots_fitted_{name}": _fitted(inputs, of) for name, of in inputs.fitted.items()},
        "value_chain": _chain(inputs.products),
        "features": _panels(market, features | {"valid": trained.feature_mask}),
        "features_scaled": _scaled(inputs, trained, hist),
        "labels": _panels(market, {"label": trained.label}, schedule, reach),
        "training_labels": _training_labels(inputs, trained.label),
        "windows": _windows(inputs),
    }


def _dated(frame: pd.DataFrame) -> Output:
    return Output(frame, frame["date"].to_numpy().astype("datetime64[s]"))


def _members(market: Market) -> Output:
    t, i = np.nonzero(market.member)
    return _dated(
        pd.DataFrame({"date": market.dates[t], "member": np.asarray(market.stocks, dtype=object)[i]})
    )


def _panels(
    market: Market, panels: Mapping[str, Any], schedule: Schedule | None = None, delay: int = 0
) -> Output:
    """A row for each stock and day, a column for each panel."""
    n, m = market.n_dates, market.n_stocks
    frame = pd.DataFrame(
        {
            "date": np.repeat(market.dates.to_numpy(), m),
            "company_id": np.tile(np.asarray(market.stocks, dtype=object), n),
            **{name: values.reshape(-1) for name, values in panels.items()},
        }
    )
    if schedule is None:
        return _dated(frame)
    return Output(frame, np.repeat(schedule.after(market.dates, np.full(n, delay)), m))


def _digest(*columns: Any) -> str:
    digest = hashlib.sha256()
    for column in columns:
        values = np.asarray(column)
        digest.update("\0".join(values).encode() if values.dtype == object else values.tobytes())
        digest.update(b"\1")
    return digest.hexdigest()[:16]


def _snapshots(series: SnapshotSeries) -> Output:
    """date, edges, digest of each day's edges by company, concept and weight, in that order."""
    stocks, concepts = (np.asarray(ids, dtype=object) for ids in (series.stocks, series.concepts))
    sizes, texts = [], []
    for edges in series.versions:
        sizes.append(len(edges))
        texts.append(_digest(stocks[edges.stock], concepts[edges.concept], edges.weight))
    frame = pd.DataFrame({"date": series.dates, "edges": np.asarray(sizes)[series.day_version]})
    frame["digest"] = np.asarray(texts, dtype=object)[series.day_version]
    coverage = series.coverage.reset_index(drop=True)
    return _dated(pd.concat([frame, coverage], axis=1) if len(coverage) == len(frame) else frame)


def _fitted(inputs: Inputs, series: Sequence[SnapshotSeries]) -> Output:
    """What each window's models read; what they know of days before the test they know when they are fitted."""
    found = [_snapshots(one) for one in series]
    for number, (window, one) in enumerate(zip(inputs.windows, found, strict=True)):
        one.frame.insert(0, "window", number)
        np.maximum(
            one.known,
            inputs.market.dates[window.fit_day].to_datetime64().astype("datetime64[s]"),
            out=one.known,
        )
    return Output(
        pd.concat([one.frame for one in found], ignore_index=True),
        np.concatenate([one.known for one in found]),
    )


def _cuts(series: SnapshotSeries) -> Output:
    """date, concept: the concepts that a day's cut keeps, as one text a day."""
    concepts = np.asarray(series.concepts, dtype=object)
    texts = [" ".join(concepts[np.unique(edges.concept)]) for edges in series.versions]
    return _dated(
        pd.DataFrame({"date": series.dates, "concepts": np.asarray(texts, dtype=object)[series.day_version]})
    )


def _chain(series: SnapshotSeries) -> Output:
    if series.chain is None:
        return _dated(pd.DataFrame({"date": series.dates[:0]}))
    concepts = np.asarray(series.concepts, dtype=object)
    texts = [
        _digest(concepts[links.supplier], concepts[links.customer], links.weight)
        for links in series.chain.versions
    ]
    day = series.chain.day_version
    return _dated(pd.DataFrame({"date": series.dates, "digest": np.asarray(texts, dtype=object)[day]}))


def _scaled(inputs: Inputs, trained: TrainingInputs, hist: HistConfig) -> Output:
    """What each window's models read of a day's stocks; what training days fix is known when they have ended."""
    frames, known = [], []
    for number, window in enumerate(inputs.windows):
        data = score_data(trained, window, hist, window.test)
        rows = rows_of(data, range(len(data.rows)))
        dates = inputs.market.dates[data.start : data.stop]
        frame = pd.DataFrame(rows.x, columns=[*trained.feature_names])
        frame.insert(0, "date", dates[rows.day])
        frame.insert(1, "company_id", np.asarray(data.stocks, dtype=object)[rows.stock])
        frame.insert(2, "window", number)
        frames.append(frame)
        fixed = inputs.market.dates[window.train][-1] if hist.scaling == "training" else dates[0]
        known.append(np.maximum(frame["date"].to_numpy(), fixed.to_datetime64()).astype("datetime64[s]"))
    return Output(pd.concat(frames, ignore_index=True), np.concatenate(known))


def _training_labels(inputs: Inputs, label: Any) -> Output:
    """The labels that each window learns from and is validated on: they must be known on its first test day."""
    market = inputs.market
    stocks = np.asarray(market.stocks, dtype=object)
    frames, known = [], []
    for number, window in enumerate(inputs.windows):
        # training ends before validation begins, and both before the test
        for part, days, by in (
            ("train", window.train, window.valid.start),
            ("validate", window.valid, window.test.start),
        ):
            t, i = np.nonzero(market.member[days])
            values = label[days][t, i]
            frames.append(
                pd.DataFrame(
                    {
                        "date": market.dates[days][t],
                        "company_id": stocks[i],
                        "window": number,
                        "part": part,
                        "label": values,
                    }
                )
            )
            known.append(np.full(len(t), market.dates[by].to_datetime64().astype("datetime64[s]")))
    return Output(pd.concat(frames, ignore_index=True), np.concatenate(known))


def _windows(inputs: Inputs) -> Output:
    dates = inputs.market.dates
    rows = [
        (
            dates[w.test.start],
            number,
            dates[w.train][0],
            dates[w.train][-1],
            dates[w.valid][0],
            dates[w.valid][-1],
        )
        for number, w in enumerate(inputs.windows)
    ]
    columns = ["date", "window", "train_from", "train_to", "validate_from", "validate_to"]
    return _dated(pd.DataFrame(rows, columns=columns))


def stand_in(inputs: Inputs, config: RunConfig) -> pd.DataFrame:
    """Predictions without a model, for audits of all that follows one: features of the day under the parts' names."""
    market = inputs.market
    trained = training_inputs(market, None, config.model.hist(config.trading))
    test = inputs.test
    t, i = np.nonzero(market.member[test] & trained.feature_mask[test])
    features = scaled_by_day(trained.features[test], trained.feature_mask[test], market.member[test])
    parts = {name: features[t, i, n].astype(np.float64) for n, name in enumerate(_PARTS[:3])}
    frame = pd.DataFrame(
        {
            "seed": config.seed,
            "window": 0,
            "date": market.dates[test][t],
            "company_id": np.asarray(market.stocks, dtype=object)[i],
            **parts,
        }
    )
    frame["score"] = -parts["individual"] + parts["concept"]
    frames = []
    for number, variant in enumerate(config.variants):
        own = frame.assign(score=frame["score"] + number * frame["hidden"])
        own.insert(0, "variant", variant)
        frames.append(own)
    return pd.concat(frames, ignore_index=True)


def run_outputs(config: RunConfig, inputs: Inputs, tables: Mapping[str, pd.DataFrame]) -> Outputs:
    """The tables of a run (as its files are named), each row with its day as the registry of tables has it.

    Columns that may be known at another moment than the rest of their table stand apart, under the table's name with
    the moment's. What is known at the end of a run alone is not compared.

    Raises:
        RunError: a table that is not registered
    """
    tested = [inputs.market.dates[window.test.start] for window in inputs.windows]
    schedule = Schedule(inputs.market.dates, config.trading.lag, tested)
    found: Outputs = {}
    for name, frame in tables.items():
        table = registered(name)
        for moment in table.moments:
            if moment != Known.END:
                output = name if moment == table.known else f"{name}_{moment.name.lower()}"
                part = frame[table.at(moment)].rename(columns={table.date: "date"})
                found[output] = Output(part, schedule.known(table, frame, moment))
    found["orders"] = _orders(tables)
    found["years"] = _years(tables["breakdown"], inputs, config, schedule)
    return found


def _orders(tables: Mapping[str, pd.DataFrame]) -> Output:
    """What was decided on each day, whether or not it could be filled."""
    columns = ["decided_on", "variant", "company_id", "side"]
    told = pd.concat([tables[name][columns] for name in ("trades", "blocked")], ignore_index=True)
    told = told.dropna(subset=["decided_on"]).drop_duplicates().sort_values(columns, ignore_index=True)
    told = told.rename(columns={"decided_on": "date"})
    return _dated(told)


def _years(breakdown: pd.DataFrame, inputs: Inputs, config: RunConfig, schedule: Schedule) -> Output:
    """Report figures of whole calendar years, known when the last return of the year is."""
    rows = breakdown[breakdown["by"] == "year"]
    days = inputs.market.dates[inputs.test]
    ends = pd.Series(days, index=days.year.astype(str)).groupby(level=0).max()
    ends = ends.drop(str(days[-1].year))  # the last year of the data may go on
    last = ends.reindex(rows["group"].astype(str))
    delay = config.trading.lag + rows["horizon"].to_numpy()
    known = np.full(len(rows), np.datetime64("NaT", "s"))
    there = last.notna().to_numpy()
    known[there] = schedule.after(last[there], delay[there])
    return Output(rows.rename(columns={"group": "year"}), known)


@dataclass(frozen=True)
class OutputDifference:
    """Where two outputs part first."""

    output: str
    words: str


@dataclass(frozen=True)
class Seen:
    """Who was there by a day: members of the universe, and factors of a risk model that a stock was exposed to."""

    companies: frozenset[str]
    factors: frozenset[str]

    @classmethod
    def by(cls, day: pd.Timestamp, inputs: Inputs) -> Seen:
        """Those of a run that were there by `day`."""
        market = inputs.market
        until = int(market.dates.searchsorted(day, side="right"))
        factors = {"market", *STYLES, "value"}
        for series in (inputs.coarse_products, inputs.coarse_industries):
            for version in np.unique(series.day_version[:until]):
                factors |= {series.concepts[k] for k in np.unique(series.versions[version].concept)}
        stocks = np.asarray(market.stocks, dtype=object)
        return cls(frozenset(stocks[market.member[:until].any(axis=0)]), frozenset(factors))


def compare(
    before: Outputs, after: Outputs, day: pd.Timestamp, seen: Seen
) -> tuple[dict[str, int], list[OutputDifference]]:
    """Hold the rows known by `day` against each other, bit for bit.

    Args:
        before: the outputs of the run on the dataset as it is.
        after: those on the changed one.
        day: rows known later are left out.
        seen: who was there by the day; rows of other companies and factors are left out: they are places of an axis.

    Returns:
        the number of rows compared by output, and the differences, one an output.
    """
    rows, found = {}, []
    for name in before:
        old, new = (_known(outputs[name], day, seen) for outputs in (before, after))
        rows[name] = len(old)
        words = difference(old, new)
        if words:
            found.append(OutputDifference(name, words))
    return rows, found


def _known(output: Output, day: pd.Timestamp, seen: Seen) -> pd.DataFrame:
    keep = output.known <= day.to_datetime64()  # NaT is never
    for name, axis in _AXES.items():
        if name in output.frame:
            keep = keep & output.frame[name].isin((seen.companies, seen.factors)[axis]).to_numpy()
    return output.frame[keep].reset_index(drop=True)


def difference(old: pd.DataFrame, new: pd.DataFrame) -> str:
    """The earliest difference of two tables in words; empty where every bit is the same."""
    if list(old.columns) != list(new.columns):
        return f"columns {', '.join(old.columns)} became {', '.join(new.columns)}"
    n = min(len(old), len(new))
    apart = np.zeros((n, len(old.columns)), dtype=bool)
    for place, name in enumerate(old.columns):
        apart[:, place] = _apart(old[name].to_numpy()[:n], new[name].to_numpy()[:n])
    lines = np.flatnonzero(apart.any(axis=1))
    if not len(lines):
        return "" if len(old) == len(new) else f"{len(old)} rows became {len(new)}"
    line = int(
        lines[np.argsort(old["date"].to_numpy()[lines], kind="stable")[0]] if "date" in old else lines[0]
    )
    column = str(old.columns[int(np.flatnonzero(apart[line])[0])])
    where = [
        str(value.date() if isinstance(value, pd.Timestamp) else value)
        for name, value in old.iloc[line].items()
        if name != column and (name == "date" or isinstance(value, str))
    ]
    was, became = old[column].iloc[line], new[column].iloc[line]
    return f"{' '.join(where[:5])}: {column} {was!s:.80} became {became!s:.80}"


def _apart(a: Any, b: Any) -> Any:
    """Which values differ, two missing ones being the same; floats by their bits."""
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype != b.dtype:
        a, b = a.astype(object), b.astype(object)
    missing = [np.asarray(pd.isna(values), dtype=bool) for values in (a, b)]
    if a.dtype.kind == "f":
        bits = np.dtype(f"i{a.dtype.itemsize}")
        unlike = np.ascontiguousarray(a).view(bits) != np.ascontiguousarray(b).view(bits)
    else:
        unlike = np.asarray(a != b, dtype=bool)
    return (missing[0] != missing[1]) | (~missing[0] & ~missing[1] & unlike)
