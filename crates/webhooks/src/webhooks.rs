use chrono::SubsecRound;
use common::client::public::PublicUrl;
use common::clock::SharedClock;
use common::seal::{SealError, SealingKey};
use common::server::Profile;
use sqlx::PgPool;
use uuid::Uuid;

use crate::error::{RedeliverError, RegisterError, SetupError, WebhookError};
use crate::subscription::{Delivery, Owner, Page, Registered, Subscription};
use crate::{WebhooksConfig, signature, store};

/// A service's subscriptions, each seen by its owner only.
pub struct Webhooks {
    pool: PgPool,
    secrets: SealingKey,
    profile: Profile,
    events: &'static [&'static str],
    subscriptions_per_owner: u32,
    clock: SharedClock,
}

impl Webhooks {
    /// For a service that tells of `events`.
    pub fn new(
        pool: PgPool,
        config: &WebhooksConfig,
        profile: Profile,
        events: &'static [&'static str],
        clock: SharedClock,
    ) -> Result<Self, SetupError> {
        Ok(Self {
            pool,
            secrets: config.sealing_key()?,
            profile,
            events,
            subscriptions_per_owner: config.subscriptions_per_owner,
            clock,
        })
    }

    /// Subscribes `url` to `events`, from what is published next.
    pub async fn register(
        &self,
        owner: &Owner,
        url: &str,
        events: &[String],
    ) -> Result<Registered, RegisterError> {
        let url = PublicUrl::parse(url, self.profile)?;
        self.check_events(events)?;
        let secret = signature::generate().map_err(|error| RegisterError::Secret(error.into()))?;
        let id = Uuid::now_v7();
        let sealed = self.seal(id, &secret).map_err(RegisterError::Secret)?;
        let subscription = Subscription {
            id,
            url: url.as_str().to_owned(),
            events: events.to_vec(),
            // As the database will show it.
            created_at: self.clock.now().trunc_subsecs(6),
            disabled_at: None,
        };
        let most = self.subscriptions_per_owner;
        match store::insert_subscription(&self.pool, owner, &subscription, &sealed, most).await {
            Ok(true) => Ok(Registered { subscription, secret: signature::shown(&secret) }),
            Ok(false) => Err(RegisterError::TooMany(most)),
            // 23505: the owner has one for the same URL.
            Err(error) if common::db::has_code(&error, &["23505"]) => Err(RegisterError::AlreadyRegistered),
            Err(error) => Err(error.into()),
        }
    }

    fn check_events(&self, events: &[String]) -> Result<(), RegisterError> {
        if events.is_empty() {
            return Err(RegisterError::NoEvents);
        }
        for (place, event) in events.iter().enumerate() {
            if !self.events.contains(&event.as_str()) {
                return Err(RegisterError::UnknownEvent { place, allowed: self.events.join(", ") });
            }
            if events[..place].contains(event) {
                return Err(RegisterError::RepeatedEvent { place });
            }
        }
        Ok(())
    }

    fn seal(&self, id: Uuid, secret: &[u8]) -> Result<Vec<u8>, SealError> {
        self.secrets.seal(&id.to_string(), secret)
    }

    /// The owner's subscriptions, oldest first.
    pub async fn list(&self, owner: &Owner) -> Result<Vec<Subscription>, WebhookError> {
        Ok(store::subscriptions(&self.pool, owner).await?)
    }

    /// One subscription.
    pub async fn show(&self, owner: &Owner, id: Uuid) -> Result<Subscription, WebhookError> {
        store::subscription(&self.pool, owner, id).await?.ok_or(WebhookError::NotFound)
    }

    /// Ends a subscription; what is pending is not sent any more.
    pub async fn delete(&self, owner: &Owner, id: Uuid) -> Result<(), WebhookError> {
        if store::delete_subscription(&self.pool, owner, id).await? {
            Ok(())
        } else {
            Err(WebhookError::NotFound)
        }
    }

    /// Up to `limit` of a subscription's deliveries, newest first, from where the page before ended.
    pub async fn deliveries(
        &self,
        owner: &Owner,
        id: Uuid,
        cursor: Option<i64>,
        limit: u32,
    ) -> Result<Page, WebhookError> {
        self.show(owner, id).await?;
        let limit = limit.max(1) as usize;
        // One more tells whether there is another page.
        let mut deliveries = store::deliveries(&self.pool, id, cursor, limit as i64 + 1).await?;
        let more = deliveries.len() > limit;
        deliveries.truncate(limit);
        let next = deliveries.last().map(|delivery| delivery.number).filter(|_| more);
        Ok(Page { deliveries, next })
    }

    /// Sends a message again as soon as possible, with the same `webhook-id` and a new schedule, whatever has become of
    /// it. Where it is just being sent, that attempt is the one.
    pub async fn redeliver(
        &self,
        owner: &Owner,
        id: Uuid,
        message: Uuid,
    ) -> Result<Delivery, RedeliverError> {
        let subscription = store::subscription(&self.pool, owner, id).await?;
        if subscription.ok_or(RedeliverError::NotFound)?.disabled_at.is_some() {
            return Err(RedeliverError::Disabled);
        }
        store::redeliver(&self.pool, id, message, self.clock.now()).await?;
        store::delivery(&self.pool, id, message).await?.ok_or(RedeliverError::NotFound)
    }
}
