//! `secure-consumer` behind the gateway, with the outside sandbox and a real `gda-audit` behind it.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use end_to_end::{Answer, Replica, turn};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::envoy::{Envoy, Parameters};
use testkit::issuer::Issuer;
use testkit::outside::OutsideSandbox;
use testkit::postgres::{Database, Postgres};
use testkit::process::{command, free_port};
use testkit::workspace;
use tokio::sync::MutexGuard;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const LOGIN: &str = "boutique";
const PASSWORD: &str = "trois-hiboux-sur-le-toit";
const PATH: &str = "/ssp/secure_consumer";
const CORRELATION_ID: &str = "0192f0c1-2345-7abc-8def-0123456789ab";

pub(crate) struct Shop {
    pub(crate) replica: Replica,
    pub(crate) directory: tempfile::TempDir,
    outside: OutsideSandbox,
    gateway: Envoy,
    http: Client,
    database: Database,
    _turn: MutexGuard<'static, ()>,
}

impl Shop {
    pub(crate) async fn open(settings: &[(&str, &str)]) -> Result<Self> {
        let turn = turn().await;
        let outside = OutsideSandbox::start().await?;
        let database = Postgres::shared().await?.database("secure_consumer").await?;
        let (base, resolver) = (outside.base_url().to_owned(), outside.resolver());
        let own = [
            ("HISTORY__SECRET", "a secret of the tests, 32 characters or more"),
            ("CONNECTORS__COMPANY_REGISTER__URL", base.as_str()),
            ("CONNECTORS__ADDRESS__URL", &base),
            ("CONNECTORS__PAYEE_VERIFICATION__URL", &base),
            ("CONNECTORS__MX__RESOLVER", &resolver),
        ];
        let environment = environment(&database, &[&own, settings].concat());
        let directory = tempfile::tempdir()?;
        let binary = workspace::binary("secure-consumer")?;
        ensure!(command(&binary, "migrate", &environment).status()?.success(), "migrate");
        add_account(&binary, &environment)?;
        let log = directory.path().join("secure-consumer.log");
        let replica = Replica::start(&binary, environment, &log).await?;
        let parameters = Parameters::to("secure-consumer", replica.port, free_port()?);
        let gateway = Envoy::start(&parameters, directory.path()).await?;
        let http = testkit::http::client()?;
        Ok(Self { replica, directory, outside, gateway, http, database, _turn: turn })
    }

    pub(crate) fn authorization(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{LOGIN}:{PASSWORD}")))
    }

    fn check(&self, body: &Value) -> RequestBuilder {
        self.http
            .post(format!("{}{PATH}", self.gateway.base_url()))
            .header("Correlationid", CORRELATION_ID)
            .header("authorization", self.authorization())
            .json(body)
    }
}

fn environment(database: &Database, settings: &[(&str, &str)]) -> BTreeMap<String, String> {
    let own = [
        ("DATABASE__URL", database.app_url.as_str()),
        ("DATABASE__OWNER_URL", &database.owner_url),
        ("DATABASE__APP_ROLE", &database.app_role),
    ];
    own.iter().chain(settings).map(|(key, value)| (format!("GARANT__{key}"), (*value).to_owned())).collect()
}

