//! The sandbox as its clients see it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test is an outside client")]

use std::collections::HashSet;
use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use caps_sandbox::directory::ProxyHash;
use caps_sandbox::{Options, Sandbox, Tls};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use testkit::certificates::{Authority, Issued};

struct Caps {
    url: String,
    client: Client,
}

impl Caps {
    async fn start() -> Self {
        Self { url: serve(None), client: Client::new() }
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    async fn post(&self, path: &str, body: &Value) -> Response {
        self.client.post(self.at(path)).json(body).send().await.unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        self.client.get(self.at(path)).send().await.unwrap().json().await.unwrap()
    }

    async fn delete(&self, path: &str) -> StatusCode {
        self.client.delete(self.at(path)).send().await.unwrap().status()
    }

    async fn search(&self, hashes: &[String]) -> Response {
        self.post("/v1/proxy-indicators/search", &json!({"proxy_hashes": hashes})).await
    }

    async fn found(&self, hashes: &[String]) -> Value {
        let answer = self.search(hashes).await;
        assert_eq!(answer.status(), 200);
        answer.json().await.unwrap()
    }

    /// The first hashes of the directory, and what it says of them in the form of a search's results.
    async fn known(&self, number: usize) -> (Vec<String>, Vec<Value>) {
        let directory = self.get("/_directory").await;
        let entries = &directory.as_array().unwrap()[..number];
        let results = entries.iter().map(|entry| {
            json!({"proxy_hash": entry["proxy_hash"], "can_be_payer": entry["can_be_payer"], "pro": entry["pro"]})
        });
        (entries.iter().map(hash_of).collect(), results.collect())
    }

    async fn fault(&self, rule: Value) {
        let added = self.post("/_faults", &rule).await;
        assert_eq!(added.status(), 201);
        assert!(added.json::<Value>().await.unwrap()["id"].is_string());
    }

    /// The statuses of as many calls of one hash, one after the other.
    async fn statuses(&self, calls: usize) -> Vec<u16> {
        let mut statuses = Vec::new();
        for _ in 0..calls {
            statuses.push(self.search(&[unknown("x")]).await.status().as_u16());
        }
        statuses
    }
}

fn serve(tls: Option<Tls>) -> String {
    let options = Options { listen: ([127, 0, 0, 1], 0).into(), phones: 150, addresses: 50, tls };
    let sandbox = Sandbox::bind(&options).unwrap();
    let url = sandbox.url();
    tokio::spawn(sandbox.run());
    url
}

fn hash_of(entry: &Value) -> String {
    entry["proxy_hash"].as_str().unwrap().to_owned()
}

fn unknown(text: &str) -> String {
    ProxyHash::of(text).to_string()
}

#[tokio::test]
async fn the_directory_is_the_same_at_every_start_and_its_hashes_are_those_of_the_contract() {
    let caps = Caps::start().await;
    let directory = caps.get("/_directory").await;
    assert_eq!(directory, Caps::start().await.get("/_directory").await);

    let entries = directory.as_array().unwrap();
    assert_eq!(entries.len(), 200);
    let text = |entry: &Value| entry["proxy"].as_str().unwrap().to_owned();
    assert_eq!(entries.iter().filter(|entry| text(entry).starts_with("+3363998")).count(), 150);
    assert_eq!(entries.iter().filter(|entry| text(entry).contains("@example.")).count(), 50);
    let first = entries.iter().find(|entry| text(entry) == "+33639980000").unwrap();
    assert_eq!(first["proxy_hash"], "TfyQEVYfEVCCVe3-eBKhSjfJyEnvP94lQ4H3uTv6S8k=");
    let combinations: HashSet<_> =
        entries.iter().map(|entry| (entry["can_be_payer"].as_bool(), entry["pro"].as_bool())).collect();
    assert_eq!(combinations.len(), 4);
}

#[tokio::test]
async fn a_search_answers_in_the_order_of_the_request_and_omits_the_unknown() {
    let caps = Caps::start().await;
    let (hashes, mut results) = caps.known(100).await;
    let backwards: Vec<_> = hashes.iter().rev().cloned().collect();
    results.reverse();
    assert_eq!(caps.found(&backwards).await, json!({"results": results, "truncated": false}));

    let asked = [unknown("a"), hashes[0].clone(), unknown("b")];
    assert_eq!(caps.found(&asked).await, json!({"results": [results[99]], "truncated": false}));
    assert_eq!(caps.found(&[unknown("a")]).await, json!({"results": [], "truncated": false}));
}

#[tokio::test]
async fn the_directory_can_be_changed() {
    let caps = Caps::start().await;
    let (hashes, _) = caps.known(1).await;
    let put = async |hash: &str, body: Value| {
        let request = caps.client.put(caps.at(&format!("/_directory/{hash}"))).json(&body);
        request.send().await.unwrap().status()
    };
    let flags = json!({"can_be_payer": false, "pro": true});
    let new = unknown("someone new");
    assert_eq!(put(&new, flags.clone()).await, 201);
    assert_eq!(put(&new, flags.clone()).await, 200);
    assert_eq!(put(&hashes[0], flags.clone()).await, 200);
    let found = caps.found(&[new.clone(), hashes[0].clone()]).await;
    assert!(found["results"].as_array().unwrap().iter().all(|result| result["pro"] == true), "{found}");

    let directory = caps.get("/_directory").await;
    let entry =
        |hash: &str| directory.as_array().unwrap().iter().find(|entry| hash_of(entry) == hash).unwrap();
    assert!(entry(&new).get("proxy").is_none());
    assert!(entry(&hashes[0])["proxy"].is_string(), "a replaced entry keeps its text");

    assert_eq!(caps.delete(&format!("/_directory/{new}")).await, 204);
    assert_eq!(caps.delete(&format!("/_directory/{new}")).await, 404);
    assert_eq!(caps.found(std::slice::from_ref(&new)).await["results"], json!([]));

    assert_eq!(put(&new[..43], flags.clone()).await, 400, "without padding");
    assert_eq!(put(&spelled_otherwise(&new), flags).await, 400, "with trailing bits");
    assert_eq!(put(&new, json!({"can_be_payer": true})).await, 400);
    assert_eq!(caps.delete("/_directory/x").await, 400);
}

/// The same bytes with other trailing bits.
fn spelled_otherwise(hash: &str) -> String {
    let last = hash.as_bytes()[42];
    format!("{}{}=", &hash[..42], char::from(last + 1))
}

#[tokio::test]
async fn a_malformed_search_is_refused_and_noted() {
    let caps = Caps::start().await;
    let good = unknown("a");
    let many: Vec<_> = (0..101).map(|i| unknown(&i.to_string())).collect();
    let refused = [
        json!({"proxy_hashes": []}),
        json!({"proxy_hashes": many}),
        json!({"proxy_hashes": [good, good]}),
        json!({"proxy_hashes": [good, good[..43]]}),
        json!({"proxy_hashes": [spelled_otherwise(&good)]}),
        json!({"proxy_hashes": ["YWJj"]}),
        json!({"proxy_hashes": [good], "other": 1}),
        json!({"proxy_hashes": [1]}),
        json!([[good]]),
        json!({"proxy_hashes": ["x".repeat(300_000)]}),
    ];
    caps.fault(json!({"fault": {"status": 503}})).await;
    for body in &refused {
        let answer = caps.post("/v1/proxy-indicators/search", body).await;
        assert_eq!(answer.status(), 400, "{body}");
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["error"]["code"], "CAPS-0001");
        assert!(!answer.to_string().contains(&good), "{answer}");
    }
    let journal = caps.get("/_journal").await;
    let calls = journal["calls"].as_array().unwrap();
    assert_eq!(calls.len(), refused.len());
    assert!(calls.iter().all(|call| call["status"] == 400));
    assert_eq!(calls[1]["hashes"].as_array().unwrap().len(), 101);
}

