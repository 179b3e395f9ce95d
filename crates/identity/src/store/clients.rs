use chrono::{DateTime, Utc};
use common::redact::Personal;
use sqlx::{PgConnection, PgExecutor};

use super::revocations::Revocation;
use crate::domain::client::{Client, ClientType, Grant};
use crate::domain::scopes::Scopes;

/// A client with what proves it; a public client has nothing to prove.
#[derive(Debug, Clone)]
pub(crate) struct ClientAccount {
    pub(crate) client: Client,
    pub(crate) secret_hash: Option<Personal<String>>,
}

/// A client to be stored.
pub(crate) struct NewClient<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) secret_hash: Option<&'a Personal<String>>,
    pub(crate) grants: &'a [Grant],
    pub(crate) scopes: &'a [String],
    pub(crate) audiences: &'a [String],
    pub(crate) roles: &'a [String],
    pub(crate) redirect_uris: &'a [String],
    pub(crate) products: Option<&'a [String]>,
    pub(crate) owner_id: Option<i64>,
}

impl NewClient<'_> {
    fn grant_names(&self) -> Vec<String> {
        self.grants.iter().map(Grant::to_string).collect()
    }
}

struct Row {
    client_id: String,
    name: String,
    secret_hash: Option<String>,
    grants: Vec<String>,
    scopes: Vec<String>,
    audiences: Vec<String>,
    roles: Vec<String>,
    redirect_uris: Vec<String>,
    products: Option<Vec<String>>,
    disabled_at: Option<DateTime<Utc>>,
    owner_scopes: Option<Vec<String>>,
    owner_disabled_at: Option<DateTime<Utc>>,
}

impl From<Row> for ClientAccount {
    fn from(row: Row) -> Self {
        let own: Scopes = row.scopes.into_iter().collect();
        let scopes = match row.owner_scopes {
            Some(owner) => own.intersection(&owner.into_iter().collect()),
            None => own,
        };
        let client = Client {
            client_id: row.client_id,
            name: row.name,
            client_type: match row.secret_hash {
                Some(_) => ClientType::Confidential,
                None => ClientType::Public,
            },
            // The table's own check keeps other names out.
            grants: row.grants.iter().filter_map(|grant| grant.parse().ok()).collect(),
            scopes,
            audiences: row.audiences,
            roles: row.roles,
            redirect_uris: row.redirect_uris,
            products: row.products,
            is_enabled: row.disabled_at.is_none() && row.owner_disabled_at.is_none(),
        };
        Self { client, secret_hash: row.secret_hash.map(Personal::new) }
    }
}

/// The clients with their owners' rights; what follows chooses among them.
macro_rules! select_clients {
    ($following:tt $(, $argument:expr)*) => {
        sqlx::query_as!(
            Row,
            r#"SELECT c.client_id, c.name, c.secret_hash, c.grants, c.scopes, c.audiences, c.roles, c.redirect_uris,
                      c.products, c.disabled_at, o.scopes AS "owner_scopes?", o.disabled_at AS "owner_disabled_at?"
               FROM identity.clients c LEFT JOIN identity.users o ON o.id = c.owner_id "# + $following
            $(, $argument)*
        )
    };
}

pub(crate) async fn by_id(
    db: impl PgExecutor<'_>,
    client_id: &str,
) -> Result<Option<ClientAccount>, sqlx::Error> {
    let row = select_clients!("WHERE c.client_id = $1", client_id);
    Ok(row.fetch_optional(db).await?.map(ClientAccount::from))
}

pub(crate) async fn of_owner(db: impl PgExecutor<'_>, owner_id: i64) -> Result<Vec<Client>, sqlx::Error> {
    let rows = select_clients!("WHERE c.owner_id = $1 ORDER BY c.created_at, c.client_id", owner_id);
    Ok(rows.fetch_all(db).await?.into_iter().map(|row| ClientAccount::from(row).client).collect())
}

pub(crate) async fn all(db: impl PgExecutor<'_>) -> Result<Vec<Client>, sqlx::Error> {
    let rows = select_clients!("ORDER BY c.client_id");
    Ok(rows.fetch_all(db).await?.into_iter().map(|row| ClientAccount::from(row).client).collect())
}

/// Stores a client; `false` where the id is taken.
pub(crate) async fn insert(
    db: impl PgExecutor<'_>,
    client: &NewClient<'_>,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "INSERT INTO identity.clients
             (client_id, name, secret_hash, grants, scopes, audiences, roles, redirect_uris, products, owner_id,
              created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (client_id) DO NOTHING",
        client.client_id,
        client.name,
        client.secret_hash.map(|hash| hash.expose().as_str()),
        &client.grant_names(),
        client.scopes,
        client.audiences,
        client.roles,
        client.redirect_uris,
        client.products,
        client.owner_id,
        now
    );
    Ok(done.execute(db).await?.rows_affected() == 1)
}

/// Stores a client of an administrator, or gives an existing one of the id this secret and these rights, enabled.
pub(crate) async fn upsert(
    db: impl PgExecutor<'_>,
    client: &NewClient<'_>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO identity.clients
             (client_id, name, secret_hash, grants, scopes, audiences, roles, redirect_uris, products, owner_id,
              created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL, $10)
         ON CONFLICT (client_id) DO UPDATE
         SET name = excluded.name, secret_hash = excluded.secret_hash, grants = excluded.grants,
             scopes = excluded.scopes, audiences = excluded.audiences, roles = excluded.roles,
             redirect_uris = excluded.redirect_uris, products = excluded.products, owner_id = NULL,
             disabled_at = NULL",
        client.client_id,
        client.name,
        client.secret_hash.map(|hash| hash.expose().as_str()),
        &client.grant_names(),
        client.scopes,
        client.audiences,
        client.roles,
        client.redirect_uris,
        client.products,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Disables a client and revokes its tokens; whether there is such a client.
pub(crate) async fn disable(
    tx: &mut PgConnection,
    client_id: &str,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE identity.clients SET disabled_at = coalesce(disabled_at, $2) WHERE client_id = $1",
        client_id,
        now
    );
    if done.execute(&mut *tx).await?.rows_affected() == 0 {
        return Ok(false);
    }
    super::revocations::insert(tx, &Revocation::of_client(client_id.to_owned(), now)).await?;
    Ok(true)
}

/// Gives a confidential client another secret and revokes its tokens; whether there is such a client.
pub(crate) async fn set_secret(
    tx: &mut PgConnection,
    client_id: &str,
    secret_hash: &Personal<String>,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE identity.clients SET secret_hash = $2 WHERE client_id = $1 AND secret_hash IS NOT NULL",
        client_id,
        secret_hash.expose()
    );
    if done.execute(&mut *tx).await?.rows_affected() == 0 {
        return Ok(false);
    }
    super::revocations::insert(tx, &Revocation::before_change(client_id.to_owned(), now)).await?;
    Ok(true)
}

/// Subscribes a client to products, to all of them where there is no list, and revokes its tokens, which say otherwise;
/// whether there is such a client.
pub(crate) async fn set_products(
    tx: &mut PgConnection,
    client_id: &str,
    products: Option<&[String]>,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done =
        sqlx::query!("UPDATE identity.clients SET products = $2 WHERE client_id = $1", client_id, products);
    if done.execute(&mut *tx).await?.rows_affected() == 0 {
        return Ok(false);
    }
    super::revocations::insert(tx, &Revocation::before_change(client_id.to_owned(), now)).await?;
    Ok(true)
}
