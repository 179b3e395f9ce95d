//! A fresh database per test, replicas, and receivers.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use common::clock::{Clock, ManualClock};
use common::db::DatabaseConfig;
use common::server::Profile;
use serde_json::json;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;
use webhooks::{Audience, Delivery, Dispatcher, Event, Owner, Registered, State, Webhooks, WebhooksConfig};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

pub const CHANGED: &str = "FOLDER_CHANGED";
pub const COMMENTED: &str = "FOLDER_COMMENTED";

/// A service's database, seen by its one owner.
pub struct Service {
    pub pool: PgPool,
    /// For what tests see and do behind the crate's back.
    pub superuser: PgPool,
    pub clock: Arc<ManualClock>,
    pub config: WebhooksConfig,
    pub webhooks: Webhooks,
    pub owner: Owner,
    // Dropped last: it may drop the database.
    database: testkit::postgres::Database,
}

impl Service {
    pub async fn fresh() -> Self {
        Self::with(|_| ()).await
    }

    pub async fn with(change: impl FnOnce(&mut WebhooksConfig)) -> Self {
        let database =
            testkit::postgres::Postgres::shared().await.unwrap().database("webhooks").await.unwrap();
        let database_config = DatabaseConfig {
            url: database.app_url.clone().into(),
            owner_url: Some(database.owner_url.clone().into()),
            app_role: Some(database.app_role.clone()),
            ..DatabaseConfig::default()
        };
        database_config.migrate(&[webhooks::part()]).await.unwrap();
        let mut config = WebhooksConfig {
            key_secret: "a secret of thirty-two characters".into(),
            poll_ms: 20,
            ..WebhooksConfig::default()
        };
        change(&mut config);
        config.validate().unwrap();
        let pool = pool(&database.app_url);
        let clock = ManualClock::at("2026-11-22T08:30:00Z".parse().unwrap());
        let webhooks = webhooks(&pool, &config, Profile::Local, clock.clone());
        Self {
            superuser: pool_of(&database.superuser_url, 2),
            pool,
            clock,
            config,
            webhooks,
            owner: Owner::new("https://issuer.example", "client"),
            database,
        }
    }

    /// Starts a replica that sends.
    pub fn dispatcher(&self) -> Dispatcher {
        self.dispatcher_with(&self.config)
    }

    pub fn dispatcher_with(&self, config: &WebhooksConfig) -> Dispatcher {
        let pool = pool(&self.database.app_url);
        Dispatcher::start(pool, config, Profile::Local, self.clock.clone()).unwrap()
    }

    pub async fn register(&self, receiver: &MockServer) -> Registered {
        self.register_for(&self.owner, receiver).await
    }

    pub async fn register_for(&self, owner: &Owner, receiver: &MockServer) -> Registered {
        let events = [CHANGED.to_owned(), COMMENTED.to_owned()];
        self.webhooks.register(owner, &receiver.uri(), &events).await.unwrap()
    }

    /// Publishes [`CHANGED`] in a transaction of its own.
    pub async fn publish(&self, key: &str, number: u32) {
        self.publish_to(Audience::Everybody, key, number).await;
    }

    pub async fn publish_to(&self, audience: Audience<'_>, key: &str, number: u32) {
        let mut transaction = self.pool.begin().await.unwrap();
        let event = Event { name: CHANGED, key, audience };
        let data = json!({"folder": key, "number": number});
        webhooks::publish(&mut transaction, &event, &data, self.clock.now()).await.unwrap();
        transaction.commit().await.unwrap();
    }

    /// A subscription's deliveries, oldest first.
    pub async fn deliveries(&self, id: Uuid) -> Vec<Delivery> {
        let mut page = self.webhooks.deliveries(&self.owner, id, None, 100).await.unwrap();
        page.deliveries.reverse();
        page.deliveries
    }

    /// Waits until the one delivery of the subscription is as wanted.
    pub async fn delivery_becomes(&self, id: Uuid, wanted: impl Fn(&Delivery) -> bool) -> Delivery {
        eventually(|| async {
            let found = self.deliveries(id).await;
            assert_eq!(found.len(), 1);
            found.into_iter().next().filter(&wanted)
        })
        .await
    }

    /// Waits until all deliveries of the subscription have come to `state`.
    pub async fn all_become(&self, id: Uuid, state: State) {
        eventually(|| async {
            let found = self.deliveries(id).await;
            found.iter().all(|delivery| delivery.state == state).then_some(())
        })
        .await;
    }

    /// Makes all leases look lapsed, as if their replica had been silent for too long.
    pub async fn lapse(&self) {
        let lapsed = sqlx::query(
            "UPDATE webhooks.delivery SET lease_until = now() - interval '1 s' WHERE lease_until IS NOT NULL",
        )
        .execute(&self.superuser)
        .await
        .unwrap();
        assert!(lapsed.rows_affected() > 0);
    }

    pub async fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM webhooks.{table}");
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&self.superuser).await.unwrap()
    }
}

pub fn webhooks(
    pool: &PgPool,
    config: &WebhooksConfig,
    profile: Profile,
    clock: Arc<ManualClock>,
) -> Webhooks {
    Webhooks::new(pool.clone(), config, profile, &[CHANGED, COMMENTED], clock).unwrap()
}

fn pool(url: &str) -> PgPool {
    pool_of(url, 5)
}

fn pool_of(url: &str, connections: u32) -> PgPool {
    PgPoolOptions::new().max_connections(connections).connect_lazy(url).unwrap()
}

/// A receiver that answers as it is told, and then 204.
pub async fn receiver(first: &[u16]) -> MockServer {
    let server = MockServer::start().await;
    for &status in first {
        Mock::given(any()).respond_with(ResponseTemplate::new(status)).up_to_n_times(1).mount(&server).await;
    }
    Mock::given(any()).respond_with(ResponseTemplate::new(204)).mount(&server).await;
    server
}

/// A receiver that takes its time for each message.
pub async fn slow_receiver(delay: Duration) -> MockServer {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(204).set_delay(delay);
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

pub async fn received(server: &MockServer) -> Vec<Request> {
    server.received_requests().await.unwrap()
}

/// Waits for that many requests.
pub async fn receives(server: &MockServer, count: usize) -> Vec<Request> {
    eventually(|| async {
        let requests = received(server).await;
        (requests.len() >= count).then_some(requests)
    })
    .await
}

/// What a request tells of.
pub fn key_and_number(request: &Request) -> (String, u64) {
    let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    let data = &body["data"];
    (data["folder"].as_str().unwrap().to_owned(), data["number"].as_u64().unwrap())
}

pub fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    request.headers[name].to_str().unwrap()
}

pub fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Long enough for a replica to do what it must not do.
pub async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(300)).await;
}

/// Asks until there is an answer; fails the test after 20 s.
pub async fn eventually<T, F: Future<Output = Option<T>>>(mut ask: impl FnMut() -> F) -> T {
    tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("it did not come to pass")
}
