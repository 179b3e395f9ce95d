//! The OpenAPI document: the golden copy and its page. That the service does what it says is shown end to end.

use crate::support::{Answer, Bank};

#[tokio::test]
async fn the_document_is_the_golden_copy_and_is_served_with_its_page() {
    let bank = Bank::open(&[("OPENAPI__SERVER_URL", "https://api.bank.example/epi")]).await;
    let get = |path: &str| Answer::to(bank.http.get(format!("{}{path}", bank.replica.base)));
    let document = get("/docs/msepi05-proxy/openapi.json").await;
    insta::assert_json_snapshot!("openapi", document.json());
    for path in ["/docs/msepi05-proxy", "/docs/msepi05-proxy/"] {
        let page = get(path).await;
        assert_eq!(page.status, 302, "{path}");
        assert_eq!(page.header("location"), Some("/docs/msepi05-proxy/index.html"));
    }
    assert_eq!(get("/docs/msepi05-proxy/index.html").await.status, 200);
}
