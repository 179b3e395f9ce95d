//! Past controls, listed and made again.

use gda_audit::lists::Format;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{TestApp, app_with, body, list, sandbox};

async fn refused(app: &TestApp, path: &str, status: StatusCode) -> Value {
    body(app.request(Method::GET, path), status).await
}

#[tokio::test]
async fn a_control_is_made_again_after_the_list_has_moved_on() {
    let app = app_with(vec![list("UN", Format::UnXml), list("PEP", Format::SimplePepCsv)]).await;
    app.import("UN", &["un.xml"]).await;
    app.import("PEP", &["pep.csv"]).await;
    app.add_flows(&[("both", &["BLACKLIST", "PEP"])]).await;
    let person = app.checked("both", "1", "Farazan", "Quillab").await;

    let text = String::from_utf8(sandbox("un.xml")).unwrap().replace("QUILLAB", "ZORBLATT");
    let moved = body(app.upload("UN", &[("un.xml", text.into())]), StatusCode::CREATED).await;
    app.screened_against("UN", moved["edition"]["id"].as_str().unwrap()).await;
    app.checked("both", "1", "Farazan", "Quillab").await;

    let controls = app.get(&format!("/persons/{person}/controls")).await["controls"].clone();
    // The new edition may have controlled the person too, before we did.
    let of_calls: Vec<&Value> =
        controls.as_array().unwrap().iter().filter(|control| control["trigger"]["type"] == "API").collect();
    let types: Vec<&Value> = of_calls.iter().map(|control| &control["type"]).collect();
    assert_eq!(types, ["PEP", "BLACKLIST", "PEP", "BLACKLIST"], "{controls}");
    let (new, old) = (of_calls[1], of_calls[3]);
    assert_eq!(new["editions"][0]["id"], moved["edition"]["id"]);
    assert_ne!(old["editions"], new["editions"]);
    assert_ne!(old["hits"], new["hits"]);
    for control in controls.as_array().unwrap() {
        let path = format!("/persons/{person}/controls/{}/replay", control["id"].as_str().unwrap());
        let replay = app.get(&path).await;
        assert_eq!(replay["identical"], true, "{replay}");
        assert_eq!((&replay["recorded"], &replay["replayed"]), (&control["hits"], &control["hits"]));
        assert_eq!(replay["engineVersion"], control["engineVersion"]);
    }
    assert_eq!(old["hits"][0]["list"], "UN");

    let path = format!("/persons/{person}/controls/{}/replay", old["id"].as_str().unwrap());
    let change = |sql: &'static str| sqlx::query(sql).execute(&app.pool);
    change("UPDATE gda.controls SET hits = replace(hits, '\"score\":', '\"score\":1')").await.unwrap();
    let replay = app.get(&path).await;
    assert_eq!(replay["identical"], false, "{replay}");
    assert_eq!(replay["replayed"], old["hits"]);
    change("UPDATE gda.segments SET header = replace(header, '\"engine\":\"1\"', '\"engine\":\"0\"')")
        .await
        .unwrap();
    assert_eq!(refused(&app, &path, StatusCode::CONFLICT).await["code"], "other_engine_version");
    change("UPDATE gda.segments SET header = replace(header, '\"engine\":\"0\"', '\"engine\":\"1\"')")
        .await
        .unwrap();
    change("UPDATE gda.flows SET thresholds = '{\"PEP\": 99}'").await.unwrap();
    assert_eq!(refused(&app, &path, StatusCode::CONFLICT).await["code"], "not_as_it_was");
}

#[tokio::test]
async fn controls_come_in_pages_and_unknown_ones_are_not_found() {
    let app = app_with(vec![list("UN", Format::UnXml), list("PEP", Format::SimplePepCsv)]).await;
    app.import("UN", &["un.xml"]).await;
    app.import("PEP", &["pep.csv"]).await;
    app.add_flows(&[("both", &["BLACKLIST", "PEP"])]).await;
    let person = app.checked("both", "1", "Jane", "Unlisted").await;
    for _ in 0..3 {
        app.checked("both", "1", "Jane", "Unlisted").await;
    }
    let whole = app.get(&format!("/persons/{person}/controls")).await;
    assert_eq!(whole.get("next"), None);
    let mut paged: Vec<Value> = Vec::new();
    let mut path = format!("/persons/{person}/controls?limit=3");
    loop {
        let page = app.get(&path).await;
        paged.extend(page["controls"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/persons/{person}/controls?limit=3&cursor={next}");
    }
    assert_eq!((whole["controls"].as_array().unwrap(), paged.len()), (&paged, 8));

    let id = paged[0]["id"].as_str().unwrap();
    let other = app.checked("both", "2", "John", "Unlisted").await;
    for path in [
        "/persons/999/controls".to_owned(),
        format!("/persons/0{person}/controls"),
        format!("/persons/999/controls/{id}/replay"),
        format!("/persons/{other}/controls/{id}/replay"),
        format!("/persons/{person}/controls/999-0/replay"),
        format!("/persons/{person}/controls/x/replay"),
    ] {
        assert_eq!(refused(&app, &path, StatusCode::NOT_FOUND).await["code"], "not_found", "{path}");
    }
    for (query, field) in [("limit=0", "limit"), ("limit=x", "limit"), ("cursor=x", "cursor")] {
        let path = format!("/persons/{person}/controls?{query}");
        assert_eq!(refused(&app, &path, StatusCode::BAD_REQUEST).await["field"], json!(field));
    }
}
