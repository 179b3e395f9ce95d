//! Which of four contacts can be paid, held against the directory of the CAPS sandbox, which knows three of them.

use anyhow::{Context, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::caps::CapsSandbox;
use uuid::Uuid;

use super::{Caller, text};

/// SHA-256 of an address that nobody has.
const UNKNOWN: &str = "nfmfm2Ebpt9whf_K-OGhga033uNzgge0lA8uMPOhqN4=";
const CUSTOMER: &str = "sandbox-customer";

pub(super) async fn run(caller: &Caller, caps: &CapsSandbox) -> Result<()> {
    let token = &caller.token(None, Some("proxies:read")).await?;
    let directory = caps.directory().await?;
    let known = directory.get(..3).context("the sandbox's directory has fewer than three entries")?;
    let expected: Vec<Value> = known
        .iter()
        .map(|entry| {
            let [hash, can_be_payer, pro] = ["proxy_hash", "can_be_payer", "pro"].map(|name| &entry[name]);
            json!({ "proxy_hash": hash, "can_be_payer": can_be_payer, "pro": pro })
        })
        .collect();
    let hashes = known.iter().map(|entry| text(entry, "proxy_hash")).chain([Ok(UNKNOWN)]);
    let body: Vec<Value> = hashes.map(|hash| Ok(json!({ "proxy_hash": hash? }))).collect::<Result<_>>()?;
    let proxies: Vec<&str> = known.iter().map(|entry| text(entry, "proxy")).collect::<Result<_>>()?;
    let note = format!("numtecprs={CUSTOMER}, the hashes of {} and of nobody", proxies.join(", "));
    let answer = caller
        .call(Method::POST, "/proxies_indicators", &note, StatusCode::OK, |request| {
            request
                .bearer_auth(token)
                .header("Correlationid", Uuid::now_v7().to_string())
                .header("numtecprs", CUSTOMER)
                .json(&body)
        })
        .await?;
    let expected = json!(expected);
    ensure!(answer["indicators"] == expected, "the directory says {expected} instead");
    println!("\nAs the CAPS sandbox's directory has them.");

    caller
        .call(Method::GET, "/proxies_indicators/limits", "", StatusCode::OK, |request| {
            request.bearer_auth(token).header("numtecprs", CUSTOMER)
        })
        .await?;
    Ok(())
}
