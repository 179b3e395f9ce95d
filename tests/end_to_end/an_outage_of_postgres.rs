//! PostgreSQL crashes under load and stays away for ten seconds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use end_to_end::{Answer, Stack};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder, StatusCode};
use testkit::postgres::{Postgres, Purpose, StopMode};
use testkit::statements::{Params, Sample};

const OUTAGE: Duration = Duration::from_secs(10);
const LONGEST_ANSWER: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(20);
const ROWS: u64 = 50;
const TRANSACTIONS: u64 = 20;

/// A request of the load: what it writes, and how it was answered.
struct Sent {
    what: Write,
    begun: Instant,
    took: Duration,
    status: StatusCode,
    /// The number of the task, where it is the answer.
    task: Option<i64>,
}

#[derive(Clone)]
enum Write {
    Nothing,
    Statement,
    Transactions(Vec<String>),
}

struct Load {
    stack: Stack,
    token: String,
    ended: AtomicBool,
    acknowledged: AtomicUsize,
}

impl Load {
    /// One client, until the load ends. `make` gives the request number n.
    async fn client(
        self: Arc<Self>,
        make: impl Fn(&Self, u32) -> Result<(Write, RequestBuilder)>,
    ) -> Result<Vec<Sent>> {
        let mut sent = Vec::new();
        for n in 0.. {
            if self.ended.load(Relaxed) {
                break;
            }
            let (what, request) = make(&self, n)?;
            let begun = Instant::now();
            let answer = tokio::time::timeout(LONGEST_ANSWER, Answer::to(request)).await;
            let answer = answer.context("no answer within 15 s")?.context("a connection broken off")?;
            let task = if answer.status.is_success() {
                self.acknowledged.fetch_add(1, Relaxed);
                serde_json::from_str::<serde_json::Value>(&answer.text)?["id"].as_i64()
            } else {
                let code = answer.code()?;
                ensure!(
                    answer.status == StatusCode::SERVICE_UNAVAILABLE && code == "unavailable",
                    "{answer:?}"
                );
                None
            };
            sent.push(Sent { what, begun, took: begun.elapsed(), status: answer.status, task });
            tokio::time::sleep(PAUSE).await;
        }
        Ok(sent)
    }

