use actix_web::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use actix_web::test::TestRequest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::support::*;

fn basic(plain: &str) -> (actix_web::http::header::HeaderName, String) {
    (AUTHORIZATION, format!("Basic {}", STANDARD.encode(plain)))
}

#[actix_web::test]
async fn a_client_authenticates_by_one_method_in_header_or_body() {
    let test = TestServer::start().await;
    let app = app(&test).await;
    let grant = ("grant_type", "client_credentials");
    let (id, secret) = (SANDBOX[0], SANDBOX[1]);
    let right = || basic("sandbox:sandbox-secret");
    let of = |fields: &[(&str, &str)]| form("/token", fields);

    assert_eq!(call(&app, of(&[grant]).insert_header(right())).await.status, 200);
    assert_eq!(call(&app, of(&[grant]).insert_header(basic("sandbox:sandbox%2Dsecret"))).await.status, 200);
    assert_eq!(call(&app, of(&[grant, id]).insert_header(right())).await.status, 200);
    for twice in [
        of(&[grant, id, secret]).insert_header(right()),
        of(&[grant, secret]).insert_header(right()),
        of(&[grant, ("client_id", "other")]).insert_header(right()),
        of(&[grant]).append_header(right()).append_header(right()),
    ] {
        assert_eq!(call(&app, twice).await.refusal(), (400, "invalid_request".to_owned()));
    }
    for wrong in [
        of(&[grant]),
        of(&[grant, id]),
        of(&[grant, ("client_id", "unknown"), secret]),
        of(&[grant]).insert_header(basic("sandbox:wrong")),
        of(&[grant]).insert_header(basic("no colon")),
        of(&[grant]).insert_header((AUTHORIZATION, "Basic ***")),
        of(&[grant, id, secret]).insert_header((AUTHORIZATION, "Bearer token")),
    ] {
        let answer = call(&app, wrong).await;
        assert_eq!(answer.refusal(), (401, "invalid_client".to_owned()));
        assert!(answer.header(WWW_AUTHENTICATE).starts_with("Basic realm="), "{answer:?}");
    }
}

#[actix_web::test]
async fn a_public_client_has_no_secret_to_show() {
    let test = TestServer::start().await;
    let app = app(&test).await;
    test.clients(&[
        "create",
        "App",
        "--client-id",
        "app",
        "--grant",
        "password",
        "--scope",
        "read",
        "--public",
    ])
    .await
    .unwrap();
    let password = [("grant_type", "password"), ("username", "demo1"), ("password", "sandbox")];
    let as_app =
        |secret: &[(&str, &str)]| form("/token", &[&password[..], &[("client_id", "app")], secret].concat());
    let tokens = call(&app, as_app(&[])).await;
    assert_eq!(tokens.body["scope"], "read");
    assert_eq!(call(&app, as_app(&[("client_secret", "guess")])).await.refusal().0, 401);
    let token = tokens.text("refresh_token");
    let again = [("grant_type", "refresh_token"), ("refresh_token", &token), ("client_id", "app")];
    assert_eq!(call(&app, form("/token", &again)).await.status, 200);
}

#[actix_web::test]
async fn parameters_belong_in_the_form_once() {
    let test = TestServer::start().await;
    let app = app(&test).await;
    let body = "grant_type=client_credentials&client_id=sandbox&client_secret=sandbox-secret";
    let raw = |uri: &str, body: &str| {
        TestRequest::post()
            .uri(uri)
            .insert_header(("content-type", "application/x-www-form-urlencoded"))
            .set_payload(body.to_owned())
    };
    assert_eq!(call(&app, raw("/token", body)).await.status, 200);
    assert_eq!(call(&app, raw("/token?other=1", body)).await.status, 200);
    for (uri, body) in [
        ("/token?client_secret=sandbox-secret", "grant_type=client_credentials&client_id=sandbox".to_owned()),
        ("/token?grant_type=client_credentials", body.to_owned()),
        ("/token", format!("{body}&client_id=sandbox")),
        ("/token", format!("{body}&scope=read&scope=read")),
        ("/token", format!("{body}&scope=read%00")),
        ("/token", format!("{body}&scope={}", "x".repeat(1025))),
        ("/token", String::new()),
    ] {
        assert_eq!(
            call(&app, raw(uri, &body)).await.refusal(),
            (400, "invalid_request".to_owned()),
            "{uri} {body}"
        );
    }
    let json =
        TestRequest::post().uri("/token").set_json(serde_json::json!({"grant_type": "client_credentials"}));
    assert_eq!(call(&app, json).await.refusal(), (400, "invalid_request".to_owned()));
}

