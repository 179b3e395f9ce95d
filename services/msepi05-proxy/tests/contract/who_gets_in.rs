//! "Missing, bad and insufficient credentials are all 401 without body, with the RFC 6750 challenge", before anything
//! else is looked at.

use testkit::issuer::now;

use crate::support::{AUDIENCE, Answer, Bank, SCOPE, hash};

const CERTIFICATE: &str = r#"Hash=ab12;Subject="CN=mobile,O=Banque";URI=spiffe://bank.example/mobile"#;

#[track_caller]
fn refused(answer: &Answer, challenge: &str) {
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (401, ""), "{answer:?}");
    assert_eq!(answer.header("www-authenticate"), Some(challenge), "{answer:?}");
    assert_eq!(answer.header("content-type"), None);
    assert_eq!(answer.header("x-client-hashes-remaining"), None);
}

#[tokio::test]
async fn without_the_right_token_nothing_else_is_looked_at() {
    let bank = Bank::open(&[]).await;
    let invalid = "Bearer error=\"invalid_token\"";
    let insufficient = "Bearer error=\"insufficient_scope\", scope=\"proxies:read\"";
    let token = || bank.issuer.token("mobile-app", AUDIENCE, SCOPE);
    let mut tokens = vec![
        (Some("x".to_owned()), invalid),
        (Some(token().signed_by_a_stranger().unwrap()), invalid),
        (Some(token().unsigned()), invalid),
        (Some(token().signed_with_the_public_key()), invalid),
        (Some(token().claim("aud", "reconciliation").signed()), invalid),
        (Some(token().claim("exp", now() - 1).signed()), invalid),
        (Some(token().claim("nbf", now() + 600).signed()), invalid),
        (Some(token().claim("iss", "https://elsewhere.example").signed()), invalid),
        (Some(token().header("typ", "JWT").signed()), invalid),
        (Some(token().claim("scope", "read write").signed()), insufficient),
    ];
    tokens.push((None, "Bearer"));
    for (token, challenge) in tokens {
        let authorized = |request: reqwest::RequestBuilder| match &token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        // A right request, one that is wrong in every other way, and the other operation.
        let right = bank.complete(bank.bare(&bank.replica.base), "4711", &[hash(1)]);
        refused(&Answer::to(authorized(right)).await, challenge);
        let wrong = bank.bare(&bank.replica.base).header("numtecprs", " ").body("no json");
        refused(&Answer::to(authorized(wrong)).await, challenge);
        let limits = bank.http.get(format!("{}/proxies_indicators/limits", bank.replica.base));
        refused(&Answer::to(authorized(limits)).await, challenge);
    }
    assert_eq!(bank.journal().await.len(), 0);
    assert_eq!(Answer::to(bank.search(&[hash(1)])).await.status, 200);
}

#[tokio::test]
async fn a_certificate_that_the_gateway_has_checked_lets_a_known_client_in() {
    let clients = r#"[{name="mobile", certificate="URI=spiffe://bank.example/mobile", hashes_per_minute=40},
                      {name="branch", certificate="Subject=CN=branch,O=Banque", hashes_per_minute=50}]"#;
    let bank = Bank::open(&[("CLIENTS", clients)]).await;
    let search = |certificate: &str| {
        let request = bank.bare(&bank.replica.base).header("x-forwarded-client-cert", certificate);
        bank.complete(request, "4711", &[hash(1)])
    };
    let answer = Answer::to(search(CERTIFICATE)).await;
    assert_eq!((answer.status.as_u16(), answer.client_hashes()), (200, 39));
    let answer = Answer::to(search(r#"Subject="CN=branch,O=Banque""#)).await;
    assert_eq!((answer.status.as_u16(), answer.client_hashes()), (200, 49));

    refused(&Answer::to(search("URI=spiffe://bank.example/other")).await, "Bearer");
    let far = format!("{CERTIFICATE},URI=spiffe://bank.example/gateway");
    refused(&Answer::to(search(&far)).await, "Bearer");
    // A token that was sent decides.
    refused(&Answer::to(search(CERTIFICATE).bearer_auth("x")).await, "Bearer error=\"invalid_token\"");
}

#[tokio::test]
async fn a_certificates_header_from_elsewhere_is_nothing() {
    let clients =
        r#"[{name="mobile", certificate="URI=spiffe://bank.example/mobile", hashes_per_minute=40}]"#;
    let settings = [("CLIENTS", clients), ("SERVER__TRUSTED_PROXIES", r#"["10.0.0.0/8"]"#)];
    let bank = Bank::open(&settings).await;
    let request = bank.bare(&bank.replica.base).header("x-forwarded-client-cert", CERTIFICATE);
    refused(&Answer::to(request).await, "Bearer");
}

#[tokio::test]
async fn a_token_that_cannot_be_verified_now_is_a_technical_error() {
    let nowhere = format!("http://127.0.0.1:{}/jwks.json", testkit::process::free_port().unwrap());
    let bank = Bank::open(&[]).await;
    let issuers = format!(r#"[{{issuer="{}", jwks_url="{nowhere}"}}]"#, bank.issuer.issuer());
    let other = Bank::open(&[("AUTH__ISSUERS", &issuers)]).await;
    let answer = Answer::to(other.search_at(&other.replica.base, &bank.token(), "4711", &[hash(1)])).await;
    answer.error(500, "TEC0000");
}
