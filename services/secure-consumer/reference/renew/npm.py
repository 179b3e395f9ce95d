"""Packages of the npm registry."""

import json
import subprocess
import sys
import tarfile
import tempfile
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def package(name):
    """Downloads a package, says its version and gives the directory that it is unpacked in for a while."""
    with tempfile.TemporaryDirectory() as directory:
        command = ["npm", "pack", "--silent", name]
        packed = subprocess.run(command, cwd=directory, check=True, capture_output=True, text=True)
        with tarfile.open(Path(directory, packed.stdout.split()[-1])) as archive:
            archive.extractall(directory, filter="data")
        root = Path(directory, "package")
        print(name, json.loads((root / "package.json").read_text())["version"])
        yield root
