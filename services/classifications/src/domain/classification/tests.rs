#![allow(clippy::unwrap_used, clippy::panic)]

use chrono::TimeDelta;
use proptest::prelude::*;
use rust_decimal::dec;

use super::*;
use crate::domain::country::Country;
use crate::domain::engine::{Decision, Price};
use crate::domain::event::ValidityReason;
use crate::domain::money::Currency;
use crate::domain::tax_code::TaxCode;
use crate::domain::view::{EventView, View};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn eur(text: &str) -> Amount {
    Amount::parse(text, Currency::EUR).unwrap()
}

fn contract() -> Contract {
    Contract {
        number: ContractNo::parse("90000000001").unwrap(),
        holder: "demo1".to_owned().into(),
        currency: Currency::EUR,
        from: date("2026-01-01"),
        until: Some(date("2028-12-31")),
        debtor_cap: eur("1000000"),
        aggregate: eur("5000000"),
        terms_days: 90,
        commercial_risk_cover_pct: dec!(90),
        political_risk_cover_pct: dec!(85),
    }
}

fn asked(request_type: RequestType, amount: &str) -> Request {
    Request {
        request_type,
        country: Country::ES,
        tax_code: TaxCode::parse(Country::ES, "B00000026").unwrap(),
        company_name: Some("Ferretería Ñandú".to_owned().into()),
        customer_reference: Some("C-1".to_owned()),
        currency: Currency::EUR,
        amount: eur(amount),
        terms_days: 60,
        payment_method: Some("1".to_owned()),
        comments: Some("call Pilar".to_owned().into()),
    }
}

fn answered(outcome: Outcome, grant: Option<&str>) -> DecisionRecord {
    let premium = Price { rate_bps: 60, annual_amount: eur("180") };
    DecisionRecord {
        engine_version: "1".to_owned(),
        inputs_hash: "5ec2e7".to_owned(),
        decision: Decision {
            outcome,
            grade: Some(if outcome == Outcome::Offered { 4 } else { 6 }),
            z: Some(dec!(3.7675)),
            capacity: Some(dec!(123456.78)),
            grant: grant.map(eur),
            reason_codes: Vec::new(),
            premium: (outcome == Outcome::Offered).then_some(premium),
            explanation: vec![crate::domain::engine::Rule {
                id: "capacity".to_owned(),
                input: "123456.78".to_owned(),
                threshold: String::new(),
                effect: String::new(),
            }],
        },
    }
}

fn requested(
    request: Request,
    standing: &Standing,
    decision: DecisionRecord,
    now: &str,
) -> Result<Event, Refusal> {
    let fx = Fx { rate: Decimal::ONE, date: date("2026-11-22") };
    let request_no = standing.limit.map_or(1, |limit| limit.request_no + 1);
    let new = NewRequest { id: Uuid::from_u128(7), request_no, request, standing, fx, decision };
    Classification::request(new, &contract(), &Parameters::default(), at(now))
}

const NOW: &str = "2026-11-22T10:00:00Z";

fn new(outcome: Outcome, grant: Option<&str>) -> Classification {
    let request = asked(RequestType::New, "100000");
    let event = requested(request, &Standing::default(), answered(outcome, grant), NOW).unwrap();
    Classification::first(&event).unwrap()
}

fn active() -> Classification {
    new(Outcome::Granted, Some("100000"))
}

fn after(classification: &Classification, events: Result<Vec<Event>, Refusal>) -> Classification {
    let mut it = classification.clone();
    for event in events.unwrap() {
        it.apply(&event).unwrap();
    }
    it
}

fn status(classification: &Classification, now: &str) -> Status {
    classification.at(at(now)).status
}

#[test]
fn a_request_becomes_what_the_engine_says() {
    for (outcome, grant, status) in [
        (Outcome::Granted, Some("100000"), Status::Active),
        (Outcome::Offered, Some("30000"), Status::PremiumPending),
        (Outcome::Denied, None, Status::Denied),
        (Outcome::Referred, None, Status::InStudy),
    ] {
        let it = new(outcome, grant);
        assert_eq!(it.status, status);
        assert_eq!(it.granted_amount(), grant.map(eur));
        assert_eq!(it.endorsement_no, grant.map(|_| 1));
        assert_eq!(it.holding().is_some(), grant.is_some());
    }
    assert_eq!(new(Outcome::Referred, None).grade, None, "not before it is decided");
    let term = active().grant.unwrap().term.unwrap();
    assert_eq!((term.effective_date, term.validity_date), (date("2026-11-22"), date("2027-11-21")));
    assert_eq!(new(Outcome::Offered, Some("30000")).grant.unwrap().term, None);
}

