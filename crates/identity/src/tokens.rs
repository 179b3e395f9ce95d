//! Issuing, refreshing, revoking and looking at tokens.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use common::auth::{Audience, Claims, RevocationView, token_digest};
use common::redact::Personal;
use common::server::Profile;
use secrecy::SecretString;
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::AuthorizationServer;
use crate::domain::client::{Client, Grant, OAUTH};
use crate::domain::credentials::OpaqueToken;
use crate::domain::scopes::Scopes;
use crate::domain::user::User;
use crate::error::OAuthError;
use crate::store::grants::{self, NewGrant};
use crate::store::revocations::Revocation;
use crate::store::users::Account;
use crate::store::{revocations, users};

/// A token answer (RFC 6749 §5.1), in the contract's order.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Tokens {
    /// A JWT (RFC 9068).
    #[schema(value_type = String)]
    pub access_token: Personal<String>,
    /// Its life, in seconds.
    pub expires_in: i64,
    /// Always `Bearer`.
    #[schema(value_type = String, example = "Bearer")]
    pub token_type: &'static str,
    /// What was granted, separated by spaces.
    #[schema(example = "read write")]
    pub scope: String,
    /// Good for one use; not with `client_credentials`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub refresh_token: Option<Personal<String>>,
}

/// What an access token is about to say.
struct NewAccessToken<'a> {
    subject: &'a str,
    client_id: &'a str,
    audiences: &'a [String],
    scopes: &'a Scopes,
    roles: &'a [String],
    username: Option<&'a str>,
    grant_id: Option<Uuid>,
    products: Option<&'a [String]>,
}

pub(crate) const WRONG_LOGIN: OAuthError = OAuthError::InvalidGrant("the username or the password is wrong");
const WRONG_REFRESH_TOKEN: OAuthError =
    OAuthError::InvalidGrant("the refresh token is unknown, expired, used or revoked");

impl AuthorizationServer {
    /// The service's own sign-in, without a client: the token names the service as client and audience and allows
    /// the service's first-party scopes as far as the user has them.
    pub async fn password_login(
        &self,
        username: &str,
        password: &SecretString,
        address: IpAddr,
    ) -> Result<(Tokens, User), OAuthError> {
        let account = self.authenticate_user(username, password, address).await?;
        let mut connection = self.pool.acquire().await?;
        let tokens = self.first_party_tokens(&mut connection, &account).await?;
        Ok((tokens, account.user))
    }

    pub(crate) async fn first_party_tokens(
        &self,
        db: &mut PgConnection,
        account: &Account,
    ) -> Result<Tokens, OAuthError> {
        let scopes = self.first_party_scopes.intersection(&account.user.scopes);
        let scopes = scopes.grant(None).ok_or(OAuthError::InvalidScope)?;
        self.begin_grant(db, account, None, scopes).await
    }

    /// The password grant (RFC 6749 §4.3) of an authenticated client.
    pub async fn password_grant(
        &self,
        client: &Client,
        username: &str,
        password: &SecretString,
        scope: Option<Scopes>,
        address: IpAddr,
    ) -> Result<Tokens, OAuthError> {
        require(client, Grant::Password)?;
        let account = self.authenticate_user(username, password, address).await?;
        let allowed = client.scopes.intersection(&account.user.scopes);
        let scopes = allowed.grant(scope).ok_or(OAuthError::InvalidScope)?;
        let mut connection = self.pool.acquire().await?;
        self.begin_grant(&mut connection, &account, Some(client), scopes).await
    }

    /// The client credentials grant (RFC 6749 §4.4) of an authenticated client; there is no refresh token.
    pub fn client_credentials_grant(
        &self,
        client: &Client,
        scope: Option<Scopes>,
    ) -> Result<Tokens, OAuthError> {
        require(client, Grant::ClientCredentials)?;
        let scopes = client.scopes.clone().grant(scope).ok_or(OAuthError::InvalidScope)?;
        let token = NewAccessToken {
            subject: &client.client_id,
            client_id: &client.client_id,
            audiences: &client.audiences,
            scopes: &scopes,
            roles: &client.roles,
            username: None,
            grant_id: None,
            products: client.products.as_deref(),
        };
        self.issue(&token, None, self.clock.now())
    }

