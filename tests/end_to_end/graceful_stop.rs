//! SIGTERM while requests and a task are under way.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use end_to_end::{Answer, Stack};
use futures_util::{StreamExt, stream};
use reqwest::{Body, StatusCode};
use testkit::peers::Collector;
use testkit::statements::{Params, Sample};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

const CORRELATION_ID: &str = "0192f0c1-2345-7abc-8def-0123456789ab";

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_service_ends_what_it_has_begun_and_gives_its_task_back() -> Result<()> {
    let collector = Collector::start().await;
    let mut stack = Stack::start(&[("TELEMETRY__OTLP_ENDPOINT", &collector.endpoint())]).await?;
    let token = stack.token(None).await?;
    let sample = Sample::new(Params::new(1_000, 1));
    stack.ingest(&token, &sample).await?;
    let mut statement = Vec::new();
    sample.write_csv(&mut statement)?;

    // A task that cannot end: the test holds what its matching must read.
    let mut block = stack.pool.begin().await?;
    sqlx::query("LOCK TABLE reconciliation.transactions IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *block)
        .await?;
    let task = stack.reconcile(&token, &sample).await?;
    stack.until("SELECT state = 'ENCOURS' FROM reconciliation.tasks").await?;

    // An upload whose second half waits until the service takes no new connection.
    let (begun, has_begun) = oneshot::channel::<()>();
    let (release, released) = oneshot::channel::<()>();
    let second = statement.split_off(statement.len() / 2);
    let body = stream::iter([Ok(statement)]).chain(stream::once(async move {
        let _ = begun.send(());
        released.await.map_err(std::io::Error::other)?;
        Ok::<_, std::io::Error>(second)
    }));
    let upload = stack.upload(&token, &sample, Body::wrap_stream(body));
    let upload = tokio::spawn(Answer::to(upload.header("correlationid", CORRELATION_ID)));
    has_begun.await?;

    // Readers come all the while.
    let ended = AtomicBool::new(false);
    let (http, operators) = (stack.http.clone(), format!("{}/operateurs/", stack.gateway.base_url()));
    let readers = async {
        let (mut served, mut refused) = (0, 0);
        while !ended.load(Relaxed) {
            let answer = Answer::to(http.get(&operators)).await?;
            if answer.status == StatusCode::OK {
                served += 1;
            } else {
                ensure!(answer.status == StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
                answer.code()?;
                refused += 1;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok((served, refused))
    };
    let address = stack.replica.base_url.trim_start_matches("http://").to_owned();
    let finish_upload = async {
        while TcpStream::connect(&address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let _ = release.send(());
        upload.await?
    };
    let process = &mut stack.replica.process;
    let stop = async {
        let exit = process.terminate().await;
        ended.store(true, Relaxed);
        exit
    };
    let (exit, upload, readers) = tokio::join!(stop, finish_upload, readers);
    let (exit, (served, refused)) = (exit?, readers?);
    let uploaded = upload?.expect(StatusCode::CREATED)?["id"].as_i64().context("no id")?;
    ensure!(exit.status.success(), "{}", exit.status);
    ensure!(exit.took < Duration::from_secs(25), "{:?}", exit.took);

    let traces = collector.received("/v1/traces").await?;
    let traces = String::from_utf8_lossy(&traces);
    ensure!(traces.contains("POST /reconciliation") && traces.contains(CORRELATION_ID), "spans are missing");

    let job = "SELECT state, attempt, failures, last_error FROM jobs.job ORDER BY id LIMIT 1";
    let (state, attempt, failures, reason): (String, i32, i32, String) =
        sqlx::query_as(job).fetch_one(&stack.pool).await?;
    let given_back = (state.as_str(), attempt, failures, reason.as_str());
    assert_eq!(given_back, ("queued", 1, 0, "the worker was stopped"), "a graceful stop is no failure");
    block.rollback().await?;
    stack.replica.process.restart().await?;
    for task in [task, uploaded] {
        let task = stack.finished(&token, task).await?;
        let figures = serde_json::to_value(sample.expected().figures)?;
        for (name, value) in figures.as_object().context("no figures")? {
            assert_eq!(&task[name], value, "{name}");
        }
    }
    println!(
        "exit 0 after {:?}; meanwhile {served} reads served and {refused} refused in shape, the upload answered 201, \
         the task given back and ended by the next start",
        exit.took
    );
    Ok(())
}
