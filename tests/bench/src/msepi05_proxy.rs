//! `msepi05-proxy`: what a request costs and how long it takes.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
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
/// Requests a second, of one replica.
const RATE: u64 = 1_000;
/// Clients that send one request after the other, to one replica.
const CLIENTS: u64 = 8;
const WARM_UP: Duration = Duration::from_secs(2);

/// Prints the tables.
pub(crate) fn run(seconds: u64, soak_minutes: u64) -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let bench = Bench::start(Duration::from_secs(seconds)).await?;
        println!("## msepi05-proxy\n\nMachine: {}.", machine::name());
        bench.cpu_per_request().await?;
        bench.latencies().await?;
        if soak_minutes > 0 {
            bench.memory(soak_minutes).await?;
        }
        Ok(())
    })
}

struct Bench {
    lasting: Duration,
    issuer: Issuer,
    caps: CapsSandbox,
    http: Client,
    token: String,
    directory: tempfile::TempDir,
    /// With limits in memory, and with limits in Redis.
    environments: [BTreeMap<String, String>; 2],
    _redis: Redis,
}

/// A process under load.
struct Subject {
    service: Service,
    base: String,
}

impl Subject {
    fn pid(&self) -> Result<u32> {
        self.service.id().context("the process has ended")
    }

    fn cpu(&self) -> Result<Duration> {
        process::cpu(self.pid()?)
    }
}

