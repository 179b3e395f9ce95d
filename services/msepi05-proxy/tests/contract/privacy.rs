//! "No hash in any encoding, and no numtecprs, in a log, span, metric label or panic, at any level", over a whole run at
//! TRACE with CAPS echoing hashes in its error messages.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::json;
use testkit::peers::Collector;
use testkit::redis::Redis;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Answer, Bank, CORRELATION_ID, NUMTECPRS, hash, hashes};

const OTHER_CUSTOMER: &str = "cust-99-8877665544";

/// A hash in the spellings in which it could slip out; cut at both ends, so that a part of it is found too.
fn spellings(hash: &str) -> Vec<String> {
    let bytes = URL_SAFE.decode(hash).unwrap();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let debug = bytes[..6].iter().map(u8::to_string).collect::<Vec<_>>();
    vec![
        hash[..20].to_owned(),
        STANDARD.encode(&bytes)[..20].to_owned(),
        hex[..16].to_owned(),
        hex[..16].to_uppercase(),
        debug.join(", "),
        debug.join(","),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_run_at_trace_level_shows_no_hash_and_no_customer() {
    let (collector, mut redis) = (Collector::start().await, Redis::start().await.unwrap());
    let mut bank = Bank::open_on(
        &redis,
        &[
            ("TELEMETRY__LEVEL", "trace"),
            ("TELEMETRY__OTLP_ENDPOINT", &collector.endpoint()),
            ("LIMITS__CUSTOMER_HASHES", "700"),
        ],
    )
    .await;
    let asked = hashes(0..40);
    for known in &asked[..20] {
        bank.caps.put(known, true, false).await.unwrap();
    }
    Answer::to(bank.search(&asked)).await.found();
    Answer::to(bank.search_as(OTHER_CUSTOMER, &asked)).await.found();
    Answer::to(bank.limits(OTHER_CUSTOMER)).await;

    // CAPS says in its own words what was asked of it, in every kind of answer.
    let mut n = 100;
    for fault in [
        json!({"status": 422}),
        json!({"status": 400}),
        json!({"status": 500}),
        json!({"status": 503}),
        json!({"status": 403}),
        json!({"status": 429, "retry_after_s": 9}),
        json!({"body": "cut"}),
        json!({"body": "html"}),
        json!({"value": "null"}),
        json!({"reset": true}),
        json!({"items": "unrequested"}),
        json!({"latency_ms": 700}),
    ] {
        n += 1;
        bank.caps.clear().await.unwrap();
        bank.caps.put(&hash(n), true, true).await.unwrap();
        let mut fault = fault.clone();
        if fault.get("status").is_some() {
            let message = format!("proxy {} of {NUMTECPRS} unknown", hash(n));
            fault["error"] = json!({"code": hash(n), "message": message});
        }
        bank.caps.fault(json!({"fault": fault})).await.unwrap();
        Answer::to(bank.search(&[hash(n)])).await;
    }
    bank.caps.clear().await.unwrap();

    // Refused requests, with hashes and customers where they don't belong.
    let stray = hash(300);
    let base = bank.replica.base.clone();
    for body in [
        format!(r#"[{{"proxy_hash":"{stray}x"}}]"#),
        format!(r#"[{{"{stray}":1}}]"#),
        format!(r#"["{stray}"]"#),
        format!("[{stray}"),
    ] {
        let request = bank.bare(&base).bearer_auth(bank.token()).header("numtecprs", OTHER_CUSTOMER);
        let request =
            request.header("Correlationid", CORRELATION_ID).header("content-type", "application/json");
        Answer::to(request.body(body)).await.error(400, "REQ0002");
    }
    let request = bank.bare(&base).bearer_auth(bank.token()).header("Correlationid", &stray);
    Answer::to(request.header("numtecprs", OTHER_CUSTOMER)).await.error(400, "REQ0001");
    for path in [format!("/{stray}"), format!("/proxies_indicators/{stray}?numtecprs={OTHER_CUSTOMER}")] {
        Answer::to(bank.http.get(format!("{base}{path}")).bearer_auth(&stray)).await;
    }
    let mut connection = tokio::net::TcpStream::connect(base.trim_start_matches("http://")).await.unwrap();
    let broken =
        format!("POST /proxies_indicators HTTP/1.1\r\nhost: x\r\ncontent-length: {stray}\r\n\r\n{stray}");
    connection.write_all(broken.as_bytes()).await.unwrap();
    connection.shutdown().await.unwrap();
    connection.read_to_end(&mut Vec::new()).await.unwrap();

    // An empty bucket, and Redis away.
    Answer::to(bank.search(&hashes(1_000..2_000))).await.error(429, "LIM0001");
    redis.kill_9().await.unwrap();
    Answer::to(bank.search(&asked)).await.found();
    tokio::time::sleep(Duration::from_millis(100)).await;

    let metrics = bank.metrics().await;
    let token = bank.token();
    assert!(bank.replica.process.terminate().await.unwrap().status.success());
    let received =
        async |path| String::from_utf8_lossy(&collector.received(path).await.unwrap()).into_owned();
    let places = [
        (
            "log",
            bank.replica.process.log().unwrap(),
            ["request served", CORRELATION_ID, "CAPS could not be asked"].as_slice(),
        ),
        ("traces", received("/v1/traces").await, &["POST /proxies_indicators", "POST caps", CORRELATION_ID]),
        ("exported metrics", received("/v1/metrics").await, &["garant.proxies.indicators"]),
        ("/metrics", metrics, &["garant_proxies_indicators_total", "garant_client_breaker_open"]),
    ];
    let mut secrets = vec![NUMTECPRS.to_owned(), OTHER_CUSTOMER.to_owned(), token];
    let all = (0..40).chain(101..113).chain([300]).chain(1_000..2_000);
    secrets.extend(all.flat_map(|n| spellings(&hash(n))));
    for (place, text, markers) in &places {
        for marker in *markers {
            assert!(text.contains(marker), "{place} lacks {marker}: {text:.4000}");
        }
        let found: Vec<_> = secrets.iter().filter(|secret| text.contains(secret.as_str())).collect();
        assert!(found.is_empty(), "{place} holds {found:?}");
    }
    let sizes = places.map(|(place, text, _)| format!("{place} {} bytes", text.len()));
    println!("{} spellings and names, none of them in {}", secrets.len(), sizes.join(", "));
}
