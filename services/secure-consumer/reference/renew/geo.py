#!/usr/bin/env python3
"""Renews communes_by_zip.tsv: French postal codes and the names of the communes that each serves.

Sources: npm @etalab/decoupage-administratif (MIT; INSEE, Code officiel géographique, Licence Ouverte 2.0) for the
communes of today, their postal codes and the merged communes inside them; npm codes-postaux (MIT; the same and DGFiP
FIMOCT, until 2023, Licence Ouverte) for the names on envelopes and the codes of merged communes.
Needs Python 3.11.4 or newer and npm.
"""

import collections
import json
import re
import unicodedata
from pathlib import Path

from npm import package

HERE = Path(__file__).resolve().parent.parent


def key(name):
    """What two spellings of one name have in common."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name.lower()) if not unicodedata.combining(c))
    words = re.findall(r"[a-z0-9]+", plain.replace("œ", "oe").replace("æ", "ae"))
    long = {"st": "saint", "ste": "sainte"}
    articles = {"le", "la", "les", "l"}
    return "".join(long.get(word, word) for word in words if word not in articles)


def main():
    with package("@etalab/decoupage-administratif") as root:
        divisions = json.loads((root / "data/communes.json").read_text())
    with package("codes-postaux") as root:
        streets = json.loads((root / "codes-postaux-full.json").read_text())
    names = collections.defaultdict(dict)

    def add(zip_code, name):
        if name and len(zip_code) == 5 and not name.lower().endswith("cedex"):
            names[zip_code].setdefault(key(name), name)

    zips_of_former = collections.defaultdict(set)
    for street in streets:
        if former := street.get("codeAncienneCommune"):
            zips_of_former[former].add(street["codePostal"])
    zips_of = {
        commune["code"]: commune.get("codesPostaux", []) for commune in divisions if "chefLieu" not in commune
    }
    for commune in divisions:
        zips = commune.get("codesPostaux")
        if zips is None:
            zips = zips_of_former.get(commune["code"]) or zips_of.get(commune.get("chefLieu"), [])
        for zip_code in zips:
            add(zip_code, commune["nom"])
    for street in streets:
        add(street["codePostal"], street.get("nomCommune"))
        add(street["codePostal"], (street.get("libelleAcheminement") or "").title())
    rows = ["\t".join([zip_code, *sorted(names[zip_code].values())]) for zip_code in sorted(names)]
    (HERE / "communes_by_zip.tsv").write_text("\n".join(rows) + "\n")
    print(f"communes_by_zip.tsv: {len(rows)} postal codes, {sum(map(len, names.values()))} names")


if __name__ == "__main__":
    main()
