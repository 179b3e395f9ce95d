//! The queue against a real PostgreSQL.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jobs::{HandlerError, LeaseError, Origin, Runner, Settings, State};
use support::{
    Database, Event, KIND, LONG, eventually, finish, finishing, handler, handler_that_fails_to_give_up_once,
    note, settings,
};
use uuid::Uuid;

#[tokio::test]
async fn four_workers_run_each_of_200_jobs_once() {
    let database = Database::fresh().await;
    let running = Arc::new(Mutex::new(HashSet::new()));
    let shared = Arc::new(AtomicBool::new(false));
    let runners: Vec<_> = (0..4)
        .map(|_| {
            let (pool, running, shared) =
                (database.another_pool(), Arc::clone(&running), Arc::clone(&shared));
            let worker_pool = pool.clone();
            let handlers = handler(move |lease| {
                let (pool, running, shared) = (pool.clone(), Arc::clone(&running), Arc::clone(&shared));
                Box::pin(async move {
                    if !running.lock().unwrap().insert(lease.job().id) {
                        shared.store(true, Ordering::SeqCst);
                    }
                    finish(&pool, lease, "done").await?;
                    running.lock().unwrap().remove(&lease.job().id);
                    Ok(())
                })
            });
            Runner::start(worker_pool, settings(LONG), handlers)
        })
        .collect();

    let mut transaction = database.pool.begin().await.unwrap();
    for _ in 0..200 {
        jobs::enqueue(&mut transaction, KIND, &(), 3, &Origin::default()).await.unwrap();
    }
    transaction.commit().await.unwrap();

    eventually(|| async { (database.effects().await.len() >= 200).then_some(()) }).await;
    for runner in runners {
        runner.shutdown(Duration::from_secs(10)).await;
    }
    let (jobs, attempts): (i64, i64) =
        sqlx::query_as("SELECT count(*), sum(attempt) FROM jobs.job WHERE state = 'done'")
            .fetch_one(&database.pool)
            .await
            .unwrap();
    assert_eq!((jobs, attempts), (200, 200));
    assert_eq!(database.effects().await.len(), 200);
    assert!(!shared.load(Ordering::SeqCst), "two workers had one job at once");
}

#[tokio::test]
async fn a_lapsed_lease_is_taken_over_and_the_old_attempts_rows_are_rolled_back() {
    let database = Database::fresh().await;
    let (started, go_on) = (Event::default(), Event::default());
    let refusal = Arc::new(Mutex::new(None));
    let old = {
        let (pool, started, go_on) = (database.pool.clone(), started.clone(), go_on.clone());
        let refusal = Arc::clone(&refusal);
        handler(move |lease| {
            let (pool, started, go_on) = (pool.clone(), started.clone(), go_on.clone());
            let refusal = Arc::clone(&refusal);
            Box::pin(async move {
                started.happen();
                go_on.wait().await;
                let ended = finish(&pool, lease, "old").await;
                let fenced = lease.fence(&mut *pool.acquire().await?).await;
                *refusal.lock().unwrap() = Some((ended, fenced));
                Ok(())
            })
        })
    };
    // Full with its one job, the first runner will not be the one that takes it over.
    let first = Runner::start(database.pool.clone(), Settings { concurrency: 1, ..settings(LONG) }, old);
    let id = database.enqueue(3).await;
    started.must_happen().await;
    database.lapse(id).await;
    let second = database.another_pool();
    let _second = Runner::start(second.clone(), settings(LONG), finishing(&second, "new"));

    let status = database.reaches(id, State::Done).await;
    assert_eq!((status.attempt, status.failures), (2, 1));
    go_on.happen();
    first.shutdown(Duration::from_secs(20)).await;
    let (ended, fenced) = refusal.lock().unwrap().take().expect("the old attempt went on");
    assert!(matches!(ended, Err(HandlerError::Lease(LeaseError::Superseded))));
    assert!(matches!(fenced, Err(LeaseError::Superseded)));
    assert_eq!(database.effects().await, ["new"]);
    assert_eq!(database.status(id).await.state, State::Done);
}

