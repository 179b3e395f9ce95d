//! Registered applications, for programs and for browsers.

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::support::{TestApp, app, body};

#[tokio::test]
async fn an_application_is_registered_listed_and_can_get_tokens() {
    let app = app().await;
    let token = app.token().await;
    let draft = app.post("/o/applications/register/", &token).json(&json!({})).send().await.unwrap();
    let draft = body(draft, StatusCode::OK).await;
    assert_eq!(draft["algorithm"], "No OIDC support");
    let list = app.get("/o/applications/", &token).send().await.unwrap();
    assert_eq!(body(list, StatusCode::OK).await, json!([]), "a draft is not stored");

    let new = json!({"name": "Till", "authorization_grant_type": "client-credentials"});
    let registered = app.post("/o/applications/register/", &token).json(&new).send().await.unwrap();
    let registered = body(registered, StatusCode::CREATED).await;
    let keys: Vec<_> = registered.as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        keys,
        [
            "name",
            "client_id",
            "client_secret",
            "client_type",
            "authorization_grant_type",
            "redirect_uris",
            "algorithm"
        ]
    );
    let list = body(app.get("/o/applications/", &token).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(list[0]["client_id"], registered["client_id"]);
    assert_eq!(list[0].get("client_secret"), None, "the secret is shown once");

    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", registered["client_id"].as_str().unwrap()),
        ("client_secret", registered["client_secret"].as_str().unwrap()),
    ];
    let issued = app.request(Method::POST, "/o/token/").form(&form).send().await.unwrap();
    let issued = body(issued, StatusCode::OK).await;
    let applications = issued["access_token"].as_str().unwrap();
    assert_eq!(app.get("/taches/", applications).send().await.unwrap().status(), StatusCode::OK);
    let none = app.get("/o/applications/", applications).send().await.unwrap();
    assert_eq!(body(none, StatusCode::FORBIDDEN).await["code"], "no_user");
}

#[tokio::test]
async fn grants_that_are_not_served_are_refused() {
    let app = app().await;
    let token = app.token().await;
    for (new, field) in [
        (json!({"name": "Till", "authorization_grant_type": "implicit"}), "authorization_grant_type"),
        (json!({"name": "Till", "client_type": "other"}), "client_type"),
        (json!({"name": ""}), "name"),
        (json!({"name": "Till", "redirect_uris": "javascript:alert(1)"}), "redirect_uris"),
    ] {
        let refused = app.post("/o/applications/register/", &token).json(&new).send().await.unwrap();
        assert_eq!(body(refused, StatusCode::BAD_REQUEST).await["field"], field);
    }
}

/// A browser: keeps cookies, asks for pages, follows no redirects.
struct Browser<'a> {
    app: &'a TestApp,
    cookies: Vec<(String, String)>,
}

impl Browser<'_> {
    async fn send(&mut self, method: Method, path: &str, form: Option<&[(&str, &str)]>) -> Response {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = self.app.request(method, path).header("accept", "text/html,*/*;q=0.8");
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        if let Some(form) = form {
            request = request.form(form);
        }
        let response = request.send().await.unwrap();
        for cookie in response.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
        response
    }

    fn csrf(&self) -> String {
        self.cookies.iter().find(|(name, _)| name == "garant_csrf").unwrap().1.clone()
    }
}

