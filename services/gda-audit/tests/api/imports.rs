//! Editions by upload: whole or not at all, kept, and with what they changed.

use gda_audit::lists::Format;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{app, app_with, body, list, sandbox};

#[tokio::test]
async fn an_edition_is_imported_once_and_shown_with_its_figures() {
    let app = app().await;
    let imported = app.import("UN", &["un.xml"]).await;
    assert_eq!(imported["changed"], true);
    let edition = &imported["edition"];
    assert_eq!(edition["printedDate"], "2026-01-15T23:00:00.000Z");
    assert_eq!(edition["date"], "2026-01-15T23:00:00.000000Z");
    assert_eq!(edition["importedBy"], "ana.lyst");
    assert_eq!(
        edition["totalEntries"],
        edition["persons"].as_i64().unwrap() + edition["organisations"].as_i64().unwrap()
    );
    let again = body(app.upload("UN", &[("un.xml", sandbox("un.xml"))]), StatusCode::OK).await;
    assert_eq!((&again["changed"], &again["edition"]), (&json!(false), edition));

    let lists = app.get("/lists").await;
    assert_eq!(lists[0]["edition"], *edition);
    assert_eq!(lists[0]["lastAttempt"]["outcome"], "UNCHANGED");
    assert_eq!(lists[1].get("edition"), None, "OFAC was never imported");
    assert_eq!(lists[2]["controlType"], "PEP");
}

#[tokio::test]
async fn ofacs_four_files_are_one_edition() {
    let app = app().await;
    let files = ["ofac/sdn.csv", "ofac/alt.csv", "ofac/add.csv", "ofac/sdn_comments.csv"];
    let imported = app.import("OFAC", &files).await;
    assert_eq!(imported["edition"]["format"], "OFAC_CSV");
    assert!(imported["edition"]["totalEntries"].as_i64().unwrap() > 3, "{imported}");
}

#[tokio::test]
async fn an_edition_that_lacks_a_file_is_refused_unless_the_list_allows_it() {
    let main = ("sdn.csv", sandbox("ofac/sdn.csv"));
    let aliases = ("alt.csv", sandbox("ofac/alt.csv"));
    let app = app().await;
    let refused = app.upload("OFAC", &[main.clone(), aliases]);
    let refused = body(refused, StatusCode::UNPROCESSABLE_ENTITY).await;
    assert_eq!(refused["code"], "list_unreadable");
    assert_eq!(refused["detail"], "OFAC_CSV: the edition lacks the addresses (add), the comments (comments)");
    assert_eq!(app.get("/lists").await[1]["lastAttempt"]["outcome"], "REFUSED");

    let partial = gda_audit::config::ListConfig { may_be_partial: true, ..list("OFAC", Format::OfacCsv) };
    let app = app_with(vec![partial]).await;
    body(app.upload("OFAC", &[main]), StatusCode::CREATED).await;
}

#[tokio::test]
async fn a_new_edition_tells_what_it_changed_and_the_old_one_is_kept() {
    let app = app_with(vec![list("UN", Format::UnXml)]).await;
    let first = app.import("UN", &["un.xml"]).await;
    let text = String::from_utf8(sandbox("un.xml")).unwrap();
    let amended = text.replace("<SECOND_NAME>QUILLAB</SECOND_NAME>", "<SECOND_NAME>QUILLABI</SECOND_NAME>");
    assert_ne!(text, amended);
    let second = body(app.upload("UN", &[("un.xml", amended.into())]), StatusCode::CREATED).await;
    let path = |edition: &serde_json::Value| {
        format!("/lists/UN/editions/{}", edition["edition"]["id"].as_str().unwrap())
    };
    let shown = app.get(&path(&second)).await;
    assert_eq!((&shown["inForce"], &shown["previous"]), (&json!(true), &first["edition"]["id"]));
    assert_eq!((&shown["added"], &shown["removed"], &shown["amended"]), (&json!(0), &json!(0), &json!(1)));
    let change = &shown["changes"][0];
    assert_eq!(
        (&change["kind"], &change["fields"], &change["material"]),
        (&json!("AMENDED"), &json!(["names"]), &json!(true))
    );

    let old = app.get(&path(&first)).await;
    assert_eq!((&old["inForce"], &old["totalEntries"]), (&json!(false), &first["edition"]["totalEntries"]));
    let nowhere = app.request(Method::GET, "/lists/OFAC/editions/1");
    assert_eq!(body(nowhere, StatusCode::NOT_FOUND).await["code"], "not_found");
    let wrong = app.request(Method::GET, &format!("{}?limit=0", path(&first)));
    assert_eq!(body(wrong, StatusCode::BAD_REQUEST).await["field"], "limit");
}

