"""One quarter of the Financial Statement Data Sets: a zip of `sub.txt`, `num.txt`, `tag.txt`, read in a stream.

Of the millions of figures in `num.txt` only those that can be revenue by product are kept, and the consolidated revenue
beside them. What is kept of a quarter is a folder of two Parquet tables and its counts in the cache, called by the
SHA-256 of the zip and what was asked of it: a quarter is read once.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from samgraph.errors import DatasetError
from samgraph.files import whole_folder
from samgraph.importers.coverage import OUTCOMES, Outcome

Bools = npt.NDArray[np.bool_]
Counts = dict[tuple[Outcome, str], int]
"""Rows by outcome and cause."""

FORM = 1  # of what the cache holds; a new one reads every quarter again
_BLOCK = 4 << 20  # bytes of text
_MOST_UNPACKED = 100  # times its packed size; real tables take 4 to 15 times
_COLUMNS = {
    "sub.txt": ("adsh", "cik", "name", "sic", "fye", "form", "period", "filed", "accepted"),
    "tag.txt": ("tag", "version", "datatype", "iord", "crdr"),
    "num.txt": ("adsh", "tag", "version", "ddate", "qtrs", "uom", "segments", "coreg", "value"),
}
# Not `prevrpt`: it says that the report was amended later.


@dataclass(frozen=True)
class Wanted:
    """What is kept of a quarter.

    axes: the axes whose members are products, as num.txt writes them
    tags: the tags that are revenue
    """

    axes: tuple[str, ...]
    tags: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Tells caches of different wants apart."""
        text = json.dumps([FORM, sorted(self.axes), sorted(self.tags)])
        return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Quarter:
    """What was kept of one zip.

    facts: adsh, tag, version, ddate, qtrs, uom, axis ("" for a consolidated figure), member, value: all text
    filings: the columns of sub.txt that are read: all text
    counts: where the rows of num.txt went that were not kept
    """

    facts: pd.DataFrame
    filings: pd.DataFrame
    counts: Counts


def quarter(path: Path, cache: Path, wanted: Wanted) -> Quarter:
    """A zip's quarter, from the cache where it is there.

    Raises:
        DatasetError: the zip cannot be read, or is no quarter of the data sets
    """
    try:
        with path.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror}); check the file") from error
    kept = cache / f"{digest}-{wanted.digest}"
    found = _cached(kept)
    if found is None:
        found = _read(path, wanted)
        if kept.exists():  # damaged
            shutil.rmtree(kept, ignore_errors=True)
        with whole_folder(kept) as fresh:
            found.facts.to_parquet(fresh / "facts.parquet", index=False)
            found.filings.to_parquet(fresh / "filings.parquet", index=False)
            rows = [[*key, count] for key, count in found.counts.items()]
            (fresh / "counts.json").write_text(json.dumps(rows), encoding="utf-8")
    return found


def _cached(kept: Path) -> Quarter | None:
    """The quarter of a folder of the cache; None where there is none, or a damaged one."""
    try:
        counts: Counts = {}
        for outcome, cause, rows in json.loads((kept / "counts.json").read_text(encoding="utf-8")):
            counts[OUTCOMES[OUTCOMES.index(outcome)], cause] = int(rows)
        facts, filings = (pd.read_parquet(kept / f"{name}.parquet") for name in ("facts", "filings"))
        return Quarter(facts.astype("str"), filings.astype("str"), counts)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _read(path: Path, wanted: Wanted) -> Quarter:
    try:
        with zipfile.ZipFile(path) as archive:
            _require_sound(path, archive)
            filings = _joined([_frame(batch) for batch in _batches(path, archive, "sub.txt")], "sub.txt")
            facts, counts = _facts(path, archive, wanted)
            return Quarter(_revenue(path, archive, facts, wanted, counts), filings, counts)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise DatasetError(f"{path} cannot be read as a zip ({_reason(error)}); download it again") from error


def _require_sound(path: Path, archive: zipfile.ZipFile) -> None:
    names = [info.filename for info in archive.infolist()]
    for name in _COLUMNS:
        if names.count(name) != 1:
            found = f"holds {names.count(name)} files {name}, not one" if name in names else f"lacks {name}"
            raise DatasetError(
                f"{path} {found}; name a folder of zips of the SEC's "
                "Financial Statement Data Sets, such as 2015q1.zip"
            )
        info = archive.getinfo(name)
        if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DatasetError(
                f"{path}: {name} is encrypted or packed otherwise than the SEC packs it (deflate); download it again"
            )
        if info.file_size > _MOST_UNPACKED * max(info.compress_size, 1000):
            raise DatasetError(
                f"{path}: {name} of {info.compress_size:,} bytes unpacks to {info.file_size:,}, which no table of the "
                "data sets does; see where it comes from"
            )


def _batches(path: Path, archive: zipfile.ZipFile, name: str) -> Iterator[pa.RecordBatch]:
    """The columns of a table that are read, in pieces, as text; those of its name as bytes."""
    columns = _COLUMNS[name]
    with archive.open(name) as raw:
        header = raw.readline(1 << 16).decode("utf-8", "replace").rstrip("\r\n").split("\t")
    for column in columns:
        if header.count(column) != 1:
            older = (
                " (files downloaded before 2025 lack it: download them again)" if column == "segments" else ""
            )
            raise DatasetError(
                f"{path}: {name} has {header.count(column)} columns {column}, not one{older}; it has "
                f"{', '.join(header)[:200]}"
            )
    kinds = {column: pa.binary() if column == "name" else pa.string() for column in columns}
    try:
        with (
            archive.open(name) as raw,
            csv.open_csv(
                raw,
                read_options=csv.ReadOptions(block_size=_BLOCK),
                parse_options=csv.ParseOptions(delimiter="\t", quote_char=False, double_quote=False),
                convert_options=csv.ConvertOptions(
                    column_types=kinds, include_columns=list(columns), strings_can_be_null=False
                ),
            ) as reader,
        ):
            yield from reader
    except pa.ArrowInvalid as error:
        raise DatasetError(f"{path}: {name} is no table ({_reason(error)}); download it again") from error


