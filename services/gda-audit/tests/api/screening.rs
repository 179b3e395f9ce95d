//! `POST /screen` and `POST /compare`.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{app, body};

#[tokio::test]
async fn persons_are_screened_against_the_lists_in_force_with_reasons() {
    let app = app().await;
    app.import("UN", &["un.xml"]).await;
    app.import("PEP", &["pep.csv"]).await;
    let persons = json!([
        {"id": "a", "name": "Quillab, Farazan", "type": "NATURAL"},
        {"id": "b", "firstName": "Farzan", "lastName": "Kwillab"},
        {"id": "c", "name": "Jane Unlisted Citizen"},
    ]);
    let screened = app.screen(&app.base, json!({"persons": persons})).await;
    let results = screened["results"].as_array().unwrap();
    assert_eq!(results.iter().map(|result| &result["id"]).collect::<Vec<_>>(), ["a", "b", "c"]);
    for listed in &results[..2] {
        let hit = &listed["hits"][0];
        assert_eq!(
            (&hit["list"], &hit["name"]),
            (&json!("UN"), &json!("FARAZAN QUILLAB AL-MUSTANA")),
            "{hit}"
        );
        assert_eq!(hit["appliedScores"][0]["property"], "name");
        assert!((75.0..=100.0).contains(&hit["score"].as_f64().unwrap()), "{hit}");
    }
    assert_eq!(results[2]["hits"], json!([]));
    assert_eq!(screened["editions"].as_array().unwrap().len(), 2);

    let only = app.screen(&app.base, json!({"persons": persons, "lists": ["PEP"]})).await;
    assert!(only["results"].as_array().unwrap().iter().all(|result| result["hits"] == json!([])), "{only}");
    assert_eq!(only["editions"][0]["controlType"], "PEP");
    let strict = app.screen(&app.base, json!({"persons": persons, "threshold": 100})).await;
    let hits: Vec<usize> = strict["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["hits"].as_array().unwrap().len())
        .collect();
    assert_eq!(hits, [0, 1, 0], "only an alias as it stands on the list makes 100: {strict}");
}

#[tokio::test]
async fn a_wrong_person_is_named() {
    let app = app().await;
    let thousand: Vec<Value> = (0..1_001).map(|_| json!({"name": "x"})).collect();
    for (request, field) in [
        (json!({"persons": []}), "persons"),
        (json!({"persons": thousand}), "persons"),
        (json!({"persons": [{"name": "x"}, {"name": "\u{202e}?!"}]}), "persons[1].name"),
        (json!({"persons": [{"name": "x".repeat(10_000)}]}), "persons[0].name"),
        (json!({"persons": [{"name": "x", "birthDate": "1965-13"}]}), "persons[0].birthDate"),
        (json!({"persons": [{"name": "x", "sex": "F"}]}), "persons[0].sex"),
        (json!({"persons": [{"name": "x"}], "threshold": 101}), "threshold"),
        (json!({"persons": [{"name": "x"}], "lists": ["UN", "NOBODY"]}), "lists[0]"),
    ] {
        let refused = app.request(Method::POST, "/screen").json(&request);
        assert_eq!(body(refused, StatusCode::BAD_REQUEST).await["field"], field);
    }
    // A lone surrogate is no text.
    let request = app.request(Method::POST, "/screen").header("content-type", "application/json");
    body(request.body(r#"{"persons":[{"name":"\ud800"}]}"#), StatusCode::BAD_REQUEST).await;
}

#[tokio::test]
async fn two_persons_are_compared_with_reasons() {
    let app = app().await;
    let compare = async |query: Value, target: Value| {
        let pair = json!({"query": query, "target": target});
        body(app.request(Method::POST, "/compare").json(&pair), StatusCode::OK).await
    };
    let same = compare(
        json!({"name": "Sergey Ivanov", "birthDate": "1962-03-01"}),
        json!({"name": "Сергей Иванов"}),
    )
    .await;
    assert_eq!(same["match"], true, "{same}");
    let other = compare(json!({"name": "Sergey Ivanov"}), json!({"name": "Maria Gonzalez"})).await;
    assert_eq!(other["match"], false, "{other}");
    assert!(other["score"].as_f64().unwrap() < same["score"].as_f64().unwrap());
    let wrong = app.request(Method::POST, "/compare").json(&json!({"query": {"name": "x"}, "target": {}}));
    assert_eq!(body(wrong, StatusCode::BAD_REQUEST).await["field"], "target.name");
}
