use common::error::ToProblem;
use common::server::Profile;
use secrecy::ExposeSecret;
use sqlx::Row;
use uuid::Uuid;
use webhooks::{Owner, RedeliverError, RegisterError, WebhookError};

use crate::support::{CHANGED, COMMENTED, Service, receiver, webhooks};

#[tokio::test]
async fn a_subscription_is_seen_and_deleted_by_its_owner_only() {
    let service = Service::fresh().await;
    let registered = service.register(&receiver(&[]).await).await;
    let id = registered.subscription.id;
    let shown = service.webhooks.show(&service.owner, id).await.unwrap();
    assert_eq!((&shown.url, &shown.events), (&registered.subscription.url, &registered.subscription.events));
    assert_eq!(shown.created_at, registered.subscription.created_at);
    assert_eq!(service.webhooks.list(&service.owner).await.unwrap().len(), 1);
    service.publish("folder", 1).await;
    let message = service.deliveries(id).await[0].message;

    // The same subject of another issuer is somebody else.
    let other = Owner::new("https://other.example", "client");
    let webhooks = &service.webhooks;
    assert!(webhooks.list(&other).await.unwrap().is_empty());
    assert!(matches!(webhooks.show(&other, id).await, Err(WebhookError::NotFound)));
    assert!(matches!(webhooks.deliveries(&other, id, None, 10).await, Err(WebhookError::NotFound)));
    assert!(matches!(webhooks.redeliver(&other, id, message).await, Err(RedeliverError::NotFound)));
    assert!(matches!(webhooks.delete(&other, id).await, Err(WebhookError::NotFound)));

    webhooks.delete(&service.owner, id).await.unwrap();
    assert!(matches!(webhooks.delete(&service.owner, id).await, Err(WebhookError::NotFound)));
    assert_eq!(service.count("delivery").await, 0);
}

#[tokio::test]
async fn what_is_wrong_with_a_registration_is_named() {
    let service = Service::with(|config| config.subscriptions_per_owner = 2).await;
    let production = webhooks(&service.pool, &service.config, Profile::Production, service.clock.clone());
    let problem = async |url: &str, events: &[&str]| {
        let events: Vec<_> = events.iter().map(|&event| event.to_owned()).collect();
        let refused = production.register(&service.owner, url, &events).await.unwrap_err().problem();
        (refused.status.as_u16(), refused.code, refused.field.unwrap_or_default())
    };
    let url = "https://receiver.example/hook";
    let invalid = |field: &str| (400, "invalid", field.to_owned());
    assert_eq!(problem("http://receiver.example/", &[CHANGED]).await, invalid("url"));
    assert_eq!(problem("https://10.0.0.1/", &[CHANGED]).await, invalid("url"));
    assert_eq!(problem(url, &[]).await, invalid("events"));
    assert_eq!(problem(url, &[CHANGED, COMMENTED, "OTHER"]).await, invalid("events[2]"));
    assert_eq!(problem(url, &[CHANGED, CHANGED]).await, invalid("events[1]"));

    let events = [CHANGED.to_owned()];
    production.register(&service.owner, url, &events).await.unwrap();
    assert_eq!(problem(url, &[CHANGED]).await, (409, "already_registered", "url".to_owned()));
    production.register(&service.owner, "https://receiver.example/2", &events).await.unwrap();
    let third = production.register(&service.owner, "https://receiver.example/3", &events).await;
    assert!(matches!(third, Err(RegisterError::TooMany(2))));
    let other = Owner::new("https://issuer.example", "another client");
    production.register(&other, url, &events).await.unwrap();
}

#[tokio::test]
async fn a_secret_is_not_in_the_database_in_clear() {
    let service = Service::fresh().await;
    let registered = service.register(&receiver(&[]).await).await;
    let shown = registered.secret.expose_secret();
    let key = base64_of(shown);
    let row = sqlx::query("SELECT secret, subscription::text AS row FROM webhooks.subscription")
        .fetch_one(&service.superuser)
        .await
        .unwrap();
    let (stored, text): (Vec<u8>, String) = (row.get("secret"), row.get("row"));
    assert_eq!(key.len(), 32);
    assert!(!stored.windows(key.len()).any(|window| window == key));
    assert!(!text.contains(shown.trim_start_matches("whsec_")));

    // Of two subscriptions, one's sealed secret does not open as the other's.
    let second = service.register_for(&Owner::new("i", "s"), &receiver(&[]).await).await;
    assert_ne!(second.secret.expose_secret(), shown);
}

fn base64_of(secret: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap()
}

#[tokio::test]
async fn an_unknown_subscription_is_not_found() {
    let service = Service::fresh().await;
    let id = Uuid::now_v7();
    assert!(matches!(service.webhooks.show(&service.owner, id).await, Err(WebhookError::NotFound)));
    let redelivered = service.webhooks.redeliver(&service.owner, id, id).await;
    assert!(matches!(redelivered, Err(RedeliverError::NotFound)));
}
