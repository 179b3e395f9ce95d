//! No name, birth date or document of a person who is screened, or of a list's record, in a log, a span or a metric at
//! any level: over a whole run of the binary at TRACE.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::multipart::{Form, Part};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use testkit::issuer::Issuer;
use testkit::peers::Collector;
use testkit::postgres::Postgres;
use testkit::process::{Service, free_port};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{SCOPES, SIGNING_KEY, sandbox};

/// Of persons who are screened, and of records.
const SECRETS: &[&str] = &[
    "Zqyxandros",
    "Vlumbertine",
    "Щзяблоков",
    "Qwertholm",
    "1957-11-23",
    "XK77421908",
    "Quillab",
    "Farazan",
    "Prixolotl",
    "Yttrebank",
];

#[tokio::test(flavor = "multi_thread")]
async fn nothing_personal_is_logged() {
    let (collector, issuer) = (Collector::start().await, Issuer::start().await.unwrap());
    let directory = tempfile::tempdir().unwrap();
    let database = Postgres::shared().await.unwrap().database("gda_audit").await.unwrap();
    let (port, management_port) = (free_port().unwrap(), free_port().unwrap());
    let issuers = format!(r#"[{{issuer="{}", jwks_url="{}"}}]"#, issuer.issuer(), issuer.jwks_url());
    let lists = r#"[{source="UN", control_type="BLACKLIST", format="UN_XML"},
        {source="PEP", control_type="PEP", format="SIMPLE_PEP_CSV"},
        {source="OFAC", control_type="BLACKLIST", format="OFAC_CSV"}]"#;
    let environment: BTreeMap<String, String> = [
        ("DATABASE__URL", database.app_url.as_str()),
        ("DATABASE__OWNER_URL", &database.owner_url),
        ("DATABASE__APP_ROLE", &database.app_role),
        ("AUTH__ISSUERS", &issuers),
        ("LISTS", &lists.replace('\n', " ")),
        ("RENEWAL__POLL_MS", "100"),
        ("AUDIT__ANCHOR__URL", &format!("file://{}", directory.path().join("heads").display())),
        ("AUDIT__SIGNING_KEY", SIGNING_KEY),
        ("WEBHOOKS__KEY_SECRET", "a secret of the tests, 32 characters or more"),
        ("TELEMETRY__LEVEL", "trace"),
        ("TELEMETRY__OTLP_ENDPOINT", &collector.endpoint()),
        ("SERVER__LISTEN", &format!("127.0.0.1:{port}")),
        ("SERVER__DRAIN_DELAY_MS", "0"),
        ("MANAGEMENT__LISTEN", &format!("127.0.0.1:{management_port}")),
    ]
    .map(|(key, value)| (format!("GARANT__{key}"), value.to_owned()))
    .into();
    let binary = Path::new(env!("CARGO_BIN_EXE_gda-audit"));
    let migrated = testkit::process::command(binary, "migrate", &environment).status().unwrap();
    assert!(migrated.success(), "{migrated}");
    let log = directory.path().join("service.log");
    let management = format!("http://127.0.0.1:{management_port}");
    let mut service = Service::start(binary, environment, management_port, &log).await.unwrap();

    let http = testkit::http::client().unwrap();
    let token = issuer.token("compliance", "gda-audit", SCOPES).signed();
    let client = Caller { http: &http, base: format!("http://127.0.0.1:{port}"), token: &token };
    imports(&client).await;
    screenings(&client).await;
    folders(&client).await;
    tokio::time::sleep(Duration::from_millis(100)).await;

    let metrics = http.get(format!("{management}/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(service.terminate().await.unwrap().status.success());
    let received =
        async |path| String::from_utf8_lossy(&collector.received(path).await.unwrap()).into_owned();
    let places = [
        (
            "log",
            service.log().unwrap(),
            ["request served", "an edition was refused", "lists in force"].as_slice(),
        ),
        ("traces", received("/v1/traces").await, &["POST /screen", "POST /compare"]),
        ("exported metrics", received("/v1/metrics").await, &["garant.screenings", "garant.lists.records"]),
        (
            "/metrics",
            metrics,
            &["garant_screenings_total", "garant_screening_duration_seconds", "garant_lists_age_seconds"],
        ),
    ];
    for (place, text, markers) in &places {
        for marker in *markers {
            assert!(text.contains(marker), "{place} lacks {marker}: {text:.4000}");
        }
        let lower = text.to_lowercase();
        let secrets = SECRETS.iter().copied().chain([token.as_str()]);
        let found: Vec<_> = secrets.filter(|secret| lower.contains(&secret.to_lowercase())).collect();
        assert!(found.is_empty(), "{place} holds {found:?}");
    }
}

struct Caller<'a> {
    http: &'a Client,
    base: String,
    token: &'a str,
}

impl Caller<'_> {
    fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.base)).bearer_auth(self.token)
    }

    async fn put(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let put = self.http.put(format!("{}{path}", self.base)).bearer_auth(self.token);
        let answer = put.json(body).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    async fn get(&self, path: &str) -> StatusCode {
        self.http.get(format!("{}{path}", self.base)).bearer_auth(self.token).send().await.unwrap().status()
    }

    async fn upload(&self, source: &str, name: &str, content: impl Into<Vec<u8>>, status: StatusCode) {
        let part = Part::bytes(content.into()).file_name(name.to_owned());
        let upload = self.post(&format!("/lists/{source}/imports")).multipart(Form::new().part("file", part));
        let answer = upload.send().await.unwrap();
        let (actual, text) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(actual, status, "{text}");
    }

    async fn told(&self, path: &str, body: &Value, status: StatusCode) -> Value {
        let answer = self.post(path).json(body).send().await.unwrap();
        let (actual, text) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(actual, status, "{text}");
        serde_json::from_str(&text).unwrap()
    }
}

