"""`samgraph import`: vendors' tables turned into a dataset."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from samgraph.cli.groups import Group
from samgraph.cli.import_lists import concepts, shenwan
from samgraph.cli.import_options import ALIASES, FORM, Day, changed_codes, finish, tell_notes
from samgraph.cli.import_sec import sec

if TYPE_CHECKING:
    import numpy as np

F = TypeVar("F", bound=Callable[..., Any])


@click.group("import", cls=Group)
def command() -> None:
    """Turn a vendor's tables into a dataset that `samgraph load` takes.

    Where every row that was read went is printed, by cause, and kept as coverage.csv in DIR; what was assumed is told
    and kept in import.json. DIR must be new, empty, or an earlier output of the same importer. docs/importing.md has
    the policies.

    \b
    Examples:
      samgraph import chainkg raw/cn_company_product chain --valid-from 2021-11-01
      samgraph import segments segments.csv firms --reporting-lag 90
      samgraph import tushare answers ashare --universe 000300.SH=CSI300
      samgraph import qlib ~/.qlib/qlib_data/cn_data prices
      samgraph import concepts boards.csv themes --known-from 2021-07-01
      samgraph import sec zips us --fallback BusinessSegments
    """


command.add_command(concepts)
command.add_command(shenwan)
command.add_command(sec)


class Pair(click.ParamType[Any]):
    """LEFT=RIGHT."""

    name = "pair"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Both sides."""
        if isinstance(value, tuple):
            return value
        left, mark, right = str(value).partition("=")
        if not mark or not left.strip() or not right.strip():
            self.fail(f"{value!r} is not of the form LEFT=RIGHT", param, ctx)
        return left.strip(), right.strip()


def _folders(function: F) -> F:
    """SOURCE DIR, for importers of one folder."""
    function = click.argument("out", metavar="DIR", type=click.Path(path_type=Path))(function)
    return click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path))(function)


_shares = click.option(
    "--shares",
    "policy",
    type=click.Choice(("residual", "renormalise", "reject")),
    default="residual",
    show_default=True,
    help="residual: what no product explains stays unexplained, sums above 1 are scaled down; renormalise: sums become "
    "1; reject: reports above 1 are left out.",
)
_lag = click.option(
    "--lag-days",
    type=click.IntRange(min=0),
    metavar="N",
    help="ASSUME that a report whose day of publication is unknown came out N days after its period; by default on the "
    "legal deadline (30 April, 31 August, 31 October).",
)
_fallback = click.option(
    "--fallback",
    "fallback",
    type=click.Choice(("unnamed", "industry")),
    multiple=True,
    help="Where a report has no rows by product, use those of an empty category (unnamed) or by industry; by default "
    "such a report is left out and counted. Given twice, the first that a report has.",
)
_fetch = click.option(
    "--fetch", is_flag=True, help="First ask the vendor for what FOLDER lacks, and keep the answers."
)
_start = click.option("--start", type=Day(), metavar="DATE", help="With --fetch: the first day of prices.")
_end = click.option("--end", type=Day(), metavar="DATE", help="With --fetch: the last day.")
_per_minute = click.option(
    "--per-minute",
    type=click.IntRange(min=1),
    default=120,
    show_default=True,
    metavar="N",
    help="With --fetch: at most N questions a minute.",
)


@command.command()
@_folders
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
@_shares
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


@command.command()
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
@_shares
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
    finish(made, out, form)


