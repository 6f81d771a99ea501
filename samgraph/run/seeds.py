"""One score of an arm from those of its seeds.

Two fits of one model disagree about how far its scores spread, on a day and from day to day; averaged as they are, the
wider one would count for more. So each seed's scores of a day are first measured in their own standard deviations. The
parts of a score are divided by the same, so that they still add up to it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from samgraph.arms.hist import PARTS
from samgraph.hist.market import Market

_FLAT = 1e-12  # a standard deviation below it is rounding: the day's scores are equal


def standardised(predictions: pd.DataFrame) -> pd.DataFrame:
    """Each seed's scores of each day less their mean, over their standard deviation; the parts to the same measure.

    Args:
        predictions: seed, date, company_id, concept, hidden, individual, score of one arm, a row per stock and day.

    Returns:
        The same rows. Each part has mean 0 over the day's stocks, the score standard deviation 1, and
        score = concept + hidden + individual where that held before, but for a constant. All are 0 on a day on which a
        seed's scores are equal.
    """
    day = predictions.groupby(["seed", "date"], sort=False).ngroup().to_numpy()
    count = np.bincount(day)
    centred = {}
    for part in PARTS:
        values = predictions[part].to_numpy(dtype=np.float64)
        centred[part] = values - (np.bincount(day, values) / count)[day]
    spread = np.sqrt(np.bincount(day, centred["score"] ** 2) / count)
    scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > _FLAT)[day]
    return predictions.assign(**{part: values * scale for part, values in centred.items()})


def averaged(predictions: pd.DataFrame) -> pd.DataFrame:
    """The mean over seeds of an arm's standardised scores and parts.

    Args:
        predictions: as for `standardised`.

    Returns:
        date, company_id, concept, hidden, individual, score, sorted by date and company_id.
    """
    keys = ["date", "company_id"]
    return standardised(predictions).groupby(keys, as_index=False)[list(PARTS)].mean()


def of_members(predictions: pd.DataFrame, market: Market) -> pd.DataFrame:
    """Without those of stocks that are not members of the universe that day, whom models see all the same."""
    if market.fit_member is None:
        return predictions
    day = market.dates.get_indexer(pd.DatetimeIndex(predictions["date"]).as_unit("s"))
    stock = pd.Index(market.stocks).get_indexer(pd.Index(predictions["company_id"]))
    return predictions[market.member[day, stock]].reset_index(drop=True)
