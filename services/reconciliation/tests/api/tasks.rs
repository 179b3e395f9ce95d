//! From a statement to its findings.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{app, body, csv, transaction};

/// One row of each kind.
fn every_kind() -> (Vec<u8>, Vec<Value>) {
    let statement = csv(&[
        "24/05/2021 07:52:26,P-MATCHED,SUCCES,0143705652 ,\"5,000\",,ONECI,cinetpay",
        "24/05/2021 07:52:26,P-AMOUNT,SUCCES,0143705652,5000,,ONECI,cinetpay",
        "24/05/2021 07:52:26,P-STATUS,SUCCES,0143705652,700,,ONECI,cinetpay",
        "24/05/2021 07:52:26,P-OPERATOR,SUCCES,0143705652,300,,ONECI,cinetpay",
        "24/05/2021 07:52:26,P-MATCHED,SUCCES,0143705652,5000,,ONECI,cinetpay",
        "25/05/2021 00:00:00,P-LATE,SUCCES,0143705652,100,,ONECI,cinetpay",
    ]);
    let transactions = vec![
        transaction("T1", "P-MATCHED", "ACCEPTED", 5000),
        transaction("T2", "P-AMOUNT", "ACCEPTED", 4900),
        transaction("T3", "P-STATUS", "ERROR_FLOOZPAY_UNAVAILABLE", 700),
        transaction("T4", "P-CINETPAY", "ACCEPTED", 200),
        transaction("T5", "P-AMOUNT", "ACCEPTED", 10),
    ];
    (statement, transactions)
}

#[tokio::test]
async fn a_statement_is_matched_and_every_row_names_its_kind() {
    let app = app().await;
    let token = app.token().await;
    let (statement, transactions) = every_kind();
    app.ingest(&token, &transactions).await;

    let task = body(app.upload(&token, "fichier essai.csv", statement).await, StatusCode::CREATED).await;
    assert_eq!(task["etat"], "ATTENTE");
    assert_eq!(task["montantOperateur"], "ENCOURS");
    let id = task["id"].as_i64().unwrap();
    let task = app.finished(&token, id).await;
    let figures = json!([
        task["montantOperateur"],
        task["montantCinetpay"],
        task["diffMontant"],
        task["countOperator"],
        task["countCinetpay"],
        task["diffCount"]
    ]);
    assert_eq!(figures, json!([16000, 10810, 5190, 5, 5, 0]));

    let details = app.details(&token, id).await;
    insta::assert_json_snapshot!(details, {
        ".id" => "[id]", ".dateCreation" => "[at]", ".dateUpdate" => "[at]", ".libelle" => "[libelle]",
        ".*[].id" => "[row]", ".*[].tache" => "[id]",
    });
}

#[tokio::test]
async fn figures_are_text_in_the_list_and_numbers_in_the_detail() {
    let app = app().await;
    let token = app.token().await;
    let (statement, transactions) = every_kind();
    app.ingest(&token, &transactions).await;
    let id = body(app.upload(&token, "a.csv", statement).await, StatusCode::CREATED).await["id"].clone();
    let detail = app.finished(&token, id.as_i64().unwrap()).await;
    let list = body(app.get("/taches/", &token).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(list[0]["montantOperateur"], "16000");
    assert_eq!(list[0]["diffCount"], "0");
    assert_eq!(detail["montantOperateur"], 16000);
    assert_eq!(detail["diffCount"], 0);
    let keys = |task: &Value| task.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&list[0]), keys(&detail));
}

