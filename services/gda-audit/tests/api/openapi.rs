//! The OpenAPI document: the golden copy and its page.

use reqwest::{Method, StatusCode};

use crate::support::app;

#[tokio::test]
async fn the_document_is_the_golden_copy_and_is_served_with_its_page() {
    let app = app().await;
    insta::assert_json_snapshot!("openapi", app.get("/docs/gda-audit/openapi.json").await);
    let page = app.request(Method::GET, "/docs/gda-audit/").send().await.unwrap();
    assert_eq!(page.headers()["location"], "/docs/gda-audit/index.html");
    let page = app.request(Method::GET, "/docs/gda-audit/index.html").send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
}