def _frame(batch: pa.RecordBatch) -> pd.DataFrame:
    columns = {}
    for name in batch.schema.names:
        values = batch[name].to_pylist()
        if pa.types.is_binary(batch[name].type):
            values = [value.decode("utf-8", "replace") for value in values]
        columns[name] = pd.Series(values, dtype="str").str.strip()
    return pd.DataFrame(columns)


def _joined(pieces: list[pd.DataFrame], name: str) -> pd.DataFrame:
    """The pieces of a table as one, with its columns even where it has no row."""
    nothing = pd.DataFrame({column: pd.Series([], dtype="str") for column in _COLUMNS[name]})
    return pd.concat([nothing, *pieces], ignore_index=True)


def _facts(path: Path, archive: zipfile.ZipFile, wanted: Wanted) -> tuple[pd.DataFrame, Counts]:
    """Figures on a wanted axis and consolidated revenue, and where the others went."""
    axes = "|".join(re.escape(one) for one in wanted.axes)
    tags = pa.array(wanted.tags)
    counts: Counts = {}
    pieces = []
    for batch in _batches(path, archive, "num.txt"):
        segments = batch["segments"]
        plain = pc.equal(segments, "")
        mine = pc.match_substring_regex(segments, rf"(^|;)\s*({axes})=")
        revenue = pc.is_in(batch["tag"], tags)
        left = pa.array(np.ones(len(batch), dtype=bool))
        for wrong, cause in (
            (pc.and_not(pc.invert(mine), plain), "a figure on another axis"),
            (pc.and_not(plain, revenue), "a consolidated figure that is not revenue"),
            (pc.not_equal(batch["coreg"], ""), "a co-registrant's figure"),
            (pc.greater(pc.count_substring(segments, "="), 1), "its axis is crossed with another"),
            (pc.equal(batch["qtrs"], "0"), "a balance, no figure of a period"),
            (
                pc.invert(pc.match_substring_regex(batch["uom"], "^[A-Z]{3}$")),
                "no amount of money (pure, shares)",
            ),
        ):
            lost = pc.and_(left, wrong)
            _count(counts, "ignored", cause, int(pc.sum(lost).as_py() or 0))
            left = pc.and_not(left, wrong)
        pieces.append(_frame(batch.filter(left)))
    facts = _joined(pieces, "num.txt")
    split = [one.rstrip("; ").partition("=") for one in facts["segments"]]
    facts["axis"] = pd.Series([axis.strip() for axis, _, _ in split], dtype="str")
    facts["member"] = pd.Series([name.strip() for _, _, name in split], dtype="str")
    return facts.drop(columns=["segments", "coreg"]), counts


def _revenue(
    path: Path,
    archive: zipfile.ZipFile,
    facts: pd.DataFrame,
    wanted: Wanted,
    counts: Counts,
) -> pd.DataFrame:
    """The facts whose tag is revenue, or may be, by tag.txt; consolidated ones of filings that have products."""
    unlisted = facts[~facts["tag"].isin(wanted.tags)]
    asked = pa.array(sorted(set(unlisted["tag"])), type=pa.string())
    income: set[tuple[str, str]] = set()
    for batch in _batches(path, archive, "tag.txt"):
        tags = _frame(batch.filter(pc.is_in(batch["tag"], asked)))
        may = (tags["datatype"] == "monetary") & (tags["iord"] == "D") & (tags["crdr"] != "D")
        income |= set(zip(tags["tag"][may], tags["version"][may], strict=True))
    may = facts["tag"].isin(wanted.tags) | pd.Series(
        [key in income for key in zip(facts["tag"], facts["version"], strict=True)],
        index=facts.index,
        dtype=bool,
    )
    _count(counts, "ignored", "by product, but no revenue", int((~may).sum()))
    facts = facts[may]
    alone = (facts["axis"] == "") & ~facts["adsh"].isin(facts.loc[facts["axis"] != "", "adsh"])
    _count(counts, "ignored", "consolidated revenue of a filing without revenue by product", int(alone.sum()))
    return facts[~alone].reset_index(drop=True)


def _count(counts: Counts, outcome: Outcome, cause: str, rows: int) -> None:
    if rows:
        counts[outcome, cause] = counts.get((outcome, cause), 0) + rows


def _reason(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:200] if text else type(error).__name__


def zips(folder: Path) -> Sequence[Path]:
    """The zips of a folder, by name.

    Raises:
        DatasetError: it is not a folder, or holds no zip
    """
    if not folder.is_dir():
        raise DatasetError(
            f"{folder} is not a folder; name the folder that holds the zips of the SEC's data sets"
        )
    found = sorted(
        path for path in folder.iterdir() if path.suffix.lower() == ".zip" and not path.name.startswith(".")
    )
    if not found:
        raise DatasetError(
            f"{folder} holds no zip; put the SEC's Financial Statement Data Sets there (2015q1.zip)"
        )
    return found
