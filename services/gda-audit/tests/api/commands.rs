//! `screen`, `compare` and `check-config` on the command line.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::SIGNING_KEY;

fn run(args: &[&str], input: &str) -> (bool, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_gda-audit"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join().unwrap();
    let said = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.success(), String::from_utf8(said).unwrap())
}

fn lines(output: &str) -> Vec<Value> {
    output.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn persons_are_screened_in_the_inputs_order_and_a_wrong_line_stops_nothing() {
    let sandbox = concat!(env!("CARGO_MANIFEST_DIR"), "/sandbox");
    let (un, sdn) = (format!("{sandbox}/un.xml"), format!("{sandbox}/ofac/sdn.csv"));
    let mut input = String::new();
    for n in 0..5_000 {
        let person = match n % 5 {
            0 => json!({"id": n.to_string(), "name": "Farazan Quillab"}),
            1 => json!({"id": n.to_string(), "first_name": "Jane", "last_name": format!("Unlisted{n}")}),
            2 => json!({"id": n.to_string(), "name": "?!"}),
            3 => json!({"id": n.to_string(), "name": "x".repeat(2_000)}),
            _ => json!({"name": 7}),
        };
        input.push_str(&format!("{person}\n"));
    }
    let (ok, output) = run(&["screen", "--list", &un, "--list", &sdn], &input);
    assert!(ok, "{output}");
    let answers = lines(&output);
    assert_eq!(answers.len(), 5_000);
    for (n, answer) in answers.iter().enumerate() {
        match n % 5 {
            0 => {
                assert_eq!(
                    (&answer["id"], &answer["hits"][0]["list"]),
                    (&json!(n.to_string()), &json!("un.xml"))
                );
            }
            1 => assert_eq!((&answer["id"], &answer["hits"]), (&json!(n.to_string()), &json!([]))),
            2 | 3 => assert!(answer["error"].as_str().unwrap().starts_with("name: "), "{answer}"),
            _ => assert!(answer["error"].is_string() && answer["hits"] == json!([]), "{answer}"),
        }
    }
    let (ok, said) = run(&["screen", "--list", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")], "");
    assert!(!ok && said.contains("Cargo.toml"), "{said}");
}

#[test]
fn a_lone_surrogate_is_told_and_stops_nothing() {
    let un = concat!(env!("CARGO_MANIFEST_DIR"), "/sandbox/un.xml");
    let (ok, output) = run(
        &["screen", "--list", un],
        "{\"id\":\"a\",\"name\":\"Farazan \\ud800 Quillab\"}\n{\"id\":\"b\",\"name\":\"Farazan Quillab\"}\n",
    );
    assert!(ok, "{output}");
    let answers = lines(&output);
    assert!(answers[0]["error"].as_str().unwrap().contains("hex escape"), "{}", answers[0]);
    assert_eq!((&answers[0]["hits"], &answers[1]["id"]), (&json!([]), &json!("b")));
    assert!(!answers[1]["hits"].as_array().unwrap().is_empty());
    let (ok, output) = run(&["compare"], r#"{"query":{"name":"\udfff"},"target":{"name":"x"}}"#);
    assert!(ok && lines(&output)[0]["error"].is_string(), "{output}");
}

#[test]
fn pairs_are_compared_in_the_inputs_order() {
    let input = [
        json!({"query": {"name": "Acme Trading LLC", "type": "LEGAL"}, "target": {"name": "ACME Trading", "type": "LEGAL"}}),
        json!({"query": {"name": "Jon Smith", "birth_date": "1970"}, "target": {"name": "Maria Gonzalez", "aliases": []}}),
        json!({"query": {"name": ""}, "target": {"name": "x"}}),
    ];
    let input: String = input.iter().map(|pair| format!("{pair}\n")).collect();
    let (ok, output) = run(&["compare"], &format!("{input}no json\n"));
    assert!(ok, "{output}");
    let answers = lines(&output);
    assert_eq!(answers.iter().map(|a| &a["match"]).collect::<Vec<_>>(), [true, false, false, false]);
    assert!(answers[2]["error"].as_str().unwrap().starts_with("query.name"), "{}", answers[2]);
    assert_eq!((&answers[3]["score"], &answers[3]["appliedScores"]), (&json!(0.0), &json!([])));
}

#[test]
fn a_wrong_configuration_is_named_by_its_key() {
    let check = |name: &str, value: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_gda-audit"))
            .arg("check-config")
            .env("GARANT__DATABASE__URL", "postgres://gda@127.0.0.1/gda")
            .env("GARANT__AUDIT__ANCHOR__URL", "file:///var/lib/garant/heads")
            .env("GARANT__AUDIT__SIGNING_KEY", SIGNING_KEY)
            .env("GARANT__WEBHOOKS__KEY_SECRET", "a secret of the tests, 32 characters or more")
            .env(name, value)
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    assert!(check("GARANT__RENEWAL__POLL_MS", "500").0);
    for (name, value, key) in [
        ("GARANT__AUDIT__SIGNING_KEY", "short", "audit.signing_key"),
        ("GARANT__AUDIT__ANCHOR__URL", "", "audit.anchor.url"),
    ] {
        let (valid, said) = check(name, value);
        assert!(!valid && said.contains(key), "{key}: {said}");
    }
    for (anchor, said) in [
        ("ftp://user:hush@sink/", "must be file:///"),
        ("postgres://other:hush@127.0.0.1:5432/gda", "must be another database"),
    ] {
        let (valid, told) = check("GARANT__AUDIT__ANCHOR__URL", anchor);
        assert!(!valid && told.contains("audit.anchor.url") && told.contains(said), "{told}");
        assert!(!told.contains("hush"), "{told}");
    }
    for anchor in ["https://user:hush@sink/heads", "postgres://other@sink/heads"] {
        assert!(check("GARANT__AUDIT__ANCHOR__URL", anchor).0);
    }
    let (valid, told) = check("GARANT__AUDIT__SIGNING_KEY", "hush");
    assert!(!valid && told.contains("audit.signing_key") && !told.contains("hush"), "{told}");
    for (key, name) in [("BATCH__CONCURRENCY", "batch.concurrency"), ("BATCH__LEASE_S", "batch.lease_s")] {
        let (valid, said) = check(&format!("GARANT__{key}"), "0");
        assert!(!valid && said.contains(name), "{said}");
    }
    let list = |rest: &str| format!(r#"[{{source="UN", control_type="BLACKLIST", format="UN_XML"{rest}}}]"#);
    assert!(check("GARANT__LISTS", &list("")).0);
    for (rest, key) in [
        (", every_s=60", "lists[0].every_s"),
        (", max_shrink_share=2.0", "lists[0].max_shrink_share"),
        (", urls=[\"ftp://x\"]", "lists[0].urls"),
        (", urls=[\"https://a\", \"https://b\"]", "lists[0].urls"),
    ] {
        let (valid, said) = check("GARANT__LISTS", &list(rest));
        assert!(!valid && said.contains(key), "{key}: {said}");
    }
}
