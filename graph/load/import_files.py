"""The files that the server's own import reads: one CSV a label and a relationship type, as a fresh load would write.

Headers give the types; an empty cell is not a property, and all texts are quoted. An as-of answer cannot tell whether a
graph came this way or over Bolt.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from samgraph.graph.db.ledger import OPEN_MOMENT
from samgraph.graph.load import edges
from samgraph.graph.load.edges import COUNTS, DAYS, NUMBERS, EdgeKind, NodeKind
from samgraph.graph.load.plan import EdgeChanges, NodeChanges

ROWS = 200_000
"""Rows that are made ready for a file at a time."""
_LABELS = {"companies": "Company", "products": "Product", "industries": "Industry", "universes": "Universe"}
_TYPES = {
    "sells": ("SELLS", "Company", "Product"),
    "classified_as": ("CLASSIFIED_AS", "Company", "Industry"),
    "in_theme": ("IN_THEME", "Company", "Product"),
    "member_of": ("MEMBER_OF", "Company", "Universe"),
    "competes_with": ("COMPETES_WITH", "Company", "Company"),
    "child_of": ("CHILD_OF", "Product", "Product"),
    "industry_child_of": ("CHILD_OF", "Industry", "Industry"),
    "supplies": ("SUPPLIES", "Product", "Product"),
}


@dataclass
class ImportFiles:
    """Files in `folder`, and the import's `arguments` that name them; `multiline` where a text goes over a line."""

    folder: Path
    arguments: list[str]
    multiline: bool = False

    @classmethod
    def into(cls, folder: Path) -> ImportFiles:
        """Without a file yet."""
        return cls(folder, [])

    def add_nodes(self, changes: NodeChanges, moment: dt.datetime) -> None:
        """The new nodes of one label."""
        kind = changes.kind
        label = _LABELS[kind.name]
        header = [f"{kind.key}:ID({label})", *(_header(name) for name in kind.columns[1:])]
        header.append("recorded_from:datetime")
        tables = (
            _columns(part, kind) | {"recorded_from": _moments(moment, len(part))}
            for part in _pieces([changes.create])
        )
        self._write(f"--nodes={label}", kind.name, header, tables)

    def add_edges(self, changes: EdgeChanges, moment: dt.datetime) -> None:
        """The new relationships of one kind."""
        kind = changes.kind
        name, start, end = _TYPES[kind.name]
        extra = ("long_from",) if kind is edges.SELLS else ()
        header = [f":START_ID({start})", f":END_ID({end})"]
        header += [_header(column) for column in (*kind.properties, *extra)]
        header += ["recorded_from:datetime", "recorded_to:datetime"]
        tables = (_edge_columns(part, kind, moment) for part in _pieces(changes.create))
        self._write(f"--relationships={name}", kind.name, header, tables)

    def add_record(self, label: str, properties: dict[str, Any]) -> None:
        """One node of the ledger, with these properties."""
        header, columns = [":ID(Record)"], {"id": pa.array([label])}
        for name, value in properties.items():
            if value is None:
                continue
            if isinstance(value, dt.datetime):
                header.append(f"{name}:datetime")
                columns[name] = _moments(value, 1)
            elif isinstance(value, list):
                header.append(f"{name}:string[]")
                columns[name] = pa.array([";".join(value)])
            else:
                header.append(f"{name}:{'long' if isinstance(value, int) else 'string'}")
                columns[name] = pa.array([value])
        self._write(f"--nodes={label}", label.lower(), header, iter([columns]))

    def _write(
        self, argument: str, name: str, header: Sequence[str], tables: Iterator[dict[str, pa.Array]]
    ) -> None:
        heading, file = self.folder / f"{name}.header.csv", self.folder / f"{name}.csv"
        heading.write_text(",".join(header) + "\n", encoding="utf-8")
        options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="all_valid")
        writer = None
        with file.open("wb") as sink:
            for columns in tables:
                table = pa.table(columns)
                self.multiline |= any(_has_newline(column) for column in table.columns)
                if writer is None:
                    writer = pyarrow.csv.CSVWriter(sink, table.schema, write_options=options)
                writer.write_table(table)
            if writer is not None:
                writer.close()
        if writer is not None:
            self.arguments.append(f"{argument}={heading},{file}")


def _pieces(parts: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    for part in parts:
        for begin in range(0, len(part), ROWS):
            yield part.iloc[begin : begin + ROWS]


def _header(name: str) -> str:
    kind = "date" if name in {*DAYS, "long_from"} else "double" if name in NUMBERS else "string"
    return f"{name}:{'long' if name in COUNTS else kind}"


def _edge_columns(part: pd.DataFrame, kind: EdgeKind, moment: dt.datetime) -> dict[str, pa.Array]:
    columns = _columns(part, kind)
    if kind is edges.SELLS:
        columns["long_from"] = _array(part["valid_from"].where(edges.is_long(part), edges.NONE), "valid_from")
    columns["recorded_from"] = _moments(moment, len(part))
    columns["recorded_to"] = _moments(OPEN_MOMENT, len(part))
    return columns


def _columns(part: pd.DataFrame, kind: NodeKind | EdgeKind) -> dict[str, pa.Array]:
    return {name: _array(part[name], name) for name in kind.columns}


def _array(column: pd.Series, name: str) -> pa.Array:
    if name in DAYS:
        days = column.to_numpy()
        empty = days == edges.NONE
        return pa.array(np.where(empty, 0, days).astype(np.int32), mask=empty).cast(pa.date32())
    if name in NUMBERS:
        return pa.array(column.to_numpy(dtype="float64"), from_pandas=True)
    if name in COUNTS:
        return pa.array(column.to_numpy(dtype="int64"))
    text = pa.array(column, type=pa.string(), from_pandas=True)
    return text.combine_chunks() if isinstance(text, pa.ChunkedArray) else text


def _moments(moment: dt.datetime, length: int) -> pa.Array:
    text = moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    return pa.repeat(pa.scalar(text), length)


def _has_newline(column: pa.ChunkedArray) -> bool:
    if not pa.types.is_string(column.type):
        return False
    return bool(pc.any(pc.match_substring_regex(column, "[\n\r]")).as_py())
