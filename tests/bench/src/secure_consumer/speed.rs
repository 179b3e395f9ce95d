//! Decisions without network, and single checks beside the open tools. One thread, CPU time.

use std::fs::File;
use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use secure_consumer::domain::company::Siren;
use secure_consumer::domain::email::EmailAddress;
use secure_consumer::domain::evidence::Offline;
use secure_consumer::domain::form::{Consumer, Form};
use secure_consumer::domain::iban::NationalKey;
use secure_consumer::domain::outcome::Weights;
use secure_consumer::domain::phone::PhoneFinding;
use secure_consumer::domain::score::{Evidence, Score};
use secure_consumer::domain::{name, place};
use secure_consumer::reference::Reference;
use secure_consumer::work::batch;
use serde::Deserialize;

use super::peers;
use crate::process;

/// Long enough for the clock of the scheduler, which ticks every few milliseconds.
const AT_LEAST: f64 = 1.0;

/// Prints what a decision costs, and its parts.
///
/// # Errors
/// The processor's time cannot be read, or a body has a fault.
pub(super) fn decisions(reference: &Reference, bodies: &[String]) -> Result<()> {
    println!(
        "\n### A decision without network\n\n{} made-up consumers with an IBAN, each mistake in one of twelve. One thread.\n",
        bodies.len()
    );
    println!("| | CPU µs, mean | p50 µs | p99 µs |\n|---|---|---|---|");
    let weights = Weights::default();
    row("**decision: all of these**", bodies, |body| {
        Form::read(body.as_bytes()).map(|form| Score::of(&batch::evidence(&form, reference), &weights))
    })?;
    row("form", bodies, |body| Form::read(body.as_bytes()))?;

    let forms = forms(bodies)?;
    let consumers: Vec<&Consumer> = forms.iter().filter_map(|form| form.consumer.as_ref()).collect();
    let ibans = ibans(&forms);
    row("IBAN: structure, mod 97, national key, bank, SEPA, specimen", &ibans, |text| {
        let iban = reference.structures.read(text).ok()?;
        let banks = &reference.banks;
        let found = (banks.national_key(&iban), banks.look_up(&iban), reference.sepa.reaches(iban.country()));
        black_box(found);
        Some(iban.is_specimen())
    })?;
    row("e-mail: syntax, domain, fits the name", &consumers, |consumer| {
        let email = EmailAddress::parse(consumer.email.expose()).ok()?;
        black_box(reference.mail_domains.kind(email.domain()));
        Some(email.fits_name(consumer.first_name.expose(), consumer.last_name.expose()))
    })?;
    row("phone", &consumers, |consumer| {
        let region = place::region(&consumer.country, consumer.zip_code.expose());
        reference.phones.check(consumer.phone_number.expose(), region)
    })?;
    row("place", &consumers, |consumer| {
        reference.places.check(&consumer.country, consumer.zip_code.expose(), consumer.city.expose())
    })?;
    row("names: placeholders", &consumers, |consumer| {
        name::is_placeholder(consumer.first_name.expose(), consumer.last_name.expose())
    })?;
    let evidence: Vec<Evidence> = forms.iter().map(|form| batch::evidence(form, reference)).collect();
    row("score with its reasons", &evidence, |evidence| Score::of(evidence, &weights))?;

    println!("\nNot of these, asked for only where a bank or a register has said a name:\n");
    println!("| | CPU µs, mean | p50 µs | p99 µs |\n|---|---|---|---|");
    let names: Vec<String> = consumers
        .iter()
        .map(|consumer| format!("{} {}", consumer.first_name.expose(), consumer.last_name.expose()))
        .collect();
    let pairs: Vec<(&String, &String)> = names.iter().zip(names.iter().skip(1)).collect();
    row("two persons' names compared", &pairs, |(one, other)| name::persons_alike(one, other))?;
    let outcomes: Vec<Offline> = forms.iter().map(|form| Offline::of(form, reference)).collect();
    let reached = outcomes.iter().filter(|offline| offline.iban.is_some()).count();
    println!("\n{reached} of the IBANs have the right structure and check digits.");
    Ok(())
}

fn row<T, R>(name: &str, items: &[T], work: impl Fn(&T) -> R) -> Result<()> {
    let mean = 1e6 / per_second(items, &work)?;
    let mut times: Vec<Duration> = Vec::with_capacity(items.len());
    for item in items {
        let started = Instant::now();
        black_box(work(black_box(item)));
        times.push(started.elapsed());
    }
    times.sort_unstable();
    let at = |share: f64| {
        let at = (times.len().saturating_sub(1) as f64 * share) as usize;
        times.get(at).copied().unwrap_or_default().as_secs_f64() * 1e6
    };
    println!("| {name} | {mean:.2} | {:.2} | {:.2} |", at(0.5), at(0.99));
    Ok(())
}

