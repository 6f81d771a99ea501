"""`samgraph pairs`: companies that sell the same things."""

from __future__ import annotations

import click

from samgraph.cli.output import FORMATS, print_frame


@click.command("pairs")
@click.option("--as-of", required=True, metavar="DATE", help="The day asked about, YYYY-MM-DD.")
@click.option("--universe", help="Its members of that day only; every company with an edge by default.")
@click.option("--company", metavar="ID", help="Only the pairs of this company.")
@click.option(
    "--top", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many pairs."
)
@click.option(
    "--by",
    type=click.Choice(("overlap", "cosine")),
    default="overlap",
    show_default=True,
    help="What ranks the pairs.",
)
@click.option(
    "--concepts",
    "cut",
    default="leaf",
    show_default=True,
    metavar="CUT",
    help="leaf, level:N, levels:A-B or adaptive:min=3,max=0.2.",
)
@click.option(
    "--known-at", metavar="MOMENT", help="Answer as the graph was recorded then; UTC without a time zone."
)
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", help="Form of the rows.")
def command(
    *,
    as_of: str,
    universe: str | None,
    company: str | None,
    top: int,
    by: str,
    cut: str,
    known_at: str | None,
    form: str,
) -> None:
    """Rank pairs of companies by what they sold on a day.

    overlap is the sum over products of the smaller of the two revenue shares, cosine that of the two vectors of
    shares; shared counts the common products. cypher/pairs.cypher and cypher/pairs_of_company.cypher compute
    the same numbers in Neo4j Browser (for the cut leaf).

    \b
    Example:
      samgraph pairs --as-of 2023-01-03 --universe CSI300 --company 300750.SZ
    """
    from samgraph.graph.asof import AsOf
    from samgraph.graph.connection import connect
    from samgraph.graph.cuts import parse_cut
    from samgraph.graph.pairs import pairs
    from samgraph.graph.snapshot import snapshot

    moment = AsOf.parse(as_of, known_at)
    parse_cut(cut)  # a bad cut is told before a server is started
    with connect() as graph:
        found = snapshot(graph, moment, universe=universe, cut=cut)
    print_frame(pairs(found, company=company, top=top, by="cosine" if by == "cosine" else "overlap"), form)