#[tokio::test]
async fn the_journal_shows_a_call_as_soon_as_it_was_read() {
    let caps = Caps::start().await;
    caps.fault(json!({"match": {"correlation_id": "slow"}, "fault": {"latency_ms": 60_000}})).await;
    caps.fault(json!({"match": {"correlation_id": "reset"}, "fault": {"reset": true}})).await;
    caps.fault(json!({"match": {"correlation_id": "failing"}, "fault": {"status": 503}})).await;
    let call = |id: &str| {
        let request = caps.client.post(caps.at("/v1/proxy-indicators/search"));
        let request = request.header("X-Correlation-Id", id).header("X-Requester-Ref", "ref");
        request.timeout(Duration::from_millis(300)).json(&json!({"proxy_hashes": [unknown("a")]})).send()
    };
    assert!(call("slow").await.unwrap_err().is_timeout());
    assert!(call("reset").await.is_err());
    assert_eq!(call("failing").await.unwrap().status(), 503);
    caps.search(&[unknown("b")]).await;

    let journal = caps.get("/_journal").await;
    let calls = journal["calls"].as_array().unwrap();
    let noted: Vec<_> = calls.iter().map(|call| (&call["correlation_id"], &call["status"])).collect();
    let expected = [
        (json!("slow"), json!(200)),
        (json!("reset"), json!(null)),
        (json!("failing"), json!(503)),
        (json!(null), json!(200)),
    ];
    assert_eq!(noted, expected.iter().map(|(id, status)| (id, status)).collect::<Vec<_>>());
    assert_eq!(calls[0]["requester_ref"], "ref");
    assert_eq!(calls[3]["requester_ref"], Value::Null);
    assert_eq!(calls[3]["hashes"], json!([unknown("b")]));
    assert!(calls[0]["at"].as_str().unwrap().ends_with('Z'));

    assert_eq!(caps.delete("/_journal").await, 204);
    assert_eq!(caps.get("/_journal").await, json!({"calls": []}));
}