#[tokio::test]
async fn what_is_cut_empty_foreign_or_shrunk_is_refused_whole() {
    let app = app_with(vec![list("UN", Format::UnXml)]).await;
    let whole = sandbox("un.xml");
    let imported = app.import("UN", &["un.xml"]).await;
    let text = String::from_utf8(whole.clone()).unwrap();
    let (start, end) = (text.find("<INDIVIDUAL>").unwrap(), text.rfind("</INDIVIDUAL>").unwrap());
    let shrunk = format!("{}{}", &text[..start], &text[end + "</INDIVIDUAL>".len()..]);
    for (file, code) in [
        (whole[..whole.len() - 40].to_vec(), "list_unreadable"),
        (Vec::new(), "list_unreadable"),
        (sandbox("eu.xml"), "list_unreadable"),
        (b"<CONSOLIDATED_LIST dateGenerated=\"2026-01-15\"></CONSOLIDATED_LIST>".to_vec(), "list_unreadable"),
        (shrunk.into_bytes(), "list_shrunk"),
    ] {
        let refused = body(app.upload("UN", &[("un.xml", file)]), StatusCode::UNPROCESSABLE_ENTITY).await;
        assert_eq!(refused["code"], code, "{refused}");
        let lists = app.get("/lists").await;
        assert_eq!(lists[0]["edition"]["id"], imported["edition"]["id"], "the edition in force stays");
        assert_eq!(lists[0]["lastAttempt"]["outcome"], "REFUSED");
        assert_eq!(lists[0]["lastAttempt"]["reason"], refused["detail"]);
    }
    let count: i64 =
        sqlx::query_scalar("SELECT count(*) FROM gda.editions").fetch_one(&app.pool).await.unwrap();
    assert_eq!(count, 1, "nothing of the refused ones is left");
}

#[tokio::test]
async fn a_wrong_upload_is_told_what_is_wrong_with_it() {
    let app = app().await;
    let unknown = app.upload("NOBODY", &[("un.xml", sandbox("un.xml"))]);
    assert_eq!(body(unknown, StatusCode::NOT_FOUND).await["code"], "not_found");
    let no_url = app.request(Method::POST, "/lists/UN/imports");
    assert_eq!(body(no_url, StatusCode::UNPROCESSABLE_ENTITY).await["code"], "no_url");
    let form = reqwest::multipart::Form::new().text("list", "x");
    let other = app.request(Method::POST, "/lists/UN/imports").multipart(form);
    assert_eq!(body(other, StatusCode::BAD_REQUEST).await["field"], "file");
}

#[tokio::test]
async fn one_list_imported_twenty_times_at_once_is_one_edition() {
    let app = app().await;
    let uploads = (0..20).map(|_| app.upload("UN", &[("un.xml", sandbox("un.xml"))]).send());
    let answers = futures_util::future::join_all(uploads).await;
    let created =
        answers.iter().filter(|answer| answer.as_ref().unwrap().status() == StatusCode::CREATED).count();
    let known = answers.iter().filter(|answer| answer.as_ref().unwrap().status() == StatusCode::OK).count();
    assert_eq!((created, known), (1, 19));
}

#[tokio::test]
async fn the_application_cannot_change_an_edition() {
    let app = app().await;
    app.import("UN", &["un.xml"]).await;
    let as_application = sqlx::PgPool::connect(&app.database.app_url).await.unwrap();
    for statement in [
        "UPDATE gda.editions SET date = '2000-01-01'",
        "DELETE FROM gda.edition_records",
        "UPDATE gda.records SET record = '{}'",
        "TRUNCATE gda.changes",
    ] {
        let refused = sqlx::query(statement).execute(&as_application).await.unwrap_err();
        assert!(common::db::has_code(&refused, &["42501"]), "{statement}: {refused}");
    }
}
