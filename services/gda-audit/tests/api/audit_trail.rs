//! `PUT /checkrisk` and `GET /pisteaudit`: what is controlled is what the trail shows.

use gda_audit::config::ListConfig;
use gda_audit::lists::Format;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{TestApp, app_with, body, list};

/// On the sandbox's UN list.
pub fn listed(reference: &str) -> Value {
    json!({
        "externalRef": {"externalRefId": reference},
        "identity": {"firstName": "Farazan Quillab", "lastName": "Al-Mustana"},
        "personType": "NATURAL",
    })
}

/// On no list.
pub fn unlisted(reference: &str) -> Value {
    json!({
        "externalRef": {"externalRefId": reference},
        "identity": {"firstName": "Marie", "lastName": "Durand"},
    })
}

pub async fn app_with_a_flow() -> TestApp {
    let lists = vec![
        ListConfig { max_shrink_share: 1.0, ..list("UN", Format::UnXml) },
        list("PEP", Format::SimplePepCsv),
    ];
    let app = app_with(lists).await;
    app.import("UN", &["un.xml"]).await;
    app.flow("gda", "clients", &["BLACKLIST"]).await;
    app
}

#[tokio::test]
async fn the_trail_has_the_shape_of_the_contracts_example() {
    let app = app_with_a_flow().await;
    let person = json!({
        "externalRef": {"externalRefId": "externalRefId"},
        "identity": {
            "civility": "MR", "title": "title", "firstName": "Farazan Quillab", "maidenName": "maidenName",
            "lastName": "Al-Mustana", "nationality": "French",
            "birth": {"date": "1961", "country": "France", "place": "Bordeaux", "department": "Gironde"},
        },
        "postalAddress": {
            "address": "1 rue du test", "zipCode": "33700", "city": "Mérignac", "state": "State",
            "country": "France", "building": "Building",
        },
        "additionalInformation": {}, "proofOfId": {}, "contracts": [], "personType": "NATURAL",
        "occupation": "occupation", "personMetaData": {"entities": [], "subEntities": []},
    });
    app.check("gda", person.clone()).await;
    let answer = app.check("gda", person.clone()).await;
    let folder = answer["risks"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/riskfolders/{folder}");
    let manual = json!({
        "postalAddress": {
            "address": "1 rue du test", "zipCode": "33700", "city": "Mérignac", "state": "State",
            "country": "France", "building": "Building",
        },
        "birthDate": "1994-11-14",
        "additionalInformation": {
            "personType": "person type", "genderCode": "H", "birthYear": "1994", "birthMonth": "10",
            "birthPlace": "Bordeaux",
        },
        "proofOfId": {"number": "12345678", "issueDate": "2023-11-30", "type": "Type", "issuer": "Issuer"},
        "personType": "NATURAL",
    });
    let put = app.request(Method::PUT, &format!("{path}/manual-information")).header("if-match", "\"1\"");
    body(put.json(&manual), StatusCode::OK).await;
    let comment = app.request(Method::POST, &format!("{path}/comments"));
    body(comment.json(&json!({"text": "This is a comment on risk folder"})), StatusCode::CREATED).await;
    let decision = json!({"state": "MATCH", "reason": "the passport is the same", "version": 3});
    body(app.request(Method::POST, &format!("{path}/status")).json(&decision), StatusCode::OK).await;

    let trail = app.trail("clients", "externalRefId", "BLACKLIST").await;
    insta::assert_json_snapshot!(trail, {
        ".firstPersonControlResult.date" => "[instant]",
        ".lastPersonControlResult.date" => "[instant]",
        ".riskFolder.lastControlDate" => "[instant]",
        ".riskFolder.lastStatus.date" => "[instant]",
        ".riskFolder.statuses[].date" => "[instant]",
        ".riskFolder.comments[].timestamp" => "[instant]",
    });
    let example = std::env::var_os("GARANT_TEST_DATA").map(std::path::PathBuf::from);
    let example = example.and_then(|data| {
        std::fs::read_to_string(data.parent()?.join("contracts/gda-audit.example.json")).ok()
    });
    if let Some(example) = example {
        let mut example: Value = serde_json::from_str(&example).unwrap();
        // An API control of a person whom no import has brought.
        for control in ["firstPersonControlResult", "lastPersonControlResult"] {
            example[control]["dataImport"] = Value::Null;
        }
        same_shape("", &example, &trail);
    }
}

/// The same fields in the same order, all the way down; of a list, its first element's.
fn same_shape(path: &str, example: &Value, actual: &Value) {
    match (example, actual) {
        (Value::Object(example), Value::Object(actual)) => {
            let keys = |object: &serde_json::Map<String, Value>| object.keys().cloned().collect::<Vec<_>>();
            assert_eq!(keys(example), keys(actual), "{path}");
            example.iter().for_each(|(key, value)| same_shape(&format!("{path}.{key}"), value, &actual[key]));
        }
        (Value::Array(example), Value::Array(actual)) => {
            assert_eq!(example.is_empty(), actual.is_empty(), "{path}");
            if let Some((example, actual)) = example.first().zip(actual.first()) {
                same_shape(&format!("{path}[]"), example, actual);
            }
        }
        _ => assert_eq!(
            std::mem::discriminant(example),
            std::mem::discriminant(actual),
            "{path}: {example} {actual}"
        ),
    }
}

#[tokio::test]
async fn a_control_is_told_and_shown_the_same() {
    let app = app_with_a_flow().await;
    let answer = app.check("gda", listed("7")).await;
    let risk = &answer["risks"][0];
    assert_eq!((&risk["type"], &risk["status"]), (&json!("BLACKLIST"), &json!("POTENTIAL_RISK")));
    let hit = &risk["hits"][0];
    assert_eq!((&hit["list"], &hit["recordId"]), (&json!("UN"), &json!("SBi.001")));
    assert_eq!(hit["score"], risk["maxMatchingScore"]);
    assert_eq!(hit["appliedScores"][0]["property"], "name");
    assert_eq!(hit["appliedScores"][0]["personValue"], "Farazan Quillab Al-Mustana");

    let trail = app.trail("clients", "7", "BLACKLIST").await;
    assert_eq!(trail["state"], "POTENTIAL_RISK");
    assert_eq!(trail["riskFolder"]["id"], risk["id"]);
    assert_eq!(trail["riskFolder"]["lastStatus"], trail["riskFolder"]["statuses"][0]);
    assert_eq!(trail["riskFolder"]["statuses"].as_array().unwrap().len(), 1);
    assert_eq!(trail["riskFolder"]["personIdentity"], "Al-Mustana Farazan Quillab");
    assert_eq!(trail["firstPersonControlResult"], trail["lastPersonControlResult"], "there was one");
    assert_eq!(trail["lastPersonControlResult"]["trigger"], json!({"type": "API", "login": "ana.lyst"}));
    let list = &trail["lastPersonControlResult"]["controlListImports"][0];
    let date = &list["date"];
    assert_eq!((&list["source"], date), (&json!("UN"), &json!("2026-01-15T23:00:00.000000Z")));
    assert_eq!(list["totalEntries"], 3);
}

#[tokio::test]
async fn a_person_without_risk_has_a_folder_that_says_so() {
    let app = app_with_a_flow().await;
    let answer = app.check("gda", unlisted("1")).await;
    assert_eq!(answer["risks"][0]["status"], "NO_RISK_FOUND");
    assert_eq!(answer["risks"][0]["hits"], json!([]));
    app.check("gda", unlisted("1")).await;
    let trail = app.trail("clients", "1", "BLACKLIST").await;
    assert_eq!(trail["state"], "NO_RISK_FOUND");
    let statuses = trail["riskFolder"]["statuses"].as_array().unwrap();
    assert_eq!(statuses.len(), 1);
    assert_eq!(statuses[0]["date"], trail["firstPersonControlResult"]["date"]);
    assert_eq!(statuses[0]["authorLogin"], "system");
    assert_eq!(trail["riskFolder"]["manuallyAddedInformation"], json!({}));
    assert_ne!(
        trail["firstPersonControlResult"]["personControlResultId"],
        trail["lastPersonControlResult"]["personControlResultId"]
    );

    // The person turns out to be somebody else.
    let mut other = listed("1");
    other["identity"]["maidenName"] = json!("Durand");
    app.check("gda", other).await;
    let trail = app.trail("clients", "1", "BLACKLIST").await;
    let states: Vec<&Value> =
        trail["riskFolder"]["statuses"].as_array().unwrap().iter().map(|status| &status["state"]).collect();
    assert_eq!(states, ["POTENTIAL_RISK", "NO_RISK_FOUND"]);
}

#[tokio::test]
async fn a_person_never_controlled_for_the_type_has_nothing_of_it() {
    let app = app_with_a_flow().await;
    app.check("gda", unlisted("1")).await;
    let trail = app.trail("clients", "1", "PEP").await;
    for field in ["firstPersonControlResult", "lastPersonControlResult", "riskFolder", "state"] {
        assert_eq!(trail[field], Value::Null, "{field}");
    }
    assert_eq!((&trail["nbBatchsStock"], &trail["nbBatchsAccident"]), (&json!(0), &json!(0)));
    assert_eq!(trail["person"]["externalRef"], json!({"sourceKey": "clients", "externalRefId": "1"}));
}

#[tokio::test]
async fn references_are_kept_to_the_byte() {
    let app = app_with_a_flow().await;
    let references =
        ["a/b", "a+b", " a b ", "caf\u{e9}", "cafe\u{301}", "0007", "7", "A", "a", "%2F", "日本", "'\""];
    let mut persons = std::collections::HashSet::new();
    for reference in references {
        let answer = app.check("gda", unlisted(reference)).await;
        assert!(persons.insert(answer["personId"].clone()), "{reference:?} is somebody else");
    }
    for reference in references {
        let trail = app.trail("clients", reference, "BLACKLIST").await;
        assert_eq!(trail["person"]["externalRef"]["externalRefId"], reference);
        assert_eq!(trail["riskFolder"]["externalRef"]["externalRefId"], reference);
    }
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let app = app_with_a_flow().await;
    app.check("gda", unlisted("1")).await;
    let trail = |query: &str| app.request(Method::GET, &format!("/pisteaudit{query}"));
    for (query, field) in [
        ("", "externalRefId"),
        ("?externalRefId=&sourceName=clients&controlType=PEP", "externalRefId"),
        ("?externalRefId=1&controlType=PEP", "sourceName"),
        ("?externalRefId=1&sourceName=clients", "controlType"),
        ("?externalRefId=1&sourceName=clients&controlType=pep", "controlType"),
        ("?externalRefId=1&sourceName=clients&controlType=GDA", "controlType"),
    ] {
        assert_eq!(body(trail(query), StatusCode::BAD_REQUEST).await["field"], field, "{query}");
    }
    for query in [
        "?externalRefId=2&sourceName=clients&controlType=PEP",
        "?externalRefId=1&sourceName=others&controlType=PEP",
    ] {
        assert_eq!(body(trail(query), StatusCode::NOT_FOUND).await["code"], "not_found");
    }
    let check =
        |query: &str, person: Value| app.request(Method::PUT, &format!("/checkrisk{query}")).json(&person);
    let missing = body(check("", unlisted("1")), StatusCode::BAD_REQUEST).await;
    assert_eq!(missing["field"], "flowName");
    let unknown = body(check("?flowName=nil", unlisted("1")), StatusCode::NOT_FOUND).await;
    assert_eq!(unknown["field"], "flowName");
    let nameless = json!({"externalRef": {"externalRefId": "1"}});
    let nameless = body(check("?flowName=gda", nameless), StatusCode::BAD_REQUEST).await;
    assert_eq!(nameless["field"], "identity.lastName");
    let unknown =
        json!({"externalRef": {"externalRefId": "1"}, "identity": {"lastName": "x", "nickname": "y"}});
    let unknown = body(check("?flowName=gda", unknown), StatusCode::BAD_REQUEST).await;
    assert!(unknown["field"].as_str().unwrap().contains("identity"), "{unknown}");
}

#[tokio::test]
async fn the_same_new_person_sent_twenty_times_at_once_is_one_person() {
    let app = app_with_a_flow().await;
    let answers = (0..20).map(|_| app.check("gda", listed("1")));
    let answers = futures_util::future::join_all(answers).await;
    assert!(answers.iter().all(|answer| answer["personId"] == answers[0]["personId"]));
    let trail = app.trail("clients", "1", "BLACKLIST").await;
    assert_eq!(trail["riskFolder"]["statuses"].as_array().unwrap().len(), 1, "one risk, one status");
    let controls: i64 =
        sqlx::query_scalar("SELECT count(*) FROM gda.controls").fetch_one(&app.pool).await.unwrap();
    assert_eq!(controls, 20);
}

#[tokio::test]
async fn flows_are_added_once_and_never_changed() {
    let app = app_with_a_flow().await;
    let add = |flow: Value| app.request(Method::POST, "/flows").json(&flow);
    let flow = json!({
        "name": "strict", "source": "clients", "controlTypes": ["BLACKLIST"], "lists": ["UN"],
        "thresholds": {"BLACKLIST": 99.5},
    });
    body(add(flow.clone()), StatusCode::CREATED).await;
    body(add(flow.clone()), StatusCode::OK).await;
    let mut other = flow.clone();
    other["thresholds"] = json!({"BLACKLIST": 10});
    assert_eq!(body(add(other), StatusCode::CONFLICT).await["code"], "flow_exists");
    for (field, value, named) in [
        ("name", json!(""), "name"),
        ("source", json!("nil"), "source"),
        ("controlTypes", json!([]), "controlTypes"),
        ("lists", json!(["PEP"]), "lists[0]"),
        ("thresholds", json!({"BLACKLIST": 101}), "thresholds.BLACKLIST"),
    ] {
        let mut wrong = flow.clone();
        wrong[field] = value;
        assert_eq!(body(add(wrong), StatusCode::BAD_REQUEST).await["field"], named);
    }
    let mut near = listed("1");
    near["identity"]["firstName"] = json!("Farazan Quilab");
    assert_eq!(app.check("gda", near.clone()).await["risks"][0]["status"], "POTENTIAL_RISK");
    let mut again = near;
    again["externalRef"]["externalRefId"] = json!("2");
    assert_eq!(app.check("strict", again).await["risks"][0]["hits"], json!([]), "below the flow's threshold");
}

#[tokio::test]
async fn a_flow_whose_list_is_not_in_force_controls_nobody() {
    let app = app_with_a_flow().await;
    app.flow("ppe", "clients", &["PEP"]).await;
    let request = app.request(Method::PUT, "/checkrisk?flowName=ppe").json(&unlisted("1"));
    let refused = body(request, StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(refused["code"], "list_not_in_force");
}
