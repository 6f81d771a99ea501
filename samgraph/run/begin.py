"""The manifest of a run under way: begun, or taken up again if it is the same run."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samgraph.config import RunConfig
from samgraph.config_text import to_toml
from samgraph.economy.simulate import TRUTH
from samgraph.errors import RunError, SamgraphError
from samgraph.exchange.tables import exchange
from samgraph.files import is_unfinished, write_json, write_text
from samgraph.graph.dataset.folder import Dataset
from samgraph.outcome.assess import Outcome
from samgraph.run import manifest
from samgraph.run.kept_settings import lacking_settings, settings_kept

_ABSENT = object()  # of a setting that only another version knows
NOT_DECIDING = ("jobs", "engine", "address", "neo4j", "tracking")  # settings that change no number


@dataclass
class Started:
    """The manifest of a run under way."""

    path: Path
    content: dict[str, Any]
    fresh: bool = False

    @contextlib.contextmanager
    def or_nothing(self) -> Iterator[None]:
        """What fails here leaves no run: one just begun with wrong settings could not go on with right ones."""
        try:
            yield
        except SamgraphError:
            if self.fresh:
                for name in (self.path.name, "config.toml"):
                    (self.path.parent / name).unlink(missing_ok=True)
                with contextlib.suppress(OSError):
                    self.path.parent.rmdir()
            raise

    @property
    def known(self) -> dt.datetime | None:
        text = self.content["known"]
        return dt.datetime.fromisoformat(text) if text else None

    def keep_known(self, known: dt.datetime) -> None:
        """From now on the run reads the graph at this moment, also when it is continued after another load."""
        self.content["known"] = known.isoformat()
        write_json(self.path, self.content)

    def seal(self, files: dict[str, str]) -> None:
        """Add checksums of finished files."""
        self.content["files"] = self.content.get("files", {}) | files
        write_json(self.path, self.content)

    def finish(self, outcome: Outcome, seconds: dict[str, float], files: dict[str, str]) -> None:
        earlier = self.content.get("seconds", {})  # of finishing this run before: its pieces took time then
        seconds = seconds | {"training": round(seconds["training"] + earlier.get("training", 0.0), 3)}
        self.content |= {
            "kernels": manifest.kernels(),  # loads torch, which a beginning run need not
            "timeline": outcome.timeline,
            "seconds": seconds,
            "peak_memory_gib": max(
                round(manifest.peak_memory(), 3), self.content.get("peak_memory_gib", 0.0)
            ),
            "finished": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        }
        self.seal(files)


def begin(
    config: RunConfig,
    out: Path,
    dataset: Dataset,
    known: dt.datetime | None,
    *,
    free: Collection[str] = NOT_DECIDING,
) -> Started:
    """Begin a run in `out`, or take up the one that is there if it is the same but for the settings in `free`."""
    content: dict[str, Any] = {
        "config": decides(config, free),
        "inputs": dataset.fingerprint(),
        "simulated": (config.data / TRUTH).is_file(),
        "exchange": rules(config),
        "known": known.isoformat() if known else None,
        "known_at": known.isoformat() if known else None,  # as asked; `known` becomes what was answered for
        "versions": manifest.versions(),
        "machine": manifest.machine(),
        "seeds": list(range(config.seed, config.seed + config.seeds)),
        "started": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
    }
    path = out / "manifest.json"
    fresh = not path.exists()
    if not fresh:
        content = _same_run(path, content)
    elif out.exists() and not all(map(is_unfinished, out.iterdir())):
        raise RunError(
            f"{out} holds files that do not belong to a run; choose an empty or new folder for --out"
        )
    write_json(path, content)
    write_text(out / "config.toml", to_toml(config))
    return Started(path, content, fresh)


def same_but_end(config: RunConfig, out: Path) -> dict[str, Any] | None:
    """The manifest of the run in `out` if it has these settings but for the end."""
    try:
        before: dict[str, Any] = json.loads((out / "manifest.json").read_bytes())
        kept, tables = settings_kept(before["config"]), before.get("exchange")
        dt.date.fromisoformat(kept["end"])
        dict(before["inputs"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None  # whatever it is, `begin` says what is wrong with it
    now = decides(config, NOT_DECIDING)
    same = kept | {"end": None} == now | {"end": None} and tables in (None, rules(config))
    return before if same else None


def discard_begun(config: RunConfig, out: Path, dataset: Dataset) -> bool:
    """Remove a run of these settings that was begun with other tables, or up to another end, and never finished.

    Its fits are of other inputs, so that it can neither go on nor grow. One that was finished once is left alone, and
    so is one of other settings.
    """
    before = same_but_end(config, out)
    if before is None or "finished" in before or "seconds" in before:
        return False
    if before["config"]["end"] == config.end.isoformat() and before["inputs"] == dataset.fingerprint():
        return False
    shutil.rmtree(out)
    return True


def decides(config: RunConfig, free: Collection[str]) -> dict[str, Any]:
    """The settings that decide a run's numbers: all but those in `free`."""
    return config.model_dump(mode="json", exclude=set(free))


