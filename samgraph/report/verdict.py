"""The report's first screen: what was traded, on what benchmark, and whether it was better, how surely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from samgraph.arms.registry import ARMS, BASE, CONTROL, PLAIN
from samgraph.outcome.against import BENCHMARK, against
from samgraph.outcome.benchmarks import IN_WORDS, UNIVERSE
from samgraph.outcome.constructions import CONSTRUCTIONS
from samgraph.report.html import (
    Html,
    chance,
    days,
    figure,
    given,
    number,
    percent,
    section,
    term,
    text,
)
from samgraph.report.pictures import figures
from samgraph.report.result import SCORES
from samgraph.run.folder import RunFolder
from samgraph.words import many

NAMES = {
    BENCHMARK: "its benchmark",
    CONTROL: "the industry control",
    PLAIN: "the plain GRU",
    "placebo": "random groups",
    "theme": "themes",
    "competitor": "competitors",
    "ridge": "ridge",
    "lightgbm": "LightGBM",
    "master": "MASTER",
    "ensemble": "the ensemble",
}
FACTOR = "the best plain factor"


@dataclass(frozen=True)
class Comparison:
    """One card: the main portfolio, or its score, less what it is held against; None where it is not known.

    Attributes:
        name: of what it is held against, in the headline.
        label: of the card.
        shown: the difference in words.
        interval: its ends in words.
        low, high, p_value: of the 95% interval and its test.
        value: the difference.
    """

    name: str
    label: Html
    shown: str
    interval: str
    value: float | None
    low: float | None
    high: float | None
    p_value: float | None

    @property
    def sign(self) -> str:
        """Good or bad where the interval excludes zero, else nothing."""
        if self.low is None or self.high is None:
            return ""
        return "good" if self.low > 0 else "bad" if self.high < 0 else ""


def verdict(run: RunFolder) -> str:
    """The cards, the curves below them, and the figures that they rest on."""
    rows = comparisons(run)
    return section(
        "verdict",
        headline(rows),
        f"<p class='lead'>{_traded(run)}</p>",
        _cards(rows),
        "<p class='soft'>Mean daily difference, a year (arithmetic), after costs; that of Rank IC is a mean of days. "
        " 95% intervals and p-values by "
        f"{term('interval', 'paired tests')} that keep the dependence of days. A figure has a colour only where its "
        "interval excludes zero.</p>",
        given(run, ("portfolio",), lambda daily: _curves(run, daily), "Curves of excess return"),
        _strips(run),
    )


def benchmark_name(run: RunFolder) -> str:
    """The run's benchmark and whether it has dividends in it."""
    found = run.summary.get("benchmarks")
    if not found:
        return ""
    name = found["main"]
    kind = IN_WORDS[found["rows"][name]["kind"]]
    return f"{'the universe by market cap' if name == UNIVERSE else name}, {kind}"


def comparisons(run: RunFolder) -> list[Comparison]:
    """Against the benchmark, the control, the plain GRU, every other arm and the best plain factor that the run has."""
    found: dict[str, Any] = dict(run.summary.get("against") or {})
    if not found and run.has("portfolio"):
        seed = int(run.manifest["config"].get("seed", 0))
        found = dict(against(run.table("portfolio"), seed=seed, days_a_year=run.days_a_year))
    control = run.summary.get(f"{BASE}_minus_{CONTROL}")
    if control:
        found[CONTROL] = control | {"difference": control["excess_return"]}
    if BENCHMARK not in found:
        found[BENCHMARK] = {"difference": run.summary["variants"][BASE]["excess_return"]}
    held_against = benchmark_name(run) or "the benchmark"
    labels = {
        BENCHMARK: Html(f"over {term('total-return', held_against)}"),
        CONTROL: Html(f"over the {term('control', 'industry control')}"),
    }
    rows = []
    for key in (BENCHMARK, *ARMS):
        if key in found:
            name = NAMES.get(key, key)
            label = labels.get(key, Html(f"over {term(f'arm-{key}', name)}"))
            rows.append(_comparison(name, label, found[key], "{:+.2%}"))
    plain = run.summary.get("best_plain_factor")
    if plain:
        less = plain.get("score_less_factor") or {
            "difference": _minus(plain.get("score_rank_ic"), plain.get("rank_ic"))
        }
        best = f"{str(plain['factor']).replace('_', ' ')}, the best of {plain['among']} plain factors"
        label = Html(f"Rank IC over {term('plain', best)}")
        rows.append(_comparison(FACTOR, label, less, "{:+.4f}"))
    return rows


