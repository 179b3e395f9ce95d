//! Batches of persons: taken in whole or not at all, screened in the background, and the same whatever happens.

use std::collections::HashSet;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{TestApp, app, body};

const CSV: &str = "text/csv";
const NDJSON: &str = "application/x-ndjson";

async fn ready() -> TestApp {
    let app = app().await;
    app.import("UN", &["un.xml"]).await;
    app.import("PEP", &["pep.csv"]).await;
    app.add_flows(&[("gda", &["BLACKLIST"]), ("both", &["BLACKLIST", "PEP"])]).await;
    app
}

async fn trail(app: &TestApp, reference: &str) -> Value {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("externalRefId", reference).append_pair("sourceName", "S");
    let path = format!("/pisteaudit?{}", query.append_pair("controlType", "BLACKLIST").finish());
    app.get(&path).await
}

async fn count(app: &TestApp, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM gda.{table}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&app.pool).await.unwrap()
}

#[tokio::test]
async fn good_lines_are_screened_and_bad_ones_told_with_their_reasons() {
    let app = ready().await;
    let file = "externalRefId;firstName;lastName;birthDate;entities\n\
                1;Farazan;Quillab;;north|south\n\
                2;Jane;Unlisted;1980-02-30;\n\
                3;Jane;Unlisted;1980-02-29;\n\
                1;Jane;Other;;\n\
                ;Jane;Other;;\n\
                4;Jane;;;\n\
                5;Jane;Other\n";
    let taken = body(app.import_persons("both", CSV, file), StatusCode::ACCEPTED).await;
    assert_eq!(taken["state"], "QUEUED");
    assert_eq!(
        (&taken["lines"], &taken["done"], &taken["importType"]),
        (&json!(7), &json!(0), &json!("STOCK"))
    );
    assert_eq!(
        (&taken["source"], &taken["flowName"], &taken["subSources"]),
        (&json!("S"), &json!("both"), &json!(["north", "south"]))
    );
    let ended = app.ended(&taken).await;
    assert_eq!(
        (&ended["state"], &ended["accepted"], &ended["rejected"]),
        (&json!("DONE"), &json!(2), &json!(5))
    );
    assert_eq!((&ended["done"], ended["editions"].as_array().unwrap().len()), (&json!(7), 2));
    let id = taken["dataImportId"].as_str().unwrap();
    let rejections = app.get(&format!("/imports/{id}/rejections?limit=3")).await;
    assert_eq!(
        rejections["rejections"],
        json!([
            {"line": 3, "field": "identity.birth.date", "reason": "must be a date: YYYY-MM-DD, YYYY-MM or YYYY"},
            {"line": 5, "field": "externalRef.externalRefId", "reason": "an earlier line of the file has it"},
            {"line": 6, "field": "externalRef.externalRefId", "reason": "is mandatory"},
        ])
    );
    let next = rejections["next"].as_str().unwrap();
    let rest = app.get(&format!("/imports/{id}/rejections?after={next}")).await;
    assert_eq!(
        rest,
        json!({"rejections": [
            {"line": 7, "field": "identity.lastName", "reason": "is mandatory"},
            {"line": 8, "reason": "has another number of values than the header"},
        ]})
    );
    let listed = trail(&app, "1").await;
    assert_eq!((&listed["state"], &listed["nbBatchsStock"]), (&json!("POTENTIAL_RISK"), &json!(1)));
    let control = &listed["lastPersonControlResult"];
    assert_eq!(control["trigger"], json!({"type": "BATCH", "login": "ana.lyst"}));
    assert_eq!(
        control["dataImport"],
        json!({"dataImportId": id, "importType": "STOCK", "source": "S", "subSources": ["north", "south"]})
    );
    assert_eq!(listed["person"]["personMetaData"]["entities"], json!(["north", "south"]));
    assert_eq!(trail(&app, "3").await["state"], "NO_RISK_FOUND");
    assert_eq!((count(&app, "persons").await, count(&app, "controls").await), (2, 4));
    assert_eq!(count(&app, "import_chunks").await, 0, "nothing of the file is left");

    // The same persons as NDJSON, as an accident: the same persons, controlled once more, and counted as what it is.
    let file = [
        json!({"externalRef": {"externalRefId": "1"}, "identity": {"firstName": "Farazan", "lastName": "Quillab"}}),
        json!({"externalRef": {"externalRefId": "9"}, "identity": {"lastName": "Other"}, "shoeSize": 43}),
    ]
    .map(|line| line.to_string())
    .join("\n");
    let accident = app.request(Method::POST, "/imports/accident?flowName=gda").body(file);
    let taken = body(accident.header("content-type", NDJSON), StatusCode::ACCEPTED).await;
    let ended = app.ended(&taken).await;
    assert_eq!((&ended["accepted"], &ended["rejected"]), (&json!(1), &json!(1)));
    let id = taken["dataImportId"].as_str().unwrap();
    assert_eq!(
        app.get(&format!("/imports/{id}/rejections")).await["rejections"],
        json!([{"line": 2, "field": "shoeSize", "reason": "unknown field"}])
    );
    let listed = trail(&app, "1").await;
    assert_eq!((&listed["nbBatchsStock"], &listed["nbBatchsAccident"]), (&json!(1), &json!(1)));
    assert_eq!(listed["lastPersonControlResult"]["dataImport"]["importType"], "ACCIDENT");
    assert_eq!(listed["firstPersonControlResult"]["dataImport"]["importType"], "STOCK");
    assert_eq!(listed["riskFolder"]["statuses"].as_array().unwrap().len(), 1, "the hit was known");

    let imports = app.get("/imports?limit=1").await;
    assert_eq!(imports["imports"][0]["dataImportId"], id);
    let next = imports["next"].as_str().unwrap();
    assert_eq!(app.get(&format!("/imports?after={next}")).await["imports"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn references_come_back_to_the_byte() {
    let app = ready().await;
    let references =
        ["a/b", "a+b", " a b ", "caf\u{e9}", "cafe\u{301}", "007", "7", "\"q\"", "a;b,c", "%2F", "é|è"];
    let mut file = String::from("externalRefId,lastName\n");
    for reference in references {
        file += &format!("\"{}\",Unlisted\n", reference.replace('"', "\"\""));
    }
    let ended = app.imported("gda", file).await;
    assert_eq!((&ended["accepted"], &ended["rejected"]), (&json!(references.len()), &json!(0)));
    let mut persons = HashSet::new();
    for reference in references {
        let trail = trail(&app, reference).await;
        assert_eq!(trail["person"]["externalRef"]["externalRefId"], reference);
        assert_eq!(trail["riskFolder"]["externalRef"]["externalRefId"], reference);
        persons.insert(trail["person"]["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(persons.len(), references.len(), "each is somebody else");
}

#[tokio::test]
async fn the_same_is_taken_in_once_by_key_and_by_content() {
    let app = ready().await;
    let (one, other) = ("externalRefId,lastName\n1,Durand\n", "externalRefId,lastName\n2,Durand\n");
    let keyed = |file: &'static str| app.import_persons("gda", CSV, file).header("Idempotency-Key", "k1");
    let first = body(keyed(one), StatusCode::ACCEPTED).await;
    let again = body(keyed(one), StatusCode::OK).await;
    assert_eq!(again["dataImportId"], first["dataImportId"]);
    let reused = body(keyed(other), StatusCode::CONFLICT).await;
    assert_eq!(
        (&reused["code"], &reused["field"]),
        (&json!("idempotency_key_reused"), &json!("Idempotency-Key"))
    );
    let by_content = body(app.import_persons("gda", CSV, one), StatusCode::OK).await;
    assert_eq!(by_content["dataImportId"], first["dataImportId"]);
    let by_another_flow = body(app.import_persons("both", CSV, one), StatusCode::ACCEPTED).await;
    assert_ne!(by_another_flow["dataImportId"], first["dataImportId"]);

    let at_once = (0..10).map(|_| app.import_persons("gda", CSV, other).send());
    let mut statuses: Vec<u16> = futures_util::future::join_all(at_once)
        .await
        .iter()
        .map(|it| it.as_ref().unwrap().status().as_u16())
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 200, 200, 200, 202]);
    assert_eq!(count(&app, "imports").await, 3);
}

#[tokio::test]
async fn a_wrong_upload_is_told_what_is_wrong_with_it() {
    let app = ready().await;
    for (file, detail) in [
        ("", "no person"),
        ("externalRefId,lastName\n", "no person"),
        ("Durand,Jean\n1,2\n", "`externalRefId`"),
        ("externalRefId,lastName,shoeSize\n1,2,3\n", "`shoeSize`"),
    ] {
        let refused = body(app.import_persons("gda", CSV, file), StatusCode::UNPROCESSABLE_ENTITY).await;
        assert_eq!((&refused["code"], &refused["field"]), (&json!("file_unreadable"), &json!("file")));
        assert!(refused["detail"].as_str().unwrap().contains(detail), "{refused}");
    }
    let latin = b"externalRefId,lastName\n1,Ren\xe9\n".to_vec();
    let refused = body(app.import_persons("gda", CSV, latin), StatusCode::UNPROCESSABLE_ENTITY).await;
    assert!(refused["detail"].as_str().unwrap().contains("line 2: not UTF-8"), "{refused}");
    let array = body(app.import_persons("gda", NDJSON, "[]"), StatusCode::UNPROCESSABLE_ENTITY).await;
    assert!(array["detail"].as_str().unwrap().contains("JSON object a line"), "{array}");
    let json = app.import_persons("gda", "application/json", "{}");
    body(json, StatusCode::UNSUPPORTED_MEDIA_TYPE).await;
    let nobody = body(app.import_persons("nobody", CSV, "x"), StatusCode::NOT_FOUND).await;
    assert_eq!(nobody["field"], "flowName");
    let unnamed = app.request(Method::POST, "/imports/stock").header("content-type", CSV).body("x");
    assert_eq!(body(unnamed, StatusCode::BAD_REQUEST).await["field"], "flowName");
    assert_eq!(count(&app, "imports").await, 0, "nothing of the refused ones is left");
    body(app.request(Method::GET, "/imports/7"), StatusCode::NOT_FOUND).await;
    let limit = body(app.request(Method::GET, "/imports?limit=0"), StatusCode::BAD_REQUEST).await;
    assert_eq!(limit["field"], "limit");
}

#[tokio::test]
async fn a_form_has_one_file_whose_format_shows() {
    let app = ready().await;
    let form = |file: &'static str| {
        let part = reqwest::multipart::Part::text(file).file_name("persons.txt");
        reqwest::multipart::Form::new().part("file", part)
    };
    let csv = app.request(Method::POST, "/imports/accident?flowName=gda");
    let taken = body(csv.multipart(form("externalRefId\tlastName\n1\tDurand\n")), StatusCode::ACCEPTED).await;
    assert_eq!((&taken["format"], &taken["importType"]), (&json!("CSV"), &json!("ACCIDENT")));
    let ndjson = app.request(Method::POST, "/imports/accident?flowName=gda");
    let taken = body(
        ndjson
            .multipart(form("{\"externalRef\":{\"externalRefId\":\"2\"},\"identity\":{\"lastName\":\"A\"}}")),
        StatusCode::ACCEPTED,
    )
    .await;
    assert_eq!(taken["format"], "NDJSON");
    assert_eq!(app.ended(&taken).await["accepted"], 1);
    let none = app.request(Method::POST, "/imports/stock?flowName=gda");
    let none = none.multipart(reqwest::multipart::Form::new().text("list", "x"));
    assert_eq!(body(none, StatusCode::BAD_REQUEST).await["field"], "file");
}
