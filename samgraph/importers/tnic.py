"""`samgraph import tnic`: a text network of competitors by year, as Hoberg and Phillips publish it (TNIC), as links.

One row per pair and year: `year gvkey1 gvkey2 score`, tab-separated, a pair mostly in both directions. The user
says which company a gvkey is.

When a year's network could be known is in no file. It is made of the 10-Ks of fiscal years that end in the calendar
year; the latest of these may be filed three months after the year's end, and late filers take longer. So a year's
network is used from so many months after the year's end (six, unless the user says otherwise; three at least), for a
year, until the next one takes its place: never longer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from samgraph.errors import DatasetError
from samgraph.graph.check.cells import no_rows
from samgraph.graph.check.spans import overlapping
from samgraph.graph.dataset.paths import arrow_reason
from samgraph.graph.dataset.tables import TABLES
from samgraph.importers.coverage import Tally, coverage
from samgraph.importers.reading import iso, read
from samgraph.importers.writing import Imported

COLUMNS = ("year", "gvkey1", "gvkey2", "score")
LEAST_LAG = 3  # months: a 10-K is due within 60 to 90 days of the fiscal year's end
SAME = 1e-4  # scores of the two directions of a pair that differ by less are one, rounded
_BLOCK = 1 << 24
_FIRST = np.datetime64("0001-01-01", "D")


@dataclass(frozen=True)
class TnicOptions:
    """How to read the network.

    ids: the table that says which company a gvkey is: gvkey, company_id, [name], [valid_from, valid_to]
    lag_months: months from the end of a network's year to its first day of use
    least_score: leave out links below it
    """

    ids: Path
    lag_months: int = 6
    least_score: float = 0.0


def import_tnic(file: Path, options: TnicOptions) -> Imported:
    """Turn a text network into links between companies.

    Raises:
        DatasetError: a file or column is missing, a cell cannot be read, or nothing can be used
    """
    if options.lag_months < LEAST_LAG:
        raise DatasetError(
            f"a lag of {options.lag_months} months would use a year's network before its 10-Ks are due; "
            f"use {LEAST_LAG} or more"
        )
    if not file.is_file():
        raise DatasetError(f"{file} is not a file; name the network's table, such as tnic3_data.txt")
    ids = read_ids(options.ids)
    tally = Tally(file.name)
    pairs = _once(_pairs(file, np.unique(ids["gvkey"].to_numpy()), options.least_score, tally), tally)
    links = pd.concat(
        [
            _dated(rows, ids, int(str(year)), options.lag_months, tally)
            for year, rows in pairs.groupby("year", sort=True)
        ]
        or [no_rows(TABLES["company_links"])],
        ignore_index=True,
    )
    used = sorted({*links["company_id"], *links["other_id"]})
    names = ids.drop_duplicates("company_id", keep="last").set_index("company_id")["name"]
    return Imported(
        "tnic",
        {
            "products": no_rows(TABLES["products"])[["product_id", "name", "parent_id"]],
            "segments": no_rows(TABLES["segments"])[
                ["company_id", "product_id", "valid_from", "valid_to", "weight"]
            ],
            "companies": pd.DataFrame({"company_id": used, "name": names.reindex(used).to_numpy()}),
            "company_links": links,
        },
        coverage([tally]),
        notes=(
            f"ASSUMED: the network of a year is known {options.lag_months} months after the year's end, and used for "
            "twelve months from then on; the file does not say when it was published",
            "the networks of past years are as the publisher computes them today: earlier editions may have differed, "
            "and what they said is in no file",
        ),
        options={"lag_months": options.lag_months, "least_score": options.least_score},
        files=(file, options.ids),
        essential="company_links",
    )


def read_ids(path: Path) -> pd.DataFrame:
    """The user's table of gvkeys: gvkey (int64), company_id, name, begin, end (days, half-open).

    Raises:
        DatasetError: the file or a column is missing, a cell is wrong, or at one time a gvkey is two companies or a
            company two gvkeys
    """
    if not path.is_file():
        raise DatasetError(f"{path} is no file; name a table with the columns gvkey and company_id")
    source = read(path.name, [path])
    key, company = source.text("gvkey"), source.text("company_id")
    wrong = ~key.str.fullmatch(r"\d{1,9}") | (company == "")
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DatasetError(
            f"{source.where(row)}: give a gvkey (digits) and a company, not {key[row][:40]!r}, {company[row][:40]!r}"
        )
    nowhere = np.full(len(source), np.datetime64("NaT", "D"))
    begin = source.days("valid_from") if source.has("valid_from") else nowhere
    end = source.days("valid_to") if source.has("valid_to") else nowhere
    frame = pd.DataFrame(
        {
            "gvkey": key.astype("int64"),
            "company_id": company,
            "name": source.text("name") if source.has("name") else "",
            "valid_from": np.where(np.isnat(begin), _FIRST, begin).astype("datetime64[s]"),
            "valid_to": end.astype("datetime64[s]"),
        }
    )
    for one, other in (("gvkey", "company_id"), ("company_id", "gvkey")):
        twice = np.flatnonzero(overlapping(frame, [one]) >= 0)
        if len(twice):
            raise DatasetError(
                f"{source.where(int(twice[0]))}: the {one} {frame[one][twice[0]]} has more than one {other} at one "
                "time; give each row its valid_from and valid_to, or keep one"
            )
    return frame


def _pairs(file: Path, known: np.ndarray, least: float, tally: Tally) -> pd.DataFrame:
    """year, one, two (gvkeys, the smaller first), score of the rows whose companies are both known."""
    kept = [_usable(batch, known, least, tally) for batch in _batches(file)]
    if not kept:
        raise DatasetError(f"{file} has no row; name the network's table")
    return pd.concat(kept, ignore_index=True)


def _batches(file: Path) -> Iterator[pa.RecordBatch]:
    kinds = {"year": pa.int64(), "gvkey1": pa.int64(), "gvkey2": pa.int64(), "score": pa.float64()}
    comma = file.name.removesuffix(".gz").endswith(".csv")
    try:
        with pyarrow.csv.open_csv(
            file,
            read_options=pyarrow.csv.ReadOptions(block_size=_BLOCK),
            parse_options=pyarrow.csv.ParseOptions(delimiter="," if comma else "\t"),
            convert_options=pyarrow.csv.ConvertOptions(column_types=kinds),
        ) as opened:
            lacking = [name for name in COLUMNS if name not in opened.schema.names]
            if lacking:
                raise DatasetError(
                    f"{file} lacks the column {lacking[0]} (found {', '.join(opened.schema.names)[:200]}); its columns "
                    f"are {', '.join(COLUMNS)}, apart by {'commas' if comma else 'tabs'}"
                )
            yield from opened
    except pa.ArrowException as error:
        raise DatasetError(
            f"{file} cannot be read as a table ({arrow_reason(error)}); check the file"
        ) from error


def _usable(batch: pa.RecordBatch, known: np.ndarray, least: float, tally: Tally) -> pd.DataFrame:
    """The rows of a part of the file that can be used; the others are counted."""
    frame = pa.Table.from_batches([batch]).select(list(COLUMNS)).to_pandas()
    left = np.ones(len(frame), dtype=bool)

    def settle(outcome: str, cause: str, rows: np.ndarray) -> None:
        nonlocal left
        tally.add(outcome, cause, int((left & rows).sum()))  # type: ignore[arg-type]
        left = left & ~rows

    settle("rejected", "an empty cell", frame.isna().any(axis=1).to_numpy())
    settle("rejected", "the year is none", ~frame["year"].between(1900, 2999).to_numpy())
    settle("rejected", "score outside 0..1", ~frame["score"].between(0.0, 1.0).to_numpy())
    mapped = frame["gvkey1"].isin(known).to_numpy() & frame["gvkey2"].isin(known).to_numpy()
    settle("ignored", "a gvkey that the table of ids does not have", ~mapped)
    settle("ignored", "a company with itself", (frame["gvkey1"] == frame["gvkey2"]).to_numpy())
    settle("ignored", "score below --least-score", (frame["score"] < least).to_numpy())
    rows = frame[left]
    keys = np.sort(rows[["gvkey1", "gvkey2"]].to_numpy(dtype=np.int64), axis=1).astype(np.int32)
    return pd.DataFrame(
        {
            "year": rows["year"].to_numpy(dtype=np.int16),
            "one": keys[:, 0],
            "two": keys[:, 1],
            "score": rows["score"].to_numpy(),
        }
    )


def _once(pairs: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """Each pair of a year once: the other direction is merged, and scores that contradict each other are rejected."""
    key = ["year", "one", "two"]
    pairs = pairs.sort_values(key, kind="stable", ignore_index=True)
    scores = pairs.groupby(key, sort=False)["score"]
    clash = (scores.transform("max") - scores.transform("min") > SAME).to_numpy()
    tally.add("rejected", "rows of one pair and year contradict each other", int(clash.sum()))
    pairs = pairs[~clash]
    again = pairs.duplicated(key).to_numpy()
    tally.add("merged", "the pair again, mostly in the other direction", int(again.sum()))
    return pairs[~again]


def _dated(rows: pd.DataFrame, ids: pd.DataFrame, year: int, lag: int, tally: Tally) -> pd.DataFrame:
    """The links of a year's network with their days."""
    begin, end = (np.datetime64(f"{one + 1}-01") + lag for one in (year, year + 1))
    span = (begin.astype("datetime64[D]"), end.astype("datetime64[D]"))
    firms = ids[["gvkey", "company_id"]].assign(
        begin=np.maximum(ids["valid_from"].to_numpy().astype("datetime64[D]"), span[0]).astype(
            "datetime64[s]"
        ),
        end=np.fmin(ids["valid_to"].to_numpy().astype("datetime64[D]"), span[1]).astype("datetime64[s]"),
    )
    firms = firms[firms["begin"] < firms["end"]]
    found = rows.reset_index(names="row")
    for side in ("one", "two"):
        found = found.merge(firms.add_suffix(f"_{side}"), left_on=side, right_on=f"gvkey_{side}", how="inner")
    begins = found[["begin_one", "begin_two"]].max(axis=1)
    ends = found[["end_one", "end_two"]].min(axis=1)
    found = found[begins < ends]
    used = found["row"].nunique()
    tally.add("used", "used as it is", used)
    tally.add("ignored", "no company by the table of ids while the network is used", len(rows) - used)
    one, two = found["company_id_one"], found["company_id_two"]
    swap = one > two
    links = pd.DataFrame(
        {
            "company_id": one.where(~swap, two),
            "other_id": two.where(~swap, one),
            "score": found["score"],
            "valid_from": iso(begins[found.index].to_numpy().astype("datetime64[D]")),
            "valid_to": iso(ends[found.index].to_numpy().astype("datetime64[D]")),
        }
    )
    return links.sort_values(["company_id", "other_id", "valid_from"], ignore_index=True)