def headline(rows: Sequence[Comparison]) -> str:
    """The cards in one sentence."""
    groups: dict[str, list[str]] = {}
    for row in rows:
        groups.setdefault("untested" if row.low is None else row.sign, []).append(row.name)
    words = {
        "good": ("ahead of", "and"),
        "bad": ("behind", "and"),
        "": ("no clear difference from", "or"),
        "untested": ("no test against", "or"),
    }
    said = "; ".join(
        f"{what} {_and(groups[key], join)}" for key, (what, join) in words.items() if key in groups
    )
    return said[:1].upper() + said[1:]


def _comparison(name: str, label: Html, found: dict[str, Any], form: str) -> Comparison:
    value, low, high = (found.get(key) for key in ("difference", "ci_low", "ci_high"))
    sure = low is not None and high is not None
    return Comparison(
        name,
        label,
        "–" if value is None else form.format(value),
        f"{form.format(low)} to {form.format(high)}" if sure else "",
        value,
        low if sure else None,
        high if sure else None,
        found.get("p_value"),
    )


def p_value(value: float | None) -> str:
    """`p = 0.031`, `p < 0.001`."""
    shown = chance(value)
    return f"p {shown}" if shown[0] in "<>" else f"p = {shown}"


def _minus(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b


def _and(names: Sequence[str], word: str = "and") -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"


def _traded(run: RunFolder) -> str:
    summary = run.summary
    one, benchmark = run.portfolios[BASE], benchmark_name(run)
    way = CONSTRUCTIONS[one.construction].words
    score = SCORES[summary["traded"]["score"]] if "traded" in summary else "the score"
    return (
        f"Traded: {term(f'way-{one.construction}', way)} on {text(score)} of {term(f'arm-{BASE}', ARMS[BASE].words)}; "
        f"universe {text(summary['universe'])}, {days(summary['test_start'])} to {days(summary['end'])}, after costs"
        f"{f'. Benchmark: {text(benchmark)}' if benchmark else ''}."
    )


def _cards(rows: Sequence[Comparison]) -> str:
    cells = []
    for row in rows:
        sure = f"{row.interval}<br>{text(p_value(row.p_value))}" if row.interval else "no test in this run"
        cells.append(
            f"<li><span class='of'>{row.label}</span><b class='{row.sign}'>{text(row.shown)}</b>"
            f"<span class='sure'>{sure}</span></li>"
        )
    return f"<ul class='figures cards'>{''.join(cells)}</ul>"


def _curves(run: RunFolder, portfolio: Any) -> str:
    return figure(
        figures.excess_curves(portfolio, run.portfolios),
        f"Excess return over {benchmark_name(run) or 'the benchmark'}",
        f"Portfolios after costs less the benchmark, cumulated by simple addition; {run.traded_days} days.",
    )


def _strips(run: RunFolder) -> str:
    """Compounded figures, arithmetic ones, and those of the whole period, each in a row of its own."""
    base = run.summary["variants"][BASE]
    compounded = [
        ("portfolio", percent(base["return"])),
        ("benchmark", percent(base["benchmark_return"])),
    ]
    arithmetic = [
        (term("ir", "information ratio"), number(base["information_ratio"])),
        (term("te", "tracking error"), percent(base.get("tracking_error"))),
        (term("turnover", "turnover"), number(base["turnover"])),
        ("costs", percent(base.get("cost"))),
    ]
    whole = [(term("drawdown", "worst drawdown of the excess"), percent(base["max_drawdown"]))]
    tried = run.summary.get("overfitting", {})
    deflated = tried.get("variants", {}).get(BASE, {}).get("deflated_sharpe")
    if deflated is not None:
        name = term("deflated", f"deflated Sharpe, after {many(tried['trials'], 'trial')}")
        whole.append((name, chance(deflated)))
    return (
        _strip("Compounded, a year", compounded)
        + _strip("Arithmetic, a year", arithmetic)
        + _strip("Over all days", whole)
    )


def _strip(title: str, cells: Sequence[tuple[str, str]]) -> str:
    shown = "".join(f"<li><b>{text(value)}</b><span class='of'>{name}</span></li>" for name, value in cells)
    return f"<h3>{text(title)}</h3><ul class='figures strip'>{shown}</ul>"