#[actix_web::test]
async fn a_disabled_or_rotated_secret_is_refused_at_once_on_every_replica() {
    let test = TestServer::start().await;
    let replica = test.replica().await;
    let apps =
        [app_of(&test.server, &test.clock, SERVICE).await, app_of(&replica, &test.clock, SERVICE).await];
    let created = test
        .clients(&[
            "create",
            "Batch",
            "--client-id",
            "batch",
            "--grant",
            "client_credentials",
            "--scope",
            "read",
        ])
        .await
        .unwrap();
    let request = |secret: &str| {
        form(
            "/token",
            &[("grant_type", "client_credentials"), ("client_id", "batch"), ("client_secret", secret)],
        )
    };
    let status = async |secret: &str| {
        let mut statuses = Vec::new();
        for app in &apps {
            statuses.push(call(app, request(secret)).await.status);
        }
        statuses
    };
    let old = printed(&created, "client_secret");
    let token = call(&apps[0], request(old)).await.text("access_token");
    assert_eq!(status(old).await, [200, 200]);
    let rotated = test.clients(&["rotate", "batch"]).await.unwrap();
    assert_eq!(status(old).await, [401, 401]);
    let new = printed(&rotated, "client_secret");
    assert_eq!(status(new).await, [200, 200]);
    test.clock.advance(chrono::TimeDelta::seconds(3));
    let another = app_of(&test.replica().await, &test.clock, SERVICE).await;
    assert_eq!(whoami_with(&another, &token).await.status, 401, "what the old secret was given ends with it");
    let token = call(&another, request(new)).await.text("access_token");
    assert_eq!(whoami_with(&another, &token).await.status, 200);
    test.clients(&["disable", "batch"]).await.unwrap();
    assert_eq!(status(new).await, [401, 401]);
}

#[actix_web::test]
async fn no_request_however_odd_is_answered_with_a_server_error() {
    let test = TestServer::start().await;
    let app = app(&test).await;
    let name = prop_oneof![
        Just("grant_type"),
        Just("client_id"),
        Just("client_secret"),
        Just("scope"),
        Just("username"),
        Just("password"),
        Just("refresh_token"),
        Just("token"),
        Just("token_type_hint"),
        Just("other"),
    ];
    let value = prop_oneof![
        Just("password".to_owned()),
        Just("refresh_token".to_owned()),
        Just("sandbox".to_owned()),
        Just("sandbox-secret".to_owned()),
        "\\PC{0,40}",
        any::<String>(),
    ];
    let fields = prop::collection::vec((name, value), 0..8);
    let mut runner = TestRunner::deterministic();
    for path in ["/token", "/revoke", "/introspect"] {
        for i in 0..150 {
            let fields = fields.new_tree(&mut runner).unwrap().current();
            let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            // Each from an address of its own: those that fail must not block those that follow.
            let request = form(path, &fields).insert_header(("x-forwarded-for", format!("203.0.113.{i}")));
            let answer = call(&app, request).await;
            assert!([200, 400, 401, 429].contains(&answer.status), "{path} {fields:?} {answer:?}");
        }
    }
}

#[actix_web::test]
async fn a_client_gets_tokens_only_while_it_is_subscribed_to_them_and_they_name_its_products() {
    let test = TestServer::start().await;
    let app = app(&test).await;
    let created = test
        .clients(&[
            "create",
            "Portal",
            "--client-id",
            "portal",
            "--grant",
            "password",
            "--grant",
            "client_credentials",
            "--scope",
            "read",
            "--product",
            "gda-audit",
        ])
        .await
        .unwrap();
    let secret = printed(&created, "client_secret").to_owned();
    let tokens = async |fields: &[(&str, &str)]| {
        let client = [("client_id", "portal"), ("client_secret", secret.as_str())];
        call(&app, form("/token", &[fields, &client].concat())).await
    };
    let own = [("grant_type", "client_credentials")];
    let login = [("grant_type", "password"), ("username", "demo1"), ("password", "sandbox")];
    for grant in [&own[..], &login[..]] {
        assert_eq!(tokens(grant).await.refusal(), (400, "unauthorized_client".to_owned()));
    }

    test.clients(&["subscribe", "portal", "--product", "oauth", "--product", "gda-audit"]).await.unwrap();
    test.clock.advance(chrono::TimeDelta::seconds(3));
    let of_user = tokens(&login).await;
    let refreshed =
        tokens(&[("grant_type", "refresh_token"), ("refresh_token", &of_user.text("refresh_token"))]).await;
    for answer in [tokens(&own).await, refreshed] {
        let claims = whoami_with(&app, &answer.text("access_token")).await.body;
        assert_eq!(claims["products"], serde_json::json!(["oauth", "gda-audit"]));
    }
    assert!(test.clients(&["list"]).await.unwrap().contains("oauth,gda-audit"));

    test.clients(&["subscribe", "portal"]).await.unwrap();
    let replica = app_of(&test.replica().await, &test.clock, SERVICE).await;
    assert_eq!(
        whoami_with(&replica, &of_user.text("access_token")).await.status,
        401,
        "what it says is no longer so"
    );
    test.clock.advance(chrono::TimeDelta::seconds(3));
    let claims = whoami_with(&app, &tokens(&own).await.text("access_token")).await.body;
    assert_eq!(claims.get("products"), None, "all of them");
    assert!(test.clients(&["subscribe", "nobody"]).await.is_err());
}
