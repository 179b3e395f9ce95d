//! Users: registration, look-up, browser sessions.

use std::net::IpAddr;

use chrono::TimeDelta;
use common::auth::token_digest;
use common::redact::Personal;
use governor::clock::Clock;
use secrecy::SecretString;
use sqlx::Connection;
use uuid::Uuid;

use crate::AuthorizationServer;
use crate::attempts::network;
use crate::domain::credentials::OpaqueToken;
use crate::domain::user::{User, Username, check_password};
use crate::error::{OAuthError, RegistrationError};
use crate::store::sessions;
use crate::store::users::{self, NewUser};
use crate::tokens::{Tokens, WRONG_LOGIN};

/// A browser is signed in for a working day.
const SESSION: TimeDelta = TimeDelta::hours(8);

impl AuthorizationServer {
    /// Registers a user with the service's first-party scopes and signs it in.
    pub async fn register_user(
        &self,
        username: &str,
        password: &SecretString,
        address: IpAddr,
    ) -> Result<(Tokens, User), RegistrationError> {
        if !self.config.registration {
            return Err(RegistrationError::Disabled);
        }
        let username = Username::parse(username)?;
        check_password(password, &username)?;
        if let Err(refused) = self.registrations.check_key(&network(address)) {
            let now = self.registrations.clock().now();
            return Err(RegistrationError::RateLimited(refused.wait_time_from(now)));
        }
        let new = NewUser {
            username: username.expose(),
            password_hash: &self.passwords.hash(password).await?,
            roles: &[],
            scopes: &self.first_party_scopes.to_vec(),
            audiences: &[self.service.to_owned()],
        };
        let mut connection = self.pool.acquire().await?;
        // One transaction: whoever gets no answer may register again.
        let mut tx = connection.begin().await?;
        let account =
            users::insert(&mut *tx, &new, self.clock.now()).await?.ok_or(RegistrationError::Taken)?;
        let tokens =
            self.first_party_tokens(&mut tx, &account).await.map_err(RegistrationError::NotSignedIn)?;
        tx.commit().await?;
        Ok((tokens, account.user))
    }

    /// The user whom tokens call `subject`, also a disabled one.
    pub async fn user_by_subject(&self, subject: Uuid) -> Result<Option<User>, sqlx::Error> {
        users::by_subject(&self.pool, subject).await
    }

    /// The user of this id, also a disabled one.
    pub async fn user(&self, id: i64) -> Result<Option<User>, sqlx::Error> {
        users::by_id(&self.pool, id).await
    }

    /// Checks a name and a password, with the same back-off as [`AuthorizationServer::password_login`], and opens a
    /// browser session of 8 hours: the cookie's value.
    pub async fn open_session(
        &self,
        username: &str,
        password: &SecretString,
        address: IpAddr,
    ) -> Result<Personal<String>, OAuthError> {
        let account = self.authenticate_user(username, password, address).await?;
        let session = OpaqueToken::random();
        let expires_at = self.clock.now() + SESSION;
        if !sessions::insert(&self.pool, &session.digest, &account, expires_at).await? {
            return Err(WRONG_LOGIN);
        }
        Ok(session.token)
    }

    /// The user whose session it is.
    pub async fn session(&self, token: &str) -> Result<Option<User>, sqlx::Error> {
        let Some(id) = sessions::user_id(&self.pool, &token_digest(token), self.clock.now()).await? else {
            return Ok(None);
        };
        Ok(self.user(id).await?.filter(|user| user.is_enabled))
    }

    /// Ends a session; one that is unknown has ended already.
    pub async fn close_session(&self, token: &str) -> Result<(), sqlx::Error> {
        sessions::delete(&self.pool, &token_digest(token)).await
    }
}
