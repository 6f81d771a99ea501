"""Sections of the settings made from the dataclasses that they set, so that every setting exists once.

A setting's name, type, default and range are those of the dataclass's field, its meaning the line of the docstring (or
the docstring below the field) that describes it.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import textwrap
from collections.abc import Collection, Mapping
from typing import Any, get_type_hints

from pydantic import Field, create_model

Range = Mapping[str, float]  # of pydantic's ge, gt, le, lt

_ENTRY = re.compile(r"^(\s+)([a-z_]+(?:, [a-z_]+)*): (.+)$")


def described(source: type) -> dict[str, str]:
    """The meanings of a dataclass's fields by name, each on one line."""
    found: dict[str, str] = {}
    names: list[str] = []
    indent = 0
    for line in (source.__doc__ or "").splitlines():
        entry = _ENTRY.match(line)
        if entry:
            names, indent = entry[2].split(", "), len(entry[1])
            found |= dict.fromkeys(names, entry[3].strip())
        elif line.strip() and names and len(line) - len(line.lstrip()) > indent:
            found |= {name: f"{found[name]} {line.strip()}" for name in names}
        else:
            names = []
    body = ast.parse(textwrap.dedent(inspect.getsource(source))).body[0]
    assert isinstance(body, ast.ClassDef)
    for field, below in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and _is_text(below):
            found[field.target.id] = " ".join(ast.literal_eval(below.value).split()).rstrip(".")  # type: ignore[attr-defined]
    return found


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def section(
    base: type,
    source: type,
    ranges: Mapping[str, Range],
    *,
    optional: bool = False,
    left_out: Collection[str] = (),
    renamed: Mapping[str, str] | None = None,
) -> Any:
    """A section of the settings with the fields of a dataclass.

    Args:
        base: the section's own fields and methods; its name less a leading underscore becomes the section's.
        source: the dataclass.
        ranges: of its fields.
        optional: every field may be left empty, and is by default.
        left_out: fields that are set elsewhere.
        renamed: the setting's name by the field's, where users know it by another.
    """
    kinds, words = get_type_hints(source), described(source)
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(source):
        if field.name in left_out:
            continue
        kind = kinds[field.name] | None if optional else kinds[field.name]
        default = None if optional else field.default
        constraints: dict[str, Any] = dict(ranges.get(field.name, {}))
        name = (renamed or {}).get(field.name, field.name)
        fields[name] = (kind, Field(default, description=words[field.name], **constraints))
    made: Any = create_model(base.__name__.removeprefix("_"), __base__=base, __doc__=base.__doc__, **fields)
    made.__module__ = base.__module__
    return made
