//! Decisions over HTTP: the service's release build, without connectors, against a durable PostgreSQL.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use reqwest::RequestBuilder;
use secure_consumer::reference::Reference;
use serde_json::Value;
use testkit::issuer::Issuer;
use testkit::postgres::{Postgres, Purpose};
use testkit::process::{Service, free_port};
use testkit::workspace;

use super::consumers;
use crate::load;
use crate::process;

/// Clients that send one request after the other: requests that come together are stored together.
const CLIENTS: [u64; 2] = [8, 64];
/// Distinct consumers.
const CONSUMERS: usize = 50_000;
const LOGIN: &str = "bench";
const PASSWORD: &str = "trois-hiboux-sur-le-toit";

/// Prints the table.
///
/// # Errors
/// PostgreSQL or a process does not run, or an answer is not 200.
pub(super) async fn run(reference: &Reference, lasting: Duration) -> Result<()> {
    let postgres = Postgres::acquire(Purpose::Crash).await?;
    let database = postgres.database("secure_consumer").await?;
    let directory = tempfile::tempdir()?;
    let (http, issuer) = (testkit::http::client()?, Issuer::start().await?);
    let binary = workspace::binary("secure-consumer")?;
    let environment: BTreeMap<String, String> = [
        ("DATABASE__URL", database.app_url.clone()),
        ("DATABASE__OWNER_URL", database.owner_url.clone()),
        ("DATABASE__APP_ROLE", database.app_role.clone()),
        ("HISTORY__SECRET", "a secret of the benchmark, 32 characters or more".to_owned()),
        ("ACCOUNTS__REQUESTS_PER_SECOND", "1000000".to_owned()),
        ("SERVER__DRAIN_DELAY_MS", "0".to_owned()),
    ]
    .map(|(key, value)| (format!("GARANT__{key}"), value))
    .into();
    let migrated = testkit::process::command(&binary, "migrate", &environment).status()?;
    ensure!(migrated.success(), "migrate failed");
    let password = directory.path().join("password");
    std::fs::write(&password, PASSWORD)?;
    let created = testkit::process::command(&binary, "accounts", &environment)
        .args(["create", LOGIN, "--password-file"])
        .arg(&password)
        .output()?;
    ensure!(created.status.success(), "accounts create failed: {}", String::from_utf8_lossy(&created.stderr));

    let service = Subject::start(&binary, environment, &directory.path().join("service.log")).await?;
    // The configuration of the echo is msepi05-proxy's, which has an outside system that is not asked here.
    let echo: BTreeMap<String, String> = [
        ("CAPS__URL", "http://127.0.0.1:9".to_owned()),
        ("AUTH__ISSUERS", format!(r#"[{{issuer="{}", jwks_url="{}"}}]"#, issuer.issuer(), issuer.jwks_url())),
        ("PRIVACY__PEPPER", "a pepper of the benchmark, 32 characters or more".to_owned()),
        ("SERVER__DRAIN_DELAY_MS", "0".to_owned()),
    ]
    .map(|(key, value)| (format!("GARANT__{key}"), value))
    .into();
    let echo = Subject::start(&std::env::current_exe()?, echo, &directory.path().join("echo.log")).await?;
    let token =
        issuer.token("bench", "msepi05-proxy", "proxies:read").claim("exp", 4_102_444_800_u64).signed();

    let bodies = consumers::bodies(reference, CONSUMERS, 2)?;
    let without = |field: &str| -> Result<Vec<String>> {
        bodies
            .iter()
            .map(|body| {
                let mut body: Value = serde_json::from_str(body)?;
                body.as_object_mut().context("no object")?.remove(field);
                Ok(body.to_string())
            })
            .collect()
    };
    println!(
        "\n### Decisions over HTTP\n\nHTTP Basic, no connectors, {CONSUMERS} distinct consumers, PostgreSQL durable and on \
         the same machine as the clients. CPU is of our\nprocess alone; each for {} s.\n",
        lasting.as_secs()
    );
    println!(
        "| request | clients | CPU µs of our process | ratio to echo | requests/s of one core's CPU | requests/s | p50 ms | p99 ms |\n\
         |---|---|---|---|---|---|---|---|"
    );
    let [without_iban, without_city] = [without("iban")?, without("consumer_city")?];
    for clients in CLIENTS {
        let ask = |bodies: &[String]| {
            let (http, url) = (http.clone(), format!("{}/ssp/secure_consumer", service.base));
            request(bodies, move |body| http.post(&url).basic_auth(LOGIN, Some(PASSWORD)).body(body))
        };
        let (client, url, token) = (http.clone(), format!("{}/echo", echo.base), token.clone());
        let echoed = request(&bodies, move |body| client.post(&url).bearer_auth(&token).body(body));
        let baseline = echo.row("echo, same middleware (baseline)", clients, lasting, echoed, None).await?;
        let baseline = Some(baseline);
        let refused = "refused for its form: nothing checked, nothing stored";
        service.row(refused, clients, lasting, ask(&without_city), baseline).await?;
        let name = "decision without IBAN: decision stored";
        service.row(name, clients, lasting, ask(&without_iban), baseline).await?;
        let name = "**decision with IBAN: decision and history stored**";
        service.row(name, clients, lasting, ask(&bodies), baseline).await?;
    }
    Ok(())
}

fn request<F: Fn(String) -> RequestBuilder + Clone + Send + Sync + 'static>(
    bodies: &[String],
    to: F,
) -> impl Fn(u64) -> RequestBuilder + Clone + Send + Sync + 'static + use<F> {
    let bodies: Arc<[String]> = bodies.into();
    move |n| {
        let body = bodies.get(n as usize % bodies.len()).cloned().unwrap_or_default();
        to(body).header("content-type", "application/json")
    }
}

/// A process under load.
struct Subject {
    service: Service,
    base: String,
}

impl Subject {
    async fn start(binary: &Path, mut environment: BTreeMap<String, String>, log: &Path) -> Result<Self> {
        let (port, management) = (free_port()?, free_port()?);
        environment.insert("GARANT__SERVER__LISTEN".to_owned(), format!("127.0.0.1:{port}"));
        environment.insert("GARANT__MANAGEMENT__LISTEN".to_owned(), format!("127.0.0.1:{management}"));
        let service = Service::start(binary, environment, management, log).await?;
        Ok(Self { service, base: format!("http://127.0.0.1:{port}") })
    }

    fn cpu(&self) -> Result<Duration> {
        process::cpu(self.service.id().context("the process has ended")?)
    }

    /// Prints a row, and returns the CPU of the process per request in µs.
    async fn row(
        &self,
        name: &str,
        clients: u64,
        lasting: Duration,
        request: impl Fn(u64) -> RequestBuilder + Clone + Send + Sync + 'static,
        baseline: Option<f64>,
    ) -> Result<f64> {
        load::back_to_back(clients, Duration::from_secs(1), request.clone()).await?;
        let (before, started) = (self.cpu()?, Instant::now());
        let latencies = load::back_to_back(clients, lasting, request).await?;
        let took = started.elapsed().as_secs_f64();
        let cpu = (self.cpu()? - before).as_secs_f64() * 1e6 / latencies.count() as f64;
        let [p50, p99] = [0.5, 0.99].map(|share| latencies.at(share).as_secs_f64() * 1e3);
        println!(
            "| {name} | {clients} | {cpu:.1} | {:.2} | {:.0} | {:.0} | {p50:.2} | {p99:.2} |",
            cpu / baseline.unwrap_or(cpu),
            1e6 / cpu,
            latencies.count() as f64 / took,
        );
        Ok(cpu)
    }
}