#[tokio::test]
async fn failures_are_retried_and_then_given_up() {
    let database = Database::fresh().await;
    let failing = handler(|_| Box::pin(async { Err(HandlerError::Failed("no luck".to_owned())) }));
    let _runner = Runner::start(database.pool.clone(), settings(LONG), failing);
    let id = database.enqueue(3).await;

    let status = database.reaches(id, State::Failed).await;
    assert_eq!((status.attempt, status.failures), (3, 3));
    assert_eq!(status.last_error.as_deref(), Some("no luck"));
    assert_eq!(database.effects().await, ["given up: no luck"]);
}

#[tokio::test]
async fn giving_up_and_telling_the_service_are_one_transaction() {
    let database = Database::fresh().await;
    let failing = handler_that_fails_to_give_up_once(|_| {
        Box::pin(async { Err(HandlerError::Permanent("unreadable".to_owned())) })
    });
    // Tried again after a back-off: nobody outlives the lease.
    let _runner = Runner::start(database.pool.clone(), settings(LONG), failing);
    let id = database.enqueue(1).await;

    let status = database.reaches(id, State::Failed).await;
    assert_eq!(status.attempt, 2, "the first attempt must not have ended the job");
    assert_eq!(database.effects().await, ["given up: unreadable"]);
}

#[tokio::test]
async fn a_panic_is_a_failure_and_the_worker_lives_on() {
    let database = Database::fresh().await;
    let pool = database.pool.clone();
    let panicking = handler(move |lease| {
        let pool = pool.clone();
        Box::pin(async move {
            assert!(lease.job().attempt > 1, "made to panic by its test");
            finish(&pool, lease, "done").await
        })
    });
    let _runner = Runner::start(database.pool.clone(), settings(LONG), panicking);
    let id = database.enqueue(2).await;

    let status = database.reaches(id, State::Done).await;
    assert_eq!((status.attempt, status.failures), (2, 1));
}

#[tokio::test]
async fn a_permanent_error_is_given_up_at_once() {
    let database = Database::fresh().await;
    let failing = handler(|lease| Box::pin(async { lease.job().payload::<u32>().map(|_| ()) }));
    let _runner = Runner::start(database.pool.clone(), settings(LONG), failing);
    let id = database.enqueue(3).await;

    let status = database.reaches(id, State::Failed).await;
    assert_eq!((status.attempt, status.failures), (1, 1));
    assert_eq!(database.effects().await, ["given up: the job's payload has an unknown shape"]);
}

#[tokio::test]
async fn an_outage_is_not_counted_as_a_failure() {
    let database = Database::fresh().await;
    let pool = database.pool.clone();
    let handlers = handler(move |lease| {
        let pool = pool.clone();
        Box::pin(async move {
            if lease.job().attempt < 5 {
                return Err(sqlx::Error::PoolTimedOut.into());
            }
            finish(&pool, lease, "done").await
        })
    });
    let _runner = Runner::start(database.pool.clone(), settings(LONG), handlers);
    let id = database.enqueue(1).await;

    let status = database.reaches(id, State::Done).await;
    assert_eq!((status.attempt, status.failures), (5, 0));
}

#[tokio::test]
async fn returning_without_having_completed_is_a_failure() {
    let database = Database::fresh().await;
    let pool = database.pool.clone();
    let forgetful = handler(move |lease| {
        let pool = pool.clone();
        Box::pin(async move {
            let mut transaction = pool.begin().await?;
            lease.complete(&mut transaction).await?;
            transaction.rollback().await?;
            Ok(())
        })
    });
    let _runner = Runner::start(database.pool.clone(), settings(LONG), forgetful);
    let id = database.enqueue(1).await;

    let status = database.reaches(id, State::Failed).await;
    assert_eq!(status.last_error.as_deref(), Some("the handler did not complete the job"));
}