#[test]
fn a_limit_is_valid_for_twelve_months_but_not_longer_than_its_contract() {
    let term = |until: Option<&str>| {
        let contract = Contract { until: until.map(date), ..contract() };
        let term = Term::starting(date("2026-11-22"), &contract, &Parameters::default());
        (term.validity_date, term.validity_reason)
    };
    assert_eq!(term(Some("2026-12-31")), (date("2026-12-31"), ValidityReason::Contract));
    assert_eq!(term(Some("2027-11-21")), (date("2027-11-21"), ValidityReason::Contract));
    assert_eq!(term(Some("2027-11-22")), (date("2027-11-21"), ValidityReason::Review));
    assert_eq!(term(None), (date("2027-11-21"), ValidityReason::Review));
}

#[test]
fn the_decision_code_says_how_the_request_was_answered() {
    let code = |it: &Classification| View::for_insured(it).classification_decision_code;
    let (it, now) = (active(), at(NOW));
    assert_eq!(code(&it), "2");
    assert_eq!(code(&new(Outcome::Granted, Some("99000"))), "5");
    assert_eq!(code(&after(&it, it.reduce(Party::Insured, eur("60000"), now))), "9");
    assert_eq!(code(&after(&it, it.cancel(Party::Insured, ChangeReason::NotNeeded, None, now))), "8");
    assert_eq!(code(&new(Outcome::Denied, None)), "3");
    assert_eq!(code(&new(Outcome::Referred, None)), "6");
}

#[test]
fn an_offer_stands_for_fifteen_days_without_a_sweeper() {
    let offer = new(Outcome::Offered, Some("30000"));
    let (contract, parameters) = (contract(), Parameters::default());
    let accept = |amount: Option<&str>, now: &str| {
        offer.accept_premium(amount.map(eur), &contract, &parameters, at(now))
    };
    let last = "2026-12-07T22:59:59Z";
    assert_eq!(accept(None, last), Err(Refusal::Amount(AmountFault::Missing)));
    assert_eq!(accept(Some("180.01"), last), Err(Refusal::OfferChanged));
    let accepted = after(&offer, accept(Some("180"), last));
    assert_eq!(accepted.status, Status::Active);
    assert_eq!(accepted.grant.unwrap().term.unwrap().effective_date, date("2026-12-07"));

    let late = "2026-12-07T23:00:00Z";
    assert_eq!(status(&offer, last), Status::PremiumPending);
    assert_eq!(status(&offer, late), Status::OfferExpired);
    assert_eq!(offer.at(at(late)).holding(), None);
    assert_eq!(accept(Some("180"), late), Err(Refusal::OfferExpired));
    assert_eq!(offer.deny_premium(at(late)), Err(Refusal::OfferExpired));
    assert_eq!(after(&offer, offer.deny_premium(at(last))).status, Status::PremiumDenied);
}

#[test]
fn only_the_party_that_deactivated_activates_and_only_with_capacity() {
    let it = active();
    let now = at("2026-11-23T10:00:00Z");
    let inactive = after(&it, it.deactivate(Party::Insurer, None, now));
    assert_eq!((inactive.status, inactive.deactivated_by), (Status::Inactive, Some(Party::Insurer)));
    assert_eq!(inactive.holding(), None);
    let activate =
        |party, outcome, grant| inactive.activate(party, &contract(), answered(outcome, grant), now);
    let all = (Outcome::Granted, Some("100000"));
    assert_eq!(activate(Party::Insured, all.0, all.1), Err(Refusal::Actor));
    assert_eq!(inactive.allowed(Party::Insured), [Action::Cancel]);
    assert_eq!(activate(Party::Insurer, Outcome::Granted, Some("99999.99")), Err(Refusal::Capacity));
    assert_eq!(activate(Party::Insurer, Outcome::Denied, None), Err(Refusal::Capacity));
    assert_eq!(activate(Party::Insurer, Outcome::Referred, None), Err(Refusal::Capacity));
    let again = after(&inactive, activate(Party::Insurer, all.0, all.1));
    assert_eq!((again.status, again.deactivated_by), (Status::Active, None));
    let urgent = Some(ChangeReason::Sanctions);
    assert_eq!(it.deactivate(Party::Insured, urgent, now), Err(Refusal::Actor));
}

