//! "Chunks of at most 100 hashes to CAPS, at most 4 in flight per request, 64 in flight per process; full → 500 at once."

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Answer, Bank, hash, hashes};

#[tokio::test]
async fn a_thousand_hashes_are_ten_calls_of_a_hundred_and_four_at_a_time() {
    let bank = Bank::open(&[]).await;
    bank.caps.put(&hash(999), true, false).await.unwrap();
    bank.caps.fault(json!({"fault": {"latency_ms": 300}})).await.unwrap();
    let asked = hashes(0..1_000);
    let request = tokio::spawn(Answer::to(bank.search(&asked)));
    for calls in [4, 8, 10] {
        assert_eq!(bank.calls(calls).await.len(), calls);
        tokio::time::sleep(Duration::from_millis(150)).await;
        assert_eq!(bank.journal().await.len(), calls, "the next ones wait for a place");
    }
    assert_eq!(request.await.unwrap().found(), [hash(999)]);
    let calls = bank.journal().await;
    assert!(
        calls.iter().all(|call| call.len() == 100),
        "{:?}",
        calls.iter().map(Vec::len).collect::<Vec<_>>()
    );
    assert_eq!(calls.concat().into_iter().collect::<HashSet<_>>(), asked.into_iter().collect());
    assert_eq!(bank.metric("garant_caps_chunk_hashes_count", &[]).await, 10.0);
}

#[tokio::test]
async fn the_sixty_fifth_call_of_the_process_is_a_technical_error_at_once() {
    let bank = Bank::open(&[]).await;
    bank.caps.fault(json!({"fault": {"latency_ms": 550}})).await.unwrap();
    let first = tokio::spawn(join_all((0..64).map(|n| Answer::to(bank.search(&[hash(n)])))));
    bank.calls(64).await;
    assert_eq!(bank.metric("garant_client_in_flight", &["peer=\"caps\""]).await, 64.0);
    for n in 64..70 {
        let answer = Answer::to(bank.search(&[hash(n)])).await;
        answer.error(500, "TEC0000");
        assert!(answer.took < Duration::from_millis(150), "{:?}", answer.took);
    }
    for answer in first.await.unwrap() {
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!(bank.journal().await.len(), 64);
    assert_eq!(bank.metric("garant_client_calls_total", &["outcome=\"full\""]).await, 6.0);
}

#[tokio::test]
async fn one_refused_chunk_makes_a_422_and_one_failed_a_500_and_the_others_stay_cached() {
    let bank = Bank::open(&[]).await;
    let asked = hashes(0..300);
    let refusal = json!({"status": 422, "error": {"code": "CAPS-0042", "message": "proxy invalide"}});
    let refused = json!({"match": {"hash": hash(150)}, "times": 1, "fault": refusal});
    let failed =
        json!({"match": {"hash": hash(250)}, "times": 1, "fault": {"status": 500, "latency_ms": 100}});
    bank.caps.fault(refused).await.unwrap();
    bank.caps.fault(failed.clone()).await.unwrap();
    let message = Answer::to(bank.search(&asked)).await.error(422, "EXT0000");
    assert_eq!(message, "La requête ne peut pas être traitée par CAPS. Cause : proxy invalide");
    assert_eq!(bank.calls(3).await.len(), 3);

    bank.caps.clear().await.unwrap();
    bank.caps.fault(failed).await.unwrap();
    Answer::to(bank.search(&asked)).await.error(500, "TEC0000");
    let retried: HashSet<String> = bank.calls(2).await.concat().into_iter().collect();
    assert_eq!(retried, hashes(100..300).into_iter().collect(), "the first hundred were answered before");

    bank.caps.clear().await.unwrap();
    assert_eq!(Answer::to(bank.search(&asked)).await.status, 200);
    assert_eq!(bank.calls(1).await[0].len(), 100);
}

#[tokio::test]
async fn a_truncated_chunk_leaves_absent_hashes_undetermined_and_never_masks_an_error() {
    let bank = Bank::open(&[]).await;
    for n in [1, 2] {
        bank.caps.put(&hash(n), true, true).await.unwrap();
    }
    let truncated = json!({"times": 1, "fault": {"truncate_to": 1}});
    bank.caps.fault(truncated).await.unwrap();
    let answer = Answer::to(bank.search(&hashes(1..4))).await;
    assert_eq!((answer.found(), answer.json()["truncated"].clone()), (vec![hash(1)], json!(true)));
    // What was found is cached; what was absent is asked for again.
    let answer = Answer::to(bank.search(&hashes(1..4))).await;
    assert_eq!((answer.found(), answer.json()["truncated"].clone()), (hashes(1..3), json!(false)));
    assert_eq!(bank.calls(2).await[1], hashes(2..4));

    bank.caps.clear().await.unwrap();
    for n in [100, 101] {
        bank.caps.put(&hash(n), true, true).await.unwrap();
    }
    bank.caps.fault(json!({"match": {"hash": hash(100)}, "fault": {"truncate_to": 1}})).await.unwrap();
    bank.caps.fault(json!({"match": {"hash": hash(200)}, "fault": {"status": 500}})).await.unwrap();
    Answer::to(bank.search(&hashes(100..300))).await.error(500, "TEC0000");
}
