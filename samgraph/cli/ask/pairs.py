"""`samgraph pairs`: companies that sell the same things."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from samgraph.cli.output import FORMATS, print_frame
from samgraph.cli.terminal import tell
from samgraph.words import many

if TYPE_CHECKING:
    import pandas as pd

    from samgraph.graph.ask.pairs import Measure
    from samgraph.graph.ask.snapshot import Snapshot
    from samgraph.graph.db.asof import AsOf
    from samgraph.graph.db.driver import Graph


@click.command("pairs")
@click.option("--as-of", required=True, metavar="DATE", help="The day asked about, YYYY-MM-DD.")
@click.option("--universe", help="Its members of that day only; every company with an edge by default.")
@click.option("--company", metavar="ID", help="Only the pairs of this company.")
@click.option(
    "--top", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many pairs."
)
@click.option(
    "--by",
    type=click.Choice(("overlap", "cosine", "score")),
    default="overlap",
    show_default=True,
    help="What ranks the pairs; score is that of the links between competitors (table company_links).",
)
@click.option(
    "--concepts",
    "cut",
    default="taxonomy",
    show_default=True,
    metavar="CUT",
    help="taxonomy (near products count in part), or leaf, level:N, levels:A-B, adaptive:min=3,max=0.2.",
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
    shares; shared counts the common products, level and meets say where the two have most in common. Along the
    taxonomy, the default, two products are as near as the share of the longer path that they have in common, where the
    step to level l weighs l: on level 4, 1 for the same product, 0.6 for the same parent, 0.1 for the same root. With
    leaf only the same product counts. --by-product climbs from a product that nobody else sells to the nearest branch
    of which somebody sells anything. The saved queries give the same numbers in Neo4j Browser.

    Where the graph has links between competitors on the day, score is that of the pair; --by score ranks all linked
    pairs, whatever they sell.

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
    from samgraph.graph.ask.nearness import TAXONOMY
    from samgraph.graph.connect import connect
    from samgraph.graph.db.asof import AsOf
    from samgraph.graph.series.cuts import parse_cut

    moment = AsOf.parse(as_of, known_at)
    if cut != TAXONOMY:
        parse_cut(cut)  # a bad cut is told before a server is started
    if by_product and (company is None or data is not None):
        raise click.UsageError("--by-product goes with --company, and not with --data")
    if by == "score" and (by_product or data is not None):
        raise click.UsageError("--by score goes without --by-product and --data")
    if data is not None and least_days > window:
        raise click.UsageError(f"--least-days {least_days} is more than the --window of {window}")
    measure: Literal["overlap", "cosine"] = "cosine" if by == "cosine" else "overlap"
    if data is None:
        with connect() as graph:
            if by == "score":
                rows = _linked(graph, moment, universe, cut, company, top)
            else:
                rows = _rows(graph, moment, universe, cut, company, by_product, measure, top)
        print_frame(rows, form)
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
        f"{many(search.overlapping, 'pair')} with enough overlap, {search.liquid:,} of them liquid, "
        f"{search.tested:,} tested up to {search.last.date()}; {good:,} with a q_value of at most 0.05"
    )
    print_frame(search.frame.head(top), form)


def _rows(
    graph: Graph,
    moment: AsOf,
    universe: str | None,
    cut: str,
    company: str | None,
    by_product: bool,
    measure: Measure,
    top: int,
) -> pd.DataFrame:
    from samgraph.graph.ask.competitors import competitors, with_scores
    from samgraph.graph.ask.names import require_company, with_names
    from samgraph.graph.ask.nearness import TAXONOMY, along_taxonomy
    from samgraph.graph.ask.pairs import pairs
    from samgraph.graph.ask.rivals import rivals
    from samgraph.graph.ask.snapshot import snapshot
    from samgraph.graph.ask.tree import product_tree

    near = cut == TAXONOMY
    found = snapshot(graph, moment, universe=universe, cut="leaf" if near else cut)
    tree = product_tree(graph, found.as_of) if near else None
    if company is not None:
        require_company(graph, found, company)
        _tell_unmatched(graph, found, company)
    if by_product and company is not None:
        rows = rivals(found, company, tree=tree)
        total = len(rows)
        names = {"product_id": "product", "meets": "meets_name", "other_id": "other"}
        first = ["product", "share", "level", "meets_name", "other_id", "other", "other_share"]
    else:
        rows = pairs(
            found if tree is None else along_taxonomy(found, tree), company=company, top=top, by=measure
        )
        total = rows.attrs["pairs"]
        links = competitors(graph, found.as_of, universe=universe)
        rows = with_scores(rows, links) if len(links) else rows
        names, first = _NAMES, [*_FIRST, "overlap", "level", "meets_name"]
    if total > top:
        tell(f"the first {top} of {total:,} rows; --top N prints more")
    named = with_names(graph, found.as_of, rows.head(top), names)
    return named[[*first, *(name for name in named.columns if name not in first)]]


_NAMES = {"company_id": "company", "other_id": "other", "meets": "meets_name"}
_FIRST = ["company_id", "other_id", "company", "other"]


def _linked(
    graph: Graph, moment: AsOf, universe: str | None, cut: str, company: str | None, top: int
) -> pd.DataFrame:
    """The pairs with the largest scores, with what they have in common in what they sell."""
    from samgraph.graph.ask.competitors import best_links, competitors, with_scores
    from samgraph.graph.ask.names import with_names
    from samgraph.graph.ask.nearness import TAXONOMY, along_taxonomy
    from samgraph.graph.ask.pairs import between
    from samgraph.graph.ask.snapshot import snapshot
    from samgraph.graph.ask.tree import product_tree
    from samgraph.graph.db.universe import no_such_day

    links = competitors(graph, moment, universe=universe)
    if links.empty:
        raise no_such_day(graph, moment, "competitors")
    ranked = best_links(links, company=company)
    if len(ranked) > top:
        tell(f"the first {top} of {len(ranked):,} rows; --top N prints more")
    near = cut == TAXONOMY
    found = snapshot(graph, moment, universe=universe, cut="leaf" if near else cut)
    if near:
        found = along_taxonomy(found, product_tree(graph, found.as_of))
    rows = with_scores(between(found, ranked.head(top)), links)
    named = with_names(graph, found.as_of, rows, _NAMES)
    first = [*_FIRST, "score", "overlap", "level", "meets_name"]
    return named[[*first, *(name for name in named.columns if name not in first)]]


def _tell_unmatched(graph: Graph, found: Snapshot, company: str) -> None:
    """Say which part of a company's revenue nobody else has, product by product."""
    from samgraph.graph.ask.names import with_names
    from samgraph.graph.ask.rivals import unmatched

    alone = with_names(graph, found.as_of, unmatched(found, company), {"product_id": "product"})
    if alone.empty:
        return
    named = ", ".join(f"{row.product} {row.share:.0%}" for row in alone.head(5).itertuples())
    tell(
        f"{alone['share'].sum():.0%} of the revenue of {company} has no exact match: nobody else in "
        f"{found.universe or 'the graph'} sells {named}{' and others' if len(alone) > 5 else ''}"
    )
