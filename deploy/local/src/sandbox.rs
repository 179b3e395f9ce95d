//! The sandbox: operators, a client and users with publicly known secrets, for the local profile only.
//!
//! This file and nothing else puts them into a database, and only behind a loopback listener and into a database that
//! holds no other users, unless it is one that this loader has marked as its own before: there, registering is open.

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, NaiveDate, Utc};
use common::clock::{Clock, SystemClock};
use common::passwords::{HashingConfig, Passwords};
use identity::sandbox::{Sandbox, SandboxUser};
use reconciliation::domain::operator::OperatorConfig;
use reconciliation::store::profiles::StoredProfile;
use reconciliation::store::{operators, profiles};
use secure_consumer::store::accounts;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use testkit::postgres::Database;

use crate::demonstration;
use crate::settings::Settings;

pub(crate) use identity::sandbox::{CLIENT_ID, CLIENT_SECRET, PASSWORD, USERNAMES};

/// The user of the demonstration, who has a profile.
pub(crate) const DEMO_USER: &str = "demo1";

const SCOPES: [&str; 13] = [
    "read",
    "write",
    "operators:write",
    "transactions:write",
    "tasks:all",
    "create",
    "update",
    "delete",
    "screening:read",
    "screening:write",
    "screening:decide",
    "lists:write",
    "proxies:read",
];
const AUDIENCES: [&str; 5] =
    ["msepi05-proxy", "gda-audit", "classifications", "secure-consumer", "reconciliation"];

const MARK: &str = "garant sandbox";

/// Loads the sandbox afresh: its operators, accounts and profile are as new, its tasks and the transactions of the
/// demonstration's day are gone. What else a developer has put into the database stays.
pub(crate) async fn load(settings: &Settings, database: &Database) -> Result<()> {
    ensure!(
        settings.reconciliation.listen.ip().is_loopback(),
        "the sandbox is not loaded where the service listens on {}: its credentials are public",
        settings.reconciliation.listen
    );
    let pool = PgPool::connect(&database.owner_url).await?;
    load_accounts(&pool, &database.name).await?;
    let now = SystemClock.now();
    let mut transaction = pool.begin().await?;
    load_operators(&mut transaction, now).await?;
    load_profile(&mut transaction).await?;
    clear(&mut transaction).await?;
    transaction.commit().await?;
    pool.close().await;
    Ok(())
}

