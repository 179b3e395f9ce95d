//! What `POST /reconciliation/` takes and what it refuses, in the order of the contract.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{TestApp, WINDOW, app, body, csv};

const ROW: &str = "24/05/2021 07:52:26,P1,SUCCES,0143705652,5000,,ONECI,cinetpay";

fn json_row() -> Value {
    json!({"payment_date": "2021-05-24T07:52:26Z", "payid": "P1", "status": "SUCCES", "phone_num": "0143705652",
           "amount": "5 000", "trans_id": "", "account": "ONECI", "agent": "cinetpay"})
}

fn json_request(rows: Value) -> Value {
    json!({"operateur": "OMCI", "fichier": rows, "dateDebut": WINDOW.0, "dateFin": WINDOW.1, "fileName": "a.xslx"})
}

async fn nothing_is_left(app: &TestApp) {
    for table in ["reconciliation.tasks", "reconciliation.statement_rows", "jobs.job"] {
        assert_eq!(app.count(table).await, 0, "{table}");
    }
}

#[tokio::test]
async fn the_same_rows_as_csv_xlsx_json_file_and_json_request_give_the_same_task() {
    let app = app().await;
    let token = app.token().await;
    let sample = testkit::statements::Sample::new(testkit::statements::Params::new(50, 1));
    let (mut csv, mut xlsx, mut rows) = (Vec::new(), std::io::Cursor::new(Vec::new()), Vec::new());
    sample.write_csv(&mut csv).unwrap();
    sample.write_xlsx(&mut xlsx).unwrap();
    sample.write_json(&mut rows).unwrap();
    let mut tasks = Vec::new();
    for (name, content) in [("a.csv", csv), ("a.xlsx", xlsx.into_inner()), ("a.json", rows.clone())] {
        tasks.push(body(app.upload(&token, name, content).await, StatusCode::CREATED).await);
    }
    let request = json_request(serde_json::from_slice(&rows).unwrap());
    let response = app.post("/reconciliation/", &token).json(&request).send().await.unwrap();
    tasks.push(body(response, StatusCode::CREATED).await);

    let expected = sample.expected().figures;
    for task in tasks {
        let task = app.finished(&token, task["id"].as_i64().unwrap()).await;
        assert_eq!(task["montantOperateur"], expected.montant_operateur);
        assert_eq!(task["countOperator"], expected.count_operator);
    }
}

#[tokio::test]
async fn a_file_with_other_headers_is_refused() {
    let app = app().await;
    let token = app.token().await;
    for content in [b"a,b,c\n1,2,3\n".to_vec(), b"not a table".to_vec(), b"PK\x03\x04broken".to_vec()] {
        let refused = body(app.upload(&token, "a.csv", content).await, StatusCode::NOT_ACCEPTABLE).await;
        assert_eq!(refused, json!({"file": "the headers do not match"}));
    }
    nothing_is_left(&app).await;
}

#[tokio::test]
async fn bad_rows_are_refused_by_line_and_leave_nothing() {
    let app = app().await;
    let token = app.token().await;
    let statement = csv(&[ROW, "32/05/2021,P2,SUCCES,,5000,,,", ROW, "24/05/2021,P3,SUCCES,,5000.50,,,"]);
    let refused =
        body(app.upload(&token, "a.csv", statement.clone()).await, StatusCode::NOT_ACCEPTABLE).await;
    assert_eq!(refused, json!({"file": "empty", "problem to line ": [3, 5]}));

    let part = reqwest::multipart::Part::bytes(statement).file_name("a.csv");
    let form = reqwest::multipart::Form::new()
        .part("fichier", part)
        .text("dateFin", WINDOW.1)
        .text("dateDebut", WINDOW.0)
        .text("operateur", "OMCI");
    let detailed = app.post("/reconciliation/?detail=1", &token).multipart(form).send().await.unwrap();
    let detailed = body(detailed, StatusCode::NOT_ACCEPTABLE).await;
    assert_eq!(detailed["details"][0]["line"], 3);
    assert_eq!(detailed["details"][0]["column"], "payment_date");
    assert_eq!(detailed["details"][1]["column"], "amount");

    let empty = body(app.upload(&token, "a.csv", csv(&[])).await, StatusCode::NOT_ACCEPTABLE).await;
    assert_eq!(empty, json!({"file": "empty", "problem to line ": []}));
    nothing_is_left(&app).await;
}

