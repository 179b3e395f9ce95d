//! Profiles and `get_user`.

use reqwest::StatusCode;
use serde_json::json;

use crate::support::{app, body};

#[tokio::test]
async fn a_user_has_one_profile_under_their_own_number() {
    let app = app().await;
    let (token, others) = (app.token_of("demo2", None).await, app.token().await);
    let me = app.post("/get_user/", &token).json(&json!({"token": token})).send().await.unwrap();
    let me = body(me, StatusCode::OK).await;
    assert_eq!(me["user"]["username"], "demo2");
    assert_eq!(me["profile"], json!([]));
    let path = format!("/profiles/{}", me["user"]["id"]);
    assert_eq!(app.get(&path, &token).send().await.unwrap().status(), StatusCode::NOT_FOUND);

    let profile =
        json!({"telephone": "0700000002", "numero_whatsapp": "", "fonction": "Comptable", "matricule": "7"});
    let stored = body(app.put(&path, &token).json(&profile).send().await.unwrap(), StatusCode::OK).await;
    let keys: Vec<_> = stored.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["id", "telephone", "numero_whatsapp", "fonction", "matricule", "user"]);
    assert_eq!(stored["user"], me["user"]["id"]);
    let listed = body(app.get("/profiles/", &token).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(listed, json!([stored]));

    for request in [app.get(&path, &others), app.put(&path, &others).json(&profile)] {
        assert_eq!(request.send().await.unwrap().status(), StatusCode::NOT_FOUND);
    }
    let mut anothers = profile.clone();
    anothers["user"] = json!(999_999);
    let refused = app.put(&path, &token).json(&anothers).send().await.unwrap();
    assert_eq!(body(refused, StatusCode::BAD_REQUEST).await["field"], "user");
}

#[tokio::test]
async fn get_user_answers_for_the_callers_own_token_only() {
    let app = app().await;
    let (mine, others) = (app.token().await, app.token_of("demo2", None).await);
    for token in [others.as_str(), "nonsense"] {
        let refused = app.post("/get_user/", &mine).json(&json!({"token": token})).send().await.unwrap();
        assert_eq!(body(refused, StatusCode::FORBIDDEN).await["code"], "not_own_token");
    }
}

#[tokio::test]
async fn a_holder_of_tasks_all_reads_others_profiles_but_changes_none() {
    let app = app().await;
    let (token, everybodys) = (app.token().await, app.token_of("analyst", None).await);
    let me = app.post("/get_user/", &token).json(&json!({"token": token})).send().await.unwrap();
    let path = format!("/profiles/{}", body(me, StatusCode::OK).await["user"]["id"]);
    let profile = json!({"telephone": "0700000001"});
    let stored = body(app.put(&path, &token).json(&profile).send().await.unwrap(), StatusCode::OK).await;
    let seen = body(app.get(&path, &everybodys).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(seen, stored);
    let listed = body(app.get("/profiles/", &everybodys).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(listed, json!([stored]));
    let changed = app.put(&path, &everybodys).json(&profile).send().await.unwrap();
    assert_eq!(changed.status(), StatusCode::NOT_FOUND);
}