/// Makes `gda-audit` as new: the demonstration imports its lists and controls its persons afresh. Most of its tables are
/// append-only for the service's own role; the chain of its audit trail begins anew, and so do the heads kept of it.
pub(crate) async fn clear_screening(settings: &Settings, database: &Database) -> Result<()> {
    let mut owner = PgConnection::connect(&database.owner_url).await?;
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
         WHERE schemaname IN ('gda', 'jobs') AND tablename NOT IN ('_sqlx_migrations', 'chain')",
    )
    .fetch_all(&mut owner)
    .await?;
    let clear = format!(
        "TRUNCATE {} RESTART IDENTITY CASCADE;
         UPDATE gda.chain SET seq = 0, hash = decode(repeat('00', 32), 'hex')",
        tables.join(", ")
    );
    sqlx::raw_sql(AssertSqlSafe(clear)).execute(&mut owner).await?;
    owner.close().await?;
    match std::fs::remove_file(&settings.audit_heads_file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Makes `secure-consumer` as new: the merchant of the local profile, and nobody seen on any IBAN.
pub(crate) async fn load_merchant(settings: &Settings, database: &Database) -> Result<()> {
    ensure!(
        settings.secure_consumer.listen.ip().is_loopback(),
        "the sandbox is not loaded where the service listens on {}: its credential is public",
        settings.secure_consumer.listen
    );
    let (login, password) = secure_consumer::SANDBOX;
    let pool = PgPool::connect(&database.owner_url).await?;
    let others: i64 = sqlx::query_scalar("SELECT count(*) FROM consumer.accounts WHERE login <> $1")
        .bind(login)
        .fetch_one(&pool)
        .await?;
    ensure!(others == 0, "the sandbox is not loaded into {}: it has other accounts", database.name);
    let clear = "TRUNCATE consumer.accounts, consumer.decisions, consumer.sightings RESTART IDENTITY";
    sqlx::raw_sql(clear).execute(&pool).await?;
    let hash = Passwords::new(&HashingConfig::default())?.hash(&password.into()).await?;
    accounts::insert(&pool, login, &hash, &[], SystemClock.now()).await?;
    pool.close().await;
    Ok(())
}

async fn load_accounts(pool: &PgPool, database: &str) -> Result<()> {
    let is_insured = |name: &str| name.starts_with("demo");
    let users = USERNAMES.map(|username| SandboxUser {
        username,
        roles: vec![if is_insured(username) { "insured" } else { username }.to_owned()],
        scopes: SCOPES
            .into_iter()
            .filter(|scope| !(is_insured(username) && *scope == "tasks:all"))
            .map(str::to_owned)
            .collect(),
    });
    let sandbox = Sandbox {
        scopes: SCOPES.map(str::to_owned).to_vec(),
        audiences: AUDIENCES.map(str::to_owned).to_vec(),
        users: users.to_vec(),
    };
    // In a database of ours other users are those who registered with the local stack.
    let mark: Option<String> = sqlx::query_scalar(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()",
    )
    .fetch_one(pool)
    .await?;
    let registered: Vec<String> = if mark.as_deref() == Some(MARK) {
        sqlx::query_scalar("SELECT username FROM identity.users").fetch_all(pool).await?
    } else {
        Vec::new()
    };
    let registered: Vec<&str> = registered.iter().map(String::as_str).collect();
    let clock = SystemClock::shared();
    identity::sandbox::load(pool, &identity::HashingConfig::default(), &clock, &sandbox, &registered)
        .await
        .with_context(|| format!("the sandbox is not loaded into {database}"))?;
    let mark = format!("COMMENT ON DATABASE {database} IS '{MARK}'");
    sqlx::raw_sql(AssertSqlSafe(mark)).execute(pool).await?;
    Ok(())
}

/// The contract's list of operators, with their numbers, and OMCI, which its sample request names.
fn operators() -> [(i32, Value); 4] {
    let operator = |code: &str, nom: &str, description: &str, account: &str, payment_method: &str| {
        json!({
            "code": code, "nom": nom, "description": description, "account": account,
            "payment_method": payment_method,
            "headers": {
                "payment_date": ["payment_date", "Date opération"],
                "payid": ["payid", "Référence"],
                "status": ["status", "Statut"],
                "phone_num": ["phone_num", "Téléphone"],
                "amount": ["amount", "Montant"],
                "trans_id": ["trans_id", "Id marchand"],
                "account": ["account", "Compte"],
                "agent": ["agent", "Agent"],
            },
            "status": {
                "success": ["SUCCES", "SUCCESS", "Réussi"],
                "failed": ["ECHEC", "Échoué"],
                "pending": ["En attente"],
            },
        })
    };
    [
        (1, operator("DDVAOMCI", "DDVA Orange CI", "DDVA Orange Cote d'Ivoire", "0789248344", "OM")),
        (2, operator("OMCI", "Orange Money CI", "Orange Money Cote d'Ivoire", "0700000000", "OMCI")),
        (11, operator("DDVAMOOVCI", "DDVAMOOVCI", "DDVAMOOV Côte d'Ivoire", "2250000000544", "FLOOZ")),
        (16, operator("DDVAVISA", "DDVAVISA", "DDVA VISA", "ecoeci0016", "VISA")),
    ]
}

async fn load_operators(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<()> {
    for (id, body) in operators() {
        let operator = OperatorConfig::parse(body)?;
        let stored = serde_json::to_value(&operator)?;
        operators::put(connection, Some(id), &operator.code, &stored, CLIENT_ID, now).await?;
    }
    // The numbers above were given past the sequence.
    sqlx::query(
        "SELECT setval(pg_get_serial_sequence('reconciliation.operators', 'id'), max(id))
         FROM reconciliation.operators",
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn load_profile(connection: &mut PgConnection) -> Result<()> {
    let user_id: i64 = sqlx::query_scalar("SELECT id FROM identity.users WHERE username = $1")
        .bind(DEMO_USER)
        .fetch_one(&mut *connection)
        .await?;
    let profile = StoredProfile {
        user_id,
        telephone: "0700000001".to_owned().into(),
        numero_whatsapp: "0700000001".to_owned().into(),
        fonction: "Comptable".to_owned().into(),
        matricule: "D-0001".to_owned().into(),
    };
    profiles::put(connection, &profile).await?;
    Ok(())
}

/// Removes the sandbox users' tasks, and the transactions that would mix with the demonstration's.
async fn clear(connection: &mut PgConnection) -> Result<()> {
    let sample = demonstration::reconciliation::sample();
    let params = sample.params();
    let at = |day: Option<NaiveDate>| day.map(|day| day.and_time(chrono::NaiveTime::MIN).and_utc());
    let from = at(params.day.pred_opt()).context("no day before the sample's")?;
    let until = at(params.day.succ_opt()).context("no day after the sample's")?;
    sqlx::query(
        "DELETE FROM reconciliation.transactions
         WHERE payment_method = $1 AND payment_date >= $2 AND payment_date < $3",
    )
    .bind(&params.payment_method)
    .bind(from)
    .bind(until)
    .execute(&mut *connection)
    .await?;
    let tasks: Vec<i64> =
        sqlx::query_scalar("SELECT id FROM reconciliation.tasks WHERE owner_login = ANY ($1)")
            .bind(USERNAMES.as_slice())
            .fetch_all(&mut *connection)
            .await?;
    for statement in [
        "DELETE FROM jobs.job WHERE id IN (SELECT job_id FROM reconciliation.tasks WHERE id = ANY ($1))",
        "DELETE FROM reconciliation.results WHERE task_id = ANY ($1)",
        "DELETE FROM reconciliation.statement_rows WHERE task_id = ANY ($1)",
        "DELETE FROM reconciliation.tasks WHERE id = ANY ($1)",
    ] {
        sqlx::query(statement).bind(&tasks).execute(&mut *connection).await?;
    }
    Ok(())
}
