"""`samgraph trials`: what has been tried."""

from __future__ import annotations

import click

from samgraph.cli.output import FORMATS, print_frame


@click.command("trials")
@click.option("--universe", help="Only trials of this universe.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True)
def command(universe: str | None, form: str) -> None:
    """List the ledger of trials: every configuration that was run to its end, one row per variant.

    A run's deflated Sharpe ratio counts the trials of the same data, universe and period. The same configuration run
    again counts once. A contest of risk models stands there without a ratio, once for each time that it was held. The
    ledger is trials.jsonl in SAMGRAPH_HOME, or the file that SAMGRAPH_TRIALS names.

    \b
    Example:
      samgraph trials --universe CSI300
    """
    from samgraph.run.trials import TrialLedger, trials_frame

    ledger = TrialLedger()
    frame = trials_frame(ledger.trials(), ledger.looks())
    if universe is not None:
        frame = frame[frame["universe"] == universe].reset_index(drop=True)
    short = frame.drop(columns=["run"]).assign(finished=frame["finished"].str[:10])
    print_frame(short if form == "table" else frame, form)
    click.echo(f"trials and looks: {len(frame):,} in {ledger.path}", err=True)
