"""Make (again) a lock of the Neo4j server's jars: `python tools/lock_neo4j.py 2026.09.0 [5.26.30 …]`.

Maven resolves the coordinates once, here, on a maintainer's machine; users need no Maven. The lock names
every jar with its SHA-256 and size, and `samgraph.graph.server.jars` accepts nothing else. Maven itself checks what
it downloads against the sums that the repository publishes.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

BROWSER = "5.24.0"
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:list"
LOCKS = Path(__file__).parent.parent / "graph" / "server"

POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>lock</groupId><artifactId>lock</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.neo4j</groupId><artifactId>neo4j</artifactId><version>{neo4j}</version></dependency>
    <dependency>
      <groupId>org.neo4j.app</groupId><artifactId>neo4j-server</artifactId><version>{neo4j}</version>
    </dependency>
    <dependency>
      <groupId>org.neo4j.client</groupId><artifactId>neo4j-browser</artifactId><version>{browser}</version>
    </dependency>
  </dependencies>
</project>
"""


def resolve(version: str) -> list[tuple[str, Path]]:
    """(coordinate, downloaded jar) of everything that the server of this version runs with."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pom.xml").write_text(POM.format(neo4j=version, browser=BROWSER))
        listing = folder / "list.txt"
        subprocess.run(
            [
                *("mvn", "-q", "-B", PLUGIN, "-DincludeScope=runtime"),
                *("-DoutputAbsoluteArtifactFilename=true", f"-DoutputFile={listing}"),
            ],
            cwd=folder,
            check=True,
            timeout=900,
        )
        found = []
        for line in listing.read_text().splitlines():
            entry = line.strip().split(" -- module")[0]
            if ":jar:" not in entry:
                continue
            # group:artifact:jar[:classifier]:version:scope:/path/of.jar
            *parts, path = entry.split(":")
            group, artifact, _, *rest = parts
            classifier, number = (rest[0], rest[1]) if len(rest) == 3 else ("", rest[0])
            coordinate = f"{group}:{artifact}:{number}" + (f":{classifier}" if classifier else "")
            found.append((coordinate, Path(path)))
        return sorted(found)


def main(versions: list[str]) -> None:
    for version in versions:
        lines = [f"# Neo4j {version} community server and Browser {BROWSER}: coordinate, SHA-256, bytes."]
        for coordinate, path in resolve(version):
            content = path.read_bytes()
            lines.append(f"{coordinate}  {hashlib.sha256(content).hexdigest()}  {len(content)}")
        target = LOCKS / f"neo4j-{version}.lock"
        target.write_text("\n".join(lines) + "\n")
        print(f"{target}: {len(lines) - 1} jars")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1:])
