"""A simulated economy's tables as they would have been published by a day: nothing later is in them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from samgraph.config import RunConfig, load_config

REFIT = 60  # trading days that models are in use

_BEGINS = {
    "companies": "listed_on",
    "company_industries": "valid_from",
    "universes": "valid_from",
    "segments": "announced_on",
}
_ENDS = {"companies": "delisted_on", "universes": "valid_to"}


def published(whole: Path, day: str, out: Path) -> Path:
    """Write the tables of folder `whole` as of an ISO day to `out`, over what is there."""
    out.mkdir(exist_ok=True)
    tables = {file.stem: pd.read_csv(file, dtype=str, keep_default_na=False) for file in whole.glob("*.csv")}
    listed = tables["companies"].query("listed_on <= @day")["company_id"]
    for name, table in tables.items():
        known = table
        if name in _BEGINS:
            known = known[(known[_BEGINS[name]] <= day) & known["company_id"].isin(listed)]
        if name in _ENDS:
            known = known.assign(**{_ENDS[name]: known[_ENDS[name]].where(known[_ENDS[name]] <= day, "")})
        if name == "benchmarks":
            known = known[known["date"] <= day]
        known.to_csv(out / f"{name}.csv", index=False, lineterminator="\n")
    bars = pd.read_parquet(whole / "bars.parquet")
    bars[bars["date"] <= pd.Timestamp(day)].to_parquet(out / "bars.parquet", index=False)
    return out


def settings(data: Path, end: str) -> RunConfig:
    """A small run on such tables."""
    return load_config(
        None,
        {
            "data": data,
            "universe": "SIM",
            "start": "2019-03-01",
            "end": end,
            "seeds": 1,
            "jobs": 1,
            "variants": ("product", "gru"),
            "horizons": (1, 5),
            "windows": {"train_days": 120, "valid_days": 40, "test_days": REFIT},
            "model": {"epochs": 1, "start": "nothing", "tuning_epochs": 1, "hidden_size": 4, "horizon": 5},
            "concepts": {"regression_cut": "adaptive:min=5,max=0.9"},
        },
    )
