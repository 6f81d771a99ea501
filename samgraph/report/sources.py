"""The report's answer to: where did the return come from? By part, horizon, year, group, yardstick and style."""

from __future__ import annotations

import pandas as pd

from samgraph.report.html import (
    PARTS,
    chance,
    details,
    figure,
    fine,
    given,
    number,
    pair,
    percent,
    section,
    table,
    term,
    variant_link,
)
from samgraph.report.pictures import figures, figures_sources
from samgraph.report.result import yearly
from samgraph.run.folder import RunFolder
from samgraph.words import many

SIZES = ("small", "middle", "large")


def where_from(run: RunFolder) -> str:
    """Everything about the parts of the score and the regressions."""
    label = int(run.summary["label_horizon"])
    return section(
        "sources",
        "Where the return came from",
        given(run, ("ic",), lambda ic: _through_time(ic, label), "Rank IC through time"),
        f"<p>A score is the sum of a {term('concept', 'concept part')} (what companies that sell the same have in "
        f"common), a {term('hidden', 'hidden part')} (what companies that behave alike have in common) and an "
        f"{term('individual', 'individual part')}.</p>",
        given(run, ("decay",), _by_horizon, "Rank IC by horizon"),
        given(run, ("quantiles",), lambda q: _quantiles(q, label), "Quantiles"),
        given(run, ("turnover",), _memory, "Rank autocorrelation"),
        given(run, ("portfolio",), lambda daily: _by_year(run, daily), "Return by year"),
        given(run, ("decay", "orthogonal"), lambda d, o: _orthogonal(d, o, label), "What is left of styles"),
        given(run, ("breakdown",), lambda b: _groups(run, b, label), "By year, offset, size and industry"),
        _regressions(run),
        given(run, ("premia",), _premia, "Premia"),
    )


def _days(frame: pd.DataFrame) -> str:
    days = frame.loc[frame["factor"].isin(PARTS), "n_days"]
    if days.empty:
        return "no days"
    low, high = int(days.min()), int(days.max())
    return f"{low} days" if low == high else f"{low} to {high} days"


def _by_horizon(decay: pd.DataFrame) -> str:
    return pair(
        figure(
            figures_sources.rank_ic_by_horizon(decay, PARTS),
            "Rank IC by horizon",
            "Mean Rank IC of each part, neutralised for industry and log market cap; bars are 95% intervals, "
            "wide enough for overlapping returns and left out where there are too few days; "
            f"{_days(decay)}.",
        ),
        figure(
            figures_sources.spread_decay(decay, PARTS),
            "Decay",
            "Return of the highest less the lowest quantile of each neutralised part, for each day held; 95% "
            "intervals; "
            f"{_days(decay)}.",
        ),
    )


def _through_time(ic: pd.DataFrame, label: int) -> str:
    mine = ic[(ic["horizon"] == _nearest(ic, label)) & ic["factor"].isin(PARTS)].dropna(subset=["rank_ic"])
    score = mine[mine["factor"] == "score"]
    if score.empty:
        return ""
    at = f"at {int(mine['horizon'].iloc[0])} days; {score['date'].nunique()} days."
    return pair(
        figure(
            figures_sources.ic_by_month(score),
            "Rank IC through time",
            f"Mean of each month's daily Rank IC of the neutralised score {at}",
        ),
        figure(
            figures_sources.ic_cumulated(mine, PARTS),
            "Rank IC, cumulated",
            f"Sum of the daily Rank IC of each neutralised part {at}",
        ),
    )


def _nearest(frame: pd.DataFrame, label: int) -> int:
    """The horizon of a table that is nearest to the label's."""
    return int(min(frame["horizon"].unique(), key=lambda h: abs(int(h) - label), default=label))


def _quantiles(quantiles: pd.DataFrame, label: int) -> str:
    label = _nearest(quantiles, label)
    mine = quantiles[quantiles["horizon"] == label]
    counted = f"{mine['date'].nunique()} days, {mine['n'].mean():.0f} companies a quantile."
    shortest = _nearest(quantiles, 1)
    return pair(
        figure(
            figures_sources.quantile_returns(quantiles, PARTS, label),
            "Quantiles",
            f"Mean return by quantile of each neutralised part over {label} days, less the day's mean of all "
            f"quantiles; {counted}",
        ),
        figure(
            figures_sources.quantile_curves(quantiles, "score", shortest),
            "Quantiles through time",
            f"Return a day of each quantile of the neutralised score (1 = lowest), less the mean of all quantiles, "
            f"cumulated by addition, before costs; from returns over {many(shortest, 'day')}; {counted}",
        ),
    )


def _memory(turnover: pd.DataFrame) -> str:
    return figure(
        figures_sources.rank_memory(turnover, PARTS),
        "How long a rank lasts",
        f"Mean correlation of each neutralised part's ranks with those of so many days before; "
        f"{turnover['date'].nunique()} days.",
    )


def _by_year(run: RunFolder, portfolio: pd.DataFrame) -> str:
    found = yearly(portfolio)
    rows = [
        [
            variant_link(run, str(r["variant"])),
            str(r["year"]),
            str(r["days"]),
            percent(r["return"]),
            percent(r["benchmark"]),
            percent(r["return"] - r["benchmark"]),
        ]
        for r in found.to_dict("records")
    ]
    days = found.groupby("year")["days"].max()
    return figure(
        figures.yearly_excess(found, run.portfolios),
        "Excess return by year",
        "Sum of the daily excess returns of each calendar year after costs; days: "
        f"{', '.join(f'{year}: {n}' for year, n in days.items())}.",
    ) + details(
        "Return by year as a table",
        table(
            [
                "variant",
                "year",
                "days",
                "return, compounded",
                "benchmark, compounded",
                "difference, compounded",
            ],
            rows,
            "Compounded within the calendar year; the bars above are sums of daily differences.",
        ),
    )


