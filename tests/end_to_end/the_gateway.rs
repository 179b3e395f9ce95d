//! What the gateway itself answers, and what it hands on.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use end_to_end::{Answer, Stack};
use futures_util::future::try_join_all;
use reqwest::{Method, StatusCode};
use serde_json::json;
use testkit::envoy::{Envoy, Parameters};
use testkit::process::free_port;
use testkit::statements::{Params, Sample};

const CORRELATION_ID: &str = "0192f0c1-2345-7abc-8def-0123456789ab";

#[tokio::test]
async fn paths_lead_to_the_service_or_to_a_404_in_the_contracts_shape() -> Result<()> {
    let stack = Stack::start(&[]).await?;
    let token = stack.token(None).await?;
    for path in ["/operateurs", "/taches", "/profiles", "/o/applications", "/operateurs/1"] {
        for path in [path.to_owned(), format!("{path}/")] {
            let answer = Answer::to(stack.get(&path, &token)).await?;
            ensure!(answer.status == StatusCode::OK, "{path}: {answer:?}");
        }
    }
    let document = stack.request(Method::GET, "/docs/reconciliation/openapi.json");
    Answer::to(document).await?.expect(StatusCode::OK)?;

    // Known to nobody, a longer word than a known one, known to the gateway alone.
    for path in ["/", "/nowhere", "/tachess/1", "/taches/1/nowhere"] {
        for correlation_id in [None, Some(CORRELATION_ID)] {
            let mut request = stack.get(path, &token);
            if let Some(id) = correlation_id {
                request = request.header("Correlationid", id);
            }
            let answer = Answer::to(request).await?;
            assert_eq!(
                (answer.status, answer.code()?.as_str()),
                (StatusCode::NOT_FOUND, "not_found"),
                "{path}"
            );
            for name in ["x-correlation-id", "correlationid"] {
                let echoed = answer.header(name);
                ensure!(correlation_id.is_none() || echoed == correlation_id, "{path}: {answer:?}");
                ensure!(echoed.is_none_or(|id| id.len() == 36), "{path}: {answer:?}");
            }
        }
    }
    let escaped = Answer::to(stack.get("/taches/%2f1", &token)).await?;
    assert_eq!((escaped.status, escaped.code()?.as_str()), (StatusCode::BAD_REQUEST, "bad_request"));
    let long = stack.get("/taches/", &token).header("x-long", "x".repeat(40_000));
    let long = Answer::to(long).await?;
    assert_eq!(long.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert_eq!(long.code()?, "headers_too_large");
    Ok(())
}

#[tokio::test]
async fn the_correlation_id_crosses_the_gateway() -> Result<()> {
    let stack = Stack::start(&[]).await?;
    for name in ["Correlationid", "X-Correlation-Id"] {
        let answer =
            Answer::to(stack.request(Method::GET, "/operateurs/").header(name, CORRELATION_ID)).await?;
        assert_eq!(answer.header("x-correlation-id"), Some(CORRELATION_ID));
        assert_eq!(answer.header("correlationid"), Some(CORRELATION_ID));
    }
    let made = Answer::to(stack.request(Method::GET, "/operateurs/")).await?;
    let made = made.header("x-correlation-id").context("no correlation id was made")?.to_owned();
    let log = stack.replica.process.log()?;
    for id in [CORRELATION_ID, &made] {
        ensure!(log.contains(&format!("\"correlation_id\":\"{id}\"")), "{id} is in no log line: {log}");
    }
    Ok(())
}

#[tokio::test]
async fn a_forged_forwarded_address_does_not_evade_the_back_off() -> Result<()> {
    let stack = Stack::start(&[]).await?;
    let attempt = async |base: &str, username: &str, password: &str, n: usize| {
        let request = stack.http.post(format!("{base}/authentication/token/"));
        let request = request.header("x-forwarded-for", format!("203.0.113.{n}"));
        Answer::to(request.json(&json!({"username": username, "password": password}))).await
    };
    let gateway = stack.gateway.base_url();
    for n in 1..=5 {
        let answer = attempt(gateway, end_to_end::USERNAME, "wrong", n).await?;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{answer:?}");
    }
    for password in ["wrong", end_to_end::PASSWORD] {
        let answer = attempt(gateway, end_to_end::USERNAME, password, 99).await?;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{answer:?}");
        let wait: u64 = answer.header("retry-after").context("no Retry-After")?.parse()?;
        ensure!((1..=60).contains(&wait), "{wait}");
    }
    // The header does count where a trusted proxy sends it, as the test does here: another address, another count.
    for n in 1..=6 {
        let answer = attempt(&stack.replica.base_url, "nobody", "wrong", n).await?;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{answer:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_service_that_is_down_is_503_in_the_contracts_shape() -> Result<()> {
    let mut stack = Stack::start(&[]).await?;
    stack.replica.process.kill_9().await?;
    for (method, path) in [(Method::GET, "/operateurs/"), (Method::POST, "/transactions/")] {
        let answer = Answer::to(stack.request(method, path)).await?;
        assert_eq!(
            (answer.status, answer.code()?.as_str()),
            (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
        );
    }
    stack.replica.process.restart().await?;
    let restarted = Instant::now();
    while Answer::to(stack.request(Method::GET, "/operateurs/")).await?.status != StatusCode::OK {
        ensure!(restarted.elapsed() < Duration::from_secs(5), "the gateway does not see the service again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

#[tokio::test]
async fn a_statement_of_20_megabytes_passes() -> Result<()> {
    let stack = Stack::start(&[]).await?;
    let token = stack.token(None).await?;
    let sample = Sample::new(Params::new(5_000, 1));
    let mut csv = Vec::new();
    sample.write_csv(&mut csv)?;
    let note = "x".repeat(4_000);
    let mut statement = String::new();
    for (n, line) in String::from_utf8(csv)?.lines().enumerate() {
        statement.push_str(&format!("{line},{}\r\n", if n == 0 { "note" } else { &note }));
    }
    let size = statement.len();
    ensure!(size > 20_000_000, "{size}");
    let answer = Answer::to(stack.upload(&token, &sample, statement)).await?;
    let task = answer.expect(StatusCode::CREATED)?["id"].as_i64().context("no id")?;
    let task = stack.finished(&token, task).await?;
    assert_eq!(task["countOperator"], sample.expected().figures.count_operator);
    println!("{size} bytes passed");
    Ok(())
}

#[tokio::test]
async fn beyond_its_rate_the_gateway_answers_429_and_when_to_come_again() -> Result<()> {
    let stack = Stack::start(&[]).await?;
    let mut parameters = Parameters::to("reconciliation", stack.replica.port, free_port()?);
    parameters.requests_per_second = 10;
    let directory = tempfile::tempdir()?;
    let narrow = Envoy::start(&parameters, directory.path()).await?;
    let answers = try_join_all((0..40).map(|_| {
        let request = stack.http.get(format!("{}/operateurs/", narrow.base_url()));
        Answer::to(request.header("Correlationid", CORRELATION_ID))
    }))
    .await?;
    let (served, limited): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == StatusCode::OK);
    ensure!(served.len() >= 10 && !limited.is_empty(), "{} served", served.len());
    for answer in &limited {
        assert_eq!((answer.status, answer.code()?.as_str()), (StatusCode::TOO_MANY_REQUESTS, "rate_limited"));
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(answer.header("x-correlation-id"), Some(CORRELATION_ID));
    }
    println!(
        "of 40 requests at once, 10 a second allowed: {} served, {} answered 429",
        served.len(),
        limited.len()
    );
    Ok(())
}
