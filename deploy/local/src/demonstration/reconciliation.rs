//! One reconciliation, and what it found held against what the statement's generator knows.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use testkit::statements::{Expected, Params, Sample};

use super::{Caller, shortened, text};
use crate::sample_data::print_findings;
use crate::sandbox;

const OPERATOR: &str = "DDVAMOOVCI";
const ROWS: u64 = 2_000;
/// `make sample-data` begins with 1, so its samples and this one don't mix.
const SEED: u32 = 0;
const PATIENCE: Duration = Duration::from_secs(60);

/// The sample that is reconciled: the sandbox's loader clears its day before each run.
pub(crate) fn sample() -> Sample {
    Sample::new(Params::new(ROWS, SEED))
}

pub(super) async fn run(caller: &Caller) -> Result<()> {
    let sample = sample();
    let token = &caller.token(Some(sandbox::DEMO_USER), None).await?;

    let mut transactions = Vec::new();
    sample.write_transactions(&mut transactions)?;
    let note = format!("{} transactions as NDJSON", sample.transactions().count());
    caller
        .call(Method::POST, "/transactions/", &note, StatusCode::OK, |request| {
            request.bearer_auth(token).header("content-type", "application/x-ndjson").body(transactions)
        })
        .await?;

    let mut statement = Vec::new();
    sample.write_csv(&mut statement)?;
    let (from, to) = sample.window();
    let note = format!("operateur={OPERATOR}, dateDebut={from}, dateFin={to}, fichier: {ROWS} rows as CSV");
    let file = Part::bytes(statement).file_name("statement.csv").mime_str("text/csv")?;
    let form = Form::new()
        .text("operateur", OPERATOR)
        .text("dateDebut", from)
        .text("dateFin", to)
        .text("fileName", "statement.csv")
        .part("fichier", file);
    let task = caller
        .call(Method::POST, "/reconciliation/", &note, StatusCode::CREATED, |request| {
            request.bearer_auth(token).multipart(form)
        })
        .await?;
    let id = task.get("id").and_then(Value::as_i64).context("the task has no id")?;

    let task = wait_for_end(caller, token, id).await?;
    let details = caller
        .call(Method::GET, &format!("/details_taches/{id}"), "", StatusCode::OK, |r| r.bearer_auth(token))
        .await?;

    println!();
    let found = findings(&task, &details)?;
    print_findings(&found);
    let expected = sample.expected();
    if found != expected {
        println!("\nexpected instead:");
        print_findings(&expected);
        bail!("the reconciliation did not find what the statement was made with");
    }
    println!("\nAs the statement was made.");
    Ok(())
}

/// The six figures of a task's detail, and the results of each kind in the details' lists.
fn findings(task: &Value, details: &Value) -> Result<Expected> {
    let mut found = Expected::default();
    let figure = |name: &str| {
        task.get(name).and_then(Value::as_i64).with_context(|| format!("{name} is missing or no number"))
    };
    found.figures.montant_operateur = figure("montantOperateur")?;
    found.figures.montant_cinetpay = figure("montantCinetpay")?;
    found.figures.diff_montant = figure("diffMontant")?;
    found.figures.count_operator = figure("countOperator")?;
    found.figures.count_cinetpay = figure("countCinetpay")?;
    found.figures.diff_count = figure("diffCount")?;

    let lists =
        details.as_object().context("the details are no object")?.values().filter_map(Value::as_array);
    let known = sample().expected().kinds;
    for row in lists.flatten() {
        let kind = text(row, "kind")?;
        let Some((kind, _)) = known.get_key_value(kind) else { bail!("unexpected kind {kind}") };
        *found.kinds.entry(kind).or_default() += 1;
    }
    Ok(found)
}

/// The task when its work has ended well.
async fn wait_for_end(caller: &Caller, token: &str, id: i64) -> Result<Value> {
    let path = format!("/taches/{id}");
    println!("\nGET {}{path}  until its state is TERMINE", caller.gateway);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (status, task) = caller.send(Method::GET, &path, |request| request.bearer_auth(token)).await?;
        let state = task.get("etat").and_then(Value::as_str).unwrap_or_default();
        let waits = status == StatusCode::OK && matches!(state, "ATTENTE" | "ENCOURS");
        if waits && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        }
        println!("{status} {}", shortened(task.clone()));
        ensure!(state == "TERMINE", "the task is {state:?} and not TERMINE");
        return Ok(task);
    }
}
