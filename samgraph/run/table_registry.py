"""Tables by their names, with the columns that the registry gives them."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from samgraph.errors import RunError
from samgraph.run.table import KNOWN_IN_WORDS, Known, Schedule, Table
from samgraph.run.tables import TABLES


def registered(name: str) -> Table:
    """A table by its name.

    Raises:
        RunError: the registry has none
    """
    if name not in TABLES:
        raise RunError(f"a run has no table {name}; register it in samgraph/run/tables.py")
    return TABLES[name]


def with_return_dates(tables: Mapping[str, pd.DataFrame], schedule: Schedule) -> dict[str, pd.DataFrame]:
    """The tables with the columns that the registry gives them, `return_date` added where it is one of them.

    Raises:
        RunError: a table that is not registered, or other columns than it is registered with
    """
    found = {}
    for name, given in tables.items():
        table, frame = registered(name), given
        if "return_date" in table.columns and "return_date" not in frame:
            moment = max(known for known in table.moments if known in (Known.NEXT, Known.HORIZON))
            place = list(frame.columns).index(table.date) + 1
            frame = given.copy()
            frame.insert(place, "return_date", schedule.known(table, frame, moment))
        if tuple(frame.columns) != table.columns:
            raise RunError(
                f"table {name} has the columns {', '.join(map(str, frame.columns))}; samgraph/run/tables.py registers "
                f"{', '.join(table.columns)}"
            )
        found[name] = frame
    return found


def document() -> str:
    """The registry as the page of tables shows it."""
    lines = []
    for table in TABLES.values():
        lines += [
            f"## `{table.name}`",
            "",
            f"{table.words} A row is known {KNOWN_IN_WORDS[table.known]}.",
            "",
        ]
        lines += ["| column | what |", "|---|---|"]
        for name in table.columns:
            moment = table.other.get(name)
            later = f" (known {KNOWN_IN_WORDS[moment]})" if moment is not None else ""
            lines.append(f"| `{name}` | {table.means(name)}{later} |")
        lines.append("")
    return "\n".join(lines)
