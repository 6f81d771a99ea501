"""`samgraph simulate`: write a simulated economy whose truth is known."""

from pathlib import Path

import click


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--seed", type=click.IntRange(min=0), required=True, help="Same seed, same bytes.")
@click.option("--companies", type=int, default=200, show_default=True, help="Companies ever listed.")
@click.option("--products", type=int, default=300, show_default=True, help="Products that can be sold.")
@click.option("--years", type=int, default=6, show_default=True, help="Years of bars, 252 days each.")
@click.option(
    "--signal",
    type=float,
    default=1.0,
    show_default=True,
    help="Strength of what is planted; 0 plants nothing.",
)
def command(folder: Path, *, seed: int, companies: int, products: int, years: int, signal: float) -> None:
    """Write a dataset for a simulated economy to DIR, with its truth in truth.json.

    Companies sell products of a taxonomy twelve layers deep and report late; industry labels see only the
    largest product and are partly wrong. What the market does as a whole is chance: backtest with scaling = "day"
    under [model], as `samgraph demo` does. DIR must be new, empty, or an earlier output.

    Example:  samgraph simulate economy --seed 7
    """
    from samgraph.economy.simulate import STAGES, simulate
    from samgraph.progress import stage
    from samgraph.words import many

    with stage("simulate", STAGES) as bar:
        economy = simulate(
            folder,
            seed,
            companies=companies,
            products=products,
            years=years,
            signal=signal,
            progress=bar.advance,
        )
    days, members = len(economy.tables["benchmarks"]), len(economy.tables["companies"])
    click.echo(
        f"{folder}: {many(members, 'company')}, {many(len(economy.tables['products']), 'product')}, "
        f"{many(len(economy.tables['segments']), 'segment')}, {many(days, 'day')} from {economy.truth['start']} "
        f"to {economy.truth['end']}, universe {economy.truth['universe']}"
    )
