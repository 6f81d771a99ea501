"""The report's section that asks whether product exposures make a better risk model than industry labels."""

from __future__ import annotations

import pandas as pd

from samgraph.report.html import chance, fine, number, percent, section, table
from samgraph.run.folder import RunFolder

MEASURES = {
    "log_likelihood": "log-likelihood of the day's returns (minus, a stock)",
    "random": "QLIKE of random portfolios",
    "active": "QLIKE of random portfolios less the market",
    "minimum_variance": "realised variance of the minimum-variance portfolio",
    "minimum_qlike": "QLIKE of the minimum-variance portfolio",
    "apart": "QLIKE of spreads within products, across industries",
    "together": "QLIKE of spreads within industries, across products",
}
SQUARES = ("minimum_variance",)  # a variance of one day, told in ten-thousandths


def risk_contest(run: RunFolder) -> str:
    """The section; empty where the run kept no contest (too few days, or made before there was one)."""
    if not run.has("risk_contest"):
        return ""
    found = run.table("risk_contest")
    return section("contest", "Risk: products or industries", _verdict(found), _table(found))


def _verdict(found: pd.DataFrame) -> str:
    tested = found[found["model"].eq("product") & found["p_value"].notna()]
    if tested.empty:
        return "<p>There are too few days to tell which of the two is the better risk model.</p>"
    sure = tested[tested["p_value"] < 0.05]
    better, worse = int((sure["gain"] > 0).sum()), int((sure["gain"] < 0).sum())
    rest = len(tested) - better - worse
    return (
        f"<p>Of {len(tested)} measures over {int(tested['n_days'].max())} days, products are better than industries on "
        f"{better}, worse on {worse}, and not told apart on {rest} (at 5% each, no correction for their number).</p>"
    )


def _table(found: pd.DataFrame) -> str:
    rows = []
    for r in found.to_dict("records"):
        squares = str(r["measure"]) in SQUARES
        scale = 1e4 if squares else 1.0
        rows.append(
            [
                MEASURES[str(r["measure"])] + (", × 10⁴" if squares else ""),
                str(r["model"]),
                fine(r["loss"] * scale),
                number(r["bias"]),
                percent(r["forecast"]),
                percent(r["realised"]),
                fine(r["gain"] * scale),
                number(r["dm"]),
                chance(r["p_value"]),
                str(r["n_days"]),
                f"{r['n']:.0f}",
            ]
        )
    return table(
        ["measure", "model", "loss", "bias", "forecast", "realised", "gain", "DM", "p", "days", "a day"],
        rows,
        "Two risk models on the same stocks (members with both products and an industry), styles and days, each "
        "forecast made of what was known and held against the next day's return. Less loss is better; gain is the "
        "industries' loss less the products'. Bias: 1 is right, above it risk was higher than forecast. Volatility a "
        "year. DM: Diebold and Mariano's statistic with Bartlett weights and the correction of Harvey, Leybourne and "
        "Newbold. "
        "“A day”: stocks, portfolios or pairs.",
        words=2,
    )
