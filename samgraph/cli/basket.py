"""`samgraph basket`: who earns with a theme."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click
import pandas as pd

from samgraph.cli.output import FORMATS, print_frame
from samgraph.cli.terminal import tell


@click.command("basket")
@click.argument("question", metavar="PRODUCT_OR_TEXT")
@click.option("--as-of", required=True, metavar="DATE", help="The day asked about, YYYY-MM-DD.")
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
    as_of: str,
    universe: str | None,
    upstream: int,
    downstream: int,
    top: int | None,
    data: Path | None,
    products: bool,
    known_at: str | None,
    form: str,
) -> None:
    """Make a basket: a product or a text, all below it, and links along the value chain.

    One row a company: its weight in the basket, and its purity, the share of its revenue that the basket's
    products make up, by core, upstream and downstream.

    \b
    Examples:
      samgraph basket 动力电池 --as-of 2023-01-03 --upstream 1
      samgraph basket "EV battery" --as-of 2023-01-03 --products
    """
    from samgraph.graph.asof import AsOf
    from samgraph.graph.baskets import basket
    from samgraph.graph.connection import connect

    moment = AsOf.parse(as_of, known_at)
    caps = None if data is None else _market_caps(data, moment.valid)
    with connect() as graph:
        found = basket(
            graph,
            question,
            moment,
            universe=universe,
            upstream=upstream,
            downstream=downstream,
            market_caps=caps,
        )
    unknown = int(found.companies["weight"].isna().sum())
    tell(
        f"{question} as of {found.as_of}: {len(found.products)} products from {len(found.seeds)} named, "
        f"{len(found.companies)} companies{f', {unknown} of them without a market cap' if unknown else ''}"
    )
    print_frame(found.products if products else found.companies.head(top or len(found.companies)), form)


def _market_caps(data: Path, day: dt.date) -> dict[str, float]:
    from samgraph.graph.dataset import Dataset

    bars = Dataset(data).read("bars", ["date", "company_id", "market_cap"])
    bars = bars[(bars["date"] <= pd.Timestamp(day)) & bars["market_cap"].notna()]
    last = bars.sort_values("date").groupby("company_id")["market_cap"].last()
    return {str(company): float(cap) for company, cap in last.items()}
