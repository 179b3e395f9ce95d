//! Measures the index on real lists: `GARANT_TEST_DATA=… cargo run --release --example screening_speed`.
//!
//! One thread, CPU time of the process; every screening reads its person's name from text, normalisation and
//! transliteration included.

#[path = "../screening_quality/lists.rs"]
mod lists;
#[path = "../screening_quality/random.rs"]
#[allow(dead_code)]
mod random;
#[path = "../screening_quality/words.rs"]
#[allow(dead_code)]
mod words;

use std::time::{Duration, Instant};

use anyhow::Result;
use gda_audit::domain::record::{Kind, ListedName, NameStrength, Record};
use gda_audit::domain::screening::{self, DEFAULT_THRESHOLD, Index, Person, PersonKind, Screener, Subject};

use crate::random::Random;
use crate::words::COMMON;

const PERSONS: usize = 100_000;
const DISTINCT_OF_REPEATED: usize = 2_000;
const COMPARED_WITH_A_FULL_SCAN: usize = 200;

fn main() -> Result<()> {
    let mut records = lists::read(&lists::UN)?;
    records.extend(lists::read(&lists::OFAC)?);
    records.extend(flattened("derived_eu_fsf_names_2025-05.csv.gz")?);
    records.extend(flattened("derived_ofac_sdn_names_2025-05.csv.gz")?);
    let names: usize = records.iter().map(|record| record.names.len()).sum();
    println!("{} entities, {names} names", records.len());

    let before = resident_kib();
    let started = Instant::now();
    let index = Index::build(&records);
    println!(
        "index: built in {:.2} s, {} MiB",
        started.elapsed().as_secs_f64(),
        (resident_kib() - before) / 1024
    );

    let mut random = Random::new(11);
    let persons: Vec<Person> = (0..PERSONS).map(|_| person(&records, &mut random)).collect();
    let repeated: Vec<Person> =
        (0..PERSONS).map(|_| persons[random.below(DISTINCT_OF_REPEATED)].clone()).collect();
    let started = cpu_time();
    for person in &persons {
        Subject::of_person(person)?;
    }
    println!("reading a person's name: {:.1} µs", (cpu_time() - started) / PERSONS as f64 * 1e6);
    for (what, persons) in [("distinct", &persons), ("repeated", &repeated)] {
        let mut screener = Screener::new(&index);
        let mut times: Vec<Duration> = Vec::with_capacity(persons.len());
        let (mut hits, started) = (0, cpu_time());
        for person in persons {
            let started = Instant::now();
            hits += screener.screen(&Subject::of_person(person)?, DEFAULT_THRESHOLD).len();
            times.push(started.elapsed());
        }
        let spent = cpu_time() - started;
        times.sort_unstable();
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e6;
        println!(
            "{what}: {:.0} screenings/s of CPU time, p50 {:.0} µs, p99 {:.0} µs, p99.9 {:.0} µs, {hits} hits",
            persons.len() as f64 / spent,
            at(0.5),
            at(0.99),
            at(0.999),
        );
    }
    println!("{} MiB with one thread's working memory", (resident_kib() - before) / 1024);

    if std::env::args().any(|argument| argument == "--without-full-scan") {
        return Ok(());
    }
    let subjects: Vec<Subject> = records.iter().map(Subject::of_record).collect();
    let mut screener = Screener::new(&index);
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
    println!("{differing} of {COMPARED_WITH_A_FULL_SCAN} differ from a full scan");
    Ok(())
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

/// Seconds of CPU that this process has spent (Linux: user and system time in ticks of a hundredth).
fn cpu_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) / 100.0
}

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse().ok()).unwrap_or_default()
}
