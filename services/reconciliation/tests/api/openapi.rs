//! The OpenAPI document: the golden copy, its page, and that routes and document agree.

use reqwest::{Method, StatusCode};

use crate::support::{app, body};

#[tokio::test]
async fn the_document_is_the_golden_copy_and_is_served_with_its_page() {
    let app = app().await;
    let served = app.request(Method::GET, "/docs/reconciliation/openapi.json").send().await.unwrap();
    insta::assert_json_snapshot!("openapi", body(served, StatusCode::OK).await);
    for path in ["/docs/reconciliation", "/docs/reconciliation/"] {
        let page = app.request(Method::GET, path).send().await.unwrap();
        assert_eq!(page.status(), StatusCode::FOUND, "{path}");
        assert_eq!(page.headers()["location"], "/docs/reconciliation/index.html");
    }
    let page = app.request(Method::GET, "/docs/reconciliation/index.html").send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
}
