"""The command line: `samgraph --help` teaches it.

Each command lives in a module of its own and is imported only when it is used, so that `--help` is instant.
Results go to standard output, progress to standard error. Exit status: 0 done, 1 an input or environment
error (one sentence), 2 wrong usage, 3 done with a warning that a schedule should heed (`score`, `trade`, `status`), 130
interrupted.
"""

from __future__ import annotations

import contextlib
import difflib
import errno
import importlib
import os
import sys

import click

import samgraph
from samgraph.cli.groups import Group
from samgraph.cli.terminal import tell
from samgraph.errors import SamgraphError
from samgraph.progress import be_quiet

# One BLAS thread a process: pieces already fill the cores, sums do not depend on the number of threads, and the
# small matrices of a day lose more to waiting for each other than they gain. Set before numpy is first imported.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# command name -> module of samgraph.cli that defines it as `command`
COMMANDS = {
    "neo4j": "neo4j",
    "load": "load",
    "simulate": "simulate",
    "import": "imports.command",
    "compare": "compare",
    "snapshot": "ask.snapshot",
    "pairs": "ask.pairs",
    "basket": "ask.basket",
    "chain": "ask.chain",
    "explore": "ask.explore",
    "risk": "ask.risk",
    "backtest": "runs.backtest",
    "ablate": "runs.ablate",
    "score": "runs.score",
    "trade": "runs.trade",
    "status": "runs.status",
    "nightly": "runs.nightly",
    "models": "runs.models",
    "explain": "runs.explain",
    "evaluate": "runs.evaluate",
    "contest": "ask.contest",
    "report": "runs.report",
    "trials": "runs.trials",
    "audit": "runs.audit",
    "export": "runs.export",
    "config": "config",
    "completion": "completion",
    "demo": "demo",
}


class LazyGroup(Group):
    """A click group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"samgraph.cli.{COMMANDS[cmd_name]}")
        command: click.Command = module.command
        _add_quiet(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is named, or a refusal with the nearest that there is."""
        near = difflib.get_close_matches(args[0], COMMANDS, n=1)
        if args[0] not in COMMANDS and near:
            ctx.fail(f"No such command '{args[0]}'. Did you mean '{near[0]}'?")
        return super().resolve_command(ctx, args)


def _add_quiet(command: click.Command) -> None:
    """Every command that can be run takes --quiet, also those of a group."""
    if isinstance(command, click.Group):
        for name in command.commands.values():
            _add_quiet(name)
    elif not any(parameter.name == "quiet" for parameter in command.params):
        command.params.append(
            click.Option(
                ["-q", "--quiet"],
                is_flag=True,
                expose_value=False,
                callback=lambda _context, _option, quiet: be_quiet(quiet),
                help="No progress on standard error.",
            )
        )


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(samgraph.__version__, prog_name="samgraph")
def cli() -> None:
    """Equity factor research that knows what companies actually sell.

    A first run, from nothing:  samgraph demo
    """


def main(arguments: list[str] | None = None) -> int:
    """Run the command line with `arguments` (those of the process by default); the exit status."""
    try:
        status = cli.main(arguments, prog_name="samgraph", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as wrong:
        if isinstance(wrong, click.UsageError) and "unexpected extra argument" in wrong.message:
            hint = "; put quotes around words that belong together"
            wrong = click.UsageError(wrong.message + hint, ctx=wrong.ctx)
        wrong.show()
        return wrong.exit_code
    except SamgraphError as error:
        tell(f"samgraph: {error}")
        return 1
    except OSError as error:
        return _unwritable(error)
    except MemoryError as error:
        asked = f" ({error})" if str(error) else ""
        tell(
            f"samgraph: the memory is not enough for this{asked}; end other programs, or ask for less at once"
        )
        return 1
    except UnicodeEncodeError as error:
        part = error.object[error.start : error.end][:20]
        tell(
            f"samgraph: {part!r} cannot be written in {error.encoding}; take it out of the command line, or, where a "
            "name holds it, set PYTHONIOENCODING=utf-8"
        )
        return 1
    except (click.Abort, KeyboardInterrupt):
        click.echo("samgraph: interrupted; run the same command again to continue.", err=True)
        return 130
    return status if isinstance(status, int) else 0


def _unwritable(error: OSError) -> int:
    """Say what the system refused; exit status 1, or that of a program whose reader went away."""
    with contextlib.suppress(
        OSError, ValueError
    ):  # what is left in the buffer would fail once more at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno == errno.EPIPE:
        return 1
    where = error.filename or "standard output"
    tell(f"samgraph: {where}: {error.strerror or error}; free the disk, or choose another place")
    return 1


if __name__ == "__main__":
    sys.exit(main())
