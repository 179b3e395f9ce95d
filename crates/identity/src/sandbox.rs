//! The credentials of the local stack (architecture §8), loaded by it alone, and the guards against their ever
//! reaching anything else.

use common::clock::SharedClock;
use secrecy::SecretString;
use sqlx::PgPool;

use crate::domain::client::Grant;
use crate::store::clients::{self, NewClient};
use crate::store::users::{self, NewUser};
use common::passwords::HashingConfig;
use common::passwords::{HashingError, Passwords};

/// The sandbox client's id.
pub const CLIENT_ID: &str = "sandbox";
/// The sandbox client's secret.
pub const CLIENT_SECRET: &str = "sandbox-secret";
/// The sandbox users' names.
pub const USERNAMES: [&str; 4] = ["demo1", "demo2", "underwriter", "analyst"];
/// The sandbox users' password.
pub const PASSWORD: &str = "sandbox";

/// A user of the sandbox.
#[derive(Debug, Clone)]
pub struct SandboxUser {
    /// One of [`USERNAMES`].
    pub username: &'static str,
    /// Roles that its tokens carry.
    pub roles: Vec<String>,
    /// The most that its tokens may allow.
    pub scopes: Vec<String>,
}

/// What the sandbox holds.
#[derive(Debug, Clone)]
pub struct Sandbox {
    /// The most that the client's tokens may allow.
    pub scopes: Vec<String>,
    /// The services that the client's and the users' tokens are for.
    pub audiences: Vec<String>,
    /// The users.
    pub users: Vec<SandboxUser>,
}

/// Why the sandbox was not loaded, or its guard could not look.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The database holds users who are not the sandbox's.
    #[error("the database holds users who are not the sandbox's: it is no sandbox")]
    ForeignUsers,
    /// Argon2 refused.
    #[error(transparent)]
    Hashing(#[from] HashingError),
    /// The database refused.
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
}

/// Stores the sandbox's client and users, or puts them back as they were; everything else stays. `allowed` are other
/// users whom the local stack itself makes; any further user stops the loading.
pub async fn load(
    pool: &PgPool,
    hashing: &HashingConfig,
    clock: &SharedClock,
    sandbox: &Sandbox,
    allowed: &[&str],
) -> Result<(), SandboxError> {
    if foreign_users_exist(pool, allowed).await? {
        return Err(SandboxError::ForeignUsers);
    }
    let passwords = Passwords::new(hashing)?;
    let (secret, password) = (SecretString::from(CLIENT_SECRET), SecretString::from(PASSWORD));
    let client = NewClient {
        client_id: CLIENT_ID,
        name: "Sandbox",
        secret_hash: Some(&passwords.hash(&secret).await?),
        grants: &[Grant::Password, Grant::ClientCredentials],
        scopes: &sandbox.scopes,
        audiences: &sandbox.audiences,
        roles: &[],
        redirect_uris: &[],
        products: None,
        owner_id: None,
    };
    let mut tx = pool.begin().await?;
    clients::upsert(&mut *tx, &client, clock.now()).await?;
    for user in &sandbox.users {
        let user = NewUser {
            username: user.username,
            password_hash: &passwords.hash(&password).await?,
            roles: &user.roles,
            scopes: &user.scopes,
            audiences: &sandbox.audiences,
        };
        users::upsert(&mut *tx, &user, clock.now()).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Whether there is a user who is neither the sandbox's nor `allowed`.
pub async fn foreign_users_exist(pool: &PgPool, allowed: &[&str]) -> Result<bool, sqlx::Error> {
    let known: Vec<String> = USERNAMES.iter().chain(allowed).map(|name| (*name).to_owned()).collect();
    users::any_but(pool, &known).await
}

/// Whether somebody could get in with a credential of the sandbox. `serve` refuses to start on a non-loopback address
/// where one works.
pub async fn credentials_work(pool: &PgPool, hashing: &HashingConfig) -> Result<bool, SandboxError> {
    let passwords = Passwords::new(hashing)?;
    let mut proofs: Vec<(&str, _)> = Vec::new();
    if let Some(account) = clients::by_id(pool, CLIENT_ID).await?.filter(|account| account.client.is_enabled)
    {
        proofs.extend(account.secret_hash.map(|hash| (CLIENT_SECRET, hash)));
    }
    for username in USERNAMES {
        let account = users::by_name(pool, username).await?.filter(|account| account.user.is_enabled);
        proofs.extend(account.map(|account| (PASSWORD, account.password_hash)));
    }
    for (password, hash) in proofs {
        if passwords.verify(&SecretString::from(password), Some(&hash)).await? {
            return Ok(true);
        }
    }
    Ok(false)
}
