use identity::sandbox;

use crate::support::*;

#[actix_web::test]
async fn production_gets_its_first_client_and_user_from_the_command_line() {
    let test = TestServer::start().await;
    let app = app(&test).await;
    let arguments = ["create", "Portal", "--grant", "password", "--scope", "read write"];
    let audiences = ["--audience", SERVICE, "--audience", "gda-audit", "--audience", "classifications"];
    let client = test.clients(&[&arguments[..], &audiences].concat()).await.unwrap();
    let arguments = ["create", "koffi", "--scope", "read", "--role", "analyst"];
    let user = test.users(&[&arguments[..], &audiences[..4]].concat()).await.unwrap();
    let fields = [
        ("grant_type", "password"),
        ("username", "koffi"),
        ("password", printed(&user, "password")),
        ("client_id", printed(&client, "client_id")),
        ("client_secret", printed(&client, "client_secret")),
    ];
    let answer = call(&app, form("/token", &fields)).await;
    assert_eq!(answer.body["scope"], "read");
    let claims = whoami_with(&app, &answer.text("access_token")).await.body;
    assert_eq!(claims["roles"], serde_json::json!(["analyst"]));
    assert_eq!(
        claims["aud"],
        serde_json::json!([SERVICE, "gda-audit"]),
        "what both client and user may have"
    );

    let file = std::env::temp_dir().join(format!("garant-password-{}", uuid::Uuid::now_v7()));
    std::fs::write(&file, "chosen by koffi\n").unwrap();
    let rotated = test.users(&["rotate", "koffi", "--password-file", file.to_str().unwrap()]).await.unwrap();
    std::fs::remove_file(file).unwrap();
    assert_eq!(rotated, "", "a password that somebody chose is not printed");
    assert_eq!(login(&app, "koffi", "chosen by koffi").await.status, 200);

    let (clients, users) = (test.clients(&["list"]).await.unwrap(), test.users(&["list"]).await.unwrap());
    assert!(clients.contains(printed(&client, "client_id")) && users.contains("koffi"));
    assert!(
        !clients.contains(printed(&client, "client_secret")) && !users.contains(printed(&user, "password"))
    );
}

#[actix_web::test]
async fn commands_that_would_do_harm_are_refused() {
    let test = TestServer::start().await;
    let create = |id: &'static str, rest: &[&'static str]| {
        let start = ["create", "X", "--client-id", id, "--scope", "read"];
        [&start[..], rest].concat()
    };
    assert!(test.clients(&create("sandbox", &["--grant", "password"])).await.is_err(), "taken");
    assert!(
        test.clients(&create(SERVICE, &["--grant", "password"])).await.is_err(),
        "the service's own name"
    );
    assert!(test.clients(&create("x", &["--grant", "implicit"])).await.is_err());
    assert!(test.clients(&create("x", &["--grant", "client_credentials", "--public"])).await.is_err());
    assert!(test.users(&["create", "demo1", "--scope", "read"]).await.is_err(), "taken");
    assert!(test.users(&["disable", "nobody"]).await.is_err());
    assert!(test.clients(&["rotate", "nothing"]).await.is_err());
}

#[actix_web::test]
async fn the_sandbox_stays_where_it_belongs() {
    let test = TestServer::start().await;
    let works = async || sandbox::credentials_work(&test.pool, &hashing()).await.unwrap();
    assert!(works().await);
    test.clients(&["rotate", "sandbox"]).await.unwrap();
    assert!(works().await, "the users are still there");
    for name in ["demo1", "demo2", "analyst"] {
        test.users(&["disable", name]).await.unwrap();
    }
    assert!(!works().await);

    assert!(!sandbox::foreign_users_exist(&test.pool, &[]).await.unwrap());
    test.users(&["create", "koffi", "--scope", "read"]).await.unwrap();
    assert!(sandbox::foreign_users_exist(&test.pool, &[]).await.unwrap());
    assert!(!sandbox::foreign_users_exist(&test.pool, &["koffi"]).await.unwrap());
    let empty = sandbox::Sandbox { scopes: vec![], audiences: vec![], users: vec![] };
    let refused = sandbox::load(&test.pool, &hashing(), &shared(&test.clock), &empty, &[]).await;
    assert!(matches!(refused, Err(sandbox::SandboxError::ForeignUsers)));
}
