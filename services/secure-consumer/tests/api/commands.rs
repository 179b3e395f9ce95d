//! The binary's sub-commands.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use testkit::workspace;

use crate::support::{PATH, app, genuine, genuine_but};

fn run(args: &[&str], environment: &[(&str, &str)], input: &str) -> Output {
    let mut command = Command::new(workspace::binary("secure-consumer").unwrap());
    command.args(args).envs(environment.iter().copied());
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[tokio::test]
async fn check_scores_offline_as_the_service_does_without_connectors() {
    let app = app().await;
    let consumers = [
        genuine(),
        genuine_but(json!({"iban": "FR4930004008280000123456704"})),
        // Without an account nobody is remembered.
        genuine_but(json!({"consumer_last_name": "test", "consumer_email": "x@mailinator.com", "iban": ""})),
    ];
    let mut input: String = consumers.iter().map(|consumer| format!("{consumer}\n")).collect();
    input.push_str("\n{\"iban\": 1}\n");
    let output = run(&["check"], &[], &input);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 4);
    for (consumer, line) in consumers.iter().zip(&lines) {
        let answer = app.request(reqwest::Method::POST, &format!("{PATH}?detail=1")).json(consumer);
        let answer: Value = answer.send().await.unwrap().json().await.unwrap();
        assert_eq!(line["score"], answer["score"], "{consumer}");
    }
    assert_eq!(lines[3], json!({"result": false, "code": "FORM_002", "field": "iban"}));
}

#[tokio::test]
async fn accounts_are_made_listed_and_closed_by_the_binary() {
    let app = app().await;
    let environment = [
        ("GARANT__DATABASE__URL", app.database.app_url.as_str()),
        ("GARANT__ACCOUNTS__HASHING__MEMORY_KIB", "8"),
        ("GARANT__ACCOUNTS__HASHING__ITERATIONS", "1"),
    ];
    let accounts = |args: &[&str], input: &str| {
        let output = run(&[&["accounts"], args].concat(), &environment, input);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.success(), said, String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (created, said, _) = accounts(&["create", "shop", "--network", "192.0.2.0/24"], "");
    assert!(created);
    let password = said.lines().find_map(|line| line.strip_prefix("password ")).unwrap();
    assert!(password.len() >= 32);
    assert!(accounts(&["create", "club", "--password-stdin"], "a-password-from-outside\n").0);
    let (_, listed, _) = accounts(&["list"], "");
    assert!(
        listed.contains("shop\tACTIVE\t192.0.2.0/24\n") && listed.contains("club\tACTIVE\t\n"),
        "{listed}"
    );
    let (again, _, error) = accounts(&["create", "shop"], "");
    assert!(!again && error.contains("there is an account shop already"), "{error}");
    assert!(accounts(&["close", "shop"], "").0);
    let (reopened, _, error) = accounts(&["enable", "shop"], "");
    assert!(!reopened && error.contains("closed"), "{error}");
    app.looked().await;
    let request =
        app.http.post(format!("{}{PATH}", app.base)).basic_auth("club", Some("a-password-from-outside"));
    assert!(request.json(&genuine()).send().await.unwrap().status().is_success());
}

#[test]
fn a_wrong_configuration_is_named() {
    for (key, value, said) in [
        ("GARANT__HISTORY__SECRET", "short", "history.secret"),
        ("GARANT__SCORE__IBAN__VALD__WEIGHT", "1.0", "score.iban.vald"),
        ("GARANT__SCORE__PAYEE__MISMATCH__CAP", "75", "score.payee.mismatch"),
        ("GARANT__CONNECTORS__ADRESS__URL", "http://localhost", "connectors"),
    ] {
        let environment = [
            ("GARANT__DATABASE__URL", "postgres://localhost/x"),
            ("GARANT__HISTORY__SECRET", "a secret of the tests, 32 characters or more"),
            (key, value),
        ];
        let output = run(&["check-config"], &environment, "");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(said), "{key}: {error}");
    }
}

#[test]
fn calibrate_reads_past_collections_and_prints_reliability_and_weights() {
    let line = |consumer: Value, outcome: Value| {
        let mut consumer = consumer;
        consumer["outcome"] = outcome;
        format!("{consumer}\n")
    };
    let mut input = String::new();
    for n in 0..200 {
        input.push_str(&line(genuine(), if n % 20 == 0 { json!("MD01") } else { json!(null) }));
        let disposable = genuine_but(json!({"consumer_email": "x@mailinator.com"}));
        input.push_str(&line(disposable, if n % 4 == 0 { json!(null) } else { json!("AC01") }));
    }
    let told = json!({"outcome": "AM04", "reasons": [{"check": "iban", "outcome": "valid"}]});
    input.push_str(&told.to_string());
    let directory = tempfile::tempdir().unwrap();
    let plot = directory.path().join("reliability.svg");
    let output = run(&["calibrate", "--plot", plot.to_str().unwrap()], &[], &input);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.starts_with("# 400 collections: 240 genuine, 160 not; 1 more"), "{said}");
    let weights: Vec<&str> = said.lines().filter(|line| line.starts_with("score.")).collect();
    let disposable = weights.iter().find(|line| line.starts_with("score.email_domain.disposable"));
    assert!(disposable.unwrap().contains("weight = -"), "{said}");
    let toml: String = weights.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(directory.path().join("garant.toml"), toml).unwrap();
    let file = directory.path().join("garant.toml").display().to_string();
    let environment = [
        ("GARANT__DATABASE__URL", "postgres://localhost/x"),
        ("GARANT__HISTORY__SECRET", "a secret of the tests, 32 characters or more"),
    ];
    let checked = run(&["check-config", "--config", &file], &environment, "");
    assert!(
        checked.status.success(),
        "what is printed can be configured: {}",
        String::from_utf8_lossy(&checked.stderr)
    );
    assert!(std::fs::read_to_string(plot).unwrap().starts_with("<svg"));

    let output = run(&["calibrate"], &[], &line(genuine(), json!("XX99")));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("line 1: `outcome` is no known reason code"), "{error}");
}
