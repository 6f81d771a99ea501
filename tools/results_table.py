"""Print a finished run's figures as the Markdown tables of docs/results.md.

python tools/results_table.py RUN
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from samgraph.run.folder import RunFolder
from samgraph.words import many

HORIZONS = ("1", "5", "20", "60")
PARTS = (
    "concept",
    "hidden",
    "individual",
    "score",
    "industry_concept",
    "industry_score",
    "gru_score",
    "product_momentum",
)


def main(run: Path) -> int:
    """Print the tables of `run`."""
    opened = RunFolder.open(run)
    summary, manifest = opened.summary, opened.manifest
    minutes = sum(manifest["seconds"].values()) / 60
    print(
        f"{summary['companies']} companies, test {summary['test_start']} to {summary['end']} ({summary['days']} days), "
        f"{many(summary['seeds'], 'seed')}; {minutes:.1f} minutes on {manifest['machine']}, at most "
        f"{manifest['peak_memory_gib']:.1f} GiB in the parent and the largest of its workers together.\n"
    )
    print(
        "| variant | return, compounded | benchmark, compounded | excess, arithmetic | IR | drawdown of excess "
        "| Rank IC (t) |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, v in summary["variants"].items():
        print(
            f"| {name} | {v['return']:.2%} | {v['benchmark_return']:.2%} | {v['excess_return']:+.2%} | "
            f"{v['information_ratio']:.2f} | {v['max_drawdown']:.2%} | "
            f"{v['rank_ic']:.4f} ({v['rank_ic_tstat_nw']:.1f}) |"
        )
    d = summary.get("product_minus_industry")
    horizons = [h for h in HORIZONS if h in summary["horizons"]["score"]]
    if d is not None:
        print(
            f"\nProduct less industry: {100 * d['excess_return']:+.2f} points a year, 95% interval "
            f"{100 * d['ci_low']:+.2f} to {100 * d['ci_high']:+.2f}, p = {d['p_value']:.3f}; in "
            f"Rank IC {d['rank_ic']:+.4f} (t {d['rank_ic_tstat_nw']:+.1f}).\n"
            if d["rank_ic_tstat_nw"] is not None
            else "\nProduct and industry hold the same portfolio.\n"
        )
    print("| neutralised Rank IC (t) | " + " | ".join(f"{h} days" for h in horizons) + " |")
    print("|---" * (len(horizons) + 1) + "|")
    for part in (name for name in PARTS if name in summary["horizons"]):
        cells = [_cell(summary["horizons"][part][h]) for h in horizons]
        print(f"| {part} | " + " | ".join(cells) + " |")
    print("\n| regression on | R² | adjusted R² | held-out R² | factors |")
    print("|---|---|---|---|---|")
    for name, r in summary["regression"].items():
        print(f"| {name} | {r['r2']:.1%} | {r['adj_r2']:.1%} | {r['oos_r2']:.1%} | {r['k']:.0f} |")
    return 0


def _cell(figures: dict[str, Any]) -> str:
    if figures["rank_ic_tstat_nw"] is None:  # a part that is zero, as a model kept as its encoder has
        return "–"
    return f"{figures['rank_ic']:+.3f} ({figures['rank_ic_tstat_nw']:+.1f})"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
