use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use identity::{AuthorizationServer, OpenError};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::Value;

use crate::support::*;

fn kid(token: &str) -> String {
    jsonwebtoken::decode_header(token).unwrap().kid.unwrap()
}

fn published(server: &AuthorizationServer) -> Vec<String> {
    server.key_set().keys.into_iter().map(|key| key.kid).collect()
}

#[actix_web::test]
async fn the_next_key_is_published_before_its_use_and_the_old_one_until_its_tokens_are_dead() {
    let test = TestServer::start_with(|config, _| config.access_token_s = 86_400).await;
    let app = app(&test).await;
    let first = login(&app, "demo1", "sandbox").await.text("access_token");
    assert_eq!(published(&test.server), [kid(&first)]);

    test.clock.advance(TimeDelta::days(89));
    test.server.maintain_keys().await.unwrap();
    let keys = published(&test.server);
    assert_eq!(keys.len(), 2, "the next one is published");
    test.clock.advance(TimeDelta::hours(23));
    let before = login(&app, "demo1", "sandbox").await.text("access_token");
    assert_eq!(kid(&before), kid(&first), "and not yet used");

    test.clock.advance(TimeDelta::hours(1));
    let after = login(&app, "demo1", "sandbox").await.text("access_token");
    assert_eq!(keys, [kid(&first), kid(&after)]);
    test.clock.advance(TimeDelta::hours(22));
    test.server.maintain_keys().await.unwrap();
    assert_eq!(whoami_with(&app, &before).await.status, 200, "a token of the old key still lives");
    test.clock.advance(TimeDelta::hours(2));
    test.server.maintain_keys().await.unwrap();
    assert_eq!(published(&test.server), [kid(&after)]);
}

#[actix_web::test]
async fn replicas_share_keys_and_look_for_one_that_they_do_not_know() {
    let test = TestServer::start().await;
    let replica = test.replica().await;
    assert_eq!(published(&replica), published(&test.server));
    let there = app_of(&replica, &test.clock, SERVICE).await;

    // The replica sleeps through a rotation.
    test.clock.advance(TimeDelta::days(100));
    test.server.maintain_keys().await.unwrap();
    test.clock.advance(TimeDelta::days(1));
    let token = login(&app(&test).await, "demo1", "sandbox").await.text("access_token");
    assert!(!published(&replica).contains(&kid(&token)));
    assert_eq!(whoami_with(&there, &token).await.status, 200);
}

#[actix_web::test]
async fn replicas_that_start_together_agree_on_one_key() {
    let test = TestServer::start().await;
    sqlx::query("DELETE FROM identity.signing_keys").execute(&test.pool).await.unwrap();
    let replicas = futures_util::future::join_all((0..4).map(|_| test.replica())).await;
    let keys: Vec<_> = replicas.iter().map(|replica| published(replica)).collect();
    assert_eq!(keys[0].len(), 1);
    assert!(keys.iter().all(|other| *other == keys[0]));
}

#[actix_web::test]
async fn a_wrong_key_secret_stops_the_start_with_the_keys_name() {
    let test = TestServer::start().await;
    let mut config = test.config.clone();
    config.key_secret = "another key secret, as long as that".into();
    let opened =
        AuthorizationServer::open(config, test.pool.clone(), shared(&test.clock), test.host.clone()).await;
    let Err(error @ OpenError::Keys(_)) = opened else { panic!("opened with a wrong secret") };
    assert!(error.to_string().contains("identity.key_secret"), "{error}");
    let stored: Vec<Vec<u8>> = sqlx::query_scalar("SELECT private_key FROM identity.signing_keys")
        .fetch_all(&test.pool)
        .await
        .unwrap();
    assert_eq!(stored.len(), 1);
    // PKCS #8 of an Ed25519 key begins with this.
    assert!(
        !stored[0].windows(5).any(|w| w == [0x06, 0x03, 0x2b, 0x65, 0x70]),
        "the key lies there in clear"
    );
}

#[actix_web::test]
async fn a_token_that_chooses_its_own_algorithm_is_refused() {
    let test = TestServer::start().await;
    let app = app(&test).await;
    let token = login(&app, "demo1", "sandbox").await.text("access_token");
    let parts: Vec<&str> = token.split('.').collect();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    let public_key = &test.server.key_set().keys[0];

    let mut header = Header::new(Algorithm::HS256);
    header.typ = Some("at+jwt".to_owned());
    header.kid = Some(public_key.kid.clone());
    let secrets = [public_key.x.as_bytes().to_vec(), URL_SAFE_NO_PAD.decode(&public_key.x).unwrap()];
    let mut forged: Vec<String> = secrets
        .iter()
        .map(|secret| jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(secret)).unwrap())
        .collect();
    let with_header = |header: Value, signature: &str| {
        format!("{}.{}.{signature}", URL_SAFE_NO_PAD.encode(header.to_string()), parts[1])
    };
    let none = serde_json::json!({ "alg": "none", "typ": "at+jwt", "kid": public_key.kid });
    forged.push(with_header(none, ""));
    let id_token = serde_json::json!({ "alg": "EdDSA", "typ": "JWT", "kid": public_key.kid });
    forged.push(with_header(id_token, parts[2]));
    let mut more = claims.clone();
    more["scope"] = "read write tasks:all".into();
    forged.push(format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(more.to_string()), parts[2]));
    for forged in forged {
        assert_eq!(whoami_with(&app, &forged).await.status, 401, "{forged}");
        assert_eq!(
            post(&app, "/introspect", &[("token", &forged)]).await.body,
            serde_json::json!({ "active": false })
        );
    }
}

#[actix_web::test]
async fn the_key_set_is_public_and_holds_public_keys_only() {
    let test = TestServer::start().await;
    let request = actix_web::test::TestRequest::get().uri("/jwks");
    let answer = call(&app(&test).await, request).await;
    let key = answer.body["keys"][0].as_object().unwrap();
    let mut names: Vec<_> = key.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x"]);
}
