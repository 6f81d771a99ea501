"""What tools/fuzz.py feeds: for each target its engine, its share of the inputs, how they are made and used.

`make()` gives two things. First a function of (input, folder) that puts the input into its place and returns what is to
be tried. Second the source of inputs: a Hypothesis strategy, or the first bytes that atheris mutates.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

Use = Callable[[Any, Path], Callable[[], Any]]


@dataclass(frozen=True)
class Target:
    """A reader: `share` is its part of all inputs."""

    engine: str
    share: float
    make: Callable[[], tuple[Use, Any]]
    needs_server: bool = False


# --- what inputs are made of

NASTY = [
    *(
        "",
        " ",
        "0",
        "-0",
        "1",
        "-1",
        "1e308",
        "1e309",
        "-1e309",
        "nan",
        "NaN",
        "inf",
        "-Infinity",
        "1_000",
        "٣",
        "0x10",
    ),
    *(
        "2021-01-01",
        "2021-02-30",
        "0000-00-00",
        "9999-12-31",
        "9999-12-30",
        "0001-01-01",
        "10000-01-01",
        "20210101",
    ),
    *(
        "2021-1-1",
        "1899-12-31",
        "2021-01-01T00:00:00",
        "2021-01-01T00:00:00+14:00",
        "2021-W01-1",
        "-2021-01-01",
    ),
    *("root", "A", "B", "battery", "U", "I1", "true", "FALSE", "None", "null", "NULL", "<NA>", "-", "--"),
    *(
        "'",
        '"',
        "\\",
        "`",
        "{}",
        "$x",
        "<script>alert(1)</script>",
        "=1+1",
        "../../etc/passwd",
        "a/b",
        "..",
        ".",
    ),
    *(
        "\x00",
        "\x1b[31m",
        "\u202e",
        "\ufeff",
        "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    ),
    *("é", "e\u0301", "名", "a" * 1001, "x" * 5000, "\n", "a\r\nb", ",", ";", "\t"),
]
TEXT = st.one_of(st.sampled_from(NASTY), st.text(max_size=30), st.dates().map(str))
NUMBER = st.one_of(
    st.floats(),
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([0.0, -0.0, 1.0, 0.5, 1e-320, 1e308, float("inf"), float("nan")]),
)
ARROW = [
    *(
        pa.string(),
        pa.large_string(),
        pa.binary(),
        pa.int8(),
        pa.uint64(),
        pa.int64(),
        pa.float16(),
        pa.float32(),
    ),
    *(pa.float64(), pa.bool_(), pa.date32(), pa.date64(), pa.null(), pa.decimal128(20, 4), pa.time64("ns")),
    *(pa.timestamp("s"), pa.timestamp("ns"), pa.timestamp("us", "Asia/Shanghai"), pa.duration("s")),
    *(pa.list_(pa.string()), pa.struct([("a", pa.int64())]), pa.dictionary(pa.int32(), pa.string())),
    *(
        pa.dictionary(pa.int8(), pa.int64()),
        pa.map_(pa.string(), pa.int64()),
        pa.binary(4),
        pa.month_day_nano_interval(),
    ),
]


def _bytes_of(frame: pd.DataFrame, how: str) -> bytes:
    if how == "csv":
        return frame.to_csv(index=False).encode("utf-8", "surrogatepass")
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), sink)
    return sink.getvalue()


def _small() -> dict[str, pd.DataFrame]:
    from oracles import small

    link = {"company_id": "A", "other_id": "B", "score": "0.5", "valid_from": "2021-01-01", "valid_to": ""}
    tables = small.tables() | {"company_links": [link]}
    return {name: pd.DataFrame(rows) for name, rows in tables.items()}


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


# --- a dataset's tables


def _table_bytes(how: str) -> Callable[[], tuple[Use, Any]]:
    """One table as bytes: the first byte chooses which."""

    def make() -> tuple[Use, Any]:
        from samgraph.graph.dataset.folder import Dataset
        from samgraph.graph.dataset.tables import TABLES

        names = list(TABLES)
        small = _small()

        def use(data: bytes, folder: Path) -> Callable[[], Any]:
            name = names[(data[0] if data else 0) % len(names)]
            _clear(folder)
            (folder / f"{name}.{how}").write_bytes(data[1:])

            def read() -> None:
                dataset = Dataset(folder)
                dataset.fingerprint()
                dataset.parse(name)
                dataset.read(name)

            return read

        return use, [bytes([number]) + _bytes_of(small[name], how) for number, name in enumerate(names)]

    return make


def _tables() -> tuple[Use, Any]:
    """Whole datasets: cells, types, columns and forms drawn for one or two tables, the others as they should be."""
    from samgraph.graph.check.dataset import check
    from samgraph.graph.dataset.folder import Dataset
    from samgraph.graph.dataset.tables import TABLES

    small = _small()

    def column(type_: pa.DataType) -> Any:
        return st.tuples(
            st.just(type_), st.lists(st.one_of(TEXT, NUMBER, st.none()), min_size=1, max_size=12)
        )

    @st.composite
    def dataset(draw: Any) -> dict[str, tuple[str, list[tuple[str, Any, list[Any]]]]]:
        made = {}
        for name in draw(st.lists(st.sampled_from(list(TABLES)), min_size=1, max_size=2, unique=True)):
            form = draw(st.sampled_from(["csv", "parquet", "parts"]))
            columns = []
            for known in draw(st.permutations(list(small[name].columns)))[: draw(st.integers(1, 14))]:
                keep = draw(st.integers(0, 3))
                if keep:
                    columns.append((known, pa.string(), small[name][known].tolist()))
                else:
                    type_, cells = draw(st.sampled_from(ARROW).flatmap(column))
                    columns.append((known, type_, cells))
            if draw(st.booleans()):
                columns.append((draw(TEXT), pa.string(), ["x"]))
            made[name] = (form, columns)
        return made

    def use(value: Any, folder: Path) -> Callable[[], Any]:
        _clear(folder)
        for name, frame in small.items():
            if name not in value:
                frame.to_csv(folder / f"{name}.csv", index=False)
        for name, (form, columns) in value.items():
            length = max(len(cells) for _, _, cells in columns)
            filled = [(n, t, [cells[i % len(cells)] for i in range(length)]) for n, t, cells in columns]
            if form == "csv":
                frame = pd.DataFrame({i: pd.Series(c, dtype=object) for i, (_, _, c) in enumerate(filled)})
                frame.columns = pd.Index([n for n, _, _ in filled])
                (folder / f"{name}.csv").write_bytes(
                    frame.to_csv(index=False).encode("utf-8", "surrogatepass")
                )
                continue
            made = pa.table([_array(t, c) for _, t, c in filled], names=[_clean(n) for n, _, _ in filled])
            if form == "parts":
                (folder / name).mkdir()
                half = made.num_rows // 2
                _write_parquet(made.slice(0, half), folder / name / "a.parquet")
                _write_parquet(made.slice(half), folder / name / "b.parquet")
            else:
                _write_parquet(made, folder / f"{name}.parquet")

        def read() -> None:
            dataset = Dataset(folder)
            check(dataset).sentence()
            for name in value:
                dataset.read(name)

        return read

    return use, dataset()


def _write_parquet(table: pa.Table, path: Path) -> None:
    try:
        pq.write_table(table, path)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # no such Parquet: an empty file stands for it
        path.write_bytes(b"")


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _array(type_: pa.DataType, cells: list[Any]) -> pa.Array:
    """The cells that the type can hold; null for the others."""
    if pa.types.is_dictionary(type_):
        return _array(type_.value_type, cells).dictionary_encode()
    out: list[Any] = []
    for cell in cells:
        try:
            value = pa.scalar(_clean(cell) if isinstance(cell, str) else cell).cast(type_).as_py()
            pa.array([value], type_)
        except (pa.ArrowException, OverflowError, ValueError, TypeError):
            value = None
        out.append(value)
    try:
        return pa.array(out, type_)
    except (pa.ArrowException, OverflowError, ValueError, TypeError):
        return pa.nulls(len(cells), type_)


# --- settings, holdings, dates, cuts


def _toml() -> tuple[Use, Any]:
    from samgraph.config import load_config
    from samgraph.config_text import template, to_toml

    def use(data: bytes, folder: Path) -> Callable[[], Any]:
        path = folder / "config.toml"
        path.write_bytes(data)
        return lambda: to_toml(load_config(path, {}).quick())

    head = b"data = 'd'\nuniverse = 'U'\nstart = 2020-01-01\nend = 2021-01-01\n"
    seeds = [
        head,
        template().encode(),
        b"[trading]\nlot = 1\n[windows]\ntrain_days = 20\n",
        b"[neo4j]\nuri = 'x'",
    ]
    sections = (
        b"seeds = 3\nvariants = ['product', 'gru']\n[model]\nhorizon = 5\n[concepts]\ncut = 'level:2'\n"
    )
    return use, [*seeds, head + sections, b"\xef\xbb\xbf" + head]


def _settings() -> tuple[Use, Any]:
    from samgraph.config import RunConfig, load_config
    from samgraph.config_sections import Section
    from samgraph.config_text import to_toml

    leaf = st.one_of(TEXT, NUMBER, st.booleans(), st.none(), st.lists(TEXT, max_size=3), st.dates())
    known: dict[str, Any] = {}
    for name, field in RunConfig.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, Section):
            inner = st.one_of(st.sampled_from(list(section.model_fields)), TEXT)
            known[name] = st.one_of(leaf, st.dictionaries(inner, leaf, max_size=4))
        else:
            known[name] = leaf
    base = {"data": "d", "universe": "U", "start": "2020-01-01", "end": "2021-01-01"}
    some = st.lists(st.sampled_from(list(known)), max_size=4, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({n: known[n] for n in names})
    )

    def use(value: Any, folder: Path) -> Callable[[], Any]:
        return lambda: to_toml(load_config(None, base | value))

    return use, some


def _holdings() -> tuple[Use, Any]:
    from samgraph.cli.ask.risk import read_file

    def use(data: bytes, folder: Path) -> Callable[[], Any]:
        path = folder / "holdings.csv"
        path.write_bytes(data)
        return lambda: read_file(path)

    seeds = [
        "company_id,weight\nA,0.5\nB,-0.5\n",
        "company_id,value\n600519.SH,1e6\n'=x,2\n",
        'company_id,weight\n"a\nb",1\n',
    ]
    return use, [text.encode() for text in seeds]


def _dates() -> tuple[Use, Any]:
    from samgraph.graph.db.asof import AsOf
    from samgraph.graph.db.asof import parse_day as iso_day
    from samgraph.importers.reading import parse_day

    digits = st.text("0123456789-/.:TZ+ ٣W", max_size=30)
    mended = st.tuples(st.datetimes().map(str), st.integers(0, 25), TEXT).map(
        lambda t: t[0][: t[1]] + t[2][:3]
    )
    moment = st.datetimes(timezones=st.one_of(st.none(), st.timezones())).map(str)
    texts = st.one_of(TEXT, digits, mended, moment, st.dates().map(str))

    def use(value: tuple[str, str | None], folder: Path) -> Callable[[], Any]:
        def read() -> None:
            parse_day(value[0])
            found = AsOf.parse(*value)
            assert found.valid == iso_day(found.valid.isoformat())  # what is taken is what is said
            str(found)

        return read

    return use, st.tuples(texts, st.one_of(st.none(), texts))


def _cuts() -> tuple[Use, Any]:
    from samgraph.graph.series.cuts import Taxonomy, assign, parse_cut

    number = st.one_of(st.integers(-5, 20_000).map(str), st.floats().map(str), TEXT)
    forms = [
        st.sampled_from(["leaf", "adaptive", "adaptive:", "level:", "levels:2-6"]),
        st.builds("level:{}".format, number),
        st.builds("levels:{}-{}".format, number, number),
        st.builds("adaptive:min={},max={}".format, number, number),
        st.builds("adaptive:{}={}".format, TEXT, number),
        TEXT,
    ]
    rising = st.tuples(*(st.integers(-1, place - 1) for place in range(12)))
    trees = st.one_of(rising, rising, st.lists(st.integers(-1, 11), min_size=12, max_size=12))
    edges = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 11)), max_size=30, unique=True)

    def use(value: Any, folder: Path) -> Callable[[], Any]:
        def read() -> None:
            cut = parse_cut(value[0])
            assert parse_cut(str(cut)) == cut
            tree = Taxonomy.of(np.array(value[1], dtype=np.int64))
            pairs = np.array(sorted(value[2]), dtype=np.int64).reshape(-1, 2)
            assign(cut, pairs[:, 0], pairs[:, 1], tree, 8)

        return read

    return use, st.tuples(st.one_of(forms), trees, edges)


# --- importers


def _importers() -> tuple[Use, Any]:
    from oracles import answers

    from samgraph.graph.check.dataset import check  # noqa: F401  kept warm: its import is no part of an input's time
    from samgraph.importers.akshare import AkshareOptions, import_akshare
    from samgraph.importers.chainkg import import_chainkg
    from samgraph.importers.qlib import QlibOptions, import_qlib
    from samgraph.importers.segments import SegmentOptions, import_segments
    from samgraph.importers.taxonomy import read_mapping
    from samgraph.importers.tushare import TushareOptions, import_tushare

    segments = (
        "symbol,end_date,segment_name,revenue,filing_date\nAA,2020-12-31,Cameras,60,2021-02-15\n"
        "AA,2020-12-31,Lenses,40,2021-02-15\nAA,2021-12-31,Robots,10,2022-02-15\n"
    )
    mapping = "segment,product,parent\nCameras,camera,optics\nLenses,lens,optics\n,optics,\n"
    held: dict[str, dict[str, bytes]] = {"segments": {"segments.csv": segments.encode()}}
    held["mapping"] = {"mapping.csv": mapping.encode()}
    with tempfile.TemporaryDirectory() as there:
        for name, made in (
            ("chainkg", answers.chain(Path(there) / "chain")),
            ("tushare", answers.put(Path(there) / "tushare", answers.tushare())),
            ("akshare", answers.put(Path(there) / "akshare", answers.akshare())),
            ("qlib", answers.qlib(Path(there) / "qlib")),
        ):
            held[name] = {str(p.relative_to(made)): p.read_bytes() for p in made.rglob("*") if p.is_file()}
    readers: dict[str, Callable[[Path], Any]] = {
        "segments": lambda folder: import_segments([folder / "segments.csv"], SegmentOptions({})),
        "mapping": lambda folder: read_mapping(folder / "mapping.csv"),
        "chainkg": lambda folder: import_chainkg(folder, valid_from=np.datetime64("2021-11-01")),
        "tushare": lambda folder: import_tushare(folder, TushareOptions(lag_days=1)),
        "akshare": lambda folder: import_akshare(folder, AkshareOptions()),
        "qlib": lambda folder: import_qlib(folder, QlibOptions()),
    }

    @st.composite
    def changed(draw: Any) -> tuple[str, dict[str, bytes]]:
        name = draw(st.sampled_from(list(readers)))
        files = dict(held[name])
        for _ in range(draw(st.integers(1, 3))):
            file = draw(st.sampled_from(sorted(files)))
            content = files[file]
            how = draw(st.integers(0, 4))
            if how == 0:
                files[file] = draw(st.binary(max_size=40))
            elif how == 1:  # a cell
                cells = content.split(b",")
                cells[draw(st.integers(0, len(cells) - 1))] = draw(TEXT).encode("utf-8", "surrogatepass")
                files[file] = b",".join(cells)
            elif how == 2:  # a byte
                place = draw(st.integers(0, max(0, len(content) - 1)))
                files[file] = content[:place] + draw(st.binary(max_size=4)) + content[place + 1 :]
            elif how == 3:  # cut off
                files[file] = content[: draw(st.integers(0, len(content)))]
            else:  # a line again
                lines = content.split(b"\n")
                lines.insert(draw(st.integers(0, len(lines))), draw(st.sampled_from(lines)))
                files[file] = b"\n".join(lines)
        return name, files

    def use(value: Any, folder: Path) -> Callable[[], Any]:
        name, files = value
        _clear(folder)
        for file, content in files.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(content)
        return lambda: readers[name](folder)

    return use, changed()


def _answers() -> tuple[Use, Any]:
    """A vendor's file by bytes; the first byte chooses its form."""
    from samgraph.importers.reading import ENDINGS, read

    frame = pd.DataFrame({"code": ["600001.SH", "2"], "day": ["20210101", "2021-02-03"], "x": ["1", ""]})
    plain = frame.to_csv(index=False).encode()
    lines = "\n".join(json.dumps(row) for row in frame.to_dict("records")).encode()
    import gzip

    parquet = _bytes_of(frame, "parquet")
    seeds = dict(
        zip(
            ENDINGS,
            (plain, gzip.compress(plain, mtime=0), lines, gzip.compress(lines, mtime=0), parquet),
            strict=True,
        )
    )

    def use(data: bytes, folder: Path) -> Callable[[], Any]:
        _clear(folder)
        path = folder / f"table{ENDINGS[(data[0] if data else 0) % len(ENDINGS)]}"
        path.write_bytes(data[1:])

        def parse() -> None:
            source = read("table", [path])
            for name in list(source.frame.columns)[:4]:
                source.text(name)
                source.days(name, lenient=True)
                source.numbers(name)

        return parse

    return use, [bytes([number]) + content for number, content in enumerate(seeds.values())]


