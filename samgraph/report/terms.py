"""What the report's words mean: one sentence each, shown in its glossary and linked from cards and headers."""

from __future__ import annotations

TERMS: dict[str, tuple[str, str]] = {
    "excess": (
        "Excess return, arithmetic",
        "The mean of daily returns less the benchmark's, times the trading days of a year. Arithmetic figures of two "
        "portfolios may be subtracted from each other; they stand in no row with compounded ones.",
    ),
    "compounded": (
        "Compounded return",
        "Growth a year of money that stays invested: (1 + r1)(1 + r2)… to the power of the part of a year, less 1.",
    ),
    "total-return": (
        "Total return and price index",
        "A total-return index reinvests dividends, as the portfolios do. A price index leaves them out, so that a "
        "portfolio seems better against it by the dividend yield.",
    ),
    "interval": (
        "95% interval and p-value",
        "The range of true differences that the days of the test are compatible with, and the chance of a difference "
        "at least this large if there were none. Where the interval includes zero, the data do not tell.",
    ),
    "control": (
        "Industry control",
        "The same model on industry labels instead of products: what products add over industries.",
    ),
    "plain": (
        "Plain factor",
        "A factor without a model, such as reversal or momentum. The best of them is chosen in hindsight, which "
        "flatters it.",
    ),
    "ic": ("IC", "Correlation, on one day, of a score with the returns that follow it, over stocks."),
    "rank-ic": ("Rank IC", "The same correlation of ranks, which no single return can dominate."),
    "icir": ("ICIR, Rank ICIR", "Mean of the daily IC over its standard deviation."),
    "t": (
        "t",
        "The mean over its standard error, scaled so that 1.96 is the 5% critical value also where returns overlap.",
    ),
    "q": ("q", "False discovery rate: the expected share of false finds among tests with at most this q."),
    "ir": ("Information ratio (IR)", "Mean excess return over its standard deviation, a year."),
    "te": ("Tracking error (TE)", "Standard deviation of the daily excess return, a year."),
    "drawdown": (
        "Drawdown of the excess",
        "How far the portfolio's value over the benchmark's fell below its highest point before, compounded.",
    ),
    "sharpe": (
        "Sharpe ratio",
        "Mean daily return over its standard deviation, a year. No riskless rate is taken off.",
    ),
    "sortino": (
        "Sortino ratio",
        "The same with the root of the mean squared return below zero instead of the standard deviation.",
    ),
    "calmar": ("Calmar ratio", "Compounded growth a year over the worst drawdown."),
    "var": (
        "VaR and CVaR",
        "VaR, 95%: the loss of a day that 5% of the days exceeded; CVaR: the mean loss of those days. Of the days of "
        "the test as they were, no distribution assumed.",
    ),
    "turnover": ("Turnover", "Half of what was bought and sold, as a share of the value, a year."),
    "neutral": (
        "Neutral",
        "What a daily regression on industry and log market cap (or on styles) leaves of a factor.",
    ),
    "horizon": (
        "Horizon",
        "Trading days over which a return is measured, from the first trade after the score.",
    ),
    "spread": ("Spread", "Return of the highest less the lowest quantile of a factor."),
    "concept": ("Concept part", "What the score owes to companies that sell the same products."),
    "hidden": ("Hidden part", "What the score owes to companies that behaved alike."),
    "individual": ("Individual part", "What the score owes to the company's own prices."),
    "transfer": (
        "Transfer coefficient",
        "Correlation of a portfolio's active risk with the score that decided it: how much of the view is held.",
    ),
    "deflated": (
        "Deflated Sharpe ratio",
        "Probability that the true ratio is above the best that as many skill-less trials would show.",
    ),
    "effective": (
        "Effective number",
        "How many equal shares would be as concentrated: 1 over the sum of squared shares. That of products depends on "
        "the cut at which products are counted, which is named beside it.",
    ),
    "cut": (
        "Cut",
        "The rule that folds products of the taxonomy into the concepts that a model or regression uses.",
    ),
    "as-of": ("As of", "Using only what was public, and recorded, by that day."),
    "r2": (
        "R², adjusted, held-out",
        "Share of a day's cross-section of returns that exposures explain; adjusted for their number; and predicted "
        "for companies that the regression did not see.",
    ),
    "bias": (
        "Bias of a risk forecast",
        "Standard deviation of returns in units of their forecast: 1 is right.",
    ),
    "qlike": (
        "QLIKE",
        "A loss of risk forecasts by which they are compared on the same returns; less is better.",
    ),
}

# Headers of tables that a term explains.
HEADS = {
    "IC": "ic",
    "Rank IC": "rank-ic",
    "Rank ICIR": "icir",
    "t": "t",
    "t of it": "t",
    "q": "q",
    "p": "interval",
    "IR": "ir",
    "excess, arithmetic": "excess",
    "over the benchmark, arithmetic": "excess",
    "return, compounded": "compounded",
    "tracking error": "te",
    "forecast TE": "te",
    "turnover": "turnover",
    "turnover a year": "turnover",
    "drawdown of the excess": "drawdown",
    "transfer coefficient": "transfer",
    "deflated Sharpe": "deflated",
    "held-out R²": "r2",
    "bias": "bias",
    "QLIKE": "qlike",
    "neutral to": "neutral",
    "spread": "spread",
    "concept": "concept",
    "hidden": "hidden",
    "individual": "individual",
}
