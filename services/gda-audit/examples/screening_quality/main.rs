//! Measures the engine's quality on cases made from real lists: `GARANT_TEST_DATA=… cargo run --release --example
//! screening_quality [-- --held-out] [--misses CLASS] [--threshold N]`.
//!
//! Without `--held-out` only the records that tuning may look at are used.

mod cases;
mod lists;
mod random;
mod words;

use std::collections::BTreeMap;

use anyhow::Result;
use gda_audit::domain::record::Record;
use gda_audit::domain::screening::{self, DEFAULT_THRESHOLD, Index, Person, PersonKind, Screener, Subject};

use serde_json::json;

use crate::cases::Case;
use crate::random::Random;

#[derive(Default, Clone, Copy)]
struct Tally {
    right_same: usize,
    wrong_same: usize,
    right_other: usize,
    wrong_other: usize,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let value =
        |flag: &str| arguments.iter().position(|a| a == flag).and_then(|at| arguments.get(at + 1)).cloned();
    let held_out = arguments.iter().any(|argument| argument == "--held-out");
    let threshold = value("--threshold").map_or(Ok(DEFAULT_THRESHOLD), |value| value.parse())?;
    let misses = value("--misses");

    if let (Some(one), Some(other)) = (value("--pair"), arguments.last()) {
        return pair(&one, other);
    }
    let un = lists::read(&lists::UN)?;
    let ofac = lists::read(&lists::OFAC)?;
    let mut all = cases::make(&un);
    all.extend(cases::make(&ofac));
    all.retain(|case| case.held_out == held_out);

    if let Some(path) = value("--export") {
        return export(&all, &path);
    }
    let mut classes: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut scored: Vec<(f32, bool)> = Vec::new();
    for case in &all {
        let comparison =
            screening::compare(&Subject::of_person(&case.query)?, &Subject::of_person(&case.target)?);
        scored.push((comparison.score, case.same));
        let found = comparison.score >= threshold;
        count(classes.entry(case.class).or_default(), case.same, found);
        if found != case.same && misses.as_deref() == Some(case.class) {
            show(case, comparison.score);
        }
    }
    println!("| class | pairs | same | recall | others | passed as same |\n|---|---|---|---|---|---|");
    let mut whole = Tally::default();
    for (class, tally) in &classes {
        let (same, others) = (tally.right_same + tally.wrong_same, tally.right_other + tally.wrong_other);
        let (recall, passed) = (share(tally.right_same, same), share(tally.wrong_other, others));
        println!("| {class} | {} | {same} | {recall} | {others} | {passed} |", same + others);
        whole.right_same += tally.right_same;
        whole.wrong_same += tally.wrong_same;
        whole.right_other += tally.right_other;
        whole.wrong_other += tally.wrong_other;
    }
    let (precision, recall, f1) = summary(&whole);
    println!("\nthreshold {threshold}: precision {precision:.3}, recall {recall:.3}, F1 {f1:.3}");
    let macro_f1 = |threshold: f32| {
        let mut tally = Tally::default();
        for (score, same) in &scored {
            count(&mut tally, *same, *score >= threshold);
        }
        summary(&tally).2
    };
    let best = (50..95).map(|t| (t, macro_f1(t as f32))).max_by(|a, b| a.1.total_cmp(&b.1));
    println!("best threshold on these pairs: {best:?}");
    alerts("UN", &un, held_out, threshold, misses.as_deref() == Some("alerts"))
}

/// Writes the pairs as JSON lines, for other engines.
fn export(cases: &[Case], path: &str) -> Result<()> {
    let side = |person: &Person| {
        let birth = person.birth.map(|birth| {
            let parts =
                [birth.month, birth.day].into_iter().map_while(|part| part).map(|part| format!("-{part:02}"));
            format!("{}{}", birth.year.unwrap_or_default(), parts.collect::<String>())
        });
        json!({ "name": person.name, "type": person.kind, "birth_date": birth, "countries": person.countries, "gender": person.gender })
    };
    let lines = cases.iter().map(|case| {
        let (query, target) = (side(&case.query), side(&case.target));
        json!({ "class": case.class, "same": case.same, "query": query, "target": target }).to_string() + "\n"
    });
    Ok(std::fs::write(path, lines.collect::<String>())?)
}

