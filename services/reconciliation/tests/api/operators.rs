//! Operators and their configuration.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{app, body, csv, operator};

#[tokio::test]
async fn operators_are_open_and_have_the_originals_five_fields() {
    let app = app().await;
    let list = app.request(Method::GET, "/operateurs/").send().await.unwrap();
    let list = body(list, StatusCode::OK).await;
    insta::assert_json_snapshot!(list);
    let one = app.request(Method::GET, "/operateurs/11").send().await.unwrap();
    assert_eq!(body(one, StatusCode::OK).await, list[1]);
    let none = app.request(Method::GET, "/operateurs/999/").send().await.unwrap();
    assert_eq!(body(none, StatusCode::NOT_FOUND).await["code"], "not_found");
}

#[tokio::test]
async fn a_new_configuration_is_a_new_version_and_the_same_one_is_none() {
    let app = app().await;
    let token = app.token().await;
    let put =
        async |body: &serde_json::Value| app.put("/operateurs/NEW", &token).json(body).send().await.unwrap();
    let mut config = operator("NEW", "NEW");
    let created = body(put(&config).await, StatusCode::CREATED).await;
    assert_eq!(created["version"], 1);
    assert_eq!(body(put(&config).await, StatusCode::OK).await["version"], 1);
    config["account"] = json!("0700000001");
    assert_eq!(body(put(&config).await, StatusCode::OK).await["version"], 2);
    let path = format!("/operateurs/{}/configuration", created["id"]);
    let stored = body(app.get(&path, &token).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!((&stored["account"], &stored["version"]), (&json!("0700000001"), &json!(2)));
}

#[tokio::test]
async fn a_bad_configuration_names_the_field() {
    let app = app().await;
    let token = app.token().await;
    let mut config = operator("NEW", "NEW");
    config["rules"] =
        json!([{"name": "id", "keys": ["payid"]}, {"name": "sum", "keys": ["phone", "amount"]}]);
    let refused = app.put("/operateurs/NEW", &token).json(&config).send().await.unwrap();
    assert_eq!(body(refused, StatusCode::BAD_REQUEST).await["field"], "rules[1].keys");
    let other = app.put("/operateurs/OTHER", &token).json(&operator("NEW", "NEW")).send().await.unwrap();
    assert_eq!(body(other, StatusCode::BAD_REQUEST).await["field"], "code");
    let reader = app.token_of("demo1", Some("read write")).await;
    let refused = app.put("/operateurs/NEW", &reader).json(&operator("NEW", "NEW")).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_file_is_read_by_its_operators_headers_and_statuses() {
    let app = app().await;
    let token = app.token().await;
    let mut config = operator("OMCI", "OM");
    config["headers"] = json!({
        "payment_date": ["Date opération"], "payid": ["Référence"], "status": ["Statut"],
        "phone_num": ["Téléphone"], "amount": ["Montant"], "trans_id": ["Id marchand"],
        "account": ["Compte"], "agent": ["Agent"]
    });
    config["status"] = json!({"success": ["Réussi"], "failed": ["Échoué"], "pending": ["En attente"]});
    assert_eq!(
        app.put("/operateurs/OMCI", &token).json(&config).send().await.unwrap().status(),
        StatusCode::OK
    );
    app.ingest(&token, &[crate::support::transaction("T1", "P1", "ACCEPTED", 5000)]).await;

    let statement = "Montant;REFERENCE;statut;Téléphone;Date opération;Id marchand;Compte;Agent;Solde\n\
                     5 000;P1;Réussi;0143705652;24/05/2021 07:52;;ONECI;x;1\n";
    let task = body(app.upload(&token, "a.csv", statement.into()).await, StatusCode::CREATED).await;
    let id = task["id"].as_i64().unwrap();
    app.finished(&token, id).await;
    assert_eq!(app.details(&token, id).await["correspondent"][0]["kind"], "MATCHED");

    let default = csv(&["24/05/2021 07:52:26,P1,SUCCES,0143705652,5000,,ONECI,cinetpay"]);
    assert_eq!(app.upload(&token, "a.csv", default).await.status(), StatusCode::NOT_ACCEPTABLE);
}
