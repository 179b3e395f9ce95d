//! `msepi05-proxy`: what a request costs and how long it takes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use reqwest::{Client, RequestBuilder};
use serde_json::json;
use testkit::caps::CapsSandbox;
use testkit::issuer::Issuer;
use testkit::process::{Service, free_port};
use testkit::redis::Redis;
use testkit::workspace;

use crate::load::{self, Latencies};
use crate::{machine, process};

const HASHES: u64 = 20;
const ADDRESS_BOOK: u64 = 1_000;
const CUSTOMERS: u64 = 100;
const RATE: u64 = 1_000;
/// That send one request after the other, for full load.
const CLIENTS: u64 = 16;
const WARM_UP: Duration = Duration::from_secs(2);

/// A process under load.
struct Subject {
    service: Service,
    base: String,
}

impl Subject {
    async fn start(binary: &Path, environment: &BTreeMap<String, String>, log: &Path) -> Result<Self> {
        let (port, management) = (free_port()?, free_port()?);
        let mut environment = environment.clone();
        environment.insert("GARANT__SERVER__LISTEN".to_owned(), format!("127.0.0.1:{port}"));
        environment.insert("GARANT__MANAGEMENT__LISTEN".to_owned(), format!("127.0.0.1:{management}"));
        let service = Service::start(binary, environment, management, log).await?;
        Ok(Self { service, base: format!("http://127.0.0.1:{port}") })
    }

    fn pid(&self) -> Result<u32> {
        self.service.id().context("the process has ended")
    }
}

struct Row {
    name: &'static str,
    full_load_us: f64,
    fixed_rate_us: f64,
    full: Latencies,
    latencies: Latencies,
    lasting: Duration,
}

/// Prints the tables.
pub(crate) fn run(seconds: u64, soak_minutes: u64) -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(measure(Duration::from_secs(seconds), soak_minutes))
}

