"""The tables of a dataset: their columns, what a cell may hold, and what makes a row unique.

This is the one place that names columns; reading, checking and loading all follow it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

FIRST_DAY = np.datetime64("0001-01-01", "s")  # stands for an empty valid_from: since ever


class Kind(Enum):
    """What the cells of a column hold."""

    ID = "id"
    TEXT = "text"
    DATE = "ISO day"
    NUMBER = "number"
    FLAG = "true or false"


@dataclass(frozen=True)
class Column:
    """A column: `required` to exist, and then `filled` in every row."""

    name: str
    kind: Kind
    required: bool = True
    filled: bool = True


@dataclass(frozen=True)
class Table:
    """A table: its columns, the key of a row, and whether every dataset must have it.

    `series` tables hold prices: they stay on disk, and a row of them that cannot be used is listed without
    stopping a load.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    required: bool = False
    series: bool = False

    def column(self, name: str) -> Column | None:
        """The column of that name, or None for one that the program does not know."""
        return next((column for column in self.columns if column.name == name), None)

    def with_columns(self, further: Sequence[str], kind: Kind) -> Table:
        """The table with further optional columns of one kind."""
        new = tuple(Column(name, kind, False, False) for name in further if self.column(name) is None)
        return replace(self, columns=(*self.columns, *new))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all columns that the program knows."""
        return tuple(column.name for column in self.columns)


def _id(name: str, *, filled: bool = True) -> Column:
    return Column(name, Kind.ID, filled=filled)


def _text(name: str, *, required: bool = True) -> Column:
    return Column(name, Kind.TEXT, required=required, filled=False)


def _day(name: str, *, required: bool = True, filled: bool = False) -> Column:
    return Column(name, Kind.DATE, required=required, filled=filled)


def _number(name: str, *, required: bool = True, filled: bool = False) -> Column:
    return Column(name, Kind.NUMBER, required=required, filled=filled)


def _flag(name: str) -> Column:
    return Column(name, Kind.FLAG, required=False, filled=False)


_TABLES = (
    Table(
        "products",
        (
            _id("product_id"),
            _text("name"),
            _id("parent_id", filled=False),
            _day("valid_from", required=False),
            _day("valid_to", required=False),
            _text("name_en", required=False),
            _text("synonyms", required=False),
        ),
        key=("product_id", "valid_from"),
        required=True,
    ),
    Table(
        "product_links",
        (
            _id("supplier_id"),
            _id("customer_id"),
            _number("weight", required=False),
            _day("valid_from", required=False),
            _day("valid_to", required=False),
        ),
        key=("supplier_id", "customer_id", "valid_from"),
    ),
    Table(
        "companies",
        (
            _id("company_id"),
            _text("name"),
            _text("exchange", required=False),
            _day("listed_on", required=False),
            _day("delisted_on", required=False),
        ),
        key=("company_id",),
        required=True,
    ),
    # Either period_end and announced_on or valid_from and valid_to; either weight or revenue, or kind: SEGMENT_CHOICES.
    Table(
        "segments",
        (
            _id("company_id"),
            _id("product_id"),
            _day("period_end", required=False),
            _day("announced_on", required=False),
            _day("valid_from", required=False),
            _day("valid_to", required=False),
            _number("weight", required=False),
            _number("revenue", required=False),
            _text("kind", required=False),
        ),
        key=("company_id", "product_id", "period_end", "announced_on", "valid_from", "kind"),
        required=True,
    ),
    Table(
        "industries",
        (_id("industry_id"), _text("name"), _id("parent_id", filled=False)),
        key=("industry_id",),
    ),
    Table(
        "company_industries",
        (_id("company_id"), _id("industry_id"), _day("valid_from", filled=True), _day("valid_to")),
        key=("company_id", "industry_id", "valid_from"),
    ),
    Table(
        "universes",
        (
            _id("universe"),
            _id("company_id"),
            _day("valid_from", filled=True),
            _day("valid_to"),
            _number("weight", required=False),
        ),
        key=("universe", "company_id", "valid_from"),
    ),
    # A pair once, its ids in any order: a link counts both ways.
    Table(
        "company_links",
        (
            _id("company_id"),
            _id("other_id"),
            _number("score", filled=True),
            _day("valid_from", filled=True),
            _day("valid_to"),
        ),
        key=("company_id", "other_id", "valid_from"),
    ),
    Table(
        "bars",
        (
            _day("date", filled=True),
            _id("company_id"),
            *(_number(name, filled=True) for name in ("open", "high", "low", "close")),
            _number("volume"),
            _number("vwap", required=False),
            _number("amount", required=False),
            _number("adj_factor", required=False),
            _number("market_cap"),
            _number("float_cap", required=False),
            _number("book_to_price", required=False),
            _flag("tradable"),
            _flag("limit_up"),
            _flag("limit_down"),
            _flag("st"),
        ),
        key=("date", "company_id"),
        series=True,
    ),
    Table(
        "benchmarks",
        (
            _id("benchmark"),
            _day("date", filled=True),
            _number("close", filled=True),
            _text("kind", required=False),
        ),
        key=("benchmark", "date"),
        series=True,
    ),
)

TABLES: dict[str, Table] = {table.name: table for table in _TABLES}

THEME = "theme"
"""`kind` of a row of `segments` that says that a company belongs to a theme, whatever its revenue."""

GRAPH_TABLES: tuple[str, ...] = tuple(table.name for table in _TABLES if not table.series)
"""The tables that end up in Neo4j."""

SEGMENT_CHOICES: tuple[tuple[tuple[str, ...], ...], ...] = (
    (("period_end", "announced_on"), ("valid_from", "valid_to")),
    (("weight",), ("revenue",), ("kind",)),
)
"""Groups of columns of `segments` of which at least one must exist whole, for each choice."""
