"""The checks of single cells, and the one form in which every later check sees a table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from samgraph.graph.check.findings import Findings
from samgraph.graph.check.reports import LAST_DAY
from samgraph.graph.dataset.folder import Parsed
from samgraph.graph.dataset.tables import FIRST_DAY, Kind, Table

LONGEST_ID = 1000
"""Characters; an index of Neo4j takes keys of about 8 kB."""
_EMPTY = {Kind.ID: None, Kind.TEXT: None, Kind.DATE: pd.NaT, Kind.NUMBER: np.nan, Kind.FLAG: pd.NA}
_DTYPES = {
    Kind.ID: "str",
    Kind.TEXT: "str",
    Kind.DATE: "datetime64[s]",
    Kind.NUMBER: "float64",
    Kind.FLAG: "boolean",
}


def complete(parsed: Parsed) -> pd.DataFrame:
    """Every column of the table, absent ones empty, spans in one form; the index is the row's position."""
    frame = parsed.frame
    for column in parsed.table.columns:
        if column.name not in frame.columns:
            frame[column.name] = pd.Series(_EMPTY[column.kind], index=frame.index, dtype=_DTYPES[column.kind])
    if "valid_to" in frame.columns:
        frame["valid_to"] = frame["valid_to"].mask(frame["valid_to"] == LAST_DAY.astype("datetime64[s]"))
    if "valid_from" in frame.columns and parsed.table.name != "segments":
        # Cells that are not empty but unreadable are errors already; a required one that is empty as well.
        begin = parsed.table.column("valid_from")
        if begin is not None and not begin.filled:
            frame["valid_from"] = frame["valid_from"].fillna(FIRST_DAY)
    return frame[list(parsed.table.names)]


def no_rows(table: Table) -> pd.DataFrame:
    """A table without a row, in the form of `complete`."""
    return pd.DataFrame(
        {
            column.name: pd.Series([], dtype=_DTYPES[column.kind], index=pd.RangeIndex(0))
            for column in table.columns
        }
    )


def note_cells(parsed: Parsed, findings: Findings, begin: int = 0) -> None:
    """Note cells that are unreadable, infinite, or empty where they must not be.

    `begin`: the position, in the whole table, of the first row of `parsed`.
    """
    table = parsed.table
    fatal = not table.series
    for number, text in parsed.ragged:
        findings.add_line(table.name, number, text, fatal=fatal)
    unreadable = parsed.unreadable
    for column in table.columns:
        if column.name not in parsed.frame.columns:
            continue
        values = parsed.frame[column.name]
        broken = unreadable.loc[unreadable["column"] == column.name, "row"].to_numpy(dtype=np.int64)
        kind = "an ISO day" if column.kind is Kind.DATE else f"a {column.kind.value}"
        findings.add(table.name, broken + begin, f"{column.name} cannot be read as {kind}", fatal=fatal)
        if column.kind is Kind.NUMBER:
            infinite = np.flatnonzero(np.isinf(values))
            findings.add(table.name, infinite + begin, f"{column.name} is infinite", fatal=fatal)
        if column.kind is Kind.ID:
            long = np.flatnonzero((values.str.len() > LONGEST_ID).to_numpy())
            reason = f"{column.name} is longer than {LONGEST_ID} characters"
            findings.add(table.name, long + begin, reason, fatal=fatal)
        if column.filled:
            empty = np.setdiff1d(np.flatnonzero(values.isna()), broken)
            findings.add(table.name, empty + begin, f"{column.name} is empty", fatal=fatal)
