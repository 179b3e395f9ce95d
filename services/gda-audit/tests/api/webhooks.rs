//! Webhooks over HTTP; what is behind them is tested in `crates/webhooks`.

use std::time::{Duration, Instant};

use ::webhooks::{Audience, Event};
use gda_audit::work::announce::{COMMENTS_UPDATE, EVENTS, STATUS_UPDATE};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::audit_trail::{app_with_a_flow, listed, unlisted};
use crate::support::{TestApp, app, body};

fn call(
    app: &TestApp,
    method: Method,
    path: &str,
    json: Option<serde_json::Value>,
) -> reqwest::RequestBuilder {
    let request =
        app.http.request(method, format!("{}{path}", app.base)).bearer_auth(app.token("screening:write"));
    match json {
        Some(json) => request.json(&json),
        None => request,
    }
}

#[tokio::test]
async fn a_webhook_is_registered_told_asked_for_again_and_deleted() {
    let app = app().await;
    let receiver = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(204)).mount(&receiver).await;
    let draft = json!({"url": receiver.uri(), "events": [STATUS_UPDATE]});
    let created = body(call(&app, Method::POST, "/webhooks", Some(draft.clone())), StatusCode::CREATED).await;
    assert!(created["secret"].as_str().unwrap().starts_with("whsec_"));
    let id = created["id"].as_str().unwrap();
    let listed = body(call(&app, Method::GET, "/webhooks", None), StatusCode::OK).await;
    assert_eq!((listed[0]["id"].as_str(), listed[0].get("secret")), (Some(id), None));
    let again = body(call(&app, Method::POST, "/webhooks", Some(draft)), StatusCode::CONFLICT).await;
    assert_eq!(again["code"], "already_registered");

    let mut connection = app.pool.acquire().await.unwrap();
    let event = Event { name: STATUS_UPDATE, key: "folder", audience: Audience::Everybody };
    let now = common::clock::SystemClock::shared().now();
    ::webhooks::publish(&mut connection, &event, &json!({"riskFolder": "1"}), now).await.unwrap();
    let path = format!("/webhooks/{id}/deliveries");
    let delivery = loop {
        let page = body(call(&app, Method::GET, &path, None), StatusCode::OK).await;
        let delivery = page["deliveries"][0].clone();
        if delivery["state"] == "DELIVERED" {
            break delivery;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!((&delivery["event"], &delivery["lastStatus"]), (&json!(STATUS_UPDATE), &json!(204)));
    let redeliver = format!("{path}/{}/redeliver", delivery["id"].as_str().unwrap());
    let accepted = body(call(&app, Method::POST, &redeliver, None), StatusCode::ACCEPTED).await;
    assert_eq!(accepted["id"], delivery["id"]);

    let path = format!("/webhooks/{id}");
    let deleted = call(&app, Method::DELETE, &path, None).send().await.unwrap();
    assert_eq!(deleted.status(), StatusCode::NO_CONTENT);
    body(call(&app, Method::DELETE, &path, None), StatusCode::NOT_FOUND).await;
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let app = app().await;
    for (draft, field) in [
        (json!({"url": "https://10.0.0.1/", "events": [STATUS_UPDATE]}), "url"),
        (json!({"url": "https://receiver.example/", "events": [STATUS_UPDATE, "OTHER"]}), "events[1]"),
        (json!({"url": "https://receiver.example/", "events": []}), "events"),
        (json!({"url": "https://receiver.example/"}), "events"),
    ] {
        let problem = body(call(&app, Method::POST, "/webhooks", Some(draft)), StatusCode::BAD_REQUEST).await;
        assert_eq!(problem["field"], field);
    }
    for (path, field) in
        [("?limit=0", "limit"), ("?limit=x", "limit"), ("?cursor=x", "cursor"), ("?cursor=0", "cursor")]
    {
        let path = format!("/webhooks/{}/deliveries{path}", uuid::Uuid::nil());
        let problem = body(call(&app, Method::GET, &path, None), StatusCode::BAD_REQUEST).await;
        assert_eq!(problem["field"], field);
    }
}

#[tokio::test]
async fn subscribers_learn_of_each_change_of_a_folder_in_order_and_of_nothing_said() {
    let app = app_with_a_flow().await;
    let receiver = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(204)).mount(&receiver).await;
    let draft = json!({"url": receiver.uri(), "events": EVENTS});
    body(call(&app, Method::POST, "/webhooks", Some(draft)), StatusCode::CREATED).await;

    let checked = app.check("gda", listed("1")).await;
    app.check("gda", listed("1")).await;
    app.check("gda", unlisted("2")).await;
    let folder = checked["risks"][0]["id"].as_str().unwrap();
    let path = format!("/riskfolders/{folder}");
    let post = |part: &str, sent: Value| app.request(Method::POST, &format!("{path}/{part}")).json(&sent);
    body(post("comments", json!({"text": "between us"})), StatusCode::CREATED).await;
    let decision = json!({"state": "UNKNOWN", "reason": "no papers", "version": 2});
    body(post("status", decision), StatusCode::OK).await;

    let deadline = Instant::now() + Duration::from_secs(10);
    let received = loop {
        let received = receiver.received_requests().await.unwrap();
        if received.len() >= 3 || Instant::now() > deadline {
            break received;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let told: Vec<Value> = received.iter().map(|request| request.body_json().unwrap()).collect();
    let kinds: Vec<&Value> = told.iter().map(|message| &message["type"]).collect();
    assert_eq!(kinds, [STATUS_UPDATE, COMMENTS_UPDATE, STATUS_UPDATE]);
    let states: Vec<&Value> = told.iter().map(|message| &message["data"]["state"]).collect();
    assert_eq!(states, [&json!("POTENTIAL_RISK"), &Value::Null, &json!("UNKNOWN")]);
    for message in &told {
        let data = &message["data"];
        assert_eq!((&data["riskFolderId"], &data["type"]), (&json!(folder), &json!("BLACKLIST")));
        assert_eq!(data["externalRef"], json!({"sourceKey": "clients", "externalRefId": "1"}));
        assert!(!message.to_string().contains("between us") && !message.to_string().contains("no papers"));
    }
}