#[test]
fn an_insured_lowers_at_once_and_the_insurer_with_notice() {
    let it = active();
    let now = at(NOW);
    for amount in ["100000", "100000.01"] {
        let refused = Err(Refusal::Amount(AmountFault::NotAReduction));
        assert_eq!(it.reduce(Party::Insured, eur(amount), now), refused);
    }
    let lower = after(&it, it.reduce(Party::Insured, eur("60000"), now));
    assert_eq!(lower.granted_amount(), Some(eur("60000")));
    assert_eq!(lower.request.request_type, RequestType::Reduction);

    let noticed = after(&it, it.reduce(Party::Insurer, eur("40000"), now));
    assert_eq!(noticed.granted_amount(), Some(eur("100000")));
    assert_eq!(noticed.scheduled_change.unwrap().effective_date, date("2026-12-22"));
    assert_eq!(noticed.at(at("2026-12-21T22:59:59Z")).granted_amount(), Some(eur("100000")));
    let then = noticed.at(at("2026-12-21T23:00:00Z"));
    assert_eq!((then.granted_amount(), then.scheduled_change), (Some(eur("40000")), None));

    let both = after(&noticed, noticed.reduce(Party::Insured, eur("50000"), now));
    assert_eq!(
        both.at(at("2027-01-01T00:00:00Z")).granted_amount(),
        Some(eur("40000")),
        "notice still counts"
    );
    let below = after(&noticed, noticed.reduce(Party::Insured, eur("40000"), now));
    assert_eq!(below.scheduled_change, None);
    let off = after(&noticed, noticed.deactivate(Party::Insured, None, now));
    let then = off.at(at("2027-01-01T00:00:00Z"));
    assert_eq!((then.status, then.granted_amount()), (Status::Inactive, Some(eur("40000"))));
}

#[test]
fn a_cancellation_has_its_dates() {
    use ChangeReason::{Insolvency, NotNeeded, RiskWorsened};
    let it = active();
    let now = at(NOW);
    let cancel = |party, reason, day: Option<&str>| it.cancel(party, reason, day.map(date), now);
    assert_eq!(after(&it, cancel(Party::Insured, NotNeeded, None)).status, Status::Cancelled);
    assert_eq!(after(&it, cancel(Party::Insurer, Insolvency, None)).status, Status::Cancelled);
    assert_eq!(cancel(Party::Insured, Insolvency, None), Err(Refusal::Actor));
    let latest = date("2027-11-21");
    let refused = |earliest: &str| Err(Refusal::EffectiveDate { earliest: date(earliest), latest });
    assert_eq!(cancel(Party::Insured, NotNeeded, Some("2026-11-21")), refused("2026-11-22"));
    assert_eq!(cancel(Party::Insured, NotNeeded, Some("2027-11-22")), refused("2026-11-22"));
    assert_eq!(cancel(Party::Insurer, RiskWorsened, Some("2026-12-21")), refused("2026-12-22"));

    let noticed = after(&it, cancel(Party::Insurer, RiskWorsened, None));
    assert_eq!(noticed.status, Status::Active);
    assert_eq!(status(&noticed, "2026-12-21T22:59:59Z"), Status::Active);
    assert_eq!(status(&noticed, "2026-12-21T23:00:00Z"), Status::Cancelled);
    let later = noticed.cancel(Party::Insured, NotNeeded, Some(date("2027-01-01")), now);
    assert!(matches!(later, Err(Refusal::EffectiveDate { .. })), "notice can't be put off");
    let again = noticed.cancel(Party::Insured, NotNeeded, Some(date("2026-12-22")), now);
    assert!(again.is_err(), "nor given twice");
    let sooner = noticed.cancel(Party::Insured, NotNeeded, Some(date("2026-12-01")), now);
    assert_eq!(status(&after(&noticed, sooner), "2026-12-01T00:00:00Z"), Status::Cancelled);

    let study = new(Outcome::Referred, None);
    let withdrawn = study.cancel(Party::Insurer, ChangeReason::InError, None, now);
    assert_eq!(after(&study, withdrawn).status, Status::Withdrawn);
    let offer = new(Outcome::Offered, Some("30000"));
    assert_eq!(offer.cancel(Party::Insurer, Insolvency, None, now), Err(Refusal::Actor));
    assert!(offer.cancel(Party::Insured, NotNeeded, Some(date("2026-11-23")), now).is_err());
    assert_eq!(after(&offer, offer.cancel(Party::Insured, NotNeeded, None, now)).status, Status::Cancelled);
}

