//! "Found 300 s, not found 30 s, ±10 % jitter, never beyond CAPS's max-age. Errors are never cached."

use std::time::Duration;

use serde_json::json;

use crate::support::{Answer, Bank, hash, hashes};

async fn ask(bank: &Bank, asked: &[String], calls: usize) {
    let answer = Answer::to(bank.search(asked)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(bank.journal().await.len(), calls);
}

#[tokio::test]
async fn what_is_found_is_kept_longer_than_what_is_not() {
    let bank = Bank::open(&[("CACHE__FOUND_S", "4"), ("CACHE__UNKNOWN_S", "1")]).await;
    bank.caps.put(&hash(1), true, false).await.unwrap();
    let both = hashes(1..3);
    ask(&bank, &both, 1).await;
    ask(&bank, &both, 1).await;
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    ask(&bank, &both, 2).await;
    assert_eq!(bank.journal().await[1], [hash(2)], "the unknown one is asked for again");
    tokio::time::sleep(Duration::from_millis(3_300)).await;
    ask(&bank, &both, 3).await;
    assert_eq!(bank.journal().await[2], both);
    assert_eq!(bank.metric("garant_proxies_hashes_total", &["source=\"cache_found\""]).await, 2.0);
    assert_eq!(bank.metric("garant_proxies_hashes_total", &["source=\"cache_unknown\""]).await, 1.0);
}

#[tokio::test]
async fn lives_are_spread_by_ten_percent() {
    let bank = Bank::open(&[("CACHE__UNKNOWN_S", "5")]).await;
    let asked = hashes(0..100);
    ask(&bank, &asked, 1).await;
    tokio::time::sleep(Duration::from_millis(4_950)).await;
    ask(&bank, &asked, 2).await;
    let expired = bank.journal().await[1].len();
    assert!((10..=90).contains(&expired), "{expired} of 100 have expired half-way through the spread");
}

#[tokio::test]
async fn max_age_is_never_exceeded() {
    let bank = Bank::open(&[]).await;
    bank.caps.put(&hash(1), true, false).await.unwrap();
    bank.caps.fault(json!({"times": 1, "fault": {"max_age_s": 0}})).await.unwrap();
    bank.caps.fault(json!({"times": 1, "fault": {"max_age_s": 1}})).await.unwrap();
    ask(&bank, &[hash(1)], 1).await;
    ask(&bank, &[hash(1)], 2).await;
    ask(&bank, &[hash(1)], 2).await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    ask(&bank, &[hash(1)], 3).await;
}

#[tokio::test]
async fn errors_are_never_kept() {
    let bank = Bank::open(&[]).await;
    bank.caps.put(&hash(1), true, false).await.unwrap();
    for (fault, status) in
        [(json!({"status": 500}), 500), (json!({"status": 422}), 422), (json!({"body": "cut"}), 500)]
    {
        bank.caps.clear().await.unwrap();
        bank.caps.fault(json!({"times": 1, "fault": fault})).await.unwrap();
        assert_eq!(Answer::to(bank.search(&[hash(1)])).await.status, status, "{fault}");
        bank.caps.clear().await.unwrap();
    }
    ask(&bank, &[hash(1)], 1).await;
}