    /// Rotates a refresh token (RFC 6749 §6) of `client`, of the service's own sign-in where there is none.
    ///
    /// A token is good for one use, to the letter: a second use, were it at the same instant, can't be told from a
    /// thief's and revokes the whole grant, with the tokens that the first use was given. A client must therefore
    /// not refresh twice at once.
    pub async fn refresh(
        &self,
        refresh_token: &str,
        client: Option<&Client>,
        scope: Option<Scopes>,
    ) -> Result<Tokens, OAuthError> {
        if let Some(client) = client {
            require(client, Grant::Password)?;
        }
        let now = self.clock.now();
        let digest = token_digest(refresh_token);
        let mut tx = self.pool.begin().await?;
        let found = grants::lock_by_refresh_token(&mut tx, &digest).await?.ok_or(WRONG_REFRESH_TOKEN)?;
        if found.client_id.as_deref() != client.map(|client| client.client_id.as_str()) || found.is_revoked {
            return Err(WRONG_REFRESH_TOKEN);
        }
        if found.is_used {
            let revocation = grants::revoke(&mut tx, found.grant_id, now).await?;
            tx.commit().await?;
            self.revocations.add(revocation);
            tracing::warn!(grant = %found.grant_id, "a refresh token was used twice: its grant is revoked");
            return Err(WRONG_REFRESH_TOKEN);
        }
        let user = users::by_id(&mut *tx, found.user_id).await?.filter(|user| user.is_enabled);
        let Some(user) = user.filter(|_| found.expires_at > now) else { return Err(WRONG_REFRESH_TOKEN) };

        let allowed = found.scopes.intersection(&user.scopes);
        let allowed = match client {
            Some(client) => allowed.intersection(&client.scopes),
            None => allowed,
        };
        let scopes = allowed.grant(scope).ok_or(OAuthError::InvalidScope)?;
        let next = OpaqueToken::random();
        let expires_at = self.refresh_expiry(now);
        let tokens = self.user_tokens(&user, client, &scopes, found.grant_id, &next, now)?;
        grants::use_refresh_token(&mut tx, found.grant_id, &digest, self.grant_expiry(now), now).await?;
        grants::insert_refresh_token(&mut *tx, found.grant_id, &next.digest, expires_at).await?;
        tx.commit().await?;
        Ok(tokens)
    }

    /// Revokes an access token, or a refresh token with its whole grant (RFC 7009); what is unknown or expired needs
    /// no revoking. A `client` may revoke its own tokens only; without one possession suffices.
    pub async fn revoke(&self, token: &str, client: Option<&Client>) -> Result<(), OAuthError> {
        const ANOTHERS: OAuthError = OAuthError::InvalidGrant("the token was issued to another client");
        let now = self.clock.now();
        let mut tx = self.pool.begin().await?;
        let revocation =
            if let Some(found) = grants::lock_by_refresh_token(&mut tx, &token_digest(token)).await? {
                if client.is_some_and(|client| found.client_id.as_ref() != Some(&client.client_id)) {
                    return Err(ANOTHERS);
                }
                grants::revoke(&mut tx, found.grant_id, now).await?
            } else if let Some(claims) = self.keys.verify(token).await? {
                if client.is_some_and(|client| claims.client_id != client.client_id) {
                    return Err(ANOTHERS);
                }
                let expires_at = DateTime::from_timestamp(claims.exp, 0).unwrap_or(now);
                let Ok(jti) = claims.jti.parse() else { return Ok(()) };
                let revocation = Revocation::of_token(jti, expires_at, now);
                revocations::insert(&mut *tx, &revocation).await?;
                revocation
            } else {
                return Ok(());
            };
        tx.commit().await?;
        self.revocations.add(revocation);
        Ok(())
    }

    /// The claims of an access token of ours that is neither expired nor revoked, for whatever audience.
    pub async fn inspect_access_token(&self, token: &str) -> Result<Option<Claims>, OAuthError> {
        let Some(claims) = self.keys.verify(token).await? else { return Ok(None) };
        let is_revoked = self.revocations.is_revoked(&claims).await?;
        Ok((!is_revoked).then_some(claims))
    }

    /// What introspection tells of a refresh token, to the client that it belongs to.
    pub(crate) async fn inspect_refresh_token(
        &self,
        token: &str,
        client: &Client,
    ) -> Result<Option<RefreshTokenState>, OAuthError> {
        let mut tx = self.pool.begin().await?;
        let found = grants::lock_by_refresh_token(&mut tx, &token_digest(token)).await?;
        let is_live = |token: &grants::RefreshToken| {
            !token.is_used
                && !token.is_revoked
                && token.expires_at > self.clock.now()
                && token.client_id.as_ref() == Some(&client.client_id)
        };
        let Some(found) = found.filter(is_live) else { return Ok(None) };
        let user = users::by_id(&mut *tx, found.user_id).await?.filter(|user| user.is_enabled);
        Ok(user.map(|user| RefreshTokenState {
            user,
            scopes: found.scopes,
            issued_at: found.created_at,
            expires_at: found.expires_at,
        }))
    }

