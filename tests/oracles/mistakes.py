"""The most likely mistakes at the command line, each with what samgraph says to it.

`docs/mistakes.md` is made of this table by `document`, and tests/samgraph/cli/test_mistakes.py tries every row.
Each command runs in a folder of its own that has `data` (a simulated economy, loaded into the graph) and `run` (a finished
backtest of it), and the files that the mistake itself brings.
"""

# ruff: noqa: E501  sentences stand as they are said

from __future__ import annotations

from dataclasses import dataclass, field

ANY = "…"
"""Stands for any text in a sentence."""

SPAN = "--universe SIM --start 2019-03-01 --end 2019-12-27"
BACKTEST = f"backtest --data data {SPAN} --out new"
NEEDED = 'data = "data"\nuniverse = "SIM"\nstart = 2019-03-01\nend = 2019-12-27\n'
HOLDINGS = "company_id,weight\nSIM0001,0.5\nSIM0003,0.5\n"
SEGMENTS = "ticker,segment,revenue,period_end\nAAA,Cells,5,2022-12-31\n"


@dataclass(frozen=True)
class Mistake:
    """One mistake.

    Attributes:
        what: what was done wrong, in a few words
        command: the words after `samgraph`
        says: the sentence, without the leading "samgraph: ", with … for any text; of wrong usage what follows "Error: "
        files: made before, by name; None is an empty folder
        environment: set before
        link: a file's name and what it leads to
    """

    what: str
    command: str
    says: str
    files: dict[str, str | bytes | None] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    link: tuple[str, str] | None = None
    status: int = 1


def usage(what: str, command: str, says: str, **more: object) -> Mistake:
    """A mistake of usage: status 2."""
    return Mistake(what, command, says, status=2, **more)  # type: ignore[arg-type]


def config(what: str, lines: str, says: str, command: str = "config check c.toml") -> Mistake:
    """A mistake in a file of settings."""
    return Mistake(what, command, says, {"c.toml": lines})


def risk(what: str, holdings: str | bytes, says: str) -> Mistake:
    """A mistake in a list of holdings."""
    return Mistake(what, "risk h.csv --as-of 2019-06-28", says, {"h.csv": holdings})


