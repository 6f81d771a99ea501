"""Ridge regression of the rank-normalised forward return on the day's features, every day counting the same."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from samgraph.hist.models.rows import Rows

Floats = npt.NDArray[np.float64]

ROWS = 1 << 16  # that enter the sums of products at once


@dataclass(frozen=True, eq=False)
class Linear:
    """Coefficients of scaled features [n_features] and the constant."""

    coefficients: Floats
    constant: float

    def predict(self, x: npt.NDArray[np.float32]) -> Floats:
        """Scores [n_rows]."""
        # row by row: a product of matrices rounds otherwise with other rows beside it
        result: Floats = np.einsum("rf,f->r", x.astype(np.float64), self.coefficients) + self.constant
        return result

    def content(self) -> bytes:
        """The coefficients, the constant first."""
        buffer = io.BytesIO()
        np.save(buffer, np.concatenate([[self.constant], self.coefficients]))
        return buffer.getvalue()


@dataclass(frozen=True)
class RidgeModel:
    """Candidates differ in their penalty: multiples of the features' mean variance, the strongest first."""

    penalties: tuple[float, ...] = (10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)

    def stages(self, train: Rows, seed: int, threads: int) -> Iterator[tuple[Linear, float]]:
        """A candidate per penalty; nothing is random."""
        weights = train.day_weights()
        weights /= weights.sum()
        mean_x = np.zeros(train.x.shape[1])
        for part in _parts(len(weights)):
            mean_x += weights[part] @ train.x[part]
        mean_y = float(weights @ train.y)
        gram, cross, total = np.zeros((len(mean_x), len(mean_x))), np.zeros_like(mean_x), 0.0
        for part in _parts(len(weights)):
            x = train.x[part] - mean_x
            y = train.y[part] - mean_y
            gram += (x * weights[part, None]).T @ x
            cross += x.T @ (weights[part] * y)
            total += float(weights[part] @ (y * y))
        values, vectors = np.linalg.eigh(gram)
        values = np.maximum(values, 0.0)
        rotated = vectors.T @ cross
        size = float(values.mean()) or 1.0
        for penalty in self.penalties:
            coefficients = vectors @ (rotated / (values + penalty * size))
            loss = total - 2 * float(coefficients @ cross) + float(coefficients @ gram @ coefficients)
            yield Linear(coefficients, mean_y - float(mean_x @ coefficients)), loss

    def read(self, content: bytes) -> Linear:
        """A candidate from its bytes."""
        values = np.load(io.BytesIO(content), allow_pickle=False)
        return Linear(values[1:], float(values[0]))


def _parts(n: int) -> Iterator[slice]:
    for first in range(0, n, ROWS):
        yield slice(first, first + ROWS)