fn per_second<T, R>(items: &[T], work: impl Fn(&T) -> R) -> Result<f64> {
    let all = || items.iter().for_each(|item| drop(black_box(work(black_box(item)))));
    all();
    let (mut rounds, started) = (0, cpu()?);
    loop {
        all();
        rounds += 1;
        let took = cpu()? - started;
        if took >= AT_LEAST {
            return Ok((rounds * items.len()) as f64 / took);
        }
    }
}

fn cpu() -> Result<f64> {
    Ok(process::cpu(std::process::id())?.as_secs_f64())
}

fn forms(bodies: &[String]) -> Result<Vec<Form>> {
    bodies
        .iter()
        .map(|body| Form::read(body.as_bytes()).with_context(|| format!("a made-up consumer: {body}")))
        .collect()
}

fn ibans(forms: &[Form]) -> Vec<&str> {
    forms.iter().filter_map(|form| form.iban.as_ref()).map(|iban| iban.expose().as_str()).collect()
}

#[derive(Deserialize)]
struct Measured {
    check: String,
    tool: String,
    per_second: f64,
    valid: usize,
}

/// Prints what single checks cost beside those of the open tools, on the same texts.
///
/// # Errors
/// A tool fails, or the processor's time cannot be read.
pub(super) fn checks(reference: &Reference, bodies: &[String], without_peers: bool) -> Result<()> {
    let forms = forms(bodies)?;
    let ibans = ibans(&forms);
    let companies = forms.iter().filter_map(|form| form.company.as_ref());
    let sirens: Vec<&str> = companies.map(|company| company.siren.expose().as_str()).collect();
    let consumers = || forms.iter().filter_map(|form| form.consumer.as_ref());
    let phones: Vec<&str> = consumers().map(|consumer| consumer.phone_number.expose().as_str()).collect();
    let emails: Vec<&str> = consumers().map(|consumer| consumer.email.expose().as_str()).collect();

    let iban = |text: &&str| {
        let iban = reference.structures.read(text);
        iban.is_ok_and(|iban| reference.banks.national_key(&iban) != NationalKey::Invalid)
    };
    let siren = |text: &&str| Siren::parse(text).is_ok();
    let phone = |text: &&str| reference.phones.check(text, "FR") != PhoneFinding::Invalid;
    let email = |text: &&str| EmailAddress::parse(text).is_ok();
    let ours = [
        measured("iban", "structure, mod 97, national key", &ibans, iban)?,
        measured("siren", "SIREN", &sirens, siren)?,
        measured("phone", "phone: number and kind", &phones, phone)?,
        measured("email", "e-mail: syntax, no DNS", &emails, email)?,
    ];

    let theirs = if without_peers { Vec::new() } else { measured_peers([&ibans, &sirens, &phones, &emails]) };
    println!(
        "\n### Checks beside those of open tools\n\nThe same texts, {} of each, {} SIRENs. One thread of each, and CPU time.\n",
        ibans.len(),
        sirens.len()
    );
    println!("| check | tool | checks/s | ratio to it | taken for valid |\n|---|---|---|---|---|");
    for (what, ours) in ours {
        println!("| {what} | secure-consumer | {:.0} | 1.0 | {} |", ours.per_second, ours.valid);
        for peer in theirs.iter().filter(|peer| peer.check == ours.check) {
            println!(
                "| | {} (baseline) | {:.0} | {:.1} | {} |",
                peer.tool,
                peer.per_second,
                ours.per_second / peer.per_second,
                peer.valid
            );
        }
    }
    Ok(())
}

fn measured<'n>(
    check: &str,
    name: &'n str,
    texts: &[&str],
    is_valid: impl Fn(&&str) -> bool,
) -> Result<(&'n str, Measured)> {
    let per_second = per_second(texts, &is_valid)?;
    let valid = texts.iter().filter(|text| is_valid(text)).count();
    Ok((name, Measured { check: check.to_owned(), tool: String::new(), per_second, valid }))
}

fn measured_peers(texts: [&[&str]; 4]) -> Vec<Measured> {
    let all = || -> Result<Vec<Measured>> {
        let directory = tempfile::tempdir()?;
        let mut files: Vec<PathBuf> = Vec::new();
        for (at, texts) in texts.iter().enumerate() {
            let path = directory.path().join(at.to_string());
            let mut file = BufWriter::new(File::create(&path)?);
            for text in *texts {
                serde_json::to_writer(&mut file, text)?;
                file.write_all(b"\n")?;
            }
            file.flush()?;
            files.push(path);
        }
        let printed = peers::run("secure_consumer_speed.py", &files)?;
        printed.lines().map(|line| serde_json::from_str(line).context(line.to_owned())).collect()
    };
    all().inspect_err(|error| eprintln!("the other tools are left out: {error:#}")).unwrap_or_default()
}
