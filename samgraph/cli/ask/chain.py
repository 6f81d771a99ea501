"""`samgraph chain`: a walk along the value chain, with revenue attached."""

from __future__ import annotations

import click

from samgraph.cli.output import FORMATS, print_frame
from samgraph.cli.terminal import tell
from samgraph.words import many


@click.command("chain")
@click.argument("question", metavar="COMPANY_OR_PRODUCT")
@click.option("--as-of", required=True, metavar="DATE", help="The day asked about, YYYY-MM-DD.")
@click.option("--universe", help="Only its members of that day, among the sellers.")
@click.option(
    "--upstream", type=click.IntRange(min=0), default=1, show_default=True, help="Links to follow to inputs."
)
@click.option(
    "--downstream",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Links to follow to what things go into.",
)
@click.option(
    "--products", is_flag=True, help="Print the products that were reached, sold by anybody or not."
)
@click.option("--top", type=click.IntRange(min=1), help="Print at most so many rows; all by default.")
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
    products: bool,
    top: int | None,
    known_at: str | None,
    form: str,
) -> None:
    """Walk the value chain: who supplies a company or a product, and who uses it.

    One row per product and a company that sells it: links is the number of steps from the start, strength the weights
    of the links multiplied along the strongest way (empty where a weight is not known), share the part of the company's
    revenue that it earns with the product, purity the part with all products of the direction. A link of a product
    holds for all that is below it. cypher/chain/upstream.cypher and cypher/chain/downstream.cypher give the same
    numbers in Neo4j Browser.

    \b
    Examples:
      samgraph chain 300750.SZ --as-of 2023-01-03 --upstream 2
      samgraph chain "lithium salts" --as-of 2023-01-03 --downstream 3
    """
    from samgraph.graph.ask.chains import chain
    from samgraph.graph.connect import connect
    from samgraph.graph.db.asof import AsOf

    if not upstream and not downstream:
        raise click.UsageError("follow at least one link: --upstream N or --downstream N")
    moment = AsOf.parse(as_of, known_at)
    with connect() as graph:
        found = chain(graph, question, moment, universe=universe, upstream=upstream, downstream=downstream)
    tell(
        f"{question} as of {found.as_of}: {many(len(found.products), 'product')} reached, sold by "
        f"{many(found.companies['company_id'].nunique(), 'company')}"
    )
    if found.products.empty:
        tell(
            "no link of the value chain leads there on that day; links are in the table product_links of a dataset"
        )
    rows = found.products if products else found.companies
    print_frame(rows if top is None else rows.head(top), form)
