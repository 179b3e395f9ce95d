use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use common::clock::Clock;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use webhooks::{Audience, Event, Owner, RedeliverError, State, WebhooksConfig};

use crate::support::{
    CHANGED, COMMENTED, Service, a_moment, at, header, received, receiver, receives, slow_receiver,
};

#[tokio::test]
async fn a_message_is_signed_so_that_its_receiver_can_verify_it() {
    let service = Service::fresh().await;
    let receiver = receiver(&[]).await;
    let registered = service.register(&receiver).await;
    let _dispatcher = service.dispatcher();
    service.publish("folder é", 1).await;

    let request = receives(&receiver, 1).await.remove(0);
    let (id, timestamp) = (header(&request, "webhook-id"), header(&request, "webhook-timestamp"));
    let key = STANDARD.decode(registered.secret.expose_secret().strip_prefix("whsec_").unwrap()).unwrap();
    let signed = [format!("{id}.{timestamp}.").as_bytes(), &request.body].concat();
    let signature = header(&request, "webhook-signature").strip_prefix("v1,").unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    hmac::verify(&key, &signed, &STANDARD.decode(signature).unwrap()).expect("the signature is right");
    assert_eq!(timestamp, at("2026-11-22T08:30:00Z").timestamp().to_string());
    assert_eq!(header(&request, "content-type"), "application/json");
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(
        body,
        json!({
            "type": CHANGED,
            "timestamp": "2026-11-22T08:30:00.000000Z",
            "data": {"folder": "folder é", "number": 1},
        })
    );

    let delivery = service
        .delivery_becomes(registered.subscription.id, |delivery| delivery.state == State::Delivered)
        .await;
    assert_eq!(delivery.message.to_string(), id);
    assert_eq!((delivery.event.as_str(), delivery.attempts), (CHANGED, 1));
    assert_eq!((delivery.last_status, delivery.last_error), (Some(204), None));
    assert_eq!(delivery.delivered_at, Some(service.clock.now()));
}

#[tokio::test]
async fn failures_are_repeated_on_the_schedule() {
    let service = Service::fresh().await;
    let receiver = receiver(&[500, 500]).await;
    let id = service.register(&receiver).await.subscription.id;
    let _dispatcher = service.dispatcher();
    service.publish("folder", 1).await;

    let first = service.delivery_becomes(id, |delivery| delivery.last_status.is_some()).await;
    assert_eq!((first.state, first.last_error.as_deref()), (State::Pending, Some("answered 500")));
    let wait = first.next_attempt_at.unwrap() - service.clock.now();
    assert!((TimeDelta::seconds(5)..=TimeDelta::milliseconds(5_500)).contains(&wait), "{wait}");
    service.clock.advance(TimeDelta::milliseconds(4_900));
    a_moment().await;
    assert_eq!(received(&receiver).await.len(), 1, "it was not due");

    service.clock.advance(TimeDelta::milliseconds(600));
    receives(&receiver, 2).await;
    let second =
        service.delivery_becomes(id, |delivery| delivery.next_attempt_at > first.next_attempt_at).await;
    assert!(second.next_attempt_at.unwrap() - service.clock.now() >= TimeDelta::minutes(5));
    service.clock.advance(TimeDelta::minutes(6));
    let third = service.delivery_becomes(id, |delivery| delivery.state == State::Delivered).await;
    assert_eq!((third.attempts, third.last_error), (3, None));

    let requests = received(&receiver).await;
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|request| header(request, "webhook-id") == first.message.to_string()));
    assert!(requests.iter().all(|request| request.body == requests[0].body));
    let timestamps: Vec<_> = requests.iter().map(|request| header(request, "webhook-timestamp")).collect();
    assert!(timestamps[0] < timestamps[1] && timestamps[1] < timestamps[2], "{timestamps:?}");
}

#[tokio::test]
async fn a_delivery_is_given_up_at_the_end_of_its_schedule() {
    let service = Service::with(|config| config.retry_after_s = vec![0]).await;
    let receiver = receiver(&[500, 302]).await;
    let id = service.register(&receiver).await.subscription.id;
    let _dispatcher = service.dispatcher();
    service.publish("folder", 1).await;
    let failed = service.delivery_becomes(id, |delivery| delivery.state == State::Failed).await;
    assert_eq!((failed.attempts, failed.last_status), (2, Some(302)));
    assert_eq!((failed.next_attempt_at, failed.delivered_at), (None, None));
}

