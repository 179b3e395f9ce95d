//! Applications that users register for themselves (contract reconciliation, "Authentication").

use secrecy::SecretString;
use url::Url;

use crate::AuthorizationServer;
use crate::domain::client::{Client, ClientType, Grant};
use crate::domain::credentials::ClientCredentials;
use crate::domain::user::User;
use crate::error::ApplicationError;
use crate::store::clients::{self, NewClient};

/// The id and secret that the form is prefilled with; nothing is stored.
pub type ApplicationDraft = ClientCredentials;

/// What the form asks for.
#[derive(Clone, Copy)]
pub struct NewApplication<'a> {
    /// For people to read, 1 to 255 characters.
    pub name: &'a str,
    /// `confidential` or `public`.
    pub client_type: &'a str,
    /// `password` or `client-credentials`.
    pub authorization_grant_type: &'a str,
    /// Separated by white space; may be empty.
    pub redirect_uris: &'a str,
    /// The id and secret that the form was prefilled with, taken if they are of our making and the id is free.
    pub prefilled: Option<(&'a str, &'a str)>,
}

/// A registered application. The secret is shown this once; a public application has none.
#[derive(Debug, Clone)]
pub struct Application {
    /// What was registered.
    pub client: Client,
    /// Its secret.
    pub client_secret: Option<SecretString>,
}

impl AuthorizationServer {
    /// A fresh id and secret for the form.
    pub fn draft_application(&self) -> ApplicationDraft {
        ClientCredentials::random()
    }

    /// Registers an application. Its tokens are for this service and never allow more than its owner may.
    pub async fn register_application(
        &self,
        owner: &User,
        new: &NewApplication<'_>,
    ) -> Result<Application, ApplicationError> {
        // Looked at before it is trimmed: some control characters are white space.
        let name = new.name.trim();
        if name.is_empty() || new.name.chars().count() > 255 || new.name.chars().any(char::is_control) {
            return Err(ApplicationError::Name);
        }
        let client_type: ClientType = new.client_type.parse()?;
        let grant: Grant = new.authorization_grant_type.parse()?;
        if (client_type, grant) == (ClientType::Public, Grant::ClientCredentials) {
            return Err(ApplicationError::PublicClientCredentials);
        }
        let redirect_uris = parse_redirect_uris(new.redirect_uris)?;
        let prefilled = new.prefilled.and_then(|(id, secret)| ClientCredentials::prefilled(id, secret));
        let credentials = prefilled.unwrap_or_else(ClientCredentials::random);
        let audiences = [self.service.to_owned()];
        let scopes = owner.scopes.to_vec();
        for credentials in [credentials, ClientCredentials::random()] {
            let secret_hash = match client_type {
                ClientType::Confidential => Some(self.passwords.hash(&credentials.client_secret).await?),
                ClientType::Public => None,
            };
            let stored = NewClient {
                client_id: &credentials.client_id,
                name,
                secret_hash: secret_hash.as_ref(),
                grants: &[grant],
                scopes: &scopes,
                audiences: &audiences,
                roles: &[],
                redirect_uris: &redirect_uris,
                products: None,
                owner_id: Some(owner.id),
            };
            if clients::insert(&self.pool, &stored, self.clock.now()).await? {
                let client = Client {
                    client_id: credentials.client_id,
                    name: name.to_owned(),
                    client_type,
                    grants: vec![grant],
                    scopes: owner.scopes.clone(),
                    audiences: audiences.to_vec(),
                    roles: Vec::new(),
                    redirect_uris,
                    products: None,
                    is_enabled: true,
                };
                let client_secret = secret_hash.map(|_| credentials.client_secret);
                return Ok(Application { client, client_secret });
            }
        }
        Err(ApplicationError::NoFreeId)
    }

    /// A user's applications, oldest first.
    pub async fn applications_of(&self, owner: &User) -> Result<Vec<Client>, sqlx::Error> {
        clients::of_owner(&self.pool, owner.id).await
    }
}

fn parse_redirect_uris(text: &str) -> Result<Vec<String>, ApplicationError> {
    let is_allowed = |uri: &str| {
        uri.len() <= 500
            && Url::parse(uri)
                .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.fragment().is_none())
    };
    let uris: Vec<String> = text.split_whitespace().take(11).map(str::to_owned).collect();
    if uris.len() > 10 || !uris.iter().all(|uri| is_allowed(uri)) {
        return Err(ApplicationError::RedirectUris);
    }
    Ok(uris)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirect_uris_are_absolute_web_addresses() {
        assert_eq!(parse_redirect_uris("").unwrap(), Vec::<String>::new());
        assert_eq!(parse_redirect_uris(" https://a.example/cb\nhttp://b.example ").unwrap().len(), 2);
        for refused in
            ["javascript:alert(1)", "/relative", "https://a.example/#f", &"https://a.example ".repeat(11)]
        {
            assert!(parse_redirect_uris(refused).is_err(), "{refused}");
        }
    }
}
