"""What a list of holdings really holds as of a day: products at each level, hidden concentration, risk.

Exposures and concentration come from the graph alone. A forecast of variance also needs daily bars from a loaded
dataset: factor returns of products, industries and styles are estimated over the universe's members and the
holdings, on days before the one asked about.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from samgraph.errors import ConfigError, DatasetError, SnapshotError
from samgraph.exchange.calendar import days_a_year
from samgraph.factors.arrays import Floats
from samgraph.factors.regression.cross_sectional import Regression, cross_sectional_regression, next_day
from samgraph.factors.regression.exposures import Membership
from samgraph.factors.regression.ridge import Ridge
from samgraph.factors.risk.concentration import by_level, concentration, twins
from samgraph.factors.risk.forecasts import FEWEST_DAYS, RiskForecasts, backcast, forecast_quality
from samgraph.factors.risk.model import Decomposition, risk_model
from samgraph.factors.signals.styles import style_exposures
from samgraph.graph.ask.period import extract_period, universe_members
from samgraph.graph.ask.snapshot import Snapshot, snapshot
from samgraph.graph.ask.tree import product_tree
from samgraph.graph.check.series import read_bars
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.asof import AsOf
from samgraph.graph.db.driver import Graph
from samgraph.graph.db.ledger import loaded_moment
from samgraph.graph.series.snapshots import Edges
from samgraph.hist.market import Market, build_market
from samgraph.importers.names import a_share_id
from samgraph.progress import stage

HISTORY_DAYS = 500  # trading days of factor returns behind a forecast
STYLE_DAYS = 250  # trading days before those that styles look back on

CONCENTRATION = ("family", "level", "effective", "largest", "name", "share", "covered", "groups")


@dataclass(frozen=True, eq=False)
class HoldingsRisk:
    """The findings, one table each.

    Attributes:
        as_of: the day; invested: sum of absolute weights.
        concentration: family, level, effective, largest, name, share (of the largest), covered, groups.
        products: level, product_id, name, parent_id, weight (holdings x revenue share, of the subtree).
        twins: company_a, company_b, overlap, weight.
        uncovered: company_id, weight, cause: holdings that a part leaves out.
        kinds: kind, variance, share; levels: level, node, name, exposure, variance, share;
        factors: kind, factor, name, exposure, variance, share. Variances are a day's. None without bars.
        volatility: forecast, a year; NaN without bars.
        backcast: date, forecast, realised, ...: of the same holdings on past days (see
            `samgraph.factors.risk.forecasts.backcast`); quality: part, bias, its band,
            qlike, days. None unless asked for.
        regression: the factor returns behind the forecast; returns: [n_dates, n_stocks], row t the return from t to
            t + 1, on its days and stocks. None without bars.
    """

    as_of: AsOf
    invested: float
    concentration: pd.DataFrame
    products: pd.DataFrame
    twins: pd.DataFrame
    uncovered: pd.DataFrame
    kinds: pd.DataFrame | None = None
    levels: pd.DataFrame | None = None
    factors: pd.DataFrame | None = None
    volatility: float = math.nan
    backcast: pd.DataFrame | None = None
    quality: pd.DataFrame | None = None
    regression: Regression | None = None
    returns: Floats | None = None

    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables that there are, in reading order."""
        named = {
            "concentration": self.concentration,
            "products": self.products,
            "twins": self.twins,
            "variance by kind": self.kinds,
            "variance by product": self.levels,
            "variance by factor": self.factors,
            "forecasts of past days": self.quality,
            "backcast": self.backcast,
            "uncovered": self.uncovered,
        }
        return {name: frame for name, frame in named.items() if frame is not None}