/// Two persons' names and how they compare.
fn pair(one: &str, other: &str) -> Result<()> {
    let person = |name: &str| Person {
        name: Some(name.to_owned()),
        kind: Some(PersonKind::Natural),
        ..Person::default()
    };
    for name in [one, other] {
        for reading in names::readings(name) {
            let name = names::Name::parse(&reading, names::NameKind::Person)?;
            let tokens = name
                .tokens()
                .iter()
                .map(|token| format!("{} {:?} {}", token.text(), token.tag(), token.weight()));
            println!("{reading}: {}", tokens.collect::<Vec<_>>().join(", "));
        }
    }
    let comparison =
        screening::compare(&Subject::of_person(&person(one))?, &Subject::of_person(&person(other))?);
    println!("{:.1}", comparison.score);
    Ok(())
}

fn count(tally: &mut Tally, same: bool, found: bool) {
    *match (same, found) {
        (true, true) => &mut tally.right_same,
        (true, false) => &mut tally.wrong_same,
        (false, false) => &mut tally.right_other,
        (false, true) => &mut tally.wrong_other,
    } += 1;
}

fn share(part: usize, whole: usize) -> String {
    if whole == 0 { "–".to_owned() } else { format!("{:.3}", part as f64 / whole as f64) }
}

fn summary(tally: &Tally) -> (f64, f64, f64) {
    let precision = tally.right_same as f64 / (tally.right_same + tally.wrong_other) as f64;
    let recall = tally.right_same as f64 / (tally.right_same + tally.wrong_same) as f64;
    (precision, recall, 2.0 * precision * recall / (precision + recall))
}

fn show(case: &Case, score: f32) {
    let facts = |person: &Person| {
        (person.name.clone().unwrap_or_default(), person.birth.and_then(|birth| birth.year))
    };
    println!("{score:5.1} {:?} ~ {:?}", facts(&case.query), facts(&case.target));
}

/// Listed people under every name that the list gives them but one, and unlisted people, against the whole list.
fn alerts(list: &str, records: &[Record], held_out: bool, threshold: f32, verbose: bool) -> Result<()> {
    // Each record without the name that is asked for: is it found by the others?
    let (mut variants, mut found) = (0, 0);
    let index = Index::build(records);
    let mut screener = Screener::new(&index);
    for (number, record) in records.iter().enumerate().filter(|(_, r)| cases::is_held_out(&r.id) == held_out)
    {
        for name in &record.names {
            let person = Person {
                name: Some(name.whole.clone()),
                kind: Some(cases::kind_of(record)),
                ..Person::default()
            };
            let Ok(subject) = Subject::of_person(&person) else { continue };
            variants += 1;
            if screener.screen(&subject, threshold).iter().any(|hit| hit.record == number) {
                found += 1;
            } else if verbose {
                println!("not found: {}", name.whole);
            }
        }
    }
    println!(
        "\n{list}: {found} of {variants} listed names found ({:.4})",
        f64::from(found) / f64::from(variants)
    );
    let mut random = Random::new(if held_out { 7 } else { 3 });
    let (count, mut alerting) = (20_000, 0);
    for _ in 0..count {
        let person = cases::unlisted_person(&mut random);
        let hits = screener.screen(&Subject::of_person(&person)?, threshold);
        if let Some(hit) = hits.first() {
            alerting += 1;
            if verbose && alerting <= 60 {
                println!(
                    "alert {:.1}: {:?} ~ {}",
                    hit.comparison.score, person.name, hit.comparison.applied_scores[0].record_value
                );
            }
        }
    }
    println!(
        "{list}: {alerting} of {count} unlisted people alert ({:.2} %)",
        100.0 * f64::from(alerting) / f64::from(count)
    );
    Ok(())
}
