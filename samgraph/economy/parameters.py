"""What a simulated economy is made of: sizes, volatilities and the strength of what is planted."""

import datetime as dt
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from samgraph.errors import ConfigError

START_YEAR = 2019
DAYS_A_YEAR = 252
UNIVERSE = "SIM"
LIMIT = 0.10

# One entry a part; the position is the stream's number, so append and never reorder.
_STREAMS = ("taxonomy", "companies", "mix", "reports", "labels", "lives", "factors", "idiosyncratic", "bars")


@dataclass(frozen=True)
class Parameters:
    """The settings of one economy. Volatilities and premia are fractions a trading day.

    `signal` scales everything that makes returns predictable (premia, slow reaction, the passing of
    shocks along value chains, reversal): 1 is the default strength, 0 leaves returns that no function
    of the past predicts.
    """

    seed: int
    companies: int = 200
    products: int = 300
    years: int = 6
    signal: float = 1.0

    market_volatility: float = 0.0115
    market_drift: float = 0.0002
    sector_volatility: float = 0.004
    family_volatility: float = 0.013
    leaf_volatility: float = 0.005
    idiosyncratic_volatility: float = 0.0125
    group_volatility: float = 0.012

    premium: float = 0.0006
    premium_half_life: float = 90.0
    slow_share: float = 0.8
    slow_days: float = 25.0
    chain: float = 0.15
    chain_days: float = 10.0
    reversal: tuple[float, ...] = (0.07, 0.12, 0.06)
    overreaction: float = 0.08
    overreaction_days: float = 25.0
    groups: int = 4
    group_share: float = 0.06

    multi_product: float = 0.95
    many_product: float = 0.67
    mislabelled: float = 0.22
    restated: float = 0.08
    listings: float = 0.10
    delistings: float = 0.06

    def __post_init__(self) -> None:
        for name, low, high in (
            ("companies", 20, 20_000),
            ("products", 30, 100_000),
            ("years", 1, 40),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ConfigError(f"--{name} is {value}; give a whole number from {low} to {high}.")
        if self.seed < 0:
            raise ConfigError(f"--seed is {self.seed}; give a whole number of 0 or more.")
        if not 0 <= self.signal <= 10:
            raise ConfigError(f"--signal is {self.signal}; give a number from 0 (nothing planted) to 10.")

    def stream(self, part: str) -> np.random.Generator:
        """The random stream of one part of the economy."""
        return np.random.default_rng(np.random.SeedSequence([self.seed, _STREAMS.index(part)]))

    def as_dict(self) -> dict[str, Any]:
        """The settings for `truth.json`."""
        return asdict(self)


def trading_days(years: int) -> np.ndarray:
    """`years * 252` trading days from the start of 2019: business days without the holidays."""
    spring = [(2, day) for day in range(8, 15)]
    holidays = [(1, 1), (10, 1), (10, 2), (10, 3), (5, 1), *spring, (10, 4), (10, 5), (5, 2), (5, 3)]
    parts = []
    for year in range(START_YEAR, START_YEAR + years):
        days = np.arange(f"{year}-01-01", f"{year + 1}-01-01", dtype="datetime64[D]")
        days = days[np.is_busday(days)]
        surplus = len(days) - DAYS_A_YEAR
        closed = [
            d for d in (np.datetime64(dt.date(year, m, d), "D") for m, d in holidays) if np.is_busday(d)
        ]
        parts.append(np.setdiff1d(days, np.array(closed[:surplus], dtype="datetime64[D]")))
    return np.concatenate(parts)


def half_year_ends(first: np.datetime64, last: np.datetime64) -> np.ndarray:
    """Every 30 June and 31 December in `[first, last]`, as datetime64[D]."""
    years = range(first.astype(object).year, last.astype(object).year + 1)
    ends = np.array([f"{y}-{md}" for y in years for md in ("06-30", "12-31")], dtype="datetime64[D]")
    return ends[(ends >= first) & (ends <= last)]