def read_holdings(table: pd.DataFrame, source: str) -> pd.Series:
    """Weights by company id from a table with company_id and weight or value (whose sum is made 1).

    Raises:
        DatasetError: a missing column, a company twice, or something that is not a number.
    """
    if "company_id" not in table.columns or not {"weight", "value"} & set(table.columns):
        found = ", ".join(map(str, table.columns)) or "none"
        raise DatasetError(
            f"{source} has the columns {found}; give company_id and weight (or value), separated by commas."
        )
    column = "weight" if "weight" in table.columns else "value"
    companies = company_ids(table, source)
    amount = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=np.float64)
    if not np.isfinite(amount).all():
        row = int(np.flatnonzero(~np.isfinite(amount))[0])
        value = table[column].iloc[row]
        found = "nothing" if pd.isna(value) or value == "" else repr(str(value))
        raise DatasetError(
            f"{source} has {found} as {column} of company {companies.iloc[row]}; write a number such as 0.05, or take "
            "the row out."
        )
    if not np.abs(amount).sum() > 0.0:
        raise DatasetError(
            f"{source} holds nothing; give at least one company with a {column} that is not 0."
        )
    if column == "value":
        amount = amount / np.abs(amount).sum()
    return pd.Series(amount, index=pd.Index(companies, dtype=object))


def company_ids(table: pd.DataFrame, source: str) -> pd.Series:
    """Column company_id of a list of holdings, each once.

    Raises:
        DatasetError: an empty one, or a company twice.
    """
    companies = table["company_id"].fillna("").astype(str).str.strip()
    if (companies == "").any():
        row = int(np.flatnonzero(companies == "")[0]) + 1
        raise DatasetError(f"{source} has no company_id in row {row}; add it, or take the row out.")
    if companies.duplicated().any():
        raise DatasetError(
            f"{source} names company {companies[companies.duplicated()].iloc[0]} twice; add up."
        )
    return companies


def require_own_ids(companies: Iterable[str], known: Collection[str]) -> None:
    """Refuse a holding that is unknown as it is written, but known in the dataset's form: 600519 for 600519.SH.

    Raises:
        DatasetError: there is one.
    """
    known = set(known)
    meant = {one: a_share_id(one) for one in map(str, companies) if one not in known}
    other = {one: own for one, own in meant.items() if own in known}
    if other:
        one, own = next(iter(other.items()))
        more = f", and {len(other) - 1} more such" if len(other) > 1 else ""
        raise DatasetError(f"the holdings name {one!r}, which is {own} in the dataset{more}; write {own}")


def holdings_risk(
    graph: Graph,
    holdings: pd.Series,
    as_of: AsOf,
    *,
    dataset: Dataset | None = None,
    universe: str | None = None,
    cut: str = "adaptive:min=5,max=0.2",
    overlap: float = 0.5,
    backcast_days: int = 0,
) -> HoldingsRisk:
    """Assess holdings (weights by company id) as of a day.

    Args:
        graph: an open connection.
        holdings: weights by company id.
        as_of: the day, and optionally the moment of knowledge to replay.
        dataset: a loaded dataset with bars; None leaves variances out.
        universe: whose members the factor returns are estimated on; needed with a dataset.
        cut: products of the factor returns (`samgraph.graph.series.cuts`).
        overlap: pairs of holdings with at least this product overlap are listed.
        backcast_days: past days on which the same holdings' forecast is held against the return of the day after.

    Raises:
        SnapshotError: a day without edges, an unknown universe, a bad cut.
        ConfigError: a dataset without a universe.
        DatasetError: the dataset was not loaded into this graph, or has no bars before the day; a company in another
            form than the dataset's.
    """
    if dataset is not None and universe is None:
        raise ConfigError("a forecast of variance needs a universe to estimate on; name it with --universe.")
    products = snapshot(graph, as_of)
    seen = products.as_of
    require_own_ids(holdings.index, products.companies)
    tree = product_tree(graph, seen)
    invested = float(holdings.abs().sum())
    held = _held(products, holdings)
    causes = [(c, "no product as of the day") for c in holdings.index if c not in set(held["company_id"])]
    groups = _behind(held, holdings)
    names = {str(p): str(n) for p, n in zip(tree["product_id"], tree["name"], strict=True)}
    parents = {str(p): _text(q) for p, q in zip(tree["product_id"], tree["parent_id"], strict=True)}
    levels = by_level(groups, parents)
    rows: list[dict[str, Any]] = [
        {"family": "product", "level": level, **_figures(found, invested, names)}
        for level, found in levels.items()
    ]
    rows += _industries(graph, holdings, seen, invested)
    stocks = list(holdings.index)
    place = pd.Index(stocks).get_indexer(pd.Index(held["company_id"]))
    edges = Edges.of(place, pd.factorize(held["product_id"])[0], held["weight"].to_numpy())
    found = HoldingsRisk(
        as_of=seen,
        invested=invested,
        concentration=pd.DataFrame(rows, columns=list(CONCENTRATION)).astype({"level": "Int64"}),
        products=_product_table(groups, parents, names),
        twins=twins(holdings.to_numpy(dtype=np.float64), edges, stocks, least=overlap),
        uncovered=_uncovered(causes, holdings),
    )
    if dataset is None or universe is None:
        return found
    with stage("forecast variance"):
        split, unknown, past, year, fit, returns = _variance(
            graph, dataset, holdings, seen, universe, cut, parents, backcast_days
        )
    causes += [(company, "no bar in the forecast's history") for company in unknown]
    return HoldingsRisk(
        as_of=seen,
        invested=invested,
        concentration=found.concentration,
        products=found.products,
        twins=found.twins,
        uncovered=_uncovered(causes, holdings),
        kinds=split.by_kind(),
        levels=split.by_level(parents, names=names),
        factors=split.factors().query("exposure != 0").reset_index(drop=True),
        volatility=math.sqrt(max(split.total, 0.0) * year),
        backcast=past,
        quality=None if past is None else _quality(past),
        regression=fit,
        returns=returns,
    )


