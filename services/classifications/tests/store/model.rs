//! Random commands at random times against the store and against a model, which keeps all in memory and is nothing but
//! the domain.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, SubsecRound, TimeDelta, Utc};
use classifications::domain::capacity;
use classifications::domain::classification::{Classification, Ruling, takes_over};
use classifications::domain::reason::ChangeReason;
use classifications::domain::request::{Request, RequestType, Standing};
use classifications::domain::state::{Party, Status};
use classifications::work::command::{By, CommandError, Done, Filter};
use classifications::work::sweeper;
use common::clock::Clock;
use futures_util::TryStreamExt;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::support::*;

const DEBTORS: [&str; 3] = ["A00000018", "B00000034", "A00000091"];
const CASES: usize = 12;
const STEPS: usize = 30;

#[derive(Debug, Clone)]
enum Step {
    Create { debtor: usize, kind: usize, thousands: u32, has_comments: bool },
    Activate { party: Party, number: usize },
    Deactivate { party: Party, number: usize },
    Cancel { party: Party, number: usize, in_days: Option<i64>, reason: usize },
    Accept { number: usize },
    Deny { number: usize },
    Decide { number: usize, thousands: Option<u32> },
    Wait { hours: i64 },
    Sweep,
}

fn step() -> impl Strategy<Value = Step> {
    let party = || prop_oneof![3 => Just(Party::Insured), 1 => Just(Party::Insurer)];
    let number = || 0..6_usize;
    prop_oneof![
        6 => (0..DEBTORS.len(), 0..6_usize, 1..700_u32, prop::bool::weighted(0.2)).prop_map(
            |(debtor, kind, thousands, has_comments)| Step::Create { debtor, kind, thousands, has_comments }),
        2 => (party(), number()).prop_map(|(party, number)| Step::Activate { party, number }),
        2 => (party(), number()).prop_map(|(party, number)| Step::Deactivate { party, number }),
        2 => (party(), number(), prop::option::of(-1..60_i64), 0..6_usize).prop_map(
            |(party, number, in_days, reason)| Step::Cancel { party, number, in_days, reason }),
        2 => number().prop_map(|number| Step::Accept { number }),
        1 => number().prop_map(|number| Step::Deny { number }),
        3 => (number(), prop::option::of(1..700_u32)).prop_map(|(number, thousands)| Step::Decide { number, thousands }),
        4 => prop_oneof![1..48_i64, 240..1_000_i64].prop_map(|hours| Step::Wait { hours }),
        1 => Just(Step::Sweep),
    ]
}

/// A contract's classifications, by number.
#[derive(Default)]
struct Model(BTreeMap<u64, Classification>);

impl Model {
    fn standing(&self, debtor: &str, now: DateTime<Utc>) -> Standing {
        Standing::of(self.0.values().filter(|it| it.request.tax_code.as_str() == debtor), now)
    }

    /// Takes over what a command did. The engine's answer is the store's; all else must follow from what was there.
    fn take_over(&mut self, after: &Classification, now: DateTime<Utc>) {
        let is_taken_over = self
            .0
            .get(&after.request_no)
            .is_none_or(|before| before.at(now).status.is_pending() && after.status == Status::Active)
            && after.status == Status::Active;
        if is_taken_over {
            let others = self.0.values_mut().filter(|it| {
                it.debtor() == after.debtor()
                    && it.request_no != after.request_no
                    && it.at(now).status.is_live()
            });
            for other in others {
                let events = other.supersede(after.request_no, now).unwrap();
                events.iter().for_each(|event| other.apply(event).unwrap());
            }
        }
        self.0.insert(after.request_no, after.clone());
    }

    fn apply(
        &mut self,
        number: u64,
        rule: impl Fn(
            &Classification,
        ) -> Result<
            Vec<classifications::domain::event::Event>,
            classifications::domain::refusal::Refusal,
        >,
        now: DateTime<Utc>,
    ) -> Result<Classification, String> {
        let before = self.0.get(&number).ok_or("NotFound")?;
        let events = rule(before).map_err(|refusal| format!("{refusal:?}"))?;
        let mut after = before.clone();
        events.iter().for_each(|event| after.apply(event).unwrap());
        assert_eq!(takes_over(&events), before.at(now).status.is_pending() && after.status == Status::Active);
        self.take_over(&after, now);
        Ok(after)
    }

