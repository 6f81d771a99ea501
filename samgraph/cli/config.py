"""`samgraph config`: a file of settings to start from, and what a file comes to."""

from __future__ import annotations

from pathlib import Path

import click

from samgraph.cli.groups import Group


@click.group("config", cls=Group)
def command() -> None:
    """Write a file of settings with every default, or check one.

    \b
    Examples:
      samgraph config init samgraph.toml
      samgraph config check samgraph.toml
    """


@command.command()
@click.argument("file", default="samgraph.toml", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
def init(file: Path, force: bool) -> None:
    """Write FILE with every setting, its default, unit and meaning.

    What a run needs to be told (data, universe, start, end) is left open there; give it in the file or on the
    command line of `samgraph backtest`.

    \b
    Example:
      samgraph config init samgraph.toml
    """
    from samgraph.config_text import template
    from samgraph.errors import ConfigError
    from samgraph.files import write_text

    if file.exists() and not force:
        raise ConfigError(f"{file} is there already; choose another name, or replace it with --force")
    write_text(file, template())
    click.echo(
        f"{file}: set data, universe, start and end, then: samgraph backtest --config {file} --out RUN"
    )


@command.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def check(file: Path) -> None:
    """Check FILE and print the settings that a run with it would have.

    \b
    Example:
      samgraph config check samgraph.toml
    """
    from samgraph.config import load_config
    from samgraph.config_text import to_toml

    click.echo(to_toml(load_config(file, {})), nl=False)
