"""No statement is built from values: the sources are read, and every statement is a file of cypher/."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from samgraph.graph.db.statements import names, statement

ROOT = Path(__file__).resolve().parent.parent.parent.parent
SOURCES = sorted(
    file for part in ("graph", "hist", "factors", "samgraph") for file in (ROOT / part).rglob("*.py")
)
STATEMENTS = set(names())
DRIVER = "driver.py"  # the one module that talks to the driver
ASKING = {"read", "write", "run", "run_batches", "run_script"}
CYPHER = re.compile(
    r"\b(MATCH\s*\(|MERGE\s*\(|CREATE\s*\(|UNWIND\s+\S+\s+AS\b|DETACH\s+DELETE\b|RETURN\s+\w+|CALL\s+(db|dbms|apoc)\.)"
)


def imports_the_driver(file: Path) -> bool:
    """Whether a source can ask the graph: it names the class or the function that opens one."""
    return bool(re.search(r"samgraph\.graph\.(db\.driver|connect) import", file.read_text(encoding="utf-8")))


def test_the_sources_that_ask_the_graph_are_found() -> None:
    assert len([file for file in SOURCES if imports_the_driver(file)]) >= 30


def texts_of(tree: ast.AST) -> list[str]:
    """Every text constant of a module, docstrings left out."""
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
    ]


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_source_holds_or_builds_a_statement(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    assert [text for text in texts_of(tree) if CYPHER.search(text)] == []
    calls = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]
    if file.name != DRIVER:
        forbidden = {"session", "begin_transaction", "execute_query", "execute_read", "execute_write"}
        assert not [
            call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr in forbidden
        ]
        assert not re.search(r"\bGraphDatabase\b", file.read_text(encoding="utf-8"))
        return
    # In the driver's module a transaction runs what `_text` or `_literal` gives: the text of a file.
    ran = [call.args[0] for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "run"]
    assert len(ran) >= 4
    for argument in ran:
        assert isinstance(argument, ast.Call) and isinstance(argument.func, ast.Name)
        assert argument.func.id in ("_text", "_literal")


@pytest.mark.parametrize(
    "file", [f for f in SOURCES if imports_the_driver(f)], ids=lambda file: str(file.relative_to(ROOT))
)
def test_every_statement_that_a_source_names_is_a_file(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for call in ast.walk(tree):
        if not (
            isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in ASKING
        ):
            continue
        if not call.args:
            continue
        name = call.args[0]
        if (
            isinstance(name, ast.Constant)
            and isinstance(name.value, str)
            and re.fullmatch(r"[a-z_/]+", name.value)
        ):
            if call.func.attr != "read" or "." not in ast.unparse(call.func.value):
                assert name.value in STATEMENTS or _reads_a_table(call), f"{name.value} in {file.name}"
        elif isinstance(name, ast.JoinedStr):  # a name of one of the kinds, such as load_{kind.name}
            head = name.values[0]
            assert isinstance(head, ast.Constant) or ast.unparse(name).endswith("_members'"), ast.unparse(
                call
            )
            if isinstance(head, ast.Constant):
                assert any(one.startswith(str(head.value)) for one in STATEMENTS), ast.unparse(call)


def _reads_a_table(call: ast.Call) -> bool:
    """`dataset.read("bars", ...)` names a table."""
    from samgraph.graph.dataset.tables import TABLES

    return isinstance(call.args[0], ast.Constant) and call.args[0].value in TABLES


def test_no_statement_runs_another_that_it_makes() -> None:
    for name in STATEMENTS:
        assert not re.search(r"\bapoc\.|\bLOAD CSV\b|cypher\.run", statement(name)), name
