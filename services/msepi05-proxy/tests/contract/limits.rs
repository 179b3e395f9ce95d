//! "Anti-enumeration": buckets of a customer and of a client application, all or nothing, shared by all replicas.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use testkit::redis::Redis;

use crate::support::{Answer, Bank, hash, hashes};

#[tokio::test]
async fn only_new_hashes_are_charged_and_a_refused_call_leaves_no_trace() {
    let redis = Redis::start().await.unwrap();
    for bank in [Bank::open_on(&redis, &[]).await, Bank::open(&[]).await] {
        let answer = Answer::to(bank.search(&hashes(0..600))).await;
        let left = answer.customer_tokens();
        assert!((394..=406).contains(&left), "{left}");
        for _ in 0..3 {
            let again = Answer::to(bank.search(&hashes(0..600))).await;
            assert_eq!(again.customer_tokens(), left, "a re-sync of the same contacts is free");
        }
        let overlapping = Answer::to(bank.search(&hashes(500..700))).await.customer_tokens();
        assert!((left - 104..=left - 96).contains(&overlapping), "{overlapping}");

        let refused = Answer::to(bank.search(&hashes(1_000..1_400))).await;
        refused.error(429, "LIM0001");
        assert_eq!(refused.customer_tokens(), overlapping);
        let wait = refused.number("retry-after");
        assert!((90 * 720..=110 * 720).contains(&wait), "some hundred tokens at five an hour: {wait}");
        let limits = Answer::to(bank.limits(crate::support::NUMTECPRS)).await;
        assert_eq!(limits.json()["customer"]["remaining"], overlapping);
        assert_eq!(limits.json()["customer"]["limit"], 1_000);
        assert_eq!(limits.json()["customer"]["refill_per_hour"], 5);
        assert_eq!(limits.json()["client"]["limit_per_minute"], 60_000);
        assert_eq!(limits.customer_tokens(), overlapping);
        let client = limits.client_hashes();
        assert_eq!(limits.json()["client"]["remaining"], client);

        // Nothing of the refused call was remembered: its hashes are still new.
        let fitting = Answer::to(bank.search(&hashes(1_000..1_200))).await.customer_tokens();
        assert!((overlapping - 206..=overlapping - 194).contains(&fitting), "{fitting}");
        let journal = bank.journal().await.concat();
        assert!(!journal.contains(&hash(1_399)), "a refused call asks nothing of CAPS");
        assert_eq!(Answer::to(bank.search_as("another", &hashes(0..10))).await.customer_tokens(), 990);
    }
}

#[tokio::test]
async fn the_limits_of_an_unnamed_customer_are_a_wrong_header() {
    let bank = Bank::open(&[]).await;
    let limits = bank.http.get(format!("{}/proxies_indicators/limits", bank.replica.base));
    let answer = Answer::to(limits.bearer_auth(bank.token())).await;
    assert!(answer.error(400, "REQ0001").contains("numtecprs"));
    assert_eq!((answer.customer_tokens(), answer.client_hashes()), (1_000, 60_000));
}

