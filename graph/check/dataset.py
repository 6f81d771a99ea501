"""The checks of a dataset: every row that cannot be used, with its reason, and the tables that remain.

`check` needs no server. It finds, in every table: missing columns (an error at once), cells that cannot be
read, missing ids, rows that repeat (merged and counted) or contradict each other, spans that end before they
begin; in the taxonomy, cycles at any date, two parents at one time and unknown parents; in segments, unknown
products and companies, weights outside 0..1 or above 1 together, reports out before their period ended; in
the rest, unknown ids and overlapping memberships. Rows of price tables that cannot be used are listed and
left out; anything else is fatal to a load.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.graph.check.cells import complete, note_cells
from samgraph.graph.check.findings import Findings
from samgraph.graph.check.segment_groups import SegmentGroups
from samgraph.graph.check.segments import Publication, check_segments
from samgraph.graph.check.series import SeriesCheck
from samgraph.graph.check.spans import overlapping
from samgraph.graph.check.taxonomy import cycles
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.dataset.tables import FIRST_DAY, TABLES, Kind, Table


@dataclass(frozen=True)
class CheckReport:
    """What was found in a dataset.

    tables: the usable rows of each table that goes into the graph but segments, typed, every column of the table
        present, the index the row's position in the file; valid_from is never empty (0001-01-01 stands for "since
        ever") and valid_to NaT is open.
    segments: those of segments in the same form, by groups of companies; valid_from is empty for reports.
    counts: by table, rows read, merged (exact repeats of another row) and rejected.
    rejected: a row for each reason why a row cannot be used: table, row (from 1), reason, fatal, values
        (JSON).
    notes: what was ignored, in sentences.
    """

    tables: dict[str, pd.DataFrame]
    segments: SegmentGroups
    counts: pd.DataFrame
    rejected: pd.DataFrame
    notes: tuple[str, ...] = field(default=())

    @property
    def fatal(self) -> pd.DataFrame:
        """The rejected rows that make the dataset unusable."""
        return self.rejected[self.rejected["fatal"]]

    @property
    def ok(self) -> bool:
        """Whether the dataset can be loaded."""
        return not bool(self.rejected["fatal"].any())

    def sentence(self) -> str:
        """What is wrong with the dataset, in one sentence."""
        wrong = self.fatal
        if wrong.empty:
            return "the dataset has no error"
        first = wrong.iloc[0]
        rows = len(wrong.drop_duplicates(["table", "row"]))
        more = f" (and {rows - 1} more rows)" if rows > 1 else ""
        return f"table {first['table']}, row {first['row']}: {first['reason']}{more}"


def check(dataset: Dataset) -> CheckReport:
    """Check every table of a dataset.

    Raises DatasetError where a table that every dataset needs, or a required column, is missing.
    """
    names = [name for name, table in TABLES.items() if table.required or dataset.has(name)]
    findings = Findings()
    read = _read(dataset, names, findings)
    merged = read.merged | {"segments": _check_between(read, findings)}
    if "bars" in read.series:
        read.notes.extend(read.series["bars"].without_caps())
    counts = pd.DataFrame(
        {
            "read": [read.rows[name] for name in names],
            "merged": [merged[name] for name in names],
            "rejected": [findings.count(name) for name in names],
        },
        index=pd.Index(names, name="table", dtype="str"),
    )
    usable = {
        name: frame[~frame.index.isin(noted)] if len(noted := findings.rows(name)) else frame
        for name, frame in read.tables.items()
    }
    return CheckReport(usable, read.segments, counts, findings.frame(dataset.cells), tuple(read.notes))


@dataclass
class _Read:
    """The tables of a dataset, each checked by itself."""

    segments: SegmentGroups = field(init=False)  # every dataset has them
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    series: dict[str, SeriesCheck] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    merged: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def _read(dataset: Dataset, names: list[str], findings: Findings) -> _Read:
    """Read every table and check what can be said of it without the others."""
    found = _Read()
    for name in names:
        if name == "segments":
            found.segments = SegmentGroups.of(dataset, findings)
            found.rows[name], unknown = found.segments.read, found.segments.unknown_columns
        elif TABLES[name].series:  # millions of rows: a part at a time
            series = found.series[name] = SeriesCheck.of(dataset, name, findings)
            found.rows[name], found.merged[name] = series.read, series.merged
            unknown = series.unknown_columns
        else:
            parsed = dataset.parse(name)
            note_cells(parsed, findings)
            found.rows[name], unknown = len(parsed.frame) + len(parsed.ragged), parsed.unknown_columns
            table, frame = parsed.table, complete(parsed)
            if name == "company_links":
                frame = _smaller_first(frame)
            del parsed  # what the file holds; a row of it that is to be shown is read again
            found.tables[name], found.merged[name] = _merge(table, frame)
            _check_rows(table, found.tables[name], findings)
        if unknown and name == "bars":
            found.notes.append(
                f"table bars: columns {', '.join(unknown)} are read only by features of these names"
            )
        elif unknown:
            found.notes.append(f"table {name}: ignored unknown columns {', '.join(unknown)}")
    return found


def _check_between(read: _Read, findings: Findings) -> int:
    """Check the tables against each other; return how many rows of segments were merged."""
    tables = read.tables
    companies, products = tables["companies"]["company_id"], tables["products"]["product_id"]
    _check_taxonomy("products", "product_id", tables["products"], findings)
    merged = _check_segments(read.segments, companies, products, findings, read.notes)
    if "product_links" in tables:
        _check_links(tables["product_links"], products, findings)
    if "industries" in tables:
        _check_taxonomy("industries", "industry_id", tables["industries"], findings)
    if "company_industries" in tables:
        known = tables["industries"]["industry_id"] if "industries" in tables else pd.Series([], dtype="str")
        memberships = tables["company_industries"]
        _check_memberships("company_industries", tables, ["company_id"], findings)
        _known("company_industries", memberships, "industry_id", known, "industries", findings)
    if "universes" in tables:
        _check_memberships("universes", tables, ["universe", "company_id"], findings)
        _check_share("universes", tables["universes"], findings)
    if "company_links" in tables:
        _check_company_links(tables["company_links"], companies, findings)
    for name, found in read.series.items():
        found.note(findings, companies if name == "bars" else None)
    return merged


def _check_segments(
    groups: SegmentGroups, companies: pd.Series, products: pd.Series, findings: Findings, notes: list[str]
) -> int:
    """Check the rows, leave out those that cannot be used or repeat an earlier one, and count the latter."""
    table, repeats, publication = TABLES["segments"], [], Publication()
    for frame in groups:
        rows, merged = _merge(table, frame)
        if merged:
            repeats.append(frame.index.difference(rows.index).to_numpy())
        _check_rows(table, rows, findings)
        _known("segments", rows, "company_id", companies, "companies", findings)
        _known("segments", rows, "product_id", products, "products", findings)
        check_segments(rows, findings)
        publication.add(rows)
    notes.extend(publication.judge(findings))
    groups.leave_out(np.concatenate([findings.rows("segments"), *repeats]))
    return sum(map(len, repeats))


def _merge(table: Table, frame: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Without exact repeats of an earlier row, and how many there were."""
    shared = _same_key(table, frame)  # only rows that share a key can repeat
    if not shared.any():
        return frame, 0
    repeats = np.zeros(len(frame), dtype=bool)
    repeats[shared] = frame[shared].duplicated().to_numpy()
    return (frame[~repeats], int(repeats.sum())) if repeats.any() else (frame, 0)


