"""The table `companies` out of what a vendor says about listings, and of who else its answers name."""

from __future__ import annotations

import numpy as np
import pandas as pd

from samgraph.importers.reading import iso


def no_companies() -> pd.DataFrame:
    """company_id, name, listed_on, delisted_on (days), without a row."""
    nothing = np.array([], dtype="datetime64[s]")
    text = pd.Series([], dtype="str")
    return pd.DataFrame({"company_id": text, "name": text, "listed_on": nothing, "delisted_on": nothing})


def listing_days(firms: pd.DataFrame) -> dict[str, np.datetime64]:
    """The day of listing by company, where it is known."""
    known = firms[firms["listed_on"].notna()]
    days = known["listed_on"].to_numpy().astype("datetime64[D]")
    return dict(zip(known["company_id"], days, strict=True))


def companies_table(firms: pd.DataFrame, tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The companies of `firms`, and by their ids those that only other tables name; sorted by id."""
    members = {
        one for table in tables.values() if "company_id" in table for one in table["company_id"].unique()
    }
    table = pd.DataFrame(
        {
            "company_id": firms["company_id"],
            "name": firms["name"],
            "listed_on": iso(firms["listed_on"].to_numpy().astype("datetime64[D]")),
            "delisted_on": iso(firms["delisted_on"].to_numpy().astype("datetime64[D]")),
        }
    )
    others = sorted(members - set(firms["company_id"]))
    if others:
        more = pd.DataFrame({"company_id": others, "name": others, "listed_on": "", "delisted_on": ""})
        table = pd.concat([table, more], ignore_index=True)
    table.insert(2, "exchange", table["company_id"].str[-2:])
    return table.sort_values("company_id", ignore_index=True)
