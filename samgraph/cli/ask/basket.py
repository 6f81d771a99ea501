"""`samgraph basket`: who earns with a theme."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from samgraph.cli.output import FORMATS, print_frame
from samgraph.cli.terminal import tell
from samgraph.words import many

if TYPE_CHECKING:
    from samgraph.graph.ask.basket_history import Every

SHOWN = 10
"""Products of a text that are named on the terminal."""
EVERY: tuple[Every, ...] = ("week", "month", "quarter", "year")


@click.command("basket")
@click.argument("question", metavar="PRODUCT_OR_TEXT")
@click.option(
    "--product",
    "only",
    multiple=True,
    metavar="ID",
    help="Of the products that the text names take this one only; may be repeated.",
)
@click.option("--as-of", metavar="DATE", help="The day asked about, YYYY-MM-DD.")
@click.option("--history", is_flag=True, help="The basket at many dates, each as of its own; needs --start.")
@click.option("--start", metavar="DATE", help="The history's first date.")
@click.option("--end", metavar="DATE", help="The history's last date; today by default.")
@click.option(
    "--every", type=click.Choice(EVERY), default="month", show_default=True, help="The history's steps."
)
@click.option("--turnover", is_flag=True, help="Print what a history trades at each date, not its members.")
@click.option("--universe", help="Its members of that day only.")
@click.option(
    "--upstream", type=click.IntRange(min=0), default=0, show_default=True, help="Links to follow to inputs."
)
@click.option(
    "--downstream",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Links to follow to what it goes into.",
)
@click.option(
    "--themes",
    is_flag=True,
    help="The members of the themes of that name, not who sells the products; purity is 1 for each.",
)
@click.option("--top", type=click.IntRange(min=1), help="Print at most so many companies; all by default.")
@click.option(
    "--market-cap",
    "data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Weight by market cap too: the last one of DIR's bars up to the day.",
)
@click.option("--products", is_flag=True, help="Print the basket's products rather than its companies.")
@click.option(
    "--known-at", metavar="MOMENT", help="Answer as the graph was recorded then; UTC without a time zone."
)
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", help="Form of the rows.")
def command(
    *,
    question: str,
    only: tuple[str, ...],
    as_of: str | None,
    history: bool,
    start: str | None,
    end: str | None,
    every: Every,
    turnover: bool,
    universe: str | None,
    upstream: int,
    downstream: int,
    themes: bool,
    top: int | None,
    data: Path | None,
    products: bool,
    known_at: str | None,
    form: str,
) -> None:
    """Make a basket: a product or a text, all below it, and links along the value chain.

    A text takes every product whose names, in either language, hold all its words; a small glossary knows other
    words for them ("EV battery" is 动力电池). The products taken are named first, best match first, and marked by
    --products; --product ID keeps some of them. One row per company: its weight in the basket, and its purity, the
    share of its revenue that the basket's products make up, by core, upstream and downstream. With --history the
    same rows at each date, by nothing that became known later; --turnover is the share of the basket that is traded
    to come to each date's weights.

    \b
    Examples:
      samgraph basket 动力电池 --as-of 2023-01-03 --upstream 1
      samgraph basket "EV battery" --as-of 2023-01-03 --products
      samgraph basket 动力电池 --product P04575 --as-of 2023-01-03
      samgraph basket "EV battery" --history --start 2021-01-04 --turnover
    """
    from samgraph.graph.ask.baskets import basket, thin
    from samgraph.graph.connect import connect
    from samgraph.graph.db.asof import AsOf

    if themes and (upstream or downstream):
        raise click.UsageError("--themes has members of themes, and no links of the value chain")
    if history:
        if start is None or as_of is not None:
            raise click.UsageError("--history goes with --start and --end, not with --as-of")
        if products or top is not None:
            raise click.UsageError("--products and --top are for one day, not for --history")
        _history(
            question,
            _days(start, end, every),
            only=only,
            known_at=known_at,
            universe=universe,
            upstream=upstream,
            downstream=downstream,
            themes=themes,
            data=data,
            turnover=turnover,
            form=form,
        )
        return
    if as_of is None or start is not None or end is not None or turnover:
        raise click.UsageError("one day needs --as-of; --start, --end and --turnover go with --history")
    moment = AsOf.parse(as_of, known_at)
    caps = None if data is None else _market_caps(data)(moment.valid)
    with connect() as graph:
        found = basket(
            graph,
            question,
            moment,
            only=only,
            universe=universe,
            upstream=upstream,
            downstream=downstream,
            market_caps=caps,
            themes=themes,
        )
    unknown = int(found.companies["weight"].isna().sum())
    taken = ", ".join(f"{seed.name} ({seed.product_id})" for seed in found.seeds[:SHOWN])
    more = len(found.seeds) - SHOWN
    left = f"; not taken: {many(len(found.left), 'other')}" if only and found.left else ""
    tell(
        f"taken: {taken}{f' and {more} more, listed by --products' if more > 0 else ''}"
        f"{'' if only or (more < 0 and len(found.seeds) == 1) else '; --product ID keeps one of them'}"
        f"{left}"
    )
    tell(
        f"{question} as of {found.as_of}: {many(len(found.products), 'product')} from {len(found.seeds)} named, "
        f"{many(len(found.companies), 'company')}{f', {unknown} of them without a market cap' if unknown else ''}"
    )
    for line in thin(found, upstream=upstream, downstream=downstream):
        tell(line)
    print_frame(found.products if products else found.companies.head(top or len(found.companies)), form)


def _days(start: str, end: str | None, every: Every) -> list[dt.date]:
    from samgraph.graph.ask.basket_history import rebalancing_days
    from samgraph.graph.db.asof import parse_day

    return rebalancing_days(parse_day(start), dt.date.today() if end is None else parse_day(end), every)


def _history(
    question: str,
    days: list[dt.date],
    *,
    only: tuple[str, ...],
    known_at: str | None,
    universe: str | None,
    upstream: int,
    downstream: int,
    themes: bool,
    data: Path | None,
    turnover: bool,
    form: str,
) -> None:
    from samgraph.graph.ask.basket_history import basket_history
    from samgraph.graph.connect import connect
    from samgraph.graph.db.asof import parse_moment
    from samgraph.progress import stage

    known = None if known_at is None else parse_moment(known_at)
    caps = None if data is None else _market_caps(data)
    with connect() as graph, stage("baskets", len(days)) as under_way:
        found = basket_history(
            graph,
            question,
            days,
            known=known,
            only=only,
            universe=universe,
            upstream=upstream,
            downstream=downstream,
            market_caps=caps,
            themes=themes,
            advance=under_way.advance,
        )
    empty = int((found.turnover["companies"] == 0).sum())
    tell(
        f"{question} at {many(len(days), 'date')}{f', {empty} of them without a company' if empty else ''}: "
        f"mean turnover {found.turnover['turnover'].mean():.1%}, as known at {found.known.isoformat()}"
    )
    print_frame(found.turnover if turnover else found.members, form)


def _market_caps(data: Path) -> Callable[[dt.date], dict[str, float]]:
    """From a day to the last market cap of each company up to it."""
    import pandas as pd

    from samgraph.graph.check.series import read_bars
    from samgraph.graph.dataset.folder import Dataset

    bars = read_bars(Dataset(data))[["date", "company_id", "market_cap"]]
    bars = bars[bars["market_cap"].notna()].sort_values("date", ignore_index=True)
    dates = bars["date"].to_numpy()

    def caps(day: dt.date) -> dict[str, float]:
        seen = bars.iloc[: dates.searchsorted(pd.Timestamp(day).to_datetime64(), side="right")]
        last = seen.drop_duplicates("company_id", keep="last")
        return {str(c): float(cap) for c, cap in zip(last["company_id"], last["market_cap"], strict=True)}

    return caps