def _quality(past: pd.DataFrame) -> pd.DataFrame:
    """Bias statistic and QLIKE of the whole forecast, of its factor part and of its specific part."""
    rows = [
        {"part": name or "total"}
        | forecast_quality(past[f"{name}_realised".lstrip("_")], past[f"{name}_forecast".lstrip("_")])
        for name in ("", "factor", "specific")
    ]
    return pd.DataFrame(rows)


def _text(value: Any) -> str | None:
    return None if value is None or pd.isna(value) or value == "" else str(value)


def _held(found: Snapshot, holdings: pd.Series) -> pd.DataFrame:
    return found.frame[found.frame["company_id"].isin(holdings.index)]


def _behind(held: pd.DataFrame, holdings: pd.Series) -> dict[str, float]:
    """Weight of the holdings behind each product or industry of a snapshot's rows."""
    own = holdings.reindex(held["company_id"]).to_numpy(dtype=np.float64)
    weight = pd.Series(own * held["weight"].to_numpy(dtype=np.float64), index=held["product_id"])
    return {str(name): float(value) for name, value in weight.groupby(level=0).sum().items()}


def _figures(groups: dict[str, float], invested: float, names: dict[str, str]) -> dict[str, Any]:
    found = concentration(groups, invested)
    return {
        "effective": found.effective,
        "largest": found.largest,
        "name": names.get(found.largest, found.largest),
        "share": found.largest_share,
        "covered": found.covered,
        "groups": found.groups,
    }


def _industries(graph: Graph, holdings: pd.Series, seen: AsOf, invested: float) -> list[dict[str, Any]]:
    """The same figures by industry label, at level 1 and as labelled; nothing where the graph has none."""
    rows = []
    for level, cut in ((1, "level:1"), (None, "leaf")):
        try:
            held = _held(snapshot(graph, seen, cut=cut, relation="industries"), holdings)
        except SnapshotError:
            return []
        groups = _behind(held, holdings)
        named = graph.read("period/industry_names", ids=list(groups), known=seen.known)
        names = {row["id"]: row["name"] for row in named}
        rows.append({"family": "industry", "level": level, **_figures(groups, invested, names)})
    return rows


def _product_table(
    groups: dict[str, float], parents: dict[str, str | None], names: dict[str, str]
) -> pd.DataFrame:
    total: dict[str, list[float]] = {}
    depth: dict[str, int] = {}
    for product, weight in groups.items():
        path = [product]
        while (above := parents.get(path[-1])) is not None:
            path.append(above)
        for level, node in enumerate(reversed(path), start=1):
            total.setdefault(node, []).append(weight)
            depth[node] = level
    rows = [
        (depth[node], node, names.get(node, node), parents.get(node), math.fsum(parts))
        for node, parts in total.items()
    ]
    frame = pd.DataFrame(rows, columns=["level", "product_id", "name", "parent_id", "weight"])
    return frame.sort_values(["level", "weight"], ascending=[True, False], kind="stable", ignore_index=True)


