"""What a run reads, kept for the next run that reads the same.

To read bars and as-of snapshots takes longer than all else before the first step of training. A second run of the
same period, whatever its models, seeds or trading rules, takes them from the user's cache instead. An entry is called
by a SHA-256 over all that it depends on: this program's own text, the packages' versions, the bytes of every table of
the dataset, the exchange's rules, the settings that reading looks at, the moment of knowledge, and the database with
its server's start and the number of its last committed transaction: nobody, by whatever means, changes the graph, or
puts a back-up in its place, and meets an old answer. A damaged entry counts as none.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import hashlib
import json
import math
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from pickle import HIGHEST_PROTOCOL, Unpickler, UnpicklingError, dump
from typing import TYPE_CHECKING, Any

import samgraph
from samgraph import cypher, factors, graph, hist
from samgraph.arms.registry import ARMS
from samgraph.config import RunConfig
from samgraph.errors import ConfigError, RunError, SamgraphError
from samgraph.exchange.tables import exchange
from samgraph.files import same_file, whole_folder, write_json
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.ledger import past_loads
from samgraph.graph.db.universe import committed_moment
from samgraph.graph.server.jars import cache_folder
from samgraph.hist.features.registry import has_functions
from samgraph.progress import stage, warn
from samgraph.run import manifest
from samgraph.run.inputs import Inputs, read_inputs, remarks
from samgraph.seals import digests, unlike

if TYPE_CHECKING:
    from samgraph.graph.db.driver import Graph

LIMIT = "SAMGRAPH_KEPT_GIB"  # environment: GiB of all entries together; 0 keeps none
DEFAULT_GIB = 4.0
_BEGAN = time.time()  # of this program, as it was imported
SEAL, INPUTS, FEATURES = "seal.json", "inputs.pickle", "features-*.npy"
_MAKES = {  # beside our own data classes
    "builtins": "slice",
    "datetime": "date datetime timedelta timezone",
    "numpy": "dtype ndarray",
    "numpy._core.multiarray": "_reconstruct scalar",
    "numpy._core.numeric": "_frombuffer",
    "pandas": "DataFrame DatetimeIndex Index RangeIndex StringDtype",
    "pandas._libs.arrays": "__pyx_unpickle_NDArrayBacked",
    "pandas._libs.internals": "_unpickle_block",
    "pandas.arrays": "ArrowStringArray DatetimeArray",
    "pandas.core.indexes.base": "_new_Index",
    "pandas.core.indexes.datetimes": "_new_DatetimeIndex",
    "pandas.core.internals.managers": "BlockManager",
    "pyarrow.lib": "_restore_array py_buffer type_for_alias",
}
READ = ("universe", "start", "end", "benchmark", "concepts", "windows")
READ_OF_HIST = ("features", "horizon", "burn_in", "value_chain")
READ_OF_TRADING = ("lag", "limits", "exchange")
"""The settings, of a run, of its models and of its trading, that `read_inputs` looks at."""


@dataclass(frozen=True)
class KeptInputs:
    """One entry of the cache, there or not.

    A user's own function may read modules and files that no digest knows of: where the models have one (`own`), each
    run computes its features itself.
    """

    folder: Path
    own: bool = False

    def read(self) -> Inputs | None:
        """The inputs; None where there is no entry, or a damaged one."""
        try:
            if unlike(self.folder, self._sealed()) is not None:
                return None
            os.utime(self.folder)
            with (self.folder / INPUTS).open("rb") as file:
                found = _Reader(file).load()
        except Exception:  # whatever is wrong with it: it is read anew
            return None
        return found if isinstance(found, Inputs) else None

    def keep(self, inputs: Inputs) -> None:
        """Keep the inputs; a disk that is full or cannot be written keeps none, nor is more than the limit kept."""
        with contextlib.suppress(OSError, SamgraphError):
            with whole_folder(self.folder) as fresh:
                with (fresh / INPUTS).open("wb") as file:
                    dump(inputs, file, protocol=HIGHEST_PROTOCOL)
                if _size(fresh) > _limit():
                    raise RunError("they alone are more than may be kept")
                write_json(fresh / SEAL, digests(fresh, (INPUTS,)))
            _make_room(self.folder.parent, _limit())

    def keep_features(self, work: Path) -> None:
        """Keep the features that were computed in folder `work`, too."""
        if self.own:
            return
        with contextlib.suppress(OSError, ValueError, SamgraphError):
            sealed = self._sealed()
            new = [file for file in work.glob(FEATURES) if file.name not in sealed]
            if not new or _size(self.folder) + sum(file.stat().st_size for file in new) > _limit():
                return
            for file in new:
                same_file(file, self.folder / file.name)
            names = [file.name for file in new]
            write_json(self.folder / SEAL, {**sealed, **digests(self.folder, names)})
            _make_room(self.folder.parent, _limit())

    def lend_features(self, work: Path) -> None:
        """Put the kept features into folder `work`; each file is called by what it was computed from."""
        if self.own:
            return
        with contextlib.suppress(OSError, ValueError, SamgraphError):
            work.mkdir(parents=True, exist_ok=True)
            for name in self._sealed():
                if name != INPUTS:
                    same_file(self.folder / name, work / name)

    def _sealed(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / SEAL).read_text(encoding="utf-8")))


class _Reader(Unpickler):
    """Makes what inputs are made of, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name) if module.startswith("samgraph.") else None
        if name in _MAKES.get(module, "").split() or (isinstance(found, type) and _holds_data(found)):
            return found or super().find_class(module, name)
        raise UnpicklingError(f"{module}.{name} is not allowed")


