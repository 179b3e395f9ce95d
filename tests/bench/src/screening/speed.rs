//! The index on real lists, beside a full scan and an index of the open tools.
//!
//! One thread, CPU time; every screening reads its person's name from text, normalisation and transliteration included.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use gda_audit::domain::record::{Kind, ListedName, NameStrength, Record};
use gda_audit::domain::screening::{self, DEFAULT_THRESHOLD, Index, Person, PersonKind, Screener, Subject};
use serde_json::json;

use super::lists;
use super::peers::Peers;
use super::random::Random;
use super::words::COMMON;
use crate::{machine, process};

const PERSONS: usize = 100_000;
const DISTINCT_OF_REPEATED: usize = 2_000;
const COMPARED_WITH_A_FULL_SCAN: usize = 200;
/// Of persons that the open tools screen: they are slow.
const OF_PEERS: usize = 300;
const DISTINCT_OF_PEERS_REPEATED: usize = 30;

/// Prints the table.
///
/// # Errors
/// The lists are not at hand, a tool fails, or the index finds anything else than a full scan.
pub(crate) fn run(without_peers: bool) -> Result<()> {
    let mut records = lists::read(&lists::UN)?;
    records.extend(lists::read(&lists::OFAC)?);
    records.extend(flattened("derived_eu_fsf_names_2025-05.csv.gz")?);
    records.extend(flattened("derived_ofac_sdn_names_2025-05.csv.gz")?);
    let names: usize = records.iter().map(|record| record.names.len()).sum();
    println!("\n## screening\n\nMachine: {}.\n", machine::name());
    println!(
        "{} entities with {names} names, read from the UN's, OFAC's and the EU's lists. One thread and CPU time; each \
         screening\nreads and transliterates its person's name. Ours screen {PERSONS} persons, the others {OF_PEERS} of \
         them; repeated: a\ntenth or fewer of the names are distinct.\n",
        records.len()
    );
    println!(
        "| engine | distinct/s | ratio | repeated/s | ratio | p50 µs | p99 µs | index built in s | memory MiB |\n\
         |---|---|---|---|---|---|---|---|---|"
    );

    let mut random = Random::new(11);
    let persons: Vec<Person> = (0..PERSONS).map(|_| person(&records, &mut random)).collect();
    let repeated: Vec<Person> =
        (0..PERSONS).map(|_| persons[random.below(DISTINCT_OF_REPEATED)].clone()).collect();

    let before = resident()?;
    let started = cpu()?;
    let index = Index::build(&records);
    let built = cpu()? - started;
    let distinct = timed(&index, &persons)?;
    let again = timed(&index, &repeated)?;
    let memory = resident()? - before;
    let peers = if without_peers { None } else { Peers::install() };
    let measured = match &peers {
        Some(peers) => peers.speed(
            records.iter().map(|record| json!({ "kind": record.kind, "names": names_of(record) })),
            persons.iter().take(OF_PEERS).map(query),
            repeated_for_peers(&persons, &mut random).map(query),
        )?,
        None => Vec::new(),
    };
    // The first is the baseline: what does without an index.
    let baseline = measured.first().map(|peer| (peer.distinct.per_second, peer.repeated.per_second));
    let ratio = |per_second: f64, of: Option<f64>| {
        of.map_or_else(|| "–".to_owned(), |baseline| format!("{:.1}", per_second / baseline))
    };
    let row = |name: &str, [distinct, repeated, p50, p99, built, memory]: [f64; 6]| {
        println!(
            "| {name} | {distinct:.0} | {} | {repeated:.0} | {} | {p50:.0} | {p99:.0} | {built:.2} | {memory:.0} |",
            ratio(distinct, baseline.map(|(distinct, _)| distinct)),
            ratio(repeated, baseline.map(|(_, repeated)| repeated)),
        );
    };
    row("gda-audit", [distinct.per_second, again.per_second, distinct.p50, distinct.p99, built, memory]);
    for (n, peer) in measured.iter().enumerate() {
        let name = format!("{}{}", peer.tool, if n == 0 { " (baseline)" } else { "" });
        let (distinct, repeated) = (&peer.distinct, &peer.repeated);
        let figures = [distinct.per_second, repeated.per_second, distinct.p50_us, distinct.p99_us];
        row(&name, [figures[0], figures[1], figures[2], figures[3], peer.build_s, peer.memory_mib]);
    }
    println!(
        "\nOurs, p99.9: {:.0} µs, repeated {:.0} µs; reading a person's name: {:.1} µs; {} hits at the threshold of \
         {DEFAULT_THRESHOLD}.",
        distinct.p999,
        again.p999,
        reading(&persons)? * 1e6,
        distinct.hits
    );
    let differing = differing_from_a_full_scan(&index, &records, &persons)?;
    println!("{differing} of {COMPARED_WITH_A_FULL_SCAN} persons' hits differ from a scan of all records.");
    ensure!(differing == 0, "the index loses records");
    Ok(())
}

/// How long the screening of persons took.
struct Timed {
    per_second: f64,
    p50: f64,
    p99: f64,
    p999: f64,
    hits: usize,
}

fn timed(index: &Index, persons: &[Person]) -> Result<Timed> {
    let mut screener = Screener::new(index);
    let mut times: Vec<Duration> = Vec::with_capacity(persons.len());
    let (mut hits, started) = (0, cpu()?);
    for person in persons {
        let started = Instant::now();
        hits += screener.screen(&Subject::of_person(person)?, DEFAULT_THRESHOLD).len();
        times.push(started.elapsed());
    }
    let per_second = persons.len() as f64 / (cpu()? - started);
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e6;
    Ok(Timed { per_second, p50: at(0.5), p99: at(0.99), p999: at(0.999), hits })
}

