"""`samgraph pairs`: companies that sell the same things."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from samgraph.cli.output import FORMATS, print_frame
from samgraph.cli.terminal import tell


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
    "--by-product", is_flag=True, help="With --company: who else sells each product, with both shares."
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Test the spread of the pairs on DIR's bars up to the day; the options below are for this.",
)
@click.option(
    "--least-overlap",
    type=click.FloatRange(0.0, 1.0),
    default=0.3,
    show_default=True,
    help="Test pairs with at least this overlap.",
)
@click.option(
    "--least-value",
    type=click.FloatRange(min=0.0),
    default=0.0,
    show_default=True,
    help="Least median traded value a day, of both, over the last --value-days.",
)
@click.option(
    "--value-days",
    type=click.IntRange(min=1),
    default=60,
    show_default=True,
    help="Trading days of that median.",
)
@click.option(
    "--window", type=click.IntRange(min=60), default=500, show_default=True, help="Trading days tested."
)
@click.option(
    "--least-days",
    type=click.IntRange(min=60),
    default=250,
    show_default=True,
    help="Least days of the window on which both have a bar.",
)
@click.option(
    "--most", type=click.IntRange(min=1), default=500, show_default=True, help="Test at most so many pairs."
)
@click.option(
    "--fdr",
    type=click.Choice(("by", "bh")),
    default="by",
    show_default=True,
    help="q-values of Benjamini and Yekutieli (any dependence) or Hochberg.",
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
    by_product: bool,
    data: Path | None,
    least_overlap: float,
    least_value: float,
    value_days: int,
    window: int,
    least_days: int,
    most: int,
    fdr: Literal["by", "bh"],
    known_at: str | None,
    form: str,
) -> None:
    """Rank pairs of companies by what they sold on a day.

    overlap is the sum over products of the smaller of the two revenue shares, cosine that of the two vectors of
    shares; shared counts the common products. cypher/pairs/pairs.cypher, cypher/pairs/of_company.cypher and (for
    --by-product) cypher/pairs/rivals.cypher compute the same numbers in Neo4j Browser (for the cut leaf).

    With --data the pairs that are liquid and have enough days are tested for cointegration (Engle-Granger on
    adjusted log prices, both ways), best overlap first; the smallest p-values are printed first. q_value bounds the
    share of false ones among all that are as good or better; half_life is in trading days, z_score where the spread
    stands. No price after the day is read.

    \b
    Examples:
      samgraph pairs --as-of 2023-01-03 --universe CSI300 --company 300750.SZ
      samgraph pairs --as-of 2023-01-03 --company 300750.SZ --by-product
      samgraph pairs --as-of 2023-01-03 --data DIR --least-value 5e7
    """
    from samgraph.graph.ask.pairs import pairs, rivals
    from samgraph.graph.ask.snapshot import snapshot
    from samgraph.graph.connect import connect
    from samgraph.graph.db.asof import AsOf
    from samgraph.graph.series.cuts import parse_cut

    moment = AsOf.parse(as_of, known_at)
    parse_cut(cut)  # a bad cut is told before a server is started
    if by_product and (company is None or data is not None):
        raise click.UsageError("--by-product goes with --company, and not with --data")
    if data is not None and least_days > window:
        raise click.UsageError(f"--least-days {least_days} is more than the --window of {window}")
    measure: Literal["overlap", "cosine"] = "cosine" if by == "cosine" else "overlap"
    if data is None:
        with connect() as graph:
            found = snapshot(graph, moment, universe=universe, cut=cut)
        if by_product and company is not None:
            print_frame(rivals(found, company, top=top), form)
        else:
            print_frame(pairs(found, company=company, top=top, by=measure), form)
        return
    from samgraph.desk.pair_search import Filters, pair_search
    from samgraph.graph.dataset.folder import Dataset

    filters = Filters(least_overlap, least_value, value_days, window, least_days, most)
    with connect() as graph:
        search = pair_search(
            graph,
            Dataset(data),
            moment,
            universe=universe,
            cut=cut,
            company=company,
            by=measure,
            filters=filters,
            rule=fdr,
        )
    good = int((search.frame["q_value"] <= 0.05).sum())
    tell(
        f"{search.overlapping} pairs overlap enough, {search.liquid} of them are liquid, {search.tested} were tested "
        f"up to {search.last.date()}; {good} have a q_value of at most 0.05"
    )
    print_frame(search.frame.head(top), form)