#[tokio::test]
async fn a_worker_killed_in_the_last_attempt_ends_the_job() {
    let database = Database::fresh().await;
    let started = Event::default();
    let hanging = {
        let started = started.clone();
        handler(move |_| {
            started.happen();
            Box::pin(std::future::pending())
        })
    };
    let killed = Runner::start(database.pool.clone(), settings(Duration::from_secs(1)), hanging);
    let id = database.enqueue(1).await;
    started.must_happen().await;
    drop(killed);
    let _second =
        Runner::start(database.pool.clone(), settings(LONG), finishing(&database.pool, "ran again"));

    let status = database.reaches(id, State::Failed).await;
    assert_eq!(status.failures, 1);
    assert_eq!(database.effects().await, ["given up: the worker was lost"]);
}

#[tokio::test]
async fn shutdown_lets_jobs_end_within_its_grace() {
    let database = Database::fresh().await;
    let (started, go_on) = (Event::default(), Event::default());
    let (pool, begun, gate) = (database.pool.clone(), started.clone(), go_on.clone());
    let handlers = handler(move |lease| {
        let (pool, begun, gate) = (pool.clone(), begun.clone(), gate.clone());
        Box::pin(async move {
            begun.happen();
            gate.wait().await;
            finish(&pool, lease, "done").await
        })
    });
    let one_at_a_time = Settings { concurrency: 1, ..settings(LONG) };
    let runner = Runner::start(database.pool.clone(), one_at_a_time, handlers);
    let first = database.enqueue(3).await;
    started.must_happen().await;
    let second = database.enqueue(3).await;

    let stopping = tokio::spawn(runner.shutdown(Duration::from_secs(20)));
    tokio::task::yield_now().await;
    go_on.happen();
    stopping.await.unwrap();
    assert_eq!(database.status(first).await.state, State::Done);
    assert_eq!(database.status(second).await.state, State::Queued, "nothing is claimed after the stop");
}

#[tokio::test]
async fn shutdown_releases_what_does_not_end_in_time() {
    let database = Database::fresh().await;
    let started = Event::default();
    let begun = started.clone();
    let hanging = handler(move |_| {
        begun.happen();
        Box::pin(std::future::pending())
    });
    let runner = Runner::start(database.pool.clone(), settings(LONG), hanging);
    let id = database.enqueue(1).await;
    started.must_happen().await;
    runner.shutdown(Duration::from_millis(10)).await;

    assert_eq!(database.status(id).await.state, State::Queued);
    let _second = Runner::start(database.pool.clone(), settings(LONG), finishing(&database.pool, "done"));
    let status = database.reaches(id, State::Done).await;
    assert_eq!((status.attempt, status.failures), (2, 0));
}

#[tokio::test]
async fn progress_is_visible_and_a_lost_attempt_neither_reports_nor_goes_on() {
    let database = Database::fresh().await;
    let (half_way, lost, cancelled) = (Event::default(), Event::default(), Event::default());
    let old = {
        let (lost, cancelled) = (lost.clone(), cancelled.clone());
        handler(move |lease| {
            let (lost, guard) = (lost.clone(), cancelled.on_drop());
            Box::pin(async move {
                let _guard = guard;
                lease.progress(5, 10);
                lost.wait().await;
                lease.progress(99, 99);
                std::future::pending().await
            })
        })
    };
    // Full with its one job, the first runner will not be the one that takes it over.
    let _first = Runner::start(database.pool.clone(), Settings { concurrency: 1, ..settings(LONG) }, old);
    let id = database.enqueue(3).await;
    eventually(|| async {
        let status = database.status(id).await;
        (status.progress_done == 5 && status.progress_total == 10).then_some(())
    })
    .await;

    database.lapse(id).await;
    let begun = half_way.clone();
    let new = handler(move |lease| {
        let begun = begun.clone();
        Box::pin(async move {
            lease.progress(7, 10);
            begun.happen();
            std::future::pending().await
        })
    });
    let _second = Runner::start(database.another_pool(), settings(LONG), new);
    half_way.must_happen().await;
    lost.happen();
    cancelled.must_happen().await;
    eventually(|| async { (database.status(id).await.progress_done == 7).then_some(()) }).await;
    assert_eq!(database.status(id).await.attempt, 2);
}

