"""`samgraph evaluate`: a user's own factors in the light of a run."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from samgraph.cli.output import FORMATS, print_frame
from samgraph.cli.runs.backtest import _day
from samgraph.cli.terminal import tell


@click.command("evaluate")
@click.argument("factors", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), help="Folder of the dataset, loaded before."
)
@click.option("--universe", help="Name in the dataset's table universes.")
@click.option("--start", callback=_day, metavar="DATE", help="First day; the factors' first one by default.")
@click.option("--end", callback=_day, metavar="DATE", help="Last day; the factors' last one by default.")
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="A new folder.")
@click.option(
    "--config", type=click.Path(path_type=Path, dir_okay=False), help="TOML file of a run's settings."
)
@click.option(
    "--run",
    type=click.Path(path_type=Path, file_okay=False),
    help="A finished run, to correlate with its factors.",
)
@click.option(
    "--quantiles", type=click.IntRange(2, 100), default=5, show_default=True, help="Portfolios by factor."
)
@click.option(
    "--known-at", metavar="MOMENT", help="Read the graph as it was recorded then (ISO time; UTC by default)."
)
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", help="Form of the result.")
def command(
    *,
    factors: tuple[Path, ...],
    data: Path | None,
    universe: str | None,
    start: dt.date | None,
    end: dt.date | None,
    out: Path,
    config: Path | None,
    run: Path | None,
    quantiles: int,
    known_at: str | None,
    form: str,
) -> None:
    """Show what FACTORS (CSV or Parquet files of yours) are worth.

    A file has date, company_id and a column a factor, or is a (date, asset)
    series as alphalens has it; higher is better. IC by horizon, offset, year,
    size and industry, quantiles, turnover, what styles, industries and products
    leave, plain factors beside, portfolios by the constructions of --config.
    All tables, summary.json and report.html are left in --out.

    \b
    Example:
      samgraph evaluate value.csv --data DIR --universe CSI300 --out value
    """
    from samgraph.config import load_config
    from samgraph.desk.evaluate_files import evaluate_files
    from samgraph.graph.db.asof import parse_moment

    overrides = {"data": data, "universe": universe, "start": start, "end": end}
    found = evaluate_files(
        list(factors),
        out,
        lambda first, last: load_config(
            config, {"start": first, "end": last} | {k: v for k, v in overrides.items() if v is not None}
        ),
        run=run,
        quantiles=quantiles,
        known=parse_moment(known_at) if known_at else None,
    )
    for name, rows in found.tables["coverage"].groupby("factor", sort=False):
        counts = dict(zip(rows["what"], rows["stock_days"], strict=True))
        tell(f"{name}: " + ", ".join(f"{what} {count:,}" for what, count in counts.items()))
    columns = ["against", "factor", "horizon", "rank_ic", "tstat_nw", "q_value", "spread", "n_days"]
    print_frame(found.tables["decay"][columns], form)
    click.echo(f"report: {out / 'report.html'}", err=True)
