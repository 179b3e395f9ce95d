use common::error::ToProblem;
use identity::NewApplication;
use secrecy::ExposeSecret;

use crate::support::*;

const APPLICATION: NewApplication<'static> = NewApplication {
    name: "Caisse",
    client_type: "confidential",
    authorization_grant_type: "password",
    redirect_uris: "",
    prefilled: None,
};

#[actix_web::test]
async fn an_application_is_for_this_service_and_has_its_owners_scopes_at_most() {
    let test = TestServer::start().await;
    let app = app(&test).await;
    let (_, owner) =
        test.server.register_user("kone.aya", &"azerty1234".into(), [127, 0, 0, 1].into()).await.unwrap();
    let registered = test.server.register_application(&owner, &APPLICATION).await.unwrap();
    let (id, secret) = (registered.client.client_id.clone(), registered.client_secret.unwrap());
    let fields = [
        ("grant_type", "password"),
        ("username", "analyst"),
        ("password", "sandbox"),
        ("client_id", &id),
        ("client_secret", secret.expose_secret()),
    ];
    let answer = call(&app, form("/token", &fields)).await;
    assert_eq!(answer.body["scope"], "read", "neither the analyst's other scopes nor the owner's write");
    let token = answer.text("access_token");
    assert_eq!(whoami_with(&app, &token).await.body["aud"], serde_json::json!(["reconciliation"]));

    let listed = test.server.applications_of(&owner).await.unwrap();
    assert_eq!(listed.iter().map(|client| client.client_id.as_str()).collect::<Vec<_>>(), [id.as_str()]);
    let other =
        test.server.password_login("demo1", &"sandbox".into(), [127, 0, 0, 1].into()).await.unwrap().1;
    assert!(test.server.applications_of(&other).await.unwrap().is_empty());

    test.users(&["disable", "kone.aya"]).await.unwrap();
    assert_eq!(call(&app, form("/token", &fields)).await.refusal(), (401, "invalid_client".to_owned()));
    let replica = app_of(&test.replica().await, &test.clock, SERVICE).await;
    assert_eq!(whoami_with(&replica, &token).await.status, 401, "its tokens end with its owner");
}

#[actix_web::test]
async fn a_prefilled_id_is_kept_once_and_a_made_up_one_never() {
    let test = TestServer::start().await;
    let owner =
        test.server.password_login("demo1", &"sandbox".into(), [127, 0, 0, 1].into()).await.unwrap().1;
    let draft = test.server.draft_application();
    let secret = draft.client_secret.expose_secret().to_owned();
    let register = async |id: &str, secret: &str| {
        let new = NewApplication { prefilled: Some((id, secret)), ..APPLICATION };
        test.server.register_application(&owner, &new).await.unwrap()
    };
    let first = register(&draft.client_id, &secret).await;
    assert_eq!(first.client.client_id, draft.client_id);
    assert_eq!(first.client_secret.unwrap().expose_secret(), secret);
    let second = register(&draft.client_id, &secret).await;
    assert_ne!(second.client.client_id, draft.client_id);
    assert_ne!(second.client_secret.unwrap().expose_secret(), secret);
    assert_ne!(register("admin", &secret).await.client.client_id, "admin");
    assert_ne!(register("sandbox", "sandbox-secret").await.client.client_id, "sandbox");
}

#[actix_web::test]
async fn only_what_we_serve_can_be_registered() {
    let test = TestServer::start().await;
    let owner =
        test.server.password_login("demo1", &"sandbox".into(), [127, 0, 0, 1].into()).await.unwrap().1;
    let public = NewApplication { client_type: "public", ..APPLICATION };
    let registered = test.server.register_application(&owner, &public).await.unwrap();
    assert!(registered.client_secret.is_none());
    for (new, field) in [
        (NewApplication { name: " ", ..APPLICATION }, "name"),
        (NewApplication { name: "a\0b", ..APPLICATION }, "name"),
        (NewApplication { client_type: "secret", ..APPLICATION }, "client_type"),
        (
            NewApplication { authorization_grant_type: "authorization-code", ..APPLICATION },
            "authorization_grant_type",
        ),
        (
            NewApplication { authorization_grant_type: "client-credentials", ..public },
            "authorization_grant_type",
        ),
        (NewApplication { redirect_uris: "javascript:alert(1)", ..APPLICATION }, "redirect_uris"),
    ] {
        let problem = test.server.register_application(&owner, &new).await.unwrap_err().problem();
        assert_eq!((problem.status.as_u16(), problem.field.as_deref()), (400, Some(field)));
    }
}