async fn measure(lasting: Duration, soak_minutes: u64) -> Result<()> {
    let (issuer, caps, redis) =
        (Issuer::start().await?, CapsSandbox::start(&[]).await?, Redis::start().await?);
    let directory = tempfile::tempdir()?;
    let log = |name: &str| directory.path().join(name);
    let issuers = format!(r#"[{{issuer="{}", jwks_url="{}"}}]"#, issuer.issuer(), issuer.jwks_url());
    let environment: BTreeMap<String, String> = [
        ("CAPS__URL", caps.base_url()),
        ("AUTH__ISSUERS", &issuers),
        ("PRIVACY__PEPPER", "a pepper of the benchmark, 32 characters or more"),
        ("LIMITS__CUSTOMER_HASHES", "1000000000"),
        ("LIMITS__CLIENT_HASHES_PER_MINUTE", "1000000000"),
        ("CACHE__FOUND_S", "36000"),
        ("CACHE__UNKNOWN_S", "36000"),
        ("SERVER__DRAIN_DELAY_MS", "0"),
    ]
    .map(|(key, value)| (format!("GARANT__{key}"), value.to_owned()))
    .into();
    let mut shared = environment.clone();
    shared.insert("GARANT__REDIS__URL".to_owned(), redis.url());
    let token =
        issuer.token("bench", "msepi05-proxy", "proxies:read").claim("exp", 4_102_444_800_u64).signed();

    let binary = workspace::binary("msepi05-proxy")?;
    let this = std::env::current_exe()?;
    let echo = Subject::start(&this, &environment, &log("echo.log")).await?;
    let alone = Subject::start(&binary, &environment, &log("alone.log")).await?;
    let one = Subject::start(&binary, &shared, &log("one.log")).await?;
    let another = Subject::start(&binary, &shared, &log("another.log")).await?;
    let http = testkit::http::client()?;

    println!("## msepi05-proxy\n\nMachine: {}.\n", machine::name());
    println!("### CPU of our process per request\n");
    println!(
        "{HASHES} hashes a request, all in the cache, JSON log to a file; {CLIENTS} clients back to back, then {RATE} requests/s,\neach for {} s.\n",
        lasting.as_secs()
    );
    let warm = |token: String| {
        move |n: u64| {
            search(
                n % CUSTOMERS,
                (n * 7) % (ADDRESS_BOOK - HASHES)..(n * 7) % (ADDRESS_BOOK - HASHES) + HASHES,
                &token,
            )
        }
    };
    for subject in [&alone, &one, &another] {
        let (client, base, token) = (http.clone(), subject.base.clone(), token.clone());
        let fill = move |_| search(0, 0..ADDRESS_BOOK, &token).to(&client, &base);
        load::at_rate(1, Duration::from_secs(1), fill).await?;
    }
    let mut rows = Vec::new();
    let echoed = {
        let (http, url, body, token) =
            (http.clone(), format!("{}/echo", echo.base), body(0..HASHES), token.clone());
        move |_| {
            http.post(&url).bearer_auth(&token).header("content-type", "application/json").body(body.clone())
        }
    };
    rows.push(cpu("echo, same middleware (baseline)", &[&echo], lasting, echoed).await?);
    let at = |subjects: &[&Subject]| {
        let (http, bases) = (http.clone(), subjects.iter().map(|s| s.base.clone()).collect::<Vec<_>>());
        let warm = warm(token.clone());
        move |n: u64| warm(n).to(&http, &bases[n as usize % bases.len()])
    };
    rows.push(cpu("warm, limits in memory", &[&alone], lasting, at(&[&alone])).await?);
    rows.push(cpu("warm, limits in Redis, one replica", &[&one], lasting, at(&[&one])).await?);
    rows.push(
        cpu("warm, limits in Redis, two replicas", &[&one, &another], lasting, at(&[&one, &another])).await?,
    );
    let count = RATE * (lasting + WARM_UP).as_secs();
    let tokens: Vec<String> = (0..count)
        .map(|_| {
            issuer.token("bench", "msepi05-proxy", "proxies:read").claim("exp", 4_102_444_800_u64).signed()
        })
        .collect();
    let first = {
        let (http, base, offset) = (http.clone(), alone.base.clone(), std::sync::atomic::AtomicUsize::new(0));
        move |n: u64| {
            let at = offset.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % tokens.len();
            search(n % CUSTOMERS, 0..HASHES, &tokens[at]).to(&http, &base)
        }
    };
    rows.push(cpu("warm, limits in memory, a token never seen", &[&alone], lasting, first).await?);
    print(&rows);

    println!("\n### Latency\n");
    println!("| load | requests/s | p50 ms | p99 ms | p99.9 ms |\n|---|---|---|---|---|");
    let (client, base, book_token) = (http.clone(), alone.base.clone(), token.clone());
    let book = load::at_rate(50, lasting, move |n| {
        search(n % CUSTOMERS, 0..ADDRESS_BOOK, &book_token).to(&client, &base)
    });
    latency("warm, 1,000 hashes a request", 50, &book.await?);
    caps.fault(json!({"fault": {"latency_ms": 20}})).await?;
    for (name, subject) in [("memory", &alone), ("Redis", &one)] {
        let (client, base, cold_token) = (http.clone(), subject.base.clone(), token.clone());
        let request = move |n: u64| {
            search(n % CUSTOMERS, 10_000 + n * HASHES..10_000 + (n + 1) * HASHES, &cold_token)
                .to(&client, &base)
        };
        let before = process::cpu(subject.pid()?)?;
        let cold = load::at_rate(RATE, lasting, request).await?;
        let cpu = (process::cpu(subject.pid()?)? - before).as_secs_f64() * 1e6 / cold.count() as f64;
        latency(
            &format!("cold, 20 hashes, CAPS takes 20 ms, limits in {name} ({cpu:.0} µs CPU a request)"),
            RATE,
            &cold,
        );
    }
    drop((echo, alone, one, another));
    if soak_minutes > 0 {
        soak(soak_minutes, &binary, &shared, &log("soak.log"), &http, &token).await?;
    }
    Ok(())
}

/// CPU of the subjects per request, after a warm-up: under full load, and at the fixed rate.
async fn cpu(
    name: &'static str,
    subjects: &[&Subject],
    lasting: Duration,
    request: impl Fn(u64) -> RequestBuilder + Send + Sync + 'static,
) -> Result<Row> {
    let request = Arc::new(request);
    let send = || {
        let request = request.clone();
        move |n| request(n)
    };
    load::at_rate(RATE, WARM_UP, send()).await?;
    let used = || subjects.iter().map(|subject| process::cpu(subject.pid()?)).sum::<Result<Duration>>();
    let per_request = |since: Duration, latencies: &Latencies| -> Result<f64> {
        Ok((used()? - since).as_secs_f64() * 1e6 / latencies.count() as f64)
    };
    let before = used()?;
    let full = load::back_to_back(CLIENTS, lasting, send()).await?;
    let full_load_us = per_request(before, &full)?;
    let before = used()?;
    let latencies = load::at_rate(RATE, lasting, send()).await?;
    Ok(Row { name, full_load_us, fixed_rate_us: per_request(before, &latencies)?, full, latencies, lasting })
}

fn print(rows: &[Row]) {
    println!(
        "| request | CPU µs, full load | ratio to echo | requests/s | CPU µs, fixed rate | ratio to echo | p99 ms |"
    );
    println!("|---|---|---|---|---|---|---|");
    let Some(echo) = rows.first() else { return };
    for row in rows {
        println!(
            "| {} | {:.1} | {:.2} | {:.0} | {:.1} | {:.2} | {:.2} |",
            row.name,
            row.full_load_us,
            row.full_load_us / echo.full_load_us,
            row.full.count() as f64 / row.lasting.as_secs_f64(),
            row.fixed_rate_us,
            row.fixed_rate_us / echo.fixed_rate_us,
            milliseconds(row.latencies.at(0.99)),
        );
    }
}

fn latency(name: &str, per_second: u64, latencies: &Latencies) {
    let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|share| milliseconds(latencies.at(share)));
    println!("| {name} | {per_second} | {p50:.1} | {p99:.1} | {p999:.1} |");
}

