"""Means and paired differences of ablations, over seeds and days at once.

Of one measure (a daily Rank IC), let x[s, t] be a row's value of seed s on day t and d[s, t] = x - base the paired
difference. Two things make its mean m uncertain: the days, which are autocorrelated because labels overlap, and the
seeds, a few draws of what a training ends in. Both variances are added,

    se_days^2   of the daily mean over seeds, with B degrees of freedom (`samgraph.factors.evaluation.inference`)
    se_seeds^2  the variance of the seeds' means over days, divided by the number of seeds
    interval    m +- t(df) sqrt(se_days^2 + se_seeds^2),   df as Welch and Satterthwaite have it

which counts what day and seed share twice and so errs towards wide. With one seed the interval is of days alone; with
too few days for a test there is none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from samgraph.factors.evaluation.inference import long_run_error
from samgraph.rounding import varies
from samgraph.words import many

LEVEL = 0.95
FloatArray = npt.NDArray[np.float64]


class Interval(NamedTuple):
    """A mean with its interval of level 0.95; NaN where it cannot be told."""

    mean: float
    low: float
    high: float


def interval(values: FloatArray, horizon: int) -> Interval:
    """The mean of [n_seeds, n_days] and its interval (see the module); days that a seed lacks are left out."""
    known = values[:, np.isfinite(values).all(axis=0)]
    n_seeds, n_days = known.shape
    if n_days < 2:
        return Interval(float("nan"), float("nan"), float("nan"))
    mean = float(known.mean())
    if not varies(known):
        return Interval(mean, mean, mean)
    error, of_days = long_run_error(known.mean(axis=0), horizon)
    if not of_days:
        return Interval(mean, math.nan, math.nan)
    over_days = error**2
    over_seeds = float(known.mean(axis=1).var(ddof=1)) / n_seeds if n_seeds > 1 else 0.0
    total = over_days + over_seeds
    if total == 0.0:
        return Interval(mean, mean, mean)
    freedom = total**2 / (over_days**2 / of_days + over_seeds**2 / max(n_seeds - 1, 1))
    half = float(stats.t.ppf(0.5 + LEVEL / 2, freedom)) * math.sqrt(total)
    return Interval(mean, mean - half, mean + half)


def compare(days: pd.DataFrame, base: str, horizon: int) -> pd.DataFrame:
    """Every row's measures against the base's.

    Args:
        days: name, seed, date, part, horizon, rank_ic: one row each
        base: the name that the others are compared with
        horizon: the label's

    Returns:
        name, measure, mean, low, high, difference, difference_low, difference_high, seeds, days; measures are
        `rank_ic` and `concept_rank_ic` at the label's horizon, with `_1d` at one day
    """
    found = []
    for (part, key), rows in days.groupby(["part", "horizon"], sort=False):
        ahead = int(str(key))
        wide = rows.pivot_table(index=["name", "seed"], columns="date", values="rank_ic", dropna=False)
        of_base = wide.loc[base]
        names = ["rank_ic" if part == "score" else "concept_rank_ic"]
        measures = [f"{names[0]}_1d"] if ahead == 1 else []
        measures += names if ahead == horizon else []
        for name in rows["name"].drop_duplicates():
            own = wide.loc[name]
            mine = interval(own.to_numpy(dtype=np.float64), ahead)
            seeds = own.index.intersection(of_base.index)
            paired = (own.loc[seeds] - of_base.loc[seeds]).to_numpy(dtype=np.float64)
            gap = interval(paired, ahead) if name != base else Interval(*[math.nan] * 3)
            counts = (len(own), int(np.isfinite(own.to_numpy(dtype=np.float64)).all(axis=0).sum()))
            found += [(name, measure, *mine, *gap, *counts) for measure in measures]
    columns = ["name", "measure", "mean", "low", "high"]
    columns += ["difference", "difference_low", "difference_high", "seeds", "days"]
    return pd.DataFrame(found, columns=columns)


def table_of(figures: pd.DataFrame, words: Mapping[str, tuple[str, str]]) -> pd.DataFrame:
    """One line an ablation: name, group, what, seeds, and for every measure its mean, interval and difference."""
    lines = []
    for name, rows in figures.groupby("name", sort=False):
        group, what = words[str(name)]
        line: dict[str, Any] = {"name": name, "group": group, "what": what, "seeds": int(rows["seeds"].min())}
        for row in rows.to_dict("records"):
            measure = str(row["measure"])
            line[measure] = row["mean"]
            line |= {f"{measure}_{end}": row[end] for end in ("low", "high")}
            line |= {
                f"{measure}_{key}": row[key] for key in ("difference", "difference_low", "difference_high")
            }
            line[f"{measure}_days"] = int(row["days"])
        lines.append(line)
    return pd.DataFrame(lines)


def markdown(table: pd.DataFrame, facts: Mapping[str, Any]) -> str:
    """The table as docs/results.md shows it, with what it was made of and whether random concepts lost."""
    horizon = facts["label_horizon"]
    head = (
        f"Universe {facts['universe']}, training from {facts['start']}, test {facts['test_start']} to {facts['end']} "
        f"({many(facts['days'], 'day')}, {many(facts['windows'], 'window')}), "
        f"{many(facts['seeds'], 'seed')}; {facts['model']}. Mean daily "
        "Rank IC over seeds and days of single models, raw; differences are paired by seed and day, with 95% "
        "intervals over both.\n"
    )
    names = {"rank_ic_1d": "score, 1 day", "rank_ic": f"score, {horizon} days"}
    names |= {"concept_rank_ic_1d": "concept, 1 day", "concept_rank_ic": f"concept, {horizon} days"}
    shown = [measure for measure in names if measure in table]
    gaps = [measure for measure in ("rank_ic", "concept_rank_ic") if measure in table]
    titles = ["ablation", "what", *(names[m] for m in shown), *(f"{names[m]} less base" for m in gaps)]
    lines = ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]
    for row in table.to_dict("records"):
        cells = [str(row["name"]), str(row["what"]).replace("|", "\\|")]
        cells += [_figure(row[measure]) for measure in shown]
        cells += [_gap(row, measure) for measure in gaps]
        lines.append("| " + " | ".join(cells) + " |")
    text = head + "\n" + "\n".join(lines) + "\n"
    placebo = table[table["name"] == "random"]
    return text if placebo.empty else text + "\n" + _verdict(placebo.iloc[0].to_dict(), horizon) + "\n"


def _verdict(row: Mapping[Any, Any], horizon: int) -> str:
    parts = []
    for measure, word in (("rank_ic", "the score"), ("concept_rank_ic", "the concept part")):
        low, high = -row[f"{measure}_difference_high"], -row[f"{measure}_difference_low"]
        if math.isnan(low):
            what = "too few days for an interval"
        elif low > 0:
            what = "products are better than random groups"
        elif high < 0:
            what = "random groups are better than products"
        else:
            what = "the interval includes zero, so products are not shown to be better than random groups"
        gap = -row[f"{measure}_difference"]
        parts.append(f"of {word} {gap:+.4f} ({low:+.4f} to {high:+.4f}): {what}")
    return (
        f"Products less random concepts of the same sizes, Rank IC at {horizon} days: "
        + "; ".join(parts)
        + "."
    )


def _figure(value: Any) -> str:
    return f"{value:+.4f}" if value is not None and value == value else "–"


def _gap(row: Mapping[Any, Any], measure: str) -> str:
    gap = row[f"{measure}_difference"]
    if gap != gap:
        return "–"
    low, high = row[f"{measure}_difference_low"], row[f"{measure}_difference_high"]
    if low == high == gap == 0:
        return "the base itself"
    if low != low:
        return f"{gap:+.4f}"
    return f"{gap:+.4f} ({low:+.4f} to {high:+.4f})"
