"""`samgraph demo`: the whole path on a simulated economy."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("demo")
@click.option(
    "--out", default="demo", type=click.Path(path_type=Path, file_okay=False), help="Folder of the demo."
)
@click.option("--seed", default=7, type=int, help="Seed of the simulated economy and of the models.")
@click.option("--signal", default=1.0, type=float, help="Strength of what is planted; 0 plants nothing.")
@click.option("--seeds", default=1, type=int, help="Models per variant (seeds), averaged.")
def command(out: Path, seed: int, signal: float, seeds: int) -> None:
    """Make an economy, load it, backtest it and report, in one go.

    Everything stays in --out: the dataset (data), a Neo4j server of the demo's own (neo4j, stopped at the end) and the
    run with report.html. Interrupted, the same command continues.

    \b
    Examples:
      samgraph demo
      samgraph demo --out placebo --signal 0
    """
    from samgraph.cli.runs.backtest import print_summary
    from samgraph.demo import demo
    from samgraph.run.backtest import summary_frame

    print_summary(summary_frame(demo(out, seed=seed, signal=signal, seeds=seeds)), "table")
    click.echo(f"report: {out / 'run' / 'report.html'}")
    click.echo(f"explore the graph: SAMGRAPH_HOME={out / 'neo4j'} samgraph neo4j start", err=True)
