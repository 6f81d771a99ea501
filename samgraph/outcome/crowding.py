"""How much of a portfolio anybody would hold who follows a plain factor: its overlap with the factor's portfolio."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.factors.portfolio.benchmark import normalised
from samgraph.factors.portfolio.paths import KINDS, Path, path_weights
from samgraph.factors.portfolio.rules import Rules
from samgraph.factors.portfolio.simulation import PortfolioResult
from samgraph.outcome.constructions import Portfolio
from samgraph.run.inputs import Inputs
from samgraph.sums import over_stocks

FloatArray = npt.NDArray[np.float64]
COLUMNS = ["variant", "date", "factor", "overlap", "by_chance"]


def crowding_table(
    inputs: Inputs,
    books: Mapping[Portfolio, PortfolioResult],
    plain: Mapping[str, FloatArray],
    rules: Rules,
    path: Path,
) -> pd.DataFrame:
    """Overlap of each portfolio with what each plain factor's portfolio decided on its last decision day.

    The factor is followed as the portfolio's score is (a Top-K or optimised one by tranches), on the test days.

    Args:
        inputs: the run's.
        books: portfolios.
        plain: name -> [n_dates, n_stocks].
        rules: of trading.
        path: how a score is followed.

    Returns:
        variant, date (of every decision that has been traded), factor, overlap: the sum over stocks of the smaller of
        the two weights, of what each has invested; by_chance: that with equal weights of all members.
    """
    market, test, lag = inputs.market, inputs.test, rules.lag
    member = normalised(market.member.astype(np.float64))
    targets: dict[str, dict[str, FloatArray]] = {}
    frames = []
    for one, book in books.items():
        kind = one.construction if one.construction in KINDS else "tranches"
        if kind not in targets:
            targets[kind] = {
                name: path_weights(kind, _tested(values, test), market, rules, path)
                for name, values in plain.items()
            }
        held = _invested(inputs, book.holdings)
        there: npt.NDArray[np.bool_] = np.asarray(held.any(axis=1))
        for name, wanted in targets[kind].items():
            decided = np.flatnonzero(np.isfinite(wanted).any(axis=1))
            decided = decided[decided + lag < market.n_dates]
            decided = decided[there[decided + lag]]
            own = held[decided + lag]
            frames.append(
                pd.DataFrame(
                    {
                        "variant": one.name,
                        "date": market.dates[decided + lag],
                        "factor": name,
                        "overlap": over_stocks(np.minimum(own, np.nan_to_num(wanted[decided]))),
                        "by_chance": over_stocks(np.minimum(own, member[decided])),
                    }
                )
            )
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=COLUMNS)


def _tested(values: FloatArray, test: slice) -> FloatArray:
    out = np.full(values.shape, np.nan)
    out[test] = values[test]
    return out


def _invested(inputs: Inputs, holdings: pd.DataFrame) -> FloatArray:
    """Shares of what is invested at each close [n_dates, n_stocks]; rows of 0 where nothing is."""
    market = inputs.market
    out = np.zeros((market.n_dates, market.n_stocks))
    row = market.dates.get_indexer(pd.DatetimeIndex(holdings["date"]))
    out[row, pd.Index(market.stocks).get_indexer(pd.Index(holdings["company_id"]))] = holdings["value"]
    return normalised(out)
