"""The data sheet of an import, `import.md`: what is in the written dataset, since when, and what was assumed.

Everything is counted from the tables as they were written and from the account of the rows that were read, so a sheet
says the same of every importer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.dataset.tables import TABLES, THEME
from samgraph.words import many

_QUANTILES = {"least": 0.0, "one in ten": 0.1, "median": 0.5, "nine in ten": 0.9, "most": 1.0}
_DAYS = ("valid_from", "period_end", "announced_on", "date")
_REPORT = ["company_id", "period_end", "announced_on", "valid_from"]


def data_sheet(
    dataset: Dataset,
    importer: str,
    coverage: pd.DataFrame,
    notes: Sequence[str],
    options: Mapping[str, object],
) -> str:
    """The sheet as Markdown.

    Args:
        dataset: as the importer wrote it
        importer: its name on the command line
        coverage: table, outcome, cause, rows: where every row that was read went
        notes: what was assumed, in sentences
        options: what was asked for
    """
    asked = {name: value for name, value in options.items() if value not in (None, "", [], (), {}, False)}
    parts = [
        f"# Import of {importer}",
        "Written by `samgraph import` beside the tables; `samgraph load` ignores this page.",
        "## What was assumed",
        "\n".join(f"- {_cell(note)}" for note in notes) or "Nothing.",
        *(
            ["Asked for: " + "; ".join(f"{_cell(name)} = {_cell(_said(asked[name]))}" for name in asked)]
            if asked
            else []
        ),
        "## Tables",
        _markdown(pd.DataFrame([_span(dataset, name) for name in dataset.tables])),
    ]
    segments = (
        dataset.read("segments", TABLES["segments"].names) if dataset.has("segments") else pd.DataFrame()
    )
    if len(segments):
        theme = (segments["kind"] == THEME).fillna(False).to_numpy(dtype=bool)
        parts += _reported(segments[~theme]) if not theme.all() else []
        parts += _themes(segments[theme]) if theme.any() else []
    if dataset.has("company_links"):
        parts += _linked(dataset.read("company_links"))
    rows = coverage.assign(share=_shares(coverage))
    parts += ["## Where every row went", _markdown(rows)]
    return "\n\n".join(parts) + "\n"


def _span(dataset: Dataset, name: str) -> dict[str, object]:
    """Rows, companies, first and last day of a table, read in parts."""
    rows, companies = 0, set()
    ends: list[pd.Timestamp] = []
    for part in dataset.parse_parts(name):
        frame, rows = part.frame, rows + len(part.frame)
        companies |= set(frame["company_id"].dropna().unique()) if "company_id" in frame else set()
        for column in (one for one in _DAYS if one in frame and frame[one].notna().any()):
            ends += [frame[column].min(), frame[column].max()]
    return {
        "table": name,
        "rows": f"{rows:,}",
        "companies": f"{len(companies):,}" if companies else "",
        "first day": min(ends).date().isoformat() if ends else "",
        "last day": max(ends).date().isoformat() if ends else "",
    }


def _reported(segments: pd.DataFrame) -> list[str]:
    """What companies sell by year, and how long after its period a report came out."""
    year = segments["period_end"].fillna(segments["valid_from"]).dt.year
    grouped = segments.assign(year=year).groupby(_REPORT, dropna=False, sort=False)
    reports = grouped.agg(year=("year", "first"), weight=("weight", "sum"), weighed=("weight", "count"))
    reports = reports.reset_index()
    mapped = reports["weight"].clip(upper=1.0).where(reports["weighed"] > 0)
    years = reports.assign(mapped=mapped).groupby("year")
    table = pd.DataFrame(
        {
            "year": years.size().index.astype(int),
            "companies": years["company_id"].nunique().map("{:,}".format),
            "reports": years.size().map("{:,}".format),
            "products": segments.groupby(year)["product_id"].nunique().map("{:,}".format),
            "mapped": years["mapped"].mean().map("{:.1%}".format, na_action="ignore").fillna(""),
        }
    )
    parts = [
        "## Companies by year",
        "By the year in which a period ends, or in which a row's span begins. `mapped` is the share of revenue that "
        "goes to products, in the mean of the reports; the rest is in no product. It is empty where the table holds "
        "revenue, whose total does not tell what is missing.",
        _markdown(table),
    ]
    dated = reports[reports["period_end"].notna() & reports["announced_on"].notna()]
    if len(dated):
        lag = (dated["announced_on"] - dated["period_end"]).dt.days
        again = len(dated) - len(dated.drop_duplicates(["company_id", "period_end"]))
        quantiles = {name: f"{lag.quantile(at):,.0f}" for name, at in _QUANTILES.items()}
        parts += [
            "## Days from the end of a period to its publication",
            _markdown(pd.DataFrame([{"reports": f"{len(dated):,}", **quantiles}])),
            f"{again:,} of the reports are restatements: their company reported on the period before.",
        ]
    return parts


def _themes(segments: pd.DataFrame) -> list[str]:
    members = segments.groupby("product_id")["company_id"].nunique()
    return [
        "## Themes",
        f"{many(len(members), 'theme')}, of {members.min():,} to {many(members.max(), 'company')}, "
        f"{members.median():,.0f} in the median; a membership is 1 and no share of revenue.",
    ]


def _linked(links: pd.DataFrame) -> list[str]:
    """Pairs of companies by the year in which their links begin."""
    years = links.groupby(links["valid_from"].dt.year)
    table = pd.DataFrame(
        {
            "year": years.size().index.astype(int),
            "links": years.size().map("{:,}".format),
            "companies": years.apply(lambda rows: f"{len({*rows['company_id'], *rows['other_id']}):,}"),
            "median score": years["score"].median().map("{:.3f}".format),
        }
    )
    return ["## Links between companies", "By the year in which a link's span begins.", _markdown(table)]


def _shares(coverage: pd.DataFrame) -> pd.Series:
    total = coverage.groupby("table")["rows"].transform("sum")
    return (coverage["rows"] / total).map("{:.1%}".format)


def _markdown(table: pd.DataFrame) -> str:
    heads = [_cell(name) for name in table.columns]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for row in table.itertuples(index=False):
        lines.append(
            "| "
            + " | ".join(f"{one:,}" if isinstance(one, int) and one > 9999 else _cell(one) for one in row)
            + " |"
        )
    return "\n".join(lines)


def _said(option: object) -> object:
    """An option as people write it."""
    if isinstance(option, dict):
        return ", ".join(f"{key}: {value}" for key, value in option.items())
    return ", ".join(map(str, option)) if isinstance(option, (list, tuple)) else option


def _cell(value: object) -> str:
    """A text that stays in its cell or line, and is not markup."""
    text = " ".join(str(value).split())
    return text.translate({ord(sign): "\\" + sign for sign in "\\|<>*_`["})
