"""`samgraph backtest`: the main job."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from samgraph.cli.output import FORMATS, print_frame

if TYPE_CHECKING:
    import pandas as pd

LATEST: Literal["latest"] = "latest"
_ANY = dt.date(9999, 12, 31)


def _day(_ctx: click.Context, _param: click.Parameter, value: str | None) -> dt.date | None:
    if value is None:
        return None
    try:
        return dt.date.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a valid date; write it as 2024-01-31") from None


def _last_day(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> dt.date | Literal["latest"] | None:
    return LATEST if value == LATEST else _day(context, parameter, value)


def print_summary(frame: pd.DataFrame, form: str) -> None:
    """The variants' figures; a table has fewer digits and shorter names, so that all fit 80 columns."""
    if form == "table":
        digits = {name: 4 if name in ("rank_ic", "t") else 3 for name in frame.select_dtypes("number")}
        short = {"benchmark": "bench", "drawdown": "max_dd", "turnover": "turns"}
        frame = frame.round(digits).rename(columns=short)
    print_frame(frame, form)


@click.command("backtest")
@click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), help="Folder of the dataset, loaded before."
)
@click.option("--universe", help="Name in the dataset's table universes.")
@click.option("--start", callback=_day, metavar="DATE", help="First day of training.")
@click.option(
    "--end",
    callback=_last_day,
    metavar="DATE",
    help="Last day of testing; latest: the last one of the dataset's bars.",
)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder of the run."
)
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="TOML file of settings.")
@click.option("--seeds", type=int, help="Models per variant (seeds), averaged.")
@click.option("--jobs", type=int, help="Pieces at once; one a core by default, with Ray as many as fit.")
@click.option(
    "--device",
    type=click.Choice(("cpu", "cuda")),
    help="Where models are fitted: cpu (default), or cuda for a graphics card; with few --jobs, which share it.",
)
@click.option(
    "--engine", type=click.Choice(("local", "ray")), help="Fit models in processes here (default) or on Ray."
)
@click.option(
    "--address", help="Ray cluster: HOST:PORT, ray://HOST:PORT or auto; a Ray of its own by default."
)
@click.option(
    "--quick",
    is_flag=True,
    help="A small model and two epochs: tries the plumbing only, is not counted as a trial.",
)
@click.option(
    "--known-at", metavar="MOMENT", help="Read the graph as it was recorded then (ISO time; UTC by default)."
)
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", help="Form of the result.")
def command(
    data: Path | None,
    universe: str | None,
    start: dt.date | None,
    end: dt.date | Literal["latest"] | None,
    out: Path,
    config: Path | None,
    seeds: int | None,
    jobs: int | None,
    device: str | None,
    engine: str | None,
    address: str | None,
    quick: bool,
    known_at: str | None,
    form: str,
) -> None:
    """Walk HIST forward over as-of snapshots, and report what its factors and portfolios did.

    Variants: product concepts, industry concepts (the control group) and a plain GRU. Interrupted, the same command
    continues. All files of the run and report.html are left in --out.

    A finished run grows with a later --end: fits whose own days are unchanged are kept, everything else is made as a
    run over the longer period makes it. Where earlier days have changed it says which.

    \b
    Example:
      samgraph backtest --data data --universe CSI300 --start 2021-11-01 \\
          --end 2026-05-08 --out runs/csi300
      samgraph backtest --config runs/csi300/config.toml --out runs/again
    """
    from samgraph.config import load_config
    from samgraph.graph.db.asof import parse_moment
    from samgraph.training.executor import open_executor, processes_ahead

    overrides = {"data": data, "universe": universe, "start": start, "seeds": seeds, "jobs": jobs}
    overrides |= {"device": device, "engine": engine, "address": address}
    asked_latest = end == LATEST
    if asked_latest:
        from samgraph.run.backtest import last_day

        end = last_day(load_config(config, overrides | {"end": _ANY}))
    settings = load_config(config, overrides | {"end": end})
    if quick:
        settings = settings.quick()
    known = parse_moment(known_at) if known_at else None
    early = processes_ahead(len(settings.variants) * settings.seeds, out)
    with open_executor(settings.engine, settings.address, settings.jobs, early) as executor:
        # It takes a second to load, in which the processes that fit load PyTorch.
        from samgraph.run.backtest import backtest, summary_frame

        summary = backtest(
            settings, out, known=known, counts=not quick, latest=asked_latest, executor=executor
        )
    print_summary(summary_frame(summary), form)
    click.echo(f"report: {out / 'report.html'}", err=True)
