//! "A value in the request is invalid": 400 in the contract's shape, naming what is wrong and never quoting it; and the
//! answer: "one indicator per distinct hash that CAPS knows, in request order".

use std::sync::LazyLock;

use serde_json::json;

use crate::support::{Answer, Bank, CORRELATION_ID, NUMTECPRS, hash, hashes};

static OTHER: LazyLock<String> = LazyLock::new(|| hash(0xabcd));

#[tokio::test]
async fn known_hashes_come_back_once_in_request_order_and_unknown_ones_not() {
    let bank = Bank::open(&[]).await;
    bank.caps.put(&hash(1), true, false).await.unwrap();
    bank.caps.put(&hash(2), false, true).await.unwrap();
    bank.caps.put(&hash(3), true, true).await.unwrap();
    bank.caps.fault(json!({"fault": {"items": "shuffled"}})).await.unwrap();
    let asked = [hash(3), hash(9), hash(1), hash(3), hash(2), hash(9)];
    for round in ["asked", "cached"] {
        let answer = Answer::to(bank.search(&asked)).await;
        assert_eq!(
            answer.json(),
            json!({
                "indicators": [
                    {"proxy_hash": hash(3), "can_be_payer": true, "pro": true},
                    {"proxy_hash": hash(1), "can_be_payer": true, "pro": false},
                    {"proxy_hash": hash(2), "can_be_payer": false, "pro": true},
                ],
                "truncated": false,
            }),
            "{round}"
        );
        assert_eq!(answer.header("correlationid"), Some(CORRELATION_ID));
    }
    assert_eq!(bank.journal().await, [[hash(3), hash(9), hash(1), hash(2)]], "each hash once");
    let call = &bank.caps.journal().await.unwrap()[0];
    assert_eq!(call["correlation_id"], CORRELATION_ID);
    let requester = call["requester_ref"].as_str().unwrap();
    assert!(requester.len() == 64 && !requester.contains(NUMTECPRS), "{requester}");
    assert_eq!(bank.metric("garant_proxies_hashes_total", &["source=\"duplicate\""]).await, 4.0);
}

#[tokio::test]
async fn no_hash_asks_nothing() {
    let bank = Bank::open(&[]).await;
    let answer = Answer::to(bank.search(&[])).await;
    assert_eq!(answer.json(), json!({"indicators": [], "truncated": false}));
    assert_eq!(answer.customer_tokens(), 1_000);
    assert!(bank.journal().await.is_empty());
}

#[tokio::test]
async fn a_wrong_header_is_named_and_not_quoted() {
    let bank = Bank::open(&[]).await;
    let id = "Correlationid";
    let cases: [(&[(&str, &str)], &str); 12] = [
        (&[("numtecprs", "4711")], id),
        (&[(id, ""), ("numtecprs", "4711")], id),
        (&[(id, "urn:uuid:0192f0c1-2345-7abc-8def-0123456789ab"), ("numtecprs", "4711")], id),
        (&[(id, "{0192f0c1-2345-7abc-8def-0123456789ab}"), ("numtecprs", "4711")], id),
        (&[(id, "0192f0c123457abc8def0123456789ab"), ("numtecprs", "4711")], id),
        (&[(id, "0192f0c1-2345-7abc-8def-0123456789ag"), ("numtecprs", "4711")], id),
        (&[(id, CORRELATION_ID), (id, CORRELATION_ID), ("numtecprs", "4711")], id),
        (&[("X-Correlation-Id", CORRELATION_ID), ("numtecprs", "4711")], id),
        (&[(id, CORRELATION_ID)], "numtecprs"),
        (&[(id, CORRELATION_ID), ("numtecprs", "")], "numtecprs"),
        (&[(id, CORRELATION_ID), ("numtecprs", " \t ")], "numtecprs"),
        (&[(id, CORRELATION_ID), ("numtecprs", "4711"), ("numtecprs", "4712")], "numtecprs"),
    ];
    for (headers, named) in cases {
        let request =
            bank.bare(&bank.replica.base).bearer_auth(bank.token()).json(&[json!({"proxy_hash": hash(1)})]);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let answer = Answer::to(request).await;
        let message = answer.error(400, "REQ0001");
        assert!(message.contains(named) && !message.contains("0192f0c1"), "{headers:?}: {message}");
        assert_eq!((answer.customer_tokens(), answer.client_hashes()), (1_000, 60_000));
    }
    assert!(bank.journal().await.is_empty());
    // Upper case is another spelling of the same canonical form.
    let upper =
        bank.complete(bank.bare(&bank.replica.base).bearer_auth(bank.token()), "\u{e9}t\u{e9}", &[hash(1)]);
    assert_eq!(Answer::to(upper).await.status, 200, "a customer's identifier is opaque");
}