fn add_account(binary: &Path, environment: &BTreeMap<String, String>) -> Result<()> {
    let mut create = command(binary, "accounts", environment);
    create.args(["create", LOGIN, "--password-stdin"]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut created = create.spawn()?;
    created.stdin.take().context("no input")?.write_all(PASSWORD.as_bytes())?;
    ensure!(created.wait()?.success(), "accounts create");
    Ok(())
}

/// The outside sandbox's genuine consumer.
fn genuine() -> Value {
    json!({
        "consumer_last_name": "Moreau", "consumer_first_name": "Camille",
        "consumer_address_street_number": "10", "consumer_address_street_type": "rue",
        "consumer_address_street_name": "de la Paix", "consumer_zip_code": "75002", "consumer_city": "Paris",
        "consumer_country": "FR", "consumer_email": "camille.moreau@orange.fr",
        "consumer_phone_number": "06 12 34 56 78", "iban": "FR76 1001 1000 2000 0000 0000 151",
        "social_reference": "Atelier Moreau", "siren": "100000009",
    })
}

/// `gda-audit` with the sandbox's list of the UN, and who issues tokens for it.
async fn gda_audit(directory: &Path) -> Result<(Replica, MockServer)> {
    let (issuer, issuing) = (Issuer::start().await?, MockServer::start().await);
    let database = Postgres::shared().await?.database("gda_audit").await?;
    let issuers = format!(r#"[{{issuer="{}", jwks_url="{}"}}]"#, issuer.issuer(), issuer.jwks_url());
    let heads = format!("file://{}", directory.join("heads").display());
    let settings = [
        ("AUTH__ISSUERS", issuers.as_str()),
        ("LISTS", r#"[{source="UN", control_type="BLACKLIST", format="UN_XML"}]"#),
        ("AUDIT__ANCHOR__URL", &heads),
        ("AUDIT__SIGNING_KEY", "a signing key of the tests, long enough"),
        ("WEBHOOKS__KEY_SECRET", "a secret of the tests, 32 characters or more"),
        ("RENEWAL__POLL_MS", "100"),
    ];
    let environment = environment(&database, &settings);
    let binary = workspace::binary("gda-audit")?;
    ensure!(command(&binary, "migrate", &environment).status()?.success(), "gda-audit migrate");
    let replica = Replica::start(&binary, environment, &directory.join("gda-audit.log")).await?;
    let token = |scope: &str| issuer.token("secure-consumer", "gda-audit", scope).signed();
    let issued = json!({"access_token": token("screening:read"), "token_type": "Bearer", "expires_in": 300});
    let issued = ResponseTemplate::new(200).set_body_json(issued);
    Mock::given(method("POST")).and(path("/token")).respond_with(issued).mount(&issuing).await;
    let list = std::fs::read(workspace::root().join("services/gda-audit/sandbox/un.xml"))?;
    let form = Form::new().part("file", Part::bytes(list).file_name("un.xml"));
    let import = testkit::http::client()?.post(format!("{}/lists/UN/imports", replica.base_url));
    let import = import.bearer_auth(token("lists:write")).multipart(form);
    Answer::to(import).await?.expect(StatusCode::CREATED)?;
    // The issuer's keys must be there for as long as tokens are verified.
    std::mem::forget(issuer);
    Ok((replica, issuing))
}

#[tokio::test]
async fn a_listed_person_is_found_by_gda_audit_and_everything_else_is_as_the_sandbox_says() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let (gda_audit, issuing) = gda_audit(directory.path()).await?;
    let (url, token_url) = (gda_audit.base_url.as_str(), format!("{}/token", issuing.uri()));
    let shop = Shop::open(&[
        ("CONNECTORS__SCREENING__URL", url),
        ("CONNECTORS__SCREENING__TOKEN_URL", &token_url),
        ("CONNECTORS__SCREENING__CLIENT_ID", "secure-consumer"),
        ("CONNECTORS__SCREENING__CLIENT_SECRET", "secret"),
    ])
    .await?;
    let mut degraded = true;
    let deadline = Instant::now() + Duration::from_secs(10);
    while degraded {
        // Until the list is in force there is nothing to screen against, and that is told.
        let answer = Answer::to(shop.check(&genuine())).await?;
        degraded = answer.header("x-degraded").is_some();
        let colour = if degraded { "orange" } else { "green" };
        assert_eq!(answer.header("x-score-colour"), Some(colour), "{}", answer.text);
        ensure!(Instant::now() < deadline, "gda-audit is never asked: {:?}", answer.headers);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut listed = genuine();
    listed["consumer_first_name"] = "Farazan Quillab".into();
    listed["consumer_last_name"] = "Al-Mustana".into();
    let answer = Answer::to(shop.check(&listed)).await?;
    assert_eq!(answer.header("x-score-colour"), Some("red"), "{}", answer.text);
    let asked = shop.outside.journal().await?;
    ensure!(asked.iter().all(|call| call["correlation_id"] == CORRELATION_ID || call["endpoint"] == "dns"));
    for log in [shop.directory.path().join("secure-consumer.log"), directory.path().join("gda-audit.log")] {
        let text = std::fs::read_to_string(&log)?;
        ensure!(text.contains(CORRELATION_ID), "{} does not name the request", log.display());
    }
    Ok(())
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9_and_the_gateway_answers_in_the_contracts_shape() -> Result<()>
{
    let mut shop = Shop::open(&[("ACCOUNTS__REQUESTS_PER_SECOND", "100000")]).await?;
    let load = async {
        let mut acknowledged = Vec::new();
        for _ in 0..100_000 {
            let Ok(answer) = Answer::to(shop.check(&json!({"iban": "FR7610011000200000000000151"}))).await
            else {
                break;
            };
            match answer.header("x-decision-id") {
                Some(id) => acknowledged.push(id.to_owned()),
                None => {
                    let body: Value = serde_json::from_str(&answer.text)?;
                    assert_eq!(body, json!({"result": false, "code": "TECH_002"}));
                    break;
                }
            }
        }
        anyhow::Ok(acknowledged)
    };
    let pid = shop.replica.process.id().context("no process")?;
    let kill = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        tokio::process::Command::new("kill").args(["-9", &pid.to_string()]).status().await
    };
    let (acknowledged, killed) = tokio::join!(load, kill);
    let acknowledged = acknowledged?;
    ensure!(killed?.success() && acknowledged.len() > 5, "{} before the kill", acknowledged.len());
    let pool = PgPool::connect(&shop.database.superuser_url).await?;
    let ids: Vec<String> =
        sqlx::query_scalar("SELECT id::text FROM consumer.decisions").fetch_all(&pool).await?;
    ensure!(acknowledged.iter().all(|id| ids.contains(id)), "an acknowledged decision is lost");
    shop.replica.process.restart().await?;
    let url = format!("{}{PATH}/{}", shop.gateway.base_url(), acknowledged[0]);
    let shown = shop.http.get(url).header("authorization", shop.authorization());
    Answer::to(shown).await?.expect(StatusCode::OK)?;
    let nothing = Answer::to(shop.http.get(format!("{}/ssp/x", shop.gateway.base_url()))).await?;
    assert_eq!(nothing.expect(StatusCode::NOT_FOUND)?, json!({"result": false, "code": "FIND_001"}));
    Ok(())
}
