"""Most expected return within 5% tracking error a year, with the factor form of a run's risk model.

python examples/cvxpy_tracking.py FOLDER      (FOLDER by samgraph export RUN FOLDER --to cvxpy)
"""

import sys
from pathlib import Path

import cvxpy as cp
import numpy as np

with np.load(Path(sys.argv[1]) / "model.npz") as model:
    exposures, root = model["exposures"], model["factor_root"]
    specific, benchmark = model["specific_variance"], model["benchmark_weight"]
    expected, stocks = model["expected_return"], model["stocks"]

weights = cp.Variable(len(stocks), nonneg=True)
active = weights - benchmark
risk = cp.hstack([root.T @ (exposures.T @ active), cp.multiply(np.sqrt(specific), active)])
problem = cp.Problem(
    cp.Maximize(1000 * expected @ active),
    [cp.sum(weights) == 1, cp.abs(active) <= 0.02, cp.norm(risk) <= 0.05 / np.sqrt(252)],
)
problem.solve(solver=cp.CLARABEL)
away = weights.value - benchmark
common = exposures.T @ away
error = np.sqrt((np.sum((root.T @ common) ** 2) + specific @ away**2) * 252)
print(f"{problem.status}: tracking error {error:.4f}, active share {np.abs(away).sum() / 2:.4f}")
