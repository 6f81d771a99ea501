"""How many days a year has, by the data's own calendar."""

from __future__ import annotations

import pandas as pd

DAYS_A_YEAR = 252
"""Where the data are too short to tell."""
SHORT = 182  # calendar days; holidays make a shorter span too uneven


def days_a_year(dates: pd.DatetimeIndex) -> float:
    """Trading days in 365.25 days of the calendar, from the first to the last of `dates` (all those known, not a part).

    China's exchanges trade on 242 or 243 days a year, New York's on 251 or 252.
    """
    span = (dates[-1] - dates[0]).days if len(dates) else 0
    return (len(dates) - 1) / span * 365.25 if span >= SHORT else float(DAYS_A_YEAR)
