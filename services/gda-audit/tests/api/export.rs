//! `GET /audit/export`.

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::audit_proof::trail;
use crate::support::{TestApp, body};

async fn exported(app: &TestApp, query: &str, kind: &str) -> String {
    let answer = app.request(Method::GET, &format!("/audit/export?{query}")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert!(header("content-type").starts_with(kind), "{kind}");
    assert!(header("content-disposition").starts_with("attachment; filename=\"audit."));
    answer.text().await.unwrap()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn every_control_and_event_is_exported_in_the_order_of_the_chain() {
    let app = trail().await;
    let lines = lines(&exported(&app, "format=jsonl", "application/x-ndjson").await);
    insta::assert_json_snapshot!("export_jsonl", lines, {
        "[].at" => "[at]",
        "[].hash" => "[hash]",
        "[].editions[].date" => "[date]",
        "[].configuration" => "[configuration]",
    });
    let text = exported(&app, "format=csv&excel=1", "text/csv").await;
    let mut csv = csv::Reader::from_reader(text.as_bytes());
    let columns = csv.headers().unwrap().clone();
    let mut cells = vec![columns.iter().collect::<Vec<_>>().join(","), String::new()];
    for record in csv.records() {
        for (column, cell) in columns.iter().zip(&record.unwrap()) {
            match column {
                "at" | "hash" => assert!(!cell.is_empty()),
                _ if cell.is_empty() => {}
                // The date of the list of politically exposed persons is that of its import.
                "editions" => cells.push(format!("editions: {}", cell.split(' ').next().unwrap_or_default())),
                _ => cells.push(format!("{column}: {cell}")),
            }
        }
        cells.push(String::new());
    }
    insta::assert_snapshot!("export_csv", cells.join("\n"));
    let plain = exported(&app, "format=csv", "text/csv").await;
    assert!(plain.contains(",=another birth date,") && text.contains(",'=another birth date,"));
}

#[tokio::test]
async fn what_is_asked_for_is_exported() {
    let app = trail().await;
    let all = lines(&exported(&app, "", "application/x-ndjson").await);
    assert_eq!(all.len(), 10);
    let pep = lines(&exported(&app, "controlType=PEP&sourceName=S", "application/x-ndjson").await);
    assert_eq!(pep.len(), 2);
    let at = all[5]["at"].as_str().unwrap();
    let (before, after) = (
        lines(&exported(&app, &format!("to={at}"), "application/x-ndjson").await),
        lines(&exported(&app, &format!("from={at}"), "application/x-ndjson").await),
    );
    assert_eq!([before, after].concat(), all);
    assert!(exported(&app, "from=2999-01-01", "application/x-ndjson").await.is_empty());
    let accepting =
        app.request(Method::GET, "/audit/export").header("accept", "text/csv").send().await.unwrap();
    assert_eq!(accepting.text().await.unwrap().lines().count(), 11);
    for (query, field) in [
        ("format=xml", "format"),
        ("from=yesterday", "from"),
        ("to=2026-02-30", "to"),
        ("from=2026-02-02&to=2026-02-01", "to"),
        ("sourceName=T", "sourceName"),
        ("controlType=pep", "controlType"),
        ("excel=yes", "excel"),
    ] {
        let refused = app.request(Method::GET, &format!("/audit/export?{query}"));
        assert_eq!(body(refused, StatusCode::BAD_REQUEST).await["field"], field, "{query}");
    }
}
