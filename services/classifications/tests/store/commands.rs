//! Who may do what, once, and to which version.

use classifications::domain::classification::Ruling;
use classifications::domain::reason::ChangeReason;
use classifications::domain::refusal::Refusal;
use classifications::domain::request::{Request, RequestType};
use classifications::domain::state::{Action, Status};
use classifications::work::command::{CommandError, Filter, Guard};
use futures_util::future::join_all;

use crate::support::*;

#[tokio::test]
async fn a_repeated_command_is_carried_out_once_and_answered_the_same() {
    let office = Office::open().await;
    let desk = &office.desk;
    let (contract, guard) = (no(FIRST), key("k1", 1));
    let first = desk.create(&demo1(), &contract, ask("A00000018", "100000"), &guard).await.unwrap();
    assert!(!first.is_replayed);
    desk.deactivate(&demo1(), &contract, 1, None, &key("k2", 2)).await.unwrap();
    // For a day the key stands for its command, whatever came later.
    office.clock.advance(chrono::TimeDelta::hours(23));
    let again = desk.create(&demo1(), &contract, ask("A00000018", "100000"), &guard).await.unwrap();
    assert!(again.is_replayed);
    assert_eq!(again.classification, first.classification);
    let reused = desk.create(&demo1(), &contract, ask("A00000018", "9000"), &key("k1", 9)).await;
    assert!(matches!(reused, Err(CommandError::KeyReused)), "{reused:?}");
    let reused = desk.deactivate(&demo1(), &contract, 1, None, &key("k1", 9)).await;
    assert!(matches!(reused, Err(CommandError::KeyReused)), "{reused:?}");
    // Another caller's key is another key; and whoever may not see the contract is not told of the answer.
    let foreign = desk.create(&demo2(), &contract, ask("A00000018", "100000"), &guard).await;
    assert!(matches!(foreign, Err(CommandError::NotFound)), "{foreign:?}");
    office.advance(2);
    let fresh = desk.create(&demo1(), &contract, ask("A00000018", "100000"), &guard).await;
    assert!(matches!(fresh, Err(CommandError::Refused(Refusal::Duplicate { request_no: 1 }))), "{fresh:?}");
    let fresh = desk.create(&demo1(), &contract, ask("B00000026", "10000"), &guard).await.unwrap();
    assert!(!fresh.is_replayed);
    office.assert_consistent().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_command_repeated_at_once_is_carried_out_once() {
    let office = Office::open().await;
    let guard = key("k", 1);
    let contract = no(FIRST);
    let caller = demo1();
    let sent = (0..16).map(|_| office.desk.create(&caller, &contract, ask("A00000018", "100000"), &guard));
    let done: Vec<_> = join_all(sent).await.into_iter().collect();
    let carried_out = done.iter().filter(|it| it.as_ref().is_ok_and(|done| !done.is_replayed)).count();
    assert_eq!(carried_out, 1);
    for outcome in done {
        assert_eq!(outcome.unwrap().classification.request_no, 1);
    }
    assert_eq!(office.list(&demo1(), FIRST, &Filter::default()).await.len(), 1);
}

#[tokio::test]
async fn a_stale_version_changes_nothing() {
    let office = Office::open().await;
    office.granted("A00000018", "100000").await;
    let guard = |version| Guard { if_match: Some(version), idempotency: None };
    let contract = no(FIRST);
    let stale = office.desk.deactivate(&demo1(), &contract, 1, None, &guard(2)).await;
    assert!(matches!(stale, Err(CommandError::Stale { version: 1 })), "{stale:?}");
    let done = office.desk.deactivate(&demo1(), &contract, 1, None, &guard(1)).await.unwrap();
    assert_eq!((done.classification.version, done.classification.status), (2, Status::Inactive));
    let stale = office.desk.activate(&demo1(), &contract, 1, &guard(1)).await;
    assert!(matches!(stale, Err(CommandError::Stale { version: 2 })), "{stale:?}");
    office.desk.activate(&demo1(), &contract, 1, &guard(2)).await.unwrap();
    assert_eq!(office.show(FIRST, 1).await.status, Status::Active);
}

#[tokio::test]
async fn anothers_contract_is_like_none() {
    let office = Office::open().await;
    office.granted("A00000018", "10000").await;
    let desk = &office.desk;
    let by = demo2();
    for number in [no(FIRST), no("99999999999")] {
        let outcomes = [
            desk.create(&by, &number, ask("A00000018", "1000"), &free()).await,
            desk.create(
                &by,
                &number,
                Request { request_type: RequestType::Reduction, ..ask("A00000018", "1000") },
                &free(),
            )
            .await,
            desk.activate(&by, &number, 1, &free()).await,
            desk.deactivate(&by, &number, 1, None, &free()).await,
            desk.cancel(&by, &number, 1, None, ChangeReason::NotNeeded, &free()).await,
            desk.accept_premium(&by, &number, 1, Some(money("1")), &free()).await,
            desk.deny_premium(&by, &number, 1, &free()).await,
            desk.decide(&by, &number, 1, &Ruling::Deny { reasons: vec![] }, &free()).await,
        ];
        for outcome in outcomes {
            assert!(matches!(outcome, Err(CommandError::NotFound)), "{outcome:?}");
        }
        assert!(matches!(desk.events(&by, &number, 1, None).await, Err(CommandError::NotFound)));
        assert!(matches!(desk.replay_decisions(&by, &number, 1).await, Err(CommandError::NotFound)));
        assert!(desk.list(&by, &number, &Filter::default(), None, None).await.is_err());
    }
    assert_eq!(office.list(&underwriter(), FIRST, &Filter::default()).await.len(), 1);
}

#[tokio::test]
async fn what_the_states_do_not_allow_is_refused_with_what_they_do() {
    let office = Office::open().await;
    let (desk, contract) = (&office.desk, no(FIRST));
    office.granted("B00000034", "50000").await;
    let refused = desk.deactivate(&demo1(), &contract, 1, None, &free()).await;
    let Err(CommandError::Refused(Refusal::State { status, allowed })) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(
        (status, allowed),
        (Status::PremiumPending, vec![Action::Accept, Action::Deny, Action::Cancel])
    );
    let wrong = desk.accept_premium(&demo1(), &contract, 1, Some(money("181.00")), &free()).await;
    assert!(matches!(wrong, Err(CommandError::Refused(Refusal::OfferChanged))), "{wrong:?}");
    let wrong = desk.accept_premium(&underwriter(), &contract, 1, Some(money("180")), &free()).await;
    assert!(matches!(wrong, Err(CommandError::Refused(Refusal::Actor))), "{wrong:?}");
    let done = desk.accept_premium(&demo1(), &contract, 1, Some(money("180")), &free()).await.unwrap();
    assert_eq!(status_of(&done), Status::Active);
    let ended = desk.cancel(&demo1(), &contract, 1, None, ChangeReason::NotNeeded, &free()).await.unwrap();
    assert_eq!(status_of(&ended), Status::Cancelled);
    // The endorsement is known for the policy's life, the limit is gone.
    let gone = desk.activate(&demo1(), &contract, 1, &free()).await;
    assert!(matches!(gone, Err(CommandError::Refused(Refusal::State { .. }))), "{gone:?}");
    let again = office.granted("B00000034", "50000").await;
    assert_eq!((again.request_no, again.endorsement_no), (2, Some(1)));

    let expired = desk.create(&demo1(), &no(EXPIRED), ask("A00000018", "1000"), &free()).await;
    assert!(matches!(expired, Err(CommandError::Refused(Refusal::ContractNotInForce))), "{expired:?}");
    let currency = desk.create(&demo1(), &no(SECOND), ask("A00000018", "1000"), &free()).await;
    assert!(matches!(currency, Err(CommandError::Refused(Refusal::Currency))), "{currency:?}");
    let nothing = Request { request_type: RequestType::Increase, ..ask("A00000018", "1000") };
    let nothing = office.create(nothing).await;
    assert!(matches!(nothing, Err(CommandError::Refused(Refusal::NoLimit))), "{nothing:?}");
    let nothing = Request { request_type: RequestType::Reduction, ..ask("A00000018", "1000") };
    let nothing = office.create(nothing).await;
    assert!(matches!(nothing, Err(CommandError::Refused(Refusal::NoLimit))), "{nothing:?}");
    // A number that was refused leaves no gap.
    assert_eq!(office.granted("A00000018", "1000").await.request_no, 3);
    office.assert_consistent().await;
}

#[tokio::test]
async fn an_increase_takes_the_limits_place_and_a_reduction_changes_it() {
    let office = Office::open().await;
    let (desk, contract) = (&office.desk, no(FIRST));
    office.granted("A00000018", "50000").await;
    let increase = Request { request_type: RequestType::Increase, ..ask("A00000018", "120000") };
    let raised = office.create(increase).await.unwrap().classification;
    assert_eq!((raised.status, raised.endorsement_no, raised.request_no), (Status::Active, Some(1), 2));
    assert_eq!(office.show(FIRST, 1).await.status, Status::Superseded);
    let reduction = Request { request_type: RequestType::Reduction, ..ask("A00000018", "70000") };
    let reduced = office.create(reduction.clone()).await.unwrap().classification;
    assert_eq!((reduced.request_no, reduced.granted_amount()), (2, Some(money("70000"))));
    // The insurer gives notice, and the insured's endorsement goes on naming the limit.
    let lower = Request { amount: money("20000"), ..reduction };
    let announced = desk.create(&underwriter(), &contract, lower, &free()).await.unwrap().classification;
    assert_eq!(announced.granted_amount(), Some(money("70000")));
    assert_eq!(announced.scheduled_change.unwrap().effective_date, date("2026-12-22"));
    office.advance(31);
    assert_eq!(office.show(FIRST, 2).await.granted_amount(), Some(money("20000")));
    let done = desk.deactivate(&demo1(), &contract, 1, None, &free()).await.unwrap();
    assert_eq!((done.classification.request_no, done.classification.version), (2, 5));
    let by_insurer = desk.activate(&underwriter(), &contract, 1, &free()).await;
    assert!(matches!(by_insurer, Err(CommandError::Refused(Refusal::Actor))), "{by_insurer:?}");
    office.assert_consistent().await;
}

#[tokio::test]
async fn an_underwriter_decides_within_the_contract() {
    let office = Office::open().await;
    let (desk, contract) = (&office.desk, no(FIRST));
    office.granted("A00000091", "900000").await;
    let grant = |amount: Option<&str>| Ruling::Grant { amount: amount.map(money), reasons: vec![] };
    let refused = desk.decide(&demo1(), &contract, 1, &grant(None), &free()).await;
    assert!(matches!(refused, Err(CommandError::Refused(Refusal::Actor))), "{refused:?}");
    let done = desk.decide(&underwriter(), &contract, 1, &grant(Some("800000")), &free()).await.unwrap();
    assert_eq!(status(&done), (Status::Active, Some("800000.00".to_owned())));
    // 4,200,000 of the aggregate are left: five more do not fit.
    for (n, tax_code) in
        ["A00000018", "B00000026", "B00000034", "B00000067", "B00000075"].into_iter().enumerate()
    {
        let mut request = ask(tax_code, "900000");
        request.comments = Some("call Pilar".to_owned().into());
        let in_study = office.create(request).await.unwrap();
        let decided = desk
            .decide(&underwriter(), &contract, in_study.classification.request_no, &grant(None), &free())
            .await;
        match n {
            0..=3 => assert!(decided.unwrap().classification.granted_amount().is_some()),
            _ => assert!(matches!(decided, Err(CommandError::Refused(Refusal::Capacity))), "{decided:?}"),
        }
    }
    office.assert_consistent().await;
}

fn status_of(done: &classifications::work::command::Done) -> Status {
    done.classification.status
}
