"""Build the graph of an empty local server with the server's own import, several times as fast as over Bolt.

The checks, the plan and the ledger are those of `samgraph.graph.load.load`, and so are all answers afterwards. The
database is built in a folder of its own while the server is stopped, ledger included, and takes its place in one step
(`samgraph.graph.server.built`): killed at any moment, there is the empty graph of before or the whole new one.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from samgraph.errors import GraphError
from samgraph.graph.check.dataset import CheckReport, check
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.driver import Graph
from samgraph.graph.db.ledger import writing
from samgraph.graph.db.migrations import VERSION
from samgraph.graph.load.import_files import ImportFiles
from samgraph.graph.load.load import (
    LoadClock,
    account,
    longest_sells_days,
    planned,
    record,
    refusal,
    rules_of,
)
from samgraph.graph.load.report import LoadReport
from samgraph.graph.server import built
from samgraph.graph.server.local import LocalServer, Workshop

IMPORT_SECONDS = 6 * 3600.0
_STAGE = "build-"


def load_offline(
    dataset: Dataset,
    *,
    stale_after_months: int = 18,
    lag: int | None = None,
    checked: CheckReport | None = None,
    server: LocalServer | None = None,
) -> LoadReport:
    """Check a dataset and build the graph of the local server from it; options as for `samgraph.graph.load.load.load`.

    The server is stopped meanwhile and runs again afterwards: until it is stopped if that was so, or else until this
    process ends.

    Raises RefusedDataset, with the report of every unusable row; GraphError where a server is named by its address,
    where the graph holds something already, where another program uses the server, or the import fails.
    """
    if os.environ.get("SAMGRAPH_NEO4J_URI"):
        raise GraphError(
            "An offline build needs the local server, and SAMGRAPH_NEO4J_URI names another one: load without "
            "--offline, or unset it."
        )
    local = server or LocalServer()
    rules = rules_of(dataset, stale_after_months, lag)
    clock = LoadClock()
    checked = check(dataset) if checked is None else checked
    clock.stage("check")
    if not checked.ok:
        raise refusal(dataset, checked)
    stays = _stays(local)
    if local.has_database():
        _must_be_empty(local)
        clock.stage("look")
    plan = planned(None, dataset, checked, rules, None, clock, dry_run=False)
    with local.offline() as workshop:
        moment = dt.datetime.now(dt.UTC)
        stage = _empty_stage(workshop)
        try:
            files = ImportFiles.into(stage)
            for nodes in plan.nodes:
                files.add_nodes(nodes, moment)
            for changes in plan.edges:
                files.add_edges(changes, moment)
            ledger = {"name": "samgraph", "committed": moment, "lock": 0, "schema": VERSION}
            files.add_record("Ledger", ledger | {"longest_sells_days": longest_sells_days(plan)})
            files.add_record("Load", {"moment": moment} | record(plan, dataset, rules))
            clock.stage("files")
            _import(workshop, files)
            clock.stage("import")
            built.hand_over(stage / "data", workshop.home.neo4j)
        finally:
            shutil.rmtree(stage, ignore_errors=True)
    address = local.start() if stays else local.start_for_this_process()
    clock.stage("start")
    with Graph.open(address) as graph:
        for number in range(1, VERSION + 1):
            graph.run_script(f"schema/{number}")
        graph.run_batches("load/replan")
    clock.stage("index")
    return account(dataset, checked, plan, False, moment, clock)


def _stays(local: LocalServer) -> bool:
    """Whether the server runs until it is stopped."""
    status = local.status()
    return status.running and not status.ends_with_its_clients


def _must_be_empty(local: LocalServer) -> None:
    with Graph.open(local.start_for_this_process()) as graph:
        if not graph.read("ledger/empty")[0]["empty"]:
            with writing(graph):  # clears what a killed load left, where that is all there is
                empty = graph.read("ledger/empty")[0]["empty"]
            if not empty:
                raise GraphError(
                    f"The graph of {local.home} is not empty, and an offline build makes a new one: load without "
                    "--offline, or empty it with `samgraph neo4j reset --yes`."
                )


def _empty_stage(workshop: Workshop) -> Path:
    """A folder to build in, on the disk of the data; what killed builds left is removed."""
    root = workshop.home.root
    for left in root.glob(f"{_STAGE}*"):
        shutil.rmtree(left, ignore_errors=True)
    stage = Path(tempfile.mkdtemp(prefix=_STAGE, dir=root))
    (stage / "conf").mkdir()
    (stage / "conf" / "neo4j.conf").write_text("dbms.usage_report.enabled=false\n", encoding="utf-8")
    return stage


def _import(workshop: Workshop, files: ImportFiles) -> None:
    stage = files.folder
    command = [
        *workshop.java,
        *("org.neo4j.cli.AdminTool", "database", "import", "full", "neo4j"),
        *files.arguments,
        f"--multiline-fields={'true' if files.multiline else 'false'}",
        f"--report-file={stage / 'report'}",
    ]
    arguments = stage / "java.args"  # a long command line, kept out of the process list
    quoted = ('"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"\n' for word in command[1:])
    arguments.write_text("".join(quoted), encoding="utf-8")
    try:
        done = subprocess.run(
            [command[0], f"@{arguments}"],
            cwd=stage,
            env=_environment(os.environ) | {"NEO4J_HOME": str(stage), "NEO4J_CONF": str(stage / "conf")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=IMPORT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise GraphError(
            f"The server's import took longer than {IMPORT_SECONDS / 3600:.0f} hours."
        ) from error
    except OSError as error:
        raise GraphError(
            f"The server's import cannot be started ({error.strerror}): see JAVA_HOME."
        ) from error
    if done.returncode:
        raise GraphError(
            f"The server's import failed, and the graph is as it was: {_why(done.stdout + done.stderr)}; load without "
            "--offline, or with more memory (SAMGRAPH_NEO4J_HEAP)."
        )


def _environment(own: Mapping[str, str]) -> dict[str, str]:
    return {
        key: value for key, value in own.items() if not key.startswith(("NEO4J_", "JAVA_TOOL_", "CLASSPATH"))
    }


def _why(said: str) -> str:
    """The first line of the import's words that tells of an error."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    told = [line for line in lines if re.search(r"error|exception|unable|not |fail", line, re.IGNORECASE)]
    return (told or lines or ["it said nothing"])[0][:300]