@command.command()
@_folders
@click.option(
    "--universe",
    "universes",
    type=Pair(),
    multiple=True,
    metavar="CODE=NAME",
    help="Name of an index or board as a universe, such as 000300.SH=CSI300; by default its code.",
)
@click.option(
    "--ths-from",
    type=Day(),
    metavar="DATE",
    help="The day on which ths_member was asked for: its members have no dates, and earlier use would be look-ahead.",
)
@_lag
@_shares
@_fallback
@ALIASES
@_fetch
@_start
@_end
@click.option(
    "--index", "indexes", multiple=True, metavar="CODE", help="With --fetch: an index, such as 000300.SH."
)
@click.option(
    "--board", "boards", multiple=True, metavar="CODE", help="With --fetch: a board, such as 885800.TI."
)
@_per_minute
@FORM
def tushare(
    *,
    folder: Path,
    out: Path,
    universes: tuple[tuple[str, str], ...],
    ths_from: np.datetime64 | None,
    lag_days: int | None,
    policy: Any,
    fallback: tuple[str, ...],
    aliases: Path | None,
    fetch: bool,
    start: np.datetime64 | None,
    end: np.datetime64 | None,
    indexes: tuple[str, ...],
    boards: tuple[str, ...],
    per_minute: int,
    form: str,
) -> None:
    """Answers of Tushare Pro: reports, prices, indexes, boards.

    FOLDER holds answers as the interface gives them (fina_mainbz, stock_basic, disclosure_date, daily, adj_factor,
    daily_basic, trade_cal, index_weight, index_daily, ths_member), a table or a folder of parts each. --fetch
    asks for them with the token in TUSHARE_TOKEN and needs samgraph[tushare]; an interrupted one goes on where it
    stopped.

    \b
    Example:
      samgraph import tushare answers ashare --fetch \\
          --start 2020-01-01 --end 2024-12-31 --index 000300.SH \\
          --universe 000300.SH=CSI300
    """
    from samgraph.importers.tushare import TushareOptions, import_tushare
    from samgraph.importers.writing import refuse_foreign
    from samgraph.progress import stage

    refuse_foreign(out, "tushare")
    if fetch:
        from samgraph.importers import tushare_live

        first, last = _period(start, end)
        client, token = tushare_live.connect()
        recorder = tushare_live.recorder(folder, token, per_minute)
        wanted = tushare_live.Wanted(first, last, indexes, boards)
        tell_notes(tushare_live.fetch(client, recorder, wanted))
    with stage("read and settle"):
        options = TushareOptions(
            policy=policy,
            lag_days=lag_days,
            universes=dict(universes),
            ths_from=ths_from,
            fallback=fallback,
            aliases=changed_codes(aliases),
        )
        made = import_tushare(folder, options)
    finish(made, out, form)


@command.command()
@_folders
@_lag
@_shares
@_fallback
@ALIASES
@_fetch
@_start
@_end
@click.option(
    "--code", "codes", multiple=True, metavar="CODE", help="With --fetch: a company, such as 600519."
)
@_per_minute
@FORM
def akshare(
    *,
    folder: Path,
    out: Path,
    lag_days: int | None,
    policy: Any,
    fallback: tuple[str, ...],
    aliases: Path | None,
    fetch: bool,
    start: np.datetime64 | None,
    end: np.datetime64 | None,
    codes: tuple[str, ...],
    per_minute: int,
    form: str,
) -> None:
    """Answers of AKShare: reports by product and prices of A-shares.

    FOLDER holds answers as the functions give them (stock_zygc_em, stock_zh_a_hist, stock_zh_a_hist_hfq,
    stock_value_em, stock_yysj_em, stock_info_...), a table or a folder of parts each. --fetch asks for them and
    needs samgraph[akshare]; an interrupted one goes on where it stopped.

    \b
    Example:
      samgraph import akshare answers ashare --fetch --code 600519 --code 000858 \\
          --start 2020-01-01 --end 2024-12-31
    """
    from samgraph.importers.akshare import AkshareOptions, import_akshare
    from samgraph.importers.writing import refuse_foreign
    from samgraph.progress import stage

    refuse_foreign(out, "akshare")
    if fetch:
        from samgraph.importers import akshare_live
        from samgraph.importers.live import Recorder

        first, last = _period(start, end)
        if not codes:
            raise click.UsageError("--fetch needs the companies to ask for: --code 600519 --code ...")
        client = akshare_live.connect()
        tell_notes(akshare_live.fetch(client, Recorder(folder, per_minute=per_minute), codes, first, last))
    with stage("read and settle"):
        options = AkshareOptions(
            policy=policy, lag_days=lag_days, fallback=fallback, aliases=changed_codes(aliases)
        )
        made = import_akshare(folder, options)
    finish(made, out, form)


@command.command()
@_folders
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


def _period(start: np.datetime64 | None, end: np.datetime64 | None) -> tuple[np.datetime64, np.datetime64]:
    if start is None or end is None:
        raise click.UsageError("--fetch needs --start and --end")
    if end < start:
        raise click.UsageError(f"--end {end} is before --start {start}")
    return start, end
