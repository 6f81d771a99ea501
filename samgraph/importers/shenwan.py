"""`samgraph import shenwan`: Shenwan's published classification of A-shares, in one or several vintages of the file.

The folder holds the publisher's table as it was on some days, `NAME_YYYY-MM-DD.csv` each (code, included_on,
industry_code, updated_at, or the publisher's own 股票代码, 计入日期, 行业代码, 更新日期), and `codes_2021.csv`
(industry_code, level1, level2, level3).

`included_on` says since when Shenwan counts the company so. It is not the day of publication: many rows were written or
redated years later. What shows when a row could be known is

- `updated_at`, the moment at which Shenwan edited the row last: before the day after it, nobody can have read it;
- an earlier vintage with the same row: then it was known by that vintage's own `updated_at`;
- an earlier vintage without the row: then it was not known before the day after that vintage, whatever `updated_at`
  says.

A row that a later vintage lacks was withdrawn: from the day after that vintage on it no longer counts. On each day the
company has, of the rows known and in force by then, the one with the latest `included_on`.

So a later vintage never changes what the earlier one says about the days up to its own; it goes on from there, and a
load of it after the earlier one is a correction that `--known-at` shows.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.errors import DatasetError
from samgraph.graph.check.cells import no_rows
from samgraph.graph.dataset.tables import TABLES
from samgraph.importers.aliases import a_share_conventions
from samgraph.importers.companies import companies_table, no_companies
from samgraph.importers.coverage import coverage, merge_repeats
from samgraph.importers.reading import Conventions, Source, iso, needed, parse_day, read
from samgraph.importers.writing import Imported
from samgraph.words import many

NAMES = "codes_2021"
CODING_2021, CODING_2014 = np.datetime64("2021-07-30"), np.datetime64("2014-01-01")
"""Since when codes are those of the classification of 2021 and of 2014; earlier ones are of 2008. One code means one
industry in each, and another in the next."""
_COLUMNS = {
    "code": "股票代码",
    "included_on": "计入日期",
    "industry_code": "行业代码",
    "updated_at": "更新日期",
}
_VINTAGE = re.compile(r".*_(\d{4}-\d{2}-\d{2})\.(csv|csv\.gz|parquet)")
_OLD_BEIJING, _BEIJING = re.compile(r"[48]\d{5}\.BJ"), "920"
_ONE_DAY, _NEVER = np.timedelta64(1, "D"), np.datetime64("9999-12-31", "D")


@dataclass(frozen=True)
class ShenwanOptions:
    """How to read the vintages.

    vintage: the day of the newest one to use; None: all
    lag_days: assume that a row was public so many days after included_on, if an edit later is all that is known of it;
        never of a row that an earlier vintage lacks
    aliases: old company code -> new one, beside the known changes
    """

    vintage: np.datetime64 | None = None
    lag_days: int | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)


def import_shenwan(folder: Path, options: ShenwanOptions) -> Imported:
    """Turn the vintages in `folder` into industries and dated memberships of them.

    Raises:
        DatasetError: there is no vintage, a column is missing, or a cell cannot be read
    """
    files = _vintages(folder)
    if options.vintage is not None and options.vintage not in files:
        days = ", ".join(map(str, files))
        raise DatasetError(f"{folder} has no vintage of {options.vintage}; it has those of {days}")
    conventions = a_share_conventions(options.aliases)
    read_in = {day: _rows(_source(path, conventions), day) for day, path in files.items()}
    renumbered = _renumbered([frame for _, frame in read_in.values()])
    for _, frame in read_in.values():
        frame["company"] = frame["company"].replace(renumbered)
    used = {day: one for day, one in read_in.items() if options.vintage is None or day <= options.vintage}
    names = needed(folder, NAMES)
    known = _known(used, options.lag_days)
    spans = _spans(known)
    for (source, frame), day in zip(used.values(), used, strict=True):
        again = frame.index[known.loc[frame["row"], "first"].to_numpy() != day]
        source.account.merge(again.to_numpy(), "said by an earlier vintage")
        silent = frame.index[~frame["row"].isin(spans["row"])]
        source.account.ignore(silent.to_numpy(), "a newer row was in force by the day on which it was known")
    memberships = pd.DataFrame(
        {
            "company_id": spans["company"],
            "industry_id": spans["industry"],
            "valid_from": iso(spans["begin"].to_numpy().astype("datetime64[D]")),
            "valid_to": iso(_open(spans["end"])),
        }
    )
    tables = {
        "products": no_rows(TABLES["products"])[["product_id", "name", "parent_id"]],
        "segments": no_rows(TABLES["segments"])[
            ["company_id", "product_id", "valid_from", "valid_to", "weight"]
        ],
        "industries": _industries(names, spans["industry"]),
        "company_industries": memberships,
    }
    tables["companies"] = companies_table(no_companies(), tables)
    return Imported(
        "shenwan",
        tables,
        coverage([*(source.account for source, _ in used.values()), names.account]),
        notes=_notes(used, known, options, renumbered),
        options={
            "vintage": str(max(used)),
            "lag_days": options.lag_days,
            "aliases": dict(options.aliases),
        },
        files=tuple(path for source, _ in used.values() for path in source.files) + tuple(names.files),
        essential="company_industries",
    )


def _vintages(folder: Path) -> dict[np.datetime64, Path]:
    """The vintages of a folder by their days, rising."""
    if not folder.is_dir():
        raise DatasetError(f"{folder} is not a folder; name the one that holds the vintages")
    found: dict[np.datetime64, Path] = {}
    for path in sorted(folder.iterdir()):
        if (name := _VINTAGE.fullmatch(path.name)) and (day := parse_day(name[1])) is not None:
            if day in found:
                raise DatasetError(f"{folder} has two vintages of {day}; keep one of them")
            found[day] = path
    if not found:
        raise DatasetError(
            f"{folder} holds no vintage of the classification; call each file NAME_YYYY-MM-DD.csv by the day on "
            "which it was fetched"
        )
    return dict(sorted(found.items()))


def _source(path: Path, conventions: Conventions) -> Source:
    source = read(path.name, [path], conventions)
    source.frame = source.frame.rename(columns={there: name for name, there in _COLUMNS.items()})
    source.require(*_COLUMNS)
    for name in ("included_on", "updated_at"):  # moments; a day is known from the next one on
        source.frame[name] = source.text(name).str.slice(0, 10)
    return source


def _rows(source: Source, day: np.datetime64) -> tuple[Source, pd.DataFrame]:
    """company, included, updated, code of the rows that can be used, the index their positions."""
    account = source.account
    frame = pd.DataFrame(
        {
            "company": source.shares("code"),
            "included": source.days("included_on").astype("datetime64[s]"),
            "updated": source.days("updated_at").astype("datetime64[s]"),
            "code": source.text("industry_code"),
        }
    )
    account.reject((frame["company"] == "").to_numpy(), "company code of no known exchange")
    account.reject((~frame["code"].str.fullmatch(r"[0-9]{6}")).to_numpy(), "no industry code of six digits")
    account.reject(frame["included"].isna().to_numpy(), "no day of inclusion")
    account.reject(frame["updated"].isna().to_numpy(), "no moment of the last edit")
    late = (frame["updated"] > pd.Timestamp(day)).to_numpy()
    account.reject(late, "edited after the day of its vintage: the file is a later one")
    merge_repeats(account, frame, ["company", "included"])
    return source, frame[account.left].copy()


def _renumbered(vintages: Sequence[pd.DataFrame]) -> dict[str, str]:
    """Beijing's companies under their codes since October 2025, by what the vintages show.

    A code that a later vintage lacks became 920 and its last three digits if that one is new there, no other code that
    is gone ends so, and both were ever counted to one industry; or if both have a row of the same day and industry.
    """
    found: dict[str, str] = {}
    for before, after in itertools.pairwise(vintages):
        gone = [one for one in before["company"].unique() if _OLD_BEIJING.fullmatch(one)]
        gone = sorted(set(gone) - set(after["company"]))
        fresh = set(after["company"]) - set(before["company"])
        ends = pd.Series([one[3:6] for one in gone]).value_counts()
        facts = {
            name: set(zip(rows["included"], rows["code"], strict=True))
            for name, rows in before.groupby("company")
        }
        later = {
            name: set(zip(rows["included"], rows["code"], strict=True))
            for name, rows in after.groupby("company")
        }
        for one in gone:
            new = f"{_BEIJING}{one[3:]}"
            if new not in fresh:
                continue
            alike = {code for _, code in facts[one]} & {code for _, code in later[new]}
            if facts[one] & later[new] or (alike and ends[one[3:6]] == 1):
                found[one] = new
    twice = pd.Series(list(found.values())).value_counts()
    return {old: new for old, new in found.items() if twice[new] == 1}


def _known(used: Mapping[np.datetime64, tuple[Source, pd.DataFrame]], lag_days: int | None) -> pd.DataFrame:
    """Every row that any vintage has, once: company, included, code, industry, first (its first vintage), since, until.

    Sorted by company; the index is what `row` of the vintages' frames names. `since` is the first day on which it could
    be used, `until` the first on which it no longer counts.
    """
    pieces = []
    for number, (day, (_, frame)) in enumerate(used.items()):
        pieces.append(frame.assign(vintage=number, first=day.astype("datetime64[s]")))
    every = pd.concat(pieces)
    key = ["company", "included", "code"]
    every["row"] = every.groupby(key, sort=True).ngroup().to_numpy()
    bounds = itertools.pairwise(np.cumsum([0, *map(len, pieces)]).tolist())
    for (_, frame), (begin, end) in zip(used.values(), bounds, strict=True):
        frame["row"] = every["row"].to_numpy()[begin:end]
    days = np.array(list(used), dtype="datetime64[D]")
    known = every.sort_values("vintage", kind="stable").groupby("row").first()
    last = every.groupby("row")["vintage"].max().to_numpy()
    first = known["vintage"].to_numpy()
    updated = known["updated"].to_numpy().astype("datetime64[D]")
    included = known["included"].to_numpy().astype("datetime64[D]")
    since = updated + _ONE_DAY
    if lag_days is not None:
        assumed = included + np.timedelta64(lag_days + 1, "D")
        since = np.minimum(since, assumed)
    before = np.where(first > 0, days[first - 1] + _ONE_DAY, np.datetime64("0001-01-01", "D"))
    known["since"] = np.maximum(np.maximum(since, before), included).astype("datetime64[s]")
    gone = last + 1 < len(days)
    withdrawn = days[np.minimum(last + 1, len(days) - 1)] + _ONE_DAY
    known["until"] = np.where(gone, withdrawn, _NEVER).astype("datetime64[s]")
    coding = np.where(included >= CODING_2021, "", np.where(included >= CODING_2014, "2014:", "2008:"))
    known["industry"] = pd.Series(coding, index=known.index, dtype="str") + known["code"]
    return known


def _spans(known: pd.DataFrame) -> pd.DataFrame:
    """company, industry, begin, end, row: on each day the row in force with the latest day of inclusion."""
    since, until, included = (
        known[name].to_numpy().astype("datetime64[D]").astype(np.int64)
        for name in ("since", "until", "included")
    )
    company, industry = known["company"].to_numpy(dtype=object), known["industry"].to_numpy(dtype=object)
    heads = np.flatnonzero(np.append(True, company[1:] != company[:-1]))
    found: list[tuple[str, str, int, int, int]] = []
    for first, stop in itertools.pairwise([*heads.tolist(), len(known)]):
        rows = sorted(range(first, stop), key=lambda row: included[row], reverse=True)
        turns = sorted({*since[first:stop].tolist(), *until[first:stop].tolist()})
        for begin, end in itertools.pairwise(turns):
            row = next((one for one in rows if since[one] <= begin < until[one]), None)
            if row is None:
                continue
            if found and found[-1][:2] == (company[row], industry[row]) and found[-1][3] == begin:
                found[-1] = (*found[-1][:3], end, found[-1][4])
            else:
                found.append((company[row], industry[row], begin, end, row))
    spans = pd.DataFrame(found, columns=["company", "industry", "begin", "end", "row"])
    days = {name: spans[name].to_numpy(dtype=np.int64).astype("datetime64[D]") for name in ("begin", "end")}
    return spans.assign(**{name: day.astype("datetime64[s]") for name, day in days.items()})


def _open(end: pd.Series) -> npt.NDArray[np.datetime64]:
    days = end.to_numpy().astype("datetime64[D]")
    return np.where(days == _NEVER, np.datetime64("NaT", "D"), days)


def _industries(names: Source, used: pd.Series) -> pd.DataFrame:
    """The industries that anybody is or was in, with those above them: names of 2021, codes for what has none."""
    names.require("industry_code", "level1", "level2", "level3")
    code = names.text("industry_code")
    merge_repeats(names.account, pd.DataFrame({"code": code}), ["code"])
    levels = [names.text(f"level{number}") for number in (3, 2, 1)]
    deepest = levels[0].where(levels[0] != "", levels[1].where(levels[1] != "", levels[2]))
    called = dict(zip(code, deepest, strict=True))
    rows: dict[str, tuple[str, str]] = {}
    for one in sorted(used.unique()):
        coding, digits = one[:-6], one[-6:]
        line = [coding + digits[:2] + "0000", coding + digits[:4] + "00", one]
        for place, industry in enumerate(dict.fromkeys(line)):
            name = called.get(industry, "") or industry
            above = list(dict.fromkeys(line))[place - 1] if place else ""
            rows.setdefault(industry, (name, above))
    unused = ~code.isin(list(rows)).to_numpy()
    names.account.ignore(unused, "an industry that no company is or was in")
    return pd.DataFrame(
        {
            "industry_id": list(rows),
            "name": [name for name, _ in rows.values()],
            "parent_id": [above for _, above in rows.values()],
        }
    ).sort_values("industry_id", ignore_index=True)


def _notes(
    used: Mapping[np.datetime64, tuple[Source, pd.DataFrame]],
    known: pd.DataFrame,
    options: ShenwanOptions,
    renumbered: Mapping[str, str],
) -> tuple[str, ...]:
    late = (known["since"] - known["included"]).dt.days
    withdrawn = int((known["until"].to_numpy().astype("datetime64[D]") != _NEVER).sum())
    lines = [
        f"vintages of {', '.join(map(str, used))}: rows are used from the day after the first evidence of them, "
        f"{late.median():,.0f} days after included_on in the median, {late.quantile(0.9):,.0f} or more in one of ten",
        "codes before 2021-07-30 are of the classifications of 2014 and 2008 (2014:, 2008:), whose names are not there",
    ]
    if len(used) > 1:
        lines.append(f"withdrawn or redated by a later vintage: {many(withdrawn, 'row')} of earlier ones")
    if options.lag_days is not None:
        lines.append(
            f"ASSUMED that a row of the first vintage was public {options.lag_days} days after included_on where it "
            "was edited later"
        )
    if renumbered:
        lines.append(
            f"with their codes since October 2025 throughout: {many(len(renumbered), 'company')} of Beijing"
        )
    return tuple(lines)
