//! `msepi05-proxy` behind the gateway, with the CAPS sandbox behind it.

use anyhow::{Context, Result, ensure};
use end_to_end::{Answer, Replica, turn};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use testkit::caps::CapsSandbox;
use testkit::certificates::Authority;
use testkit::envoy::{Envoy, Parameters, Tls};
use testkit::issuer::Issuer;
use testkit::process::free_port;
use testkit::redis::Redis;
use testkit::workspace;
use tokio::sync::MutexGuard;

pub(crate) struct Bank {
    pub(crate) caps: CapsSandbox,
    pub(crate) replica: Replica,
    pub(crate) directory: tempfile::TempDir,
    gateway: Envoy,
    issuer: Issuer,
    http: Client,
    _redis: Redis,
    _turn: MutexGuard<'static, ()>,
}

impl Bank {
    pub(crate) async fn open(settings: &[(&str, &str)], tls: Option<Tls>) -> Result<Self> {
        let turn = turn().await;
        let (caps, issuer, redis) =
            (CapsSandbox::start(&[]).await?, Issuer::start().await?, Redis::start().await?);
        let issuers = format!(r#"[{{issuer="{}", jwks_url="{}"}}]"#, issuer.issuer(), issuer.jwks_url());
        let redis_url = redis.url();
        let own = [
            ("CAPS__URL", caps.base_url()),
            ("REDIS__URL", &redis_url),
            ("AUTH__ISSUERS", &issuers),
            ("PRIVACY__PEPPER", "a pepper of the tests, of 32 characters or more"),
        ];
        let environment: BTreeMap<String, String> = own
            .iter()
            .chain(settings)
            .map(|(key, value)| (format!("GARANT__{key}"), (*value).to_owned()))
            .collect();
        let directory = tempfile::tempdir()?;
        let log = directory.path().join("service.log");
        let replica = Replica::start(&workspace::binary("msepi05-proxy")?, environment, &log).await?;
        let parameters = Parameters::to("msepi05-proxy", replica.port, free_port()?);
        let gateway = Envoy::start(&Parameters { tls, ..parameters }, directory.path()).await?;
        let http = testkit::http::client()?;
        Ok(Self { caps, replica, directory, gateway, issuer, http, _redis: redis, _turn: turn })
    }

    pub(crate) fn token(&self) -> String {
        self.issuer.token("mobile-app", "msepi05-proxy", "proxies:read").signed()
    }

    fn search(&self, http: &Client, hashes: &[&str]) -> RequestBuilder {
        let body: Vec<Value> = hashes.iter().map(|hash| json!({"proxy_hash": hash})).collect();
        http.post(format!("{}/proxies_indicators", self.gateway.base_url()))
            .header("Correlationid", "0192f0c1-2345-7abc-8def-0123456789ab")
            .header("numtecprs", "0000471100000815")
            .json(&body)
    }
}

fn found(answer: &Answer) -> Result<usize> {
    let indicators = answer.expect(StatusCode::OK)?["indicators"].as_array().map(Vec::len);
    indicators.context("no indicators")
}

#[tokio::test]
async fn contacts_are_looked_up_through_the_gateway() -> Result<()> {
    let mut bank = Bank::open(&[], None).await?;
    let directory = bank.caps.directory().await?;
    let hash = directory[0]["proxy_hash"].as_str().context("no hash")?.to_owned();
    let answer = Answer::to(bank.search(&bank.http, &[&hash]).bearer_auth(bank.token())).await?;
    assert_eq!(found(&answer)?, 1);
    assert_eq!(answer.header("x-customer-tokens-remaining"), Some("999"));
    assert_eq!(bank.caps.journal().await?[0]["correlation_id"], "0192f0c1-2345-7abc-8def-0123456789ab");

    let refused = Answer::to(bank.search(&bank.http, &[&hash])).await?;
    assert_eq!((refused.status, refused.text.as_str()), (StatusCode::UNAUTHORIZED, ""));
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));

    // What the gateway itself answers has the contract's shape as well.
    bank.replica.process.kill_9().await?;
    let answer = Answer::to(bank.search(&bank.http, &[&hash]).bearer_auth(bank.token())).await?;
    let body = answer.expect(StatusCode::SERVICE_UNAVAILABLE)?;
    assert_eq!(body["code"], "TEC0000");
    ensure!(body["message"].is_string(), "{body}");
    Ok(())
}

#[tokio::test]
async fn a_client_application_gets_in_with_the_certificate_that_it_shows_the_gateway() -> Result<()> {
    let authority = Authority::new()?;
    let own = authority.issue("gateway", "127.0.0.1")?;
    let tls = Tls { certificate: own.certificate, key: own.key, client_ca: authority.ca() };
    let clients =
        r#"[{name="mobile", certificate="URI=spiffe://bank.example/mobile", hashes_per_minute=500}]"#;
    let bank = Bank::open(&[("CLIENTS", clients)], Some(tls)).await?;
    let directory = bank.caps.directory().await?;
    let hash = directory[0]["proxy_hash"].as_str().context("no hash")?;

    let known = authority.client(Some(&authority.issue("mobile", "spiffe://bank.example/mobile")?))?;
    let answer = Answer::to(bank.search(&known, &[hash])).await?;
    assert_eq!(found(&answer)?, 1);
    assert_eq!(answer.header("x-client-hashes-remaining"), Some("499"));

    let other = authority.client(Some(&authority.issue("other", "spiffe://bank.example/other")?))?;
    let nobody = authority.client(None)?;
    for client in [other, nobody] {
        let forged = "URI=spiffe://bank.example/mobile";
        let request = bank.search(&client, &[hash]).header("x-forwarded-client-cert", forged);
        assert_eq!(Answer::to(request).await?.status, StatusCode::UNAUTHORIZED);
    }
    let stranger = Authority::new()?;
    let stranger = authority.client(Some(&stranger.issue("mobile", "spiffe://bank.example/mobile")?))?;
    ensure!(
        bank.search(&stranger, &[hash]).send().await.is_err(),
        "the gateway does not know that authority"
    );
    let document =
        known.request(Method::GET, format!("{}/docs/msepi05-proxy/openapi.json", bank.gateway.base_url()));
    Answer::to(document).await?.expect(StatusCode::OK)?;
    Ok(())
}
