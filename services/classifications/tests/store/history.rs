//! What happened, as it was at any instant, and that nobody can change it.

use chrono::TimeDelta;
use classifications::domain::reason::ChangeReason;
use classifications::domain::state::Status;
use classifications::work::command::{CommandError, Filter};
use common::clock::Clock;
use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, PgPool};

use crate::support::*;

#[tokio::test]
async fn the_past_is_shown_as_it_was() {
    let office = Office::open().await;
    let (desk, contract) = (&office.desk, no(FIRST));
    let before = office.clock.now() - TimeDelta::seconds(1);
    let first = office.granted("B00000034", "50000").await;
    let offered = office.clock.now();
    office.advance(2);
    desk.accept_premium(&demo1(), &contract, 1, Some(money("180")), &free()).await.unwrap();
    let accepted = office.clock.now();
    office.advance(5);
    desk.cancel(&demo1(), &contract, 1, None, ChangeReason::NotNeeded, &free()).await.unwrap();

    let at = async |instant| {
        let list =
            desk.list(&underwriter(), &contract, &Filter::default(), None, Some(instant)).await.unwrap();
        list.try_collect::<Vec<_>>().await.unwrap()
    };
    assert!(at(before).await.is_empty());
    assert_eq!(at(offered).await, [first]);
    assert_eq!(at(accepted).await[0].status, Status::Active);
    assert_eq!(at(accepted + TimeDelta::days(99)).await[0].status, Status::Cancelled);
    let events = async |as_of| {
        let events = desk.events(&demo1(), &contract, 1, as_of).await.unwrap();
        events.into_iter().map(|past| (past.seq, past.event.to)).collect::<Vec<_>>()
    };
    assert_eq!(events(Some(accepted)).await, [(1, Status::PremiumPending), (2, Status::Active)]);
    assert_eq!(events(None).await.len(), 3);
    assert!(matches!(desk.events(&demo1(), &contract, 1, Some(before)).await, Err(CommandError::NotFound)));
    let who = &desk.events(&underwriter(), &contract, 1, None).await.unwrap()[1];
    assert_eq!(who.login.as_ref().unwrap().expose(), "demo1");
    assert_eq!(who.client_id.as_deref(), Some("sandbox"));
    // A filter by status is one of that time.
    let filter = Filter { status: Some(Status::Active), ..Filter::default() };
    let list = desk.list(&demo1(), &contract, &filter, None, Some(accepted)).await.unwrap();
    assert_eq!(list.try_collect::<Vec<_>>().await.unwrap().len(), 1);
    assert!(office.list(&demo1(), FIRST, &filter).await.is_empty());
}

#[tokio::test]
async fn nobody_changes_an_event() {
    let office = Office::open().await;
    office.granted("A00000018", "10000").await;
    let app = PgPool::connect(&office.database.app_url).await.unwrap();
    let owner = PgPool::connect(&office.database.owner_url).await.unwrap();
    for table in ["events", "decisions"] {
        for sql in [
            format!("UPDATE classifications.{table} SET seq = 7"),
            format!("DELETE FROM classifications.{table}"),
            format!("TRUNCATE classifications.{table}"),
        ] {
            for (who, pool) in [("application", &app), ("owner", &owner), ("superuser", &office.pool)] {
                let outcome = sqlx::query(AssertSqlSafe(sql.clone())).execute(pool).await;
                assert!(outcome.is_err(), "{who}: {sql}");
            }
        }
    }
}

#[tokio::test]
async fn a_change_behind_the_services_back_is_noticed() {
    let office = Office::open().await;
    office.granted("A00000018", "10000").await;
    for change in [
        "UPDATE classifications.events SET payload = replace(payload, '10000.00', '90000.00')",
        "UPDATE classifications.events SET at = at + interval '1 second'",
        "UPDATE classifications.events SET login = 'demo2'",
    ] {
        let mut tx = office.pool.begin().await.unwrap();
        sqlx::query("SET LOCAL session_replication_role = replica").execute(&mut *tx).await.unwrap();
        sqlx::query("CREATE TEMP TABLE copy ON COMMIT DROP AS SELECT * FROM classifications.events")
            .execute(&mut *tx)
            .await
            .unwrap();
        sqlx::query(change).execute(&mut *tx).await.unwrap();
        let id: uuid::Uuid = sqlx::query_scalar("SELECT id FROM classifications.classifications")
            .fetch_one(&mut *tx)
            .await
            .unwrap();
        let outcome = classifications::store::events::history(&mut *tx, id, u64::MAX).await;
        assert!(outcome.is_err(), "{change}");
        tx.rollback().await.unwrap();
    }
    assert_eq!(office.desk.events(&demo1(), &no(FIRST), 1, None).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_insured_gets_no_decisions_and_denied_requests_only_by_number() {
    let office = Office::open().await;
    office.granted("A00000018", "10000").await;
    office.granted("B00000042", "10000").await;
    let all = office.list(&demo1(), FIRST, &Filter::default()).await;
    assert_eq!(all.iter().map(|it| (it.request_no, it.decision.is_some())).collect::<Vec<_>>(), [(1, false)]);
    assert!(office.list(&underwriter(), FIRST, &Filter::default()).await[0].decision.is_some());
    let by_number = Filter { request_no: Some(2), ..Filter::default() };
    assert_eq!(office.list(&demo1(), FIRST, &by_number).await[0].status, Status::Denied);
    for filter in [
        Filter { status: Some(Status::Denied), ..Filter::default() },
        Filter { customer_reference: Some("C-B00000042".to_owned()), ..Filter::default() },
        Filter { endorsement_no: Some(2), ..Filter::default() },
    ] {
        assert!(office.list(&demo1(), FIRST, &filter).await.is_empty());
    }
    let spain = classifications::domain::country::Country::ES;
    for filter in [
        Filter { customer_reference: Some("C-A00000018".to_owned()), ..Filter::default() },
        Filter { endorsement_no: Some(1), ..Filter::default() },
        Filter { debtor: Some((spain, "A00000018".to_owned())), ..Filter::default() },
        Filter { status: Some(Status::Active), ..Filter::default() },
    ] {
        assert_eq!(office.list(&underwriter(), FIRST, &filter).await.len(), 1, "{filter:?}");
    }
}
