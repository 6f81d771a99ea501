"""What a run's manifest begins with, and what makes it another run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from samgraph.config import RunConfig, load_config
from samgraph.errors import RunError
from samgraph.exchange.tables import BUILT_IN, exchange
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.driver import Graph
from samgraph.run.begin import NOT_DECIDING, begin, discard_begun, same_but_end
from samgraph.run.folder import RunFolder
from samgraph.run.latest import Latest
from samgraph.run.trials import Parent, Question, Trial


def test_the_exchange_s_tables_are_part_of_a_run(tmp_path: Path) -> None:
    """A fee changed within the same folder makes another run; runs from before it was kept go on."""
    data, own = tmp_path / "data", tmp_path / "rules"
    data.mkdir()
    own.mkdir()
    (data / "companies.csv").write_text("company_id,name\nA,A\n", encoding="utf-8")
    shutil.copy(BUILT_IN / "fees.csv", own)
    settings = {"data": str(data), "universe": "U", "start": "2020-01-01", "end": "2021-01-01"}
    config = load_config(None, settings | {"trading": {"exchange": str(own)}})
    begin(config, tmp_path / "run", Dataset(data), None)
    path = tmp_path / "run" / "manifest.json"
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert kept["exchange"] == {"name": str(own), "sha256": exchange(own).fingerprint}
    begin(config, tmp_path / "run", Dataset(data), None)

    fees = (own / "fees.csv").read_text(encoding="utf-8")
    (own / "fees.csv").write_text(fees.replace("0.0005,5,", "0.0002,5,"), encoding="utf-8")
    exchange.cache_clear()
    with pytest.raises(RunError, match="begun with another state of the exchange tables: sha256"):
        begin(config, tmp_path / "run", Dataset(data), None)
    path.write_text(json.dumps({k: v for k, v in kept.items() if k != "exchange"}), encoding="utf-8")
    begin(config, tmp_path / "run", Dataset(data), None)


def begun(tmp_path: Path) -> tuple[RunConfig, Path, Dataset]:
    """A run that was begun and no more."""
    data, out = tmp_path / "data", tmp_path / "run"
    data.mkdir()
    (data / "companies.csv").write_text("company_id,name\nA,A\n", encoding="utf-8")
    settings = {"data": str(data), "universe": "U", "start": "2020-01-01", "end": "2021-01-01"}
    config = load_config(None, settings)
    begin(config, out, Dataset(data), None)
    return config, out, Dataset(data)


def rewrite(out: Path, change: Any) -> None:
    path = out / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def test_a_run_of_a_version_without_a_setting_goes_on_where_the_default_is_what_that_version_did(
    tmp_path: Path,
) -> None:
    config, out, dataset = begun(tmp_path)

    def older(content: dict[str, Any]) -> None:
        del content["config"]["trading"]["borrow"], content["config"]["risk"], content["simulated"]
        del content["config"]["concepts"]["theme_cut"], content["config"]["concepts"]["competitor_cut"]

    rewrite(out, older)
    assert same_but_end(config, out) is not None
    begin(config, out, dataset, None)
    again = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert again["config"] == config.model_dump(mode="json", exclude=set(NOT_DECIDING))
    assert again["simulated"] is False

    rewrite(out, older)
    dearer = config.model_copy(update={"trading": config.trading.model_copy(update={"borrow": 0.2})})
    with pytest.raises(RunError, match=r"begun with another setting trading\.borrow "):
        begin(dearer, out, dataset, None)


def test_a_run_of_a_version_without_a_setting_that_it_had_otherwise_is_refused(tmp_path: Path) -> None:
    config, out, dataset = begun(tmp_path)
    rewrite(out, lambda content: content["config"]["windows"].pop("knowledge"))
    assert same_but_end(config, out) is None
    with pytest.raises(RunError, match=r"without the setting windows\.knowledge, and whether"):
        begin(config, out, dataset, None)
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    with pytest.raises(RunError, match=r"windows\.knowledge, so that it is not known how its models read"):
        Latest.read(RunFolder(out, manifest, {}), cast(Graph, None), dataset)


def test_an_older_run_keeps_the_scaling_that_was_the_default_when_it_was_begun(tmp_path: Path) -> None:
    config, out, dataset = begun(tmp_path)
    assert config.model.scaling == "training"
    rewrite(out, lambda content: content["config"]["model"].update(scaling=None))
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert RunFolder(out, manifest, {}).config.model.scaling == "day"
    with pytest.raises(RunError, match=r'another setting model\.scaling \("day", not "training"\); choose'):
        begin(config, out, dataset, None)
    as_then = config.model_copy(update={"model": config.model.model_copy(update={"scaling": "day"})})
    begin(as_then, out, dataset, None)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda config: config["model"].update(gone=None), r"setting model\.gone;"),
        (lambda config: config.update(gone={"key": 1}), r"setting gone;"),
        (lambda config: config.update(benchmark="沪深300"), r'setting benchmark \("沪深300", not empty\);'),
        (
            lambda config: config["trading"].update(buy_cost=0.5),
            r"setting trading\.buy_cost \(0\.5, not empty\);",
        ),
        (lambda config: config.update(universe="U" * 60), r"setting universe;"),
        (lambda config: config.update(neo4j={"password": "secret"}), r"setting neo4j;"),
    ],
)
def test_a_refusal_names_the_setting_and_its_values_where_these_are_short(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], says: str
) -> None:
    config, out, dataset = begun(tmp_path)
    rewrite(out, lambda content: change(content["config"]))
    with pytest.raises(RunError, match="begun with another " + says):
        begin(config, out, dataset, None)


def test_the_trial_that_an_older_run_grows_from_is_the_one_that_it_counted_as(tmp_path: Path) -> None:
    config, out, dataset = begun(tmp_path)
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    now = Parent.of(config, manifest)
    assert now.question == Question.of(config, dataset.fingerprint())
    assert now.config == Trial.of(config, now.question, _no_days(), out).config
    del manifest["config"]["risk"]
    assert Parent.of(config, manifest).config != now.config


def _no_days() -> Any:
    import pandas as pd

    return pd.DataFrame(columns=["variant", "date", "excess_return"])


def test_a_run_begun_with_other_tables_and_never_finished_is_discarded_and_no_other(tmp_path: Path) -> None:
    config, out, dataset = begun(tmp_path)
    assert not discard_begun(config, out, dataset), "the same one goes on"
    later = load_config(None, config.model_dump() | {"end": "2021-01-04"})
    other = config.model_copy(update={"seeds": 5})
    (config.data / "companies.csv").write_text("company_id,name\nA,A\nB,B\n", encoding="utf-8")
    grown = Dataset(config.data)
    assert not discard_begun(other, out, grown), "of other settings"
    for kept in ("finished", "seconds"):
        rewrite(out, lambda content, kept=kept: content.update({kept: "once"}))
        assert not discard_begun(later, out, grown), "it was finished once"
        rewrite(out, lambda content, kept=kept: content.pop(kept))
    with pytest.raises(RunError, match="another setting end"):
        begin(later, out, grown, None)
    assert discard_begun(later, out, grown) and not out.exists()
    begin(later, out, grown, None)