#[test]
fn a_limit_expires_after_its_last_day_and_time_comes_before_commands() {
    let it = active();
    assert_eq!(it.next_due(), Some(at("2027-11-21T23:00:00Z")));
    assert_eq!(status(&it, "2027-11-21T22:59:59Z"), Status::Active);
    let late = at("2027-11-21T23:00:00Z");
    assert_eq!(it.at(late).status, Status::Expired);
    let refused = Refusal::State { status: Status::Expired, allowed: Vec::new() };
    assert_eq!(it.deactivate(Party::Insured, None, late), Err(refused));

    let noticed = after(&it, it.reduce(Party::Insurer, eur("40000"), at(NOW)));
    let events = noticed.deactivate(Party::Insured, None, at("2027-01-10T10:00:00Z")).unwrap();
    assert_eq!(events[0].at, at("2026-12-21T23:00:00Z"));
    assert_eq!((events[0].actor, events[1].actor), (Actor::Timer, Actor::Insured));
}

#[test]
fn an_underwriter_is_bound_by_the_contract_and_what_was_asked_for() {
    let study = new(Outcome::Referred, None);
    let now = at("2026-11-24T10:00:00Z");
    let decide = |amount: Option<&str>, left: i64| {
        let ruling = Ruling::Grant { amount: amount.map(eur), reasons: Vec::new() };
        let left = Decimal::from(left);
        study.decide(&ruling, &contract(), &Standing::default(), left, &Parameters::default(), now)
    };
    let granted = after(&study, decide(None, 100_000));
    assert_eq!((granted.status, granted.granted_amount()), (Status::Active, Some(eur("100000"))));
    assert_eq!((granted.endorsement_no, granted.grade), (Some(1), Some(6)));
    assert_eq!(after(&study, decide(Some("12345.67"), 100_000)).granted_amount(), Some(eur("12345.67")));
    assert_eq!(decide(Some("100000.01"), 200_000), Err(Refusal::Amount(AmountFault::TooMuch)));
    assert_eq!(decide(None, 99_999), Err(Refusal::Capacity));
    let (mut small, mut long) = (contract(), study.clone());
    small.debtor_cap = eur("99999");
    long.request.terms_days = 120;
    let ruling = Ruling::Grant { amount: None, reasons: Vec::new() };
    let (standing, left) = (Standing::default(), Decimal::from(100_000));
    let refused = study.decide(&ruling, &small, &standing, left, &Parameters::default(), now);
    assert_eq!(refused, Err(Refusal::Capacity));
    let granted =
        after(&long, long.decide(&ruling, &contract(), &standing, left, &Parameters::default(), now));
    assert_eq!(granted.grant.unwrap().terms_days, 90);

    let deny = Ruling::Deny { reasons: Vec::new() };
    let denied = study.decide(&deny, &contract(), &standing, Decimal::ZERO, &Parameters::default(), now);
    assert_eq!(after(&study, denied).reason_codes, [DecisionReason::OTHER]);

    let mut risky = study.clone();
    risky.decision.as_mut().unwrap().decision.grade = Some(2);
    let ruling = Ruling::Grant { amount: Some(eur("30000")), reasons: Vec::new() };
    let offer = risky.decide(&ruling, &contract(), &standing, left, &Parameters::default(), now);
    let offer = after(&risky, offer);
    assert_eq!(offer.status, Status::PremiumPending);
    assert_eq!(offer.grant.unwrap().premium.unwrap().annual_amount, eur("180"));
}

