//! A fresh database per test, scripted handlers, and a connection that can be cut.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use common::db::{DatabaseConfig, Part};
use futures_util::future::BoxFuture;
use jobs::{Handler, HandlerError, Job, JobId, Lease, Origin, Settings, State, Status};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Executor, PgConnection, PgPool};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};

/// A database with the queue and a table for what handlers do.
pub struct Database {
    /// As the application's role, which has DML only.
    pub pool: PgPool,
    /// As a superuser, for what tests see and do behind the queue's back.
    pub superuser: PgPool,
    // Dropped last: it may drop the database.
    database: testkit::postgres::Database,
}

impl Database {
    pub async fn fresh() -> Self {
        let database = testkit::postgres::Postgres::shared().await.unwrap().database("jobs").await.unwrap();
        let config = DatabaseConfig {
            url: database.app_url.clone().into(),
            owner_url: Some(database.owner_url.clone().into()),
            ..DatabaseConfig::default()
        };
        config
            .migrate(&[Part { schema: "jobs", migrator: &jobs::MIGRATOR, append_only: &[] }])
            .await
            .unwrap();
        let superuser =
            PgPoolOptions::new().max_connections(2).connect_lazy(&database.superuser_url).unwrap();
        superuser
            .execute(
                "CREATE SCHEMA test; GRANT USAGE ON SCHEMA test TO PUBLIC;
                 CREATE TABLE test.effect (job uuid NOT NULL, note text NOT NULL);
                 GRANT INSERT, SELECT ON test.effect TO PUBLIC;",
            )
            .await
            .unwrap();
        Self { pool: pool(database.app_url.parse().unwrap()), superuser, database }
    }

    /// Another replica's pool.
    pub fn another_pool(&self) -> PgPool {
        pool(self.database.app_url.parse().unwrap())
    }

    /// A pool that reaches the database through `proxy`.
    pub fn pool_through(&self, proxy: &Proxy) -> PgPool {
        let options: PgConnectOptions = self.database.app_url.parse().unwrap();
        pool(options.host("127.0.0.1").port(proxy.port))
    }

    pub async fn proxy(&self) -> Proxy {
        let options: PgConnectOptions = self.database.app_url.parse().unwrap();
        Proxy::to(format!("{}:{}", options.get_host(), options.get_port())).await
    }

    pub async fn enqueue(&self, max_attempts: i32) -> JobId {
        let mut connection = self.pool.acquire().await.unwrap();
        jobs::enqueue(&mut connection, KIND, &"payload", max_attempts, &Origin::default()).await.unwrap()
    }

    pub async fn status(&self, id: JobId) -> Status {
        jobs::status(&self.pool, id).await.unwrap().unwrap()
    }

    /// Waits until the job has come to `state`.
    pub async fn reaches(&self, id: JobId, state: State) -> Status {
        eventually(|| async move {
            let status = self.status(id).await;
            (status.state == state).then_some(status)
        })
        .await
    }

    /// The notes that committed transactions have left.
    pub async fn effects(&self) -> Vec<String> {
        sqlx::query_scalar("SELECT note FROM test.effect ORDER BY note").fetch_all(&self.pool).await.unwrap()
    }

    /// Makes the lease of a running job look lapsed, as if its worker had been silent for too long.
    pub async fn lapse(&self, id: JobId) {
        let lapsed = sqlx::query(
            "UPDATE jobs.job SET lease_until = now() - interval '1 s' WHERE id = $1 AND state = 'running'",
        )
        .bind(id)
        .execute(&self.superuser)
        .await
        .unwrap();
        assert_eq!(lapsed.rows_affected(), 1);
    }

    /// Whether the lease of a running job has lapsed.
    pub async fn has_lapsed(&self, id: JobId) -> bool {
        sqlx::query_scalar("SELECT lease_until < now() FROM jobs.job WHERE id = $1")
            .bind(id)
            .fetch_one(&self.superuser)
            .await
            .unwrap()
    }

    /// Makes a job look as if it had come to `state` so many `days` ago; a queued one is not due for an hour.
    pub async fn age(&self, id: JobId, state: &str, days: i32) {
        sqlx::query(
            "UPDATE jobs.job
             SET state = $2, updated_at = now() - make_interval(days => $3), run_at = now() + interval '1 h'
             WHERE id = $1",
        )
        .bind(id)
        .bind(state)
        .bind(days)
        .execute(&self.superuser)
        .await
        .unwrap();
    }
}

fn pool(options: PgConnectOptions) -> PgPool {
    PgPoolOptions::new()
        .max_connections(5)
        .acquire_timeout(Duration::from_millis(1500))
        .connect_lazy_with(options)
}

