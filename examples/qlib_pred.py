"""Scores in qlib's form: what SignalRecord saves as pred.pkl, here without a pickle.

python examples/qlib_pred.py FOLDER      (FOLDER by samgraph export RUN FOLDER --to qlib)

With qlib installed and initialised on daily data of the same instruments:

    from qlib.contrib.strategy import TopkDropoutStrategy
    from qlib.contrib.evaluate import backtest_daily
    strategy = TopkDropoutStrategy(signal=pred, topk=50, n_drop=5)
    report, positions = backtest_daily(start_time=first, end_time=last, strategy=strategy)
"""

import sys
from pathlib import Path

import pandas as pd

pred = pd.read_parquet(Path(sys.argv[1]) / "pred.parquet")
days = pred.index.get_level_values("datetime")
first, last = days.min().date(), days.max().date()
names = pred.index.get_level_values("instrument").nunique()
print(f"{len(pred)} scores of {names} instruments, {first} to {last}")
