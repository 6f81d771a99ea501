"""What a local server is configured with: neo4j.conf and the arguments of Java, for both release lines.

Settings: SAMGRAPH_NEO4J_HEAP (Java's memory, 1g by default) and SAMGRAPH_NEO4J_PAGECACHE (512m).
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from samgraph.errors import GraphError
from samgraph.graph.server.home import Home, Ports
from samgraph.graph.server.jars import Release
from samgraph.graph.server.java import Java

OPENED = ("java.nio", "java.io", "sun.nio.ch", "java.util.concurrent")


def write_configuration(home: Home, release: Release, jars: Sequence[Path], java: Java, ports: Ports) -> None:
    """Write neo4j.conf and Java's argument file (a command line of 30 kB, kept out of the process list)."""
    settings = _settings(release, ports)
    text = "".join(f"{key}={value}\n" for key, value in settings.items())
    home.write(home.neo4j / "conf" / "neo4j.conf", text)
    quoted = (
        '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"\n'
        for word in _java(home, release, jars, java)
    )
    home.write(home.arguments, "".join(quoted))


def _settings(release: Release, ports: Ports) -> dict[str, str]:
    settings = {
        "server.default_listen_address": "127.0.0.1",
        "server.bolt.listen_address": f"127.0.0.1:{ports.bolt}",
        "server.bolt.advertised_address": f"127.0.0.1:{ports.bolt}",
        "server.http.listen_address": f"127.0.0.1:{ports.http}",
        "server.http.advertised_address": f"127.0.0.1:{ports.http}",
        "server.https.enabled": "false",
        "server.directories.import": "import",
        "server.directories.plugins": "plugins",
        "server.config.strict_validation.enabled": "true",
        "server.memory.pagecache.size": _memory("SAMGRAPH_NEO4J_PAGECACHE", "512m", least=16),
        # Nothing is sent to anyone.
        "dbms.usage_report.enabled": "false",
        "client.allow_telemetry": "false",
        "browser.remote_content_hostname_whitelist": "localhost",
        # The query log would keep every parameter of every query.
        "db.logs.query.enabled": "OFF",
        "dbms.security.allow_csv_import_from_file_urls": "false",
        # Small transaction logs: one writer, and a load that is lost is done again.
        "db.tx_log.preallocate": "false",
        "db.tx_log.rotation.size": "64m",
        "db.tx_log.rotation.retention_policy": "1 files",
        # The databases are closed by then: with the defaults, stopping idles for ten seconds more.
        "internal.dbms.bolt.netty_server_shutdown_quiet_period": "0",
        "internal.server.bolt.thread_pool_shutdown_wait_time": "1s",
    }
    if release.line == "calendar":
        settings["dbms.fleet_manager.enabled"] = "false"
        settings["server.fleet_discovery.enabled"] = "false"
        settings["server.http.x_forward.enabled"] = "false"
    return settings


def _java(home: Home, release: Release, jars: Sequence[Path], java: Java) -> list[str]:
    return [
        *_options(java),
        "-cp",
        os.pathsep.join(map(str, jars)),
        release.main_class,
        f"--home-dir={home.neo4j}",
        f"--config-dir={home.neo4j / 'conf'}",
    ]


def _options(java: Java) -> list[str]:
    return [
        *(f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in OPENED),
        "--enable-native-access=ALL-UNNAMED",
        *(["--sun-misc-unsafe-memory-access=allow"] if java.version >= 24 else []),
        "-Xms256m",
        f"-Xmx{_memory('SAMGRAPH_NEO4J_HEAP', '1g', least=256)}",
        "-XX:+ExitOnOutOfMemoryError",
        "-Dfile.encoding=UTF-8",
        "-Djava.awt.headless=true",
    ]


def java_command(release: Release, jars: Sequence[Path], java: Java) -> tuple[str, ...]:
    """Java with the server's classes and memory, for a program of the same release: its main class comes next."""
    return (str(java.launcher), *_options(java), "-cp", os.pathsep.join(map(str, jars)))


def _memory(name: str, default: str, *, least: int) -> str:
    """A size from the environment, at least so many megabytes."""
    value = (os.environ.get(name) or default).lower()
    found = re.fullmatch(r"([1-9]\d*)([mg])", value)
    if found is None:
        raise GraphError(f"{name} is {value!r}: write a size such as 512m or 4g.")
    if int(found.group(1)) * (1024 if found.group(2) == "g" else 1) < least:
        raise GraphError(f"{name} is {value!r}, less than the {least}m that Neo4j needs.")
    return value
