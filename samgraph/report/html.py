"""The pieces of a report's page: tables, pictures, figures in words. Every text passes through `text`."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence

import plotly.graph_objects as go

from samgraph.report.terms import HEADS, TERMS
from samgraph.run.folder import RunFolder

LONG, SHORT = 36, 12  # letters of a cell that wants a wide column; of one that is never broken
VARIED = ("variant", "portfolio")  # first headers of tables whose rows the filter hides
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_TAG = re.compile(r"<[^>]*>")
PARTS = ("concept", "hidden", "individual", "score")


class Html(str):
    """Markup that is escaped already; everything else is escaped by `text`."""

    __slots__ = ()


def given(run: RunFolder, tables: Sequence[str], make: Callable[..., str], what: str) -> str:
    """`make(*tables)`, or a sentence where the run, made before such tables were kept, lacks one."""
    missing = [name for name in tables if not run.has(name)]
    if missing:
        return (
            f"<p class='soft'>{text(what)}: left out, for the run keeps no {text(missing[0])}.parquet; run "
            "the backtest "
            "again to have it.</p>"
        )
    return make(*(run.table(name) for name in tables))


def section(key: str, title: str, *parts: str) -> str:
    """A section of the page; `key` is its place in the contents."""
    return f"<section id='{key}'><h2>{text(title)}</h2>{''.join(parts)}</section>"


def figure(picture: go.Figure, title: str, caption: str, *, above: str = "") -> str:
    """A picture, drawn when it comes into view (report.js); caption: what, its unit, number of observations.

    `above` is markup between title and picture.
    """
    height = int(picture.layout.height or 360)
    return (
        f"<figure><h3>{text(title)}</h3>{above}<div class='plot' role='img' aria-label='{text(title)}' "
        f"style='height:{height}px'></div><script type='application/json'>{in_script(picture.to_json())}</script>"
        f"<figcaption>{text(caption)}</figcaption></figure>"
    )


def in_script(content: str) -> str:
    """JSON that cannot end the script element it stands in; it reads as the same JSON."""
    for sign in "<>&\u2028\u2029":
        content = content.replace(sign, f"\\u{ord(sign):04x}")
    return content


def pair(*figures: str) -> str:
    """Pictures side by side where there is room."""
    return f"<div class='pair'>{''.join(figures)}</div>"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], caption: str, *, words: int = 1) -> str:
    """A table whose first `words` columns are words, to the left, and whose others are figures, to the right.

    tables.js makes it sortable by its headers and downloadable as CSV.
    """
    marks = []
    for column in range(len(head)):
        longest = max((len(_TAG.sub("", row[column])) for row in rows), default=0)
        width = " long" if longest > LONG else " short" if longest <= SHORT else ""
        marks.append(f" class='words{width}'" if column < words else "")
    top = "".join(f"<th scope='col'{mark}>{_head(cell)}</th>" for mark, cell in zip(marks, head, strict=True))
    body = "".join(
        (f"<tr data-variant='{text(_TAG.sub('', row[0]))}'>" if head[0] in VARIED else "<tr>")
        + "".join(f"<td{mark}>{text(cell)}</td>" for mark, cell in zip(marks, row, strict=True))
        + "</tr>"
        for row in rows
    )
    return (
        f"<div class='tabled'><p class='soft'>{text(caption)}</p>"
        f"<div class='scroll' tabindex='0' role='region' aria-label='{text(caption)}'><table>"
        f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div></div>"
    )


def _head(cell: str) -> str:
    """A header; where the glossary has its word, with a link to it."""
    key = HEADS.get(cell)
    what = f"<a class='what' href='#term-{key}' aria-label='what {text(cell)} means'>?</a>" if key else ""
    return f"<div class='head'><span>{text(cell)}</span>{what}</div>"


def term(key: str, shown: str) -> Html:
    """Words that lead to their place in the glossary: a key of `TERMS`, or arm-NAME or way-NAME."""
    target = f"term-{key}" if key in TERMS else key
    return Html(f"<a class='term' href='#{text(target)}'>{text(shown)}</a>")


def variant_link(run: RunFolder, name: str) -> Html:
    """A portfolio's name, leading to what its model is."""
    one = run.portfolios.get(name)
    return term(f"arm-{one.arm}", name) if one else Html(text(name))


def days(shown: str) -> Html:
    """A text whose days are never broken at the end of a line."""
    return Html(_DAY.sub(r"<span class='day'>\g<0></span>", text(shown)))


def details(title: str, *parts: str) -> str:
    """Something to open."""
    return f"<details><summary>{text(title)}</summary>{''.join(parts)}</details>"


def text(value: object) -> str:
    """Escaped for HTML, in text and in attributes; `Html` is escaped already."""
    if isinstance(value, Html):
        return value
    return html.escape(str(value), quote=True)


def known(value: float | None) -> bool:
    """Neither None nor NaN."""
    return value is not None and value == value


def percent(value: float | None) -> str:
    """A fraction, with two decimals."""
    return f"{value:z.2%}" if known(value) else "–"


def points(value: float | None, unit: str = " points") -> str:
    """A difference of fractions in percentage points."""
    return f"{100 * value:+z.2f}{unit}" if value is not None and known(value) else "–"


def number(value: float | None) -> str:
    """Two decimals."""
    return f"{value:z.2f}" if known(value) else "–"


def fine(value: float | None) -> str:
    """Four decimals."""
    return f"{value:z.4f}" if known(value) else "–"


def chance(value: float | None) -> str:
    """A p-value, or another probability."""
    if value is None or not known(value):
        return "–"
    if value < 0.001:
        return "< 0.001"
    return "> 0.999" if value > 0.999 else f"{value:.3f}"
