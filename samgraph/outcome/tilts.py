"""What a run's product portfolio is exposed to, beside products: industries, styles, concentration, the value chain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.factors.attribution.split import by_label
from samgraph.factors.portfolio.benchmark import normalised, universe_weights
from samgraph.factors.risk.concentration import concentration, group_weights
from samgraph.run.inputs import Inputs
from samgraph.sums import over_stocks, total

FloatArray = npt.NDArray[np.float64]

TILTS = ("kind", "factor", "name", "portfolio", "universe", "active", "companies")
CONCENTRATION = ("date", "kind", "effective", "largest", "largest_share", "groups")
CHAIN = ("supplier_id", "supplier", "customer_id", "customer", "strength")
NO_INDUSTRY = "no industry"


def tilt_table(inputs: Inputs, holdings: pd.DataFrame, styles: Mapping[str, FloatArray]) -> pd.DataFrame:
    """Industries and styles of the last day's holdings, beside those of the universe by market cap.

    Args:
        inputs: the run's.
        holdings: date, company_id, value.
        styles: name -> [n_dates, n_stocks] standardised exposures; NaN where unknown.

    Returns:
        kind (industry, style), factor (id), name, portfolio, universe, active (their difference), companies.
        Of an industry: shares of what is invested, and how many companies are held in it. Of a style: weighted means
        of the known exposures, in standard deviations of the universe, and of how many held companies one is known.
    """
    if holdings.empty:
        return pd.DataFrame(columns=list(TILTS))
    t = inputs.test.stop - 1
    held = _weights(inputs, holdings[holdings["date"] == holdings["date"].max()])
    caps = universe_weights(inputs.market)[t]
    rows: list[tuple[str, str, str, float, float, int]] = []
    labels = inputs.sectors[t]
    for code in np.unique(labels[(held > 0) | (caps > 0)]):
        inside = labels == code
        key = inputs.sector_ids[code] if code >= 0 else ""
        name = inputs.sector_names.get(key, key) if code >= 0 else NO_INDUSTRY
        rows.append(
            (
                "industry",
                key,
                name,
                held[inside].sum(),
                caps[inside].sum(),
                int((held[inside] > 0).sum()),
            )
        )
    for style, exposures in styles.items():
        known = np.isfinite(exposures[t])
        means = [_mean(exposures[t], weights * known) for weights in (held, caps)]
        rows.append(("style", style, style, means[0], means[1], int(((held > 0) & known).sum())))
    table = pd.DataFrame(rows, columns=["kind", "factor", "name", "portfolio", "universe", "companies"])
    table["active"] = table["portfolio"] - table["universe"]
    return table[list(TILTS)]


def tilt_history(inputs: Inputs, holdings: pd.DataFrame, styles: Mapping[str, FloatArray]) -> pd.DataFrame:
    """Industries and styles of each day's holdings, beside those of the universe (`universe_weights`).

    Returns:
        date, kind (industry, style), factor, portfolio, universe, active: as in `tilt_table`.
    """
    market = inputs.market
    rows = market.dates.get_indexer(pd.DatetimeIndex(np.sort(holdings["date"].unique())))
    held = np.zeros((market.n_dates, market.n_stocks))
    at = market.dates.get_indexer(pd.DatetimeIndex(holdings["date"]))
    held[at, pd.Index(market.stocks).get_indexer(pd.Index(holdings["company_id"]))] = holdings["value"]
    own, caps = normalised(held[rows]), universe_weights(market)[rows]
    split = by_label(inputs.sectors[rows], inputs.sector_ids, "")
    both = [split.sums(weights) for weights in (own, caps)]
    frames = [
        _active(market.dates[rows], "industry", key, both[0][:, k], both[1][:, k])
        for k, key in enumerate(split.groups)
    ]
    for style, exposures in styles.items():
        known = np.isfinite(exposures[rows])
        means = []
        for weights in (own, caps):
            whole = over_stocks(weights * known)
            sums = over_stocks(np.where(known, weights * np.nan_to_num(exposures[rows]), 0.0))
            means.append(np.divide(sums, whole, out=np.full(len(rows), np.nan), where=whole > 0.0))
        frames.append(_active(market.dates[rows], "style", style, *means))
    table = pd.concat(frames, ignore_index=True)
    held_somewhere = (table["portfolio"] != 0.0) | (table["universe"] != 0.0)
    return table[held_somewhere].sort_values(["date", "kind", "factor"], ignore_index=True)


def _active(
    dates: pd.DatetimeIndex, kind: str, factor: str, portfolio: FloatArray, universe: FloatArray
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "date": dates,
            "kind": kind,
            "factor": factor,
            "portfolio": portfolio,
            "universe": universe,
            "active": portfolio - universe,
        }
    )


def concentration_table(inputs: Inputs, holdings: pd.DataFrame) -> pd.DataFrame:
    """Day by day, how many equal bets the holdings amount to (see `samgraph.factors.risk.concentration`).

    Returns:
        date, kind (companies; industries; products at the regressions' cut, by revenue share), effective, largest (id),
        largest_share, groups.
    """
    series = inputs.coarse_products
    rows = []
    for date, day in holdings.groupby("date"):
        t = int(inputs.market.dates.get_indexer(pd.DatetimeIndex([date]))[0])
        weights = _weights(inputs, day)
        products = group_weights(weights, series.edges(t), series.n_concepts)
        kinds = {
            "companies": dict(zip(inputs.market.stocks, weights, strict=True)),
            "industries": _by_label(weights, inputs.sectors[t], inputs.sector_ids),
            "products": dict(zip(series.concepts, products, strict=True)),
        }
        for kind, groups in kinds.items():
            found = concentration({name: float(weight) for name, weight in groups.items()}, 1.0)
            rows.append((date, kind, found.effective, found.largest, found.largest_share, found.groups))
    return pd.DataFrame(rows, columns=list(CONCENTRATION))


def last_concentration(table: pd.DataFrame, cut: str) -> dict[str, Any]:
    """For summary.json: the last day's effective numbers by kind, and the cut at which products are counted.

    Args:
        table: of `concentration_table`.
        cut: of the regressions.
    """
    last = table[table["date"] == table["date"].max()]
    return {str(row["kind"]): float(row["effective"]) for row in last.to_dict("records")} | {"cut": cut}


def chain_table(inputs: Inputs) -> pd.DataFrame:
    """The value-chain links between the concepts of the run's cut, as of the last test day.

    Returns:
        supplier_id, supplier, customer_id, customer, strength (see `samgraph.graph.series.value_chain`); empty
        without links.
    """
    series = inputs.products
    if series.chain is None:
        return pd.DataFrame(columns=list(CHAIN))
    links = series.chain.links(inputs.test.stop - 1)
    ids, names = (np.array(part, dtype=object) for part in (series.concepts, series.concept_names))
    ends = (
        ids[links.supplier],
        names[links.supplier],
        ids[links.customer],
        names[links.customer],
        links.weight,
    )
    return pd.DataFrame(dict(zip(CHAIN, ends, strict=True)))


def _weights(inputs: Inputs, day: pd.DataFrame) -> FloatArray:
    """Shares of what is invested [n_stocks]."""
    out = np.zeros(len(inputs.market.stocks))
    out[pd.Index(inputs.market.stocks).get_indexer(pd.Index(day["company_id"]))] = day["value"]
    shares: FloatArray = out / total(out)  # the same bits whoever joins later
    return shares


def _by_label(
    weights: FloatArray, labels: npt.NDArray[np.int64], ids: tuple[str, ...]
) -> Mapping[str, float]:
    sums = np.bincount(labels[labels >= 0], weights=weights[labels >= 0], minlength=len(ids))
    return dict(zip(ids, sums, strict=True))


def _mean(values: FloatArray, weights: FloatArray) -> float:
    whole = total(weights)
    return total(np.nan_to_num(values * weights, nan=0.0)) / whole if whole > 0 else float("nan")