#[tokio::test]
async fn a_job_enqueued_in_a_transaction_that_rolls_back_never_was() {
    let database = Database::fresh().await;
    let mut transaction = database.pool.begin().await.unwrap();
    let id = jobs::enqueue(&mut transaction, KIND, &(), 3, &Origin::default()).await.unwrap();
    transaction.rollback().await.unwrap();
    assert!(jobs::status(&database.pool, id).await.unwrap().is_none());
}

#[tokio::test]
async fn an_idle_worker_wakes_when_a_job_is_committed() {
    let database = Database::fresh().await;
    let rarely = Settings { poll: Duration::from_secs(3600), ..settings(LONG) };
    let _runner = Runner::start(database.another_pool(), rarely, finishing(&database.pool, "done"));
    eventually(|| async {
        let listening: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM pg_stat_activity
                            WHERE datname = current_database() AND query LIKE 'LISTEN%' AND state = 'idle')",
        )
        .fetch_one(&database.superuser)
        .await
        .unwrap();
        listening.then_some(())
    })
    .await;
    let id = database.enqueue(3).await;
    database.reaches(id, State::Done).await;
}

#[tokio::test]
async fn a_long_job_keeps_its_lease() {
    let database = Database::fresh().await;
    let lease = Duration::from_millis(1500);
    let (pool, superuser) = (database.pool.clone(), database.superuser.clone());
    let patient = handler(move |lease| {
        let (pool, superuser) = (pool.clone(), superuser.clone());
        Box::pin(async move {
            // Not fenced: it is the heartbeat alone that holds the job.
            eventually(|| async { (age_of_job(&superuser).await > 4.0).then_some(()) }).await;
            finish(&pool, lease, "done").await
        })
    });
    let _runner = Runner::start(database.pool.clone(), settings(lease), patient);
    let id = database.enqueue(3).await;
    eventually(|| async { (database.status(id).await.state == State::Running).then_some(()) }).await;
    let rival = database.another_pool();
    let _rival = Runner::start(rival.clone(), settings(lease), finishing(&rival, "stolen"));

    let status = database.reaches(id, State::Done).await;
    assert_eq!(status.attempt, 1);
    assert_eq!(database.effects().await, ["done"]);
}

#[tokio::test]
async fn a_last_transaction_longer_than_the_lease_is_neither_robbed_nor_cancelled() {
    let database = Database::fresh().await;
    let lease = Duration::from_millis(1500);
    let (pool, superuser) = (database.pool.clone(), database.superuser.clone());
    let slow = handler(move |lease| {
        let (pool, superuser) = (pool.clone(), superuser.clone());
        Box::pin(async move {
            let mut transaction = pool.begin().await?;
            lease.fence(&mut transaction).await?;
            lease.progress(1, 2);
            note(&mut transaction, lease.job().id, "done").await?;
            eventually(|| async { (age_of_job(&superuser).await > 4.0).then_some(()) }).await;
            lease.complete(&mut transaction).await?;
            transaction.commit().await?;
            Ok(())
        })
    });
    let _runner = Runner::start(database.pool.clone(), settings(lease), slow);
    let id = database.enqueue(3).await;
    eventually(|| async { (database.status(id).await.state == State::Running).then_some(()) }).await;
    let rival = database.another_pool();
    let _rival = Runner::start(rival.clone(), settings(lease), finishing(&rival, "stolen"));

    let status = database.reaches(id, State::Done).await;
    assert_eq!((status.attempt, status.progress_done), (1, 1));
    assert_eq!(database.effects().await, ["done"]);
}

