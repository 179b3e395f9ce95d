"""The open tools that `garant-bench` holds the screening against, on one thread.

    screening.py speed ENTITIES DISTINCT REPEATED   a JSON line for each tool
    screening.py scores PAIRS                       a score from LogicV1 for each pair, one a line

ENTITIES: a line {"kind", "names"} for each entity; DISTINCT and REPEATED: a line {"name"} for each query; PAIRS: a
line {"query", "target"} for each pair, each side {"name", "type", "birth_date", "countries", "gender"}.
"""

import heapq
import json
import math
import os
import sys
import time
from collections import Counter, defaultdict
from importlib.metadata import version

from followthemoney import model
from followthemoney.proxy import EntityProxy
from nomenklatura.matching import get_algorithm
from nomenklatura.matching.types import ScoringConfig
from normality import ascii_text
from rapidfuzz import fuzz, process, utils

# Scores from which the tools' own documentation takes two names for one.
FUZZ_CUTOFF = 75
LOGIC_CUTOFF = 0.7
CANDIDATES = 50
SCHEMATA = {
    "NATURAL": "Person",
    "LEGAL": "Organization",
    "VESSEL": "Vessel",
    "PERSON": "Person",
    "ORGANISATION": "Organization",
    "AIRCRAFT": "Vessel",
}


def normalised(name):
    """Words in ASCII and lower case, sorted: token_sort_ratio of two names is ratio of these."""
    return " ".join(sorted(utils.default_process(ascii_text(name) or "").split()))


class FullScan:
    """rapidfuzz: the query against every name."""

    tool = f"rapidfuzz {version('rapidfuzz')}, full scan of all names"

    def __init__(self, entities):
        self.names = [normalised(name) for entity in entities for name in entity["names"]]

    def screen(self, name):
        query = normalised(name)
        found = process.extract(query, self.names, scorer=fuzz.ratio, score_cutoff=FUZZ_CUTOFF, limit=None)
        return len(found)


class LogicV1:
    """nomenklatura's LogicV1 on the best candidates of an index of words and of their beginnings."""

    tool = f"nomenklatura {version('nomenklatura')} LogicV1, the {CANDIDATES} best of an index"

    def __init__(self, entities):
        self.algorithm, self.config = get_algorithm("logic-v1"), ScoringConfig.defaults()
        self.entities, self.places = [], defaultdict(list)
        for number, entity in enumerate(entities):
            schema = SCHEMATA[entity["kind"]]
            self.entities.append(proxy(str(number), schema, {"name": entity["names"]}))
            for key in {key for name in entity["names"] for key in self.keys(name)}:
                self.places[key].append(number)
        self.weights = {key: math.log(len(entities) / len(places)) for key, places in self.places.items()}

    @staticmethod
    def keys(name):
        for word in normalised(name).split():
            yield word
            if len(word) > 4:
                yield word[:4] + "*"

    def screen(self, name):
        weighed = Counter()
        for key in set(self.keys(name)):
            for number in self.places.get(key, ()):
                weighed[number] += self.weights[key]
        query = proxy("query", "Person", {"name": [name]})
        candidates = heapq.nlargest(CANDIDATES, weighed.items(), key=lambda item: item[1])
        scores = (self.algorithm.compare(query, self.entities[n], self.config).score for n, _ in candidates)
        return sum(score >= LOGIC_CUTOFF for score in scores)


def proxy(id, schema, properties):
    return EntityProxy(model.get(schema), {"id": id, "schema": schema, "properties": properties}, cleaned=True)


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def resident_mib():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def timed(engine, queries):
    times, hits, started = [], 0, time.process_time()
    for query in queries:
        before = time.perf_counter()
        hits += engine.screen(query["name"])
        times.append(time.perf_counter() - before)
    spent = time.process_time() - started
    times.sort()
    at = lambda share: times[int((len(times) - 1) * share)] * 1e6
    return {"per_second": len(queries) / spent, "p50_us": at(0.5), "p99_us": at(0.99), "hits": hits}


def speed(entities, distinct, repeated):
    entities, distinct, repeated = lines(entities), lines(distinct), lines(repeated)
    for tool in (FullScan, LogicV1):
        memory, started = resident_mib(), time.process_time()
        engine = tool(entities)
        built, memory = time.process_time() - started, resident_mib() - memory
        # Tables that the libraries load at the first call are no part of a screening.
        engine.screen("Warming Up")
        row = {
            "tool": tool.tool,
            "build_s": built,
            "memory_mib": memory,
            "distinct": timed(engine, distinct),
            "repeated": timed(engine, repeated),
        }
        print(json.dumps(row), flush=True)


def side(id, person):
    properties = {"name": [person["name"]]}
    if person["birth_date"] and person["type"] == "NATURAL":
        properties["birthDate"] = [person["birth_date"]]
    if person["gender"] and person["type"] == "NATURAL":
        properties["gender"] = [person["gender"].lower()]
    if person["countries"]:
        properties["country"] = [country.lower() for country in person["countries"]]
    return proxy(id, SCHEMATA[person["type"]], properties)


def scores(pairs):
    algorithm, config = get_algorithm("logic-v1"), ScoringConfig.defaults()
    for pair in lines(pairs):
        print(algorithm.compare(side("q", pair["query"]), side("r", pair["target"]), config).score)


if __name__ == "__main__":
    {"speed": speed, "scores": scores}[sys.argv[1]](*sys.argv[2:])
