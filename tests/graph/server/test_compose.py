"""docker-compose.yml: read by compose itself, it wants a password and listens on the loopback address alone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from samgraph.graph.server import jars

ROOT = Path(__file__).resolve().parent.parent.parent.parent
SECRET = "correcthorse"


def compose(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run compose's `config` on a copy of the file in a folder of its own."""
    for program in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(program[0]) is None:
            continue
        if (
            subprocess.run([*program, "version"], capture_output=True, check=False, timeout=60).returncode
            != 0
        ):
            continue
        shutil.copy(ROOT / "docker-compose.yml", folder)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SAMGRAPH_")}
        return subprocess.run(
            [*program, "config", *words],
            cwd=folder,
            env=clean,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    pytest.skip("neither `docker compose` nor `docker-compose` is installed")


def test_without_a_password_it_does_not_start(tmp_path: Path) -> None:
    done = compose(tmp_path)
    assert done.returncode != 0 and "SAMGRAPH_NEO4J_PASSWORD" in done.stderr
    shutil.copy(ROOT / ".env.example", tmp_path / ".env")
    assert compose(tmp_path).returncode != 0, "the example's empty one does not count"


def test_with_the_example_settings_it_serves_the_loopback_address_alone(tmp_path: Path) -> None:
    example = (ROOT / ".env.example").read_text()
    (tmp_path / ".env").write_text(re.sub(r"(?m)^(SAMGRAPH_NEO4J_PASSWORD=)$", rf"\g<1>{SECRET}", example))
    done = compose(tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"image: neo4j:{jars.DEFAULT_VERSION}\n" in done.stdout
    assert f"neo4j/{SECRET}" in done.stdout
    published = re.findall(r"127\.0\.0\.1:(\d+):\d+", done.stdout) or re.findall(
        r'published: "?(\d+)', done.stdout
    )
    assert sorted(published) == ["7474", "7687"]
    assert done.stdout.count("127.0.0.1:7") + done.stdout.count("host_ip: 127.0.0.1") >= 2
    assert "0.0.0.0" not in done.stdout


def test_it_has_a_health_check_volumes_and_memory_and_no_plugins(tmp_path: Path) -> None:
    example = (ROOT / ".env.example").read_text()
    settings = re.sub(r"(?m)^(SAMGRAPH_NEO4J_PASSWORD=)$", rf"\g<1>{SECRET}", example)
    (tmp_path / ".env").write_text(settings + "SAMGRAPH_NEO4J_HEAP=3g\nSAMGRAPH_NEO4J_BOLT_PORT=17687\n")
    done = compose(tmp_path)
    assert done.returncode == 0, done.stderr
    read = yaml.safe_load(done.stdout)
    (service,) = read["services"].values()
    health = service["healthcheck"]
    probe = " ".join(health["test"])
    assert "cypher-shell" in probe and "RETURN 1" in probe
    assert SECRET not in probe and "-p " not in probe, "no password is an argument of a process"
    assert health["retries"] >= 3 and health["interval"] and health["timeout"]
    kept = {
        entry if isinstance(entry, str) else f"{entry['source']}:{entry['target']}"
        for entry in service["volumes"]
    }
    assert {one.split(":")[1] for one in kept} == {"/data", "/logs"}
    assert {one.split(":")[0] for one in kept} <= set(read["volumes"]), "named volumes outlive the container"
    settings = service["environment"]
    assert settings["NEO4J_server_memory_heap_max__size"] == "3g"
    assert settings["NEO4J_server_memory_heap_initial__size"] == "3g"
    assert settings["NEO4J_server_memory_pagecache_size"]
    assert settings["NEO4J_server_bolt_advertised__address"] == "127.0.0.1:17687"
    assert not [name for name in settings if "PLUGINS" in name or "apoc" in name.lower()]
    assert settings["NEO4J_db_logs_query_enabled"] == "OFF", "a query's parameters are in no log"
    assert "privileged" not in service and "network_mode" not in service