def rules(config: RunConfig) -> dict[str, str]:
    """The exchange's tables by name and checksum."""
    name = config.trading.exchange
    return {"name": name, "sha256": exchange(name).fingerprint}


def _same_moment(one: str, other: str | None) -> bool:
    """Whether two ISO texts are one instant, be it in two time zones."""
    return other is not None and dt.datetime.fromisoformat(one) == dt.datetime.fromisoformat(other)


def _same_run(path: Path, content: dict[str, Any]) -> dict[str, Any]:
    try:
        before: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        kept, inputs, moment = settings_kept(before["config"]), dict(before["inputs"]), before["known"]
        tables = dict(before.get("exchange", content["exchange"]))
        for told in (moment, before.get("known_at")):
            if told is not None:
                dt.datetime.fromisoformat(told)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise RunError(
            f"{path} cannot be read as a run's manifest ({error}); choose another --out"
        ) from error
    compared = (
        ("setting", kept, content["config"]),
        ("table", inputs, content["inputs"]),
        ("state of the exchange tables:", tables, content["exchange"]),
    )
    for where, old, new in compared:
        for name in sorted(old.keys() | new.keys()):
            if old.get(name) != new.get(name):
                lacking = lacking_settings(before["config"]) if where == "setting" else ()
                if lacking:
                    raise RunError(
                        f"{path.parent} was begun by a version of samgraph without the setting {lacking[0]}, and "
                        "whether that did what the setting says is not known; choose another --out, or delete that run"
                    )
                told = (
                    _difference(name, old.get(name, _ABSENT), new.get(name, _ABSENT))
                    if where == "setting"
                    else name
                )
                raise RunError(
                    f"{path.parent} was begun with another {where} {told}; choose another --out, or delete that run"
                )
    asked = before.get("known_at")
    if content["known_at"] is not None and not any(
        _same_moment(content["known_at"], m) for m in (moment, asked)
    ):
        raise RunError(f"{path.parent} was begun with --known-at {moment}; choose another --out")
    names = ("started", "seconds", "peak_memory_gib", "known_at", "parent", "grown")
    kept_too = {name: before[name] for name in names if name in before}
    return content | {"known": moment} | kept_too


def _difference(name: str, old: Any, new: Any) -> str:
    """The first key at which two settings differ; with both values unless one is long, a table or not there."""
    if isinstance(old, dict) and isinstance(new, dict):
        key = next(k for k in sorted(old.keys() | new.keys()) if old.get(k, _ABSENT) != new.get(k, _ABSENT))
        return _difference(f"{name}.{key}", old.get(key, _ABSENT), new.get(key, _ABSENT))
    if any(value is _ABSENT or isinstance(value, dict) for value in (old, new)):
        return name
    words = ["empty" if value is None else json.dumps(value, ensure_ascii=False) for value in (old, new)]
    return f"{name} ({words[0]}, not {words[1]})" if max(map(len, words)) <= 40 else name
