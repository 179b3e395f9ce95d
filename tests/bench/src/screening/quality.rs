//! The engine's quality on cases made from real lists, and LogicV1's on the same pairs.
//!
//! Tuning may look at one part of the records only; the other part is shown with `--held-out`.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::Result;
use clap::Args;
use gda_audit::domain::record::{BirthDate, Record};
use gda_audit::domain::screening::{self, DEFAULT_THRESHOLD, Index, Person, PersonKind, Screener, Subject};
use serde_json::{Value, json};

use super::cases::{self, Case};
use super::lists;
use super::peers::Peers;
use super::random::Random;
use crate::machine;

/// What is shown.
#[derive(Args)]
pub(crate) struct Options {
    /// Show the part that is kept for the final check, too.
    #[arg(long)]
    held_out: bool,
    /// The least score of a pair that is taken for the same.
    #[arg(long, default_value_t = DEFAULT_THRESHOLD)]
    threshold: f32,
    /// Leave out the other tools.
    #[arg(long)]
    without_peers: bool,
    /// Show what is missed in a class (`alerts`: who alerts), of the part that tuning may look at.
    #[arg(long)]
    misses: Option<String>,
    /// Show only how two names of persons are read and compare.
    #[arg(long, num_args = 2)]
    pair: Option<Vec<String>>,
}

