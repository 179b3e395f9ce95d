//! "CAPS's answers": what each becomes, and that a malformed one is never defaulted and never cached.

use serde_json::json;

use crate::support::{Answer, Bank, hash, hashes};

#[tokio::test]
async fn each_status_becomes_a_422_or_a_500() {
    let bank = Bank::open(&[]).await;
    let error = json!({"code": "CAPS-0042", "message": "proxy inconnu du schéma"});
    for (status, expected) in
        [(400, 422), (409, 422), (422, 422), (401, 500), (403, 500), (404, 500), (500, 500)]
    {
        bank.caps.clear().await.unwrap();
        bank.caps.fault(json!({"fault": {"status": status, "error": error}})).await.unwrap();
        let answer = Answer::to(bank.search(&[hash(1)])).await;
        let message = answer.error(expected, if expected == 422 { "EXT0000" } else { "TEC0000" });
        if expected == 422 {
            assert_eq!(
                message, "La requête ne peut pas être traitée par CAPS. Cause : proxy inconnu du schéma",
                "{status}"
            );
        } else {
            assert!(!message.contains("schéma"), "our fault is not told with CAPS's words: {message}");
        }
        assert!(answer.customer_tokens() < 1_000, "the answer tells what is left");
    }
}

#[tokio::test]
async fn the_cause_is_never_blank_and_always_printable() {
    let bank = Bank::open(&[]).await;
    let long = "é".repeat(800);
    for (error, cause) in [
        (json!({}), "code inconnu".to_owned()),
        (json!({"code": "CAPS-0042", "message": " "}), "code inconnu".to_owned()),
        (json!({"message": "a\nb\u{0}c"}), "abc".to_owned()),
        (json!({"message": long}), "é".repeat(500)),
    ] {
        bank.caps.clear().await.unwrap();
        bank.caps.fault(json!({"fault": {"status": 422, "error": error}})).await.unwrap();
        let message = Answer::to(bank.search(&[hash(1)])).await.error(422, "EXT0000");
        assert_eq!(message, format!("La requête ne peut pas être traitée par CAPS. Cause : {cause}"));
    }
    bank.caps.clear().await.unwrap();
    bank.caps.fault(json!({"fault": {"status": 422}})).await.unwrap();
    let message = Answer::to(bank.search(&[hash(1)])).await.error(422, "EXT0000");
    assert!(message.ends_with("Cause : code inconnu"), "{message}");
}

#[tokio::test]
async fn a_malformed_answer_is_a_technical_error_and_is_not_kept() {
    let bank = Bank::open(&[("CAPS__BREAKER_MIN_CALLS", "100000")]).await;
    bank.caps.put(&hash(1), true, false).await.unwrap();
    let faults = [
        json!({"value": "null"}),
        json!({"value": "missing"}),
        json!({"value": "string"}),
        json!({"body": "cut"}),
        json!({"body": "html"}),
        json!({"status": 204}),
        json!({"status": 302}),
    ];
    for fault in faults {
        bank.caps.clear().await.unwrap();
        bank.caps.fault(json!({"fault": fault})).await.unwrap();
        for calls in 1..=2 {
            Answer::to(bank.search(&[hash(1)])).await.error(500, "TEC0000");
            assert_eq!(bank.journal().await.len(), calls, "{fault}");
        }
    }
    bank.caps.clear().await.unwrap();
    assert_eq!(Answer::to(bank.search(&[hash(1)])).await.found(), [hash(1)]);
}

#[tokio::test]
async fn unrequested_and_duplicate_items_are_dropped() {
    let bank = Bank::open(&[]).await;
    for (n, items) in [(1, "unrequested"), (11, "duplicated"), (21, "shuffled")] {
        bank.caps.clear().await.unwrap();
        for n in n..n + 3 {
            bank.caps.put(&hash(n), true, false).await.unwrap();
        }
        bank.caps.fault(json!({"fault": {"items": items}})).await.unwrap();
        let answer = Answer::to(bank.search(&hashes(n..n + 4))).await;
        assert_eq!(answer.found(), hashes(n..n + 3), "{items}");
        assert!(answer.json()["indicators"].as_array().unwrap().iter().all(|item| item["pro"] == false));
    }
}
