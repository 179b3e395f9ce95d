//! `<service> clients` and `<service> users`: how production gets its first credentials (architecture §5).

use std::io::{Read, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Subcommand};
use common::clock::SharedClock;
use secrecy::{ExposeSecret, SecretString};
use sqlx::PgPool;

use crate::domain::client::{ClientType, Grant};
use crate::domain::credentials::{ClientCredentials, random_password};
use crate::domain::scopes::Scopes;
use crate::domain::user::{Username, check_password};
use crate::store::clients::{self, NewClient};
use crate::store::users::{self, NewUser};
use common::passwords::HashingConfig;
use common::passwords::Passwords;

/// What an administrator's command works on.
pub struct Administration<'a> {
    /// The service's database.
    pub pool: &'a PgPool,
    /// How passwords are hashed.
    pub hashing: &'a HashingConfig,
    /// The time.
    pub clock: &'a SharedClock,
    /// The service's name, which no client may take.
    pub service: &'a str,
    /// Where the answer goes; secrets are written there once and nowhere else.
    pub output: &'a mut (dyn Write + Send),
}

/// `clients …`
#[derive(Debug, Subcommand)]
pub enum ClientsCommand {
    /// Make a client and print its secret, this once.
    Create(CreateClient),
    /// Lock a client out; its tokens are revoked within a second.
    Disable {
        /// The client's id.
        client_id: String,
    },
    /// Give a client another secret and print it, this once; the old one stops working at once, and tokens got up to
    /// 2 seconds from now are revoked within a second.
    Rotate {
        /// The client's id.
        client_id: String,
    },
    /// Subscribe a client to these products and no others; tokens got up to 2 seconds from now are revoked within a
    /// second.
    Subscribe {
        /// The client's id.
        client_id: String,
        /// `oauth`, without which it gets no tokens, or a service; may be repeated. All products if none is given.
        #[arg(long = "product")]
        products: Vec<String>,
    },
    /// Print all clients.
    List,
}

/// `clients create …`
#[derive(Debug, Args)]
pub struct CreateClient {
    /// For people to read.
    name: String,
    /// The client's id; made up if not given.
    #[arg(long)]
    client_id: Option<String>,
    /// `password` or `client_credentials`; may be repeated.
    #[arg(long = "grant", required = true)]
    grants: Vec<Grant>,
    /// A scope that it may have; may be repeated.
    #[arg(long = "scope", required = true)]
    scopes: Vec<String>,
    /// A service that its tokens are for; may be repeated. The service itself if not given.
    #[arg(long = "audience")]
    audiences: Vec<String>,
    /// A role of the tokens that it gets for itself; may be repeated.
    #[arg(long = "role")]
    roles: Vec<String>,
    /// A product that it is subscribed to: `oauth`, without which it gets no tokens, or a service; may be repeated. All
    /// products if not given.
    #[arg(long = "product")]
    products: Vec<String>,
    /// The client can't keep a secret and gets none.
    #[arg(long)]
    public: bool,
}

