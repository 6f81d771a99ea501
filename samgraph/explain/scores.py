"""Why a stock scored as it did on a day: a run's models applied once more, with their attention laid open.

Everything comes from the run's folder: the models' inputs and parameters from `checkpoints/`, names from
`names.parquet`. Over several seeds figures are means: the split is the run's score, in standard deviations of the day's
scores (`samgraph.run.seeds`), and attention and similarity count 0 where a seed has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from samgraph.arms.hist import PARTS, HistArm
from samgraph.arms.registry import ARMS, BASE
from samgraph.errors import ModelError, RunError
from samgraph.hist.checkpoint import chosen_parameters
from samgraph.hist.config import HistConfig
from samgraph.hist.data import TrainingInputs, training_inputs
from samgraph.hist.explain import DayReading, StockReading
from samgraph.rounding import to_digits
from samgraph.run.folder import RunFolder
from samgraph.run.seeds import averaged

TOP = 5  # stocks that a report explains


@dataclass(frozen=True, eq=False)
class Explanation:
    """One stock on one day, in names.

    Attributes:
        run: what identifies the run (`RunFolder.run_id`); universe, variant, seeds: whose models
        split: concept, hidden, individual, score, and rank (1 is best) of so many `stocks` that day
        concepts: concept_id, name, attention, revenue; best first
        members: concept_id, concept, company_id, name, attention, revenue; of the stock's own concepts
        neighbours: company_id, name, similarity, attention; most alike first
    """

    run: str
    universe: str
    date: str
    company_id: str
    name: str
    variant: str
    seeds: tuple[int, ...]
    split: dict[str, float]
    concepts: pd.DataFrame
    members: pd.DataFrame
    neighbours: pd.DataFrame

    def as_dict(self) -> dict[str, Any]:
        """For JSON: concepts hold their members."""
        concepts = []
        for row in self.concepts.to_dict("records"):
            own = self.members[self.members["concept_id"] == row["concept_id"]]
            concepts.append(row | {"members": own.drop(columns=["concept_id", "concept"]).to_dict("records")})
        return {
            **{
                key: getattr(self, key)
                for key in ("run", "universe", "date", "company_id", "name", "variant")
            },
            "seeds": list(self.seeds),
            "split": self.split,
            "concepts": concepts,
            "neighbours": self.neighbours.to_dict("records"),
        }

    def frame(self) -> pd.DataFrame:
        """One long table: kind (split, concept, member, neighbour), of, id, name, value, revenue.

        value is the figure of a split, the attention of a concept or of a concept to its member, the similarity of
        a neighbour.
        """
        split = pd.DataFrame({"kind": "split", "id": list(self.split), "value": list(self.split.values())})
        concepts = self.concepts.rename(columns={"concept_id": "id", "attention": "value"})
        members = self.members.rename(
            columns={"concept_id": "of", "company_id": "id", "attention": "value"}
        ).drop(columns="concept")
        neighbours = self.neighbours.drop(columns="attention").rename(
            columns={"company_id": "id", "similarity": "value"}
        )
        frames = [split, concepts.assign(kind="concept"), members.assign(kind="member")]
        frames.append(neighbours.assign(kind="neighbour"))
        columns = ["kind", "of", "id", "name", "value", "revenue"]
        return pd.concat(frames, ignore_index=True).reindex(columns=columns)


class RunModels:
    """A finished run's models of one variant, ready to be asked about days."""

    def __init__(self, folder: Path, *, variant: str = BASE, seed: int | None = None) -> None:
        """Open run `folder`.

        Raises:
            RunError: not a finished run, a changed one, or one without that variant or seed
        """
        self.run, self.variant = RunFolder.open(folder), variant
        self.run.require_variant(variant)
        arm = ARMS[variant]
        if not isinstance(arm, HistArm):
            raise RunError(f"{variant} is {arm.words}: it has no attention that could be explained")
        seeds = self.run.seeds
        if seed is not None and seed not in seeds:
            raise RunError(f"{folder} has no seed {seed}; choose among {', '.join(map(str, seeds))}")
        self.seeds = seeds if seed is None else (seed,)

    @property
    def last_day(self) -> pd.Timestamp:
        """The newest day that was tested."""
        return self.run.market.dates[self.run.windows[-1].test][-1]

    def day(self, date: pd.Timestamp) -> ModelDay:
        """The variant's models on a test day.

        Raises:
            RunError: the day was not tested
        """
        dates, windows = self.run.market.dates, self.run.windows
        for number, window in enumerate(windows):
            if date in dates[window.test]:
                return ModelDay(self, number, date)
        raise RunError(
            f"{date.date()} is not a test day of {self.run.folder}; choose a trading day from "
            f"{dates[windows[0].test][0].date()} to {dates[windows[-1].test][-1].date()}"
        )