#[tokio::test]
async fn a_wrong_body_is_named_and_not_quoted() {
    let bank = Bank::open(&[]).await;
    let send = |media_type: Option<&str>, body: Vec<u8>| {
        let request = bank.bare(&bank.replica.base).bearer_auth(bank.token());
        let request =
            request.header("Correlationid", CORRELATION_ID).header("numtecprs", NUMTECPRS).body(body);
        Answer::to(match media_type {
            Some(media_type) => request.header("content-type", media_type),
            None => request,
        })
    };
    let item = |hash: &str| format!(r#"{{"proxy_hash":"{hash}"}}"#);
    let bare_digits = OTHER.trim_end_matches('=');
    let json = Some("application/json");
    let cases = [
        (None, format!("[{}]", item(&OTHER)), "Content-Type"),
        (Some("text/plain"), format!("[{}]", item(&OTHER)), "Content-Type"),
        (json, item(&OTHER), "corps"),
        (json, format!("[{},[\"{}\"]]", item(&hash(1)), *OTHER), "[1]"),
        (json, format!(r#"[{{"proxy_hash":"{}","phone":"{}"}}]"#, *OTHER, *OTHER), "[0]"),
        (json, format!("[{},{}]", item(&hash(1)), item(bare_digits)), "[1].proxy_hash"),
        (json, format!("[{}]", vec![item(&OTHER); 1_001].join(",")), "1000"),
        (json, format!("[{}", item(&OTHER)), "JSON"),
        (json, " ".repeat(2 * 1024 * 1024), "trop grand"),
    ];
    for (media_type, body, named) in cases {
        let answer = send(media_type, body.into_bytes()).await;
        let message = answer.error(400, "REQ0002");
        assert!(message.contains(named) && !message.contains(bare_digits), "{named}: {message}");
        assert_eq!(answer.customer_tokens(), 1_000, "nothing is charged for it");
    }
    assert_eq!(send(Some("Application/JSON; charset=utf-8"), b"[]".to_vec()).await.status, 200);
    assert!(bank.journal().await.is_empty());
}

#[tokio::test]
async fn other_paths_and_methods_answer_in_the_contracts_shape() {
    let bank = Bank::open(&[]).await;
    let url = |path: &str| format!("{}{path}", bank.replica.base);
    Answer::to(bank.http.get(url("/nowhere"))).await.error(404, "REQ0000");
    let answer = Answer::to(bank.http.get(url("/proxies_indicators")).bearer_auth(bank.token())).await;
    answer.error(405, "REQ0000");
    assert_eq!(answer.header("allow"), Some("POST"));
    let slashed = bank.http.get(url("/proxies_indicators/limits/")).bearer_auth(bank.token());
    assert_eq!(Answer::to(slashed.header("numtecprs", "4711")).await.status, 200);
}

#[tokio::test]
async fn headers_come_before_the_body_the_body_before_buckets_and_buckets_before_the_cache() {
    let bank = Bank::open(&[("LIMITS__CLIENT_HASHES_PER_MINUTE", "3")]).await;
    Answer::to(bank.search(&hashes(0..3))).await.found();
    assert_eq!(bank.calls(1).await.len(), 1);
    // In the cache, and yet no free oracle.
    Answer::to(bank.search(&hashes(0..3))).await.error(429, "LIM0001");
    let broken =
        bank.bare(&bank.replica.base).bearer_auth(bank.token()).header("Correlationid", CORRELATION_ID);
    let broken = broken.header("content-type", "application/json").body("[");
    Answer::to(broken.try_clone().unwrap()).await.error(400, "REQ0001");
    Answer::to(broken.header("numtecprs", "4711")).await.error(400, "REQ0002");
    assert_eq!(bank.journal().await.len(), 1);
}
