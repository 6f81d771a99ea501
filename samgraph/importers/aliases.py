"""Companies whose code changed: what was reported and traded under the old code belongs to the new one.

Known changes of A-share codes are here; a user's file (columns old, new) adds others, or to any market.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from samgraph.errors import DatasetError
from samgraph.importers.names import a_share_id
from samgraph.importers.reading import Conventions, read

A_SHARE_CHANGES: Mapping[str, str] = {
    "000022.SZ": "001872.SZ",  # China Merchants Port, 2018
    "000043.SZ": "001914.SZ",  # China Merchants Property Operation, 2019
    "300114.SZ": "302132.SZ",  # AVIC Chengdu Aircraft, 2025
}
"""Old code -> new code; each share went on trading under the new one. Every pair is checked against published listings,
classifications and index lists (`tests/samgraph/importers/test_aliases_realdata.py`)."""


def a_share_code(text: str) -> str:
    """A company of a file of aliases: an A-share's code in any form, else the text itself."""
    return a_share_id(text) or text


def read_aliases(path: Path, code: Callable[[str], str] = a_share_code) -> dict[str, str]:
    """A user's file of changed codes: columns old and new, each brought to one form by `code`.

    Raises:
        DatasetError: the file cannot be read, lacks a column, has an empty cell, or gives one code two successors
    """
    if not path.is_file():
        raise DatasetError(f"{path} is no file; name a table of changed codes with the columns old and new")
    source = read(path.name, [path])
    source.require("old", "new")
    found: dict[str, str] = {}
    for row, (old, new) in enumerate(zip(source.text("old"), source.text("new"), strict=True)):
        if not old or not new:
            raise DatasetError(f"{source.where(row)}: a code is empty; give the old one and the new one")
        if found.setdefault(code(old), code(new)) != code(new):
            raise DatasetError(f"{source.where(row)}: {old} has two new codes; keep one of them")
    return found


def successors(changes: Mapping[str, str]) -> dict[str, str]:
    """The last code of each old one, through several changes.

    Raises:
        DatasetError: the changes lead in a circle
    """
    last = {}
    for old, code in changes.items():
        seen, new = {old}, code
        while new in changes and new != old:
            if new in seen:
                break
            seen.add(new)
            new = changes[new]
        if new in seen:
            raise DatasetError(
                f"the changed codes lead in a circle at {old}; correct the table of changed codes"
            )
        last[old] = new
    return last


def a_share_conventions(aliases: Mapping[str, str]) -> Conventions:
    """Those of every A-share source; `aliases` adds to the known changes of codes, and overrides them."""
    return Conventions("Asia/Shanghai", successors({**A_SHARE_CHANGES, **aliases}))