#[tokio::test]
async fn a_browser_signs_in_and_registers_an_application() {
    let app = app().await;
    let mut browser = Browser { app: &app, cookies: Vec::new() };
    let sign_in = browser.send(Method::GET, "/o/applications/", None).await;
    assert_eq!(sign_in.status(), StatusCode::UNAUTHORIZED);
    assert!(sign_in.text().await.unwrap().contains("<h1>Sign in</h1>"));

    let csrf = browser.csrf();
    let credentials = |csrf| [("csrf_token", csrf), ("username", "demo1"), ("password", "sandbox")];
    let forged = browser.send(Method::POST, "/o/login/", Some(&credentials("forged"))).await;
    assert_eq!(body(forged, StatusCode::FORBIDDEN).await["code"], "csrf");
    let wrong = [("csrf_token", csrf.as_str()), ("username", "demo1"), ("password", "wrong")];
    let wrong = browser.send(Method::POST, "/o/login/", Some(&wrong)).await;
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    let signed_in = browser.send(Method::POST, "/o/login/", Some(&credentials(&csrf))).await;
    assert_eq!(signed_in.status(), StatusCode::SEE_OTHER);

    let page = browser.send(Method::GET, "/o/applications/", None).await.text().await.unwrap();
    assert!(page.contains("Your applications") && page.contains("New Application"), "{page}");
    let form = browser.send(Method::GET, "/o/applications/register/", None).await.text().await.unwrap();
    for label in [
        "Register a new application",
        "Name",
        "Client id",
        "Client secret",
        "Client type",
        "Authorization grant type",
        "Redirect uris",
        "Algorithm",
        "Go Back",
        "Save",
        "No OIDC support",
    ] {
        assert!(form.contains(label), "{label}");
    }
    let value = |field: &str| {
        let rest = form.split(&format!("name=\"{field}\" value=\"")).nth(1).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let (id, secret) = (value("client_id"), value("client_secret"));
    let application = [
        ("csrf_token", csrf.as_str()),
        ("name", "<b>Till</b>"),
        ("client_id", &id),
        ("client_secret", &secret),
        ("client_type", "confidential"),
        ("authorization_grant_type", "password"),
        ("redirect_uris", ""),
        ("algorithm", "No OIDC support"),
    ];
    let registered = browser.send(Method::POST, "/o/applications/register/", Some(&application)).await;
    assert_eq!(registered.status(), StatusCode::CREATED);
    let page = registered.text().await.unwrap();
    assert!(page.contains(&id) && page.contains(&secret), "{page}");
    assert!(!page.contains("<b>Till"), "names are escaped");

    let out = browser.send(Method::POST, "/o/logout/", Some(&[("csrf_token", csrf.as_str())])).await;
    assert_eq!(out.status(), StatusCode::SEE_OTHER);
    let after = browser.send(Method::GET, "/o/applications/", None).await;
    assert_eq!(after.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_session_without_the_forms_token_registers_nothing() {
    let app = app().await;
    let mut browser = Browser { app: &app, cookies: Vec::new() };
    browser.send(Method::GET, "/o/applications/", None).await;
    let csrf = browser.csrf();
    let credentials = [("csrf_token", csrf.as_str()), ("username", "demo1"), ("password", "sandbox")];
    browser.send(Method::POST, "/o/login/", Some(&credentials)).await;
    let forged = [("csrf_token", "forged"), ("name", "Till")];
    let refused = browser.send(Method::POST, "/o/applications/register/", Some(&forged)).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let list: Value =
        body(app.get("/o/applications/", &app.token().await).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(list, json!([]));
}

#[tokio::test]
async fn a_browser_that_guesses_passwords_is_told_when_to_come_back() {
    let app = app().await;
    let mut browser = Browser { app: &app, cookies: Vec::new() };
    browser.send(Method::GET, "/o/applications/", None).await;
    let csrf = browser.csrf();
    let wrong = [("csrf_token", csrf.as_str()), ("username", "demo1"), ("password", "wrong")];
    for _ in 0..5 {
        browser.send(Method::POST, "/o/login/", Some(&wrong)).await;
    }
    let blocked = browser.send(Method::POST, "/o/login/", Some(&wrong)).await;
    assert_eq!(blocked.status(), StatusCode::TOO_MANY_REQUESTS);
    let after: u64 = blocked.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=30).contains(&after), "{after}");
    assert!(blocked.text().await.unwrap().contains("<h1>Sign in</h1>"));
}
