//! The OpenAPI document.

use serde_json::Value;

use crate::support::app;

#[tokio::test]
async fn the_document_is_served_and_stays_as_it_is() {
    let app = app().await;
    let document: Value = app
        .http
        .get(format!("{}/docs/secure-consumer/openapi.json", app.base))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    insta::assert_json_snapshot!("openapi", document);
    let page = app.http.get(format!("{}/docs/secure-consumer/", app.base)).send().await.unwrap();
    assert!(page.status().is_success() || page.status().is_redirection());
}
