"""One model's settings, and the variants that have a name."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from samgraph.errors import ConfigError
from samgraph.hist.labels import Price

Attention = Literal["edges", "all"]
EncoderKind = Literal["stream", "window"]
Split = Literal["exact", "heads"]
Scaling = Literal["training", "day"]
StopOn = Literal["rank_ic", "ic"]
Start = Literal["encoder", "nothing"]


RANGES: dict[str, dict[str, float]] = {
    **{
        key: {"ge": 1}
        for key in (
            *(
                "n_layers",
                "window_length",
                "neighbours",
                "chunk",
                "min_history",
                "epochs",
                "min_epochs",
                "patience",
            ),
            *("average", "threads", "horizon", "lag", "hidden_size", "tuning_epochs"),
        )
    },
    **{key: {"gt": 0} for key in ("learning_rate", "tuning_rate", "clip", "cap_unit")},
    **{key: {"ge": 0} for key in ("eps", "cosine_eps", "auxiliary", "separation", "burn_in")},
    "dropout": {"ge": 0, "lt": 1},
}
_BOUNDS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "ge": (operator.ge, "at least"),
    "gt": (operator.gt, "above"),
    "lt": (operator.lt, "below"),
}


@dataclass(frozen=True)
class HistConfig:
    """Architecture and training of HIST (hidden names as in arXiv 2110.13716).

    Architecture:
        hidden_size, n_layers: of the GRU; d and the number of its layers
        encoder: "stream" encodes a day in one step along the calendar, "window" the last `window_length` days
            anew for every day (the published way)
        window_length: days of a window
        attention: "edges" lets messages pass along edges only, "all" between every stock and every concept
        neighbours: K, the hidden concepts that each stock links to
        eps: added to the denominator of a concept's initial state
        cap_unit: market caps are divided by it; None divides by each day's mean, so that eps is scale-free, and so
            does a day whose mean is below a hundredth of the unit (caps that are unknown, or in another unit)
        cap_weighted: weigh a concept's stocks by market cap; False gives every stock the same weight
        binary_edges: take every edge as weight 1 instead of the share of revenue
        published_denominator: multiply the denominator's sum by the edge weight, as the published code does
            (for binary edges it is the same; for revenue shares it cancels them almost wholly)
        correction: the second stage, a softmax over stocks that re-forms each concept
        cosine_eps: added to the product of norms in every cosine, as qlib does; 0 defines 0/0 as 0
        value_chain: let yesterday's states of the concepts that supply a stock's products, or buy them, reach it
            (`samgraph.hist.yesterday`); without effect where the series has no value chain. Not in the paper
        concept_returns: half-lives, in trading days, of the returns of a stock's concepts that the concept part is
            told besides the states, always without the stock itself (`samgraph.hist.concept_returns`); none by
            default. Not in the paper
        dropout: between the GRU's layers
        split: "exact" reads the factors from the linear output layer, so they sum to the score (less its
            bias); "heads" trains a head on each part with the weight `auxiliary`
        auxiliary: weight of the loss that trains the heads of split "heads"; 0 with "exact"
        separation: weight of a penalty on what the hidden and the individual part say for all stocks of a concept
            alike (their mean over the concept's stocks, squared): what stocks of a concept share is then said by
            the predefined part, and the split means what its names say. Not in the paper; 0 leaves it out

    What is learned from what:
        features: names of features or of sets of them, of further columns of the bars, or dotted names of functions
            (`samgraph.hist.features.registry`). With the window encoder "default" and "alpha360" are the published
            form: the window's own prices and volumes over its last close and volume
        scaling: of these: "training" takes off each feature's median on the training days and divides by its median
            absolute deviation there, as the window encoder does; "day" standardises across each day's members, so that
            what the market does as a whole is not seen; both are clipped at 4
        horizon, lag, price: the label is the return over `horizon` days from the execution on day t + lag

    Training:
        chunk: days in one optimiser step; with "stream" also the span of back-propagation through time
        burn_in: days before the first training day that the stream runs over without a loss
        min_history: valid days that a stock needs before it enters a cross-section
        start: what HIST is trained from: "nothing", parameters drawn at random; or "encoder", which trains it twice,
            from the plain GRU fitted on the same days with the same seed (of which it is a correction that is zero at
            first, itself a candidate) and from nothing, and keeps what the validation days rank best, so that there it
            is never worse than its encoder; the training from nothing is given up where the first of its epochs that
            can be chosen is behind by 0.01 of their Rank IC
        tuning_rate, tuning_epochs: Adam's step size and the epochs at most of HIST that starts from its encoder
        learning_rate: of Adam; 0.002 learns in few epochs of 10-day chunks (published: 0.0002, a day a step)
        epochs, patience: at most so many, stop after so many without a better validation Rank IC (see stop_on)
        min_epochs: none before that many epochs is chosen: over some hundred days of overlapping labels the mean
            Rank IC has a standard error of about 0.02, so a first lucky epoch would often win; with no more epochs than
            that, the second half of them can be chosen
        stop_on: what of the validation days is compared: their mean "rank_ic" or, as published, "ic"
        average: the parameters used are the mean over the last so many epochs
        clip: largest absolute value of a gradient's element
        threads: CPU threads of torch, set explicitly because sums over threads round differently
    """

    hidden_size: int = 64
    n_layers: int = 2
    encoder: EncoderKind = "stream"
    window_length: int = 60
    attention: Attention = "edges"
    neighbours: int = 3
    eps: float = 1e-6
    cap_unit: float | None = None
    cap_weighted: bool = True
    binary_edges: bool = False
    published_denominator: bool = False
    correction: bool = True
    cosine_eps: float = 0.0
    value_chain: bool = False
    concept_returns: tuple[float, ...] = ()
    dropout: float = 0.0
    split: Split = "exact"
    auxiliary: float = 0.0
    separation: float = 1.0
    features: tuple[str, ...] = ("default",)
    scaling: Scaling = "training"
    horizon: int = 10
    lag: int = 1
    price: Price = "close"
    chunk: int = 10
    burn_in: int = 60
    min_history: int = 20
    start: Start = "encoder"
    tuning_rate: float = 5e-4
    tuning_epochs: int = 6
    learning_rate: float = 2e-3
    epochs: int = 20
    min_epochs: int = 10
    stop_on: StopOn = "rank_ic"
    patience: int = 5
    average: int = 5
    clip: float = 3.0
    threads: int = 1

    def __post_init__(self) -> None:
        for name, span in RANGES.items():
            value = getattr(self, name)
            if value is None:
                continue
            for bound, (holds, words) in _BOUNDS.items():
                if bound in span and not holds(value, span[bound]):
                    raise ConfigError(f"{name} must be {words} {span[bound]}, found {value}")
        choices = {
            "encoder": ("stream", "window"),
            "attention": ("edges", "all"),
            "split": ("exact", "heads"),
            "scaling": ("training", "day"),
            "stop_on": ("rank_ic", "ic"),
            "start": ("encoder", "nothing"),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ConfigError(f"{name} must be {' or '.join(allowed)}, found '{getattr(self, name)}'")
        if any(not 0 < half_life < float("inf") for half_life in self.concept_returns):
            raise ConfigError(
                f"concept_returns are half-lives in trading days, each above 0; found {list(self.concept_returns)}"
            )
        if (self.split == "heads") != (self.auxiliary > 0):
            raise ConfigError(
                "split 'heads' needs auxiliary above 0 (heads that nothing trains say nothing), "
                f"and 'exact' needs 0; found split '{self.split}' with auxiliary {self.auxiliary}"
            )

    @property
    def reads_levels(self) -> bool:
        """Whether the encoder's input are prices and volumes of its window, over the window's last."""
        return self.encoder == "window" and self.features in (("default",), ("alpha360",))

    @property
    def first_choice(self) -> int:
        """Epochs before the first one that can be chosen, so that never only the last one can."""
        return self.min_epochs - 1 if self.min_epochs < self.epochs else (self.epochs - 1) // 2

    def attempts(self, *, concepts: bool) -> tuple[HistConfig, ...]:
        """The settings of each training of the plain GRU, or of a model with `concepts`, one a start.

        The encoder that is started from counts as the first of the `epochs`, without a pass over the training days.
        """
        plain = replace(self, start="nothing")
        if not concepts or self.start == "nothing":
            return (plain,)
        tuned = replace(self, learning_rate=self.tuning_rate, epochs=self.tuning_epochs + 1, min_epochs=1)
        return (tuned, plain)

    def identity(self) -> dict[str, Any]:
        """Plain values as JSON gives them back, for checkpoints."""
        return {
            **asdict(self),
            "features": list(self.features),
            "concept_returns": list(self.concept_returns),
        }


_PUBLISHED = {
    "encoder": "window",
    "attention": "all",
    "eps": 1.0,
    "binary_edges": True,
    "published_denominator": True,
    "separation": 0.0,
    "start": "nothing",
    "horizon": 1,
    "neighbours": 1,
    "chunk": 1,
    "learning_rate": 2e-4,
    "epochs": 200,
    "min_epochs": 1,
    "patience": 30,
    "stop_on": "ic",
}

VARIANTS: dict[str, dict[str, Any]] = {
    "samgraph": {},
    # The authors' repository (the defaults of its learn.py): caps in billions, softmax over stocks as a second stage.
    "paper": {**_PUBLISHED, "cap_unit": 1e9},
    # qlib's port (its benchmark's configuration on Alpha360): no caps, no second stage, a lower rate, less patience.
    "qlib": {
        **_PUBLISHED,
        "cap_weighted": False,
        "correction": False,
        "cosine_eps": 1e-6,
        "learning_rate": 1e-4,
        "patience": 20,
    },
}


def variant(name: str, **changes: Any) -> HistConfig:
    """The settings of a named variant: "samgraph" (ours), "paper" or "qlib", with changes.

    Raises:
        ConfigError: an unknown variant or setting
    """
    if name not in VARIANTS:
        raise ConfigError(f"variant '{name}' is unknown; choose among {', '.join(VARIANTS)}")
    known = {field.name for field in fields(HistConfig)}
    for key in changes:
        if key not in known:
            raise ConfigError(
                f"setting '{key}' of the model is unknown; choose among {', '.join(sorted(known))}"
            )
    return replace(HistConfig(), **{**VARIANTS[name], **changes})
