#!/bin/sh
# Makes the reference data again from the registries' packages and says what changed. Needs Python 3.11.4 or newer
# with venv, and npm. Afterwards: run the tests, and bring SOURCES.md up to date.
set -eu
cd "$(dirname "$0")"
export PYTHONDONTWRITEBYTECODE=1
venv=$(mktemp -d)
trap 'rm -rf "$venv"' EXIT
python3 -m venv "$venv"
for part in banks geo mail; do
    "$venv/bin/python" "renew/$part.py"
done
git diff --stat -- .
