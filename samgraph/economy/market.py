"""From true returns to quoted bars: prices in cents, price limits, splits and dividends, suspensions."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from samgraph.economy.companies import Companies
from samgraph.economy.parameters import LIMIT, UNIVERSE, Parameters

SEASONING = 60  # trading days from a listing to membership of the universe


@dataclass(frozen=True)
class Quotes:
    """Bars as arrays [n_dates, n_stocks], NaN where not listed.

    Prices are multiples of 0.01; `close * adj` gives total returns through splits and dividends.
    """

    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray
    vwap: np.ndarray
    adj: np.ndarray
    market_cap: np.ndarray
    tradable: np.ndarray
    limit_up: np.ndarray
    limit_down: np.ndarray
    listed: np.ndarray


def limits(reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest price of a day, given the reference price: 10% either way, rounded to cents."""
    return (reference * (1 - LIMIT)).round(2), (reference * (1 + LIMIT)).round(2)


def quote(parameters: Parameters, companies: Companies, returns: np.ndarray) -> Quotes:
    """Bars of every listed day. A move beyond the limit is cut there and not made up later.

    A suspended stock repeats its last price with no volume; what its business did meanwhile is lost, so
    that a return after a suspension is no more predictable than any other.
    """
    rng = parameters.stream("bars")
    n_dates, n = returns.shape
    day = np.arange(n_dates)[:, None]
    listed = (day >= companies.first) & (day <= companies.last)
    tradable = listed & ~_suspensions(rng, n_dates, n, companies)
    split, dividend = _events(rng, n_dates, n)
    split = np.where(tradable, split, 1.0)
    dividend = np.where(tradable, dividend, 0.0)

    out = {name: np.full((n_dates, n), np.nan) for name in (*_DAY, "adj", "market_cap")}
    up, down = np.zeros((n_dates, n), dtype=bool), np.zeros((n_dates, n), dtype=bool)
    price = np.exp(rng.normal(np.log(18), 0.5, n)).round(2)
    shares = (companies.cap / price).round(-2)
    adj = np.ones(n)
    draws = {name: rng.normal(size=(n_dates, n)) for name in ("gap", "up", "down", "mid")}
    for t in range(n_dates):
        live, shown = tradable[t], listed[t]
        # The price after a split s and a dividend d: one old share is s new ones that lack the dividend.
        ratio = split[t] / (1 - dividend[t])
        reference = np.maximum((price / ratio).round(2), 0.02)
        # The factor is set by the quoted reference, so rounding never shows in an adjusted return.
        adj = np.where(live, adj * price / reference, adj)
        shares = np.where(live, shares * split[t], shares)
        quoted = _day(reference, returns[t], {name: draw[t] for name, draw in draws.items()})
        quoted = {name: np.where(live, values, price) for name, values in quoted.items()}
        close = quoted["close"]
        for name, values in (quoted | {"adj": adj, "market_cap": shares * close}).items():
            out[name][t, shown] = values[shown]
        lowest, highest = limits(reference)
        up[t], down[t] = live & (close >= highest), live & (close <= lowest)
        price = np.where(shown, close, price)

    turnover = np.exp(rng.normal(-4.6, 0.4, n) + 0.35 * rng.normal(size=(n_dates, n)) + 9 * np.abs(returns))
    volume = np.where(tradable, (turnover * out["market_cap"] / out["close"]).round(-2), 0.0)
    volume[~listed] = np.nan
    out["vwap"], out["market_cap"] = out["vwap"].round(4), out["market_cap"].round(0)
    return Quotes(**out, volume=volume, tradable=tradable, limit_up=up, limit_down=down, listed=listed)


_DAY = ("open", "high", "low", "close", "vwap")


