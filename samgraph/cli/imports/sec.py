"""`samgraph import sec`: the SEC's Financial Statement Data Sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from samgraph.cli.imports.options import FORM, finish


@click.command()
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path))
@click.argument("out", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--fallback",
    "fallback",
    metavar="AXIS",
    multiple=True,
    help="Where a report has no revenue by product, use that of this axis, such as BusinessSegments; given several "
    "times, the first that it has.",
)
@click.option(
    "--revenue-tag",
    "tags",
    metavar="TAG",
    multiple=True,
    help="A further tag that is revenue; docs/importing.md lists them.",
)
@click.option(
    "--quarters",
    is_flag=True,
    help="Use single quarters between fiscal years too; by default only fiscal years are used.",
)
@click.option(
    "--shares",
    "policy",
    type=click.Choice(("reject", "residual", "renormalise")),
    default="reject",
    show_default=True,
    help="reject: a report whose products add up to more than its revenue is left out; residual: they are scaled down; "
    "renormalise: the shares of every report become 1.",
)
@click.option(
    "--taxonomy",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Your own products of members: columns segment, product (empty: leave out), [parent], [company].",
)
@click.option(
    "--tree",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Your own tree instead: columns product_id, name, parent_id, [synonyms]. A member is the product that its "
    "name or a synonym equals, or that --decisions says.",
)
@click.option(
    "--decisions",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="With --tree: which member is which product. It is made, and kept over imports; fill in its column decision "
    "(leave out: the member is not used).",
)
@click.option(
    "--tickers",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Company ids: columns cik, ticker. A company without one is called by its CIK, ten digits.",
)
@click.option(
    "--prices",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Daily prices beside it: a CSV or Parquet file (date, ticker, open, high, low, close, volume, [adj_close], "
    "[market_cap]), a folder of such files called by their tickers, or a Qlib folder.",
)
@click.option(
    "--cache",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where what was read of a quarter is kept; by default sec in SAMGRAPH_HOME.",
)
@FORM
def sec(
    *,
    folder: Path,
    out: Path,
    fallback: tuple[str, ...],
    tags: tuple[str, ...],
    quarters: bool,
    policy: Any,
    taxonomy: Path | None,
    tree: Path | None,
    decisions: Path | None,
    tickers: Path | None,
    prices: Path | None,
    cache: Path | None,
    form: str,
) -> None:
    """The SEC's Financial Statement Data Sets: U.S. filers' revenue by product.

    FOLDER holds the zips as the SEC publishes them, one a quarter. Each is read once; when a new one is added, the
    others come from the cache.

    \b
    Examples:
      samgraph import sec zips us --fallback BusinessSegments
      samgraph import sec zips us --tickers tickers.csv --prices us_prices.parquet
    """
    from samgraph.graph.server.home import Home
    from samgraph.importers.decisions import read_tree
    from samgraph.importers.sec.importing import SecOptions, import_sec, read_tickers
    from samgraph.importers.sec.members import member
    from samgraph.importers.taxonomy import read_mapping
    from samgraph.importers.us_prices import read_prices, with_prices
    from samgraph.importers.writing import refuse_foreign

    if (tree is None) != (decisions is None) or (tree is not None and taxonomy is not None):
        raise click.UsageError("give --tree and --decisions together, and no --taxonomy beside them")
    refuse_foreign(out, "sec")
    options = SecOptions(
        fallback=fallback,
        tags=tags,
        quarters=quarters,
        policy=policy,
        mapping=None if taxonomy is None else read_mapping(taxonomy),
        tree=None if tree is None else read_tree(tree, lambda text: member(text).key),
        decisions=decisions,
        tickers={} if tickers is None else read_tickers(tickers),
    )
    priced = None if prices is None else read_prices(prices)  # first: a mistake there is told in seconds
    made = import_sec(folder, cache or Home().root / "sec", options)
    if priced is not None:
        made = with_prices(made, priced)
    finish(made, out, form, taxonomy, tree, decisions, tickers)
