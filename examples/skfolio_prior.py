"""Minimum variance and maximum ratio with a run's as-of covariance and expected returns as skfolio's prior.

python examples/skfolio_prior.py FOLDER      (FOLDER by samgraph export RUN FOLDER --to skfolio)
"""

import sys
from pathlib import Path

import pandas as pd
from skfolio.optimization import MeanRisk, ObjectiveFunction
from skfolio.prior import BasePrior, ReturnDistribution

folder = Path(sys.argv[1])
returns = pd.read_parquet(folder / "returns.parquet")
covariance = pd.read_parquet(folder / "covariance.parquet")
stocks = pd.read_parquet(folder / "stocks.parquet")


class AsOfModel(BasePrior):
    """The run's own forecast instead of one estimated from X."""

    def __init__(self, mu, covariance):
        self.mu, self.covariance = mu, covariance

    def fit(self, X, y=None, **params):
        self.return_distribution_ = ReturnDistribution(
            mu=self.mu, covariance=self.covariance, returns=X.to_numpy()
        )
        return self


prior = AsOfModel(stocks["expected_return"].to_numpy(), covariance.to_numpy())
for goal in (ObjectiveFunction.MINIMIZE_RISK, ObjectiveFunction.MAXIMIZE_RATIO):
    model = MeanRisk(objective_function=goal, prior_estimator=prior, max_weights=0.1)
    model.fit(returns)
    variance = model.weights_ @ covariance.to_numpy() @ model.weights_
    print(
        f"{goal.value}: volatility {(variance * 252) ** 0.5:.4f}, largest weight {model.weights_.max():.4f}"
    )