/// Editions that are taken, and such as are refused at a record whose name the reason may quote.
async fn imports(client: &Caller<'_>) {
    let un = String::from_utf8(sandbox("un.xml")).unwrap();
    client.upload("UN", "un.xml", un.clone(), StatusCode::CREATED).await;
    client.upload("PEP", "pep.csv", sandbox("pep.csv"), StatusCode::CREATED).await;
    let refused = StatusCode::UNPROCESSABLE_ENTITY;
    client.upload("UN", "Prixolotl.xml", un[..un.len() / 2].to_owned(), refused).await;
    client
        .upload("UN", "un.xml", un.replace("<INDIVIDUAL>", "<INDIVIDUAL><Prixolotl></Yttrebank>"), refused)
        .await;
    client.upload("UN", "un.xml", un.replace("<FIRST_NAME>", "<Prixolotl>"), refused).await;
    client.upload("OFAC", "sdn.csv", "Prixolotl,\"Yttrebank\",individual\n", refused).await;
    client.upload("PEP", "pep.csv", "id,schema,name\nPrixolotl,Person,Yttrebank,Zqyxandros\n", refused).await;
}

/// Persons who are kept, what is said of them, and the trail of it; also where it is refused.
async fn folders(client: &Caller<'_>) {
    client.told("/sources", &json!({"name": "S"}), StatusCode::CREATED).await;
    let flow = json!({"name": "gda", "source": "S", "controlTypes": ["BLACKLIST"]});
    client.told("/flows", &flow, StatusCode::CREATED).await;
    let webhook = json!({"url": "https://zqyxandros.invalid/Qwertholm", "events": ["BLACKLIST_PEP_RISK_STATUS_UPDATE"]});
    client.told("/webhooks", &webhook, StatusCode::CREATED).await;
    let person = json!({
        "externalRef": {"externalRefId": "XK77421908"},
        "identity": {
            "firstName": "Farazan", "lastName": "Quillab", "maidenName": "Qwertholm",
            "birth": {"place": "Yttrebank"},
        },
        "postalAddress": {"city": "Vlumbertine"}, "proofOfId": {"number": "XK77421908", "issueDate": "1957-11-23"},
    });
    let (status, checked) = client.put("/checkrisk?flowName=gda", &person).await;
    assert_eq!(status, StatusCode::OK, "{checked}");
    let folder = format!("/riskfolders/{}", checked["risks"][0]["id"].as_str().unwrap());
    let wrong = [
        ("identity", json!({"lastName": "Zqyxandros", "birth": {"date": "Zqyxandros"}})),
        ("identity", json!({"Vlumbertine": "Zqyxandros"})),
        ("postalAddress", json!("Yttrebank")),
        ("personType", json!("Qwertholm")),
    ];
    for (field, value) in wrong {
        let mut person = person.clone();
        person[field] = value;
        assert_eq!(client.put("/checkrisk?flowName=gda", &person).await.0, StatusCode::BAD_REQUEST);
    }
    assert_eq!(client.put("/checkrisk?flowName=Zqyxandros", &person).await.0, StatusCode::NOT_FOUND);
    let comment = json!({"text": "Vlumbertine told me"});
    client.told(&format!("{folder}/comments"), &comment, StatusCode::CREATED).await;
    let decision = json!({"state": "MATCH", "reason": "Zqyxandros is Qwertholm", "version": 2});
    client.told(&format!("{folder}/status"), &decision, StatusCode::OK).await;
    client.told(&format!("{folder}/status"), &decision, StatusCode::CONFLICT).await;
    let trail = "/pisteaudit?sourceName=S&controlType=BLACKLIST&externalRefId=";
    assert_eq!(client.get(&format!("{trail}XK77421908")).await, StatusCode::OK);
    assert_eq!(client.get(&format!("{trail}Zqyxandros")).await, StatusCode::NOT_FOUND);
    for path in [
        &folder,
        "/riskfolders?externalRefId=XK77421908",
        "/riskfolders?Qwertholm=1",
        "/riskfolders/Zqyxandros",
        "/audit/verify",
        "/audit/export?sourceName=S",
        "/persons/1/controls",
    ] {
        client.get(path).await;
    }
}