/// Seconds since the only job was enqueued.
async fn age_of_job(superuser: &sqlx::PgPool) -> f64 {
    sqlx::query_scalar("SELECT extract(epoch FROM clock_timestamp() - created_at)::float8 FROM jobs.job")
        .fetch_one(superuser)
        .await
        .unwrap()
}

#[tokio::test]
async fn an_outage_shorter_than_the_lease_costs_no_attempt() {
    let database = Database::fresh().await;
    let proxy = database.proxy().await;
    let pool = database.pool_through(&proxy);
    let (started, go_on) = (Event::default(), Event::default());
    let (worker_pool, begun, gate) = (pool.clone(), started.clone(), go_on.clone());
    let handlers = handler(move |lease| {
        let (pool, begun, gate) = (worker_pool.clone(), begun.clone(), gate.clone());
        Box::pin(async move {
            begun.happen();
            gate.wait().await;
            finish(&pool, lease, "done").await
        })
    });
    let _runner = Runner::start(pool, settings(Duration::from_secs(6)), handlers);
    let id = database.enqueue(1).await;
    started.must_happen().await;
    let rival = database.another_pool();
    let _rival = Runner::start(rival.clone(), settings(LONG), finishing(&rival, "stolen"));

    proxy.cut();
    // Longer than the third of the lease after which it is renewed, shorter than what is left of it then.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    proxy.mend();
    // Past the lease that the claim gave, so that only a renewal after the outage can have kept the job.
    eventually(|| async { (age_of_job(&database.superuser).await > 6.5).then_some(()) }).await;
    go_on.happen();
    let status = database.reaches(id, State::Done).await;
    assert_eq!((status.attempt, status.failures), (1, 0));
    assert_eq!(database.effects().await, ["done"]);
}

#[tokio::test]
async fn an_outage_longer_than_the_lease_cancels_the_handler_and_another_takes_over() {
    let database = Database::fresh().await;
    let proxy = database.proxy().await;
    let (started, cancelled) = (Event::default(), Event::default());
    let (begun, dropped) = (started.clone(), cancelled.clone());
    let hanging = handler(move |_| {
        let guard = dropped.on_drop();
        begun.happen();
        Box::pin(async move {
            let _guard = guard;
            std::future::pending().await
        })
    });
    let first = Runner::start(database.pool_through(&proxy), settings(Duration::from_secs(1)), hanging);
    let id = database.enqueue(2).await;
    started.must_happen().await;
    proxy.cut();
    cancelled.must_happen().await;

    let second = database.another_pool();
    let _second = Runner::start(second.clone(), settings(LONG), finishing(&second, "done"));
    database.reaches(id, State::Done).await;
    // The first, which now can put the job back, must not.
    proxy.mend();
    first.shutdown(Duration::from_secs(20)).await;
    let status = database.status(id).await;
    assert_eq!((status.state, status.attempt, status.failures), (State::Done, 2, 1));
}

#[tokio::test]
async fn an_outage_longer_than_the_lease_is_not_counted_as_a_failure() {
    let database = Database::fresh().await;
    let proxy = database.proxy().await;
    let (started, cancelled) = (Event::default(), Event::default());
    let replica = || {
        let pool = database.pool_through(&proxy);
        let (worker_pool, begun, dropped) = (pool.clone(), started.clone(), cancelled.clone());
        let handlers = handler(move |lease| {
            let (pool, begun, guard) = (worker_pool.clone(), begun.clone(), dropped.on_drop());
            Box::pin(async move {
                let _guard = guard;
                begun.happen();
                if lease.job().attempt == 1 {
                    std::future::pending::<()>().await;
                }
                finish(&pool, lease, "done").await
            })
        });
        Runner::start(pool, settings(Duration::from_secs(2)), handlers)
    };
    let _replicas = [replica(), replica(), replica()];
    let id = database.enqueue(1).await;
    started.must_happen().await;
    proxy.cut();
    cancelled.must_happen().await;
    eventually(|| async { database.has_lapsed(id).await.then_some(()) }).await;
    proxy.mend();

    let status = eventually(|| async {
        let status = database.status(id).await;
        matches!(status.state, State::Done | State::Failed).then_some(status)
    })
    .await;
    assert_eq!((status.state, status.attempt, status.failures), (State::Done, 2, 0));
}