def _holds_data(kind: type) -> bool:
    return dataclasses.is_dataclass(kind) or (issubclass(kind, tuple) and hasattr(kind, "_fields"))


def inputs_of(
    config: RunConfig, server: Graph, dataset: Dataset, known: dt.datetime | None
) -> tuple[Inputs, KeptInputs | None]:
    """A run's inputs, kept or read, and their entry of the cache; None where nothing can be kept.

    Raises:
        SamgraphError: as `read_inputs`
    """
    if not _limit():
        return read_inputs(config, server, dataset, known), None
    moment, state, program = committed_moment(server, known), server.state(), _program()
    folder = cache_folder() / "inputs"
    if state is None or program is None or not _is_ours(folder):
        return read_inputs(config, server, dataset, moment), None
    own = has_functions(config.model.hist(config.trading).features)
    kept = KeptInputs(folder / _key(config, server, dataset, moment, state, program), own)
    with stage("look for kept inputs"):
        found = kept.read()
    if found is not None:
        for sentence in remarks(config, found.market):
            warn(sentence)
        return found, kept
    inputs = read_inputs(config, server, dataset, moment)
    if server.state() != state or Dataset(dataset.root).fingerprint() != dataset.fingerprint():
        return inputs, None  # somebody wrote meanwhile: what was read need not be of one state
    kept.keep(inputs)
    return inputs, kept


def settings_read(config: RunConfig) -> Mapping[str, Any]:
    """The settings that inputs depend on."""
    model = dataclasses.asdict(config.model.hist(config.trading))
    return {
        **config.model_dump(mode="json", include=set(READ)),
        "model": {name: model[name] for name in READ_OF_HIST},
        "trading": config.trading.model_dump(mode="json", include=set(READ_OF_TRADING)),
        "rules": exchange(config.trading.exchange).fingerprint,
        "relations": sorted({ARMS[name].concepts or "" for name in config.variants}),
    }


def _key(
    config: RunConfig, server: Graph, dataset: Dataset, moment: dt.datetime, state: str, program: str
) -> str:
    content = {
        "program": program,
        "versions": manifest.versions(),
        "processor": manifest.processor(),  # which computed the features
        "tables": dataset.fingerprint(),
        "settings": settings_read(config),
        "known": moment.isoformat(),
        "loads": [[load.moment.isoformat(), load.fingerprint] for load in past_loads(server)],
        "database": state,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


@lru_cache(maxsize=1)
def _program() -> str | None:
    """A digest of this package's own text, statements and tables; None if a file has changed since it was imported."""
    digest = hashlib.sha256()
    for package in (samgraph, cypher, factors, graph, hist):
        folder = Path(package.__path__[0])
        for file in sorted(folder.rglob("*")):
            if file.suffix in (".py", ".cypher", ".csv"):
                of = file.stat()
                if max(of.st_mtime, of.st_ctime) >= _BEGAN:
                    return None
                digest.update(str(file.relative_to(folder)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _is_ours(folder: Path) -> bool:
    """Whether nobody else can write to the folder, which is made: what lies there becomes a run's numbers."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        of = folder.stat()
    except OSError:
        return False
    return not hasattr(os, "getuid") or (of.st_uid == os.getuid() and not of.st_mode & 0o022)


def _limit() -> int:
    """Bytes that all entries together may take."""
    text = os.environ.get(LIMIT, "")
    try:
        limit = float(text) if text else DEFAULT_GIB
    except ValueError:
        limit = math.nan
    if not 0 <= limit < math.inf:
        raise ConfigError(f"{LIMIT} is {text!r}; give the GiB of kept inputs as a number, 0 for none")
    return int(limit * 2**30)


def _make_room(folder: Path, limit: int) -> None:
    """Delete the entries that were used longest ago until all take at most `limit` bytes."""
    entries = sorted((one for one in folder.iterdir() if one.is_dir()), key=lambda one: one.stat().st_mtime)
    sizes = {one: _size(one) for one in entries}
    for one in entries:
        if sum(sizes.values()) <= limit:
            return
        shutil.rmtree(one, ignore_errors=True)
        del sizes[one]


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*"))
