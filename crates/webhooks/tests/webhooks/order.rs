use std::time::{Duration, Instant};

use chrono::TimeDelta;
use webhooks::State;

use crate::support::{Service, a_moment, key_and_number, received, receiver, receives, slow_receiver};

#[tokio::test]
async fn messages_of_one_key_wait_for_each_other_and_for_no_other_key() {
    let service = Service::fresh().await;
    let receiver = receiver(&[500]).await;
    let id = service.register(&receiver).await.subscription.id;
    service.publish("a", 1).await;
    let _dispatcher = service.dispatcher();
    receives(&receiver, 1).await;
    service.publish("a", 2).await;
    service.publish("b", 1).await;
    service.publish("a", 3).await;

    receives(&receiver, 2).await;
    a_moment().await;
    let so_far: Vec<_> = received(&receiver).await.iter().map(key_and_number).collect();
    assert_eq!(so_far, [("a".to_owned(), 1), ("b".to_owned(), 1)]);

    service.clock.advance(TimeDelta::seconds(6));
    service.all_become(id, State::Delivered).await;
    let sent: Vec<_> = received(&receiver).await.iter().skip(2).map(key_and_number).collect();
    assert_eq!(sent, [1, 2, 3].map(|number| ("a".to_owned(), number)));
}

#[tokio::test]
async fn a_message_that_is_given_up_lets_the_next_of_its_key_go() {
    let service = Service::with(|config| config.retry_after_s = vec![]).await;
    let receiver = receiver(&[500]).await;
    let id = service.register(&receiver).await.subscription.id;
    service.publish("a", 1).await;
    service.publish("a", 2).await;
    let _dispatcher = service.dispatcher();
    receives(&receiver, 2).await;
    crate::support::eventually(|| async {
        let states: Vec<_> = service.deliveries(id).await.iter().map(|delivery| delivery.state).collect();
        (states == [State::Failed, State::Delivered]).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn order_holds_while_many_replicas_send() {
    let service = Service::with(|config| config.concurrency_per_subscription = 16).await;
    let receiver = slow_receiver(Duration::from_millis(5)).await;
    let id = service.register(&receiver).await.subscription.id;
    let _dispatchers: Vec<_> = (0..3).map(|_| service.dispatcher()).collect();
    for number in 0..15 {
        for key in ["a", "b", "c", "d"] {
            service.publish(key, number).await;
        }
    }
    service.all_become(id, State::Delivered).await;
    let sent: Vec<_> = received(&receiver).await.iter().map(key_and_number).collect();
    for key in ["a", "b", "c", "d"] {
        let numbers: Vec<_> = sent.iter().filter(|sent| sent.0 == key).map(|sent| sent.1).collect();
        assert_eq!(numbers, (0..15).collect::<Vec<_>>(), "{key}");
    }
}

#[tokio::test]
async fn a_slow_receiver_holds_up_no_other() {
    let service = Service::with(|config| config.concurrency = 4).await;
    let slow = slow_receiver(Duration::from_secs(8)).await;
    let quick = receiver(&[]).await;
    service.register(&slow).await;
    let mut config = service.config.clone();
    config.concurrency_per_subscription = 2;
    let _dispatcher = service.dispatcher_with(&config);
    for number in 0..10 {
        service.publish(&format!("folder {number}"), number).await;
    }
    receives(&slow, 2).await;
    let started = Instant::now();
    service.register(&quick).await;
    service.publish("folder", 1).await;
    receives(&quick, 1).await;
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(received(&slow).await.len(), 2);
}
