//! The binary's sub-commands.

use std::process::{Command, Output};

fn run(command: &str, settings: &[(&str, &str)]) -> Output {
    let mut binary = Command::new(env!("CARGO_BIN_EXE_reconciliation"));
    binary.arg(command).current_dir("/").env_clear();
    let valid = [
        ("GARANT__DATABASE__URL", "postgres://app@localhost/db"),
        ("GARANT__IDENTITY__ISSUER", "https://issuer.test"),
        ("GARANT__IDENTITY__KEY_SECRET", "a secret of the tests, 32 characters or more"),
    ];
    binary.envs(valid).envs(settings.iter().copied()).output().unwrap()
}

#[test]
fn check_config_accepts_a_valid_configuration_and_names_the_key_of_a_wrong_one() {
    let valid = run("check-config", &[]);
    assert!(valid.status.success(), "{}", String::from_utf8_lossy(&valid.stderr));
    for (name, value, key) in [
        ("GARANT__UPLOAD__CONCURRENCY", "0", "upload.concurrency"),
        ("GARANT__UPLOAD__MAX_ROWS", "many", "upload.max_rows"),
        ("GARANT__MATCHING__LEASE_S", "0", "matching.lease_s"),
        ("GARANT__DATABASE__URL", "nonsense", "database.url"),
        ("GARANT__IDENTITY__KEY_SECRET", "short", "identity.key_secret"),
        ("GARANT__SERVER__LISTNE", "127.0.0.1:1", "listne"),
    ] {
        let wrong = run("check-config", &[(name, value)]);
        let message = String::from_utf8(wrong.stderr).unwrap();
        assert!(!wrong.status.success() && message.contains(key), "{name}: {message}");
    }
}

#[test]
fn openapi_prints_the_document_without_any_configuration() {
    let printed = run("openapi", &[("GARANT__DATABASE__URL", "nonsense")]);
    let document: serde_json::Value = serde_json::from_slice(&printed.stdout).unwrap();
    assert_eq!(document["info"]["title"], "reconciliation");
}

#[test]
fn healthcheck_fails_where_nothing_listens() {
    let port = testkit::process::free_port().unwrap();
    let probe = run("healthcheck", &[("GARANT__MANAGEMENT__LISTEN", &format!("127.0.0.1:{port}"))]);
    assert!(!probe.status.success());
}

#[tokio::test]
async fn one_role_that_owns_and_uses_the_database_keeps_the_rights_of_the_next_migration() {
    let postgres = testkit::postgres::Postgres::shared().await.unwrap();
    let database = postgres.database("reconciliation").await.unwrap();
    let mut config = crate::support::config(&database).database;
    config.url = database.owner_url.clone().into();
    (config.owner_url, config.app_role) = (None, None);
    config.migrate(&reconciliation::store::parts()).await.unwrap();
    let pool = sqlx::PgPool::connect(&database.owner_url).await.unwrap();
    for schema in ["identity", "jobs", "reconciliation"] {
        let may: bool = sqlx::query_scalar("SELECT has_table_privilege($1, 'INSERT')")
            .bind(format!("{schema}._sqlx_migrations"))
            .fetch_one(&pool)
            .await
            .unwrap();
        assert!(may, "{schema}");
    }
}
