//! The binary's sub-commands.

use std::collections::BTreeMap;

use testkit::process::command;

use crate::support::{Bank, binary};

fn run(subcommand: &str, settings: &[(&str, &str)]) -> (bool, String) {
    let environment: BTreeMap<String, String> =
        settings.iter().map(|(key, value)| (format!("GARANT__{key}"), (*value).to_owned())).collect();
    let output = command(&binary(), subcommand, &environment).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

const VALID: [(&str, &str); 3] = [
    ("CAPS__URL", "https://caps.example"),
    ("PRIVACY__PEPPER", "a pepper of the tests, of 32 characters or more"),
    ("AUTH__ISSUERS", r#"[{issuer="https://idp.example", jwks_url="https://idp.example/jwks"}]"#),
];

#[test]
fn a_wrong_configuration_is_named_by_its_key() {
    assert!(run("check-config", &VALID).0);
    let cases = [
        (("CAPS__URL", "ftp://caps.example"), "caps.url"),
        (("PRIVACY__PEPPER", "short-and-secret"), "privacy.pepper"),
        (("AUTH__ISSUERS", "[]"), "auth.issuers"),
        (("LIMITS__CLIENT_HASHES_PER_MINUTE", "0"), "limits.client_hashes_per_minute"),
        (("LIMITS__REPLICAS", "0"), "limits.replicas"),
        (("CLIENTS", r#"[{name="a", client_id="b", hashes_per_minute=1}]"#), "clients[0]"),
        (("CLIENTS", r#"[{name="a", certificate="spiffe://b", hashes_per_minute=1}]"#), "clients[0]"),
        (("CACHE__FOUND", "1"), "found"),
    ];
    for (setting, key) in cases {
        let (valid, said) = run("check-config", &[VALID.as_slice(), &[setting]].concat());
        assert!(!valid && said.contains(key) && !said.contains("short-and-secret"), "{key}: {said}");
        assert!(!run("serve", &[VALID.as_slice(), &[setting]].concat()).0, "{key}");
    }
}

#[tokio::test]
async fn the_other_commands_do_what_they_say() {
    assert!(run("migrate", &[]).0);
    assert!(run("openapi", &[]).1.contains("MSEPI05"));
    let mut bank = Bank::open(&[]).await;
    let listen = bank.replica.management.trim_start_matches("http://").to_owned();
    assert!(run("healthcheck", &[("MANAGEMENT__LISTEN", &listen)]).0);
    let exit = bank.replica.process.terminate().await.unwrap();
    assert!(exit.status.success(), "{}", exit.status);
    assert!(!run("healthcheck", &[("MANAGEMENT__LISTEN", &listen)]).0);
}
