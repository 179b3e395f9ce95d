//! Time passes, whether anybody sweeps or not.

use classifications::domain::reason::ChangeReason;
use classifications::domain::refusal::Refusal;
use classifications::domain::state::Status;
use classifications::work::command::{CommandError, Filter};
use classifications::work::{announce, sweeper};
use common::clock::Clock;
use common::server::Profile;
use serde_json::Value;
use webhooks::{Owner, Webhooks, WebhooksConfig};

use crate::support::*;

#[tokio::test]
async fn guards_hold_on_read_and_on_command_with_the_sweeper_stopped() {
    let office = Office::open().await;
    let (desk, contract) = (&office.desk, no(FIRST));
    office.granted("B00000034", "50000").await;
    office.granted("A00000018", "10000").await;
    desk.cancel(&underwriter(), &contract, 2, None, ChangeReason::RiskWorsened, &free()).await.unwrap();
    office.advance(16);
    let filter = Filter { status: Some(Status::OfferExpired), ..Filter::default() };
    assert_eq!(office.list(&demo1(), FIRST, &filter).await.len(), 1);
    let late = desk.accept_premium(&demo1(), &contract, 1, Some(money("180")), &free()).await;
    assert!(matches!(late, Err(CommandError::Refused(Refusal::OfferExpired))), "{late:?}");
    assert_eq!(office.show(FIRST, 2).await.status, Status::Active);
    office.advance(15);
    assert_eq!(office.show(FIRST, 2).await.status, Status::Cancelled);
    // A new request takes up what time has freed, and writes what it has done.
    let again = office.granted("A00000018", "10000").await;
    assert_eq!((again.status, again.request_no, again.endorsement_no), (Status::Active, 3, Some(2)));
    office.advance(10);
    assert_eq!(office.show(FIRST, 3).await.status, Status::Expired);
    let gone = desk.deactivate(&demo1(), &contract, 2, None, &free()).await;
    assert!(
        matches!(gone, Err(CommandError::Refused(Refusal::State { status: Status::Expired, .. }))),
        "{gone:?}"
    );
    office.assert_consistent().await;
}

#[tokio::test]
async fn the_sweeper_writes_what_readers_saw_before() {
    let office = Office::open().await;
    office.granted("B00000034", "50000").await;
    office.granted("A00000018", "10000").await;
    office.granted("B00000026", "10000").await;
    office.advance(40);
    let history = async || {
        let mut all = Vec::new();
        for request_no in 1..=3 {
            let events = office.desk.events(&demo1(), &no(FIRST), request_no, None).await.unwrap();
            all.extend(events.into_iter().map(|past| (past.seq, past.event)));
        }
        (all, office.list(&demo1(), FIRST, &Filter::default()).await)
    };
    let before = history().await;
    let stored: i64 = sqlx::query_scalar("SELECT count(*) FROM classifications.events")
        .fetch_one(&office.pool)
        .await
        .unwrap();
    assert_eq!((before.0.len(), stored), (6, 3));
    let pool = office.config.database.pool_of(2).unwrap();
    assert_eq!(sweeper::sweep(&pool, ISSUER, office.clock.now()).await.unwrap(), 3);
    assert_eq!(sweeper::sweep(&pool, ISSUER, office.clock.now()).await.unwrap(), 0);
    assert_eq!(history().await, before);
    assert_eq!(office.committed(FIRST).await.0, 0.into());
    office.assert_consistent().await;
}

#[tokio::test]
async fn the_holder_is_told_of_its_own_and_without_reasons() {
    let office = Office::open().await;
    let mut users = Vec::new();
    for name in ["demo1", "demo2"] {
        let subject = uuid::Uuid::new_v4();
        sqlx::query(
            "INSERT INTO identity.users (subject, username, password_hash, roles, scopes, audiences, created_at)
             VALUES ($1, $2, 'x', '{}', '{}', '{}', now())",
        )
        .bind(subject)
        .bind(name)
        .execute(&office.pool)
        .await
        .unwrap();
        users.push(Owner::new(ISSUER, &subject.to_string()));
    }
    let config = WebhooksConfig {
        key_secret: "a secret of the tests, 32 characters or more".into(),
        ..Default::default()
    };
    // Deliveries are repeated for a day at least.
    assert!(config.retry_after_s.iter().sum::<u32>() >= 24 * 3_600);
    let webhooks =
        Webhooks::new(office.pool.clone(), &config, Profile::Local, &announce::EVENTS, office.clock.clone())
            .unwrap();
    let events: Vec<String> = announce::EVENTS.map(str::to_owned).to_vec();
    for (owner, port) in users.iter().zip([1, 2]) {
        webhooks.register(owner, &format!("http://127.0.0.1:{port}/"), &events).await.unwrap();
    }
    office.granted("B00000034", "50000").await;
    office.granted("W0000013C", "10000").await;
    office.advance(20);
    let pool = office.config.database.pool_of(2).unwrap();
    sweeper::sweep(&pool, ISSUER, office.clock.now()).await.unwrap();
    let messages: Vec<(String, String)> = sqlx::query_as(
        "SELECT s.owner, m.body FROM webhooks.delivery d JOIN webhooks.message m ON m.id = d.message
         JOIN webhooks.subscription s ON s.id = d.subscription ORDER BY d.number",
    )
    .fetch_all(&office.pool)
    .await
    .unwrap();
    assert!(messages.iter().all(|(owner, _)| owner.contains(ISSUER)));
    let told: Vec<Value> = messages.iter().map(|(_, body)| serde_json::from_str(body).unwrap()).collect();
    let of = |at: usize, field: &str| told[at]["data"][field].clone();
    assert_eq!(told.len(), 3, "{told:?}");
    assert_eq!(
        (of(0, "to"), of(1, "to"), of(2, "to")),
        ("PREMIUM_PENDING".into(), "DENIED".into(), "OFFER_EXPIRED".into())
    );
    assert_eq!((of(0, "requestNo"), of(0, "seq"), of(2, "seq")), (1.into(), 1.into(), 2.into()));
    for word in ["decision", "reason", "inputsHash", "explanation", "Muebles", "B00000034"] {
        assert!(messages.iter().all(|(_, body)| !body.contains(word)), "{word}");
    }
}
