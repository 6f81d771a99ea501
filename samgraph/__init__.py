"""samgraph: equity factor research that knows what companies actually sell.

What a researcher needs is here by one name each (`samgraph.snapshot`, `samgraph.evaluate`, …; docs/research.ipynb
shows them at work); everything else is in `samgraph.graph`, `samgraph.hist` and `samgraph.factors`. Importing this
package needs neither Neo4j nor torch: each name brings what it needs when it is first used.
"""

from __future__ import annotations

import importlib
from pathlib import Path as _Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from samgraph.explore.show import show
    from samgraph.factors.evaluation.evaluate import evaluate
    from samgraph.factors.regression.cross_sectional import cross_sectional_regression, next_day
    from samgraph.factors.regression.exposures import Membership
    from samgraph.factors.regression.fama_macbeth import fama_macbeth
    from samgraph.factors.regression.ridge import Ridge
    from samgraph.factors.signals.styles import style_exposures
    from samgraph.graph.ask.baskets import basket
    from samgraph.graph.ask.chains import chain
    from samgraph.graph.ask.pairs import pairs
    from samgraph.graph.ask.period import extract_period
    from samgraph.graph.ask.snapshot import snapshot
    from samgraph.graph.connect import connect
    from samgraph.graph.dataset.folder import Dataset
    from samgraph.graph.db.asof import AsOf
    from samgraph.graph.load.load import load
    from samgraph.hist.config import HistConfig
    from samgraph.hist.data import training_inputs
    from samgraph.hist.features.compute import daily_features
    from samgraph.hist.labels import forward_returns
    from samgraph.hist.train import fit_window
    from samgraph.hist.windows import Window, walk_forward
    from samgraph.run.inputs import read_market
    from samgraph.run.opened import open_run

__version__ = "0.1.0"

_WHERE = {
    "AsOf": "graph.db.asof",
    "Dataset": "graph.dataset.folder",
    "HistConfig": "hist.config",
    "Membership": "factors.regression.exposures",
    "Ridge": "factors.regression.ridge",
    "Window": "hist.windows",
    "basket": "graph.ask.baskets",
    "chain": "graph.ask.chains",
    "connect": "graph.connect",
    "cross_sectional_regression": "factors.regression.cross_sectional",
    "daily_features": "hist.features.compute",
    "evaluate": "factors.evaluation.evaluate",
    "extract_period": "graph.ask.period",
    "fama_macbeth": "factors.regression.fama_macbeth",
    "fit_window": "hist.train",
    "forward_returns": "hist.labels",
    "load": "graph.load.load",
    "next_day": "factors.regression.cross_sectional",
    "open_run": "run.opened",
    "pairs": "graph.ask.pairs",
    "read_market": "run.inputs",
    "show": "explore.show",
    "snapshot": "graph.ask.snapshot",
    "style_exposures": "factors.signals.styles",
    "training_inputs": "hist.data",
    "walk_forward": "hist.windows",
}
__all__ = [
    "AsOf",
    "Dataset",
    "HistConfig",
    "Membership",
    "Ridge",
    "Window",
    "basket",
    "chain",
    "connect",
    "cross_sectional_regression",
    "daily_features",
    "evaluate",
    "extract_period",
    "fama_macbeth",
    "fit_window",
    "forward_returns",
    "load",
    "next_day",
    "open_run",
    "pairs",
    "read_market",
    "show",
    "snapshot",
    "style_exposures",
    "training_inputs",
    "walk_forward",
]

if not (_Path(__file__).parent / "graph").is_dir():
    # Python started in a checkout finds this folder before the installed package; the other parts lie beside it.
    __path__.append(str(_Path(__file__).parent.parent))


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'samgraph' has no attribute {name!r}")
    return getattr(importlib.import_module(f"samgraph.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
