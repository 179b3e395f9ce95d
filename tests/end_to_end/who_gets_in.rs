//! Tokens that are missing, forged, expired, revoked or for something else, at every door.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use end_to_end::{Answer, Stack};
use futures_util::future::try_join_all;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::http::Credentials;

const INVALID: &str = "Bearer error=\"invalid_token\"";

/// What `GET /taches/` answers at a door, with this token.
async fn knock(stack: &Stack, door: &str, token: Option<&str>) -> Result<Answer> {
    let request = stack.http.get(format!("{door}/taches/"));
    Answer::to(match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    })
    .await
}

/// Fails unless the door stays shut with 401 and this challenge.
async fn shut(stack: &Stack, door: &str, token: Option<&str>, challenge: &str, why: &str) -> Result<()> {
    let answer = knock(stack, door, token).await?;
    let found = (answer.status, answer.header("www-authenticate"));
    ensure!(found == (StatusCode::UNAUTHORIZED, Some(challenge)), "{why} at {door}: {answer:?}");
    answer.code().map(drop)
}

#[tokio::test]
async fn no_door_opens_without_a_token_that_is_good_here_and_now() -> Result<()> {
    let stack = Stack::start(&[]).await?;
    let other = stack.another_replica(&[("IDENTITY__ACCESS_TOKEN_S", "1")]).await?;
    let doors = [stack.gateway.base_url(), &stack.replica.base_url, &other.base_url];
    let good = stack.token(None).await?;
    let forged = forgeries(&stack, &good).await?;
    let elsewhere = classifications_token(&stack).await?;
    for door in doors {
        ensure!(knock(&stack, door, Some(&good)).await?.status == StatusCode::OK, "{door}");
        shut(&stack, door, None, "Bearer", "no token").await?;
        shut(&stack, door, Some(&elsewhere), INVALID, "another audience").await?;
        for (why, token) in &forged {
            shut(&stack, door, Some(token), INVALID, why).await?;
        }
    }

    let write_only = stack.token(Some("write")).await?;
    for door in doors {
        let refused = knock(&stack, door, Some(&write_only)).await?;
        let challenge = "Bearer error=\"insufficient_scope\", scope=\"read\"";
        assert_eq!(refused.header("www-authenticate"), Some(challenge));
        assert_eq!((refused.status, refused.code()?.as_str()), (StatusCode::FORBIDDEN, "insufficient_scope"));
    }

    // Issued for a second by the other replica.
    let credentials = Credentials { client: (&stack.client.0, &stack.client.1), user: None, scope: None };
    let short = testkit::http::token(&stack.http, &other.base_url, credentials).await?;
    let issued = Instant::now();
    while knock(&stack, doors[0], Some(&short)).await?.status == StatusCode::OK {
        ensure!(issued.elapsed() < Duration::from_secs(3), "a token of one second still opens");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for door in doors {
        shut(&stack, door, Some(&short), INVALID, "expired").await?;
    }
    println!("3 doors shut to no token, another audience, {} forgeries, an expired token", forged.len());
    Ok(())
}

/// Tokens that differ from the good one by one lie.
async fn forgeries(stack: &Stack, good: &str) -> Result<Vec<(&'static str, String)>> {
    let [header, claims, signature] = good.split('.').collect::<Vec<_>>()[..] else {
        anyhow::bail!("no JWT: {good}");
    };
    let decoded =
        |part: &str| -> Result<Value> { Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part)?)?) };
    let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let kid = decoded(header)?["kid"].as_str().context("no kid")?.to_owned();
    let claims_of_good = decoded(claims)?;

    let unsigned = encoded(&json!({"alg": "none", "typ": "at+jwt", "kid": kid}));
    let mut raised = claims_of_good.clone();
    raised["scope"] = json!("read write tasks:all everything");
    let mut forged = vec![
        ("alg none", format!("{unsigned}.{claims}.")),
        ("alg none with a signature", format!("{unsigned}.{claims}.{signature}")),
        ("no signature", format!("{header}.{claims}.")),
        ("other claims", format!("{header}.{}.{signature}", encoded(&raised))),
        ("no JWT", "nonsense".to_owned()),
    ];

    // The public key is known to everybody; taken for an HMAC secret it must sign nothing.
    let keys = stack.request(reqwest::Method::GET, "/o/.well-known/jwks.json");
    let keys = Answer::to(keys).await?.expect(StatusCode::OK)?;
    let keys = keys["keys"].as_array().context("no keys")?.iter().find(|key| key["kid"] == kid.as_str());
    let x = keys.context("the signing key is not published")?["x"].as_str().context("no x")?;
    let raw = URL_SAFE_NO_PAD.decode(x)?;
    // SubjectPublicKeyInfo of an Ed25519 key (RFC 8410 §4).
    let der =
        [&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00], raw.as_slice()].concat();
    let base64 = base64::engine::general_purpose::STANDARD.encode(&der);
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{base64}\n-----END PUBLIC KEY-----\n");
    let mut header = Header::new(Algorithm::HS256);
    header.typ = Some("at+jwt".to_owned());
    header.kid = Some(kid);
    for secret in [raw, x.as_bytes().to_vec(), der, pem.into_bytes()] {
        let signed = jsonwebtoken::encode(&header, &claims_of_good, &EncodingKey::from_secret(&secret))?;
        forged.push(("HS256 with the public key", signed));
    }
    Ok(forged)
}