TABLE: dict[str, tuple[Mistake, ...]] = {
    "Words and options": (
        usage(
            "A command misspelt",
            "snaphsot --as-of 2019-06-28",
            "No such command 'snaphsot'. Did you mean 'snapshot'?",
        ),
        usage("A command of a group misspelt", "neo4j begin", "No such command 'begin'."),
        usage(
            "An option misspelt",
            "pairs --asof 2019-06-28",
            "No such option '--asof'. Did you mean '--as-of'?",
        ),
        usage("An option without its value", "pairs --as-of", "Option '--as-of' requires an argument."),
        usage("No day", "snapshot", "Missing option '--as-of'."),
        usage("No folder", "load", "Missing argument 'DIR'."),
        usage(
            "A basket without a day",
            "basket battery",
            "one day needs --as-of; --start, --end and --turnover go with --history",
        ),
        usage(
            "A history without a start",
            "basket battery --history",
            "--history goes with --start and --end, not with --as-of",
        ),
        usage(
            "A basket's day and a history at once",
            "basket battery --history --start 2020-01-01 --as-of 2019-06-28",
            "--history goes with --start and --end, not with --as-of",
        ),
        usage(
            "A list for a number",
            "pairs --as-of 2019-06-28 --top many",
            "Invalid value for '--top': 'many' is not a valid integer range.",
        ),
        usage(
            "No pairs asked for",
            "pairs --as-of 2019-06-28 --top 0",
            "Invalid value for '--top': 0 is not in the range x>=1.",
        ),
        usage(
            "A form that there is not",
            "pairs --as-of 2019-06-28 --format xlsx",
            "Invalid value for '--format': 'xlsx' is not one of 'table', 'csv', 'json'.",
        ),
        usage(
            "Two words where one is taken",
            "load data more",
            "Got unexpected extra argument (more); put quotes around words that belong together",
        ),
        usage(
            "A theme of two words without quotes",
            "basket EV battery --as-of 2019-06-28",
            "Got unexpected extra argument (battery); put quotes around words that belong together",
        ),
        usage(
            "A chain of no links",
            "chain SIM0001 --as-of 2019-06-28 --upstream 0",
            "follow at least one link: --upstream N or --downstream N",
        ),
        usage(
            "Products of pairs without a company",
            "pairs --as-of 2019-06-28 --by-product",
            "--by-product goes with --company, and not with --data",
        ),
        usage(
            "A test window shorter than its least days",
            "pairs --as-of 2019-06-28 --data data --window 100",
            "--least-days 250 is more than the --window of 100",
        ),
        usage(
            "An output file of an unknown kind",
            "snapshot --as-of 2019-06-28 -o edges.xlsx",
            "Invalid value for '-o' / '--output': 'edges.xlsx' must end in .pt, .parquet or .csv",
        ),
        usage(
            "A forecast without its universe",
            "risk h.csv --as-of 2019-06-28 --data data",
            "--data needs --universe, whose members the forecast is estimated on",
        ),
        usage(
            "A backcast without bars",
            "risk h.csv --as-of 2019-06-28 --backcast 20",
            "--backcast needs --data, whose bars tell what came",
        ),
        usage("Nothing to explain", "explain run", "an explanation needs --company"),
        usage(
            "An explanation written and removed at once",
            "explain run --write --remove",
            "--write and --remove exclude each other",
        ),
        usage(
            "A form of export that there is not",
            "export run out --to zipline",
            "Invalid value for '--to': 'zipline' is not one of 'skfolio', 'cvxpy', 'qlib', 'alphalens', 'excel'.",
        ),
        usage(
            "Build and try at once",
            "load data --offline --dry-run",
            "--offline builds and --dry-run writes nothing: give one of them",
        ),
        usage(
            "The database deleted without a yes",
            "neo4j reset",
            "reset deletes the database in …/home: say so with --yes.",
        ),
        usage(
            "A shell that is not known",
            "completion powershell",
            "Invalid value for '{bash|zsh|fish}': 'powershell' is not one of 'bash', 'zsh', 'fish'.",
        ),
    ),
    "Days and moments": (
        Mistake(
            "A day that no calendar has",
            "snapshot --as-of 2023-02-30",
            "'2023-02-30' is not a valid date; write it as YYYY-MM-DD, such as 2024-01-31",
        ),
        Mistake(
            "A day in words",
            "pairs --as-of tomorrow",
            "'tomorrow' is not a valid date; write it as YYYY-MM-DD, such as 2024-01-31",
        ),
        Mistake(
            "A day the other way round",
            "snapshot --as-of 30/06/2020",
            "'30/06/2020' is not a valid date; write it as YYYY-MM-DD, such as 2024-01-31",
        ),
        Mistake(
            "The day that stands for an open end",
            "snapshot --as-of 9999-12-31",
            "the as-of day 9999-12-31 stands for an open end; ask for an earlier one",
        ),
        Mistake(
            "A day before the first report",
            "snapshot --as-of 1999-01-04",
            "no reports of what companies sell are valid on 1999-01-04; the graph has them from … to …",
        ),
        Mistake(
            "A day before the universe",
            "snapshot --as-of 2018-06-29 --universe SIM",
            "the universe 'SIM' has no members on 2018-06-29; it has them from 2019-01-02 on",
        ),
        Mistake(
            "A moment that cannot be read",
            "snapshot --as-of 2019-06-28 --known-at yesterday",
            "'yesterday' is not a valid timestamp; write it as 2024-01-31T18:00:00+08:00 (UTC where the zone is left out)",
        ),
        Mistake(
            "A moment before the first load",
            "snapshot --as-of 2019-06-28 --known-at 2001-01-01",
            "the graph holds no reports of what companies sell as known at 2001-01-01T00:00:00+00:00; load a dataset that has some, or ask with a later --known-at",
        ),
        Mistake(
            "A history that ends before it starts",
            "basket Mining --history --start 2019-06-28 --end 2019-01-02",
            "the end 2019-01-02 lies before the start 2019-06-28",
        ),
        Mistake(
            "A history's start in words",
            "basket Mining --history --start soon",
            "'soon' is not a valid date; write it as YYYY-MM-DD, such as 2024-01-31",
        ),
        usage(
            "A backtest's day in words",
            f"{BACKTEST} --start yesterday",
            "Invalid value for '--start': 'yesterday' is not a valid date; write it as 2024-01-31",
        ),
        Mistake(
            "End and start exchanged",
            f"{BACKTEST} --start 2019-12-27 --end 2019-03-01",
            "the settings: end 2019-03-01 is not after start 2019-12-27",
        ),
        Mistake(
            "A period too short for its windows",
            BACKTEST,
            "2019-03-01 to 2019-12-27 has 212 trading days, but training takes 2000 and validation 250, which leaves none to test; lengthen the period, shorten the windows, or name windows.first_test, before which models learn from what there is",
        ),
        Mistake(
            "A period after the last bar",
            f"{BACKTEST} --start 2030-01-01 --end 2031-01-01",
            "table bars of data has no bar from 2030-01-01 to 2031-01-01; it has them from 2019-01-02 to 2019-12-31",
        ),
        Mistake(
            "A period before the first bar",
            f"{BACKTEST} --start 1990-01-01 --end 1991-01-01",
            "table bars of data has no bar from 1990-01-01 to 1991-01-01; it has them from 2019-01-02 to 2019-12-31",
        ),
        usage(
            "An export's day in words",
            "export run out --to qlib --as-of today",
            "Invalid value for '--as-of': 'today' is not a valid date; write it as 2024-01-31",
        ),
        Mistake(
            "An export before the run's first day",
            "export run out --to qlib --as-of 2001-01-01",
            "run knows nothing by 2001-01-01; its first day is 2020-06-17",
        ),
        Mistake(
            "An explanation of a day outside of the test",
            "explain run --company SIM0001 --date 2001-01-01",
            "2001-01-01 is not a test day of run; choose a trading day from … to …",
        ),
    ),
    "Cuts": (
        Mistake(
            "A cut misspelt",
            "snapshot --as-of 2019-06-28 --concepts leafs",
            "'leafs' is no concept cut; use leaf, level:N, levels:A-B or adaptive:min=3,max=0.2",
        ),
        Mistake(
            "A concept of nobody",
            "snapshot --as-of 2019-06-28 --concepts adaptive:min=0",
            "min of the cut 'adaptive:min=0' must be a whole number of companies, 1 or more",
        ),
        Mistake(
            "A share in percent",
            "snapshot --as-of 2019-06-28 --concepts adaptive:min=3,max=20",
            "max of the cut 'adaptive:min=3,max=20' must be a share of the members above 0, at most 1",
        ),
        Mistake(
            "A cut's setting misspelt",
            "snapshot --as-of 2019-06-28 --concepts adaptive:minimum=3",
            "the cut 'adaptive:minimum=3' takes min and max, once each, not 'minimum'",
        ),
        Mistake(
            "A level below the root's",
            "snapshot --as-of 2019-06-28 --concepts level:0",
            "the cut 'level:0' has no such level; levels start at 1 for a root",
        ),
        Mistake(
            "Levels the wrong way round",
            "snapshot --as-of 2019-06-28 --concepts levels:6-2",
            "the cut 'levels:6-2' must rise from a level of at least 1, as in levels:2-6",
        ),
        config(
            "A bad cut in a file of settings",
            NEEDED + '[concepts]\ncut = "level:zero"\n',
            "the configuration c.toml: concepts.cut = 'level:zero': 'level:zero' is no concept cut; use leaf, level:N, levels:A-B or adaptive:min=3,max=0.2",
            "backtest --config c.toml --out new",
        ),
    ),
    "Names": (
        Mistake(
            "A universe misspelt",
            "snapshot --as-of 2019-06-28 --universe SIMM",
            "there is no universe 'SIMM'; did you mean 'SIM'?",
        ),
        Mistake(
            "A universe in small letters",
            "snapshot --as-of 2019-06-28 --universe sim",
            "there is no universe 'sim'; did you mean 'SIM'?",
        ),
        Mistake(
            "A universe misspelt in a backtest",
            "backtest --data data --universe SMI --start 2019-03-01 --end 2019-12-27 --out new",
            "there is no universe 'SMI'; did you mean 'SIM'?",
        ),
        Mistake(
            "A company misspelt",
            "pairs --as-of 2019-06-28 --company SIM0O01",
            "the company 'SIM0O01' is not among the 20 of the graph on 2019-06-28; did you mean 'SIM0019' or 'SIM0018' or 'SIM0017'?",
        ),
        Mistake(
            "Who sells the same, of a company misspelt",
            "pairs --as-of 2019-06-28 --by-product --company SIM001",
            "the company 'SIM001' is not among the 20 of the graph on 2019-06-28; did you mean 'SIM0019' or 'SIM0018' or 'SIM0017'?",
        ),
        Mistake(
            "A product that there is not",
            "basket unobtainium --as-of 2019-06-28",
            "no product of 2019-06-28 is 'unobtainium' or holds all its words; the nearest names of this graph are …",
        ),
        Mistake(
            "A product's name misspelt",
            "basket minning --as-of 2019-06-28",
            "no product of 2019-06-28 is 'minning' or holds all its words; the nearest names of this graph are Mining and metals (SIMP00001)",
        ),
        Mistake(
            "An empty text",
            "basket '' --as-of 2019-06-28",
            "no product of 2019-06-28 is '' or holds all its words; the nearest names of this graph are …",
        ),
        Mistake(
            "A chain of something unknown",
            "chain nowhere --as-of 2019-06-28",
            "no product of 2019-06-28 is 'nowhere' or holds all its words; the nearest names of this graph are …",
        ),
        config(
            "A benchmark misspelt",
            NEEDED + 'benchmark = "SIN"\n[windows]\ntrain_days = 60\nvalid_days = 20\n',
            "benchmark 'SIN' is not in table benchmarks (there: SIM); name one of them or none",
            "backtest --config c.toml --out new",
        ),
        Mistake(
            "A model that there is not",
            "explain run --company SIM0001 --date 2019-11-29 --variant products",
            "run has no variant products; choose among product",
        ),
        Mistake(
            "A model that the run lacks",
            "explain run --company SIM0001 --date 2019-11-29 --variant gru",
            "run has no variant gru; choose among product",
        ),
        Mistake(
            "A seed that the run lacks",
            "explain run --company SIM0001 --date 2019-11-29 --seed 9",
            "run has no seed 9; choose among 0",
        ),
        Mistake(
            "An export of a model that the run lacks",
            "export run out --to qlib --variant prodct",
            "run has no variant 'prodct'; it has product",
        ),
        Mistake(
            "An export of a factor that there is not",
            "export run out --to alphalens --factor momentun",
            "run has no factor 'momentun'; it has score",
        ),
        Mistake(
            "A row of ablations misspelt",
            f"ablate --data data {SPAN} --out new --only statik",
            "there is no ablation 'statik'; choose among base, static, binary, industry, random, attention-edges, attention-all, k-1, k-3, k-5, k-10, cut-leaf, cut-level, cut-adaptive, cut-levels, chain-off, chain-on",
        ),
    ),
    "Settings": (
        config(
            "A key misspelt",
            NEEDED + "sedes = 3\n",
            "the configuration c.toml: the key sedes is unknown; did you mean seeds?",
        ),
        config(
            "A key that there is not",
            NEEDED + "colour = 3\n",
            "the configuration c.toml: the key colour is unknown; known here: data, universe, start, end, benchmark, variants, horizons, seeds, seed, device, jobs, engine, address, concepts, windows, model, trading, optimiser, risk, neo4j, tracking",
        ),
        config(
            "A section misspelt",
            NEEDED + "[window]\ntrain_days = 3\n",
            "the configuration c.toml: the key window is unknown; did you mean windows?",
        ),
        config(
            "A key of a section misspelt",
            NEEDED + "[trading]\ntopk = 30\n",
            "the configuration c.toml: the key trading.topk is unknown; did you mean top?",
        ),
        config(
            "A key in the wrong section",
            NEEDED + "[trading]\ntrain_days = 500\n",
            "the configuration c.toml: the key trading.train_days is unknown; did you mean windows.train_days?",
        ),
        config(
            "A section used as a key",
            NEEDED + "windows = 500\n",
            "the configuration c.toml: windows is a section; write [windows] and its keys below",
        ),
        config(
            "A text for a number",
            NEEDED + '[windows]\ntrain_days = "many"\n',
            "the configuration c.toml: windows.train_days = 'many': it should be a valid integer, unable to parse string as an integer",
        ),
        config(
            "A number for a text",
            NEEDED.replace('"SIM"', "300"),
            "the configuration c.toml: universe = 300: it should be a valid string",
        ),
        config(
            "A negative cost",
            NEEDED + "[trading]\nbuy_cost = -0.1\n",
            "the configuration c.toml: trading.buy_cost = -0.1: it should be greater than or equal to 0",
        ),
        config(
            "No seeds",
            NEEDED + "seeds = 0\n",
            "the configuration c.toml: seeds = 0: it should be greater than or equal to 1",
        ),
        config(
            "A choice misspelt",
            NEEDED + '[trading]\nprice = "closing"\n',
            "the configuration c.toml: trading.price = 'closing': it should be 'close', 'open' or 'vwap'",
        ),
        config(
            "A model misspelt",
            NEEDED + 'variants = ["product", "industries"]\n',
            f"the configuration c.toml: variants names 'industries', which is unknown; choose among product, industry, {ANY}",
        ),
        config(
            "A control without what it controls",
            NEEDED + 'variants = ["industry"]\n',
            "the configuration c.toml: variants must name product: the other variants are its control",
        ),
        config(
            "A horizon of no days",
            NEEDED + "horizons = [0, 5]\n",
            "the configuration c.toml: horizons.0 = 0: it should be greater than 0",
        ),
        config(
            "What is needed is missing",
            'data = "data"\n',
            "the configuration c.toml: universe is needed (name in table universes)",
        ),
        config(
            "A file that is no TOML",
            NEEDED + "seeds: 3\n",
            "the configuration c.toml is not valid TOML: Expected '=' after a key in a key/value pair (at line 5, column 6); write KEY = VALUE, each key once, texts in quotes",
        ),
        config(
            "A key twice",
            NEEDED + "seeds = 3\nseeds = 4\n",
            "the configuration c.toml is not valid TOML: Cannot overwrite a value (at line 6, column 10); write KEY = VALUE, each key once, texts in quotes",
        ),
        config(
            "A text without quotes",
            "data = data\n",
            "the configuration c.toml is not valid TOML: Invalid value (at line 1, column 8); write KEY = VALUE, each key once, texts in quotes",
        ),
        Mistake(
            "A file that is not there",
            "backtest --config absent.toml --out new",
            "the configuration absent.toml cannot be read (No such file or directory); `samgraph config init absent.toml` writes one",
        ),
        usage(
            "A folder for a file",
            "config check d",
            "Invalid value for 'FILE': File 'd' is a directory.",
            files={"d": None},
        ),
        Mistake(
            "A file that is not text",
            "config check c.toml",
            "the configuration c.toml is not UTF-8 text; save it as UTF-8",
            {"c.toml": b"\xff\xfe\x00\x01"},
        ),
        Mistake(
            "A file that is there already",
            "config init c.toml",
            "c.toml is there already; choose another name, or replace it with --force",
            {"c.toml": "seeds = 3\n"},
        ),
        Mistake(
            "Nothing said at all",
            "backtest --out new",
            "the settings: data is needed (folder of the dataset)",
        ),
        Mistake(
            "No models on the command line",
            f"{BACKTEST} --seeds 0",
            "the settings: seeds = 0: it should be greater than or equal to 1",
        ),
        Mistake(
            "Nobody to work",
            f"{BACKTEST} --jobs 0",
            "the settings: jobs = 0: it should be greater than or equal to 1",
        ),
    ),
    "Folders and files": (
        Mistake(
            "A folder that is not there",
            "load nowhere",
            "nowhere is not a directory; name a directory that holds the tables of a dataset",
        ),
        Mistake(
            "A file for a folder",
            "load data/products.csv",
            "data/products.csv is not a directory; name a directory that holds the tables of a dataset",
        ),
        Mistake(
            "An empty folder",
            "load d",
            "d holds no table of a dataset (looked for products, product_links, companies, segments, industries, company_industries, universes, company_links, bars, benchmarks, each as NAME.parquet, NAME.csv or a NAME/ folder of Parquet parts)",
            {"d": None},
        ),
        Mistake(
            "A folder of other files",
            "load d",
            "d holds no table of a dataset (looked for products, product_links, companies, segments, industries, company_industries, universes, company_links, bars, benchmarks, each as NAME.parquet, NAME.csv or a NAME/ folder of Parquet parts)",
            {"d/readme.txt": "hello"},
        ),
        Mistake(
            "A table that is missing",
            "load d",
            "table companies is missing from d (found products); add companies.parquet, companies.csv or a companies/ folder of Parquet parts",
            {"d/products.csv": "product_id,name,parent_id\nE,Energy,\n"},
        ),
        Mistake(
            "A table that is empty",
            "load d",
            "table products: d/products.csv is empty; write at least a line of column names",
            {"d/products.csv": ""},
        ),
        Mistake(
            "A column that is missing",
            "load d",
            "table products lacks the column product_id (found id, name, parent); add it",
            {"d/products.csv": "id,name,parent\nE,Energy,\n"},
        ),
        Mistake(
            "A table in two forms",
            "load d",
            "d holds table products as products.parquet and products.csv; keep one of them",
            {"d/products.csv": "x\n", "d/products.parquet": b"x"},
        ),
        Mistake(
            "A CSV file that calls itself Parquet",
            "load d",
            "table products: d/products.parquet cannot be read as Parquet (…)…",
            {"d/products.parquet": b"product_id,name,parent_id\n"},
        ),
        Mistake(
            "A table with semicolons",
            "load d",
            "table products lacks the column product_id (found product_id;name;parent_id); its columns stand apart by semicolons: save it with commas",
            {"d/products.csv": "product_id;name;parent_id\nE;Energy;\n"},
        ),
        Mistake(
            "A link to a table elsewhere",
            "load d",
            "table products: d/products.csv is a link out of the dataset's folder; put the file itself there",
            {"d/companies.csv": "company_id,name\nA,Alpha\n"},
            link=("d/products.csv", "../data/products.csv"),
        ),
        usage(
            "An account of a load in a form that there is not",
            "load data --report account.xlsx",
            "Invalid value for '--report': 'account.xlsx' must end in .json or .csv",
        ),
        Mistake(
            "A backtest of a folder that was not loaded",
            "backtest --data d --universe SIM --start 2019-03-01 --end 2019-12-27 --out new",
            "d as it is now has not been loaded into this graph; run: samgraph load d",
            {"d/products.csv": "product_id,name,parent_id\nE,Energy,\n"},
        ),
        Mistake(
            "Pairs tested on a folder without bars",
            "pairs --as-of 2019-06-28 --data d",
            "d has no table bars; statistics on a spread need daily prices",
            {"d/products.csv": "product_id,name,parent_id\nE,Energy,\n"},
        ),
        Mistake(
            "A run in a folder of other files",
            BACKTEST,
            "new holds files that do not belong to a run; choose an empty or new folder for --out",
            {"new/thesis.txt": "mine"},
        ),
        usage(
            "A run in a file",
            BACKTEST,
            "Invalid value for '--out': Directory 'new' is a file.",
            files={"new": "mine"},
        ),
        Mistake(
            "A run in a folder that cannot be written",
            f"backtest --data data {SPAN} --out /proc/new",
            "/proc/new/manifest.json cannot be written: No such file or directory; free the disk or choose another folder",
        ),
        Mistake(
            "A run begun with other settings",
            f"backtest --data data {SPAN} --out run",
            "run was begun with another setting seeds (1, not 2); choose another --out, or delete that run",
        ),
        Mistake(
            "A manifest that is broken",
            BACKTEST,
            "new/manifest.json cannot be read as a run's manifest (…); choose another --out",
            {"new/manifest.json": "{"},
        ),
        Mistake(
            "The report of a run that is not there",
            "report nowhere",
            "nowhere is not a finished run: summary.json is missing; name the folder that samgraph backtest --out wrote",
        ),
        Mistake(
            "The report of a run that is half done",
            "report new",
            "new is not a finished run: summary.json is missing; run samgraph backtest --config new/config.toml --out "
            "new again to continue it",
            {"new/manifest.json": "{}"},
        ),
        Mistake(
            "An export of a run that is half done",
            "export new out --to qlib",
            "new is not a finished run: summary.json is missing; run samgraph backtest --config new/config.toml --out "
            "new again to continue it",
            {"new/manifest.json": "{}"},
        ),
        usage(
            "An export into a file",
            "export run out --to qlib",
            "Invalid value for 'FOLDER': Directory 'out' is a file.",
            files={"out": "mine"},
        ),
        Mistake(
            "An explanation of a run that is not there",
            "explain nowhere --company SIM0001 --date 2019-11-29",
            "nowhere is not a finished run: summary.json is missing; name the folder that samgraph backtest --out wrote",
        ),
        Mistake(
            "A snapshot into a folder that cannot be written",
            "snapshot --as-of 2019-06-28 -o /proc/new/s.csv",
            "/proc/new/s.csv cannot be written: No such file or directory; free the disk or choose another folder",
        ),
        Mistake(
            "A simulated economy in a folder of other files",
            "simulate d --seed 1",
            "The folder …/d is not empty and not an earlier economy (it holds 'thesis.txt'); give another folder, or empty this one first.",
            {"d/thesis.txt": "mine"},
        ),
        Mistake(
            "A simulated economy of too few companies",
            "simulate d --seed 1 --companies 3",
            "--companies is 3; give a whole number from 20 to 20000.",
        ),
        Mistake(
            "A simulated economy in a file",
            "simulate d --seed 1",
            "…/d is a file; give a folder that does not exist yet, or an empty one.",
            {"d": "mine"},
        ),
        Mistake(
            "Market caps of a folder without bars",
            "basket Mining --as-of 2019-06-28 --market-cap d",
            "table bars is missing from d (found products); add bars.parquet, bars.csv or a bars/ folder of Parquet parts",
            {"d/products.csv": "product_id,name,parent_id\nE,Energy,\n"},
        ),
        usage(
            "Market caps of a folder that is not there",
            "basket Mining --as-of 2019-06-28 --market-cap nowhere",
            "Invalid value for '--market-cap': Directory 'nowhere' does not exist.",
        ),
        Mistake(
            "The ledger of trials in a folder",
            "trials",
            "the ledger of trials d cannot be read (Is a directory); name another file in SAMGRAPH_TRIALS",
            {"d": None},
            {"SAMGRAPH_TRIALS": "d"},
        ),
    ),
    "Holdings": (
        Mistake(
            "A file that is not there",
            "risk h.csv --as-of 2019-06-28",
            "h.csv cannot be read (No such file or directory); name a CSV file with company_id and weight",
        ),
        risk(
            "Other columns",
            "ticker,shares\nSIM0001,5\n",
            "h.csv has the columns ticker, shares; give company_id and weight (or value), separated by commas.",
        ),
        risk(
            "Semicolons",
            "company_id;weight\nSIM0001;0.5\n",
            "h.csv has the columns company_id;weight; give company_id and weight (or value), separated by commas.",
        ),
        risk("A company twice", HOLDINGS + "SIM0001,0.1\n", "h.csv names company SIM0001 twice; add up."),
        risk(
            "No number",
            HOLDINGS + "SIM0004,lots\n",
            "h.csv has 'lots' as weight of company SIM0004; write a number such as 0.05, or take the row out.",
        ),
        risk(
            "A gap",
            HOLDINGS + "SIM0004,\n",
            "h.csv has nothing as weight of company SIM0004; write a number such as 0.05, or take the row out.",
        ),
        risk(
            "A row without its company",
            HOLDINGS + ",0.1\n",
            "h.csv has no company_id in row 3; add it, or take the row out.",
        ),
        risk(
            "Weights of nothing",
            "company_id,weight\nSIM0001,0\n",
            "h.csv holds nothing; give at least one company with a weight that is not 0.",
        ),
        risk(
            "No rows",
            "company_id,weight\n",
            "h.csv holds nothing; give at least one company with a weight that is not 0.",
        ),
        risk(
            "An empty file",
            "",
            "h.csv has the columns none; give company_id and weight (or value), separated by commas.",
        ),
        risk(
            "A spreadsheet's own file",
            b"PK\x03\x04\x14\x00\xff\xfe",
            "h.csv is not UTF-8 text; save it as UTF-8",
        ),
        risk(
            "A comma within a number",
            "company_id,weight\nSIM0001,1,500\nSIM0003,2,500\n",
            "h.csv, row 1 has 3 cells under 2 columns ('SIM0001,1,500'; 2 such rows): cells would land in wrong columns; put a cell that holds a comma in quotation marks, or correct the row",
        ),
        risk(
            "A percent sign",
            "company_id,weight\nSIM0001,50%\nSIM0003,50%\n",
            "h.csv has '50%' as weight of company SIM0001; write a number such as 0.05, or take the row out.",
        ),
    ),
    "Vendors' tables": (
        Mistake(
            "A folder that is not there",
            "import tushare nowhere out",
            "nowhere is not a folder; name the folder that holds the source's tables",
        ),
        Mistake(
            "A folder without the vendor's tables",
            "import tushare d out",
            "d holds no fina_mainbz (looked for fina_mainbz.csv, .csv.gz, .json, .json.gz, .parquet or a folder of that name); add it",
            {"d/readme.txt": "x"},
        ),
        Mistake(
            "A qlib folder that is none",
            "import qlib d out",
            "d/calendars/day.txt cannot be read (No such file or directory); name a Qlib folder with calendars, instruments and features",
            {"d/readme.txt": "x"},
        ),
        Mistake(
            "An output folder of other files",
            "import segments s.csv out --reporting-lag 90",
            "the folder …/out is not empty and no earlier output of 'import segments' (it holds 'thesis.txt'); give another folder, or empty this one first",
            {"s.csv": SEGMENTS, "out/thesis.txt": "mine"},
        ),
        Mistake(
            "A table without its columns",
            "import segments s.csv out --reporting-lag 90",
            "s.csv has no column for the company (found a, b); name it with --company",
            {"s.csv": "a,b\n1,2\n"},
        ),
        Mistake(
            "Nobody says when reports came out",
            "import segments s.csv out",
            "s.csv has no column that says when a report came out; name it with --announced, or assume a number of days after the period's end with --reporting-lag",
            {"s.csv": SEGMENTS},
        ),
        usage(
            "A snapshot without its day",
            "import chainkg d out",
            "Missing option '--valid-from'.",
            files={"d/product.csv": "x\n"},
        ),
        usage(
            "A day that is none",
            "import chainkg d out --valid-from 2021-13-01",
            "Invalid value for '--valid-from': '2021-13-01' is not a day; write it as 2021-11-01",
            files={"d/product.csv": "x\n"},
        ),
        usage(
            "A pair without =",
            "import tushare d out --universe CSI300",
            "Invalid value for '--universe': 'CSI300' is not of the form LEFT=RIGHT",
            files={"d": None},
        ),
        usage(
            "Questions without a period",
            "import akshare d out --fetch --code 600519",
            "--fetch needs --start and --end",
            files={"d": None},
        ),
        Mistake(
            "Questions without a token",
            "import tushare d out --fetch --start 2020-01-01 --end 2020-12-31",
            "no token: put the one of your Tushare account into the environment variable TUSHARE_TOKEN",
            {"d": None},
            {"TUSHARE_TOKEN": ""},
        ),
        Mistake(
            "A segments file that is not there",
            "import segments s.csv out",
            "s.csv is not a file; name CSV, JSON-lines or Parquet files of revenue by segment",
        ),
    ),
    "The server": (
        Mistake(
            "Nobody listens there",
            "snapshot --as-of 2019-06-28",
            "Neo4j at bolt://127.0.0.1:9 (database neo4j) does not answer: nobody listens at 127.0.0.1:9; see whether it runs (`samgraph neo4j status`) and whether SAMGRAPH_NEO4J_URI is right.",
            environment={"SAMGRAPH_NEO4J_URI": "bolt://127.0.0.1:9"},
        ),
        Mistake(
            "A wrong password",
            "snapshot --as-of 2019-06-28",
            "Neo4j at bolt://127.0.0.1:… (database neo4j) refused the user or the password: check SAMGRAPH_NEO4J_USER and SAMGRAPH_NEO4J_PASSWORD.",
            environment={"SAMGRAPH_NEO4J_PASSWORD": "guess"},
        ),
        Mistake(
            "No password",
            "snapshot --as-of 2019-06-28",
            "The password for bolt://127.0.0.1:… is missing: set SAMGRAPH_NEO4J_PASSWORD.",
            environment={"SAMGRAPH_NEO4J_PASSWORD": ""},
        ),
        Mistake(
            "A password and no address",
            "snapshot --as-of 2019-06-28",
            "Neo4j's database and password and user is set without an address: set SAMGRAPH_NEO4J_URI too (such as bolt://127.0.0.1:7687), or none of them to use the local server.",
            environment={"SAMGRAPH_NEO4J_URI": ""},
        ),
        Mistake(
            "The address of Neo4j Browser",
            "snapshot --as-of 2019-06-28",
            "The Neo4j address 'http://localhost:7474' is not understood: write bolt://HOST:PORT, or neo4j://HOST:PORT for a cluster.",
            environment={"SAMGRAPH_NEO4J_URI": "http://localhost:7474"},
        ),
        Mistake(
            "No scheme",
            "snapshot --as-of 2019-06-28",
            "The Neo4j address 'localhost:7687' is not understood: write bolt://HOST:PORT, or neo4j://HOST:PORT for a cluster.",
            environment={"SAMGRAPH_NEO4J_URI": "localhost:7687"},
        ),
        Mistake(
            "A password in the address",
            "snapshot --as-of 2019-06-28",
            "SAMGRAPH_NEO4J_URI holds a user or a password: give them as SAMGRAPH_NEO4J_USER and _PASSWORD, so that they show in no message.",
            environment={"SAMGRAPH_NEO4J_URI": "bolt://neo4j:secret@localhost:7687"},
        ),
        Mistake(
            "A database that there is not",
            "snapshot --as-of 2019-06-28",
            "Neo4j at bolt://127.0.0.1:… (database stocks) has no such database: set SAMGRAPH_NEO4J_DATABASE to one that exists (Graph not found: stocks).",
            environment={"SAMGRAPH_NEO4J_DATABASE": "stocks"},
        ),
        Mistake(
            "A home that is a file",
            "neo4j start",
            "The local Neo4j server's folder …/home cannot be written (File exists): make it writable, or set SAMGRAPH_HOME to another one.",
            {"home": "x"},
            {"SAMGRAPH_HOME": "home"},
        ),
        Mistake(
            "A home that cannot be written",
            "neo4j start",
            "The local Neo4j server's folder /proc/new cannot be written (No such file or directory): make it writable, or set SAMGRAPH_HOME to another one.",
            environment={"SAMGRAPH_HOME": "/proc/new"},
        ),
        Mistake(
            "A release that is not known",
            "neo4j start",
            "Neo4j 4.4 (SAMGRAPH_NEO4J_VERSION) is not one of the pinned releases: choose ….",
            environment={"SAMGRAPH_NEO4J_VERSION": "4.4"},
        ),
        Mistake(
            "Memory in words",
            "neo4j start",
            "SAMGRAPH_NEO4J_HEAP is 'plenty': write a size such as 512m or 4g.",
            environment={"SAMGRAPH_NEO4J_HEAP": "plenty"},
        ),
        Mistake(
            "A fast first load into somebody's server",
            "load data --offline",
            "An offline build needs the local server, and SAMGRAPH_NEO4J_URI names another one: load without --offline, or unset it.",
        ),
    ),
}


