"""What a load did, row by row of its account: for the terminal, and for `--report FILE`."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from samgraph.errors import ConfigError, DatasetError
from samgraph.files import whole
from samgraph.spreadsheets import write_csv

COUNTS = ("read", "used", "unchanged", "merged", "superseded", "stale", "rejected")


@dataclass(frozen=True)
class LoadReport:
    """What a load read, used and wrote.

    tables: by table the rows read = used + unchanged + merged + superseded + stale + rejected. Unchanged rows
        were in the graph already; merged ones repeat another row exactly; superseded and stale ones belong to
        reports that were replaced, or had expired, before the first day on which they could be used.
    rejected: a row for each reason why a row cannot be used: table, row (from 1), reason, fatal, values
        (JSON).
    edges: by kind the versions created and ended. moment: of the load, or None if nothing was written.
    """

    dataset: str
    dry_run: bool
    moment: dt.datetime | None
    tables: pd.DataFrame
    rejected: pd.DataFrame
    edges: pd.DataFrame
    notes: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether nothing fatal was found."""
        return not bool(self.rejected["fatal"].any())

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values, for JSON."""
        rejected = self.rejected.to_dict("records")
        for row in rejected:
            row["values"] = json.loads(row["values"])
        return {
            "dataset": self.dataset,
            "dry_run": self.dry_run,
            "ok": self.ok,
            "moment": self.moment.isoformat() if self.moment else None,
            "tables": self.tables.reset_index().to_dict("records"),
            "edges": self.edges.reset_index().to_dict("records"),
            "notes": list(self.notes),
            "seconds": self.seconds,
            "rejected": rejected,
        }

    def to_frame(self) -> pd.DataFrame:
        """One table: a row of counts for each table (row empty), then a row for each rejected row and
        reason.
        """
        return pd.concat([self.tables.reset_index(), self.rejected], ignore_index=True)[
            ["table", *COUNTS, "row", "reason", "fatal", "values"]
        ].astype(dict.fromkeys((*COUNTS, "row"), "Int64"))

    def write(self, file: Path | str) -> None:
        """Write it as JSON or CSV, by the ending of the file's name, whole or not at all.

        Raises:
            ConfigError: another ending
            RunError: it cannot be written there
        """
        path = Path(file)
        if path.suffix not in (".json", ".csv"):
            raise ConfigError(f"the report {path} must end in .json or .csv")
        with whole(path) as scratch:
            if path.suffix == ".json":
                text = json.dumps(self.to_dict(), ensure_ascii=False, indent=1)
                scratch.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
            else:
                write_csv(self.to_frame(), scratch)


class RefusedDataset(DatasetError):
    """A dataset with rows that stop a load; `report` lists every one of them. Nothing was written."""

    def __init__(self, sentence: str, report: LoadReport) -> None:
        super().__init__(sentence)
        self.report = report
