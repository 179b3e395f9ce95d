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
        (Method::GET, "/audit/verify", "screening:read", "lists:write"),
        (Method::GET, "/audit/export", "screening:read", "lists:write"),
        (Method::GET, "/persons/1/controls", "screening:read", "lists:write"),
        (Method::GET, "/persons/1/controls/1-0/replay", "screening:read", "lists:write"),
        (Method::GET, "/lists/UN/editions/1/rescreening", "screening:read", "lists:write"),
        (Method::POST, "/imports/stock", "screening:write", "screening:read"),
        (Method::POST, "/imports/accident", "screening:write", "screening:read"),
        (Method::GET, "/imports", "screening:read", "lists:write"),
        (Method::GET, "/imports/1", "screening:read", "lists:write"),
        (Method::GET, "/imports/1/rejections", "screening:read", "lists:write"),
        (Method::POST, "/lists/UN/imports", "lists:write", "screening:read"),
        (Method::POST, "/sources", "screening:write", "screening:read"),
        (Method::POST, "/flows", "screening:write", "screening:read"),
        (Method::GET, "/flows", "screening:read", "screening:write"),
        (Method::PUT, "/checkrisk?flowName=x", "screening:write", "screening:read"),
        (Method::GET, "/pisteaudit", "screening:read", "screening:write"),
        (Method::GET, "/riskfolders", "screening:read", "screening:decide"),
        (Method::GET, "/riskfolders/1b", "screening:read", "screening:decide"),
        (Method::POST, "/riskfolders/1b/status", "screening:decide", "screening:write"),
        (Method::POST, "/riskfolders/1b/comments", "screening:decide", "screening:write"),
        (Method::DELETE, "/riskfolders/1b/comments/1-0", "screening:decide", "screening:write"),
        (Method::PUT, "/riskfolders/1b/manual-information", "screening:decide", "screening:write"),
        (Method::POST, "/webhooks", "screening:write", "screening:read"),
        (Method::GET, "/webhooks", "screening:write", "screening:read"),
        (Method::DELETE, "/webhooks/1", "screening:write", "screening:read"),
        (Method::GET, "/webhooks/1/deliveries", "screening:write", "screening:read"),
        (Method::POST, "/webhooks/1/deliveries/2/redeliver", "screening:write", "screening:read"),
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
