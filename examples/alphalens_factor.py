"""Information coefficients and quantile returns of a run's factor by alphalens.

python examples/alphalens_factor.py FOLDER      (FOLDER by samgraph export RUN FOLDER --to alphalens)
"""

import sys
import warnings
from pathlib import Path

import pandas as pd

warnings.simplefilter("ignore")  # alphalens's own, about pandas
import alphalens as al  # noqa: E402

folder = Path(sys.argv[1])
factor = pd.read_parquet(folder / "factor.parquet")["neutralised"]
prices = pd.read_parquet(folder / "prices.parquet")
data = al.utils.get_clean_factor_and_forward_returns(
    factor, prices, quantiles=5, periods=(1, 5), filter_zscore=None, max_loss=1.0
)
ic = al.performance.factor_information_coefficient(data)
means, _ = al.performance.mean_return_by_quantile(data)
print(f"rank IC: 1 day {ic['1D'].mean():.4f}, 5 days {ic['5D'].mean():.4f}; {len(ic)} days")
print(means)
