//! "Breaker: ≥ 50 % technical failures over ≥ 20 calls in 10 s; half-open after 5 s with one probe; functional 4xx never
//! trip it. While the breaker is open, unexpired entries still answer."

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Answer, Bank, hash};

#[tokio::test]
async fn opens_serves_the_cache_and_heals_by_itself() {
    let bank = Bank::open(&[]).await;
    bank.caps.put(&hash(0), true, false).await.unwrap();
    assert_eq!(Answer::to(bank.search(&[hash(0)])).await.found(), [hash(0)]);
    bank.caps.fault(json!({"fault": {"status": 500}})).await.unwrap();
    for n in 1..20 {
        Answer::to(bank.search(&[hash(n)])).await.error(500, "TEC0000");
    }
    bank.calls(20).await;
    assert_eq!(bank.metric("garant_client_breaker_open", &["peer=\"caps\""]).await, 1.0, "19 of 20 failed");
    for n in 20..40 {
        Answer::to(bank.search(&[hash(n)])).await.error(500, "TEC0000");
    }
    assert_eq!(Answer::to(bank.search(&[hash(0)])).await.found(), [hash(0)]);
    assert_eq!(bank.journal().await.len(), 20, "an open breaker asks nothing of CAPS");

    // Still ill after five seconds: of many requests one probes.
    tokio::time::sleep(Duration::from_millis(5_050)).await;
    join_all((40..60).map(|n| Answer::to(bank.search(&[hash(n)])))).await;
    assert_eq!(bank.journal().await.len(), 21);

    bank.caps.clear().await.unwrap();
    tokio::time::sleep(Duration::from_millis(5_050)).await;
    assert_eq!(Answer::to(bank.search(&[hash(60)])).await.status, 200, "the probe succeeds");
    for n in 61..81 {
        assert_eq!(Answer::to(bank.search(&[hash(n)])).await.status, 200);
    }
    assert_eq!(bank.metric("garant_client_breaker_open", &["peer=\"caps\""]).await, 0.0);
}

#[tokio::test]
async fn refusals_never_open_it_and_malformed_answers_do() {
    let bank = Bank::open(&[("LIMITS__CUSTOMER_HASHES", "1000000")]).await;
    let mut n = 0;
    for status in [400, 409, 422, 403, 404, 422, 400] {
        bank.caps.clear().await.unwrap();
        bank.caps.fault(json!({"fault": {"status": status}})).await.unwrap();
        for _ in 0..8 {
            n += 1;
            assert!([422, 500].contains(&Answer::to(bank.search(&[hash(n)])).await.status.as_u16()));
        }
        assert_eq!(bank.journal().await.len(), 8, "{status}");
    }
    bank.caps.clear().await.unwrap();
    bank.caps.fault(json!({"fault": {"value": "null"}})).await.unwrap();
    for n in 1_000..1_100 {
        bank.caps.put(&hash(n), true, true).await.unwrap();
        Answer::to(bank.search(&[hash(n)])).await.error(500, "TEC0000");
    }
    let calls = bank.journal().await.len();
    assert!((20..100).contains(&calls), "{calls}: opened once half of all calls were malformed");
}
