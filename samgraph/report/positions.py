"""The report's section on positions: exposures over time, each holding with the reason, and crowding."""

from __future__ import annotations

import pandas as pd

from samgraph.arms.registry import BASE
from samgraph.report.html import PARTS, details, figure, given, pair, percent, section, table
from samgraph.report.pictures import figures_desk
from samgraph.report.why import LISTED, Reasons, factor_names, last_held
from samgraph.run.folder import RunFolder
from samgraph.run.seeds import averaged


def positions(run: RunFolder) -> str:
    """Of the product arm's first portfolio."""
    return section(
        "positions",
        "Positions over time, and why",
        given(run, ("tilt_history",), lambda frame: _history(run, frame), "Exposures over time"),
        given(run, ("holdings", "predictions", "trades"), lambda h, p, t: _listed(run, h, p, t), "Holdings"),
        given(run, ("crowding",), lambda frame: _crowding(run, frame), "Crowding"),
    )


def _history(run: RunFolder, history: pd.DataFrame) -> str:
    names = factor_names(run)
    pictures = []
    for kind, title in (("style", "Styles over time"), ("industry", "Industries over time")):
        own = history[history["kind"] == kind]
        if len(own):
            own = own.assign(factor=own["factor"].map(lambda key: names.get(key, key)))
            pictures.append(
                figure(
                    figures_desk.active_lines(own, percent=kind == "industry"),
                    title,
                    f"The {BASE} portfolio less the universe, the largest {figures_desk.LINES}; "
                    f"{own['date'].nunique()} days.",
                )
            )
    return pair(*pictures)


def reasons(
    holdings: pd.DataFrame, scores: pd.DataFrame, trades: pd.DataFrame, day: pd.Timestamp
) -> pd.DataFrame:
    """company_id, weight, why: each holding of a day with the sentence why it is held.

    Args:
        holdings: date, company_id, weight of one portfolio.
        scores: date, company_id and the parts of the score, averaged over seeds.
        trades: date, company_id, side, reason, decided_on of the portfolio.
        day: a day of `holdings`.
    """
    held = holdings[holdings["date"] == day].sort_values("weight", ascending=False, kind="stable")
    bought = trades[(trades["side"] == "buy") & (trades["date"] <= day)].drop_duplicates(
        "company_id", keep="last"
    )
    purchase = bought.set_index("company_id")
    rank = scores.groupby("date")["score"].rank(ascending=False, method="min")
    known = scores.assign(rank=rank, of=scores.groupby("date")["score"].transform("count"))
    known = known.set_index(["date", "company_id"])
    rows = []
    for company, weight in zip(held["company_id"], held["weight"], strict=True):
        if company not in purchase.index:
            rows.append((company, weight, "Held since before the run's trades."))
            continue
        order = purchase.loc[company]
        said = f"Last bought on {order['date'].date()}, decided on {order['decided_on'].date()} by {order['reason']}"
        key = (order["decided_on"], company)
        if key in known.index:
            row = known.loc[key]
            parts = {name: float(row[name]) for name in PARTS[:-1] if pd.notna(row[name])}
            split = ", ".join(f"{name} {value:+.2f}" for name, value in parts.items())
            said += f": score {row['score']:+.2f}, rank {int(row['rank'])} of {int(row['of'])}"
            said += f" ({split})" if split else ""
        rows.append((company, weight, said + "."))
    return pd.DataFrame(rows, columns=["company_id", "weight", "why"])


def _listed(run: RunFolder, holdings: pd.DataFrame, predictions: pd.DataFrame, trades: pd.DataFrame) -> str:
    if "weight" not in holdings or "decided_on" not in trades:
        return (
            "<p class='soft'>Holdings: left out, for the run keeps no weights or days of decision; run the backtest "
            "again to have them.</p>"
        )
    held = last_held(holdings)
    if held.empty:
        return "<p>The portfolio held nothing.</p>"
    day = held["date"].iloc[0]
    scores = averaged(predictions[predictions["variant"] == BASE])
    found = reasons(held, scores, trades[trades["variant"] == BASE], day)
    told = Reasons(run)
    rows = [
        [told.anchor(key), told.link(key), why, percent(weight)]
        for key, weight, why in found.head(LISTED).itertuples(index=False)
    ]
    return details(
        "Holdings of the last day, each with its reason",
        table(
            ["stock", "name", "why", "weight"],
            rows,
            f"{len(rows)} of {len(found)} holdings of {day.date()}, by weight. Scores are standard deviations of "
            f"their day, means over seeds; samgraph explain RUN --company ID --date DAY shows what a score is "
            "made of.",
            words=3,
        ),
    )


def _crowding(run: RunFolder, crowding: pd.DataFrame) -> str:
    mine = crowding[crowding["variant"] == BASE]
    if mine.empty:
        return "<p>Crowding: no plain factor decided a portfolio on the days of the run.</p>"
    best = (run.summary.get("best_plain_factor") or {}).get("factor")
    best = best if best in set(mine["factor"]) else mine["factor"].iloc[0]
    rows = [
        [
            str(factor).replace("_", " "),
            percent(own["overlap"].mean()),
            percent(own["overlap"].iloc[-1]),
            percent(own["by_chance"].mean()),
        ]
        for factor, own in mine.groupby("factor", sort=False)
    ]
    own = mine[mine["factor"] == best]
    return figure(
        figures_desk.overlap_lines(own),
        f"Crowding: overlap with {str(best).replace('_', ' ')}",
        f"Sum of the smaller of both weights, of {BASE} and of what the same construction makes of the best plain "
        f"factor (chosen in hindsight); {own['date'].nunique()} days.",
    ) + table(
        ["plain factor", "overlap, mean", "last", "with the whole universe"],
        rows,
        f"Overlap of the {BASE} portfolio with each plain factor's portfolio, on the days on which decisions are "
        f"traded; {mine['date'].nunique()} days.",
    )