#[tokio::test]
async fn a_receiver_that_cannot_be_reached_is_told_without_its_url() {
    let service = Service::with(|config| config.retry_after_s = vec![]).await;
    let events = [CHANGED.to_owned()];
    let closed = "http://127.0.0.1:9/secret";
    let id = service.webhooks.register(&service.owner, closed, &events).await.unwrap().subscription.id;
    let _dispatcher = service.dispatcher();
    service.publish("folder", 1).await;
    let failed = service.delivery_becomes(id, |delivery| delivery.state == State::Failed).await;
    assert_eq!(failed.last_error.as_deref(), Some("the host cannot be reached"));
    assert_eq!(failed.last_status, None);
}

#[tokio::test]
async fn what_is_rolled_back_is_not_told() {
    let service = Service::fresh().await;
    let receiver = receiver(&[]).await;
    let id = service.register(&receiver).await.subscription.id;
    let _dispatcher = service.dispatcher();
    let mut transaction = service.pool.begin().await.unwrap();
    let event = Event { name: CHANGED, key: "folder", audience: Audience::Everybody };
    webhooks::publish(&mut transaction, &event, &json!({}), service.clock.now()).await.unwrap();
    a_moment().await;
    transaction.rollback().await.unwrap();
    a_moment().await;
    assert!(received(&receiver).await.is_empty());
    assert!(service.deliveries(id).await.is_empty());
    assert_eq!(service.count("message").await, 0);
}

#[tokio::test]
async fn a_message_goes_to_those_who_asked_and_may_know() {
    let service = Service::fresh().await;
    let (ours, theirs, commented) = (receiver(&[]).await, receiver(&[]).await, receiver(&[]).await);
    let other = Owner::new("https://issuer.example", "another client");
    service.register(&ours).await;
    service.register_for(&other, &theirs).await;
    let events = [COMMENTED.to_owned()];
    service.webhooks.register(&service.owner, &commented.uri(), &events).await.unwrap();
    let _dispatcher = service.dispatcher();

    service.publish("folder", 1).await;
    receives(&ours, 1).await;
    receives(&theirs, 1).await;
    service.publish_to(Audience::Owner(&service.owner), "folder", 2).await;
    receives(&ours, 2).await;
    a_moment().await;
    assert_eq!(received(&theirs).await.len(), 1, "it was not for them");
    assert!(received(&commented).await.is_empty(), "it was not asked for");
}

#[tokio::test]
async fn a_receiver_that_answers_410_gets_nothing_more() {
    let service = Service::fresh().await;
    let receiver = receiver(&[410]).await;
    let id = service.register(&receiver).await.subscription.id;
    service.publish("folder", 1).await;
    service.publish("folder", 2).await;
    let _dispatcher = service.dispatcher();

    service.all_become(id, State::Failed).await;
    let deliveries = service.deliveries(id).await;
    assert_eq!((deliveries[0].last_status, deliveries[0].attempts), (Some(410), 1));
    assert_eq!((deliveries[1].last_status, deliveries[1].attempts), (None, 0));
    assert_eq!(deliveries[1].last_error.as_deref(), Some("the webhook is disabled"));
    let shown = service.webhooks.show(&service.owner, id).await.unwrap();
    assert_eq!(shown.disabled_at, Some(service.clock.now()));

    service.publish("folder", 3).await;
    assert_eq!(service.deliveries(id).await.len(), 2);
    let redelivered = service.webhooks.redeliver(&service.owner, id, deliveries[0].message).await;
    assert!(matches!(redelivered, Err(RedeliverError::Disabled)));
    assert_eq!(received(&receiver).await.len(), 1);
    service.register(&receiver).await;
}

