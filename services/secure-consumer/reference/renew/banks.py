#!/usr/bin/env python3
"""Renews iban_structures.tsv, banks.tsv and sepa_countries.tsv from the PyPI package schwifty.

Needs Python 3.11 and pip. Usage: banks.py [version]; without a version the one below.
The package's JSON files are read; none of its code runs.
"""

import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections import defaultdict
from pathlib import Path

VERSION = "2026.10.1"
HERE = Path(__file__).resolve().parent.parent

# Countries whose list schwifty takes whole from the authority that assigns the codes, so that a code it lacks
# is strong evidence. Generated lists of other origin count as curated: ES is scraped from a private site that
# lacked N26, bunq, Revolut and Trade Republic; GB is GLEIF's BIC-to-LEI mapping; RO is a private site; IT is
# mixed with entries made by hand; LV is a copy of January 2020; the generators of BA, EE, GE, KZ, MD and RS
# are gone.
OFFICIAL = {
    "AT": "Oesterreichische Nationalbank",
    "BE": "National Bank of Belgium",
    "CH": "SIX Interbank Clearing",
    "CZ": "Czech National Bank",
    "DE": "Deutsche Bundesbank",
    "FI": "Finance Finland",
    "HR": "Croatian National Bank",
    "HU": "Magyar Nemzeti Bank",
    "LI": "SIX Interbank Clearing",
    "LT": "Lietuvos bankas",
    "NL": "Betaalvereniging Nederland",
    "NO": "Bits",
    "PL": "Narodowy Bank Polski",
    "SE": "Bankinfrastruktur",
    "SI": "Banka Slovenije",
    "SK": "Narodna banka Slovenska",
    "UA": "National Bank of Ukraine",
}

# Countries in the SEPA schemes' scope that the registry does not yet mark. Operational readiness dates of the
# European Payments Council, as reported by europeanwesternbalkans.com on 2025-05-23 and 2025-10-08.
SEPA_ADDED = {"AL": "2025-10-07", "MD": "2025-10-06", "ME": "2025-10-06", "MK": "2025-10-07"}
# Serbia joined with credit transfers only (5 May 2026; National Bank of Serbia, SEPA questions and answers of
# 2026-05-19): a direct debit cannot reach it.
NO_DIRECT_DEBIT = {"RS"}


def main():
    version = sys.argv[1] if len(sys.argv) > 1 else VERSION
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        subprocess.run([*command, "--dest", folder, f"schwifty=={version}"], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as package:
            files = {
                name: json.loads(package.read(name))
                for name in sorted(package.namelist())
                if re.fullmatch(r"schwifty/(iban|bank)_registry/.*\.json", name)
            }
    source = f"# From PyPI schwifty {version} (MIT, Copyright Martin Domke)"
    countries = merged(files["schwifty/iban_registry/generated.json"], files["schwifty/iban_registry/overwrite.json"])
    # Territories whose accounts bear another country's prefix (GF, RE … are FR) have no structure of their own.
    countries = {code: spec for code, spec in sorted(countries.items()) if spec["iban_spec"].startswith(code)}
    # The registry has bank and branch of a Slovenian account as one identifier of five digits.
    countries["SI"]["positions"] |= {"bank_code": [0, 5], "branch_code": [0, 0]}
    write_structures(source, countries)
    write_banks(source, files)
    write_sepa(source, countries)


def merged(left, right):
    out = dict(left)
    for key, value in right.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = merged(out[key], value) if both else value
    return out


def write_structures(source, countries):
    lines = [
        f"{source}, after the SWIFT IBAN registry",
        "# country, BBAN structure, bank code, branch code, account number",
    ]
    for code, spec in countries.items():
        if not re.fullmatch(r"(\d+![nac])+", spec["bban_spec"]):
            sys.exit(f"{code}: structure {spec['bban_spec']} is not of fixed length")
        ranges = [spec.get("positions", {}).get(part, [0, 0]) for part in ("bank_code", "branch_code", "account_code")]
        lines.append("\t".join([code, spec["bban_spec"], *("%d-%d" % tuple(r) if r[0] < r[1] else "" for r in ranges)]))
    write("iban_structures.tsv", lines, len(countries), "countries")


def write_banks(source, files):
    rows = defaultdict(lambda: defaultdict(list))
    total = 0
    for name, content in files.items():
        if "bank_registry" not in name:
            continue
        if name.endswith(".v2.json"):
            key = content["expand_from"]
            content = [entry | {content["expand_into"]: code} for entry in content["entries"] for code in entry[key]]
        for entry in content:
            total += 1
            if entry["bank_code"]:
                rows[entry["country_code"]][entry["bank_code"]].append(entry)
    lines = [
        f"{source}, after national lists",
        "# country, official or curated; then its banks: BIC (without XXX), name, bank codes, German check method",
    ]
    for country, codes in sorted(rows.items()):
        lines.append(f"@{country}\t{'official' if country in OFFICIAL else 'curated'}")
        banks = defaultdict(list)
        for code, entries in codes.items():
            # An institution's own record stands before those of its branches, its head office's BIC before others.
            entry = max(entries, key=lambda entry: (entry.get("primary", False), len(head_office(entry)) == 8))
            bic = head_office(entry)
            banks[bic, " ".join(entry["name"].split()), entry.get("checksum_algo", "")].append(code)
        for (bic, name, method), own in sorted(banks.items()):
            lines.append("\t".join([bic, name, " ".join(spans(sorted(own))), method]).rstrip("\t"))
    write("banks.tsv", lines, sum(map(len, rows.values())), f"bank codes of {total} rows in {len(rows)} countries")


def head_office(entry):
    return (entry["bic"] or "").removesuffix("XXX")


def spans(codes):
    """Runs of consecutive numbers of one length as first-last."""
    runs = []
    for code in codes:
        last = runs[-1][1] if runs else ""
        if code.isdigit() and last.isdigit() and len(code) == len(last) and int(code) == int(last) + 1:
            runs[-1][1] = code
        else:
            runs.append([code, code])
    return [first if first == last else f"{first}-{last}" for first, last in runs]


def write_sepa(source, countries):
    reached = {code for code, spec in countries.items() if spec.get("in_sepa_zone")} | SEPA_ADDED.keys()
    dates = ", ".join(f"{code} {date}" for code, date in sorted(SEPA_ADDED.items()))
    lines = [
        f"{source}; added from the European Payments Council's dates: {dates}",
        "# RS is left out: credit transfers only (National Bank of Serbia, 2026-05-19)",
        *sorted(reached - NO_DIRECT_DEBIT),
    ]
    write("sepa_countries.tsv", lines, len(reached - NO_DIRECT_DEBIT), "IBAN prefixes")


def write(name, lines, count, what):
    (HERE / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{name}: {count} {what}, {(HERE / name).stat().st_size} bytes")


if __name__ == "__main__":
    main()