#[tokio::test]
async fn ended_jobs_are_purged_when_nobody_asks_for_them_any_more() {
    let database = Database::fresh().await;
    let mut kept = Vec::new();
    let mut purged = Vec::new();
    for (state, days, is_kept) in [
        ("done", 6, true),
        ("done", 8, false),
        ("failed", 29, true),
        ("failed", 31, false),
        ("queued", 31, true),
    ] {
        let id = database.enqueue(3).await;
        database.age(id, state, days).await;
        if is_kept { kept.push(id) } else { purged.push(id) }
    }
    let _runner = Runner::start(database.pool.clone(), settings(LONG), finishing(&database.pool, "ran"));

    for id in purged {
        eventually(|| async { jobs::status(&database.pool, id).await.unwrap().is_none().then_some(()) })
            .await;
    }
    for id in kept {
        assert!(jobs::status(&database.pool, id).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn an_attempt_that_fails_in_an_outage_is_put_back_uncounted_when_it_ends() {
    let database = Database::fresh().await;
    let proxy = database.proxy().await;
    let pool = database.pool_through(&proxy);
    let (started, go_on, failed) = (Event::default(), Event::default(), Event::default());
    let calls = Arc::new(AtomicUsize::new(0));
    let (worker_pool, begun, gate, ended) = (pool.clone(), started.clone(), go_on.clone(), failed.clone());
    let counted = Arc::clone(&calls);
    let handlers = handler(move |lease| {
        let (pool, begun, gate) = (worker_pool.clone(), begun.clone(), gate.clone());
        let guard = ended.on_drop();
        counted.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            let _guard = guard;
            begun.happen();
            gate.wait().await;
            finish(&pool, lease, "done").await
        })
    });
    let _runner = Runner::start(pool, settings(LONG), handlers);
    let id = database.enqueue(1).await;
    started.must_happen().await;
    proxy.cut();
    go_on.happen();
    failed.must_happen().await;
    assert_eq!(database.status(id).await.state, State::Running);
    proxy.mend();

    let status = database.reaches(id, State::Done).await;
    assert_eq!((status.attempt, status.failures), (2, 0));
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_job_carries_its_origin_and_shows_no_payload() {
    let database = Database::fresh().await;
    let origin = Origin {
        correlation_id: Some(Uuid::now_v7()),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
    };
    let seen = Arc::new(Mutex::new(None));
    let (pool, shown) = (database.pool.clone(), Arc::clone(&seen));
    let handlers = handler(move |lease| {
        let (pool, shown) = (pool.clone(), Arc::clone(&shown));
        Box::pin(async move {
            let payload: String = lease.job().payload()?;
            assert_eq!(
                common::request::current().map(|request| request.correlation_id),
                lease.job().origin.correlation_id,
            );
            *shown.lock().unwrap() = Some((payload, lease.job().origin.clone(), format!("{lease:?}")));
            finish(&pool, lease, "done").await
        })
    });
    let _runner = Runner::start(database.pool.clone(), settings(LONG), handlers);
    let mut connection = database.pool.acquire().await.unwrap();
    let id = jobs::enqueue(&mut connection, KIND, &"0700000001", 3, &origin).await.unwrap();
    drop(connection);

    database.reaches(id, State::Done).await;
    let (payload, carried, debug) = seen.lock().unwrap().take().unwrap();
    assert_eq!(payload, "0700000001");
    assert_eq!(carried.correlation_id, origin.correlation_id);
    assert_eq!(carried.traceparent, origin.traceparent);
    assert!(!debug.contains(&payload));
}
