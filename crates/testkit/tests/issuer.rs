//! The made-up issuer: what it signs stands up to its published key, and nothing that it forges does.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;
use testkit::issuer::{Issuer, now};

#[tokio::test]
async fn only_its_own_signature_verifies() {
    let issuer = Issuer::start().await.unwrap();
    let answer = testkit::http::client().unwrap().get(issuer.jwks_url()).send().await.unwrap();
    let keys: JwkSet = answer.json().await.unwrap();
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&[issuer.issuer()]);
    validation.set_audience(&["msepi05-proxy"]);
    let verify = |token: &str| {
        let kid = jsonwebtoken::decode_header(token)?.kid.unwrap();
        let key = DecodingKey::from_jwk(keys.find(&kid).unwrap())?;
        jsonwebtoken::decode::<Value>(token, &key, &validation).map(|data| data.claims)
    };
    let token = issuer.token("channel", "msepi05-proxy", "proxies:read");
    let claims = verify(&token.clone().signed()).unwrap();
    assert_eq!((&claims["sub"], &claims["scope"]), (&"channel".into(), &"proxies:read".into()));
    assert_eq!(jsonwebtoken::decode_header(token.clone().signed()).unwrap().typ.unwrap(), "at+jwt");

    for forged in [
        token.clone().signed_by_a_stranger().unwrap(),
        token.clone().signed_with_the_public_key(),
        token.clone().unsigned(),
        token.clone().claim("exp", now() - 3_600).signed(),
        token.clone().claim("exp", Value::Null).signed(),
        token.clone().claim("aud", "another").signed(),
    ] {
        assert!(verify(&forged).is_err(), "{forged}");
    }
}