def _orthogonal(decay: pd.DataFrame, orthogonal: pd.DataFrame, label: int) -> str:
    every = pd.concat([decay.assign(against="industry_size"), orthogonal], ignore_index=True)
    at = every[(every["horizon"] == label) & every["factor"].isin(PARTS)]
    if at.empty:
        return ""
    at = at.assign(yardstick=at["against"].map(figures_sources.YARDSTICKS))
    picture = figure(
        figures_sources.intervals(
            figures_sources.by_part(at, PARTS),
            "yardstick",
            "rank_ic",
            "tstat_nw",
            y_title="mean Rank IC",
            places=list(figures_sources.YARDSTICKS.values()),
            x_title="neutral to",
        ),
        "What is left when styles are taken out",
        f"Mean Rank IC at {label} days of what a daily regression on each yardstick leaves of a part; 95% intervals; "
        f"{_days(at)}. Styles: size, beta, momentum, reversal, volatility, liquidity, and value "
        "if given.",
    )
    rows = [
        [
            str(r["factor"]),
            str(r["yardstick"]),
            fine(r["rank_ic"]),
            number(r["rank_icir"]),
            number(r["tstat_nw"]),
            chance(r["q_value"]),
            str(r["n_days"]),
        ]
        for r in at.to_dict("records")
    ]
    return picture + details(
        "The same as a table",
        table(
            ["part", "neutral to", "Rank IC", "Rank ICIR", "t", "q", "days"],
            rows,
            f"At {label} days; 1.96 is the 5% critical value of t; q is the false discovery rate over all tests of the "
            "table it comes from, whatever their dependence (Benjamini and Yekutieli).",
            words=2,
        ),
    )


def _groups(run: RunFolder, breakdown: pd.DataFrame, label: int) -> str:
    mine = breakdown[
        (breakdown["against"] == "industry_size")
        & (breakdown["horizon"] == label)
        & breakdown["factor"].isin(PARTS)
        & (breakdown["n_days"] > 0)
    ]
    shown = []
    for by, title, words, places in (
        (
            "year",
            "Rank IC by year",
            "in each calendar year",
            sorted(mine.loc[mine["by"] == "year", "group"].unique()),
        ),
        ("size", "Rank IC by size", "within thirds of the companies by market cap", SIZES),
    ):
        rows = mine[mine["by"] == by]
        if len(rows):
            shown.append(
                figure(
                    figures_sources.intervals(
                        figures_sources.by_part(rows, PARTS),
                        "group",
                        "rank_ic",
                        "tstat_nw",
                        y_title="mean Rank IC",
                        places=places,
                    ),
                    title,
                    f"Mean Rank IC at {label} days of each neutralised part {words}; 95% intervals; "
                    f"{_days(rows)} a group.",
                )
            )
    offsets, industries = (mine[mine["by"] == by] for by in ("offset", "industry"))
    industries = industries[industries["factor"] == "score"]
    if len(offsets):
        shown.append(
            figure(
                figures_sources.offset_boxes(offsets, PARTS),
                "Rank IC by rebalance offset",
                f"Mean Rank IC of a rebalance every {label} days, a point for each of the "
                f"{offsets['group'].nunique()} days to "
                f"begin on; returns of one offset do not overlap; {_days(offsets)} an offset.",
            )
        )
    if len(industries):
        names = _industry_names(run)
        shown.append(
            figure(
                figures_sources.industry_dots(industries, names),
                "Rank IC by industry",
                f"Mean Rank IC of the score at {label} days within each industry; 95% intervals; "
                f"{_days(industries)} an industry.",
            )
        )
    return "".join(pair(*shown[place : place + 2]) for place in range(0, len(shown), 2))


def _industry_names(run: RunFolder) -> dict[str, str]:
    if not run.has("tilts"):
        return {}
    rows = run.table("tilts")
    rows = rows[rows["kind"] == "industry"]
    return dict(zip(rows["factor"], rows["name"], strict=True))


def _regressions(run: RunFolder) -> str:
    regression = run.summary.get("regression", {})
    rows = [
        [name, percent(v["r2"]), percent(v["adj_r2"]), percent(v["oos_r2"]), f"{v['k']:.0f}"]
        for name, v in regression.items()
    ]
    return table(
        ["exposures", "R²", "adjusted R²", "held-out R²", "factors"],
        rows,
        f"Daily cross-sectional regressions of returns on the exposures known the day before; means over "
        f"{run.summary['days']} days. Held-out R² predicts companies that the regression did not see.",
    )


def _premia(premia: pd.DataFrame) -> str:
    if premia.empty:
        return ""
    rows = [
        [
            str(r["factor"]).replace("_", " "),
            percent(r["premium"]),
            percent(r["se"]),
            number(r["t"]),
            chance(r["p_value"]),
        ]
        for r in premia.to_dict("records")
    ]
    one = premia.iloc[0]
    return details(
        "Premia of parts and styles side by side",
        table(
            ["factor", "premium", "standard error", "t", "p"],
            rows,
            f"Fama and MacBeth's: mean return over {one['horizon']} days for one standard deviation of the "
            "factor, all factors "
            f"and styles together; 1.96 is the 5% critical value of t; {one['n_days']} days.",
        ),
    )