/// Warm and cold requests by turns, with a cache that is soon full: memory must not grow from then on.
async fn soak(
    minutes: u64,
    binary: &Path,
    environment: &BTreeMap<String, String>,
    log: &Path,
    http: &Client,
    token: &str,
) -> Result<()> {
    let mut environment = environment.clone();
    environment.insert("GARANT__CACHE__CAPACITY".to_owned(), "50000".to_owned());
    let subject = Subject::start(binary, &environment, log).await?;
    println!(
        "\n### Memory\n\n500 requests/s of {HASHES} hashes, half of them cold, cache of 50,000 hashes.\n"
    );
    println!("| after | resident MiB |\n|---|---|");
    println!("| start | {:.1} |", process::memory(subject.pid()?)?);
    for minute in 0..minutes {
        let (client, base, token) = (http.clone(), subject.base.clone(), token.to_owned());
        let request = move |n: u64| {
            let from = if n.is_multiple_of(2) { 0 } else { 1_000_000 + (minute * 30_000 + n) * HASHES };
            search(n % CUSTOMERS, from..from + HASHES, &token).to(&client, &base)
        };
        load::at_rate(500, Duration::from_secs(60), request).await?;
        println!("| {} min | {:.1} |", minute + 1, process::memory(subject.pid()?)?);
    }
    Ok(())
}

/// A request of the contract, not yet for anybody.
struct Search {
    customer: u64,
    body: String,
    token: String,
}

fn search(customer: u64, hashes: std::ops::Range<u64>, token: &str) -> Search {
    Search { customer, body: body(hashes), token: token.to_owned() }
}

impl Search {
    fn to(self, http: &Client, base: &str) -> RequestBuilder {
        http.post(format!("{base}/proxies_indicators"))
            .bearer_auth(self.token)
            .header("Correlationid", "0192f0c1-2345-7abc-8def-0123456789ab")
            .header("numtecprs", format!("customer {}", self.customer))
            .header("content-type", "application/json")
            .body(self.body)
    }
}

fn body(hashes: std::ops::Range<u64>) -> String {
    let items: Vec<String> = hashes
        .map(|n| {
            let mut bytes = [0x5a; 32];
            bytes[..8].copy_from_slice(&n.to_be_bytes());
            format!(r#"{{"proxy_hash":"{}"}}"#, URL_SAFE.encode(bytes))
        })
        .collect();
    format!("[{}]", items.join(","))
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