    async fn begin_grant(
        &self,
        db: &mut PgConnection,
        account: &Account,
        client: Option<&Client>,
        scopes: Scopes,
    ) -> Result<Tokens, OAuthError> {
        let now = self.clock.now();
        let (grant_id, refresh) = (Uuid::now_v7(), OpaqueToken::random());
        let expires_at = self.refresh_expiry(now);
        let grant = NewGrant {
            id: grant_id,
            user_id: account.user.id,
            password_hash: &account.password_hash,
            client_id: client.map(|client| client.client_id.as_str()),
            scopes: &scopes,
            expires_at: self.grant_expiry(now),
        };
        let tokens = self.user_tokens(&account.user, client, &scopes, grant_id, &refresh, now)?;
        let mut tx = sqlx::Connection::begin(db).await?;
        if !grants::insert(&mut *tx, &grant, now).await? {
            return Err(WRONG_LOGIN);
        }
        grants::insert_refresh_token(&mut *tx, grant_id, &refresh.digest, expires_at).await?;
        tx.commit().await?;
        Ok(tokens)
    }

    fn user_tokens(
        &self,
        user: &User,
        client: Option<&Client>,
        scopes: &Scopes,
        grant_id: Uuid,
        refresh: &OpaqueToken,
        now: DateTime<Utc>,
    ) -> Result<Tokens, OAuthError> {
        let own = [self.service.to_owned()];
        let mut audiences = client.map_or(&own[..], |client| &client.audiences).to_vec();
        audiences.retain(|service| user.audiences.contains(service));
        if audiences.is_empty() {
            return Err(OAuthError::InvalidGrant("the user may use none of the client's services"));
        }
        let token = NewAccessToken {
            subject: &user.subject.to_string(),
            client_id: client.map_or(self.service, |client| &client.client_id),
            audiences: &audiences,
            scopes,
            roles: &user.roles,
            username: Some(user.username.expose()),
            grant_id: Some(grant_id),
            products: client.and_then(|client| client.products.as_deref()),
        };
        self.issue(&token, Some(refresh.token.clone()), now)
    }

    fn issue(
        &self,
        token: &NewAccessToken<'_>,
        refresh_token: Option<Personal<String>>,
        now: DateTime<Utc>,
    ) -> Result<Tokens, OAuthError> {
        let (iat, expires_in) = (now.timestamp(), self.lifetime_s(token.audiences));
        let claims = Claims {
            iss: self.config.issuer.clone(),
            sub: token.subject.to_owned(),
            aud: Audience::Many(token.audiences.to_vec()),
            exp: iat + expires_in,
            iat,
            nbf: None,
            jti: Uuid::now_v7().to_string(),
            client_id: token.client_id.to_owned(),
            scope: token.scopes.to_string(),
            roles: token.roles.to_vec(),
            preferred_username: token.username.map(|name| name.to_owned().into()),
            sid: token.grant_id.map(|id| id.to_string()),
            products: token.products.map(<[String]>::to_vec),
        };
        let access_token = Personal::new(self.keys.sign(&claims)?);
        Ok(Tokens { access_token, expires_in, token_type: "Bearer", scope: claims.scope, refresh_token })
    }

    /// Another service learns of no revocation, so what is good for it lives shortly (architecture §6).
    fn lifetime_s(&self, audiences: &[String]) -> i64 {
        let own = i64::from(self.config.access_token_s);
        if self.profile == Profile::Local || audiences.iter().all(|name| name == self.service) {
            own
        } else {
            own.min(self.config.foreign_audience_token_s.into())
        }
    }

    /// As long as its tokens live, access tokens included: whoever disables the user must still find the grant.
    fn grant_expiry(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.refresh_expiry(now).max(now + TimeDelta::seconds(self.config.access_token_s.into()))
    }

    fn refresh_expiry(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now + TimeDelta::seconds(self.config.refresh_token_s.into())
    }
}

/// A refresh token that may be used.
pub(crate) struct RefreshTokenState {
    pub(crate) user: User,
    pub(crate) scopes: Scopes,
    pub(crate) issued_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
}

fn require(client: &Client, grant: Grant) -> Result<(), OAuthError> {
    if client.is_subscribed(OAUTH) && client.grants.contains(&grant) {
        Ok(())
    } else {
        Err(OAuthError::UnauthorizedClient)
    }
}