async fn screenings(client: &Caller<'_>) {
    let listed = json!({"persons": [{"name": "Farazan Quillab"}]});
    let deadline = Instant::now() + Duration::from_secs(10);
    while client.told("/screen", &listed, StatusCode::OK).await["results"][0]["hits"] == json!([]) {
        assert!(Instant::now() < deadline, "the list does not come into force");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let person = json!({
        "id": "XK77421908", "firstName": "Zqyxandros", "lastName": "Vlumbertine", "maidenName": "Qwertholm",
        "aliases": ["Щзяблоков"], "birthDate": "1957-11-23", "documents": ["XK77421908"], "country": "Yttrebank",
    });
    client.told("/screen", &json!({"persons": [person]}), StatusCode::OK).await;
    client
        .told("/compare", &json!({"query": person, "target": {"name": "Vlumbertine"}}), StatusCode::OK)
        .await;
    let wrong = StatusCode::BAD_REQUEST;
    for (field, value) in [
        ("birthDate", json!("Zqyxandros")),
        ("birthDate", json!("1957-11-23-23")),
        ("Vlumbertine", json!("Zqyxandros")),
        ("type", json!("Qwertholm")),
        ("documents", json!("XK77421908")),
        ("name", json!("Zqyxandros".repeat(1_000))),
    ] {
        let mut person = person.clone();
        person[field] = value;
        client.told("/screen", &json!({"persons": [person]}), wrong).await;
        client.told("/compare", &json!({"query": person, "target": person}), wrong).await;
    }
    client.told("/screen", &json!({"persons": [person], "lists": ["Yttrebank"]}), wrong).await;
    for path in ["/Zqyxandros", "/lists/Zqyxandros/editions/1957-11-23", "/screen?name=Zqyxandros"] {
        client.http.get(format!("{}{path}", client.base)).bearer_auth("Zqyxandros").send().await.unwrap();
    }
    let cut = client.post("/screen").header("content-type", "application/json");
    cut.body(r#"{"persons":[{"name":"Zqyxandros"#).send().await.unwrap();
    let mut connection =
        tokio::net::TcpStream::connect(client.base.trim_start_matches("http://")).await.unwrap();
    connection
        .write_all(b"POST /Zqyxandros HTTP/1.1\r\nZqyx andros: Vlumbertine\r\n\r\nQwertholm")
        .await
        .unwrap();
    connection.shutdown().await.unwrap();
    connection.read_to_end(&mut Vec::new()).await.unwrap();
}
