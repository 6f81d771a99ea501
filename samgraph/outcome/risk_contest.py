"""A run's contest of risk models: its own products against its industries, on the test days, styles and stocks.

Exposures are as of each day, at the run's `regression_cut`. The contest begins where both have been known for
`FEWEST_DAYS` trading days, and affects nothing else in the run.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.errors import ModelError
from samgraph.exchange.calendar import days_a_year
from samgraph.factors.regression.exposures import Membership
from samgraph.factors.risk.contest import contest_table
from samgraph.factors.risk.contest_models import HISTORY_DAYS, Arena, hold_contest
from samgraph.hist.market import Market
from samgraph.run.inputs import Inputs

Styles = Mapping[str, npt.NDArray[np.float64]]
MODELS = {"product": ("product",), "industry": ("industry",)}


def contest_of_run(inputs: Inputs, styles: Styles) -> pd.DataFrame | None:
    """The contest's table (see `samgraph.factors.risk.contest.contest_table`); None where days are too few.

    `styles`: name -> [n_dates, n_stocks] exposures known by each day.
    """
    market, test = inputs.market, inputs.test
    days = slice(max(0, test.start - HISTORY_DAYS), test.stop)
    parents = dict(zip(inputs.first_tree["product_id"], inputs.first_tree["parent_id"], strict=True))
    families = {
        "product": Membership.from_series(
            inputs.coarse_products.between(days), kind="product", parents=parents
        ),
        "industry": Membership.from_series(inputs.coarse_industries.between(days), kind="industry"),
    }
    try:
        daily = hold_contest(arena_of(market, styles, days, test.start), families, MODELS)
    except ModelError:
        return None
    return contest_table(daily, days_a_year=days_a_year(market.dates)) if len(daily) else None


def arena_of(market: Market, styles: Styles, days: slice, first: int) -> Arena:
    """What the models share on some days of a market; `first` is the first day to forecast on, of the market's."""
    return Arena(
        market.dates[days],
        market.stocks,
        market.returns()[days],
        market.weights()[days],
        market.member[days],
        market.tradable[days],
        {name: values[days] for name, values in styles.items()},
        first - days.start,
    )