    async fn until_acknowledged(&self, more: usize) -> Result<()> {
        let goal = self.acknowledged.load(Relaxed) + more;
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.acknowledged.load(Relaxed) < goal {
            ensure!(Instant::now() < deadline, "the load stands still");
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    /// How long it took until the service said that it was ready, or not.
    async fn until_ready(&self, ready: bool) -> Result<Duration> {
        let begun = Instant::now();
        while self.stack.replica.is_ready(&self.stack.http).await? != ready {
            ensure!(begun.elapsed() < OUTAGE, "readiness has not become {ready}");
            tokio::time::sleep(PAUSE).await;
        }
        Ok(begun.elapsed())
    }
}

fn statement(load: &Load, seed: u32) -> Result<(Write, RequestBuilder)> {
    let sample = Sample::new(Params::new(ROWS, seed));
    let mut csv = Vec::new();
    sample.write_csv(&mut csv)?;
    Ok((Write::Statement, load.stack.upload(&load.token, &sample, csv)))
}

fn transactions(load: &Load, seed: u32) -> Result<(Write, RequestBuilder)> {
    // Of no operator's payment method, so that they slow no matching down.
    let sample = Sample::new(Params { payment_method: "LOAD".to_owned(), ..Params::new(TRANSACTIONS, seed) });
    let mut body = Vec::new();
    sample.write_transactions(&mut body)?;
    let request = load.stack.post("/transactions/", &load.token).header(CONTENT_TYPE, "application/x-ndjson");
    let ids = sample.transactions().map(|transaction| transaction.cpm_trans_id).collect();
    Ok((Write::Transactions(ids), request.body(body)))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_before_an_outage_is_there_after_it() -> Result<()> {
    let postgres = Postgres::acquire(Purpose::Crash).await?;
    let stack = Stack::start_on(&postgres, &[]).await?;
    let token = stack.token(None).await?;
    let load =
        Arc::new(Load { stack, token, ended: AtomicBool::new(false), acknowledged: AtomicUsize::new(0) });
    let clients = [
        tokio::spawn(load.clone().client(statement)),
        tokio::spawn(load.clone().client(|load, n| statement(load, 1_000_000 + n))),
        tokio::spawn(load.clone().client(|load, n| transactions(load, 2_000_000 + n))),
        tokio::spawn(load.clone().client(|load, n| transactions(load, 3_000_000 + n))),
        tokio::spawn(
            load.clone()
                .client(|load, _| Ok((Write::Nothing, load.stack.request(Method::GET, "/operateurs/")))),
        ),
        tokio::spawn(
            load.clone().client(|load, _| Ok((Write::Nothing, load.stack.get("/profiles/", &load.token)))),
        ),
    ];
    load.until_acknowledged(400).await?;

    let crash = Instant::now();
    postgres.stop(StopMode::Immediate).await?;
    let noticed = load.until_ready(false).await?;
    tokio::time::sleep(OUTAGE.saturating_sub(crash.elapsed())).await;
    postgres.start().await?;
    let recovered = load.until_ready(true).await?;
    let ready = Instant::now();
    load.until_acknowledged(400).await?;
    load.ended.store(true, Relaxed);
    let mut sent = Vec::new();
    for client in clients {
        sent.extend(client.await??);
    }

    let mut statuses: BTreeMap<_, usize> = BTreeMap::new();
    for request in &sent {
        let phase = match request.begun {
            begun if begun + request.took < crash => "1 before",
            begun if begun < ready => "2 outage",
            _ => "3 after",
        };
        *statuses.entry((phase, request.status.as_u16())).or_default() += 1;
    }
    let slowest = sent.iter().map(|request| request.took).max().unwrap_or_default();
    println!(
        "answers: {statuses:?}; slowest {slowest:?}; not ready after {noticed:?}, ready after {recovered:?}"
    );
    ensure!(statuses.keys().all(|(phase, status)| *phase == "2 outage" || *status < 300), "{statuses:?}");
    ensure!(statuses.contains_key(&("2 outage", 503)), "the outage was not felt");

    // Transactions: an acknowledged batch is there, any other is there as a whole or not at all; nothing is there twice.
    let pool = &load.stack.pool;
    let stored: Vec<(String, i64)> =
        sqlx::query_as("SELECT cpm_trans_id, count(*) FROM reconciliation.transactions GROUP BY 1")
            .fetch_all(pool)
            .await?;
    let stored: BTreeMap<String, i64> = stored.into_iter().collect();
    ensure!(stored.values().all(|versions| *versions == 1), "a transaction was stored twice");
    let (mut batches, mut unanswered) = (0, 0);
    for request in &sent {
        let Write::Transactions(ids) = &request.what else { continue };
        let there = ids.iter().filter(|id| stored.contains_key(*id)).count();
        if request.status.is_success() {
            batches += 1;
            ensure!(there == ids.len(), "{there} of an acknowledged {} are there", ids.len());
        } else {
            unanswered += usize::from(there > 0);
            ensure!(there == 0 || there == ids.len(), "{there} of {} are there", ids.len());
        }
    }

    // Tasks: all end well, each has its rows and one result a row.
    let open = "SELECT NOT EXISTS (SELECT FROM reconciliation.tasks WHERE state IN ('ATTENTE', 'ENCOURS'))";
    load.stack.until(open).await?;
    let tasks: Vec<(i64, String, i64, i64)> = sqlx::query_as(
        "SELECT t.id, t.state,
                (SELECT count(*) FROM reconciliation.statement_rows s WHERE s.task_id = t.id),
                (SELECT count(*) FROM reconciliation.results r WHERE r.task_id = t.id)
         FROM reconciliation.tasks t",
    )
    .fetch_all(pool)
    .await?;
    for (id, state, rows, results) in &tasks {
        let found = (state.as_str(), *rows, *results);
        ensure!(found == ("TERMINE", ROWS as i64, ROWS as i64), "task {id}: {found:?}");
    }
    let acknowledged: Vec<i64> = sent.iter().filter_map(|request| request.task).collect();
    let known: std::collections::BTreeSet<i64> = tasks.iter().map(|(id, ..)| *id).collect();
    ensure!(acknowledged.iter().all(|id| known.contains(id)), "an acknowledged task is gone");
    let orphans: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM reconciliation.statement_rows
         WHERE task_id NOT IN (SELECT id FROM reconciliation.tasks)",
    )
    .fetch_one(pool)
    .await?;
    assert_eq!(orphans, 0);
    println!(
        "{} acknowledged statements and {batches} batches of transactions are there once; beside them {} statements \
         and {unanswered} batches whose answer was lost",
        acknowledged.len(),
        tasks.len() - acknowledged.len(),
    );
    Ok(())
}
