"""`samgraph import tushare` and `akshare`: vendors' answers, asked for or kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from samgraph.cli.imports.options import (
    ALIASES,
    FALLBACK,
    FORM,
    LAG,
    SHARES,
    Day,
    Pair,
    changed_codes,
    finish,
    folders,
    tell_notes,
)

if TYPE_CHECKING:
    import numpy as np

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


@click.command()
@folders
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
@LAG
@SHARES
@FALLBACK
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
        from samgraph.importers.live import tushare as tushare_live

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


@click.command()
@folders
@LAG
@SHARES
@FALLBACK
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
        from samgraph.importers.live import akshare as akshare_live
        from samgraph.importers.live.recorder import Recorder

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


def _period(start: np.datetime64 | None, end: np.datetime64 | None) -> tuple[np.datetime64, np.datetime64]:
    if start is None or end is None:
        raise click.UsageError("--fetch needs --start and --end")
    if end < start:
        raise click.UsageError(f"--end {end} is before --start {start}")
    return start, end
