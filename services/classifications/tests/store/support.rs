//! A desk with a database of its own, a clock that stands still, and made-up peers.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use classifications::config::Config;
use classifications::domain::classification::Classification;
use classifications::domain::contract::{Contract, ContractNo};
use classifications::domain::country::Country;
use classifications::domain::money::{Amount, Currency, FxRate, FxTable};
use classifications::domain::request::{Request, RequestType};
use classifications::domain::state::{Party, Status};
use classifications::domain::tax_code::TaxCode;
use classifications::store;
use classifications::work::command::{By, CommandError, Done, Filter, Guard, Idempotency};
use classifications::work::desk::Desk;
use common::clock::{Clock, ManualClock};
use futures_util::TryStreamExt;
use rust_decimal::Decimal;
use serde_json::json;
use sqlx::PgPool;
use testkit::postgres::{Database, Postgres};
use tokio::sync::OnceCell;
use wiremock::matchers::{body_string_contains, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

pub const DEBTORS: &str = include_str!("debtors.csv");
pub const ISSUER: &str = "https://sandbox.example/oauth2";

pub struct Office {
    pub desk: Desk,
    pub clock: Arc<ManualClock>,
    /// As a superuser.
    pub pool: PgPool,
    pub config: Config,
    pub database: Database,
    pub gda: MockServer,
    pub secure_consumer: MockServer,
}

pub fn no(text: &str) -> ContractNo {
    ContractNo::parse(text).unwrap()
}

pub fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub fn money(text: &str) -> Amount {
    Amount::parse(text, Currency::EUR).unwrap()
}

/// The sandbox's first contract.
pub const FIRST: &str = "90000000001";
pub const SECOND: &str = "90000000002";
pub const EXPIRED: &str = "90000000003";
pub const FOREIGN: &str = "90000000004";

pub fn contract(number: &str, holder: &str) -> Contract {
    Contract {
        number: no(number),
        holder: holder.to_owned().into(),
        currency: Currency::EUR,
        from: date("2026-01-01"),
        until: Some(date("2026-12-31")),
        debtor_cap: money("1000000"),
        aggregate: money("5000000"),
        terms_days: 90,
        commercial_risk_cover_pct: Decimal::from(90),
        political_risk_cover_pct: Decimal::from(85),
    }
}

fn contracts() -> [Contract; 4] {
    let usd = Currency::parse("USD").unwrap();
    let in_usd = |text| Amount::parse(text, usd).unwrap();
    [
        contract(FIRST, "demo1"),
        Contract {
            currency: usd,
            debtor_cap: in_usd("250000"),
            aggregate: in_usd("300000"),
            ..contract(SECOND, "demo1")
        },
        Contract { from: date("2025-01-01"), until: Some(date("2025-12-31")), ..contract(EXPIRED, "demo1") },
        contract(FOREIGN, "demo2"),
    ]
}

pub fn demo1() -> By {
    By { party: Party::Insured, login: "demo1".to_owned().into(), client_id: "sandbox".to_owned() }
}

pub fn demo2() -> By {
    By { login: "demo2".to_owned().into(), ..demo1() }
}

pub fn underwriter() -> By {
    By { party: Party::Insurer, login: "underwriter".to_owned().into(), ..demo1() }
}

pub fn ask(tax_code: &str, amount: &str) -> Request {
    ask_in(Country::ES, tax_code, amount)
}

pub fn ask_in(country: Country, tax_code: &str, amount: &str) -> Request {
    Request {
        request_type: RequestType::New,
        country,
        tax_code: TaxCode::parse(country, tax_code).unwrap(),
        company_name: None,
        customer_reference: Some(format!("C-{tax_code}")),
        currency: Currency::EUR,
        amount: money(amount),
        terms_days: 60,
        payment_method: Some("1".to_owned()),
        comments: None,
    }
}

pub fn key(key: &str, fingerprint: u8) -> Guard {
    Guard {
        if_match: None,
        idempotency: Some(Idempotency { key: key.to_owned(), fingerprint: [fingerprint; 32] }),
    }
}

pub fn free() -> Guard {
    Guard::default()
}

/// An answer of gda-audit.
pub fn risk(status: &str) -> ResponseTemplate {
    let risk =
        json!({"type": "BLACKLIST", "id": "1_B", "maxMatchingScore": 0.0, "status": status, "hits": []});
    ResponseTemplate::new(200).set_body_json(json!({"personId": "1", "risks": [risk]}))
}

pub fn colour(colour: &str) -> ResponseTemplate {
    let body = json!({"result": true, "score": "90"});
    ResponseTemplate::new(200).insert_header("x-score-colour", colour).set_body_json(body)
}

impl Office {
    /// With the sandbox's contracts and debtors, and peers that find nothing against anybody but the sandbox's two.
    pub async fn open() -> Self {
        let office = Self::bare().await;
        for (reference, status) in [("ES:B00000083", "POTENTIAL_RISK"), ("ES:W0000013C", "MATCH")] {
            let listed =
                Mock::given(method("PUT")).and(path("/checkrisk")).and(body_string_contains(reference));
            listed.respond_with(risk(status)).mount(&office.gda).await;
        }
        let clear = Mock::given(method("PUT")).and(path("/checkrisk"));
        clear.respond_with(risk("NO_RISK_FOUND")).mount(&office.gda).await;
        let genuine = Mock::given(method("POST")).and(path("/ssp/secure_consumer"));
        genuine.respond_with(colour("green")).mount(&office.secure_consumer).await;
        office
    }

    /// With peers that answer 404 until a test says otherwise.
    pub async fn bare() -> Self {
        let postgres = Postgres::shared().await.unwrap();
        let template = template(postgres).await;
        let database = postgres.database_from_template("classifications", template).await.unwrap();
        let pool = PgPool::connect(&database.superuser_url).await.unwrap();
        let (gda, secure_consumer) = (MockServer::start().await, MockServer::start().await);
        let token = json!({"access_token": "t", "token_type": "Bearer", "expires_in": 300});
        let issued = ResponseTemplate::new(200).set_body_json(token);
        Mock::given(path("/oauth2/v1/token")).respond_with(issued).mount(&gda).await;

        let mut config = config(&database);
        config.connectors.screening.url = Some(gda.uri().parse().unwrap());
        config.connectors.screening.token_url =
            Some(format!("{}/oauth2/v1/token", gda.uri()).parse().unwrap());
        config.connectors.screening.client_id = "classifications".to_owned();
        config.connectors.consumer_check.url = Some(secure_consumer.uri().parse().unwrap());
        config.connectors.consumer_check.username = "classifications".to_owned();
        config.connectors.consumer_check.password = "secret".into();

        let clock = ManualClock::at(instant("2026-11-22T10:00:00.123456789Z"));
        let desk = Desk::new(config.database.pool().unwrap(), clock.clone(), &config).unwrap();
        let mut connection = pool.acquire().await.unwrap();
        for contract in contracts() {
            assert!(store::contracts::insert(&mut connection, &contract, clock.now()).await.unwrap());
        }
        drop(connection);
        let imported = desk.import_debtors(&underwriter(), DEBTORS.as_bytes()).await.unwrap();
        assert_eq!((imported.accepted, imported.rejected.len()), (13, 0));
        Self { desk, clock, pool, config, database, gda, secure_consumer }
    }

    pub fn advance(&self, days: i64) {
        self.clock.advance(TimeDelta::days(days));
    }

    pub async fn create(&self, request: Request) -> Result<Done, CommandError> {
        self.desk.create(&demo1(), &no(FIRST), request, &free()).await
    }

    /// A request that the engine answers at once.
    pub async fn granted(&self, tax_code: &str, amount: &str) -> Classification {
        self.create(ask(tax_code, amount)).await.unwrap().classification
    }

    pub async fn list(&self, by: &By, contract: &str, filter: &Filter) -> Vec<Classification> {
        let list = self.desk.list(by, &no(contract), filter, None, None).await.unwrap();
        list.try_collect().await.unwrap()
    }

    /// One classification as it is now, for the insurer.
    pub async fn show(&self, contract: &str, request_no: u64) -> Classification {
        let filter = Filter { request_no: Some(request_no), ..Filter::default() };
        self.list(&underwriter(), contract, &filter).await.remove(0)
    }

    /// What the database has committed of a contract's aggregate, and what its rows say.
    pub async fn committed(&self, contract: &str) -> (Decimal, Decimal) {
        let row: (String, String) = sqlx::query_as(
            "SELECT committed::text, (SELECT coalesce(sum(most), 0)::text FROM
                 (SELECT max((document->'grant'->>'amount')::numeric) AS most FROM classifications.classifications
                  WHERE contract_no = number AND status IN ('ACTIVE', 'PREMIUM_PENDING') GROUP BY country, tax_code) s)
             FROM classifications.contracts WHERE number = $1",
        )
        .bind(contract)
        .fetch_one(&self.pool)
        .await
        .unwrap();
        (row.0.parse().unwrap(), row.1.parse().unwrap())
    }

    /// Every row is what its events say, and no aggregate is miscounted.
    pub async fn assert_consistent(&self) {
        type Row = (uuid::Uuid, serde_json::Value, Option<serde_json::Value>, i64, Vec<u8>);
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, document, decision, version, head FROM classifications.classifications",
        )
        .fetch_all(&self.pool)
        .await
        .unwrap();
        for (id, mut document, decision, version, head) in rows {
            document["decision"] = decision.unwrap_or_default();
            let row: Classification = serde_json::from_value(document).unwrap();
            let events = store::events::history(&self.pool, id, u64::MAX).await.unwrap();
            let rebuilt = Classification::from_events(events.iter().map(|stored| &stored.event)).unwrap();
            assert_eq!(rebuilt, row);
            assert_eq!((rebuilt.version, events.len()), (version as u64, version as usize));
            let last: Vec<u8> = sqlx::query_scalar(
                "SELECT hash FROM classifications.events WHERE classification_id = $1 ORDER BY seq DESC LIMIT 1",
            )
            .bind(id)
            .fetch_one(&self.pool)
            .await
            .unwrap();
            assert_eq!(last, head);
        }
        for number in [FIRST, SECOND, EXPIRED, FOREIGN] {
            let (committed, counted) = self.committed(number).await;
            assert_eq!(committed, counted, "{number}");
        }
    }
}

pub fn status(done: &Done) -> (Status, Option<String>) {
    (done.classification.status, done.classification.granted_amount().map(|amount| amount.to_string()))
}

async fn template(postgres: &Postgres) -> &'static Database {
    static TEMPLATE: OnceCell<Database> = OnceCell::const_new();
    TEMPLATE
        .get_or_init(|| async {
            let database = postgres.database("classifications").await.unwrap();
            config(&database).database.migrate(&store::parts()).await.unwrap();
            database
        })
        .await
}

pub fn config(database: &Database) -> Config {
    let mut config = Config::default();
    config.database.url = database.app_url.clone().into();
    config.database.owner_url = Some(database.owner_url.clone().into());
    config.database.app_role = Some(database.app_role.clone());
    config.identity.issuer = ISSUER.to_owned();
    config.fx = FxTable(vec![FxRate {
        currency: Currency::parse("USD").unwrap(),
        date: date("2026-11-20"),
        rate: "1.10".parse().unwrap(),
    }]);
    config
}