#[tokio::test]
async fn status_error_and_headers() {
    let caps = Caps::start().await;
    let error = json!({"code": "CAPS-0042", "message": "Fermé"});
    caps.fault(json!({"times": 1, "fault": {"status": 429, "error": error, "retry_after_s": 7}})).await;
    caps.fault(json!({"times": 1, "fault": {"status": 422, "error": {"code": "CAPS-0042"}}})).await;
    caps.fault(json!({"times": 1, "fault": {"status": 503}})).await;
    caps.fault(json!({"times": 1, "fault": {"max_age_s": 12}})).await;

    let answer = caps.search(&[unknown("a")]).await;
    assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (429, &"7".parse().unwrap()));
    assert_eq!(answer.json::<Value>().await.unwrap(), json!({"error": error}));
    let answer = caps.search(&[unknown("a")]).await;
    assert_eq!(answer.json::<Value>().await.unwrap(), json!({"error": {"code": "CAPS-0042"}}));
    let answer = caps.search(&[unknown("a")]).await;
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (503, ""));
    let answer = caps.search(&[unknown("a")]).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["cache-control"]),
        (200, &"max-age=12".parse().unwrap())
    );
    assert!(!caps.search(&[unknown("a")]).await.headers().contains_key("cache-control"));
}

#[tokio::test]
async fn latency_delays_the_answer_and_no_other() {
    let caps = Caps::start().await;
    let (hashes, results) = caps.known(1).await;
    caps.fault(json!({"match": {"hash": hashes[0]}, "fault": {"latency_ms": 400}})).await;
    let start = Instant::now();
    let (delayed, prompt) = tokio::join!(caps.found(&hashes), async {
        caps.found(&[unknown("a")]).await;
        start.elapsed()
    });
    assert_eq!(delayed["results"], json!(results));
    assert!(start.elapsed() >= Duration::from_millis(400));
    assert!(prompt < Duration::from_millis(400), "{prompt:?}");
}