#[tokio::test]
async fn the_checks_run_in_the_contracts_order() {
    let app = app().await;
    let token = app.token().await;
    let read_only = app.token_of("demo1", Some("read")).await;
    let bad_in_all = json!({"operateur": "NOBODY", "fichier": [{"a": 1}], "dateDebut": "x", "dateFin": "x"});

    let open = app.request(Method::POST, "/reconciliation/").json(&bad_in_all).send().await.unwrap();
    assert_eq!(open.headers()["www-authenticate"], "Bearer");
    assert_eq!(open.status(), StatusCode::UNAUTHORIZED);
    let forbidden = app.post("/reconciliation/", &read_only).json(&bad_in_all).send().await.unwrap();
    assert_eq!(
        forbidden.headers()["www-authenticate"],
        "Bearer error=\"insufficient_scope\", scope=\"write\""
    );
    assert_eq!(forbidden.status(), StatusCode::FORBIDDEN);
    let missing = app.post("/reconciliation/", &token).json(&bad_in_all).send().await.unwrap();
    assert_eq!(body(missing, StatusCode::BAD_REQUEST).await["field"], "fileName");
    let mut request = bad_in_all;
    request["fileName"] = json!("a");
    let window = app.post("/reconciliation/", &token).json(&request).send().await.unwrap();
    assert_eq!(body(window, StatusCode::BAD_REQUEST).await["field"], "dateDebut");
    request["dateDebut"] = json!(WINDOW.0);
    request["dateFin"] = json!("2021-05-23T00:00");
    let before = app.post("/reconciliation/", &token).json(&request).send().await.unwrap();
    assert_eq!(body(before, StatusCode::BAD_REQUEST).await["field"], "dateFin");
    request["dateFin"] = json!(WINDOW.1);
    let unknown = app.post("/reconciliation/", &token).json(&request).send().await.unwrap();
    assert_eq!(body(unknown, StatusCode::NOT_FOUND).await, json!({"operator": "doesn't exist"}));
    request["operateur"] = json!("OMCI");
    let headers = app.post("/reconciliation/", &token).json(&request).send().await.unwrap();
    assert_eq!(body(headers, StatusCode::NOT_ACCEPTABLE).await, json!({"file": "the headers do not match"}));
    request["fichier"] = json!([json_row(), {"amount": "x"}]);
    let rows = app.post("/reconciliation/", &token).json(&request).send().await.unwrap();
    assert_eq!(
        body(rows, StatusCode::NOT_ACCEPTABLE).await,
        json!({"file": "empty", "problem to line ": [3]})
    );
    request["fichier"] = json!([json_row()]);
    let taken = app.post("/reconciliation/", &token).json(&request).send().await.unwrap();
    assert_eq!(taken.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn bad_forms_are_400_at_the_part_at_fault() {
    let app = app().await;
    let token = app.token().await;
    let form = || reqwest::multipart::Form::new().text("dateDebut", WINDOW.0).text("dateFin", WINDOW.1);
    let file = || reqwest::multipart::Part::bytes(csv(&[ROW])).file_name("a.csv");
    for (form, field) in [
        (form().text("operateur", "OMCI"), "fichier"),
        (form().part("fichier", file()), "operateur"),
        (form().text("operateur", "OMCI").text("operateur", "OMCI").part("fichier", file()), "operateur"),
        (form().text("operateur", "OMCI").part("fichier", file()).part("fichier", file()), "fichier"),
        (form().text("operateur", "OMCI").part("fichier", file()).text("other", "x"), "other"),
    ] {
        let response = app.post("/reconciliation/", &token).multipart(form).send().await.unwrap();
        assert_eq!(body(response, StatusCode::BAD_REQUEST).await["field"], field);
    }
    let other = app.post("/reconciliation/", &token).body("x").send().await.unwrap();
    assert_eq!(body(other, StatusCode::UNSUPPORTED_MEDIA_TYPE).await["code"], "unsupported_media_type");
    nothing_is_left(&app).await;
}

#[tokio::test]
async fn an_upload_beyond_the_limit_is_413() {
    let app = crate::support::app_with(|config| config.upload.max_bytes = 1_000).await;
    let token = app.token().await;
    let large = csv(&[ROW; 100]);
    let refused = body(app.upload(&token, "a.csv", large).await, StatusCode::PAYLOAD_TOO_LARGE).await;
    assert_eq!(refused["code"], "too_large");
}

#[tokio::test]
async fn a_code_that_no_operator_can_have_is_an_unknown_operator() {
    let app = app().await;
    let token = app.token().await;
    let mut request = json_request(json!([json_row()]));
    for code in ["OM\0CI", "", "x".repeat(10_000).as_str()] {
        request["operateur"] = json!(code);
        let unknown = app.post("/reconciliation/", &token).json(&request).send().await.unwrap();
        assert_eq!(body(unknown, StatusCode::NOT_FOUND).await, json!({"operator": "doesn't exist"}));
    }
}

#[tokio::test]
async fn the_files_own_name_serves_where_no_other_is_given() {
    let app = app().await;
    let token = app.token().await;
    let task = body(app.upload(&token, "relevé.csv", csv(&[ROW])).await, StatusCode::CREATED).await;
    assert_eq!(task["fileName"], "relevé.csv");

    let boundary = "x";
    let part = |name: &str, value: &str| {
        format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let mut form = part("operateur", "OMCI") + &part("dateDebut", WINDOW.0) + &part("dateFin", WINDOW.1);
    form += &format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"fichier\"; filename*=UTF-8''relev%C3%A9.csv\r\n\r\n{}\r\n--{boundary}--\r\n",
        String::from_utf8(csv(&[ROW])).unwrap()
    );
    let request = app.post("/reconciliation/", &token).body(form);
    let request = request.header("content-type", format!("multipart/form-data; boundary={boundary}"));
    let task = body(request.send().await.unwrap(), StatusCode::CREATED).await;
    assert_eq!(task["fileName"], "relevé.csv");
}
