"""A finished run in MLflow: what is logged, and what is said where it cannot be."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from made_run import made_run

from samgraph.config import RunConfig, load_config
from samgraph.errors import ConfigError
from samgraph.run import tracking
from samgraph.run.folder import RunFolder

SETTINGS: dict[str, Any] = {"data": "d", "universe": "U", "start": "2020-01-01", "end": "2021-01-01"}


def tracked(uri: str) -> RunConfig:
    return load_config(None, SETTINGS | {"tracking": {"mlflow": uri, "experiment": "products"}})


def finished(tmp_path: Path) -> Path:
    """A run whose manifest identifies it, with a model."""
    run = made_run(tmp_path / "run")
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    manifest["inputs"] = {"bars": "0"}
    (run / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (run / "checkpoints" / "product-0-0").mkdir(parents=True)
    (run / "checkpoints" / "product-0-0" / "chosen.safetensors").write_bytes(b"")
    return run


def test_what_is_logged_is_the_run_s_settings_figures_and_models_files(tmp_path: Path) -> None:
    run = RunFolder.open(finished(tmp_path))
    assert tracking.settings_of(run)["concepts.cut"] == "leaf"
    figures = tracking.figures_of(run)
    assert figures["product.rank_ic"] == run.summary["variants"]["product"]["rank_ic"]
    assert tracking.model_files(run) == ["checkpoints/product-0-0/chosen.safetensors"]


@pytest.mark.skipif(importlib.util.find_spec("mlflow") is None, reason="MLflow is not installed")
@pytest.mark.filterwarnings("ignore")  # of MLflow and what it imports
def test_a_run_is_logged_to_a_local_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    from mlflow.tracking import MlflowClient

    folder, uri = finished(tmp_path), (tmp_path / "mlruns").as_uri()
    tracking.track(tracked(uri), folder)
    client, run = MlflowClient(tracking_uri=uri), RunFolder.open(folder)
    experiment = client.get_experiment_by_name("products")
    assert experiment is not None
    (logged,) = client.search_runs([experiment.experiment_id])
    assert logged.data.tags["samgraph.run"] == run.run_id and logged.info.status == "FINISHED"
    assert logged.data.params == tracking.settings_of(run)
    assert logged.data.metrics == tracking.figures_of(run)
    assert [file.path for file in client.list_artifacts(logged.info.run_id)] == ["models.json"]


def test_without_mlflow_a_run_that_is_to_be_logged_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match=r"MLflow is not installed; install samgraph\[mlflow\]"):
        tracking.require_tracking(tracked("http://localhost:5000"))
    tracking.require_tracking(load_config(None, SETTINGS))


def test_a_tracking_uri_with_a_password_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigError, match="may hold no user or password") as caught:
        tracked("https://me:hunter2@host/mlflow")
    assert "hunter2" not in str(caught.value)