#[tokio::test]
async fn results_can_be_truncated_multiplied_shuffled_and_foreign() {
    let caps = Caps::start().await;
    let (hashes, results) = caps.known(4).await;
    let spoiled = async |fault: Value| {
        caps.fault(json!({"times": 1, "fault": fault})).await;
        caps.found(&hashes).await
    };

    let truncated = spoiled(json!({"truncate_to": 3})).await;
    assert_eq!(truncated, json!({"results": results[..3], "truncated": true}));
    let whole = spoiled(json!({"truncate_to": 4})).await;
    assert_eq!(whole, json!({"results": results, "truncated": false}));

    let foreign = spoiled(json!({"truncate_to": 2, "items": "unrequested"})).await;
    assert_eq!((&foreign["results"][0], &foreign["results"][1]), (&results[0], &results[1]));
    assert_eq!(foreign["results"].as_array().unwrap().len(), 3);
    assert!(!hashes.contains(&hash_of(&foreign["results"][2])));

    let doubled = spoiled(json!({"items": "duplicated"})).await;
    for (pair, result) in doubled["results"].as_array().unwrap().chunks(2).zip(&results) {
        assert_eq!(pair[0], *result);
        assert_eq!(pair[1]["proxy_hash"], result["proxy_hash"]);
        assert_ne!(pair[1]["can_be_payer"], result["can_be_payer"]);
        assert_ne!(pair[1]["pro"], result["pro"]);
    }

    let shuffled = spoiled(json!({"items": "shuffled"})).await;
    assert_eq!(shuffled["results"], results.iter().rev().cloned().collect::<Value>());
}

