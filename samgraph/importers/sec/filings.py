"""Filings: which company filed, when the public could read it, and which industry it was in then."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from samgraph.importers.coverage import Account
from samgraph.importers.names import clean_names
from samgraph.importers.reading import Days, iso, parse_day
from samgraph.importers.sec import sic

CLOSE = np.timedelta64(16, "h")
"""New York's close: what EDGAR accepts at or after it counts as published on the day after."""
_ONE_DAY = np.timedelta64(1, "D")


def days(text: pd.Series[str]) -> Days:
    """Days of YYYYMMDD, each distinct one parsed once; NaT for anything else."""
    codes, distinct = pd.factorize(text)
    known = [day if (day := parse_day(one)) is not None else np.datetime64("NaT", "D") for one in distinct]
    return np.array(known, dtype="datetime64[D]")[codes] if len(codes) else np.zeros(0, dtype="datetime64[D]")


def known_days(filed: Days, accepted: pd.Series[pd.Timestamp]) -> Days:
    """The day on which each filing became public.

    It is the day it was filed, or that of its acceptance by EDGAR where that is later; from the close on, the day
    after. A filing without a time of acceptance counts as accepted after the close.
    """
    stamp = np.asarray(accepted.to_numpy(), dtype="datetime64[ns]")
    day = stamp.astype("datetime64[D]")
    day = np.where(stamp - day >= CLOSE, day + _ONE_DAY, day)
    known: Days = np.maximum(filed, np.where(np.isnat(stamp), filed + _ONE_DAY, day))
    return known


def read_filings(parts: list[pd.DataFrame], tickers: Mapping[str, str]) -> tuple[pd.DataFrame, Account]:
    """One row per filing, in the order in which they became known: adsh, company_id, name, industry, known, fye.

    Args:
        parts: the filings of each quarter, as text
        tickers: company id by CIK without leading zeros, for those that have another than their CIK
    """
    frame = pd.concat(parts, ignore_index=True)
    account = Account("sub.txt", len(frame))
    again = frame.duplicated().to_numpy()
    account.merge(again, "the filing again, in another zip")
    account.reject(frame["adsh"].duplicated().to_numpy(), "a second, different entry of one filing")
    numeric = frame["cik"].str.fullmatch(r"[0-9]{1,10}") & (frame["adsh"] != "")
    account.reject(~numeric.to_numpy(dtype=bool), "no accession number, or no CIK")
    filed = days(frame["filed"])
    account.reject(np.isnat(filed), "no day of filing")
    accepted = pd.to_datetime(frame["accepted"], errors="coerce", format="ISO8601").astype("datetime64[ns]")
    cik = frame["cik"].str.lstrip("0")
    table = pd.DataFrame(
        {
            "adsh": frame["adsh"],
            "company_id": _ids(cik, tickers),
            "name": clean_names(frame["name"]),
            "industry": frame["sic"]
            .map({one: sic.industry(one) for one in frame["sic"].unique()})
            .astype("str"),
            "known": known_days(filed, accepted).astype("datetime64[s]"),
            "accepted": accepted,
            "fye": pd.to_numeric(frame["fye"].str[:2], errors="coerce"),
        }
    )
    table = table[account.left].sort_values(["known", "accepted", "adsh"], kind="stable", na_position="first")
    return table.drop(columns="accepted").reset_index(drop=True), account


def _ids(cik: pd.Series[str], tickers: Mapping[str, str]) -> pd.Series[str]:
    return pd.Series([tickers.get(one, one.zfill(10)) for one in cik], dtype="str")


def companies_table(filings: pd.DataFrame) -> pd.DataFrame:
    """The table `companies`: each filer by the name of its newest filing, which is for reading only."""
    named = filings[filings["name"] != ""].drop_duplicates("company_id", keep="last")
    names = dict(zip(named["company_id"], named["name"], strict=True))
    ids = sorted(filings["company_id"].unique())
    return pd.DataFrame({"company_id": ids, "name": [names.get(one, one) for one in ids]}, dtype="str")


def company_industries(filings: pd.DataFrame) -> pd.DataFrame:
    """The table `company_industries`: from the day after the filing that first gave each industry."""
    told = filings[filings["industry"] != ""].drop_duplicates(["company_id", "known"], keep="last")
    told = told.sort_values(["company_id", "known"], kind="stable")
    changed = (told["company_id"] != told["company_id"].shift()) | (
        told["industry"] != told["industry"].shift()
    )
    spans = told[changed]
    known: Days = spans["known"].to_numpy().astype("datetime64[D]")
    begin: Days = np.add(known, _ONE_DAY)
    end: Days = np.full(len(begin), np.datetime64("NaT", "D"))
    same = (spans["company_id"] == spans["company_id"].shift(-1)).to_numpy()
    end[same] = begin[1:][same[:-1]]
    return pd.DataFrame(
        {
            "company_id": spans["company_id"].to_numpy(),
            "industry_id": spans["industry"].to_numpy(),
            "valid_from": iso(begin),
            "valid_to": iso(end),
        }
    )
