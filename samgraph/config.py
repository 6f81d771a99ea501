"""The settings of a run: typed, with units, refused when misspelt.

A run's settings come from the defaults below, then from `--config FILE.toml`, then from the command line's
options. The resolved settings are kept in `RUN/config.toml`, which repeats the run.
"""

from __future__ import annotations

import datetime as dt
import difflib
import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    Field,
    PositiveInt,
    ValidationError,
    model_validator,
)

from samgraph.arms.registry import ARMS, BASE, CONTROL
from samgraph.config_sections import (
    RENAMED,
    SCALING_BEFORE,
    Concepts,
    Model,
    Neo4j,
    Optimiser,
    Risk,
    Section,
    Tracking,
    Trading,
    Windows,
    as_value_error,
)
from samgraph.errors import ConfigError


class RunConfig(Section):
    """Everything that decides the numbers of a run."""

    data: Path = Field(description="folder of the dataset")
    universe: str = Field(description="name in table universes")
    start: dt.date = Field(description="first day; of training, unless windows.first_train is another")
    end: dt.date = Field(description="last day of testing")
    benchmark: str | None = Field(
        None, description="name in table benchmarks; empty: the universe's own name"
    )
    variants: tuple[str, ...] = Field(
        (BASE, CONTROL, "gru"), description=f"models compared: {', '.join(ARMS)}"
    )
    horizons: tuple[PositiveInt, ...] = Field((1, 5, 10, 20, 40, 60), description="trading days ahead")
    seeds: int = Field(2, ge=1, le=100, description="models per variant (seeds), averaged")
    seed: int = Field(0, ge=0, description="the first of the seeds")
    device: Literal["cpu", "cuda"] = Field(
        "cpu",
        description="where models are fitted: the processor, or the graphics card (CUDA_VISIBLE_DEVICES says which)",
    )
    jobs: int | None = Field(
        None, ge=1, description="pieces at once; empty: one a core, with ray as many as fit"
    )
    engine: Literal["local", "ray"] = Field(
        "local", description="where models are fitted: processes here, or Ray"
    )
    address: str | None = Field(
        None,
        description="Ray cluster as HOST:PORT, ray://HOST:PORT or auto; empty: Ray on this machine alone",
    )
    concepts: Concepts = Concepts()
    windows: Windows = Windows()
    model: Model = Model()
    trading: Trading = Trading()
    optimiser: Optimiser = Optimiser()
    risk: Risk = Risk()
    neo4j: Neo4j = Neo4j()
    tracking: Tracking = Tracking()

    @model_validator(mode="after")
    def _ordered(self) -> RunConfig:
        if self.end <= self.start:
            raise ValueError(f"end {self.end} is not after start {self.start}")
        for name in self.variants:
            if name not in ARMS:
                raise ValueError(f"variants names {name!r}, which is unknown; choose among {', '.join(ARMS)}")
        if BASE not in self.variants:
            raise ValueError(f"variants must name {BASE}: the other variants are its control")
        with as_value_error():
            self.model.hist(self.trading)
        first_train, first_test = self.windows.first_train or self.start, self.windows.first_test
        if first_test is not None and not first_train < first_test <= self.end:
            raise ValueError(
                f"windows.first_test {first_test} is not after the first training day {first_train} and up to the end "
                f"{self.end}"
            )
        if first_train >= self.end:
            raise ValueError(f"windows.first_train {first_train} is not before the end {self.end}")
        return self

    def quick(self) -> RunConfig:
        """The same run made small enough to try the plumbing: fewer epochs, one seed; its figures mean little."""
        model = self.model.model_copy(update={"epochs": 2, "tuning_epochs": 1, "hidden_size": 16})
        return self.model_copy(update={"model": model, "seeds": 1})


def load_config(file: Path | None, overrides: Mapping[str, Any]) -> RunConfig:
    """Defaults, then `file`, then the `overrides` that are not None.

    Raises:
        ConfigError: the file is missing or no TOML, a key is unknown (with the nearest known one), a value is
            of the wrong kind or out of range, or a needed setting is absent.
    """
    settings: dict[str, Any] = {}
    if file is not None:
        try:
            settings = tomllib.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(
                f"the configuration {file} cannot be read ({error.strerror}); `samgraph config init {file}` writes one"
            ) from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"the configuration {file} is not UTF-8 text; save it as UTF-8") from error
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(
                f"the configuration {file} is not valid TOML: {error}; write KEY = VALUE, each key once, "
                "texts in quotes"
            ) from error
        _keep_private(file, settings)
        settings = _as_its_run_read(file, settings)
    settings |= {key: value for key, value in overrides.items() if value is not None}
    try:
        return RunConfig.model_validate(settings)
    except ValidationError as error:
        raise ConfigError(_sentence(error, file)) from error


def _as_its_run_read(file: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """A run's own file without a scaling is of a version with another default, which it keeps."""
    own, model = file.resolve(), settings.get("model", {})
    if own.name != "config.toml" or not isinstance(model, dict) or "scaling" in model:
        return settings
    try:
        scaling = json.loads(own.with_name("manifest.json").read_bytes())["config"]["model"].get("scaling")
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return settings  # it is no run's
    return settings | {"model": {"scaling": scaling or SCALING_BEFORE} | model}


def _keep_private(file: Path, settings: Mapping[str, Any]) -> None:
    """A file that holds a password is its owner's alone."""
    server = settings.get("neo4j")
    if not (isinstance(server, Mapping) and server.get("password")) or os.name != "posix":
        return
    if file.stat().st_mode & 0o077:
        raise ConfigError(
            f"the configuration {file} holds a password and others than its owner may read it; run: chmod 600 {file}"
        )


def _sentence(error: ValidationError, file: Path | None) -> str:
    """The first fault in one sentence, with the nearest known key for an unknown one."""
    fault = error.errors()[0]
    where = f"the configuration {file}" if file is not None else "the settings"
    path = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        parent: type[BaseModel] = RunConfig
        for part in fault["loc"][:-1]:
            section = parent.model_fields[str(part)].annotation
            assert isinstance(section, type) and issubclass(section, BaseModel)
            parent = section
        key = str(fault["loc"][-1])
        near = difflib.get_close_matches(key, parent.model_fields, n=1)
        if parent is type(RunConfig.model_fields["trading"].default) and key in RENAMED:
            near = [RENAMED[key]]
        elsewhere = [name for name in _places(key) if name != path]
        if elsewhere:
            return f"{where}: the key {path} is unknown; did you mean {elsewhere[0]}?"
        hint = f"; did you mean {near[0]}?" if near else f"; known here: {', '.join(parent.model_fields)}"
        return f"{where}: the key {path} is unknown{hint}"
    if fault["type"] == "missing":
        return f"{where}: {path} is needed ({RunConfig.model_fields[str(fault['loc'][0])].description})"
    if fault["type"] in ("model_type", "model_attributes_type"):
        return f"{where}: {path} is a section; write [{path}] and its keys below"  # the value may hold a password
    message = fault["msg"].removeprefix("Value error, ").replace("Input should", "it should")
    if fault["loc"][:1] in (("neo4j",), ("tracking",)):  # what was given may be, or hold, a password
        return f"{where}: {path}: {message}"
    return f"{where}: {path + ' = ' + repr(fault['input']) + ': ' if path else ''}{message}"


def _places(key: str) -> list[str]:
    """Where a key of this very name is known, as section.key."""
    found = [key] if key in RunConfig.model_fields else []
    for name, field in RunConfig.model_fields.items():
        if isinstance(field.default, Section) and key in type(field.default).model_fields:
            found.append(f"{name}.{key}")
    return found