pub const KIND: &str = "test";

/// Quick settings: leases as long as `lease`, back-off of some milliseconds.
pub fn settings(lease: Duration) -> Settings {
    Settings {
        lease,
        poll: Duration::from_millis(50),
        backoff: Duration::from_millis(5),
        ..Settings::new("test worker")
    }
}

/// A lease that no test outlives.
pub const LONG: Duration = Duration::from_secs(60);

type Work = dyn for<'a> Fn(&'a Lease) -> BoxFuture<'a, Result<(), HandlerError>> + Send + Sync;

/// A handler that does `work`, and notes when it is told that the job is given up.
pub fn handler(
    work: impl for<'a> Fn(&'a Lease) -> BoxFuture<'a, Result<(), HandlerError>> + Send + Sync + 'static,
) -> Vec<Arc<dyn Handler>> {
    vec![Arc::new(Script { work: Box::new(work), refuse_once: AtomicBool::new(false) })]
}

/// As [`handler`], but its first note that a job is given up fails after it was written.
pub fn handler_that_fails_to_give_up_once(
    work: impl for<'a> Fn(&'a Lease) -> BoxFuture<'a, Result<(), HandlerError>> + Send + Sync + 'static,
) -> Vec<Arc<dyn Handler>> {
    vec![Arc::new(Script { work: Box::new(work), refuse_once: AtomicBool::new(true) })]
}

struct Script {
    work: Box<Work>,
    refuse_once: AtomicBool,
}

#[async_trait]
impl Handler for Script {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn run(&self, lease: &Lease) -> Result<(), HandlerError> {
        (self.work)(lease).await
    }

    async fn exhausted(&self, conn: &mut PgConnection, job: &Job, reason: &str) -> Result<(), sqlx::Error> {
        note(conn, job.id, &format!("given up: {reason}")).await?;
        if self.refuse_once.swap(false, Ordering::SeqCst) {
            return Err(sqlx::Error::RowNotFound);
        }
        Ok(())
    }
}

pub async fn note(conn: &mut PgConnection, job: JobId, note: &str) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO test.effect (job, note) VALUES ($1, $2)")
        .bind(job)
        .bind(note)
        .execute(conn)
        .await?;
    Ok(())
}

/// Writes `text` and completes the job, in one transaction.
pub async fn finish(pool: &PgPool, lease: &Lease, text: &str) -> Result<(), HandlerError> {
    let mut transaction = pool.begin().await?;
    note(&mut transaction, lease.job().id, text).await?;
    lease.complete(&mut transaction).await?;
    transaction.commit().await?;
    Ok(())
}

/// A handler that finishes at once with the note `text`.
pub fn finishing(pool: &PgPool, text: &'static str) -> Vec<Arc<dyn Handler>> {
    let pool = pool.clone();
    handler(move |lease| {
        let pool = pool.clone();
        Box::pin(async move { finish(&pool, lease, text).await })
    })
}

/// Something that happens once and that any number of tasks may wait for.
#[derive(Clone, Default)]
pub struct Event {
    happened: Arc<AtomicBool>,
    notify: Arc<Notify>,
}

impl Event {
    pub fn happen(&self) {
        self.happened.store(true, Ordering::SeqCst);
        self.notify.notify_waiters();
    }

    pub async fn wait(&self) {
        let notified = self.notify.notified();
        if !self.happened.load(Ordering::SeqCst) {
            notified.await;
        }
    }

    /// As [`Self::wait`], failing the test after 20 s.
    pub async fn must_happen(&self) {
        tokio::time::timeout(Duration::from_secs(20), self.wait()).await.expect("it did not happen");
    }

    /// Makes it happen when the guard is dropped.
    pub fn on_drop(&self) -> OnDrop {
        OnDrop(self.clone())
    }
}

pub struct OnDrop(Event);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.happen();
    }
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

/// A TCP relay that can be cut and mended.
pub struct Proxy {
    port: u16,
    cut: watch::Sender<bool>,
}

impl Proxy {
    async fn to(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let cut = watch::Sender::new(false);
        let state = cut.subscribe();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let (mut state, target) = (state.clone(), target.clone());
                tokio::spawn(async move {
                    if *state.borrow() {
                        return;
                    }
                    let mut server = TcpStream::connect(target).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                        _ = state.wait_for(|cut| *cut) => {}
                    }
                });
            }
        });
        Self { port, cut }
    }

    /// Breaks all connections and lets no new one through.
    pub fn cut(&self) {
        self.cut.send_replace(true);
    }

    pub fn mend(&self) {
        self.cut.send_replace(false);
    }
}