#[test]
fn an_increase_takes_the_limits_place_and_keeps_its_endorsement() {
    let it = active();
    let standing = Standing::of([&it], at(NOW));
    let increase = |amount: &str| {
        let decision = answered(Outcome::Granted, Some(amount));
        requested(asked(RequestType::Increase, amount), &standing, decision, NOW)
    };
    assert_eq!(increase("100000"), Err(Refusal::Amount(AmountFault::NotAnIncrease)));
    let event = increase("200000").unwrap();
    let higher = Classification::first(&event).unwrap();
    assert_eq!((higher.request_no, higher.endorsement_no), (2, Some(1)));
    assert!(takes_over(&[event]));
    let old = after(&it, it.supersede(2, at(NOW)));
    assert_eq!(old.status, Status::Superseded);
    let standing = Standing::of([&old, &higher], at(NOW));
    assert_eq!(standing.limit.unwrap().request_no, 2);
    assert!(old.supersede(3, at(NOW)).is_err());

    let limit = Standing::of([&it], at(NOW));
    let request = asked(RequestType::Increase, "200000");
    let study = requested(request, &limit, answered(Outcome::Referred, None), NOW).unwrap();
    let study = Classification::first(&study).unwrap();
    let decide = |amount: &str| {
        let ruling = Ruling::Grant { amount: Some(eur(amount)), reasons: Vec::new() };
        let left = Decimal::from(5_000_000);
        study.decide(&ruling, &contract(), &limit, left, &Parameters::default(), at(NOW))
    };
    assert_eq!(decide("100000"), Err(Refusal::Amount(AmountFault::NotAnIncrease)));
    assert_eq!(after(&study, decide("100000.01")).endorsement_no, Some(1));
    let denied = new(Outcome::Denied, None);
    assert_eq!(Standing::of([&it, &denied], at(NOW)).endorsement_no, Some(1));
    assert!(!takes_over(&it.deactivate(Party::Insured, None, at(NOW)).unwrap()));
}

#[test]
fn a_debtor_has_one_limit_and_one_open_request() {
    let check = |request_type, amount: &str, others: &[&Classification], now: &str| {
        let standing = Standing::of(others.iter().copied(), at(now));
        standing.check(&asked(request_type, amount), &contract(), at(now))
    };
    let (limit, offer, study) =
        (active(), new(Outcome::Offered, Some("30000")), new(Outcome::Referred, None));
    let duplicate = Err(Refusal::Duplicate { request_no: 1 });
    use RequestType::{Increase, New, Prolongation};
    assert_eq!(check(New, "1", &[&limit], NOW), duplicate);
    assert_eq!(check(New, "1", &[&offer], NOW), duplicate);
    assert_eq!(check(Increase, "1", &[&study], NOW), duplicate);
    assert_eq!(check(New, "1", &[&offer], "2026-12-08T10:00:00Z"), Ok(()), "the offer has expired");
    assert_eq!(check(Increase, "1", &[], NOW), Err(Refusal::NoLimit));
    assert_eq!(check(Prolongation, "100000", &[&limit], NOW), Ok(()));
    assert_eq!(check(Prolongation, "100001", &[&limit], NOW), Err(Refusal::Amount(AmountFault::TooMuch)));
    assert_eq!(check(New, "1", &[], "2028-12-31T23:00:00Z"), Err(Refusal::ContractNotInForce));
    assert_eq!(check(New, "1", &[], "2028-12-31T22:59:59Z"), Ok(()));
    assert_eq!(check(New, "1", &[], "2025-12-31T22:59:59Z"), Err(Refusal::ContractNotInForce));
    let mut dollars = asked(New, "1");
    dollars.currency = Currency::parse("USD").unwrap();
    assert_eq!(Standing::default().check(&dollars, &contract(), at(NOW)), Err(Refusal::Currency));
}

#[test]
fn what_helps_betters_the_limit() {
    let standing = Standing::of([&active()], at(NOW));
    let least =
        |request_type, amount: &str| standing.at_least(&asked(request_type, amount), &Parameters::default());
    assert_eq!(least(RequestType::Increase, "200000"), Some(eur("100000.01")));
    assert_eq!(least(RequestType::Prolongation, "15500"), Some(eur("15000")));
    assert_eq!(Standing::default().at_least(&asked(RequestType::New, "1"), &Parameters::default()), None);
}

