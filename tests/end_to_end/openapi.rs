//! Every operation, as its OpenAPI document describes it, by schemathesis (from PyPI). What it may not ask of an operation
//! stands in `tests/openapi/schemathesis.toml`, each with the line of the contract that demands otherwise.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use end_to_end::{Replica, Stack, turn};
use testkit::issuer::Issuer;
use testkit::postgres::Postgres;
use testkit::statements::{Params, Sample};
use testkit::{python, workspace};
use tokio::process::Command;

use crate::msepi05_proxy::Bank;
use crate::secure_consumer::Shop;

const EXAMPLES: &str = "40";
/// The same requests in every run: what a test finds must not depend on luck.
const SEED: &str = "20261124";

#[tokio::test]
async fn reconciliation_does_what_its_openapi_document_says() -> Result<()> {
    let stack = Stack::start(&[("IDENTITY__REGISTRATION", "true")]).await?;
    let token = stack.token(None).await?;
    let sample = Sample::new(Params::new(20, 1));
    stack.ingest(&token, &sample).await?;
    let task = stack.reconcile(&token, &sample).await?;
    stack.finished(&token, task).await?;
    ensure!(task == 1, "the smallest id that schemathesis tries must be a task's");
    let authorization = format!("Bearer {token}");
    conforms("reconciliation", &stack.replica.base_url, &authorization, stack.directory.path()).await
}

#[tokio::test]
async fn msepi05_proxy_does_what_its_openapi_document_says() -> Result<()> {
    let limits =
        [("LIMITS__CUSTOMER_HASHES", "100000000"), ("LIMITS__CLIENT_HASHES_PER_MINUTE", "100000000")];
    let bank = Bank::open(&limits, None).await?;
    let authorization = format!("Bearer {}", bank.token());
    conforms("msepi05-proxy", &bank.replica.base_url, &authorization, bank.directory.path()).await
}

#[tokio::test]
async fn gda_audit_does_what_its_openapi_document_says() -> Result<()> {
    let _turn = turn().await;
    let (postgres, issuer) = (Postgres::shared().await?, Issuer::start().await?);
    let (database, directory) = (postgres.database("gda_audit").await?, tempfile::tempdir()?);
    let issuers = format!(r#"[{{issuer="{}", jwks_url="{}"}}]"#, issuer.issuer(), issuer.jwks_url());
    let lists = r#"[{source="UN", control_type="BLACKLIST", format="UN_XML"}]"#;
    let environment: BTreeMap<String, String> = [
        ("DATABASE__URL", database.app_url.as_str()),
        ("DATABASE__OWNER_URL", &database.owner_url),
        ("DATABASE__APP_ROLE", &database.app_role),
        ("AUTH__ISSUERS", &issuers),
        ("LISTS", lists),
        ("AUDIT__ANCHOR__URL", &format!("file://{}", directory.path().join("heads").display())),
        ("AUDIT__SIGNING_KEY", "a signing key of the tests, long enough"),
        ("WEBHOOKS__KEY_SECRET", "a secret of the tests, 32 characters or more"),
    ]
    .map(|(key, value)| (format!("GARANT__{key}"), value.to_owned()))
    .into();
    let binary = workspace::binary("gda-audit")?;
    let migrated = testkit::process::command(&binary, "migrate", &environment).status()?;
    ensure!(migrated.success(), "migrate ended with {migrated}");
    let replica = Replica::start(&binary, environment, &directory.path().join("service.log")).await?;
    let token = issuer
        .token("compliance", "gda-audit", "screening:read screening:write screening:decide lists:write")
        .signed();
    conforms("gda-audit", &replica.base_url, &format!("Bearer {token}"), directory.path()).await
}

#[tokio::test]
async fn secure_consumer_does_what_its_openapi_document_says() -> Result<()> {
    let shop = Shop::open(&[("ACCOUNTS__REQUESTS_PER_SECOND", "100000")]).await?;
    let authorization = shop.authorization();
    conforms("secure-consumer", &shop.replica.base_url, &authorization, shop.directory.path()).await
}

/// Past the gateway: Envoy answers 400 to methods that it doesn't know, where the document's 405 is the service's.
async fn conforms(service: &str, base: &str, authorization: &str, directory: &Path) -> Result<()> {
    let schemathesis =
        tokio::task::spawn_blocking(|| python::program("schemathesis", "4.32.5", "schemathesis")).await??;
    let run = Command::new(schemathesis)
        .arg("--config-file")
        .arg(workspace::root().join("tests/openapi/schemathesis.toml"))
        .arg("run")
        .arg(format!("{base}/docs/{service}/openapi.json"))
        .args(["--url", base])
        .args(["--header", &format!("Authorization: {authorization}")])
        .args(["--phases", "examples,coverage,fuzzing", "--max-examples", EXAMPLES, "--seed", SEED])
        .args(["--continue-on-failure", "--warnings", "off", "--no-color"])
        .current_dir(directory)
        .kill_on_drop(true)
        .output()
        .await
        .context("cannot run schemathesis")?;
    let report = String::from_utf8_lossy(&run.stdout);
    ensure!(run.status.success(), "{report}\n{}", String::from_utf8_lossy(&run.stderr));
    println!(
        "{service}: {}",
        report.lines().rev().find(|line| line.contains("generated")).unwrap_or_default()
    );
    Ok(())
}
