"""Asking AKShare for what `samgraph import akshare` reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from samgraph.errors import ConfigError, DatasetError
from samgraph.importers.live.recorder import Recorder
from samgraph.importers.live.tushare import BACK_DAYS, compact, quarters
from samgraph.importers.names import a_share_id
from samgraph.progress import stage


def connect() -> Any:
    """The vendor's package.

    Raises:
        ConfigError: it is missing
    """
    try:
        import akshare
    except ImportError as error:
        raise ConfigError("the package akshare is missing; install samgraph[akshare]") from error
    return akshare


def fetch(
    client: Any, recorder: Recorder, codes: Sequence[str], start: np.datetime64, end: np.datetime64
) -> list[str]:
    """Ask for the reports and prices of `codes` that are not yet in the recorder's folder.

    `client` has AKShare's functions. Returns sentences about what stayed empty.

    Raises:
        DatasetError: a code is none, the vendor refuses or does not answer
    """
    ids = []
    for code in codes:
        known = a_share_id(code)
        if not known:
            raise DatasetError(f"{code!r} is no A-share's code; write it as 600519 or 600519.SH")
        ids.append(known)
    first, last = compact(start), compact(end)
    with stage("ask for companies"):
        recorder.record("stock_info_a_code_name", last, client.stock_info_a_code_name)
        recorder.record(
            "stock_info_sh_name_code",
            f"{last}_main",
            lambda: client.stock_info_sh_name_code(symbol="主板A股"),
        )
        recorder.record(
            "stock_info_sh_name_code", f"{last}_star", lambda: client.stock_info_sh_name_code(symbol="科创板")
        )
        recorder.record(
            "stock_info_sz_name_code", last, lambda: client.stock_info_sz_name_code(symbol="A股列表")
        )
        recorder.record("stock_info_sh_delist", last, lambda: client.stock_info_sh_delist(symbol="全部"))
        recorder.record(
            "stock_info_sz_delist", last, lambda: client.stock_info_sz_delist(symbol="终止上市公司")
        )
    periods = list(quarters(start - np.timedelta64(BACK_DAYS, "D"), end))
    empty: list[str] = []
    with stage("ask for reports and prices", len(ids) + len(periods)) as bar:
        for quarter in periods:
            recorder.record(
                "stock_yysj_em",
                f"asked{last}_{quarter}",
                partial(client.stock_yysj_em, symbol="沪深A股", date=quarter),
            )
            bar.advance()
        for one in dict.fromkeys(ids):
            empty += _company(client, recorder, one, first, last)
            bar.advance()
    return [f"no answer for {', '.join(empty[:5])}{', …' if len(empty) > 5 else ''}"] if empty else []


def _company(client: Any, recorder: Recorder, company: str, first: str, last: str) -> list[str]:
    """Questions about a company that had no answer; the pages have none for some, and fail then."""
    code, exchange = company.split(".")
    questions: dict[str, tuple[str, Callable[[], pd.DataFrame]]] = {
        "stock_zygc_em": (f"{code}_asked_{last}", lambda: client.stock_zygc_em(symbol=f"{exchange}{code}")),
        "stock_zh_a_hist": (f"{code}_{first}_{last}", lambda: _prices(client, code, first, last, "")),
        "stock_zh_a_hist_hfq": (f"{code}_{first}_{last}", lambda: _prices(client, code, first, last, "hfq")),
        "stock_value_em": (f"{code}_asked_{last}", lambda: client.stock_value_em(symbol=code)),
    }
    empty: list[str] = []
    for table, (key, ask) in questions.items():
        try:
            answer = recorder.record(table, key, ask, keep_empty=False)
        except DatasetError:
            if len(empty) + 1 == len(questions):  # nothing at all is no gap of one page
                raise
            answer = None
        if answer is None:
            empty.append(f"{table} {code}")
    return empty


def _prices(client: Any, code: str, first: str, last: str, adjust: str) -> pd.DataFrame:
    answer: pd.DataFrame = client.stock_zh_a_hist(
        symbol=code, period="daily", start_date=first, end_date=last, adjust=adjust
    )
    # No trade in the period is an answer without columns.
    return answer if len(answer.columns) else pd.DataFrame({"日期": pd.Series([], dtype="str")})