/// Seconds to read a person's name.
fn reading(persons: &[Person]) -> Result<f64> {
    let started = cpu()?;
    for person in persons {
        Subject::of_person(person)?;
    }
    Ok((cpu()? - started) / persons.len() as f64)
}

fn differing_from_a_full_scan(index: &Index, records: &[Record], persons: &[Person]) -> Result<usize> {
    let subjects: Vec<Subject> = records.iter().map(Subject::of_record).collect();
    let mut screener = Screener::new(index);
    let mut differing = 0;
    for person in persons.iter().take(COMPARED_WITH_A_FULL_SCAN) {
        let query = Subject::of_person(person)?;
        let found: Vec<usize> =
            screener.screen(&query, DEFAULT_THRESHOLD).iter().map(|hit| hit.record).collect();
        let mut full: Vec<(f32, usize)> = subjects
            .iter()
            .enumerate()
            .map(|(number, record)| (screening::compare(&query, record).score, number))
            .filter(|(score, _)| *score >= DEFAULT_THRESHOLD)
            .collect();
        full.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        differing += usize::from(full.iter().map(|(_, number)| *number).ne(found));
    }
    Ok(differing)
}

fn cpu() -> Result<f64> {
    Ok(process::cpu(std::process::id())?.as_secs_f64())
}

fn resident() -> Result<f64> {
    process::memory(std::process::id())
}

fn names_of(record: &Record) -> Vec<&str> {
    record.names.iter().map(|name| name.whole.as_str()).collect()
}

fn query(person: &Person) -> serde_json::Value {
    let parts = [&person.name, &person.first_name, &person.last_name].into_iter().flatten();
    json!({ "name": parts.map(String::as_str).collect::<Vec<_>>().join(" ") })
}

fn repeated_for_peers<'p>(persons: &'p [Person], random: &mut Random) -> impl Iterator<Item = &'p Person> {
    let places: Vec<usize> = (0..OF_PEERS).map(|_| random.below(DISTINCT_OF_PEERS_REPEATED)).collect();
    places.into_iter().filter_map(|place| persons.get(place))
}

/// Three in four are on no list; the others are listed names with a word changed.
fn person(records: &[Record], random: &mut Random) -> Person {
    let (given, family) = COMMON[random.below(COMMON.len())];
    let (mut first, mut last) =
        (given[random.below(given.len())].to_owned(), family[random.below(family.len())].to_owned());
    if random.one_in(3) {
        first = format!("{first} {}", given[random.below(given.len())]);
    }
    // A client base has more family names than a list of examples: words of the lists, and made-up syllables.
    match random.below(4) {
        0 => {
            let record = &records[random.below(records.len())];
            let words: Vec<&str> = record.names[0].whole.split_whitespace().collect();
            last = words[random.below(words.len())].to_owned();
        }
        1 => last = (0..2 + random.below(3)).map(|_| SYLLABLES[random.below(SYLLABLES.len())]).collect(),
        2 => {
            let record = &records[random.below(records.len())];
            let mut letters: Vec<char> =
                record.names[random.below(record.names.len())].whole.chars().collect();
            let at = random.below(letters.len());
            letters.remove(at);
            let name = Some(letters.into_iter().collect::<String>())
                .filter(|name| name.chars().any(char::is_alphabetic));
            return Person {
                name: name.or(Some(last)),
                kind: Some(PersonKind::Natural),
                ..Person::default()
            };
        }
        _ => {}
    }
    Person {
        first_name: Some(first),
        last_name: Some(last),
        kind: Some(PersonKind::Natural),
        ..Person::default()
    }
}

const SYLLABLES: &[&str] = &[
    "ba", "be", "chi", "co", "da", "der", "do", "el", "fa", "fer", "ga", "gor", "ha", "hol", "in", "ka",
    "kov", "la", "len", "lo", "ma", "man", "mi", "na", "nov", "or", "pa", "per", "ra", "ri", "ro", "sa",
    "sen", "ski", "son", "ta", "ter", "to", "va", "vi", "wa", "yan", "za", "zi",
];

/// A third party's flattening of a list: name, aliases, country, kind.
fn flattened(file: &str) -> Result<Vec<Record>> {
    let content = lists::open(file)?;
    let mut records = Vec::new();
    for row in csv::ReaderBuilder::new().flexible(true).from_reader(content.as_slice()).records() {
        let row = row?;
        let (Some(name), Some(aliases), Some(kind)) = (row.get(0), row.get(1), row.get(3)) else { continue };
        let mut names = vec![name.to_owned()];
        names.extend(
            aliases.split(", ").filter(|alias| *alias != name && *alias != "None").map(str::to_owned),
        );
        names.retain(|name| !name.trim().is_empty());
        if names.is_empty() {
            continue;
        }
        let kind = match kind {
            "person" | "Individual" | "individual" => Kind::Person,
            _ => Kind::Organisation,
        };
        records.push(Record {
            id: format!("{file}:{}", records.len()),
            kind,
            names: names
                .into_iter()
                .map(|whole| ListedName {
                    whole,
                    family: None,
                    given: None,
                    strength: NameStrength::Strong,
                    language: None,
                })
                .collect(),
            births: Vec::new(),
            birth_places: Vec::new(),
            nationalities: Vec::new(),
            addresses: Vec::new(),
            documents: Vec::new(),
            gender: None,
            programmes: Vec::new(),
            listed_on: None,
            remarks: Vec::new(),
        });
    }
    Ok(records)
}
