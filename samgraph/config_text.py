"""Settings as TOML, each with its meaning as a comment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit
from pydantic import (
    SecretStr,
)
from pydantic.fields import FieldInfo
from tomlkit.items import Table

from samgraph.config import RunConfig
from samgraph.config_sections import Model, Section
from samgraph.hist.config import variant


def to_toml(config: RunConfig) -> str:
    """The resolved settings as TOML, each with its meaning as a comment."""
    return _toml(
        type(config).model_fields, {name: getattr(config, name) for name in type(config).model_fields}
    )


def template() -> str:
    """Every setting with its default and meaning as TOML, for a user to edit.

    What a run must be told stands open, as a comment; so do the model's settings, with what its default variant has.
    """
    fields = RunConfig.model_fields
    values = {name: None if field.is_required() else field.default for name, field in fields.items()}
    return _toml(fields, values, hints=vars(variant(Model().variant)))


def _toml(
    described: Mapping[str, FieldInfo], values: Mapping[str, Any], hints: Mapping[str, Any] | None = None
) -> str:
    """`hints` are shown, as comments, for the model's settings that are left empty."""
    document = tomlkit.document()
    sections: list[tuple[str, Section]] = []
    for name, field in described.items():
        if isinstance(values[name], Section):
            sections.append((name, values[name]))
        else:
            _add(document, name, values[name], field.description)
    for name, part in sections:
        table = tomlkit.table()
        for key, field in type(part).model_fields.items():
            hint = (hints or {}).get(key) if name == "model" else None
            _add(table, key, getattr(part, key), field.description, hint)
        document.add(tomlkit.nl())
        document.add(name, table)
    return tomlkit.dumps(document)


def _add(
    where: tomlkit.TOMLDocument | Table, key: str, value: Any, words: str | None, hint: Any = None
) -> None:
    """A setting with its meaning; one that is left empty or secret stands as a comment."""
    if value is None or isinstance(value, SecretStr):
        shown = "" if hint is None else f" {tomlkit.item(_plain(hint)).as_string()}"
        where.add(tomlkit.comment(f"{key} ={shown}" + (f"  # {words}" if words else "")))
        return
    item = tomlkit.item(_plain(value))
    if words:
        item.comment(words)
        item.trivia.comment_ws = "  "
    where.add(key, item)


def _plain(value: Any) -> Any:
    """A value as TOML has it."""
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value
