"""Asking Tushare Pro for what `samgraph import tushare` reads.

The token comes from the environment variable TUSHARE_TOKEN. The client sends it to the vendor's server by plain HTTP;
that is the client's way, not this program's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from samgraph.errors import ConfigError, DatasetError
from samgraph.importers.live.recorder import Recorder
from samgraph.importers.names import a_share_ids
from samgraph.importers.reading import parse_day
from samgraph.progress import stage

TOKEN = "TUSHARE_TOKEN"
BACK_DAYS = 550  # reports of 18 months before the first day may still hold on it

_FIELDS = {
    "stock_basic": "ts_code,symbol,name,market,exchange,list_status,list_date,delist_date",
    "fina_mainbz": "ts_code,end_date,bz_item,bz_code,bz_sales,bz_profit,bz_cost,curr_type,update_flag",
}
# Rows that an endpoint gives at once; more are asked for with an offset.
_PAGE = {"fina_mainbz": 100, "disclosure_date": 3000, "ths_member": 5000}
_USUAL_PAGE = 5000


class Client(Protocol):
    """Tushare's client, as far as it is used."""

    def query(self, api_name: str, fields: str = "", **params: Any) -> pd.DataFrame:
        """Ask an endpoint."""


@dataclass(frozen=True)
class Wanted:
    """What to ask for: days from `start` to `end`, lists and levels of `indexes`, members of `boards`."""

    start: np.datetime64
    end: np.datetime64
    indexes: Sequence[str] = ()
    boards: Sequence[str] = ()


def connect() -> tuple[Client, str]:
    """The vendor's client and its token.

    Raises:
        ConfigError: the package or the token is missing
    """
    token = os.environ.get(TOKEN, "").strip()
    if not token:
        raise ConfigError(
            f"no token: put the one of your Tushare account into the environment variable {TOKEN}"
        )
    try:
        import tushare
    except ImportError as error:
        raise ConfigError("the package tushare is missing; install samgraph[tushare]") from error
    return tushare.pro_api(token), token


def fetch(client: Client, recorder: Recorder, wanted: Wanted) -> list[str]:
    """Ask for everything that is not yet in the recorder's folder; sentences about what stayed empty.

    With indexes, only reports of companies that were ever in one are asked for; else those of every company.

    Raises:
        DatasetError: the vendor refuses or does not answer
    """
    start, end = compact(wanted.start), compact(wanted.end)
    ask = _Asker(client, recorder)
    with stage("ask for companies and days"):
        firms = [
            ask("stock_basic", f"{end}_{status}", exchange="", list_status=status)
            for status in ("L", "D", "P")
        ]
        calendar = ask("trade_cal", f"SSE_{start}_{end}", exchange="SSE", start_date=start, end_date=end)
    members: list[str] = []
    months = list(_months(wanted.start, wanted.end))
    with stage("ask for indexes", len(wanted.indexes) * (len(months) + 1) + len(wanted.boards)) as bar:
        for index in wanted.indexes:
            ask("index_daily", f"{index}_{start}_{end}", ts_code=index, start_date=start, end_date=end)
            bar.advance()
            for first, last in months:
                answer = ask(
                    "index_weight",
                    f"{index}_{first}_{last}",
                    index_code=index,
                    start_date=first,
                    end_date=last,
                )
                members += [] if answer is None or answer.empty else answer["con_code"].astype(str).tolist()
                bar.advance()
        for board in wanted.boards:
            ask("ths_member", f"{board}_{end}", ts_code=board)
            bar.advance()
    notes = _days(ask, _open_days(calendar))
    if wanted.indexes:
        codes = sorted(set(members))
    else:
        listed = [one for one in firms if one is not None and not one.empty]
        codes = sorted({code for one in listed for code in one["ts_code"].astype(str)})
    codes = [
        code for code, known in zip(codes, a_share_ids(pd.Series(codes, dtype="str")), strict=True) if known
    ]
    since = compact(wanted.start - np.timedelta64(BACK_DAYS, "D"))
    periods = list(quarters(wanted.start - np.timedelta64(BACK_DAYS, "D"), wanted.end))
    with stage("ask for reports", len(codes) + len(periods)) as bar:
        for quarter in periods:
            ask("disclosure_date", f"{quarter}_asked_{end}", end_date=quarter)
            bar.advance()
        for code in codes:
            ask(
                "fina_mainbz",
                f"{code}_P_{since}_{end}",
                ts_code=code,
                type="P",
                start_date=since,
                end_date=end,
            )
            bar.advance()
    return notes


class _Asker:
    """Asks an endpoint, page after page."""

    def __init__(self, client: Client, recorder: Recorder) -> None:
        self._client, self._recorder = client, recorder

    def __call__(self, api: str, key: str, *, keep_empty: bool = True, **params: Any) -> pd.DataFrame | None:
        return self._recorder.record(api, key, self._whole(api, params), keep_empty=keep_empty)

    def _whole(self, api: str, params: dict[str, Any]) -> Callable[[], pd.DataFrame]:
        def ask() -> pd.DataFrame:
            size = _PAGE.get(api, _USUAL_PAGE)
            pages: list[pd.DataFrame] = []
            while True:
                page = self._client.query(
                    api, fields=_FIELDS.get(api, ""), **params, limit=size, offset=size * len(pages)
                )
                if pages and len(page) and page.equals(pages[-1]):
                    raise DatasetError(
                        f"{api}: the vendor gives the same {size} rows again; the answer is not whole"
                    )
                pages.append(page)
                if len(page) < size:
                    filled = [one for one in pages if len(one)]
                    return pd.concat(filled, ignore_index=True) if filled else pages[0]

        return ask


def _days(ask: _Asker, days: Sequence[str]) -> list[str]:
    empty = []
    with stage("ask for prices", len(days)) as bar:
        for day in days:
            for api in ("daily", "adj_factor", "daily_basic"):
                if ask(api, day, keep_empty=False, trade_date=day) is None:
                    empty.append(f"{api} {day}")
            bar.advance()
    if not empty:
        return []
    return [
        f"no answer yet for {len(empty)} open days ({', '.join(empty[:3])}, …): asked for again next time"
    ]


def _open_days(calendar: pd.DataFrame | None) -> list[str]:
    if calendar is None or calendar.empty:
        return []
    opened = calendar[calendar["is_open"].astype(float) == 1]
    return sorted(opened["cal_date"].astype(str))


def compact(day: np.datetime64) -> str:
    return str(day.astype("datetime64[D]")).replace("-", "")


def _months(start: np.datetime64, end: np.datetime64) -> Iterable[tuple[str, str]]:
    """First and last day of each month from `start` to `end`, cut to them."""
    month = start.astype("datetime64[M]")
    while month.astype("datetime64[D]") <= end:
        first = max(month.astype("datetime64[D]"), start)
        last = min((month + 1).astype("datetime64[D]") - np.timedelta64(1, "D"), end)
        yield compact(first), compact(last)
        month += 1


def quarters(start: np.datetime64, end: np.datetime64) -> Iterable[str]:
    """Ends of quarters from `start` to `end`."""
    year = int(str(start.astype("datetime64[Y]")))
    while True:
        for tail in ("0331", "0630", "0930", "1231"):
            day = parse_day(f"{year}{tail}")
            if day is not None and day > end:
                return
            if day is not None and day >= start:
                yield f"{year}{tail}"
        year += 1


def recorder(folder: Path, token: str, per_minute: int) -> Recorder:
    """A recorder that never shows the token."""
    return Recorder(folder, per_minute=per_minute, secret=token)