impl Bench {
    async fn start(lasting: Duration) -> Result<Self> {
        let (issuer, caps, redis) =
            (Issuer::start().await?, CapsSandbox::start(&[]).await?, Redis::start().await?);
        let issuers = format!(r#"[{{issuer="{}", jwks_url="{}"}}]"#, issuer.issuer(), issuer.jwks_url());
        let memory: BTreeMap<String, String> = [
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
        let mut shared = memory.clone();
        shared.insert("GARANT__REDIS__URL".to_owned(), redis.url());
        Ok(Self {
            lasting,
            token: token(&issuer),
            issuer,
            caps,
            http: testkit::http::client()?,
            directory: tempfile::tempdir()?,
            environments: [memory, shared],
            _redis: redis,
        })
    }

    async fn subject(
        &self,
        binary: &Path,
        name: &str,
        environment: &BTreeMap<String, String>,
    ) -> Result<Subject> {
        let (port, management) = (free_port()?, free_port()?);
        let mut environment = environment.clone();
        environment.insert("GARANT__SERVER__LISTEN".to_owned(), format!("127.0.0.1:{port}"));
        environment.insert("GARANT__MANAGEMENT__LISTEN".to_owned(), format!("127.0.0.1:{management}"));
        let log = self.directory.path().join(name);
        let service = Service::start(binary, environment, management, &log).await?;
        Ok(Subject { service, base: format!("http://127.0.0.1:{port}") })
    }

    /// A replica that has the address book in its cache.
    async fn replica(&self, name: &str, environment: &BTreeMap<String, String>) -> Result<Subject> {
        let replica = self.subject(&workspace::binary("msepi05-proxy")?, name, environment).await?;
        let search = self.searches(&[&replica], &self.token);
        load::at_rate(1, Duration::from_secs(1), move |_| search(0, 0..ADDRESS_BOOK)).await?;
        Ok(replica)
    }

    /// Requests of the contract to the replicas by turns.
    fn searches(
        &self,
        replicas: &[&Subject],
        token: &str,
    ) -> impl Fn(u64, Range<u64>) -> RequestBuilder + Send + Sync + use<> {
        let bases: Vec<String> = replicas.iter().map(|replica| replica.base.clone()).collect();
        let (http, token) = (self.http.clone(), token.to_owned());
        move |n, hashes| {
            let base = bases.get(n as usize % bases.len()).map_or("", String::as_str);
            http.post(format!("{base}/proxies_indicators"))
                .bearer_auth(&token)
                .header("Correlationid", "0192f0c1-2345-7abc-8def-0123456789ab")
                .header("numtecprs", format!("customer {}", n % CUSTOMERS))
                .header("content-type", "application/json")
                .body(body(hashes))
        }
    }

    async fn cpu_per_request(&self) -> Result<()> {
        let [memory, shared] = &self.environments;
        println!(
            "\n### CPU of our process per request\n\n{HASHES} hashes a request, all in the cache, JSON log to a file. \
             To each replica {CLIENTS} clients back to back, then {RATE} requests/s,\neach for {} s.\n",
            self.lasting.as_secs()
        );
        println!(
            "| request | CPU µs, back to back | ratio to echo | requests/s | CPU µs, fixed rate | ratio to echo | p99 ms |"
        );
        println!("|---|---|---|---|---|---|---|");

        let echo = self.subject(&std::env::current_exe()?, "echo.log", memory).await?;
        let (http, url, token) = (self.http.clone(), format!("{}/echo", echo.base), self.token.clone());
        let echoed = body(0..HASHES);
        let request = move |_| {
            http.post(&url)
                .bearer_auth(&token)
                .header("content-type", "application/json")
                .body(echoed.clone())
        };
        let baseline = self.cpu("echo, same middleware (baseline)", &[&echo], request, None).await?;
        drop(echo);

        let alone = self.replica("alone.log", memory).await?;
        let warm = |replicas: &[&Subject]| {
            let search = self.searches(replicas, &self.token);
            move |n: u64| {
                let from = (n * 7) % (ADDRESS_BOOK - HASHES);
                search(n, from..from + HASHES)
            }
        };
        let baseline = Some(baseline);
        self.cpu("warm, limits in memory", &[&alone], warm(&[&alone]), baseline).await?;
        self.first_verification(&alone).await?;
        drop(alone);
        let (one, another) =
            (self.replica("one.log", shared).await?, self.replica("another.log", shared).await?);
        let single = self.cpu("warm, limits in Redis, one replica", &[&one], warm(&[&one]), baseline).await?;
        let both = [&one, &another];
        let double = self.cpu("warm, limits in Redis, two replicas", &both, warm(&both), baseline).await?;
        println!(
            "\nTwo replicas to one: {:.2} back to back, {:.2} at the fixed rate.",
            double[0] / single[0],
            double[1] / single[1]
        );
        Ok(())
    }

    /// Prints a row, and returns the CPU of the subjects per request in µs, back to back and at the fixed rate.
    async fn cpu(
        &self,
        name: &str,
        subjects: &[&Subject],
        request: impl Fn(u64) -> RequestBuilder + Send + Sync + 'static,
        baseline: Option<[f64; 2]>,
    ) -> Result<[f64; 2]> {
        let request = Arc::new(request);
        let send = || {
            let request = request.clone();
            move |n| request(n)
        };
        let used = || subjects.iter().map(|subject| subject.cpu()).sum::<Result<Duration>>();
        let per_request = |since: Duration, latencies: &Latencies| -> Result<f64> {
            Ok((used()? - since).as_secs_f64() * 1e6 / latencies.count() as f64)
        };
        let replicas = subjects.len() as u64;
        load::at_rate(RATE * replicas, WARM_UP, send()).await?;
        let before = used()?;
        let full = load::back_to_back(CLIENTS * replicas, self.lasting, send()).await?;
        let back_to_back = per_request(before, &full)?;
        let before = used()?;
        let fixed = load::at_rate(RATE * replicas, self.lasting, send()).await?;
        let cpu = [back_to_back, per_request(before, &fixed)?];
        let [ratio, fixed_ratio] = baseline.map_or([1.0; 2], |echo| [cpu[0] / echo[0], cpu[1] / echo[1]]);
        println!(
            "| {name} | {:.1} | {ratio:.2} | {:.0} | {:.1} | {fixed_ratio:.2} | {:.2} |",
            cpu[0],
            full.count() as f64 / self.lasting.as_secs_f64(),
            cpu[1],
            milliseconds(fixed.at(0.99)),
        );
        Ok(cpu)
    }

    /// What it costs to verify a token for the first time: requests whose tokens are all new beside the same with one.
    async fn first_verification(&self, replica: &Subject) -> Result<()> {
        let count = RATE * self.lasting.as_secs();
        let mut cpu = Vec::new();
        for tokens in [1, count] {
            let tokens: Vec<String> = (0..tokens).map(|_| token(&self.issuer)).collect();
            let searches: Vec<_> = tokens.iter().map(|token| self.searches(&[replica], token)).collect();
            let next = AtomicUsize::new(0);
            let request = move |n| {
                let search = &searches[next.fetch_add(1, Ordering::Relaxed) % searches.len()];
                search(n, 0..HASHES)
            };
            let before = replica.cpu()?;
            let answered = load::at_rate(RATE, self.lasting, request).await?;
            cpu.push((replica.cpu()? - before).as_secs_f64() * 1e6 / answered.count() as f64);
        }
        println!(
            "| a token's first verification, on top of the fixed rate's {:.1} | | | | {:.1} | | |",
            cpu[0],
            cpu[1] - cpu[0]
        );
        Ok(())
    }

    async fn latencies(&self) -> Result<()> {
        println!("\n### Latency at a fixed rate\n");
        println!(
            "| load | requests/s | CPU µs a request | p50 ms | p99 ms | p99.9 ms |\n|---|---|---|---|---|---|"
        );
        for (store, environment) in ["memory", "Redis"].into_iter().zip(&self.environments) {
            let replica = self.replica(&format!("{store}.log"), environment).await?;
            self.caps.clear().await?;
            let search = self.searches(&[&replica], &self.token);
            let name = format!("warm, 1,000 hashes, limits in {store}");
            self.latency(&name, &replica, 50, move |n| search(n, 0..ADDRESS_BOOK)).await?;

            self.caps.fault(json!({"fault": {"latency_ms": 20}})).await?;
            let search = self.searches(&[&replica], &self.token);
            let cold = move |n: u64| {
                let from = ADDRESS_BOOK + n * HASHES;
                search(n, from..from + HASHES)
            };
            let name = format!("cold, 20 hashes, CAPS takes 20 ms, limits in {store}");
            self.latency(&name, &replica, RATE, cold).await?;
        }
        Ok(())
    }

    async fn latency(
        &self,
        name: &str,
        replica: &Subject,
        per_second: u64,
        request: impl Fn(u64) -> RequestBuilder + Send + Sync + 'static,
    ) -> Result<()> {
        let before = replica.cpu()?;
        let latencies = load::at_rate(per_second, self.lasting, request).await?;
        let cpu = (replica.cpu()? - before).as_secs_f64() * 1e6 / latencies.count() as f64;
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|share| milliseconds(latencies.at(share)));
        println!("| {name} | {per_second} | {cpu:.0} | {p50:.1} | {p99:.1} | {p999:.1} |");
        Ok(())
    }

    /// Warm and cold requests by turns, with a cache that is soon full: memory must not grow from then on.
    async fn memory(&self, minutes: u64) -> Result<()> {
        self.caps.clear().await?;
        let mut environment = self.environments[1].clone();
        environment.insert("GARANT__CACHE__CAPACITY".to_owned(), "50000".to_owned());
        let replica = self.replica("memory-of.log", &environment).await?;
        println!(
            "\n### Memory\n\n500 requests/s of {HASHES} hashes, half of them cold, a cache of 50,000 hashes.\n"
        );
        println!("| after | resident MiB |\n|---|---|");
        println!("| start | {:.1} |", process::memory(replica.pid()?)?);
        for minute in 0..minutes {
            let search = self.searches(&[&replica], &self.token);
            let request = move |n: u64| {
                let from = if n.is_multiple_of(2) { 0 } else { 1_000_000 + (minute * 30_000 + n) * HASHES };
                search(n, from..from + HASHES)
            };
            load::at_rate(500, Duration::from_secs(60), request).await?;
            println!("| {} min | {:.1} |", minute + 1, process::memory(replica.pid()?)?);
        }
        Ok(())
    }
}

/// One that outlives the benchmark.
fn token(issuer: &Issuer) -> String {
    issuer.token("bench", "msepi05-proxy", "proxies:read").claim("exp", 4_102_444_800_u64).signed()
}

fn body(hashes: Range<u64>) -> String {
    let items: Vec<String> = hashes
        .map(|n| {
            let bytes = [n.to_be_bytes(); 4].concat();
            format!(r#"{{"proxy_hash":"{}"}}"#, URL_SAFE.encode(bytes))
        })
        .collect();
    format!("[{}]", items.join(","))
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