def _uncovered(causes: list[tuple[str, str]], holdings: pd.Series) -> pd.DataFrame:
    rows = [(company, float(holdings[company]), cause) for company, cause in causes]
    return pd.DataFrame(rows, columns=["company_id", "weight", "cause"])


def _variance(
    graph: Graph,
    dataset: Dataset,
    holdings: pd.Series,
    seen: AsOf,
    universe: str,
    cut: str,
    parents: dict[str, str | None],
    backcast_days: int,
) -> tuple[Decomposition, list[str], pd.DataFrame | None, float, Regression, Floats]:
    """The split of the holdings' variance, those without bars, the backcast, trading days a year, fit and returns."""
    if loaded_moment(graph, dataset) is None:
        raise DatasetError(
            f"{dataset.root} has not been loaded into this graph; run: samgraph load {dataset.root}"
        )
    market = _market(graph, dataset, holdings, seen, universe, backcast_days)
    first = max(0, market.n_dates - HISTORY_DAYS - backcast_days)
    days = slice(first, market.n_dates)
    member = market.member[days]
    families = []
    for relation, kind in (("products", "product"), ("industries", "industry")):
        series = extract_period(
            graph,
            market.dates[days],
            stocks=market.stocks,
            members=member,
            cut=cut,
            relation="products" if relation == "products" else "industries",
            known=seen.known,
        )
        families.append(
            Membership.from_series(series, kind=kind, parents=parents if kind == "product" else None)
        )
    returns = next_day(market.returns())[days]
    fit = cross_sectional_regression(
        returns,
        market.weights()[days],
        market.dates[days],
        market.stocks,
        memberships=families,
        styles={name: values[days] for name, values in style_exposures(market).items()},
        universe=member,
        ridge=Ridge(kinds=("product", "industry")),
        folds=0,
    )
    model = risk_model(fit)
    known = [company for company in holdings.index if company in set(market.stocks)]
    unknown = [company for company in holdings.index if company not in set(market.stocks)]
    weights = model.weights({company: float(holdings[company]) for company in known})
    past = None
    if backcast_days:
        n_dates = market.n_dates - first
        if n_dates - 1 - backcast_days < FEWEST_DAYS:
            raise DatasetError(
                f"a backcast of {backcast_days} days needs {FEWEST_DAYS} trading days before them, but {dataset.root} "
                f"has {n_dates} up to {seen.valid}; ask for {max(n_dates - 1 - FEWEST_DAYS, 0)} at most."
            )
        begin = n_dates - 1 - backcast_days
        forecasts = RiskForecasts(fit, history=HISTORY_DAYS, every=1, first=begin)
        past = backcast(forecasts, weights, returns)
    return model.decompose(weights), unknown, past, days_a_year(market.dates), fit, returns


def _market(
    graph: Graph, dataset: Dataset, holdings: pd.Series, seen: AsOf, universe: str, more: int
) -> Market:
    """Bars up to the day, of the universe's members and the holdings that have any."""
    if not dataset.has("bars"):
        raise DatasetError(f"{dataset.root} has no table bars; a forecast of variance needs daily prices.")
    bars = read_bars(dataset, until=seen.valid)
    calendar = pd.DatetimeIndex(np.unique(bars["date"].to_numpy()))
    if len(calendar) < 60:
        raise DatasetError(
            f"{dataset.root} has {len(calendar)} trading days up to {seen.valid}; a forecast needs 60."
        )
    dates = calendar[-(HISTORY_DAYS + STYLE_DAYS + more) :]
    members = universe_members(graph, universe, dates, known=seen.known)
    traded = set(bars["company_id"].astype(str))
    extra = [c for c in holdings.index if c not in members.columns and c in traded]
    members = members.assign(**dict.fromkeys(extra, False))
    members.loc[:, members.columns.isin(holdings.index)] = True
    return build_market(bars, members, benchmark=None, start=dates[0], end=dates[-1], warmup_days=0)
