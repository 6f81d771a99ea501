"""What was planted in a simulated economy the model finds: hidden groups by its neighbours, premia by its concepts.

The whole path of a run but for the server: the economy's tables as written, as-of snapshots, training, factors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from oracles import made
from oracles.offline import market_of, series_of
from sklearn.cluster import SpectralClustering
from sklearn.metrics import adjusted_rand_score

from samgraph.economy.parameters import UNIVERSE, Parameters
from samgraph.economy.simulate import Economy, make, write
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.series.snapshots import SnapshotSeries
from samgraph.hist.apply import encode_rows, states_before
from samgraph.hist.config import HistConfig, variant
from samgraph.hist.data import WindowData, training_inputs
from samgraph.hist.hidden import nearest
from samgraph.hist.market import Market
from samgraph.hist.model import Hist
from samgraph.hist.train import FittedWindow, fit_window
from samgraph.hist.windows import Window

SEED = 3


@dataclass
class World:
    """An economy with its market, snapshots at the demo's cut, and one walk-forward window."""

    economy: Economy
    market: Market
    series: dict[str, SnapshotSeries]
    window: Window


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    root = tmp_path_factory.mktemp("economy") / "data"
    economy = make(Parameters(seed=SEED, companies=160, products=240, years=4))
    write(economy, root)
    dataset = Dataset(root)
    market = market_of(dataset, UNIVERSE, "2019-07-01", "2022-12-31")
    cut = "adaptive:min=8,max=0.3"
    series = {
        "product": series_of(dataset, market, cut),
        "industry": series_of(dataset, market, cut, relation="industries"),
    }
    window = Window(slice(130, 600), slice(611, 700), slice(711, market.n_dates))
    return World(economy, market, series, window)


def fit(world: World, concepts: str, config: HistConfig) -> tuple[FittedWindow, Hist, WindowData]:
    inputs = training_inputs(world.market, world.series[concepts], config)
    fitted = fit_window(inputs, world.window, config, seed=0)
    model = Hist(config, inputs.n_features, seed=0)
    model.load_state_dict(fitted.parameters)
    return fitted, model.eval(), WindowData(inputs, world.window, config, torch.device("cpu"))


CONFIG: dict[str, Any] = {"hidden_size": 32, "epochs": 12, "min_epochs": 6, "start": "nothing"}


@torch.no_grad()
def neighbour_counts(model: Hist, data: WindowData, k: int) -> npt.NDArray[np.float64]:
    """How often two stocks were neighbours in the hidden module, by stock of the window, over the test days."""
    days = data.days(data.window.test)
    state = states_before(model, data, [days.start])[0]
    together = np.zeros((len(data.stocks), len(data.stocks)))
    for first in range(days.start, days.stop, 10):
        chunk = range(first, min(first + 10, days.stop))
        x, state, batch = encode_rows(model, data, chunk, state)
        assert model.head.predefined_part is not None
        backcast, _ = model.head.predefined_part(model.head.received(x, batch))
        source, target = nearest(x - backcast, batch.row_sizes, k).numpy()
        stock = np.concatenate([data.rows[day] for day in chunk])
        np.add.at(together, (stock[source], stock[target]), 1.0)
    return together + together.T


@pytest.mark.slow
def test_the_hidden_module_finds_the_groups_that_no_table_names(world: World) -> None:
    """Clusters of its neighbour graph among the groups' members, against the truth and against shuffled truths."""
    _, model, data = fit(world, "product", variant("samgraph", **CONFIG))
    together = neighbour_counts(model, data, k=3)
    truth = np.full(len(data.stocks), -1)
    for number, members in enumerate(world.economy.truth["hidden_groups"].values()):
        truth[[data.stocks.index(name) for name in members if name in data.stocks]] = number
    same = (truth[:, None] == truth) & (truth >= 0)
    np.fill_diagonal(same, False)
    assert together[same].mean() > 2 * together[~same].mean()

    grouped = np.flatnonzero(truth >= 0)
    assert len(grouped) > 30
    graph = together[np.ix_(grouped, grouped)]
    found = SpectralClustering(4, affinity="precomputed", random_state=0).fit_predict(graph + 1e-6)
    rng = np.random.default_rng(0)
    chance = [adjusted_rand_score(rng.permutation(truth[grouped]), found) for _ in range(200)]
    score = adjusted_rand_score(truth[grouped], found)
    assert score > 0.5
    assert score > np.mean(chance) + 8 * np.std(chance)


@pytest.mark.slow
def test_the_concept_factor_follows_the_planted_premium_and_more_with_products_than_with_industries(
    world: World,
) -> None:
    """Mean daily correlation with the premium of what each company had reported by that day."""
    read = made.read(world.economy)
    families, mixes = made.reported_mixes(read)
    truth = world.economy.truth["premia"]
    months = np.array(truth["months"], dtype="datetime64[M]")
    premia = np.array([truth["by_family"][family] for family in families]).T
    config = variant("samgraph", **CONFIG)
    followed = {}
    for concepts in ("product", "industry"):
        told = fit(world, concepts, config)[0].predictions
        daily = []
        for date, day in told.groupby("date"):
            t = int(np.searchsorted(read.days, np.datetime64(date, "D")))
            known = mixes[t - t % 21] @ premia[np.searchsorted(months, np.datetime64(date, "M"))]
            stock = [read.stocks.index(name) for name in day["company_id"]]
            daily.append(np.corrcoef(day["concept"], known[stock])[0, 1])
        followed[concepts] = float(np.mean(daily))
    assert followed["product"] > 0.1, followed
    assert followed["product"] > followed["industry"], (
        followed
    )  # 0.207 and 0.167 when written: one economy, one seed