#[tokio::test]
async fn a_value_can_be_no_boolean() {
    let caps = Caps::start().await;
    let (hashes, results) = caps.known(2).await;
    for (value, expected) in [
        ("null", Some(Value::Null)),
        ("missing", None),
        ("string", Some(results[0]["can_be_payer"].to_string().into())),
    ] {
        caps.fault(json!({"times": 1, "fault": {"value": value}})).await;
        let found = caps.found(&hashes).await;
        assert_eq!(found["results"][0].get("can_be_payer"), expected.as_ref(), "{value}");
        assert_eq!(found["results"][0]["pro"], results[0]["pro"]);
        assert_eq!(found["results"].as_array().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_body_can_be_cut_or_a_web_page() {
    let caps = Caps::start().await;
    let (hashes, _) = caps.known(2).await;
    caps.fault(json!({"times": 1, "fault": {"body": "cut"}})).await;
    caps.fault(json!({"times": 1, "fault": {"body": "html"}})).await;

    let answer = caps.search(&hashes).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["content-type"]),
        (200, &"application/json".parse().unwrap())
    );
    let text = answer.text().await.unwrap();
    assert!(text.starts_with("{\"results\":[") && serde_json::from_str::<Value>(&text).is_err(), "{text}");

    let answer = caps.search(&hashes).await;
    assert_eq!(answer.status(), 200);
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
}

#[tokio::test]
async fn a_dripping_answer_has_its_headers_at_once_and_its_body_hardly_ever() {
    let caps = Caps::start().await;
    caps.fault(json!({"fault": {"drip": true}})).await;
    let start = Instant::now();
    let mut answer = caps.search(&[unknown("a")]).await;
    assert!(start.elapsed() < Duration::from_millis(900), "{:?}", start.elapsed());
    assert_eq!(answer.content_length(), Some(r#"{"results":[],"truncated":false}"#.len() as u64));
    assert_eq!(answer.chunk().await.unwrap().unwrap(), "{");
    assert_eq!(answer.chunk().await.unwrap().unwrap(), "\"");
    assert!((1_900..5_000).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_connection_carries_no_answer() {
    let caps = Caps::start().await;
    caps.fault(json!({"match": {"nth": 2}, "fault": {"reset": true, "latency_ms": 50}})).await;
    let mut connection = std::net::TcpStream::connect(caps.url.strip_prefix("http://").unwrap()).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let body = json!({"proxy_hashes": [unknown("a")]}).to_string();
    let request = format!(
        "POST /v1/proxy-indicators/search HTTP/1.1\r\nHost: caps\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut answer = [0; 4096];

    connection.write_all(request.as_bytes()).unwrap();
    assert!(connection.read(&mut answer).unwrap() > 0, "a connection that was used before is reset too");
    connection.write_all(request.as_bytes()).unwrap();
    assert_eq!(connection.read(&mut answer).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_fault_fires_on_the_nth_call_that_it_is_for() {
    let caps = Caps::start().await;
    caps.fault(json!({"match": {"hash": unknown("x"), "nth": 2}, "fault": {"status": 500}})).await;
    caps.search(&[unknown("another")]).await;
    assert_eq!(caps.statuses(4).await, [200, 500, 200, 200]);
}

#[tokio::test]
async fn the_first_fault_wins_while_it_has_firings_left() {
    let caps = Caps::start().await;
    caps.fault(json!({"match": {"correlation_id": "another"}, "fault": {"status": 501}})).await;
    caps.fault(json!({"probability": 0, "fault": {"status": 502}})).await;
    caps.fault(json!({"times": 2, "fault": {"status": 503}})).await;
    caps.fault(json!({"times": 1, "fault": {"status": 504}})).await;
    caps.fault(json!({"match": {"nth": 5}, "fault": {"status": 505}})).await;
    assert_eq!(
        caps.statuses(6).await,
        [503, 503, 504, 200, 505, 200],
        "nth counts calls that another fault took"
    );

    caps.fault(json!({"fault": {"status": 500}})).await;
    assert_eq!(caps.statuses(3).await, [500; 3], "without times, until it is deleted");
    assert_eq!(caps.delete("/_faults").await, 204);
    assert_eq!(caps.statuses(1).await, [200]);
}

#[tokio::test]
async fn a_wrong_fault_is_refused_with_the_name_of_the_field() {
    let caps = Caps::start().await;
    for (rule, field) in [
        (json!({"probability": 1.1}), "probability"),
        (json!({"times": 0}), "times"),
        (json!({"match": {"nth": 0}}), "match.nth"),
        (json!({"match": {"hash": "YWJj"}}), "match.hash"),
        (json!({"fault": {"status": 199}}), "fault.status"),
        (json!({"fault": {"status": 600}}), "fault.status"),
        (json!({"fault": {"latency_ms": -1}}), "fault.latency_ms"),
        (json!({"fault": {"body": "long"}}), "fault.body"),
        (json!({"fault": {"delay": 1}}), "fault.delay"),
        (json!({"fault": {"error": {"text": "x"}}}), "fault.error.text"),
        (json!({"faults": {}}), "faults"),
        (json!([]), "."),
    ] {
        let answer = caps.post("/_faults", &rule).await;
        assert_eq!(answer.status(), 400, "{rule}");
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["error"]["code"], "CAPS-0001");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("{field}: ")), "{rule}: {message}");
    }
    assert_eq!(caps.statuses(1).await, [200], "none was added");
    caps.fault(json!({})).await;
}

#[tokio::test]
async fn a_client_of_another_authority_is_turned_away() {
    let (ours, foreign) = (Authority::new().unwrap(), Authority::new().unwrap());
    let own = ours.issue("caps", "127.0.0.1").unwrap();
    let url = serve(Some(Tls { certificate: own.certificate, key: own.key, client_ca: ours.ca() }));
    let client = |identity: Option<Issued>| ours.client(identity.as_ref()).unwrap();

    let caps = Caps { url, client: client(Some(ours.issue("bank", "127.0.0.1").unwrap())) };
    assert!(caps.url.starts_with("https://"));
    let (hashes, results) = caps.known(3).await;
    assert_eq!(caps.found(&hashes).await["results"], json!(results));
    for stranger in [client(None), client(Some(foreign.issue("bank", "127.0.0.1").unwrap()))] {
        stranger.get(caps.at("/_health")).send().await.unwrap_err();
    }
    caps.fault(json!({"fault": {"reset": true}})).await;
    let search = caps.client.post(caps.at("/v1/proxy-indicators/search"));
    let error = search.json(&json!({"proxy_hashes": hashes})).send().await.unwrap_err();
    assert!(format!("{error:?}").contains("ConnectionReset"), "{error:?}");
}

#[tokio::test]
async fn plain_http_stays_on_loopback() {
    let options = Options { listen: ([0, 0, 0, 0], 0).into(), phones: 1, addresses: 0, tls: None };
    let error = Sandbox::bind(&options).err().unwrap().to_string();
    assert!(error.contains("not loopback"), "{error}");

    let caps = Caps::start().await;
    assert_eq!(caps.client.get(caps.at("/_health")).send().await.unwrap().status(), 200);
}