#[tokio::test]
async fn a_message_is_sent_again_on_request_whatever_became_of_it() {
    let service = Service::with(|config| config.retry_after_s = vec![]).await;
    let receiver = receiver(&[500]).await;
    let id = service.register(&receiver).await.subscription.id;
    let _dispatcher = service.dispatcher();
    service.publish("folder", 1).await;

    let failed = service.delivery_becomes(id, |delivery| delivery.state == State::Failed).await;
    let pending = service.webhooks.redeliver(&service.owner, id, failed.message).await.unwrap();
    assert_eq!(pending.message, failed.message);
    service.delivery_becomes(id, |delivery| delivery.state == State::Delivered).await;
    service.webhooks.redeliver(&service.owner, id, failed.message).await.unwrap();
    let again = service
        .delivery_becomes(id, |delivery| delivery.state == State::Delivered && delivery.attempts == 3)
        .await;
    assert_eq!(again.last_status, Some(204));

    let requests = received(&receiver).await;
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|request| header(request, "webhook-id") == failed.message.to_string()));
}

#[tokio::test]
async fn a_back_off_is_cut_short_on_request_and_a_delivery_under_way_is_left_alone() {
    let service = Service::fresh().await;
    let refusing = receiver(&[500]).await;
    let slow = slow_receiver(Duration::from_secs(1)).await;
    let id = service.register(&refusing).await.subscription.id;
    let _dispatcher = service.dispatcher();
    service.publish("folder", 1).await;
    let waiting = service.delivery_becomes(id, |delivery| delivery.last_status.is_some()).await;
    service.webhooks.redeliver(&service.owner, id, waiting.message).await.unwrap();
    service.delivery_becomes(id, |delivery| delivery.state == State::Delivered).await;

    let id = service.register(&slow).await.subscription.id;
    service.publish("folder", 2).await;
    receives(&slow, 1).await;
    let under_way = service.deliveries(id).await.remove(0);
    service.webhooks.redeliver(&service.owner, id, under_way.message).await.unwrap();
    let delivered = service.delivery_becomes(id, |delivery| delivery.state == State::Delivered).await;
    assert_eq!(delivered.attempts, 1);
    assert_eq!(received(&slow).await.len(), 1);
}

#[tokio::test]
async fn deliveries_are_paged_newest_first() {
    let service = Service::fresh().await;
    let id = service.register(&receiver(&[]).await).await.subscription.id;
    for number in 0..5 {
        service.publish("folder", number).await;
    }
    let all: Vec<_> = service.deliveries(id).await.into_iter().rev().map(|found| found.message).collect();
    let (mut seen, mut cursor) = (Vec::new(), None);
    let mut pages = 0;
    loop {
        let page = service.webhooks.deliveries(&service.owner, id, cursor, 2).await.unwrap();
        seen.extend(page.deliveries.iter().map(|delivery| delivery.message));
        pages += 1;
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!((seen, pages), (all, 3));
}

#[tokio::test]
async fn old_messages_are_purged_unless_they_are_pending() {
    let service = Service::with(|config| config.retention_days = 7).await;
    let taking = service.register(&receiver(&[]).await).await.subscription.id;
    {
        let _dispatcher = service.dispatcher();
        service.publish("done", 1).await;
        service.all_become(taking, State::Delivered).await;
    }
    service.publish("pending", 2).await;
    service.clock.advance(TimeDelta::days(6));
    service.publish("young", 3).await;
    service.clock.advance(TimeDelta::days(2));
    // A replica tidies up at its start; what it may not open stays pending.
    let other =
        WebhooksConfig { key_secret: "another secret of 32 characters..".into(), ..service.config.clone() };
    let _dispatcher = service.dispatcher_with(&other);
    crate::support::eventually(|| async { (service.count("message").await == 2).then_some(()) }).await;
}

#[tokio::test]
async fn a_replica_with_another_secret_sends_nothing() {
    let service = Service::fresh().await;
    let receiver = receiver(&[]).await;
    let id = service.register(&receiver).await.subscription.id;
    let other =
        WebhooksConfig { key_secret: "another secret of 32 characters..".into(), ..service.config.clone() };
    let _dispatcher = service.dispatcher_with(&other);
    service.publish("folder", 1).await;
    let kept = service.delivery_becomes(id, |delivery| delivery.last_error.is_some()).await;
    assert_eq!((kept.state, kept.last_error.as_deref()), (State::Pending, Some("the secret cannot be read")));
    assert!(received(&receiver).await.is_empty());
}