# --- the program's own files, as they may be found


def _own_files() -> tuple[Use, Any]:
    """A checkpoint's state, a run's manifest and summary, a server's lock file, by bytes."""
    from samgraph.graph.server.jars import read_lock
    from samgraph.hist.checkpoint import read_checkpoint
    from samgraph.run.begin import _same_run
    from samgraph.run.folder import RunFolder

    now = {"config": {"seed": 0}, "inputs": {"bars": "0" * 64}, "known_at": None}
    manifest = json.dumps(now | {"known": "2024-01-01T00:00:00+00:00", "files": {"summary.json": "0" * 64}})

    def use(data: bytes, folder: Path) -> Callable[[], Any]:
        _clear(folder)
        kind, content = (data[0] if data else 0) % 4, data[1:]
        if kind == 0:
            (folder / "state.json").write_bytes(content)
            (folder / "epoch-0001.safetensors").write_bytes(content)
            return lambda: read_checkpoint(folder)
        if kind == 1:
            (folder / "manifest.json").write_bytes(content)
            return lambda: _same_run(folder / "manifest.json", dict(now))
        if kind == 2:
            (folder / "summary.json").write_bytes(b"{}")
            (folder / "manifest.json").write_bytes(content)
            return lambda: RunFolder.open(folder)
        return lambda: read_lock(content.decode("utf-8", "replace"))

    state = b'{"file": "epoch-0001.safetensors", "sha256": "00", "values": {}}'
    lock = b"org.neo4j:neo4j:5.26.0  " + b"0" * 64 + b"  12\n"
    return use, [b"\x00" + state, b"\x01" + manifest.encode(), b"\x02" + manifest.encode(), b"\x03" + lock]


