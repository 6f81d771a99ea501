"""`samgraph completion`: the shell completes commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def command(shell: str) -> None:
    """Print what makes SHELL complete samgraph's commands and options.

    \b
    Examples:
      samgraph completion bash >> ~/.bashrc
      samgraph completion fish > ~/.config/fish/completions/samgraph.fish
    """
    from samgraph.cli import cli

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(cli, {}, "samgraph", "_SAMGRAPH_COMPLETE").source())
