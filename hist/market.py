"""Daily market data as dates x stocks arrays.

Prices are unadjusted, in the bars' own currency; `adj` is the back-adjusting factor, so `close * adj` is
comparable over time. A stock without a bar on a day is NaN in every column and not tradable: nothing is ever
filled forward, because a filled price makes a return of zero that never happened.

Optional columns of the bars: where `vwap` is absent it is `amount` over volume, and without `amount`
(high + low + close) / 3; `adj_factor` is 1, `tradable` volume > 0, `limit_up` and `limit_down` False, `market_cap`
unknown, `st`, `float_cap` and `book_to_price` None. A market carries the price limits of its days, so that labels,
factors and portfolios meet the same ones (`samgraph.exchange.access`). This module does not need torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.errors import DatasetError
from samgraph.exchange.access import day_limits
from samgraph.exchange.tables import Exchange

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
DayArray = npt.NDArray[np.datetime64]
Limits = Literal["exchange", "flags", "none"]

REQUIRED = ("date", "company_id", "open", "high", "low", "close", "volume")
_PRICES = ("open", "high", "low", "close")
_NUMBERS = (*_PRICES, "vwap", "adj", "volume", "market_cap")
_OPTIONAL = ("book_to_price", "st", "float_cap", "index_weight", "upper_limit", "lower_limit", "fit_member")
_FLAGS = ("tradable", "limit_up", "limit_down", "member")
LISTINGS = ("listed_on", "delisted_on")
FURTHER = "further."  # before the name of a further column among the panels
VWAP_SLACK = 0.001  # by which an average price may leave the day's low and high, for rounding


@dataclass(frozen=True, eq=False)
class Market:
    """Bars of one universe over one period.

    Shapes:
        dates: [n_dates], the trading days, rising; stocks: [n_stocks] company ids
        open, high, low, close, vwap: float64 [n_dates, n_stocks], currency a share, unadjusted, NaN = no bar
        adj: float64 [n_dates, n_stocks], back-adjusting factor; volume: shares; market_cap: currency
        tradable, limit_up, limit_down, member: bool [n_dates, n_stocks]
        benchmark: float64 [n_dates], an index level, NaN where unknown
        book_to_price: float64 [n_dates, n_stocks], book value by market cap as known by the day's close, for the
            value style; None where the bars have no such column
        has_vwap: whether `vwap` is the bars' own and not a stand-in
        further: float64 [n_dates, n_stocks] by name: columns of the bars that a user's own features read
        st: bool [n_dates, n_stocks], under special treatment; None where the bars do not say
        float_cap: float64 [n_dates, n_stocks], market cap of the freely traded shares; None as above
        index_weight: float64 [n_dates, n_stocks], the universe's official weights, NaN on days without; None
            where the market was read without them, as `build_market` does
        upper_limit, lower_limit: float64 [n_dates, n_stocks], highest and lowest price of the day, infinite and 0
            where there is no limit; None works them out by the A-share exchanges' rules where they are asked for
        listed_on, delisted_on: datetime64[D] [n_stocks], NaT where unknown or never; None where nobody's is known
        fit_member: bool [n_dates, n_stocks], whom models see, members or not; None: the members alone
    """

    dates: pd.DatetimeIndex
    stocks: tuple[str, ...]
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    vwap: FloatArray
    adj: FloatArray
    volume: FloatArray
    market_cap: FloatArray
    tradable: BoolArray
    limit_up: BoolArray
    limit_down: BoolArray
    member: BoolArray
    benchmark: FloatArray
    book_to_price: FloatArray | None = None
    has_vwap: bool = True
    further: Mapping[str, FloatArray] = field(default_factory=dict)
    st: BoolArray | None = None
    float_cap: FloatArray | None = None
    index_weight: FloatArray | None = None
    upper_limit: FloatArray | None = None
    lower_limit: FloatArray | None = None
    listed_on: DayArray | None = None
    delisted_on: DayArray | None = None
    fit_member: BoolArray | None = None

    @property
    def n_dates(self) -> int:
        """Number of trading days."""
        return len(self.dates)

    @property
    def n_stocks(self) -> int:
        """Number of stocks, whether or not they are members on a given day."""
        return len(self.stocks)

    def returns(self) -> FloatArray:
        """Adjusted close-to-close returns [n_dates, n_stocks]: close_t adj_t / (close_t-1 adj_t-1) - 1.

        NaN on the first day and wherever either day has no bar.
        """
        price = self.close * self.adj
        result = np.full_like(price, np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            result[1:] = price[1:] / price[:-1] - 1.0
        return result

    def weights(self) -> FloatArray:
        """Market capitalisations with a stated fallback, for weighting [n_dates, n_stocks], always positive.

        Where a stock's is unknown (or not positive) it takes that day's cross-sectional median of the members
        whose cap is known, or of all stocks if no member's is; 1 on a day that knows none.
        """
        known = np.isfinite(self.market_cap) & (self.market_cap > 0)
        result = np.where(known, self.market_cap, np.nan)
        for t in np.flatnonzero(~known.all(axis=1)):
            for group in (known[t] & self.member[t], known[t]):
                if group.any():
                    fallback = float(np.median(self.market_cap[t, group]))
                    break
            else:
                fallback = 1.0
            result[t, ~known[t]] = fallback
        return result

    def log_caps(self) -> FloatArray:
        """Logs of market caps to be neutral to [n_dates, n_stocks], NaN where one is unknown.

        0 for all on a day on which fewer than half of the members have one: a constant takes nothing off, and the day
        is not judged by the few that have.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.where(self.market_cap > 0, np.log(self.market_cap), np.nan)
        known = (np.isfinite(logs) & self.member).sum(axis=1)
        logs[2 * known < self.member.sum(axis=1)] = 0.0
        return logs

    def for_models(self) -> Market:
        """The same bars with everyone whom models see as a member, be it to learn from alone."""
        if self.fit_member is None:
            return self
        return replace(self, member=self.member | self.fit_member, fit_member=None)

    def frame(self, name: str) -> pd.DataFrame:
        """One of the panels above by its name, as a frame: index dates, columns company ids."""
        values = getattr(self, name, None)
        if not isinstance(values, np.ndarray) or values.ndim != 2:
            known = ", ".join((*_NUMBERS, *_FLAGS))
            raise DatasetError(f"a market has no panel {name!r}; it has {known}")
        return pd.DataFrame(values, index=self.dates, columns=pd.Index(self.stocks, name="company_id"))

    def __repr__(self) -> str:
        if not self.n_dates:
            return f"Market(no days, {self.n_stocks} stocks)"
        held = self.member.sum(axis=1)
        return (
            f"Market({self.dates[0].date()} to {self.dates[-1].date()}: {self.n_dates} days, {self.n_stocks} stocks, "
            f"{held.min()} to {held.max()} members a day)"
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that features may need beyond those that all bars have."""
        return (*(("vwap",) if self.has_vwap else ()), *self.further)

    def panels(self) -> dict[str, npt.NDArray[Any]]:
        """All [n_dates, n_stocks] arrays of the bars by name, further columns as "further.NAME"."""
        names = (*_NUMBERS, *_FLAGS, *(name for name in _OPTIONAL if getattr(self, name) is not None))
        return {
            **{name: getattr(self, name) for name in names},
            **{f"{FURTHER}{name}": panel for name, panel in self.further.items()},
        }

    def permuted(self, order: npt.NDArray[np.int64]) -> Market:
        """The same market with its stocks in another order: place p holds old stock `order[p]`."""
        listings = {n: getattr(self, n)[order] for n in LISTINGS if getattr(self, n) is not None}
        stocks = tuple(self.stocks[i] for i in order)
        return self._with(lambda panel: panel[:, order], stocks=stocks, **listings)

    def until(self, stop: int) -> Market:
        """The market's first `stop` days, as if nothing later had been read."""
        dates, benchmark = self.dates[:stop], self.benchmark[:stop]
        return self._with(lambda panel: panel[:stop], dates=dates, benchmark=benchmark)

    def _with(self, change: Callable[[npt.NDArray[Any]], npt.NDArray[Any]], **changes: Any) -> Market:
        panels: dict[str, Any] = {name: change(panel) for name, panel in self.panels().items()}
        further = {name: panels.pop(f"{FURTHER}{name}") for name in self.further}
        return replace(self, **panels, **changes, further=further)


def build_market(
    bars: pd.DataFrame,
    members: pd.DataFrame,
    *,
    benchmark: pd.DataFrame | None,
    start: pd.Timestamp,
    end: pd.Timestamp,
    warmup_days: int,
    further: Sequence[str] = (),
    listings: pd.DataFrame | None = None,
    limits: Limits = "exchange",
    rules: Exchange | None = None,
    fitted: pd.DataFrame | None = None,
) -> Market:
    """Arrange bars as dates x stocks, for the stocks that are ever members, or in `fitted`.

    Args:
        bars: long table, columns as in the dataset's `bars`; bars of other stocks are left out
        members: bool, index dates, columns company_id; False on days that it does not name
        benchmark: columns date, close, one index; None makes it the members' return weighted by the day
            before's market cap, starting at 1
        start: first day of the period
        end: its last day, inclusive
        warmup_days: trading days before `start` that are kept as history
        further: columns of numbers that features read by their names, where the bars have them
        listings: columns company_id, [listed_on], [delisted_on]: for the days after a listing and the end of a stock
        limits: price limits by the bars' flags and the exchanges' rules, by the flags alone, or none at all
        rules: the exchanges'; the A-share ones if None
        fitted: as `members`, whom models see as well; None: nobody else

    Raises:
        DatasetError: a required column is missing, two bars of one stock on one day, no bars in the period
    """
    for column in REQUIRED:
        if column not in bars.columns:
            raise DatasetError(
                f"table bars has no column '{column}' (found: {', '.join(map(str, bars.columns))}); add it"
            )
    if fitted is not None:
        fitted = fitted.reindex(columns=sorted({*members.columns, *fitted.columns}), fill_value=False)
        members = members.reindex(columns=fitted.columns, fill_value=False)
    stocks = tuple(str(c) for c in members.columns)
    code = pd.Index(stocks).get_indexer(pd.Index(bars["company_id"].astype(str)))
    day = pd.DatetimeIndex(bars["date"]).as_unit("s")
    used = (code >= 0) & np.asarray(day <= pd.Timestamp(end))
    dates = _trading_days(day[used], pd.Timestamp(start), warmup_days)
    place = dates.get_indexer(day)
    used &= place >= 0
    row, column_ = place[used], code[used]
    _reject_duplicates(row, column_, dates, stocks)
    shape = (len(dates), len(stocks))

    def numbers(name: str) -> FloatArray:
        values = np.full(shape, np.nan)
        values[row, column_] = bars[name].to_numpy(dtype=np.float64, na_value=np.nan)[used]
        return values

    def flags(name: str) -> BoolArray:
        values = np.zeros(shape, dtype=np.bool_)
        values[row, column_] = bars[name].fillna(False).to_numpy(dtype=np.bool_)[used]
        return values

    prices = {name: _positive(numbers(name)) for name in _PRICES}
    volume = numbers("volume")
    has_bar = np.isfinite(prices["close"])
    has_vwap = "vwap" in bars.columns or "amount" in bars.columns
    if "vwap" in bars.columns:
        vwap = _positive(numbers("vwap"))
    elif has_vwap:
        vwap = _average_price(numbers("amount"), volume, prices)
    else:
        vwap = (prices["high"] + prices["low"] + prices["close"]) / 3.0
    adj = _positive(numbers("adj_factor")) if "adj_factor" in bars.columns else np.ones(shape)
    adj = np.where(has_bar, adj, np.nan)
    traded = has_bar & (np.nan_to_num(volume) > 0)
    tradable = flags("tradable") & traded if "tradable" in bars.columns else traded
    member = _align_members(members, dates)
    flagged = bars.columns if limits != "none" else ()
    market = Market(
        dates=dates,
        stocks=stocks,
        vwap=vwap,
        adj=adj,
        volume=volume,
        market_cap=_positive(numbers("market_cap"))
        if "market_cap" in bars.columns
        else np.full(shape, np.nan),
        tradable=tradable,
        limit_up=flags("limit_up") if "limit_up" in flagged else np.zeros(shape, dtype=np.bool_),
        limit_down=flags("limit_down") if "limit_down" in flagged else np.zeros(shape, dtype=np.bool_),
        member=member,
        benchmark=np.full(len(dates), np.nan),
        book_to_price=numbers("book_to_price") if "book_to_price" in bars.columns else None,
        has_vwap=has_vwap,
        further={
            name: numbers(name) for name in further if name in bars.columns and bars[name].dtype.kind in "iuf"
        },
        st=flags("st") if "st" in bars.columns else None,
        float_cap=_positive(numbers("float_cap")) if "float_cap" in bars.columns else None,
        listed_on=_listings(listings, "listed_on", stocks),
        delisted_on=_listings(listings, "delisted_on", stocks),
        fit_member=None if fitted is None else _align_members(fitted, dates),
        **prices,
    )
    if limits == "exchange":
        upper, lower = day_limits(market, rules=rules)
    else:
        upper, lower = np.full(shape, np.inf), np.zeros(shape)
    market = replace(market, upper_limit=upper, lower_limit=lower)
    level = _universe_level(market) if benchmark is None else _benchmark_level(benchmark, dates)
    return replace(market, benchmark=level)


def _listings(table: pd.DataFrame | None, column: str, stocks: tuple[str, ...]) -> DayArray | None:
    """Days by stock; None where the table has none at all."""
    if table is None or column not in table.columns or table[column].isna().all():
        return None
    days = table.drop_duplicates("company_id").set_index("company_id")[column].reindex(list(stocks))
    result: DayArray = pd.DatetimeIndex(days).to_numpy().astype("datetime64[D]")
    return result


def _positive(values: FloatArray) -> FloatArray:
    return np.where(values > 0, values, np.nan)  # a price or a cap of zero is a missing one


def _average_price(amount: FloatArray, volume: FloatArray, prices: Mapping[str, FloatArray]) -> FloatArray:
    """Amount over volume where it lies between the day's low and high; NaN elsewhere."""
    with np.errstate(divide="ignore", invalid="ignore"):
        vwap = _positive(amount) / _positive(volume)
        fits = (vwap >= prices["low"] * (1 - VWAP_SLACK)) & (vwap <= prices["high"] * (1 + VWAP_SLACK))
    known = np.isfinite(vwap) & np.isfinite(prices["close"])
    if fits.sum() < 0.5 * known.sum():
        ratio = float(np.median(vwap[known] / prices["close"][known]))
        raise DatasetError(
            f"table bars: amount over volume is {ratio:.3g} times the close in the median; give amount in the currency "
            "of the prices and volume in shares, or leave amount out"
        )
    return np.where(fits, vwap, np.nan)


def _trading_days(days: pd.DatetimeIndex, start: pd.Timestamp, warmup_days: int) -> pd.DatetimeIndex:
    unique = pd.DatetimeIndex(np.unique(days.to_numpy()))
    first = int(unique.searchsorted(start))
    if first >= len(unique):
        raise DatasetError(
            f"table bars has no bar of the universe's stocks on or after {start.date()}; check the period"
        )
    return unique[max(0, first - warmup_days) :]


def _reject_duplicates(
    row: npt.NDArray[np.intp], column: npt.NDArray[np.intp], dates: pd.DatetimeIndex, stocks: tuple[str, ...]
) -> None:
    key = row.astype(np.int64) * len(stocks) + column
    ordered = np.sort(key)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(twice):
        t, i = divmod(int(twice[0]), len(stocks))
        raise DatasetError(
            f"table bars has two bars of company {stocks[i]} on {dates[t].date()} "
            f"({len(twice)} such pairs); keep one"
        )


def _align_members(members: pd.DataFrame, dates: pd.DatetimeIndex) -> BoolArray:
    place = pd.DatetimeIndex(members.index).as_unit("s").get_indexer(dates)
    values = members.to_numpy(dtype=np.bool_)
    result: BoolArray = values[np.maximum(place, 0)] & (place >= 0)[:, None]
    return result


def _benchmark_level(benchmark: pd.DataFrame, dates: pd.DatetimeIndex) -> FloatArray:
    if "benchmark" in benchmark.columns and len(benchmark["benchmark"].unique()) > 1:
        names = ", ".join(sorted(map(str, benchmark["benchmark"].unique())))
        raise DatasetError(f"table benchmarks holds several indices ({names}); name one of them")
    series = pd.Series(
        benchmark["close"].to_numpy(dtype=np.float64), index=pd.DatetimeIndex(benchmark["date"]).as_unit("s")
    )
    if not series.index.is_unique:
        day = series.index[series.index.duplicated()][0]
        raise DatasetError(f"table benchmarks has two rows on {day.date()}; keep one")
    return series.reindex(dates).to_numpy(dtype=np.float64)


def _universe_level(market: Market) -> FloatArray:
    returns = market.returns()
    weight = market.weights()
    level = np.ones(market.n_dates)
    for t in range(1, market.n_dates):
        held = market.member[t - 1] & np.isfinite(returns[t]) & np.isfinite(market.close[t - 1])
        gain = float(np.average(returns[t, held], weights=weight[t - 1, held])) if held.any() else 0.0
        level[t] = level[t - 1] * (1.0 + gain)
    return level
