"""A finished run in MLflow, beside the ledger of trials: its settings, its figures and the names of its models' files.

Nothing of a run depends on it. What MLflow refuses is told as a warning, since the run is finished by then; that it is
not installed is an error before the run begins.
"""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import Any

from samgraph.config import RunConfig
from samgraph.errors import ConfigError
from samgraph.files import flattened
from samgraph.progress import warn
from samgraph.run.folder import RunFolder

LONGEST = 500  # characters of a setting's value
BATCH = 100  # settings or figures that MLflow takes at once


def require_tracking(config: RunConfig) -> None:
    """Refuse a run that is to be logged where that cannot be done, before hours are spent on it.

    Raises:
        ConfigError: MLflow is not installed
    """
    if config.tracking.mlflow is not None and importlib.util.find_spec("mlflow") is None:
        raise ConfigError(
            "tracking.mlflow is set, but MLflow is not installed; install samgraph[mlflow], or leave the setting out"
        )


def track(config: RunConfig, folder: Path) -> None:
    """Log the finished run in `folder` to `tracking.mlflow`, if that is set; a run that has grown is logged anew."""
    if config.tracking.mlflow is None:
        return
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    run = RunFolder.open(folder)
    try:
        client = MlflowClient(tracking_uri=config.tracking.mlflow)
        name = config.tracking.experiment
        known = client.get_experiment_by_name(name)
        experiment = client.create_experiment(name) if known is None else known.experiment_id
        tags = {"samgraph.run": run.run_id, "samgraph.version": run.manifest["versions"]["samgraph"]}
        logged = client.create_run(experiment, run_name=folder.resolve().name, tags=tags).info.run_id
        for key, value in settings_of(run).items():
            client.log_param(logged, key, value)
        for key, figure in figures_of(run).items():
            client.log_metric(logged, key, figure)
        client.log_dict(logged, {"files": model_files(run)}, "models.json")
        client.set_terminated(logged)
    except (MlflowException, OSError) as error:
        warn(f"the run is finished, but MLflow at {config.tracking.mlflow} refused it: {error}")


def settings_of(run: RunFolder) -> dict[str, str]:
    """The settings that decided the run's numbers, as section.key."""
    return {key: str(value)[:LONGEST] for key, value in flattened(run.manifest["config"])}


def figures_of(run: RunFolder) -> dict[str, float]:
    """Every number of the summary's variants and of the paired difference, as variant.figure; those that are known."""
    shown: dict[str, Any] = {
        name: run.summary[name] for name in ("variants", "product_minus_industry") if name in run.summary
    }
    told = {key.removeprefix("variants."): value for key, value in flattened(shown)}
    return {
        key: float(value)
        for key, value in told.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    }


def model_files(run: RunFolder) -> list[str]:
    """The files of the run's fitted models, below its folder."""
    found = (run.folder / "checkpoints").rglob("*.safetensors")
    return sorted(file.relative_to(run.folder).as_posix() for file in found)
