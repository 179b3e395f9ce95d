use actix_web::http::StatusCode;
use common::error::ToProblem;

use crate::support::*;

const HERE: [u8; 4] = [203, 0, 113, 7];

#[actix_web::test]
async fn a_registered_user_is_signed_in_and_has_the_services_scopes() {
    let test = TestServer::start().await;
    let app = app(&test).await;
    let (tokens, user) =
        test.server.register_user("kouassi.yao", &"azerty1234".into(), HERE.into()).await.unwrap();
    let body = serde_json::to_value(&tokens).unwrap();
    let order: Vec<_> = serde_json::to_string(&tokens)
        .unwrap()
        .split('"')
        .filter(|piece| body.get(*piece).is_some())
        .map(str::to_owned)
        .collect();
    assert_eq!(order, ["access_token", "expires_in", "token_type", "scope", "refresh_token"]);
    assert_eq!((tokens.expires_in, tokens.scope.as_str()), (36_000, "read write"));
    let claims = whoami_with(&app, tokens.access_token.expose()).await.body;
    assert_eq!(claims["aud"], serde_json::json!(["reconciliation"]));
    assert_eq!(claims["client_id"], SERVICE);
    assert_eq!(test.server.user_by_subject(user.subject).await.unwrap().unwrap().id, user.id);

    let refresh_token = tokens.refresh_token.unwrap();
    let next = test.server.refresh(refresh_token.expose(), None, None).await.unwrap();
    assert!(test.server.refresh(refresh_token.expose(), None, None).await.is_err());
    assert!(test.server.inspect_access_token(next.access_token.expose()).await.unwrap().is_none(), "reuse");
}

#[actix_web::test]
async fn refusals_name_the_field_and_say_nothing_of_others() {
    let test = TestServer::start_with(|config, _| config.registrations_per_hour = 3).await;
    let register = async |name: &str, password: &str, address: [u8; 4]| {
        let refused = test.server.register_user(name, &password.into(), address.into()).await;
        refused.map(|_| ()).map_err(|error| error.problem())
    };
    let refusal = async |name: &str, password: &str, address| {
        let problem = register(name, password, address).await.unwrap_err();
        (problem.status.as_u16(), problem.code, problem.field.unwrap_or_default())
    };
    assert_eq!(refusal("a b", "azerty1234", HERE).await, (400, "invalid", "username".to_owned()));
    assert_eq!(refusal("aya", "too short", HERE).await, (400, "invalid", "password".to_owned()));
    register("aya", "azerty1234", HERE).await.unwrap();
    assert_eq!(refusal("aya", "azerty1234", HERE).await, (409, "username_taken", "username".to_owned()));
    register("Awa\u{300}", "azerty1234", HERE).await.unwrap();
    assert_eq!(refusal("ama", "azerty1234", HERE).await.0, 429);
    let problem = register("ama", "azerty1234", HERE).await.unwrap_err();
    assert!(problem.retry_after.unwrap().as_secs() <= 1200);
    register("ama", "azerty1234", [203, 0, 113, 8]).await.unwrap();
    let composed = test.server.password_login("Aw\u{e0}", &"azerty1234".into(), HERE.into()).await;
    assert!(composed.is_ok(), "a name is one name in either normal form");
}

#[actix_web::test]
async fn a_registered_user_gets_into_no_other_service_through_a_client_that_names_it() {
    let test = TestServer::start().await;
    let app = app(&test).await;
    test.server.register_user("kouassi.yao", &"azerty1234".into(), HERE.into()).await.unwrap();
    let first = login(&app, "kouassi.yao", "azerty1234").await;
    let next = refresh(&app, &first.text("refresh_token")).await;
    for tokens in [first, next] {
        let claims = whoami_with(&app, &tokens.text("access_token")).await.body;
        assert_eq!(claims["aud"], serde_json::json!([SERVICE]));
    }
    let foreign = ["create", "Screening", "--client-id", "screening", "--grant", "password"];
    let foreign = [&foreign[..], &["--scope", "read", "--audience", "gda-audit", "--public"]].concat();
    test.clients(&foreign).await.unwrap();
    let fields = [
        ("grant_type", "password"),
        ("username", "kouassi.yao"),
        ("password", "azerty1234"),
        ("client_id", "screening"),
    ];
    assert_eq!(call(&app, form("/token", &fields)).await.refusal(), (400, "invalid_grant".to_owned()));
}

#[actix_web::test]
async fn registration_is_off_unless_configured() {
    let test = TestServer::start_with(|config, _| config.registration = false).await;
    let refused = test.server.register_user("aya", &"azerty1234".into(), HERE.into()).await;
    let problem = refused.unwrap_err().problem();
    assert_eq!((problem.status, problem.code), (StatusCode::FORBIDDEN, "registration_disabled"));
}