#[tokio::test]
async fn the_client_applications_bucket_refills_within_the_minute() {
    let redis = Redis::start().await.unwrap();
    for bank in [
        Bank::open_on(&redis, &[("LIMITS__CLIENT_HASHES_PER_MINUTE", "60")]).await,
        Bank::open(&[("LIMITS__CLIENT_HASHES_PER_MINUTE", "60")]).await,
    ] {
        for n in 0..3 {
            let answer = Answer::to(bank.search_as(&format!("customer {n}"), &hashes(0..20))).await;
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        let refused = Answer::to(bank.search_as("customer 4", &hashes(0..10))).await;
        refused.error(429, "LIM0001");
        assert!((1..=10).contains(&refused.number("retry-after")), "{refused:?}");
        assert_eq!(refused.customer_tokens(), 1_000, "both or neither");
        let other = bank.search_at(&bank.replica.base, &bank.token_of("web"), "customer 4", &hashes(0..10));
        assert_eq!(Answer::to(other).await.status, 200, "another application has its own");
        tokio::time::sleep(Duration::from_millis(2_100)).await;
        assert_eq!(Answer::to(bank.search_as("customer 5", &hashes(0..2))).await.status, 200, "one a second");
    }
}

#[tokio::test]
async fn a_customer_meets_one_limit_over_all_applications_and_replicas() {
    let redis = Redis::start().await.unwrap();
    let bank = Bank::open_on(&redis, &[]).await;
    let other = bank.another_replica().await;
    let ways = [
        (&bank.replica.base, bank.token_of("mobile-app")),
        (&other.base, bank.token_of("web")),
        (&bank.replica.base, bank.token_of("branch")),
        (&other.base, bank.token_of("mobile-app")),
    ];
    for size in [1, 20, 100] {
        let customer = format!("asking {size} at a time");
        let mut passed = 0;
        for (round, (base, token)) in ways.iter().cycle().enumerate() {
            let from = round as u32 * size;
            let answer = Answer::to(bank.search_at(base, token, &customer, &hashes(from..from + size))).await;
            if answer.status == 429 {
                // The last tokens, one by one.
                let rest = join_all(
                    (0..size).map(|n| bank.search_at(base, token, &customer, &[hash(from + n)]).send()),
                );
                passed +=
                    rest.await.into_iter().filter(|answer| answer.as_ref().unwrap().status() == 200).count()
                        as u32;
                break;
            }
            assert_eq!(answer.status, 200, "{answer:?}");
            passed += size;
        }
        println!("{size} at a time: {passed} of 1000");
        assert!((980..=1_020).contains(&passed), "{size} at a time: {passed}");
    }
}

#[tokio::test]
async fn hashes_are_forgotten_after_a_period_without_them() {
    let redis = Redis::start().await.unwrap();
    let settings = [("LIMITS__CUSTOMER_PERIOD_S", "2")];
    for bank in [Bank::open_on(&redis, &settings).await, Bank::open(&settings).await] {
        let contacts = hashes(0..50);
        let left = async || Answer::to(bank.search(&contacts)).await.customer_tokens();
        let first = left().await;
        // Each sighting is a new one: asked for again in every period they stay known.
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            assert_eq!(left().await, first);
        }
        tokio::time::sleep(Duration::from_millis(4_200)).await;
        let forgotten = left().await;
        assert!((first - 51..=first - 49).contains(&forgotten), "{forgotten}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_killed_and_frozen_under_load_leaves_the_limits_in_place_and_nobody_with_a_500() {
    let mut redis = Redis::start().await.unwrap();
    let settings =
        [("LIMITS__CUSTOMER_HASHES", "100"), ("LIMITS__REPLICAS", "2"), ("REDIS__TIMEOUT_MS", "250")];
    let bank = Bank::open_on(&redis, &settings).await;
    let load = async |customer: &str, from: u32| {
        let mut passed = 0;
        for n in (from..from + 200).step_by(5) {
            let answer = Answer::to(bank.search_as(customer, &hashes(n..n + 5))).await;
            assert!([200, 429].contains(&answer.status.as_u16()), "{answer:?}");
            assert!(answer.took < Duration::from_millis(900), "{:?}", answer.took);
            passed += if answer.status == 200 { 5 } else { 0 };
        }
        passed
    };
    let limited =
        |passed: u32, limit: u32| assert!((limit - 5..=limit + 10).contains(&passed), "{passed} of {limit}");
    limited(load("before", 0).await, 100);
    let (during, ()) = tokio::join!(load("during", 0), async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        redis.kill_9().await.unwrap();
    });
    assert!(during <= 100 + 50 + 10, "at most what Redis gave and then a replica's share: {during}");
    limited(load("killed", 0).await, 50);
    assert_eq!(bank.metric("garant_proxies_redis_up", &[]).await, 0.0);

    redis.restart().await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(5);
    while bank.metric("garant_proxies_redis_up", &[]).await == 0.0 {
        assert!(Instant::now() < deadline, "Redis is not taken up again");
        Answer::to(bank.search_as("probing", &[hash(1)])).await.found();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    limited(load("restarted", 0).await, 100);
    redis.pause().unwrap();
    limited(load("frozen", 0).await, 50);
    redis.resume().unwrap();
    let log = bank.replica.process.log().unwrap();
    assert!(log.contains("Redis does not answer") && log.contains("Redis answers again"));
    assert!(
        bank.metric("garant_proxies_limits_total", &["store=\"memory\"", "outcome=\"customer\""]).await > 0.0
    );
}

#[tokio::test]
async fn redis_holds_no_hash_and_no_customer() {
    let redis = Redis::start().await.unwrap();
    let bank = Bank::open_on(&redis, &[]).await;
    Answer::to(bank.search_as("4711-0815", &hashes(0..50))).await.found();
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut connection).await.unwrap();
    assert_eq!(keys.len(), 4, "the client's bucket, the customer's, and two sketches: {keys:?}");
    let tags: Vec<_> = keys.iter().filter_map(|key| key.split('{').nth(1)?.split('}').next()).collect();
    assert!(
        tags.len() == 3 && tags.iter().all(|tag| *tag == tags[0]),
        "a customer's keys share a hash tag: {keys:?}"
    );
    let mut memory = 0;
    for key in &keys {
        assert!(!key.contains("4711"), "{key}");
        let ttl: i64 = redis::cmd("TTL").arg(key).query_async(&mut connection).await.unwrap();
        assert!(ttl > 0, "{key} would stay for ever");
        memory +=
            redis::cmd("MEMORY").arg("USAGE").arg(key).query_async::<i64>(&mut connection).await.unwrap();
    }
    println!("{memory} bytes in Redis for a customer with 50 contacts");
}