/// Prints the table.
///
/// # Errors
/// The lists are not at hand, or a tool fails.
pub(crate) fn run(options: &Options) -> Result<()> {
    if let Some([one, other]) = options.pair.as_deref() {
        return pair(one, other);
    }
    let started = Instant::now();
    let un = lists::read(&lists::UN)?;
    let mut all = cases::make(&un);
    all.extend(cases::make(&lists::read(&lists::OFAC)?));
    cases::by_hand(&mut all);
    let (held_out, development): (Vec<Case>, Vec<Case>) = all.into_iter().partition(|case| case.held_out);

    if let Some(class) = &options.misses {
        show_misses(&development, class, options.threshold)?;
        return if class == "alerts" { alerts(&un, false, options.threshold, true) } else { Ok(()) };
    }
    println!("Machine: {}.\n", machine::name());
    let ours = Verdicts::of(&development, &scores(&development)?, options.threshold);
    let mut summaries = vec![("development", &ours)];
    let (kept, peer);
    if options.held_out {
        kept = Verdicts::of(&held_out, &scores(&held_out)?, options.threshold);
        let peers = if options.without_peers { None } else { Peers::install() };
        peer = peers.map(|peers| logic_v1(&peers, &held_out)).transpose()?;
        table(&ours, Some(&kept), peer.as_ref());
        summaries.push(("held out", &kept));
        summaries.extend(peer.as_ref().map(|peer| ("LogicV1, held out", peer)));
    } else {
        table(&ours, None, None);
    }
    println!("\n| | threshold | precision | recall | F1 |\n|---|---|---|---|---|");
    for (part, verdicts) in summaries {
        println!("| {part} | {} | {} |", verdicts.threshold, verdicts.summary());
    }
    alerts(&un, false, options.threshold, false)?;
    if options.held_out {
        alerts(&un, true, options.threshold, false)?;
    }
    eprintln!("{:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}

/// How often an engine was right, by class.
struct Verdicts {
    threshold: f32,
    classes: BTreeMap<&'static str, Tally>,
    whole: Tally,
}

#[derive(Default, Clone, Copy)]
struct Tally {
    right_same: usize,
    wrong_same: usize,
    right_other: usize,
    wrong_other: usize,
}

impl Verdicts {
    fn of(cases: &[Case], scores: &[f32], threshold: f32) -> Self {
        let mut verdicts = Self { threshold, classes: BTreeMap::new(), whole: Tally::default() };
        for (case, score) in cases.iter().zip(scores) {
            for tally in [verdicts.classes.entry(case.class).or_default(), &mut verdicts.whole] {
                tally.count(case.same, *score >= threshold);
            }
        }
        verdicts
    }

    fn summary(&self) -> String {
        let (precision, recall) = (self.whole.precision(), self.whole.recall());
        format!("{precision:.3} | {recall:.3} | {:.3}", self.whole.f1())
    }
}

impl Tally {
    fn count(&mut self, same: bool, found: bool) {
        *match (same, found) {
            (true, true) => &mut self.right_same,
            (true, false) => &mut self.wrong_same,
            (false, false) => &mut self.right_other,
            (false, true) => &mut self.wrong_other,
        } += 1;
    }

    fn pairs(&self) -> usize {
        self.right_same + self.wrong_same + self.right_other + self.wrong_other
    }

    fn right(&self) -> f64 {
        (self.right_same + self.right_other) as f64 / self.pairs() as f64
    }

    fn precision(&self) -> f64 {
        self.right_same as f64 / (self.right_same + self.wrong_other) as f64
    }

    fn recall(&self) -> f64 {
        self.right_same as f64 / (self.right_same + self.wrong_same) as f64
    }

    fn f1(&self) -> f64 {
        2.0 * self.precision() * self.recall() / (self.precision() + self.recall())
    }
}

/// The share of right answers by class.
fn table(development: &Verdicts, held_out: Option<&Verdicts>, peer: Option<&Verdicts>) {
    println!("| class | is | pairs | development | held-out pairs | held out | LogicV1, held out |");
    println!("|---|---|---|---|---|---|---|");
    let right =
        |tally: Option<&Tally>| tally.map_or("–".to_owned(), |tally| format!("{:.3}", tally.right()));
    for (class, tally) in &development.classes {
        let of =
            |verdicts: Option<&Verdicts>| verdicts.and_then(|verdicts| verdicts.classes.get(class)).copied();
        let (kept, peer) = (of(held_out), of(peer));
        let is = if tally.right_same + tally.wrong_same > 0 { "same" } else { "other" };
        let (pairs, kept_pairs) =
            (tally.pairs(), kept.map_or("–".to_owned(), |tally| tally.pairs().to_string()));
        let (development, held_out, peer) = (right(Some(tally)), right(kept.as_ref()), right(peer.as_ref()));
        println!("| {class} | {is} | {pairs} | {development} | {kept_pairs} | {held_out} | {peer} |");
    }
}

fn scores(cases: &[Case]) -> Result<Vec<f32>> {
    let score = |case: &Case| {
        let (query, target) = (Subject::of_person(&case.query)?, Subject::of_person(&case.target)?);
        Ok(screening::compare(&query, &target).score)
    };
    cases.iter().map(score).collect()
}

/// LogicV1 at the threshold that is best for it.
fn logic_v1(peers: &Peers, cases: &[Case]) -> Result<Verdicts> {
    let pairs = cases.iter().map(|case| json!({ "query": side(&case.query), "target": side(&case.target) }));
    let scores: Vec<f32> = peers.scores(pairs)?.into_iter().map(|score| score as f32).collect();
    let at = |percent: u8| Verdicts::of(cases, &scores, f32::from(percent) / 100.0);
    let best = (20..=99).map(at).max_by(|one, other| one.whole.f1().total_cmp(&other.whole.f1()));
    Ok(best.unwrap_or_else(|| at(70)))
}

fn side(person: &Person) -> Value {
    let written = |birth: BirthDate| {
        let parts =
            [birth.month, birth.day].into_iter().map_while(|part| part).map(|part| format!("-{part:02}"));
        format!("{:04}{}", birth.year.unwrap_or_default(), parts.collect::<String>())
    };
    json!({
        "name": person.name,
        "type": person.kind,
        "birth_date": person.birth.filter(|birth| birth.year.is_some()).map(written),
        "countries": person.countries,
        "gender": person.gender,
    })
}

fn show_misses(cases: &[Case], class: &str, threshold: f32) -> Result<()> {
    let facts = |person: &Person| {
        (person.name.clone().unwrap_or_default(), person.birth.and_then(|birth| birth.year))
    };
    for (case, score) in cases.iter().zip(scores(cases)?).filter(|(case, _)| case.class == class) {
        if (score >= threshold) != case.same {
            println!("{score:5.1} {:?} ~ {:?}", facts(&case.query), facts(&case.target));
        }
    }
    Ok(())
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

/// Listed people under every name that the list gives them but one, and unlisted people, against the whole list.
fn alerts(records: &[Record], held_out: bool, threshold: f32, verbose: bool) -> Result<()> {
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
    let part = if held_out { "held out" } else { "development" };
    println!(
        "\nThe UN list, {part}: {found} of {variants} listed names found ({:.4})",
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
        "The UN list, {part}: {alerting} of {count} unlisted people alert ({:.2} %)",
        100.0 * f64::from(alerting) / f64::from(count)
    );
    Ok(())
}
