"""`samgraph neo4j`: the local Neo4j server."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from samgraph.cli.groups import Group

if TYPE_CHECKING:
    from samgraph.graph.server.local import LocalServer, ServerStatus


@click.group("neo4j", cls=Group)
def command() -> None:
    """Start, stop, look at or empty the local Neo4j server.

    The other commands start it by themselves when SAMGRAPH_NEO4J_URI names no other, and it ends with them; one
    that `start` started stays until `stop`. Its data and password are in SAMGRAPH_HOME, by default the
    platform's user data folder.

    \b
    Examples:
      samgraph neo4j start
      SAMGRAPH_NEO4J_HEAP=4g samgraph neo4j start
      samgraph neo4j status --format json
      SAMGRAPH_HOME=/tmp/other samgraph neo4j start   # a second one beside it
    """


@command.command()
@click.option("--new-ports", is_flag=True, help="Move to free ports, if others took this home's.")
def start(new_ports: bool) -> None:
    """Start the server; it stays until `samgraph neo4j stop`.

    The first start downloads it (about 180 MB) from Maven Central. Neo4j Browser is served beside it: `status`
    says where, and which file holds the password.

    \b
    Example:
      samgraph neo4j start
    """
    from samgraph.progress import stage

    server = _local()
    if server.address() is None:
        with stage("Local Neo4j server: files", server.count_files()) as files:
            server.prepare(progress=files.advance)
    with stage("Local Neo4j server: start"):
        server.start(new_ports=new_ports)
    _show(server.status(), "table")


@command.command()
def stop() -> None:
    """Stop the server and wait until it is gone.

    \b
    Example:
      samgraph neo4j stop
    """
    server = _local()
    if server.stop():
        click.echo(f"The Neo4j server of {server.home} is stopped.")
    else:
        click.echo(f"No Neo4j server of {server.home} was running.")


@command.command()
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True
)
def status(form: str) -> None:
    """Say whether the server runs, where, and whether it answers.

    \b
    Example:
      samgraph neo4j status --format json
    """
    _show(_local().status(), form)


@command.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=".")
def browser(folder: Path) -> None:
    """Write saved queries and a style sheet for Neo4j Browser into FOLDER, and say how to use them.

    Products also get a label for their level (Level1 for a root), by which the style sheet colours them, and edges a
    caption, their weight to three digits; run it again after a load.

    \b
    Example:
      samgraph neo4j browser workbench
    """
    from samgraph.graph.ask.workbench import FIRST, SETUP, write_workbench
    from samgraph.graph.connect import connect

    with connect() as graph:
        made = write_workbench(graph, folder)
    status = _local().status()
    own = "SAMGRAPH_NEO4J_URI" in os.environ or not status.running
    where = "http://HOST:7474/browser/ of your server" if own else str(status.browser)
    click.echo(
        f"1. Open {where} and log in" + ("." if own else f"; the password is in {status.password_file}.")
    )
    click.echo(f"2. Drop {made.favourites} on the window, then {made.style}.")
    click.echo(f"3. Favorites (the star), samgraph: '{SETUP}', then '{FIRST}', then any of the others.")


@command.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(yes: bool) -> None:
    """Stop the server and delete its database, logs and password.

    \b
    Example:
      samgraph neo4j reset --yes
    """
    server = _local()
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError(f"reset deletes the database in {server.home}: say so with --yes.")
        click.confirm(f"Delete the Neo4j database in {server.home}?", abort=True)
    server.reset()
    click.echo(f"The Neo4j database in {server.home} is deleted.")


def _local() -> LocalServer:
    """The server of SAMGRAPH_HOME; imported here, for the driver takes seconds and `--help` need not wait."""
    from samgraph.graph.server.local import LocalServer

    return LocalServer()


def _show(status: ServerStatus, form: str) -> None:
    row = {
        field.name: str(value) if not isinstance(value, (bool, int, type(None))) else value
        for field in dataclasses.fields(status)
        for value in [getattr(status, field.name)]
    }
    if form == "json":
        click.echo(json.dumps(row, indent=2))
    elif form == "csv":
        text = io.StringIO()
        writer = csv.DictWriter(text, row, lineterminator="\n")
        writer.writeheader()
        writer.writerow({key: "" if value is None else value for key, value in row.items()})
        click.echo(text.getvalue(), nl=False)
    else:
        from rich.console import Console
        from rich.table import Table

        table = Table(show_header=False, box=None, pad_edge=False)
        for key, value in row.items():
            said = {True: "yes", False: "no", None: "-"}.get(value, str(value))  # type: ignore[arg-type]
            table.add_row(key.replace("_", " "), said)
        Console(soft_wrap=True, highlight=False).print(table)
