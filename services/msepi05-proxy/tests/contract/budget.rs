//! "Connect 200 ms, an attempt 600 ms covering the whole body, one jittered retry …, retries at most 10 % of the traffic,
//! 1.5 s in all."

use std::time::Duration;

use serde_json::json;

use crate::support::{Answer, Bank, hash, hashes};

const IN_ALL: Duration = Duration::from_millis(1_650);

#[tokio::test]
async fn a_dripping_caps_costs_the_budget_and_no_more() {
    let bank = Bank::open(&[]).await;
    bank.caps.fault(json!({"fault": {"drip": true}})).await.unwrap();
    for asked in [hashes(0..1), hashes(100..1_100)] {
        let answer = Answer::to(bank.search_as(&asked[0], &asked)).await;
        answer.error(500, "TEC0000");
        assert!(answer.took < IN_ALL, "{} hashes: {:?}", asked.len(), answer.took);
        assert!(answer.took > Duration::from_millis(1_200), "two attempts: {:?}", answer.took);
    }
}

#[tokio::test]
async fn what_may_pass_is_tried_once_more() {
    let bank = Bank::open(&[]).await;
    bank.caps.put(&hash(1), true, false).await.unwrap();
    let again = [
        json!({"status": 502}),
        json!({"status": 503}),
        json!({"status": 504}),
        json!({"status": 503, "retry_after_s": 60}),
        json!({"latency_ms": 700}),
        json!({"reset": true}),
        json!({"status": 429}),
        json!({"status": 429, "retry_after_s": 1}),
    ];
    for fault in again {
        bank.caps.clear().await.unwrap();
        // A life of nothing, so that the next round asks again.
        bank.caps.fault(json!({"times": 1, "fault": fault})).await.unwrap();
        bank.caps.fault(json!({"fault": {"max_age_s": 0}})).await.unwrap();
        let answer = Answer::to(bank.search(&[hash(1)])).await;
        assert_eq!(answer.status, 200, "{fault}: {answer:?}");
        assert_eq!(bank.journal().await.len(), 2, "{fault}");
        assert!(answer.took < IN_ALL);
        assert!(fault["retry_after_s"] != 1 || answer.took >= Duration::from_secs(1), "{:?}", answer.took);
    }
    let once = [
        (json!({"status": 500}), 500),
        (json!({"status": 422}), 422),
        (json!({"status": 404}), 500),
        (json!({"status": 429, "retry_after_s": 2}), 422),
        (json!({"body": "cut"}), 500),
    ];
    for (fault, status) in once {
        bank.caps.clear().await.unwrap();
        bank.caps.fault(json!({"fault": fault})).await.unwrap();
        assert_eq!(Answer::to(bank.search(&[hash(1)])).await.status, status, "{fault}");
        assert_eq!(bank.journal().await.len(), 1, "{fault}");
    }
}

#[tokio::test]
async fn retries_are_a_tenth_of_the_traffic() {
    let bank = Bank::open(&[("CAPS__BREAKER_MIN_CALLS", "100000")]).await;
    bank.caps.fault(json!({"fault": {"status": 503}})).await.unwrap();
    for n in 0..100 {
        Answer::to(bank.search(&[hash(n)])).await.error(500, "TEC0000");
    }
    let calls = bank.journal().await.len();
    assert!(
        (110..=120).contains(&calls),
        "{calls}: ten retries are in hand, and a tenth of the calls comes in"
    );
    let retries =
        async |outcome| bank.metric("garant_client_retries_total", &["peer=\"caps\"", outcome]).await;
    assert_eq!(retries("outcome=\"made\"").await as usize, calls - 100);
    assert_eq!(retries("outcome=\"refused\"").await as usize, 200 - calls);
}

#[tokio::test]
async fn a_caps_that_is_down_is_a_technical_error_at_once() {
    let nobody = format!("http://127.0.0.1:{}", testkit::process::free_port().unwrap());
    let bank = Bank::open(&[("CAPS__URL", &nobody)]).await;
    let answer = Answer::to(bank.search(&[hash(1)])).await;
    answer.error(500, "TEC0000");
    assert!(answer.took < Duration::from_millis(700), "{:?}", answer.took);
}