/// `users …`
#[derive(Debug, Subcommand)]
pub enum UsersCommand {
    /// Make a user; a password that was made up is printed, this once.
    Create {
        /// The login.
        username: String,
        /// A role that its tokens carry; may be repeated.
        #[arg(long = "role")]
        roles: Vec<String>,
        /// A scope that its tokens may allow; may be repeated.
        #[arg(long = "scope", required = true)]
        scopes: Vec<String>,
        /// A service that its tokens may be for; may be repeated. The service itself if not given.
        #[arg(long = "audience")]
        audiences: Vec<String>,
        /// The password's source.
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Lock a user out with the applications that it registered; their tokens are revoked within a second.
    Disable {
        /// The login.
        username: String,
    },
    /// Give a user another password, which ends everything signed in by the old one.
    Rotate {
        /// The login.
        username: String,
        /// The password's source.
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Print all users.
    List,
}

/// Where a password comes from, never the command line: other users of the machine can read that.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct PasswordSource {
    /// Read the password from standard input.
    #[arg(long)]
    password_stdin: bool,
    /// Read the password from a file.
    #[arg(long)]
    password_file: Option<PathBuf>,
}

impl PasswordSource {
    /// The password, and whether it was made up here.
    fn password(&self) -> Result<(SecretString, bool)> {
        let text = match &self.password_file {
            Some(path) => std::fs::read_to_string(path).context("cannot read the password's file")?,
            None if self.password_stdin => {
                let mut text = String::new();
                std::io::stdin().take(4096).read_to_string(&mut text).context("cannot read the password")?;
                text
            }
            None => return Ok((random_password(), true)),
        };
        Ok((text.trim_end_matches(['\r', '\n']).into(), false))
    }
}

impl ClientsCommand {
    /// Carries the command out.
    ///
    /// # Errors
    /// The message says what is wrong with the arguments, or that the database refused.
    pub async fn run(&self, on: &mut Administration<'_>) -> Result<()> {
        match self {
            Self::Create(new) => new.run(on).await,
            Self::Disable { client_id } => {
                let mut tx = on.pool.begin().await?;
                ensure!(
                    clients::disable(&mut tx, client_id, on.clock.now()).await?,
                    "there is no client {client_id}"
                );
                tx.commit().await?;
                Ok(writeln!(on.output, "disabled {client_id}")?)
            }
            Self::Rotate { client_id } => {
                let secret = ClientCredentials::random().client_secret;
                let hash = Passwords::new(on.hashing)?.hash(&secret).await?;
                let mut tx = on.pool.begin().await?;
                ensure!(
                    clients::set_secret(&mut tx, client_id, &hash, on.clock.now()).await?,
                    "there is no confidential client {client_id}"
                );
                tx.commit().await?;
                Ok(writeln!(on.output, "client_secret {}", secret.expose_secret())?)
            }
            Self::Subscribe { client_id, products } => {
                let listed = (!products.is_empty()).then_some(products.as_slice());
                let mut tx = on.pool.begin().await?;
                ensure!(
                    clients::set_products(&mut tx, client_id, listed, on.clock.now()).await?,
                    "there is no client {client_id}"
                );
                tx.commit().await?;
                Ok(writeln!(on.output, "subscribed {client_id}")?)
            }
            Self::List => {
                for client in clients::all(on.pool).await? {
                    let grants: Vec<_> = client.grants.iter().map(Grant::to_string).collect();
                    writeln!(
                        on.output,
                        "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
                        client.client_id,
                        if client.is_enabled { "enabled" } else { "disabled" },
                        client.client_type.as_str(),
                        grants.join(","),
                        client.scopes,
                        client.audiences.join(","),
                        client.products.as_ref().map_or("all products".to_owned(), |it| it.join(",")),
                        client.name,
                    )?;
                }
                Ok(())
            }
        }
    }
}

impl CreateClient {
    async fn run(&self, on: &mut Administration<'_>) -> Result<()> {
        let client_type = if self.public { ClientType::Public } else { ClientType::Confidential };
        if self.public && self.grants.contains(&Grant::ClientCredentials) {
            bail!("a public client may not use client_credentials");
        }
        let ClientCredentials { client_id, client_secret } = ClientCredentials::random();
        let client_id = self.client_id.clone().unwrap_or(client_id);
        ensure!(
            (1..=128).contains(&client_id.len()) && client_id.bytes().all(|b| b.is_ascii_graphic()),
            "a client id has 1 to 128 printable ASCII characters without spaces"
        );
        ensure!(client_id != on.service, "{client_id} is the service's own name");
        let own = [on.service.to_owned()];
        let secret_hash = match client_type {
            ClientType::Confidential => Some(Passwords::new(on.hashing)?.hash(&client_secret).await?),
            ClientType::Public => None,
        };
        let client = NewClient {
            client_id: &client_id,
            name: &self.name,
            secret_hash: secret_hash.as_ref(),
            grants: &self.grants,
            scopes: &checked_scopes(&self.scopes)?,
            audiences: if self.audiences.is_empty() { &own } else { &self.audiences },
            roles: &self.roles,
            redirect_uris: &[],
            products: (!self.products.is_empty()).then_some(self.products.as_slice()),
            owner_id: None,
        };
        ensure!(
            clients::insert(on.pool, &client, on.clock.now()).await?,
            "there is a client {client_id} already"
        );
        writeln!(on.output, "client_id {client_id}")?;
        if secret_hash.is_some() {
            writeln!(on.output, "client_secret {}", client_secret.expose_secret())?;
        }
        Ok(())
    }
}

impl UsersCommand {
    /// Carries the command out.
    ///
    /// # Errors
    /// The message says what is wrong with the arguments, or that the database refused.
    pub async fn run(&self, on: &mut Administration<'_>) -> Result<()> {
        match self {
            Self::Create { username, roles, scopes, audiences, password } => {
                let (name, (password, made_up)) = (Username::parse(username)?, password.password()?);
                check_password(&password, &name)?;
                let own = [on.service.to_owned()];
                let user = NewUser {
                    username: name.expose(),
                    password_hash: &Passwords::new(on.hashing)?.hash(&password).await?,
                    roles,
                    scopes: &checked_scopes(scopes)?,
                    audiences: if audiences.is_empty() { &own } else { audiences },
                };
                let stored = users::insert(on.pool, &user, on.clock.now()).await?;
                let account = stored.context("the username is taken")?;
                writeln!(on.output, "id {}\nsubject {}", account.user.id, account.user.subject)?;
                print_password(on.output, &password, made_up)
            }
            Self::Disable { username } => {
                let name = Username::parse(username)?;
                let mut tx = on.pool.begin().await?;
                ensure!(
                    users::disable(&mut tx, name.expose(), on.clock.now()).await?,
                    "there is no such user"
                );
                tx.commit().await?;
                Ok(writeln!(on.output, "disabled")?)
            }
            Self::Rotate { username, password } => {
                let (name, (password, made_up)) = (Username::parse(username)?, password.password()?);
                check_password(&password, &name)?;
                let hash = Passwords::new(on.hashing)?.hash(&password).await?;
                let mut tx = on.pool.begin().await?;
                ensure!(
                    users::set_password(&mut tx, name.expose(), &hash, on.clock.now()).await?,
                    "there is no such user"
                );
                tx.commit().await?;
                print_password(on.output, &password, made_up)
            }
            Self::List => {
                for user in users::all(on.pool).await? {
                    writeln!(
                        on.output,
                        "{}\t{}\t{}\t{}\t{}\t{}\t{}",
                        user.id,
                        user.username.expose(),
                        if user.is_enabled { "enabled" } else { "disabled" },
                        user.roles.join(","),
                        user.scopes,
                        user.audiences.join(","),
                        user.subject,
                    )?;
                }
                Ok(())
            }
        }
    }
}

fn checked_scopes(scopes: &[String]) -> Result<Vec<String>> {
    Ok(scopes.join(" ").parse::<Scopes>()?.to_vec())
}

fn print_password(output: &mut (dyn Write + Send), password: &SecretString, made_up: bool) -> Result<()> {
    if made_up {
        writeln!(output, "password {}", password.expose_secret())?;
    }
    Ok(())
}