#[test]
fn an_insured_never_sees_how_it_was_decided() {
    let record = answered(Outcome::Granted, Some("100000"));
    let request = asked(RequestType::New, "100000");
    let event = requested(request, &Standing::default(), record.clone(), NOW).unwrap();
    let it = Classification::first(&event).unwrap();
    let inactive = after(&it, it.deactivate(Party::Insurer, Some(ChangeReason::Sanctions), at(NOW)));
    let activated = inactive.activate(Party::Insurer, &contract(), record, at(NOW)).unwrap();
    let cancelled = it.cancel(Party::Insurer, ChangeReason::Sanctions, None, at(NOW)).unwrap();
    let deactivated = it.deactivate(Party::Insurer, Some(ChangeReason::Sanctions), at(NOW)).unwrap();
    let mut seen = serde_json::to_string(&View::for_insured(&it)).unwrap();
    for event in [event.clone()].iter().chain(&activated).chain(&cancelled).chain(&deactivated) {
        seen += &serde_json::to_string(&EventView::for_insured(1, event).unwrap()).unwrap();
    }
    for secret in
        ["decision\"", "explanation", "inputsHash", "5ec2e7", "123456.78", "3.7675", "\"reasonCode\":"]
    {
        assert!(!seen.contains(secret), "{secret}: {seen}");
    }
    let all = serde_json::to_string(&View::for_underwriter(&it)).unwrap()
        + &serde_json::to_string(&EventView::for_underwriter(1, &event).unwrap()).unwrap();
    for shown in ["explanation", "inputsHash", "5ec2e7"] {
        assert!(all.contains(shown), "{shown}");
    }
}

