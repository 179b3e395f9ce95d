//! "Concurrent requests for the same hash share one CAPS call, also when the first client goes away."

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Answer, Bank, hash, hashes};

#[tokio::test]
async fn twenty_requests_for_overlapping_hashes_ask_for_each_once() {
    let bank = Bank::open(&[]).await;
    for n in 0..30 {
        bank.caps.put(&hash(n), true, false).await.unwrap();
    }
    bank.caps.fault(json!({"fault": {"latency_ms": 300}})).await.unwrap();
    let answers = join_all((0..20).map(|n| {
        let customer = format!("customer {n}");
        Answer::to(bank.search_as(&customer, &hashes(n..n + 10)))
    }))
    .await;
    for (n, answer) in answers.iter().enumerate() {
        assert_eq!(answer.found(), hashes(n as u32..n as u32 + 10));
    }
    let (mut asked, mut expected) = (bank.journal().await.concat(), hashes(0..29));
    asked.sort();
    expected.sort();
    assert_eq!(asked, expected, "each hash once");
    assert!(bank.metric("garant_proxies_hashes_total", &["source=\"joined\""]).await >= 100.0);
}

#[tokio::test]
async fn the_call_goes_on_when_the_client_that_began_it_goes_away() {
    let bank = Bank::open(&[]).await;
    bank.caps.put(&hash(1), true, false).await.unwrap();
    bank.caps.fault(json!({"fault": {"latency_ms": 400}})).await.unwrap();
    let impatient = bank.search(&[hash(1)]).timeout(Duration::from_millis(150));
    let gone = tokio::spawn(impatient.send());
    bank.calls(1).await;
    let joined = tokio::spawn(Answer::to(bank.search_as("another", &[hash(1)])));
    assert!(gone.await.unwrap().unwrap_err().is_timeout());
    assert_eq!(joined.await.unwrap().found(), [hash(1)]);

    // Nobody waits any longer, and what comes is kept all the same.
    let gone = bank.search(&[hash(2)]).timeout(Duration::from_millis(100)).send().await;
    assert!(gone.unwrap_err().is_timeout());
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(Answer::to(bank.search(&[hash(2)])).await.status, 200);
    assert_eq!(bank.journal().await, [[hash(1)], [hash(2)]]);
}

#[tokio::test]
async fn a_failure_is_shared_and_a_refusal_stays_with_whoever_asked() {
    let bank = Bank::open(&[]).await;
    bank.caps.put(&hash(1), true, false).await.unwrap();
    let failure = json!({"times": 1, "fault": {"status": 500, "latency_ms": 300}});
    bank.caps.fault(failure).await.unwrap();
    let first = tokio::spawn(Answer::to(bank.search_as("one", &[hash(1)])));
    bank.calls(1).await;
    let second = tokio::spawn(Answer::to(bank.search_as("two", &[hash(1)])));
    first.await.unwrap().error(500, "TEC0000");
    second.await.unwrap().error(500, "TEC0000");
    assert_eq!(bank.journal().await.len(), 1);

    // CAPS refuses the first one's call for a hash that the second one has never asked for.
    bank.caps.clear().await.unwrap();
    let error = json!({"code": "CAPS-0042", "message": format!("proxy {} invalide", hash(7))});
    let refusal =
        json!({"match": {"hash": hash(7)}, "fault": {"status": 422, "error": error, "latency_ms": 300}});
    bank.caps.fault(refusal).await.unwrap();
    let first = tokio::spawn(Answer::to(bank.search_as("one", &[hash(1), hash(7)])));
    bank.calls(1).await;
    let second = tokio::spawn(Answer::to(bank.search_as("two", &[hash(1)])));
    assert!(first.await.unwrap().error(422, "EXT0000").contains(&hash(7)));
    let second = second.await.unwrap();
    assert_eq!(second.found(), [hash(1)]);
    assert!(!second.text.contains(&hash(7)));
    assert_eq!(bank.calls(2).await[1], [hash(1)]);
}
