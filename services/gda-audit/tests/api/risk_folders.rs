//! Risk folders: the analyst's queue and decisions.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::audit_trail::{app_with_a_flow, listed, unlisted};
use crate::support::{TestApp, body, sandbox};

async fn decided(app: &TestApp, folder: &str, decision: Value, status: StatusCode) -> Value {
    body(app.request(Method::POST, &format!("/riskfolders/{folder}/status")).json(&decision), status).await
}

async fn a_folder(app: &TestApp, reference: &str) -> String {
    let answer = app.check("gda", listed(reference)).await;
    answer["risks"][0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_decision_closes_the_folder_and_stays() {
    let app = app_with_a_flow().await;
    let id = a_folder(&app, "1").await;
    let folder = decided(
        &app,
        &id,
        json!({"state": "NO_MATCH", "reason": "another birth date", "version": 1}),
        StatusCode::OK,
    )
    .await;
    assert_eq!((&folder["state"], &folder["version"]), (&json!("NO_MATCH"), &json!(2)));
    let last = &folder["statuses"][0];
    assert_eq!((&last["authorLogin"], &last["reason"]), (&json!("ana.lyst"), &json!("another birth date")));

    let again = app.check("gda", listed("1")).await;
    assert_eq!(again["risks"][0]["status"], "NO_MATCH");
    assert_eq!(again["risks"][0]["hits"][0]["status"], "NO_MATCH", "already cleared");
    let trail = app.trail("clients", "1", "BLACKLIST").await;
    assert_eq!(trail["riskFolder"]["statuses"].as_array().unwrap().len(), 2);
    assert_eq!(trail["state"], "NO_MATCH");

    let mut changed = listed("1");
    changed["identity"]["birth"] = json!({"date": "1961"});
    let reopened = app.check("gda", changed).await;
    assert_eq!(reopened["risks"][0]["status"], "POTENTIAL_RISK", "the person is not who it was");
}

#[tokio::test]
async fn of_two_analysts_who_decide_at_once_one_is_refused() {
    let app = app_with_a_flow().await;
    for n in 0..5 {
        let id = a_folder(&app, &n.to_string()).await;
        let decide = |state: &str| {
            let decision = json!({"state": state, "reason": "I looked", "version": 1});
            app.request(Method::POST, &format!("/riskfolders/{id}/status")).json(&decision).send()
        };
        let (one, other) = tokio::join!(decide("MATCH"), decide("NO_MATCH"));
        let mut statuses = [one.unwrap().status().as_u16(), other.unwrap().status().as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
    }
}

#[tokio::test]
async fn a_wrong_decision_is_refused_and_named() {
    let app = app_with_a_flow().await;
    let id = a_folder(&app, "1").await;
    for (decision, field) in [
        (json!({"state": "MATCH", "version": 1}), "reason"),
        (json!({"state": "MATCH", "reason": " ", "version": 1}), "reason"),
        (json!({"state": "MATCH", "reason": "x"}), "version"),
        (json!({"state": "NO_RISK_FOUND", "reason": "x", "version": 1}), "state"),
        (json!({"state": "CLOSED", "reason": "x", "version": 1}), "state"),
        (json!({"state": "MATCH", "reason": "x", "version": 1, "hits": []}), "hits"),
        (
            json!({"state": "MATCH", "reason": "x", "version": 1, "hits": [{"list": "UN", "recordId": "0"}]}),
            "hits",
        ),
    ] {
        let refused = decided(&app, &id, decision.clone(), StatusCode::BAD_REQUEST).await;
        assert_eq!(refused["field"], field, "{decision}");
    }
    let decision = json!({"state": "MATCH", "reason": "x", "version": 0});
    assert_eq!(decided(&app, &id, decision, StatusCode::CONFLICT).await["code"], "folder_changed");
    let clean = app.check("gda", unlisted("2")).await["risks"][0]["id"].as_str().unwrap().to_owned();
    let decision = json!({"state": "MATCH", "reason": "x", "version": 0});
    let refused = decided(&app, &clean, decision.clone(), StatusCode::CONFLICT).await;
    assert_eq!(refused["code"], "nothing_to_qualify");
    for unknown in ["999b", "1p", "b", "1", "01b", "-1b", "x"] {
        decided(&app, unknown, decision.clone(), StatusCode::NOT_FOUND).await;
    }
}

#[tokio::test]
async fn a_deleted_comment_is_gone_but_not_from_the_audit_trail() {
    let app = app_with_a_flow().await;
    let id = app.check("gda", unlisted("1")).await["risks"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/riskfolders/{id}/comments");
    let post = |text: &str| app.request(Method::POST, &path).json(&json!({"text": text}));
    let first = body(post("seen"), StatusCode::CREATED).await;
    body(post("kept"), StatusCode::CREATED).await;
    assert_eq!(body(post(""), StatusCode::BAD_REQUEST).await["field"], "text");
    let delete = format!("{path}/{}", first["id"].as_str().unwrap());
    assert_eq!(app.request(Method::DELETE, &delete).send().await.unwrap().status(), 204);
    body(app.request(Method::DELETE, &delete), StatusCode::NOT_FOUND).await;

    let trail = app.trail("clients", "1", "BLACKLIST").await;
    let texts: Vec<&Value> =
        trail["riskFolder"]["comments"].as_array().unwrap().iter().map(|comment| &comment["text"]).collect();
    assert_eq!(texts, ["kept"]);
    let kinds: Vec<String> = sqlx::query_scalar("SELECT kind FROM gda.events ORDER BY segment_id")
        .fetch_all(&app.pool)
        .await
        .unwrap();
    assert_eq!(kinds, ["COMMENT", "COMMENT", "COMMENT_DELETED"]);
}

#[tokio::test]
async fn what_is_added_by_hand_needs_the_folders_etag() {
    let app = app_with_a_flow().await;
    let id = a_folder(&app, "1").await;
    let path = format!("/riskfolders/{id}/manual-information");
    let put = || app.request(Method::PUT, &path).json(&json!({"birthDate": "1961"}));
    assert_eq!(body(put(), StatusCode::PRECONDITION_REQUIRED).await["field"], "If-Match");
    body(put().header("if-match", "\"0\""), StatusCode::PRECONDITION_FAILED).await;
    assert_eq!(body(put().header("if-match", "x"), StatusCode::BAD_REQUEST).await["field"], "If-Match");
    let shown = app.request(Method::GET, &format!("/riskfolders/{id}")).send().await.unwrap();
    let etag = shown.headers()["etag"].clone();
    let folder = body(put().header("if-match", etag), StatusCode::OK).await;
    assert_eq!(folder["manuallyAddedInformation"]["birthDate"], "1961");
    let wrong =
        app.request(Method::PUT, &path).json(&json!({"birthDate": "1961-13"})).header("if-match", "\"2\"");
    assert_eq!(body(wrong, StatusCode::BAD_REQUEST).await["field"], "birthDate");
}

#[tokio::test]
async fn the_queue_is_filtered_and_paged() {
    let app = app_with_a_flow().await;
    for n in 0..5 {
        a_folder(&app, &n.to_string()).await;
    }
    app.check("gda", unlisted("clean")).await;
    let closed = a_folder(&app, "closed").await;
    decided(&app, &closed, json!({"state": "MATCH", "reason": "x", "version": 1}), StatusCode::OK).await;

    let references = |page: &Value| -> Vec<String> {
        let folders = page["folders"].as_array().unwrap();
        folders.iter().map(|f| f["externalRef"]["externalRefId"].as_str().unwrap().to_owned()).collect()
    };
    let first = app.get("/riskfolders?state=POTENTIAL_RISK&limit=3").await;
    assert_eq!(references(&first), ["0", "1", "2"]);
    let next = first["next"].as_str().unwrap();
    let second = app.get(&format!("/riskfolders?state=POTENTIAL_RISK&limit=3&after={next}")).await;
    assert_eq!((references(&second), &second["next"]), (vec!["3".into(), "4".into()], &Value::Null));
    assert_eq!(references(&app.get("/riskfolders?state=MATCH").await), ["closed"]);
    assert_eq!(references(&app.get("/riskfolders?externalRefId=3&sourceName=clients&list=UN").await), ["3"]);
    assert!(references(&app.get("/riskfolders?controlType=PEP").await).is_empty());
    assert!(references(&app.get("/riskfolders?sourceName=others").await).is_empty());
    for (query, field) in [
        ("state=OPEN", "state"),
        ("controlType=pep", "controlType"),
        ("limit=0", "limit"),
        ("after=!", "after"),
        ("minScore=101", "minScore"),
        ("color=red", "query"),
    ] {
        let refused =
            body(app.request(Method::GET, &format!("/riskfolders?{query}")), StatusCode::BAD_REQUEST).await;
        assert_eq!(refused["field"], field);
    }
}

#[tokio::test]
async fn a_folder_shows_the_record_as_it_was_found() {
    let app = app_with_a_flow().await;
    let id = a_folder(&app, "1").await;
    let folder = app.get(&format!("/riskfolders/{id}")).await;
    let hit = &folder["hits"][0];
    assert_eq!((&hit["status"], &hit["active"]), (&json!("POTENTIAL_RISK"), &json!(true)));
    assert_eq!(hit["record"]["id"], "SBi.001");
    assert_eq!(hit["appliedScores"][0]["property"], "name");
    // The list loses the record; its next edition's date differs.
    let text = String::from_utf8(sandbox("un.xml")).unwrap();
    let (before, rest) = text.split_once("<INDIVIDUAL>").unwrap();
    let (_, after) = rest.split_once("</INDIVIDUAL>").unwrap();
    let upload = app.upload("UN", &[("un.xml", format!("{before}{after}").into_bytes())]);
    let imported = body(upload, StatusCode::CREATED).await;
    app.screened_against("UN", imported["edition"]["id"].as_str().unwrap()).await;
    app.check("gda", listed("1")).await;
    let folder = app.get(&format!("/riskfolders/{id}")).await;
    assert_eq!((&folder["state"], &folder["hits"][0]["active"]), (&json!("NO_RISK_FOUND"), &json!(false)));
    let last = &folder["statuses"][0];
    assert_eq!(
        (&last["authorLogin"], &last["reason"]),
        (&json!("system"), &json!("records have left their lists"))
    );
    assert_eq!(folder["statuses"].as_array().unwrap().len(), 2, "the history stays");
    assert_eq!(folder["hits"][0]["record"]["id"], "SBi.001");
}