def _day(reference: np.ndarray, returns: np.ndarray, draws: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Prices of one day, each [n_stocks] and within the limits, by the names of `_DAY`."""
    lowest, highest = limits(reference)
    close = (reference * (1 + returns)).round(2).clip(lowest, highest)
    start = (reference * (1 + 0.35 * returns + 0.004 * draws["gap"])).round(2).clip(lowest, highest)
    reach = 0.006 * reference
    high = (np.maximum(start, close) + reach * np.abs(draws["up"])).round(2).clip(lowest, highest)
    low = (np.minimum(start, close) - reach * np.abs(draws["down"])).round(2).clip(lowest, highest)
    middle = ((start + close + high + low) / 4 + 0.1 * (high - low) * draws["mid"]).clip(low, high)
    return {"open": start, "high": high, "low": low, "close": close, "vwap": middle}


def _suspensions(rng: np.random.Generator, n_dates: int, n: int, companies: Companies) -> np.ndarray:
    """Days without trading: a halt every two years or so, of 1 to 15 days, never on a first or last day."""
    halted = np.zeros((n_dates, n), dtype=bool)
    for t, i in np.argwhere(rng.random((n_dates, n)) < 0.002):
        halted[t : t + int(rng.integers(1, 16)), i] = True
    halted[companies.first, np.arange(n)] = False
    halted[companies.last, np.arange(n)] = False
    return halted


def _events(rng: np.random.Generator, n_dates: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Splits (new shares for an old one) and dividends (share of the price), 1 and 0 on most days."""
    split = np.where(
        rng.random((n_dates, n)) < 0.1 / 252, rng.choice([1.2, 1.5, 2.0], size=(n_dates, n)), 1.0
    )
    split[0] = 1.0
    yearly = rng.integers(110, 150, n)  # the trading day of the year on which each company pays
    pays = (np.arange(n_dates)[:, None] % 252 == yearly) & (rng.random((n_dates, n)) < 0.7)
    return split, np.where(pays, rng.uniform(0.005, 0.03, (n_dates, n)), 0.0)


def bars_table(quotes: Quotes, companies: Companies, days: np.ndarray) -> pd.DataFrame:
    """Table `bars`, by company and day."""
    stock, t = np.nonzero(quotes.listed.T)
    columns = {
        "open": quotes.open,
        "high": quotes.high,
        "low": quotes.low,
        "close": quotes.close,
        "volume": quotes.volume,
        "vwap": quotes.vwap,
        "adj_factor": quotes.adj,
        "market_cap": quotes.market_cap,
        "tradable": quotes.tradable,
        "limit_up": quotes.limit_up,
        "limit_down": quotes.limit_down,
    }
    return pd.DataFrame(
        {"date": days[t].astype("datetime64[s]"), "company_id": companies.company_id[stock]}
        | {name: values[t, stock] for name, values in columns.items()}
    )


def member_from(companies: Companies, days: np.ndarray) -> np.ndarray:
    """First trading day of membership: the start, or 60 trading days after a listing; NaT where never."""
    row = np.where(companies.first > 0, companies.first + SEASONING, 0)
    out = np.full(len(row), np.datetime64("NaT"), dtype="datetime64[D]")
    inside = row <= companies.last
    out[inside] = days[row[inside]]
    return out


def universe_table(companies: Companies, days: np.ndarray) -> pd.DataFrame:
    """Table `universes`: every company while it is listed and seasoned, those that left later included."""
    start = member_from(companies, days)
    keep = ~np.isnat(start)
    end = np.where(np.isnat(companies.delisted_on), "", np.datetime_as_string(companies.delisted_on))
    return pd.DataFrame(
        {
            "universe": UNIVERSE,
            "company_id": companies.company_id[keep],
            "valid_from": np.datetime_as_string(start[keep]),
            "valid_to": end[keep],
        }
    )


def benchmark_table(quotes: Quotes, companies: Companies, days: np.ndarray) -> pd.DataFrame:
    """Table `benchmarks`: total-return level of the universe, weighted by market cap, 1000 at the start.

    Weights of a day are the market caps at the close before, of the companies that are members on both days.
    """
    start = member_from(companies, days)
    member = (days[:, None] >= start) & quotes.listed  # NaT compares false
    both = member[1:] & member[:-1]
    price = quotes.close * quotes.adj
    growth = np.where(both, price[1:] / np.where(both, price[:-1], 1.0), 1.0)
    weight = np.where(both, quotes.market_cap[:-1], 0.0)
    level = 1000 * np.cumprod(np.concatenate([[1.0], (weight * growth).sum(axis=1) / weight.sum(axis=1)]))
    return pd.DataFrame(
        {
            "benchmark": UNIVERSE,
            "date": np.datetime_as_string(days),
            "close": level.round(4),
            "kind": "total_return",
        }
    )
