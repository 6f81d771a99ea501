"""What the words of a page mean, and what a run's models and portfolios are."""

from __future__ import annotations

from samgraph.arms.registry import ARMS
from samgraph.outcome.constructions import CONSTRUCTIONS
from samgraph.report.html import section, text
from samgraph.report.terms import TERMS
from samgraph.run.folder import RunFolder


def glossary(run: RunFolder) -> str:
    """Every term, and the models and constructions of the run; `variant_link` and `term` lead here."""
    arms = dict.fromkeys(one.arm for one in run.portfolios.values())
    built = dict.fromkeys(one.construction for one in run.portfolios.values())
    models = [(f"arm-{name}", name, ARMS[name].words) for name in arms if name in ARMS]
    models += [(f"way-{name}", name, CONSTRUCTIONS[name].words) for name in built if name in CONSTRUCTIONS]
    return section("glossary", "Glossary", _listed(models), terms())


def terms() -> str:
    """Every term by its name."""
    rows = ((f"term-{key}", name, words) for key, (name, words) in TERMS.items())
    return _listed(sorted(rows, key=lambda row: row[1].lower()))


def _listed(rows: list[tuple[str, str, str]]) -> str:
    items = "".join(
        f"<div id='{text(key)}'><dt>{text(name)}</dt><dd>{text(words)}</dd></div>"
        for key, name, words in rows
    )
    return f"<dl class='glossary'>{items}</dl>"