    /// The limit of an endorsement, else the last request of it.
    fn of_endorsement(&self, endorsement: u64, now: DateTime<Utc>) -> Option<u64> {
        let all = self.0.values().filter(|it| it.endorsement_no == Some(endorsement));
        all.max_by_key(|it| (it.at(now).status.is_live(), it.request_no)).map(|it| it.request_no)
    }

    fn left(&self, debtor: &str, now: DateTime<Utc>) -> rust_decimal::Decimal {
        let holdings: Vec<_> = self.0.values().filter_map(|it| it.at(now).holding()).collect();
        let debtor = holdings.iter().find(|it| it.debtor.tax_code == debtor).map(|it| it.debtor.clone());
        capacity::aggregate_left(contract(FIRST, "demo1").aggregate, &holdings, debtor.as_ref())
    }
}

fn by(party: Party) -> By {
    if party == Party::Insured { demo1() } else { underwriter() }
}

fn told(outcome: &Result<Done, CommandError>) -> Result<Classification, String> {
    match outcome {
        Ok(done) => Ok(done.classification.clone()),
        Err(CommandError::Refused(refusal)) => Err(format!("{refusal:?}")),
        Err(error) => Err(format!("{error:?}")),
    }
}

async fn run(office: &Office, steps: Vec<Step>) {
    let (desk, number_of) = (&office.desk, no(FIRST));
    let contract = contract(FIRST, "demo1");
    let parameters = &office.config.parameters;
    let sweeping = office.config.database.pool_of(1).unwrap();
    let mut model = Model::default();
    for step in steps {
        let now = office.clock.now().trunc_subsecs(6);
        let number = |number: usize| number as u64 + 1;
        match step.clone() {
            Step::Create { debtor, kind, thousands, has_comments } => {
                let request_type = match kind {
                    0..=2 => RequestType::New,
                    3 => RequestType::Increase,
                    4 => RequestType::Reduction,
                    _ => RequestType::Prolongation,
                };
                let mut request =
                    Request { request_type, ..ask(DEBTORS[debtor], &format!("{thousands}000")) };
                request.comments = has_comments.then(|| "…".to_owned().into());
                let standing = model.standing(DEBTORS[debtor], now);
                let outcome = told(&desk.create(&demo1(), &number_of, request.clone(), &free()).await);
                if request_type == RequestType::Reduction {
                    let expected = match standing.limit {
                        None => Err("NoLimit".to_owned()),
                        Some(limit) => model.apply(
                            limit.request_no,
                            |it| it.reduce(Party::Insured, request.amount, now),
                            now,
                        ),
                    };
                    assert_eq!(outcome, expected, "{step:?}");
                    continue;
                }
                match (standing.check(&request, &contract, now), outcome) {
                    (Err(refusal), outcome) => assert_eq!(outcome, Err(format!("{refusal:?}")), "{step:?}"),
                    (Ok(()), outcome) => {
                        let created = outcome.unwrap();
                        assert_eq!(created.request_no, model.0.len() as u64 + 1);
                        let most = model.left(DEBTORS[debtor], now).min(request.amount.value());
                        assert!(created.granted_amount().is_none_or(|granted| granted.value() <= most));
                        let first =
                            standing.endorsement_no.or(created.granted_amount().map(|_| created.request_no));
                        assert_eq!(created.endorsement_no, first);
                        model.take_over(&created, now);
                    }
                }
            }
            Step::Activate { party, number: n } => {
                let outcome = told(&desk.activate(&by(party), &number_of, number(n), &free()).await);
                let Some(request_no) = model.of_endorsement(number(n), now) else {
                    assert_eq!(outcome, Err("NotFound".to_owned()), "{step:?}");
                    continue;
                };
                let decision = outcome.as_ref().ok().and_then(|it| it.decision.clone());
                match decision {
                    Some(decision) => {
                        let expected = model.apply(
                            request_no,
                            |it| it.activate(party, &contract, decision.clone(), now),
                            now,
                        );
                        assert_eq!(outcome, expected, "{step:?}");
                    }
                    // What the engine objects to is no other refusal.
                    None => {
                        let it = &model.0[&request_no];
                        let may = it.may(classifications::domain::state::Action::Activate, party, now);
                        let expected = match may {
                            Err(refusal) => format!("{refusal:?}"),
                            Ok(()) if contract.is_in_force(classifications::domain::date::date_of(now)) => {
                                "Capacity".to_owned()
                            }
                            Ok(()) => "ContractNotInForce".to_owned(),
                        };
                        assert_eq!(outcome, Err(expected), "{step:?}");
                    }
                }
            }
            Step::Deactivate { party, number: n } => {
                let outcome = told(&desk.deactivate(&by(party), &number_of, number(n), None, &free()).await);
                let expected = match model.of_endorsement(number(n), now) {
                    None => Err("NotFound".to_owned()),
                    Some(request_no) => model.apply(request_no, |it| it.deactivate(party, None, now), now),
                };
                assert_eq!(outcome, expected, "{step:?}");
            }
            Step::Cancel { party, number: n, in_days, reason } => {
                let date: Option<NaiveDate> =
                    in_days.map(|days| classifications::domain::date::date_of(now + TimeDelta::days(days)));
                let reason = ChangeReason::ALL[reason];
                let outcome = desk.cancel(&by(party), &number_of, number(n), date, reason, &free()).await;
                let expected = model.apply(number(n), |it| it.cancel(party, reason, date, now), now);
                assert_eq!(told(&outcome), expected, "{step:?}");
            }
            Step::Accept { number: n } => {
                let amount = model
                    .0
                    .get(&number(n))
                    .and_then(|it| it.grant.as_ref()?.premium.as_ref())
                    .map(|it| it.annual_amount);
                let outcome = desk.accept_premium(&demo1(), &number_of, number(n), amount, &free()).await;
                let expected =
                    model.apply(number(n), |it| it.accept_premium(amount, &contract, parameters, now), now);
                assert_eq!(told(&outcome), expected, "{step:?}");
            }
            Step::Deny { number: n } => {
                let outcome = desk.deny_premium(&demo1(), &number_of, number(n), &free()).await;
                let expected = model.apply(number(n), |it| it.deny_premium(now), now);
                assert_eq!(told(&outcome), expected, "{step:?}");
            }
            Step::Decide { number: n, thousands } => {
                let ruling = match thousands {
                    Some(thousands) => {
                        Ruling::Grant { amount: Some(money(&format!("{thousands}000"))), reasons: vec![] }
                    }
                    None => Ruling::Deny { reasons: vec![] },
                };
                let outcome = desk.decide(&underwriter(), &number_of, number(n), &ruling, &free()).await;
                let debtor = model.0.get(&number(n)).map(|it| it.request.tax_code.as_str().to_owned());
                let debtor = debtor.unwrap_or_default();
                let (standing, left) = (model.standing(&debtor, now), model.left(&debtor, now));
                let rule =
                    |it: &Classification| it.decide(&ruling, &contract, &standing, left, parameters, now);
                let expected = model.apply(number(n), rule, now);
                assert_eq!(told(&outcome), expected, "{step:?}");
            }
            Step::Wait { hours } => office.clock.advance(TimeDelta::hours(hours)),
            Step::Sweep => {
                sweeper::sweep(&sweeping, ISSUER, now).await.unwrap();
            }
        }
    }
    for it in model.0.values() {
        println!("MODEL {:?} v{}", it.status, it.version);
    }
    let now = office.clock.now().trunc_subsecs(6);
    for (request_no, expected) in &model.0 {
        let expected = expected.at(now);
        assert_eq!(office.show(FIRST, *request_no).await, expected);
        let filter = Filter { request_no: Some(*request_no), ..Filter::default() };
        let past = desk.list(&underwriter(), &number_of, &filter, None, Some(now)).await.unwrap();
        assert_eq!(past.try_collect::<Vec<_>>().await.unwrap(), std::slice::from_ref(&expected));
    }
    office.assert_consistent().await;
    sweeper::sweep(&sweeping, ISSUER, now).await.unwrap();
    office.assert_consistent().await;
    let unwritten: i64 =
        sqlx::query_scalar("SELECT count(*) FROM classifications.classifications WHERE next_due <= $1")
            .bind(now)
            .fetch_one(&office.pool)
            .await
            .unwrap();
    assert_eq!(unwritten, 0);
    for request_no in model.0.keys() {
        for it in desk.replay_decisions(&underwriter(), &number_of, *request_no).await.unwrap() {
            assert_eq!(it.recorded, it.repeated);
        }
    }
}

#[tokio::test]
async fn the_store_does_what_the_model_does() {
    let mut runner = TestRunner::deterministic();
    let steps = proptest::collection::vec(step(), STEPS);
    for case in 0..CASES {
        let steps = steps.new_tree(&mut runner).unwrap().current();
        println!("case {case}: {steps:?}");
        run(&Office::open().await, steps).await;
    }
}