# --- questions to a real server


@contextlib.contextmanager
def server() -> Iterator[None]:
    """A Neo4j server of the fuzzer's own with a small dataset; the environment names it."""
    from oracles import small

    from samgraph.graph.dataset.folder import Dataset
    from samgraph.graph.db.driver import Graph
    from samgraph.graph.load.load import load
    from samgraph.graph.server.local import LocalServer

    with tempfile.TemporaryDirectory(prefix="samgraph-fuzz-") as folder:
        os.environ.setdefault("SAMGRAPH_NEO4J_HEAP", "512m")
        os.environ.setdefault("SAMGRAPH_NEO4J_PAGECACHE", "64m")
        local = LocalServer(Path(folder) / "home")
        try:
            address = local.start_for_this_process()
            with Graph.open(address) as graph:
                load(graph, Dataset(small.write(Path(folder) / "data", small.tables())))
            for name in ("uri", "user", "password", "database"):
                os.environ[f"SAMGRAPH_NEO4J_{name.upper()}"] = getattr(address, name)
            yield
        finally:
            local.stop()


def _cypher() -> tuple[Use, Any]:
    """Days, moments, universes, companies, cuts and texts as parameters; the graph stays as it was."""
    import neo4j

    from samgraph.graph.ask.baskets import basket
    from samgraph.graph.ask.chains import chain
    from samgraph.graph.ask.pairs import pairs
    from samgraph.graph.ask.snapshot import snapshot
    from samgraph.graph.connect import resolve_address
    from samgraph.graph.db.asof import AsOf
    from samgraph.graph.db.driver import Graph
    from samgraph.graph.db.universe import no_such_universe

    address = resolve_address()
    graph = Graph.open(address)
    driver = neo4j.GraphDatabase.driver(address.uri, auth=(address.user, address.password))
    count = "MATCH (n) OPTIONAL MATCH (n)-[r]->() RETURN count(DISTINCT n) AS n, count(r) AS r, max(elementId(n)) AS m"

    def state() -> Any:
        with driver.session(database=address.database) as session:
            return session.run(count).single(strict=True).data()

    began = state()
    hostile = [
        "'}) DETACH DELETE (n) //",
        "x' OR 1=1 RETURN n;",
        "name:x AND *",
        '"',
        "battery OR food",
        "\\",
        "ba*~2^9",
    ]
    lone = st.text(st.characters(codec=None, categories=["Cs", "Cc", "Lo", "Po"]), max_size=8)
    text = st.one_of(
        TEXT, st.sampled_from(["battery", "A", "U", "Alpha", "name of food"]), st.sampled_from(hostile), lone
    )
    day = st.one_of(
        st.dates().map(str), st.sampled_from(["2021-07-01", "2022-06-01", "9999-12-30", "0001-01-01"])
    )
    moment = st.one_of(st.none(), st.datetimes(timezones=st.one_of(st.none(), st.timezones())).map(str), TEXT)

    def mostly(good: Any, other: Any) -> Any:
        """`other` one time in four: a question with one bad part is refused for it, and asks nothing else."""
        return st.integers(0, 3).flatmap(lambda n: good if n else other)

    known = st.sampled_from(["battery", "A", "B", "solar", "Alpha", "name of food"])
    text = mostly(known, text)
    day = mostly(st.sampled_from(["2021-07-01", "2022-06-01"]), day)
    moment = mostly(st.none(), moment)
    cut = st.sampled_from(["leaf", "level:1", "level:9999", "levels:1-2", "adaptive:min=1,max=1.0"])
    kind = st.sampled_from(["snapshot", "basket", "chain", "pairs", "universe"])

    def use(value: Any, folder: Path) -> Callable[[], Any]:
        what, word, other, on, known, concepts, links = value

        def ask() -> None:
            seen = AsOf.parse(on, known)
            try:
                if what == "snapshot":
                    snapshot(graph, seen, universe=word, cut=concepts)
                elif what == "basket":
                    basket(graph, word, seen, universe=other, upstream=links, downstream=links)
                elif what == "chain":
                    chain(graph, word, seen, universe=other, upstream=links, downstream=links)
                elif what == "pairs":
                    pairs(snapshot(graph, seen, cut=concepts), company=word)
                else:
                    raise no_such_universe(graph, word, seen)
            finally:
                assert state() == began, "the graph was changed"

        return ask

    universes = mostly(st.sampled_from([None, "U"]), text)
    return use, st.tuples(kind, text, universes, day, moment, cut, mostly(st.integers(0, 3), st.just(-1)))


TARGETS: dict[str, Target] = {
    "table as CSV": Target("atheris", 9, _table_bytes("csv")),
    "table as Parquet": Target("atheris", 9, _table_bytes("parquet")),
    "datasets": Target("hypothesis", 1, _tables),
    "configuration file": Target("atheris", 22, _toml),
    "settings": Target("hypothesis", 11, _settings),
    "holdings file": Target("atheris", 8, _holdings),
    "dates and moments": Target("hypothesis", 13, _dates),
    "concept cuts": Target("hypothesis", 12, _cuts),
    "vendors' files": Target("atheris", 8, _answers),
    "importers": Target("hypothesis", 0.6, _importers),
    "own files": Target("atheris", 6, _own_files),
    "questions to the graph": Target("hypothesis", 0.4, _cypher, needs_server=True),
}
