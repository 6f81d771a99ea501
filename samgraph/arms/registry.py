"""The arms that there are. A new one is a module of this folder and a line here."""

from __future__ import annotations

from samgraph.arms.ensemble import EnsembleArm
from samgraph.arms.hist import HistArm
from samgraph.arms.master import MasterArm
from samgraph.arms.table import BoostingArm, RidgeArm
from samgraph.training.task import Arm

BASE = "product"  # the arm that a run is about, and that the others are held against
CONTROL = "industry"  # the control group: the same model on industry labels
PLAIN = "gru"  # the same encoder without concepts

_ARMS: tuple[Arm, ...] = (
    HistArm(BASE, "HIST on product concepts", "products", "#2277dd"),
    HistArm(CONTROL, "HIST on industry labels, the control group", "industries", "#dd7733"),
    HistArm(PLAIN, "the GRU alone, without concepts", None, "#666666", parts=("score",)),
    HistArm("placebo", "HIST on random groups of the products' sizes", "placebo", "#00a5a5"),
    HistArm("theme", "HIST on themes: a membership is 1, whatever the revenue", "themes", "#1155ee"),
    HistArm(
        "competitor",
        "HIST on competitors: a company is a concept, its members those that compete with it, by score",
        "competitors",
        "#ff3c96",
    ),
    RidgeArm(),
    BoostingArm(),
    MasterArm(),
    EnsembleArm(),
)
ARMS: dict[str, Arm] = {arm.name: arm for arm in _ARMS}
