"""`samgraph ablate`: what each part of the method is worth."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from samgraph.cli.output import FORMATS, print_frame
from samgraph.cli.runs.backtest import _day


@click.command("ablate")
@click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), help="Folder of the dataset, loaded before."
)
@click.option("--universe", help="Name in the dataset's table universes.")
@click.option("--start", callback=_day, metavar="DATE", help="First day of training.")
@click.option("--end", callback=_day, metavar="DATE", help="Last day of testing.")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of models and tables.",
)
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="TOML file of settings.")
@click.option("--seeds", type=int, help="Models a row.")
@click.option("--only", metavar="NAME,…", help="These rows alone, beside the base; all by default.")
@click.option("--jobs", type=int, help="Models at once; one a core by default, with Ray as many as fit.")
@click.option(
    "--engine", type=click.Choice(("local", "ray")), help="Fit models in processes here (default) or on Ray."
)
@click.option(
    "--address", help="Ray cluster: HOST:PORT, ray://HOST:PORT or auto; a Ray of its own by default."
)
@click.option(
    "--known-at", metavar="MOMENT", help="Read the graph as it was recorded then (ISO time; UTC by default)."
)
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", help="Form of the result.")
def command(
    data: Path | None,
    universe: str | None,
    start: dt.date | None,
    end: dt.date | None,
    out: Path,
    config: Path | None,
    seeds: int | None,
    only: str | None,
    jobs: int | None,
    engine: str | None,
    address: str | None,
    known_at: str | None,
    form: str,
) -> None:
    """Fit the model with one thing changed at a time, and compare each with the model unchanged.

    Rows: static edges (look-ahead), binary weights, industries and random groups as concepts, attention over edges or
    over all, K, concept cuts, value chain. Each with its mean Rank IC, and the difference to the base with a paired
    95% interval over seeds and days. Interrupted, the same command continues; more rows or seeds are added to what
    is there. Leaves ablations.parquet, ablations.json, ablations.md and ablation_days.parquet in --out.

    \b
    Example:
      samgraph ablate --data data --universe CSI300 --start 2021-11-01 \\
          --end 2026-05-08 --out ablations --seeds 3 --only static,random
    """
    from samgraph.ablation.run import ablate
    from samgraph.config import load_config
    from samgraph.graph.db.asof import parse_moment

    overrides = {"data": data, "universe": universe, "start": start, "end": end, "seeds": seeds, "jobs": jobs}
    overrides |= {"engine": engine, "address": address}
    settings = load_config(config, overrides)
    names = [name.strip() for name in (only or "").split(",") if name.strip()]
    table = ablate(settings, out, only=names, known=parse_moment(known_at) if known_at else None)
    shown = ["name", "seeds", "rank_ic_1d", "rank_ic", "concept_rank_ic"]
    shown += [f"rank_ic_difference{end}" for end in ("", "_low", "_high")]
    if form == "table":
        short = {
            f"rank_ic_difference{end}": f"less base{end.replace('_', ' ')}" for end in ("", "_low", "_high")
        }
        print_frame(table[[name for name in shown if name in table]].rename(columns=short), form)
        click.echo(f"table: {out / 'ablations.md'}", err=True)
    else:
        print_frame(table, form)
