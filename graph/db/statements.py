"""Cypher statements by name: every one lives in a commented file of the `cypher` package."""

from __future__ import annotations

import functools
import importlib.resources
import re

from samgraph.errors import GraphError


@functools.cache
def statement(name: str) -> str:
    """The text of `cypher/NAME.cypher`, comments included.

    Raises GraphError if there is no such file.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)?", name):
        raise GraphError(
            f"{name!r} is not the name of a Cypher file: write FOLDER/NAME, such as as_of/sells."
        )
    file = importlib.resources.files("samgraph.cypher") / f"{name}.cypher"
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise GraphError(
            f"There is no Cypher file {name}.cypher; `cypher/` lists those that exist."
        ) from None


def names() -> list[str]:
    """Every statement's name, such as `as_of/sells`."""
    root = importlib.resources.files("samgraph.cypher")
    return sorted(
        f"{folder.name}/{file.name.removesuffix('.cypher')}"
        for folder in root.iterdir()
        if folder.is_dir()
        for file in folder.iterdir()
        if file.name.endswith(".cypher")
    )


def text_of(file: str) -> str:
    """The text of a file of the `cypher` package that is not a statement, such as a style sheet."""
    return (importlib.resources.files("samgraph.cypher") / file).read_text(encoding="utf-8")


@functools.cache
def script(name: str) -> tuple[str, ...]:
    """The statements of `cypher/NAME.cypher`, a file of several that each end a line with `;`."""
    parts = re.split(r";[ \t]*(?:\n|$)", statement(name))
    return tuple(part.strip() for part in parts if _says_something(part))


def _says_something(part: str) -> bool:
    return any(line.strip() and not line.strip().startswith("//") for line in part.splitlines())