class ModelDay:
    """One day of `RunModels`: a reading for every seed."""

    def __init__(self, models: RunModels, number: int, date: pd.Timestamp) -> None:
        self.models, self.number, self.date = models, number, date
        run = models.run
        config: HistConfig = run.config.model.hist(run.config.trading)
        day = int(run.market.dates.searchsorted(date))
        self.readings: list[DayReading] = []
        inputs: TrainingInputs | None = None
        for seed in models.seeds:
            series = run.series(models.variant, seed, number)
            if inputs is None or inputs.series is not series:
                inputs = training_inputs(run.market, series, config)
            task = run.task(models.variant, seed, number)
            parameters = chosen_parameters(task.folder, inputs=inputs.fingerprint())
            self.readings.append(DayReading(inputs, task.piece.window, config, parameters, day))

    @cached_property
    def table(self) -> pd.DataFrame:
        """score, concept, hidden, individual of the day's members by company, best first; equal ones by their ids.

        In standard deviations of the day's scores, averaged over seeds, as everything after the models reads them.
        """
        market, day = self.models.run.market, int(self.models.run.market.dates.searchsorted(self.date))
        members = {stock for stock, held in zip(market.stocks, market.member[day], strict=True) if held}
        frames = [
            pd.DataFrame(reading.scores).assign(seed=seed, date=self.date, company_id=reading.stocks)
            for seed, reading in zip(self.models.seeds, self.readings, strict=True)
        ]
        every = pd.concat(frames)
        mean = averaged(every[every["company_id"].isin(members)])
        ordered = mean.sort_values(["score", "company_id"], ascending=[False, True])
        return ordered.set_index("company_id")[list(PARTS)]

    def explain(self, company_id: str) -> Explanation:
        """One stock of the day; ModelError if it has no score."""
        found = [reading.stock(company_id) for reading in self.readings]
        if company_id not in self.table.index:
            raise ModelError(f"company {company_id} was no member of the universe on {self.date.date()}")
        split = {part: float(self.table[part][company_id]) for part in PARTS}
        split |= {"rank": list(self.table.index).index(company_id) + 1, "stocks": len(self.table)}
        models, run = self.models, self.models.run
        name, series = run.names, run.series(models.variant, models.seeds[0], self.number)
        named = {} if series is None else dict(zip(series.concepts, series.concept_names, strict=True))
        concepts = _mean(found, "concepts", ["concept_id"], ["attention", "revenue"])
        concepts.insert(1, "name", concepts["concept_id"].map(lambda key: named.get(key, key)))
        members = _mean(found, "members", ["concept_id", "company_id"], ["attention", "revenue"])
        members.insert(1, "concept", members["concept_id"].map(lambda key: named.get(key, key)))
        neighbours = _mean(found, "neighbours", ["company_id"], ["similarity", "attention"])
        for frame, place in ((members, 3), (neighbours, 1)):
            frame.insert(place, "name", frame["company_id"].map(lambda key: name.get(key, key)))
        return Explanation(
            run=run.run_id,
            universe=run.config.universe,
            date=self.date.date().isoformat(),
            company_id=company_id,
            name=name.get(company_id, company_id),
            variant=models.variant,
            seeds=models.seeds,
            split=split,
            concepts=concepts,
            members=members,
            neighbours=neighbours,
        )


def explain(
    folder: Path, company_id: str, date: pd.Timestamp, *, variant: str = BASE, seed: int | None = None
) -> Explanation:
    """Why `company_id` scored as it did on `date` in run `folder`; the mean over seeds, or one seed.

    Raises:
        RunError: no such run, variant, seed or test day
        ModelError: the company has no score that day
    """
    return RunModels(folder, variant=variant, seed=seed).day(date).explain(company_id)


def explained_table(folder: Path, top: int = TOP) -> pd.DataFrame:
    """The product model's best stocks of the last test day, a line each, for the report.

    Returns:
        rank, company_id, name, score, concept, hidden, individual, concepts and neighbours (the strongest, in words)
    """
    models = RunModels(folder)
    day = models.day(models.run.market.dates[models.run.windows[-1].test][-1])
    rows = []
    for company_id in day.table.index[:top]:
        found = day.explain(str(company_id))
        heard = found.concepts.head(3).itertuples(index=False)
        alike = found.neighbours.head(3).itertuples(index=False)
        rows.append(
            {
                "rank": found.split["rank"],
                "company_id": found.company_id,
                "name": found.name,
                **{part: found.split[part] for part in ("score", "concept", "hidden", "individual")},
                "concepts": ", ".join(f"{row.name} {row.attention:.0%}" for row in heard),
                "neighbours": ", ".join(f"{row.name} {row.similarity:.2f}" for row in alike),
            }
        )
    return pd.DataFrame(rows)


def _mean(found: list[StockReading], name: str, keys: list[str], values: list[str]) -> pd.DataFrame:
    """The mean over seeds, 0 where a seed has no such row; sorted by the first value."""
    frames = [frame for one in found if not (frame := getattr(one, name)).empty]
    if not frames:
        return pd.DataFrame(columns=[*keys, *values])
    total = pd.concat(frames).groupby(keys, as_index=False)[values].sum()
    total[values] /= len(found)
    order = [*keys[:-1], values[0], keys[-1]]
    ascending = [True] * (len(keys) - 1) + [False, True]
    ordered: pd.DataFrame = total.sort_values(order, ascending=ascending, ignore_index=True, key=to_digits(6))
    return ordered
