"""`samgraph import chainkg`, `segments` and `qlib`: tables that a user has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from samgraph.cli.imports.options import (
    ALIASES,
    FORM,
    SHARES,
    Day,
    Pair,
    changed_codes,
    finish,
    folders,
)

if TYPE_CHECKING:
    import numpy as np


@click.command()
@folders
@click.option(
    "--valid-from",
    type=Day(),
    required=True,
    metavar="DATE",
    help="The first day on which the tables were public. They are one snapshot without dates, so any earlier use would "
    "be look-ahead; the one of 2021-10-26 gives 2021-11-01.",
)
@click.option(
    "--valid-to", type=Day(), metavar="DATE", help="The first day on which they are no longer used."
)
@SHARES
@ALIASES
@FORM
def chainkg(
    *,
    folder: Path,
    out: Path,
    valid_from: np.datetime64,
    valid_to: np.datetime64 | None,
    policy: Any,
    aliases: Path | None,
    form: str,
) -> None:
    """ChainKnowledgeGraph's raw tables: A-share companies, products, chains.

    FOLDER holds company_product, product_product, product, company, industry, industry_industry and
    company_industry as CSV, JSON lines (both may be gzipped) or Parquet.

    \b
    Example:
      samgraph import chainkg raw/cn_company_product chain --valid-from 2021-11-01
    """
    from samgraph.importers.chainkg import import_chainkg
    from samgraph.importers.writing import refuse_foreign
    from samgraph.progress import stage

    if valid_to is not None and valid_to <= valid_from:
        raise click.UsageError(f"--valid-to {valid_to} is not after --valid-from {valid_from}")
    refuse_foreign(out, "chainkg")
    with stage("read and settle"):
        made = import_chainkg(
            folder,
            valid_from=valid_from,
            valid_to=valid_to,
            policy=policy,
            aliases=changed_codes(aliases),
        )
    finish(made, out, form)


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.argument("out", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--company", metavar="COLUMN", help="Company id; by default company_id, symbol, ticker, ...")
@click.option("--name", metavar="COLUMN", help="Company name; by default company_name, ...")
@click.option(
    "--segment", metavar="COLUMN", help="Segment name; by default segment_name, segment, product, ..."
)
@click.option(
    "--revenue", metavar="COLUMN", help="Revenue in any one currency; by default revenue, sales, ..."
)
@click.option(
    "--period-end", metavar="COLUMN", help="Last day of the period; by default period_end, end_date, ..."
)
@click.option(
    "--announced",
    metavar="COLUMN",
    help="Day on which the report came out; by default announced_on, filing_date, ...",
)
@click.option(
    "--fiscal-year", metavar="COLUMN", help="Checked against the period's end; by default fiscal_year, year."
)
@click.option("--currency", metavar="COLUMN", help="A report must have one; by default currency, curr_type.")
@click.option(
    "--reporting-lag",
    type=click.IntRange(min=0),
    metavar="DAYS",
    help="ASSUME that every report came out DAYS after its period's end, where no column says when.",
)
@click.option(
    "--where",
    type=Pair(),
    multiple=True,
    metavar="COLUMN=VALUE",
    help="Use only rows with this value; segment_type=product by default where there is such a column.",
)
@click.option(
    "--taxonomy",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Mapping of segments to products: columns segment, product (empty: leave out), [parent], [company]. Without "
    "it each company has a branch of its own.",
)
@click.option(
    "--shared-names", is_flag=True, help="Take segments of one name of all companies for one product."
)
@click.option(
    "--time-zone",
    "zone",
    metavar="ZONE",
    help="The market's time zone, such as America/New_York, where a Parquet file holds days as instants.",
)
@SHARES
@ALIASES
@FORM
def segments(
    *,
    files: tuple[Path, ...],
    out: Path,
    reporting_lag: int | None,
    where: tuple[tuple[str, str], ...],
    taxonomy: Path | None,
    shared_names: bool,
    zone: str | None,
    policy: Any,
    aliases: Path | None,
    form: str,
    **columns: str | None,
) -> None:
    """Dated revenue by segment, one row per company, segment and period.

    Where several files have a company's period, the file named first counts.

    \b
    Example:
      samgraph import segments annual.csv firms --reporting-lag 90 \\
          --where source=FMP
    """
    import zoneinfo

    from samgraph.importers.segments import SegmentOptions, import_segments
    from samgraph.importers.taxonomy import read_mapping
    from samgraph.importers.writing import refuse_foreign
    from samgraph.progress import stage

    if reporting_lag is not None and columns.get("announced"):
        raise click.UsageError("give --announced or --reporting-lag, not both")
    if zone is not None and zone not in zoneinfo.available_timezones():
        raise click.UsageError(f"--time-zone {zone!r} is none; write it as Asia/Shanghai or America/New_York")
    refuse_foreign(out, "segments")
    options = SegmentOptions(
        columns={what: name for what, name in columns.items() if name},
        reporting_lag=reporting_lag,
        where=dict(where),
        mapping=None if taxonomy is None else read_mapping(taxonomy),
        shared_names=shared_names,
        zone=zone,
        aliases=changed_codes(aliases, plain=True),
        policy=policy,
    )
    with stage("read and settle"):
        made = import_segments(files, options)
    finish(made, out, form, taxonomy)


@click.command()
@folders
@click.option(
    "--market",
    "markets",
    multiple=True,
    metavar="NAME",
    help="A file of instruments/ that becomes a universe; by default all of them but all.txt.",
)
@click.option(
    "--market-cap",
    metavar="FIELD",
    help="The field that holds market capitalisation, in the prices' currency.",
)
@click.option(
    "--lot",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="Shares in a unit of volume.",
)
@ALIASES
@FORM
def qlib(
    *,
    folder: Path,
    out: Path,
    markets: tuple[str, ...],
    market_cap: str | None,
    lot: float,
    aliases: Path | None,
    form: str,
) -> None:
    """A Qlib data folder: prices, universes, benchmarks.

    FOLDER holds calendars/day.txt, instruments/ and features/. It knows nothing of products: load the segments of
    another import into the same graph.

    \b
    Example:
      samgraph import qlib ~/.qlib/qlib_data/cn_data prices --market csi300
    """
    from samgraph.importers.qlib import QlibOptions, import_qlib
    from samgraph.importers.writing import refuse_foreign

    refuse_foreign(out, "qlib")
    options = QlibOptions(
        markets=list(markets) or None, market_cap=market_cap, lot=lot, aliases=changed_codes(aliases)
    )
    made = import_qlib(folder, options)
    finish(made, out, form)
