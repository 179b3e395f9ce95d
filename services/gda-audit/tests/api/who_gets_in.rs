//! Every operation needs its scope.

use reqwest::Method;

use crate::support::app;

#[tokio::test]
async fn every_operation_needs_its_scope() {
    let app = app().await;
    for (method, path, scope, other) in [
        (Method::POST, "/screen", "screening:read", "lists:write"),
        (Method::POST, "/compare", "screening:read", "lists:write"),
        (Method::GET, "/lists", "screening:read", "lists:write"),
        (Method::GET, "/lists/UN/editions/1", "screening:read", "lists:write"),
        (Method::GET, "/lists/UN/editions/1/rescreening", "screening:read", "lists:write"),
        (Method::POST, "/imports/stock", "screening:write", "screening:read"),
        (Method::POST, "/imports/accident", "screening:write", "screening:read"),
        (Method::GET, "/imports", "screening:read", "lists:write"),
        (Method::GET, "/imports/1", "screening:read", "lists:write"),
        (Method::GET, "/imports/1/rejections", "screening:read", "lists:write"),
        (Method::POST, "/lists/UN/imports", "lists:write", "screening:read"),
    ] {
        let request = || app.http.request(method.clone(), format!("{}{path}", app.base));
        let bare = request().send().await.unwrap();
        assert_eq!(
            (bare.status().as_u16(), &bare.headers()["www-authenticate"]),
            (401, &"Bearer".parse().unwrap())
        );
        let foreign = app.issuer.token("compliance", "reconciliation", scope).signed();
        assert_eq!(request().bearer_auth(foreign).send().await.unwrap().status(), 401, "{path}");
        let refused = request().bearer_auth(app.token(other)).send().await.unwrap();
        assert_eq!(refused.status(), 403, "{path}");
        assert!(refused.headers()["www-authenticate"].to_str().unwrap().contains(scope));
        assert!(
            ![401, 403]
                .contains(&request().bearer_auth(app.token(scope)).send().await.unwrap().status().as_u16())
        );
    }
}