/// A good token of a client whose tokens are for another service only.
async fn classifications_token(stack: &Stack) -> Result<String> {
    let created = stack.administer(&[
        "clients",
        "create",
        "Classifier",
        "--client-id",
        "classifier",
        "--grant",
        "client_credentials",
        "--scope",
        "read",
        "--audience",
        "classifications",
    ])?;
    let secret = created.lines().find_map(|line| line.strip_prefix("client_secret "));
    let credentials =
        Credentials { client: ("classifier", secret.context("no secret")?), user: None, scope: None };
    testkit::http::token(&stack.http, stack.gateway.base_url(), credentials).await
}

#[tokio::test]
async fn productions_first_client_and_user_come_from_the_sub_commands() -> Result<()> {
    let stack = Stack::start(&[]).await?;
    let created = stack.administer(&[
        "clients",
        "create",
        "Till",
        "--client-id",
        "till",
        "--grant",
        "password",
        "--grant",
        "client_credentials",
        "--scope",
        "read",
        "--scope",
        "write",
    ])?;
    let secret = created.lines().find_map(|line| line.strip_prefix("client_secret ")).context("no secret")?;
    let created = stack.administer(&["users", "create", "yao.n-guessan", "--scope", "read"])?;
    let password = created.lines().find_map(|line| line.strip_prefix("password ")).context("no password")?;

    let itself = Credentials { client: ("till", secret), user: None, scope: None };
    let for_user = Credentials { user: Some(("yao.n-guessan", password)), ..itself };
    let gateway = stack.gateway.base_url();
    for credentials in [itself, for_user] {
        let token = testkit::http::token(&stack.http, gateway, credentials).await?;
        knock(&stack, gateway, Some(&token)).await?.expect(StatusCode::OK)?;
    }
    stack.administer(&["users", "disable", "yao.n-guessan"])?;
    let refused = stack.request(reqwest::Method::POST, "/o/token/").form(&for_user.form());
    assert_eq!(Answer::to(refused).await?.expect(StatusCode::BAD_REQUEST)?["error"], "invalid_grant");
    Ok(())
}

#[tokio::test]
async fn a_revocation_shuts_every_door_within_a_second() -> Result<()> {
    let stack = Stack::start(&[]).await?;
    let other = stack.another_replica(&[]).await?;
    let doors = [stack.gateway.base_url(), &stack.replica.base_url, &other.base_url];
    let (id, secret) = (stack.client.0.as_str(), stack.client.1.as_str());
    for round in ["access token", "access token", "refresh token", "client"] {
        let form = Credentials {
            client: (id, secret),
            user: Some((end_to_end::USERNAME, end_to_end::PASSWORD)),
            scope: None,
        }
        .form();
        let issued = stack.request(reqwest::Method::POST, "/o/token/").form(&form);
        let issued = Answer::to(issued).await?.expect(StatusCode::OK)?;
        let token = issued["access_token"].as_str().context("no access token")?;
        for door in doors {
            ensure!(knock(&stack, door, Some(token)).await?.status == StatusCode::OK, "{round} at {door}");
        }
        match round {
            "client" => drop(stack.administer(&["clients", "disable", id])?),
            _ => {
                let token =
                    if round == "refresh token" { &issued["refresh_token"] } else { &issued["access_token"] };
                let token = token.as_str().context("no token")?;
                let form = [("token", token), ("client_id", id), ("client_secret", secret)];
                let revoked =
                    Answer::to(stack.request(reqwest::Method::POST, "/o/revoke_token/").form(&form));
                assert_eq!(revoked.await?.status, StatusCode::OK);
            }
        }
        let revoked = Instant::now();
        let latencies = try_join_all(doors.map(async |door| {
            while knock(&stack, door, Some(token)).await?.status == StatusCode::OK {
                ensure!(revoked.elapsed() < Duration::from_secs(1), "{round} is still good at {door}");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            let latency = revoked.elapsed();
            shut(&stack, door, Some(token), INVALID, round).await?;
            Ok(latency)
        }))
        .await?;
        println!("{round} revoked: gateway, service and second replica shut after {latencies:?}");
    }
    Ok(())
}
