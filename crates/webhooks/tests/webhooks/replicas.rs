use std::collections::HashMap;
use std::time::Duration;

use webhooks::State;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{Service, a_moment, header, received, receiver, receives, slow_receiver};

#[tokio::test]
async fn a_killed_replica_loses_nothing() {
    let service = Service::fresh().await;
    let receiver = MockServer::start().await;
    let hanging = ResponseTemplate::new(204).set_delay(Duration::from_secs(9));
    Mock::given(any()).respond_with(hanging).up_to_n_times(1).mount(&receiver).await;
    Mock::given(any()).respond_with(ResponseTemplate::new(204)).mount(&receiver).await;
    let id = service.register(&receiver).await.subscription.id;

    let first = service.dispatcher();
    service.publish("folder", 1).await;
    service.publish("folder", 2).await;
    receives(&receiver, 1).await;
    drop(first);
    let _second = service.dispatcher();
    a_moment().await;
    assert_eq!(received(&receiver).await.len(), 1, "the lease has not lapsed");

    service.lapse().await;
    service.all_become(id, State::Delivered).await;
    let deliveries = service.deliveries(id).await;
    assert_eq!((deliveries[0].attempts, deliveries[1].attempts), (2, 1));
    let requests = received(&receiver).await;
    let ids: Vec<_> = requests.iter().map(|request| header(request, "webhook-id").to_owned()).collect();
    let (one, two) = (deliveries[0].message.to_string(), deliveries[1].message.to_string());
    assert_eq!(ids, [one.clone(), one, two]);
}

#[tokio::test]
async fn a_replica_that_lost_its_lease_leaves_no_trace() {
    let service = Service::fresh().await;
    let receiver = MockServer::start().await;
    let slow = ResponseTemplate::new(500).set_delay(Duration::from_millis(1_500));
    Mock::given(any()).respond_with(slow).up_to_n_times(1).mount(&receiver).await;
    Mock::given(any()).respond_with(ResponseTemplate::new(204)).mount(&receiver).await;
    let id = service.register(&receiver).await.subscription.id;
    // Full with its one delivery, the first will not be the one that takes it over.
    let mut config = service.config.clone();
    config.concurrency = 1;
    let first = service.dispatcher_with(&config);
    service.publish("folder", 1).await;
    receives(&receiver, 1).await;
    service.lapse().await;
    let _second = service.dispatcher();
    service.delivery_becomes(id, |delivery| delivery.state == State::Delivered).await;
    first.shutdown(Duration::from_secs(10)).await;
    let delivery = service.deliveries(id).await.remove(0);
    assert_eq!((delivery.state, delivery.attempts, delivery.last_status), (State::Delivered, 2, Some(204)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn two_replicas_never_send_the_same_attempt() {
    let service = Service::with(|config| config.concurrency_per_subscription = 16).await;
    let receiver = slow_receiver(Duration::from_millis(20)).await;
    let id = service.register(&receiver).await.subscription.id;
    let _dispatchers = [service.dispatcher(), service.dispatcher()];
    for number in 0..90 {
        service.publish(&format!("folder {number}"), number).await;
    }
    service.all_become(id, State::Delivered).await;
    let mut times = HashMap::<String, u32>::new();
    for request in received(&receiver).await {
        *times.entry(header(&request, "webhook-id").to_owned()).or_default() += 1;
    }
    assert_eq!(times.len(), 90);
    assert!(times.values().all(|&times| times == 1), "{times:?}");
    assert!(service.deliveries(id).await.iter().all(|delivery| delivery.attempts == 1));
}

#[tokio::test]
async fn a_replica_that_stops_ends_what_it_is_sending() {
    let service = Service::fresh().await;
    let slow = slow_receiver(Duration::from_millis(700)).await;
    let id = service.register(&slow).await.subscription.id;
    let dispatcher = service.dispatcher();
    service.publish("folder", 1).await;
    receives(&slow, 1).await;
    dispatcher.shutdown(Duration::from_secs(10)).await;
    assert_eq!(service.deliveries(id).await[0].state, State::Delivered);

    service.publish("folder", 2).await;
    a_moment().await;
    assert_eq!(received(&slow).await.len(), 1, "it has stopped");
}

#[tokio::test]
async fn what_was_published_while_nobody_sent_is_sent_later() {
    let service = Service::fresh().await;
    let receiver = receiver(&[]).await;
    let id = service.register(&receiver).await.subscription.id;
    service.publish("folder", 1).await;
    let _dispatcher = service.dispatcher();
    service.delivery_becomes(id, |delivery| delivery.state == State::Delivered).await;
}