#[tokio::test]
async fn tasks_are_listed_newest_first_and_only_to_their_owner() {
    let app = app().await;
    let (mine, others) = (app.token().await, app.token_of("demo2", Some("read write")).await);
    let row = csv(&["24/05/2021 07:52:26,P1,SUCCES,0143705652,5000,,ONECI,cinetpay"]);
    let mut ids = Vec::new();
    for _ in 0..2 {
        ids.push(
            body(app.upload(&mine, "a.csv", row.clone()).await, StatusCode::CREATED).await["id"].clone(),
        );
    }
    let path = format!("/taches/{}", ids[0]);
    let list = body(app.get("/taches/", &mine).send().await.unwrap(), StatusCode::OK).await;
    let listed: Vec<_> = list.as_array().unwrap().iter().map(|task| task["id"].clone()).collect();
    assert_eq!(listed, [ids[1].clone(), ids[0].clone()]);

    let seen = body(app.get("/taches/", &others).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(seen, json!([]));
    for path in [path.clone(), format!("/details_taches/{}", ids[0]), format!("/taches/{}/progress", ids[0])]
    {
        let hidden = app.get(&path, &others).send().await.unwrap();
        assert_eq!(hidden.status(), StatusCode::NOT_FOUND, "{path}");
    }
    let update = format!("/update_reconciliation/{}", ids[0]);
    assert_eq!(app.post(&update, &others).send().await.unwrap().status(), StatusCode::NOT_FOUND);

    let everybodys = app.token_of("analyst", None).await;
    assert_eq!(app.get(&path, &everybodys).send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_task_run_again_sees_late_transactions_and_answers_with_the_six_figures() {
    let app = app().await;
    let token = app.token().await;
    let row = csv(&["24/05/2021 07:52:26,P1,SUCCES,0143705652,5000,,ONECI,cinetpay"]);
    let id = body(app.upload(&token, "a.csv", row).await, StatusCode::CREATED).await["id"].as_i64().unwrap();
    assert_eq!(app.finished(&token, id).await["countCinetpay"], 0);

    app.ingest(&token, &[transaction("T1", "P1", "ACCEPTED", 4000)]).await;
    let again = app.post(&format!("/update_reconciliation/{id}"), &token).send().await.unwrap();
    assert_eq!(
        body(again, StatusCode::CREATED).await,
        json!({"montantOperateur": 5000, "montantCinetpay": 4000, "diffMontant": 1000,
               "countOperator": 1, "countCinetpay": 1, "diffCount": 0})
    );
    let details = app.details(&token, id).await;
    assert_eq!(details["not_correspondent"], json!([]));
    assert_eq!(details["correspondent"][0]["kind"], "AMOUNT_MISMATCH");
}

#[tokio::test]
async fn a_corrected_transaction_does_not_change_a_finished_task() {
    let app = app().await;
    let token = app.token().await;
    app.ingest(&token, &[transaction("T1", "P1", "ACCEPTED", 5000)]).await;
    let row = csv(&["24/05/2021 07:52:26,P1,SUCCES,0143705652,5000,,ONECI,cinetpay"]);
    let id = app.reconciled(&token, row).await;
    app.ingest(&token, &[transaction("T1", "P1", "ACCEPTED", 1)]).await;
    let details = app.details(&token, id).await;
    assert_eq!(details["correspondent"][0]["cpm_amountCorrespondent"], 5000);
}

#[tokio::test]
async fn a_waiting_task_is_not_run_again_and_an_unknown_one_is_404() {
    let app = app().await;
    let token = app.token().await;
    let row = csv(&["24/05/2021 07:52:26,P1,SUCCES,0143705652,5000,,ONECI,cinetpay"]);
    let id = app.reconciled(&token, row).await;
    let set = "UPDATE reconciliation.tasks SET state = 'ENCOURS', montant_operateur = NULL, montant_cinetpay = NULL,
         count_operator = NULL, count_cinetpay = NULL, successful_montant_operateur = NULL,
         successful_montant_cinetpay = NULL, successful_count_operator = NULL, successful_count_cinetpay = NULL";
    sqlx::query(set).execute(&app.pool).await.unwrap();
    let running = app.post(&format!("/update_reconciliation/{id}"), &token).send().await.unwrap();
    assert_eq!(body(running, StatusCode::CONFLICT).await["code"], "task_running");
    let unknown = app.post("/update_reconciliation/999999", &token).send().await.unwrap();
    assert_eq!(body(unknown, StatusCode::NOT_FOUND).await["code"], "not_found");
    let jobs: i64 = sqlx::query_scalar("SELECT count(*) FROM jobs.job").fetch_one(&app.pool).await.unwrap();
    assert_eq!(jobs, 1, "a refused run leaves no job");
}

#[tokio::test]
async fn public_reads_open_tasks_but_never_profiles() {
    let app = crate::support::app_with(|config| config.auth.public_reads = true).await;
    let token = app.token().await;
    let row = csv(&["24/05/2021 07:52:26,P1,SUCCES,0143705652,5000,,ONECI,cinetpay"]);
    let id = body(app.upload(&token, "a.csv", row).await, StatusCode::CREATED).await["id"].clone();
    for (path, status) in [
        ("/taches/".to_owned(), StatusCode::OK),
        (format!("/details_taches/{id}"), StatusCode::OK),
        ("/profiles/".to_owned(), StatusCode::UNAUTHORIZED),
        ("/o/applications/".to_owned(), StatusCode::UNAUTHORIZED),
    ] {
        let response = app.request(reqwest::Method::GET, &path).send().await.unwrap();
        assert_eq!(response.status(), status, "{path}");
    }
}

#[tokio::test]
async fn a_task_that_cannot_be_matched_ends_as_echec_with_its_reason_and_can_be_run_again() {
    let app = app().await;
    let token = app.token().await;
    let row = csv(&["24/05/2021 07:52:26,P1,SUCCES,0143705652,5000,,ONECI,cinetpay"]);
    let id = app.reconciled(&token, row).await;
    let keep = "CREATE TABLE kept AS SELECT * FROM reconciliation.operator_versions";
    sqlx::query(keep).execute(&app.pool).await.unwrap();
    let spoil = "UPDATE reconciliation.operator_versions SET configuration = '{}'";
    sqlx::query(spoil).execute(&app.pool).await.unwrap();
    let again = app.post(&format!("/update_reconciliation/{id}"), &token).send().await.unwrap();
    assert_eq!(body(again, StatusCode::CREATED).await["diffCount"], "ENCOURS");
    let failed = app.finished(&token, id).await;
    assert_eq!(failed["etat"], "ECHEC");
    assert_eq!(failed["montantOperateur"], "ENCOURS");
    assert!(failed["description"].as_str().unwrap().contains("configuration"), "{failed}");
    assert_eq!(app.details(&token, id).await["correspondent"], json!([]));

    let mend = "UPDATE reconciliation.operator_versions v SET configuration = k.configuration
                FROM kept k WHERE (k.operator_id, k.version) = (v.operator_id, v.version)";
    sqlx::query(mend).execute(&app.pool).await.unwrap();
    let again = app.post(&format!("/update_reconciliation/{id}"), &token).send().await.unwrap();
    assert_eq!(body(again, StatusCode::CREATED).await["countOperator"], 1);
}

#[tokio::test]
async fn details_read_while_the_task_is_run_again_are_whole_or_empty_or_cut_but_never_mixed() {
    let app = app().await;
    let token = app.token().await;
    let (statement, transactions) = every_kind();
    app.ingest(&token, &transactions).await;
    let id = app.reconciled(&token, statement).await;
    let reruns = async {
        for _ in 0..15 {
            let path = format!("/update_reconciliation/{id}");
            assert_eq!(app.post(&path, &token).send().await.unwrap().status(), StatusCode::CREATED);
        }
    };
    let reads = async {
        for _ in 0..150 {
            let response = app.get(&format!("/details_taches/{id}"), &token).send().await.unwrap();
            let Ok(details) = response.json::<Value>().await else { continue };
            let rows = details["correspondent"].as_array().unwrap().len();
            assert_eq!(rows > 0, details["etat"] == "TERMINE", "{details}");
        }
    };
    tokio::join!(reruns, reads);
}

#[tokio::test]
async fn progress_ends_with_all_rows_dealt_with() {
    let app = app().await;
    let token = app.token().await;
    let (statement, transactions) = every_kind();
    app.ingest(&token, &transactions).await;
    let id = app.reconciled(&token, statement).await;
    let progress = app.get(&format!("/taches/{id}/progress"), &token).send().await.unwrap();
    let progress = body(progress, StatusCode::OK).await;
    assert_eq!(progress["etat"], "TERMINE");
    assert_eq!(progress["done"], progress["total"]);
    assert_eq!(progress["total"], 6 + 5, "rows of both sides");
}
