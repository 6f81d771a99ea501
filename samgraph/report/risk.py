"""The report's section on risk: forecasts held against what came, and what an optimised portfolio was allowed."""

from __future__ import annotations

import pandas as pd

from samgraph.arms.registry import BASE
from samgraph.factors.risk.forecasts import forecast_quality
from samgraph.report.html import (
    figure,
    number,
    pair,
    percent,
    section,
    table,
)
from samgraph.report.pictures import figures_risk
from samgraph.report.why import Reasons
from samgraph.run.folder import RunFolder

AGAINST = {"nothing": "whole", "benchmark": "less the benchmark"}
OPTIMISED = (
    *("portfolio", "bounds dropped: days", "days", "in bounds", "forecast TE", "realised TE"),
    *("expected", "bought", "active share", "names"),
)


def risk(run: RunFolder) -> str:
    """Forecasts and decisions; empty where the run made neither (too few days of bars, or before they were kept)."""
    parts = []
    if run.has("risk"):
        parts.append(_forecasts(run, run.table("risk")))
    if run.has("optimiser"):
        parts.append(_optimised(run, run.table("optimiser")))
    if run.has("stress"):
        parts.append(_stress(run, run.table("stress")))
    return section("risk", "Risk: forecast and realised", *parts) if any(parts) else ""


def _stress(run: RunFolder, found: pd.DataFrame) -> str:
    if found.empty:
        return ""
    why = Reasons(run)
    rows = [
        [str(r["name"]), why.link(str(r["worst_company_id"]))]
        + [percent(r[name]) for name in ("shock", "weight", "direct", "carried", "worst")]
        for r in found.to_dict("records")
    ]
    return table(
        ["product", "loses most", "shock", "weight", "direct", "by input shares", "at worst"],
        rows,
        "The main portfolio on its last day if one product fell, with all below it, and its customers by the share of "
        "their inputs; at worst: with every share that nobody states as large as it can be. samgraph risk --stress "
        "asks of other shocks.",
        words=2,
    )


def _forecasts(run: RunFolder, backcast: pd.DataFrame) -> str:
    if backcast.empty:
        return "<p>No day had enough days behind it for a forecast of risk.</p>"
    yearly = run.days_a_year**0.5
    pictures, rows = [], []
    for (variant, against), days in backcast.groupby(["variant", "against"], sort=False):
        found = forecast_quality(days["realised"], days["forecast"])
        means = {
            name: float((days[name] ** 2).mean() ** 0.5) * yearly
            for name in ("forecast", "factor_forecast", "specific_forecast", "realised")
        }
        rows.append(
            [str(variant), AGAINST.get(str(against), str(against))]
            + [percent(value) for value in means.values()]
            + [number(found["bias"]), f"{number(found['bias_low'])} to {number(found['bias_high'])}"]
            + [number(found["qlike"]), f"{found['days']}"]
        )
        kind = run.portfolios[str(variant)]
        if kind.arm == BASE:
            name = "the whole portfolio" if against == "nothing" else "less the benchmark"
            pictures.append(
                figure(
                    figures_risk.forecast_and_realised(days, kind, run.days_a_year),
                    f"Forecast and realised: {variant}, {name}".replace("_", " "),
                    f"Root mean square over {figures_risk.WINDOW} days each, as volatility a year; "
                    f"{found['days']} days, each forecast made on days before it.",
                )
            )
    shown = table(
        ["variant", "of", "forecast", "factors", "specific", "realised", "bias", "right", "QLIKE", "days"],
        rows,
        "Volatility a year (root mean squares) of the day after each forecast, and the forecast's part from factors "
        "and from stocks alone. Bias is the deviation of returns in forecast deviations: 1 is right, above it risk "
        "was higher than forecast; “right” is where 95% of right forecasts lie if returns are normal. QLIKE "
        "compares forecasts of the same returns: less is better.",
        words=2,
    )
    return "".join(pair(*pictures[place : place + 2]) for place in range(0, len(pictures), 2)) + shown


def _optimised(run: RunFolder, decisions: pd.DataFrame) -> str:
    bounds = run.manifest["config"].get("optimiser", {})
    limit = float(bounds.get("tracking_error", float("nan")))
    rows = []
    for variant, days in decisions.groupby("variant", sort=False):
        realised = run.summary["variants"].get(str(variant), {}).get("tracking_error")
        dropped = days.loc[days["relaxed"] != "", "relaxed"].value_counts()
        rows.append(
            [
                str(variant),
                "; ".join(f"{name}: {count}" for name, count in dropped.items()) or "none",
                f"{len(days)}",
                f"{int((days['relaxed'] == '').sum())}",
                percent(days["tracking_error"].mean()),
                percent(realised),
                percent(days["expected"].mean()),
                percent(days["bought"].mean()),
                percent(days["active_share"].mean()),
                f"{days['names'].mean():.0f}",
            ]
        )
    names = {"product": "a product", "industry": "an industry", "stock": "a stock"}
    told = ", ".join(f"{bounds[key]:.1%} {name}" for key, name in names.items() if key in bounds)
    return figure(
        figures_risk.tracking_errors(decisions, run.portfolios, limit),
        "Index-enhanced portfolio: forecast tracking error",
        f"Of each decision, a year, with the bound of {percent(limit)}; {decisions['date'].nunique()} days. Other "
        f"bounds: active weights of {told}; {bounds.get('style', 0):g} standard deviations a style; "
        f"{bounds.get('turnover', 0):.0%} bought a rebalance.",
    ) + table(
        OPTIMISED,
        rows,
        "What the optimiser decided, means over its days: tracking error (TE) a year; expected active return over "
        f"{run.summary['label_horizon']} days before costs; bought as a share of the value; active share is half of "
        "the absolute active weights.",
        words=2,
    )
