"""`samgraph simulate`: a simulated economy written as a dataset, with its truth beside it.

The economy (`samgraph.economy`) has products in twelve layers whose families earn returns, companies
that sell several of them in drifting shares and report late, and industry labels that see only the
largest product and are partly wrong. Whoever reads the reports as of their day knows something that
the labels do not tell; how much is set by one number, `signal`.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from samgraph.economy import companies as firms
from samgraph.economy import labels, market, returns, taxonomy
from samgraph.economy.names import company_name
from samgraph.economy.parameters import UNIVERSE, Parameters, trading_days
from samgraph.economy.truth import GENERATOR, describe
from samgraph.errors import DatasetError
from samgraph.files import put_back, whole_folder

__all__ = ["STAGES", "TRUTH", "UNIVERSE", "Economy", "make", "simulate", "write"]

TRUTH = "truth.json"
STAGES = 6
_FILES = frozenset(
    [
        *(
            f"{name}.csv"
            for name in (
                "products",
                "product_links",
                "companies",
                "segments",
                "industries",
                "company_industries",
                "universes",
                "benchmarks",
            )
        ),
        "bars.parquet",
        TRUTH,
    ]
)


@dataclass(frozen=True)
class Economy:
    """A simulated economy: its tables in the form of a dataset, and its truth as `truth.json` holds it."""

    tables: dict[str, pd.DataFrame]
    truth: dict[str, Any]


def make(parameters: Parameters, progress: Callable[[int], None] | None = None) -> Economy:
    """Make an economy in memory; the same parameters give the same tables, bit for bit.

    `progress` is called with 1 after each of the first `STAGES - 1` stages.
    """
    tick = progress or (lambda _: None)
    days = trading_days(parameters.years)
    base = days[0] - np.timedelta64(4 * 366, "D")
    tree = taxonomy.grow(parameters, days, base)
    tick(1)
    lives = firms.live(parameters, days)
    mixes = firms.drift(parameters, tree, days)
    tick(1)
    segments = firms.report(parameters, tree, lives, mixes, days[-1])
    classification = labels.classify(parameters, tree, lives, mixes, base)
    tick(1)
    true_returns = returns.draw(parameters, tree, lives, mixes, days)
    tick(1)
    quotes = market.quote(parameters, lives, true_returns.value)
    delisted = np.where(np.isnat(lives.delisted_on), "", np.datetime_as_string(lives.delisted_on))
    tables = {
        "products": taxonomy.products_table(tree),
        "product_links": taxonomy.links_table(tree, base),
        "companies": pd.DataFrame(
            {
                "company_id": lives.company_id,
                "name": [company_name(n) for n in range(parameters.companies)],
                "exchange": np.where(np.arange(parameters.companies) % 3 == 0, "SIM-B", "SIM-A"),
                "listed_on": np.datetime_as_string(lives.listed_on),
                "delisted_on": delisted,
            }
        ),
        "segments": segments,
        "industries": classification.industries,
        "company_industries": classification.company_industries,
        "universes": market.universe_table(lives, days),
        "benchmarks": market.benchmark_table(quotes, lives, days),
        "bars": market.bars_table(quotes, lives, days),
    }
    tick(1)
    return Economy(
        tables,
        describe(
            parameters,
            days,
            taxonomy=tree,
            companies=lives,
            mixes=mixes,
            labels=classification,
            returns=true_returns,
        ),
    )


def write(economy: Economy, out: Path) -> None:
    """Write the tables and `truth.json` to the folder `out`: all of it or nothing.

    `out` may be absent, empty, or an earlier output of this function, which is replaced.

    Raises:
        DatasetError: `out` holds something else, or cannot be written.
    """
    out = out.absolute()
    _refuse_foreign(out)
    with whole_folder(out) as fresh:
        for name, table in economy.tables.items():
            if name == "bars":
                table.to_parquet(fresh / "bars.parquet", index=False)
            else:
                table.to_csv(fresh / f"{name}.csv", index=False, lineterminator="\n")
        text = json.dumps(economy.truth, ensure_ascii=False, separators=(",", ":"))
        (fresh / TRUTH).write_text(text + "\n", encoding="utf-8")


def _refuse_foreign(out: Path) -> None:
    """Raise unless `out` is absent, empty, or what an earlier call wrote there."""
    put_back(out)
    if not out.exists():
        return
    if not out.is_dir():
        raise DatasetError(f"{out} is a file; give a folder that does not exist yet, or an empty one.")
    found = sorted(p.name for p in out.iterdir())
    if not found:
        return
    foreign = [name for name in found if name not in _FILES]
    if not foreign and TRUTH in found:
        try:
            truth = json.loads((out / TRUTH).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            truth = None
        if isinstance(truth, dict) and truth.get("generator") == GENERATOR:
            return
    what = foreign[0] if foreign else found[0]
    raise DatasetError(
        f"The folder {out} is not empty and not an earlier economy (it holds {what!r}); "
        "give another folder, or empty this one first."
    )


def simulate(
    out: Path | str,
    seed: int,
    *,
    companies: int = 200,
    products: int = 300,
    years: int = 6,
    signal: float = 1.0,
    progress: Callable[[int], None] | None = None,
) -> Economy:
    """Make an economy and write it to `out`; also returned.

    Args:
        out: folder to write; absent, empty or an earlier output.
        seed: 0 or more; the same seed and sizes give the same bytes.
        companies: number of companies that are ever listed.
        products: number of products that can be sold (leaves of the taxonomy).
        years: length of the bars, in years of 252 trading days.
        signal: strength of what is planted; 0 leaves unpredictable returns.
        progress: called with the number of finished stages, `STAGES` in all.

    Raises:
        ConfigError: a size or the signal is out of range.
        DatasetError: `out` cannot be used.
    """
    parameters = Parameters(seed=seed, companies=companies, products=products, years=years, signal=signal)
    _refuse_foreign(Path(out).absolute())
    economy = make(parameters, progress)
    write(economy, Path(out))
    if progress:
        progress(1)
    return economy