#[test]
fn the_view_is_the_contracts() {
    insta::assert_json_snapshot!(View::for_insured(&new(Outcome::Offered, Some("30000"))), @r#"
    {
      "id": "00000000-0000-0000-0000-000000000007",
      "contractNo": "90000000001",
      "requestNo": 1,
      "endorsementNo": 1,
      "requestType": "NEW",
      "countryCode": "ES",
      "taxCode": "B00000026",
      "idCheck": "CHECKSUM",
      "companyName": "Ferretería Ñandú",
      "customerReference": "C-1",
      "currencyCode": "EUR",
      "creditLimitRequested": "100000.00",
      "creditLimitGranted": "30000.00",
      "fxRate": "1",
      "fxDate": "2026-11-22",
      "paymentTermsRequested": 60,
      "paymentTermsGranted": 60,
      "paymentMethodRequestedCode": "1",
      "paymentMethodGrantedCode": "1",
      "commercialRiskCoverPct": "90.00",
      "politicalRiskCoverPct": "85.00",
      "commercialRiskGroupCode": 4,
      "classificationDecisionCode": "4",
      "reasonCodes": [],
      "premium": {
        "rateBps": 60,
        "annualAmount": "180.00",
        "offerExpiresAt": "2026-12-07T23:00:00Z"
      },
      "scheduledChange": null,
      "status": "PREMIUM_PENDING",
      "statusCode": 3,
      "deactivatedBy": null,
      "requestEntryDate": "2026-11-22",
      "classificationDate": "2026-11-22",
      "effectiveDate": null,
      "validityDate": null,
      "cancellationDate": null,
      "validityReasonCode": null,
      "version": 1
    }
    "#);
}

#[test]
fn events_have_a_stable_json() {
    let it = active();
    let events = it.cancel(Party::Insurer, ChangeReason::RiskWorsened, None, at(NOW)).unwrap();
    insta::assert_json_snapshot!(events, @r#"
    [
      {
        "from": "ACTIVE",
        "to": "ACTIVE",
        "actor": "INSURER",
        "at": "2026-11-22T10:00:00Z",
        "type": "CANCELLATION_SCHEDULED",
        "payload": {
          "date": "2026-12-22",
          "reasonCode": "6"
        }
      }
    ]
    "#);
    let superseded = it.supersede(2, at(NOW)).unwrap();
    insta::assert_json_snapshot!(superseded, @r#"
    [
      {
        "from": "ACTIVE",
        "to": "SUPERSEDED",
        "actor": "ENGINE",
        "at": "2026-11-22T10:00:00Z",
        "type": "SUPERSEDED",
        "payload": {
          "byRequestNo": 2
        }
      }
    ]
    "#);
}

#[test]
fn events_that_do_not_follow_are_refused() {
    let request = asked(RequestType::New, "100000");
    let decision = answered(Outcome::Granted, Some("100000"));
    let first = requested(request, &Standing::default(), decision, NOW).unwrap();
    let it = Classification::first(&first).unwrap();
    let [second] =
        it.deactivate(Party::Insured, None, at("2026-11-23T10:00:00Z")).unwrap().try_into().unwrap();
    assert!(Classification::from_events([&first, &second]).is_ok());
    assert_eq!(Classification::from_events([]), Err(Broken(1)));
    assert_eq!(Classification::from_events([&second]), Err(Broken(1)));
    assert_eq!(Classification::from_events([&first, &first]), Err(Broken(2)));
    assert_eq!(Classification::from_events([&first, &second, &second]), Err(Broken(3)));
    let early = Event { at: at("2026-11-22T09:59:59Z"), ..second.clone() };
    assert_eq!(Classification::from_events([&first, &early]), Err(Broken(2)));
    let others = Event { actor: Actor::Timer, ..second };
    assert_eq!(Classification::from_events([&first, &others]), Err(Broken(2)));
}

#[test]
fn debug_output_hides_who_the_debtor_is() {
    let shown = format!("{:?}", active());
    for secret in ["B00000026", "Ñandú", "Pilar"] {
        assert!(!shown.contains(secret), "{secret}");
    }
}

/// A command, with what it needs reduced to what a random sequence varies.
#[derive(Debug, Clone)]
enum Command {
    Decide(Option<u32>),
    Accept(bool),
    Deny,
    Deactivate(Party),
    Activate(Party, bool),
    Reduce(Party, u32),
    Cancel(Party, ChangeReason, Option<u64>),
    Supersede,
    Sweep,
}

fn any_command() -> impl Strategy<Value = Command> {
    let party = || prop::sample::select(vec![Party::Insured, Party::Insurer]);
    prop_oneof![
        prop::option::of(1_u32..200).prop_map(Command::Decide),
        any::<bool>().prop_map(Command::Accept),
        Just(Command::Deny),
        party().prop_map(Command::Deactivate),
        (party(), any::<bool>()).prop_map(|(party, enough)| Command::Activate(party, enough)),
        (party(), 1_u32..120).prop_map(|(party, amount)| Command::Reduce(party, amount)),
        (party(), prop::sample::select(ChangeReason::ALL.to_vec()), prop::option::of(0_u64..90))
            .prop_map(|(party, reason, days)| Command::Cancel(party, reason, days)),
        Just(Command::Supersede),
        Just(Command::Sweep),
    ]
}

fn run(it: &Classification, command: &Command, now: DateTime<Utc>) -> Result<Vec<Event>, Refusal> {
    let (contract, parameters) = (contract(), Parameters::default());
    let thousands = |amount: u32| Amount::down(Decimal::from(amount) * dec!(1000), Currency::EUR);
    match command {
        Command::Decide(amount) => {
            let ruling = match amount {
                Some(amount) => Ruling::Grant { amount: Some(thousands(*amount)), reasons: Vec::new() },
                None => Ruling::Deny { reasons: Vec::new() },
            };
            it.decide(&ruling, &contract, &Standing::default(), dec!(90_000), &parameters, now)
        }
        Command::Accept(right) => {
            it.accept_premium(Some(eur(if *right { "180" } else { "1" })), &contract, &parameters, now)
        }
        Command::Deny => it.deny_premium(now),
        Command::Deactivate(party) => it.deactivate(*party, None, now),
        Command::Activate(party, enough) => {
            let answer = if *enough { Some("100000") } else { None };
            it.activate(*party, &contract, answered(Outcome::Granted, answer), now)
        }
        Command::Reduce(party, amount) => it.reduce(*party, thousands(*amount), now),
        Command::Cancel(party, reason, days) => {
            let date = days.map(|days| date_of(now) + chrono::Days::new(days));
            it.cancel(*party, *reason, date, now)
        }
        Command::Supersede => it.supersede(9, now),
        Command::Sweep => Ok(it.due(now)),
    }
}

/// The contract's table of states, written down a second time, by hand.
fn may_follow(from: Status, to: Status) -> bool {
    use Status::*;
    let after: &[Status] = match from {
        InStudy => &[Active, PremiumPending, Denied, Withdrawn],
        PremiumPending => &[Active, PremiumDenied, OfferExpired, Cancelled],
        Active => &[Active, Inactive, Cancelled, Expired, Superseded],
        Inactive => &[Inactive, Active, Cancelled, Expired, Superseded],
        _ => &[],
    };
    after.contains(&to)
}

fn any_start() -> impl Strategy<Value = Classification> {
    prop::sample::select(vec![
        (Outcome::Granted, Some("100000")),
        (Outcome::Offered, Some("30000")),
        (Outcome::Referred, None),
        (Outcome::Denied, None),
    ])
    .prop_map(|(outcome, grant)| new(outcome, grant))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn commands_and_clocks_never_leave_the_table_and_events_rebuild_the_state(
        start in any_start(),
        steps in prop::collection::vec((any_command(), prop_oneof![-600_i64..600, 0_i64..60_000]), 1..25),
    ) {
        let requested = Requested {
            id: start.id,
            contract_no: start.contract_no.clone(),
            request_no: start.request_no,
            endorsement_no: start.endorsement_no,
            request: start.request.clone(),
            fx: start.fx,
            verdict: Verdict {
                grade: start.grade,
                reason_codes: start.reason_codes.clone(),
                grant: start.grant.clone(),
            },
            decision: start.decision.clone(),
        };
        let mut events = vec![Event {
            from: None,
            to: start.status,
            actor: Actor::Insured,
            at: start.requested_at,
            change: Change::Requested(Box::new(requested)),
        }];
        let mut it = start;
        let mut now = at(NOW);
        for (command, minutes) in steps {
            // Back where the clock of another replica lags behind.
            now += TimeDelta::minutes(minutes);
            let before = it.clone();
            match run(&it, &command, now) {
                Err(Refusal::State { status, allowed }) => {
                    prop_assert_eq!(status, it.at(now).status);
                    for action in allowed {
                        let rows = state::TRANSITIONS.iter().filter(|row| row.from == Some(status));
                        prop_assert!(rows.into_iter().any(|row| row.action == action));
                    }
                }
                Err(_) => {}
                Ok(new) => {
                    for event in new {
                        prop_assert!(may_follow(it.status, event.to), "{:?} {event:?}", it.status);
                        prop_assert!(state::leads(Some(it.status), event.change.action(), event.actor, event.to));
                        prop_assert!(it.apply(&event).is_ok(), "{event:?}");
                        events.push(event);
                    }
                }
            }
            prop_assert!(it.granted_amount() <= Some(it.request.amount.max(eur("100000"))));
            prop_assert_eq!(it.grant.is_some(), it.endorsement_no.is_some());
            prop_assert!(before.endorsement_no.is_none_or(|no| it.endorsement_no == Some(no)));
            prop_assert_eq!(it.deactivated_by.is_some(), it.status == Status::Inactive);
        }
        let stored: Vec<String> = events.iter().map(|event| serde_json::to_string(event).unwrap()).collect();
        let read: Vec<Event> = stored.iter().map(|event| serde_json::from_str(event).unwrap()).collect();
        prop_assert_eq!(&read, &events);
        prop_assert_eq!(Classification::from_events(&read), Ok(it.clone()));
        prop_assert_eq!(it.version, events.len() as u64);
    }

    #[test]
    fn whenever_a_sweeper_runs_a_reader_sees_the_same(
        start in any_start(),
        commands in prop::collection::vec((any_command(), 0_i64..60_000), 0..6),
        mut sweeps in prop::collection::vec(0_i64..1_500_000, 0..6),
    ) {
        let mut it = start;
        let mut now = at(NOW);
        for (command, minutes) in commands {
            now += TimeDelta::minutes(minutes);
            for event in run(&it, &command, now).unwrap_or_default() {
                it.apply(&event).unwrap();
            }
        }
        let end = now + TimeDelta::minutes(1_500_000);
        let read = it.at(end);
        sweeps.sort_unstable();
        let mut swept = it;
        for minutes in sweeps {
            let at = now + TimeDelta::minutes(minutes);
            for event in swept.due(at) {
                swept.apply(&event).unwrap();
            }
            prop_assert_eq!(swept.due(at), Vec::new());
        }
        prop_assert_eq!(swept.at(end), read);
    }
}