def document() -> str:
    """docs/mistakes.md."""
    from oracles.broken import BROKEN
    from oracles.reports import REPORTS

    lines = [
        "# Mistakes",
        "",
        f"What goes wrong most often, what samgraph says to it, and so what to do: {sum(map(len, TABLE.values()))} mistakes "
        f"at the command line and {len(BROKEN)} in tables. Every one is tried by the tests. Each is answered by one sentence; "
        "the exit status is 1 for an input or environment error and 2 for wrong usage; nothing is "
        "written. `…` stands for what differs from case to case. `data` is a loaded dataset, `run` a finished backtest.",
    ]
    for title, mistakes in TABLE.items():
        lines += [
            "",
            f"## {title}",
            "",
            "| What went wrong | Tried as | What samgraph says, and what to do |",
            "|---|---|---|",
        ]
        for mistake in mistakes:
            shown = [f"{name}={value}" for name, value in mistake.environment.items()]
            tried = " ".join([*shown, "samgraph", mistake.command])
            lines.append(f"| {mistake.what} | {_code(tried)} | {_plain(mistake.says)} |")
    lines += [
        "",
        "## Rows of tables",
        "",
        "A dataset with one of these is refused as a whole, and every such row is listed with its table, number, values and "
        "reason: correct the rows (`samgraph load DIR --dry-run --report FILE.csv` lists all) and load again.",
        "",
        "| What went wrong | Table | Words of the reason |",
        "|---|---|---|",
    ]
    lines += [f"| {name} | `{table}` | {_plain(reason)} |" for name, (_, table, _, reason) in BROKEN.items()]
    lines += [
        "",
        "## What others report",
        "",
        "Public reports of wrong numbers in tools of this field, each tried here.",
        "",
        "| Report | What it tells of | Here | Held by (in `tests/`) |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {_plain(report)} | {_plain(told)} | {_plain(here)} | `{held.split('::')[0]}` |"
        for report, told, here, held in REPORTS
    ]
    return "\n".join(lines) + "\n"


def _code(text: str) -> str:
    return "`" + text.replace("|", "\\|") + "`"


def _plain(text: str) -> str:
    """Text as Markdown shows it, within a cell of a table."""
    for mark in "\\`*_|<>[]":
        text = (
            text.replace(mark, "\\" + mark)
            if mark not in "<>"
            else text.replace(mark, {"<": "&lt;", ">": "&gt;"}[mark])
        )
    return text