def _same_key(table: Table, frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Which rows share their key with another row, [n_rows]."""
    key = np.zeros(len(frame), dtype=np.int64)
    for name in table.key:
        codes, distinct = pd.factorize(frame[name], use_na_sentinel=False)
        key = key * len(distinct) + codes
    return pd.Series(key).duplicated(keep=False).to_numpy()


def _check_rows(table: Table, frame: pd.DataFrame, findings: Findings) -> None:
    """Spans that do not last, and rows that share their key and contradict each other."""
    for begin, end in (("valid_from", "valid_to"), ("listed_on", "delisted_on")):
        if begin in frame.columns:
            reversed_ = frame.index[frame[end] <= frame[begin]]
            findings.add(table.name, reversed_, f"{end} is not after {begin}")
    ids = [column.name for column in table.columns if column.kind is Kind.ID and column.name in table.key]
    whole = frame[frame[ids].notna().all(axis=1)]
    same = whole.index[_same_key(table, whole)]
    if len(same):
        shown = [name for name in table.key if name in ids]
        reasons = [
            "another row of the same key says otherwise: "
            + ", ".join(f"{name} {value}" for name, value in zip(shown, row, strict=True))
            for row in whole.loc[same, shown].itertuples(index=False)
        ]
        findings.add(table.name, same, reasons)


def _known(
    table: str, frame: pd.DataFrame, column: str, ids: pd.Series, where: str, findings: Findings
) -> None:
    """Ids that no row of table `where` has."""
    values = frame[column]
    unknown = values[values.notna() & ~values.isin(ids)]
    findings.add(table, unknown.index, [f"{column} {value} is not in table {where}" for value in unknown])


def _check_share(table: str, frame: pd.DataFrame, findings: Findings, column: str = "weight") -> None:
    outside = frame.index[(frame[column] < 0) | (frame[column] > 1)]
    findings.add(table, outside, f"{column} is outside 0..1")


def _check_memberships(
    table: str, tables: dict[str, pd.DataFrame], by: list[str], findings: Findings
) -> None:
    frame = tables[table]
    _known(table, frame, "company_id", tables["companies"]["company_id"], "companies", findings)
    sound = frame[frame[by].notna().all(axis=1) & frame["valid_from"].notna()]
    _note_overlaps(
        table, sound, by, f"its membership overlaps that of another row of {' and '.join(by)}", findings
    )


def _note_overlaps(table: str, sound: pd.DataFrame, by: list[str], reason: str, findings: Findings) -> None:
    lasting = sound[~(sound["valid_to"] <= sound["valid_from"])]
    other = overlapping(lasting, by)
    rows = np.flatnonzero(other >= 0)
    findings.add(
        table,
        lasting.index[rows],
        [
            f"{reason} {' '.join(map(str, lasting.iloc[row][by]))} "
            f"(from {_day(lasting.iloc[other[row]]['valid_from'])})"
            for row in rows
        ],
    )


def _day(stamp: pd.Timestamp) -> str:
    return "the first day" if stamp == pd.Timestamp(FIRST_DAY) else stamp.date().isoformat()


def _check_links(frame: pd.DataFrame, products: pd.Series, findings: Findings) -> None:
    for column in ("supplier_id", "customer_id"):
        _known("product_links", frame, column, products, "products", findings)
    _check_share("product_links", frame, findings)
    own = frame.index[(frame["supplier_id"] == frame["customer_id"]).fillna(False)]
    findings.add("product_links", own, "a product is not an input of itself", fatal=False)
    sound = frame[frame[["supplier_id", "customer_id"]].notna().all(axis=1)]
    _note_overlaps(
        "product_links",
        sound,
        ["supplier_id", "customer_id"],
        "its span overlaps that of another row of",
        findings,
    )


def _smaller_first(links: pd.DataFrame) -> pd.DataFrame:
    """Links between companies with the smaller id first, so that a pair is one whichever way it is written."""
    swap = (links["other_id"] < links["company_id"]).fillna(False).to_numpy(dtype=bool)
    one, other = links["company_id"], links["other_id"]
    return links.assign(company_id=one.where(~swap, other), other_id=other.where(~swap, one))


def _check_company_links(frame: pd.DataFrame, companies: pd.Series, findings: Findings) -> None:
    pair = ["company_id", "other_id"]
    for column in pair:
        _known("company_links", frame, column, companies, "companies", findings)
    _check_share("company_links", frame, findings, "score")
    own = frame.index[(frame["company_id"] == frame["other_id"]).fillna(False)]
    findings.add("company_links", own, "a company is not a competitor of itself")
    sound = frame[frame[[*pair, "valid_from"]].notna().all(axis=1)]
    _note_overlaps(
        "company_links", sound, pair, "its span overlaps that of another row of the pair", findings
    )


def _check_taxonomy(table: str, key: str, frame: pd.DataFrame, findings: Findings) -> None:
    """Unknown parents, two parents at one time, cycles at any date."""
    _known(table, frame, "parent_id", frame[key], table, findings)
    rows = frame[frame[key].notna()]
    if "valid_from" in rows.columns:
        rows = rows[~(rows["valid_to"] <= rows["valid_from"])]
        begin, end = rows["valid_from"], rows["valid_to"]
        other = overlapping(rows, [key])
        parents = rows["parent_id"].fillna("(none)").to_numpy()
        for row in np.flatnonzero(other >= 0).tolist():
            mine, theirs = parents[row], parents[other[row]]
            what = "has two parents at one time" if mine != theirs else "is given twice for one time"
            findings.add(table, [rows.index[row]], f"{key} {rows.iloc[row][key]} {what}: {mine} and {theirs}")
    else:
        begin = pd.Series(FIRST_DAY, index=rows.index)
        end = pd.Series(pd.NaT, index=rows.index, dtype="datetime64[s]")
    tree = pd.DataFrame(
        {"child": rows[key], "parent": rows["parent_id"], "valid_from": begin, "valid_to": end}
    )
    for positions, day in cycles(tree):
        members = " > ".join(str(one) for one in rows.iloc[positions][key])
        since = "" if day == FIRST_DAY else f" on {day.astype('datetime64[D]')}"
        findings.add(table, rows.index[positions], f"parent_id makes a cycle{since}: {members}")
