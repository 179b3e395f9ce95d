#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn eur(text: &str) -> Amount {
    Amount::parse(text, Currency::EUR).unwrap()
}

/// From working capital, retained earnings, EBIT, total assets, equity, total liabilities and turnover, in thousands.
fn accounts(figures: [i64; 7]) -> Accounts {
    let [working_capital, retained_earnings, ebit, total_assets, equity, total_liabilities, turnover] =
        figures.map(Decimal::from);
    Accounts { working_capital, retained_earnings, ebit, total_assets, equity, total_liabilities, turnover }
}

const GOOD: [i64; 7] = [800, 900, 400, 4000, 2000, 2000, 9000];
const BAD: [i64; 7] = [-200, -100, -50, 1500, 200, 1300, 3000];

/// The contract's first sandbox contract and a debtor with nothing remarkable.
fn inputs(figures: [i64; 7], days_beyond_terms: i32, exposure: i64, requested: &str) -> Inputs {
    Inputs {
        occasion: Occasion::Request,
        day: date("2026-11-22"),
        country: Country::ES,
        is_natural_person: false,
        debtor: Profile {
            founded: Some(date("2001-03-01")),
            is_insolvent: false,
            accounts: Some(accounts(figures)),
            days_beyond_terms: Some(days_beyond_terms),
        },
        sanctions: Sanctions::Clear,
        consumer_check: None,
        exposure: Decimal::from(exposure),
        currency: Currency::EUR,
        fx: Fx { rate: Decimal::ONE, date: date("2026-11-22") },
        requested: eur(requested),
        at_least: None,
        terms_days: 90,
        contract_terms_days: 90,
        has_comments: false,
        debtor_cap: eur("1000000"),
        aggregate_left: dec!(5_000_000),
    }
}

fn with(mut inputs: Inputs, change: impl FnOnce(&mut Inputs)) -> Inputs {
    change(&mut inputs);
    inputs
}

fn decide(inputs: &Inputs) -> Decision {
    evaluate(inputs, &Parameters::default())
}

fn effect<'a>(decision: &'a Decision, id: &str) -> &'a str {
    decision.explanation.iter().find(|rule| rule.id == id).map_or("", |rule| &rule.effect)
}

#[test]
fn the_sandbox_comes_out_as_the_contract_has_it() {
    use Outcome::{Denied, Granted, Offered, Referred};
    let good = || inputs(GOOD, 5, 50_000, "10000");
    let table = [
        ("A00000018", inputs(GOOD, 5, 50_000, "100000"), "3.7675", 6, Granted, "100000.00", ""),
        (
            "B00000026",
            inputs([300, 400, 150, 3000, 1000, 2000, 6000], 10, 0, "150000"),
            "1.9517",
            5,
            Granted,
            "100000.00",
            "",
        ),
        (
            "B00000034",
            inputs([150, 200, 120, 2000, 600, 1400, 5000], 10, 0, "50000"),
            "1.6712",
            4,
            Offered,
            "30000.00",
            "",
        ),
        ("B00000042", with(good(), |it| it.debtor.is_insolvent = true), "", 0, Denied, "", "3"),
        ("A00000059", inputs(BAD, 45, 0, "40000"), "-1.1545", 1, Denied, "", "15"),
        (
            "B00000067",
            with(good(), |it| it.debtor.founded = Some(date("2026-03-22"))),
            "3.7675",
            6,
            Referred,
            "",
            "4",
        ),
        ("B00000075", with(good(), |it| it.debtor.accounts = None), "", 0, Referred, "", "2"),
        ("B00000083", with(good(), |it| it.sanctions = Sanctions::Possible), "3.7675", 6, Referred, "", ""),
        ("W0000013C", with(good(), |it| it.sanctions = Sanctions::Confirmed), "", 0, Denied, "", "7"),
        ("A00000091", inputs(GOOD, 5, 50_000, "600000"), "3.7675", 6, Referred, "", ""),
        (
            "99999990S",
            with(inputs(BAD, 45, 0, "5000"), |it| it.is_natural_person = true),
            "-1.1545",
            1,
            Referred,
            "",
            "",
        ),
        (
            "B00000117",
            inputs([600, 700, 300, 3000, 1500, 1500, 8000], 0, 375_000, "60000"),
            "3.7947",
            7,
            Denied,
            "",
            "13",
        ),
        (
            "FR 000000018",
            with(inputs(GOOD, 5, 50_000, "20000"), |it| {
                it.country = Country::FR;
                it.consumer_check = Some(ConsumerCheck::Green);
            }),
            "3.7675",
            6,
            Granted,
            "20000.00",
            "",
        ),
    ];
    for (code, inputs, z, grade, outcome, grant, reasons) in table {
        let decision = decide(&inputs);
        assert_eq!(decision.z.map(|z| z.to_string()).unwrap_or_default(), z, "{code}");
        assert_eq!(decision.grade.unwrap_or_default(), grade, "{code}");
        assert_eq!(decision.outcome, outcome, "{code}");
        assert_eq!(decision.grant.map(|grant| grant.to_string()).unwrap_or_default(), grant, "{code}");
        let codes: Vec<String> = decision.reason_codes.iter().map(DecisionReason::to_string).collect();
        assert_eq!(codes.join(","), reasons, "{code}");
        let premium = decision.premium.map(|it| (it.rate_bps, it.annual_amount.to_string()));
        assert_eq!(premium, (outcome == Offered).then(|| (60, "180.00".to_owned())), "{code}");
    }
}

#[test]
fn each_reason_for_a_referral_refers_on_its_own() {
    type Change = fn(&mut Inputs);
    let cases: [(&str, Change); 12] = [
        ("screening", |it| it.sanctions = Sanctions::Unavailable),
        ("screening", |it| it.sanctions = Sanctions::Possible),
        ("consumer-check", |it| it.consumer_check = Some(ConsumerCheck::Red)),
        ("consumer-check", |it| it.consumer_check = Some(ConsumerCheck::Unavailable)),
        ("consumer-check", |it| it.country = Country::FR),
        ("amount", |it| it.requested = eur("500000.01")),
        ("terms", |it| it.terms_days = 91),
        ("comments", |it| it.has_comments = true),
        ("age", |it| it.debtor.founded = Some(date("2024-11-23"))),
        ("age", |it| it.debtor.founded = None),
        ("accounts", |it| it.debtor.accounts = None),
        ("balance-sheet", |it| it.debtor.accounts.as_mut().unwrap().total_liabilities = Decimal::ZERO),
    ];
    for (id, change) in cases {
        let decision = decide(&with(inputs(GOOD, 5, 0, "10000"), change));
        assert_eq!((decision.outcome, effect(&decision, id)), (Outcome::Referred, "REFER"), "{id}");
        assert_eq!(decision.grant, None);
        let others = decision.explanation.iter().filter(|rule| rule.effect == "REFER").count();
        assert_eq!(others, 1, "{id}");
    }
}

#[test]
fn a_bound_itself_is_not_beyond_it() {
    let decision = decide(&with(inputs(GOOD, 5, 0, "500000"), |it| {
        it.debtor.founded = Some(date("2024-11-22"));
        it.debtor.accounts = Some(accounts([800, 900, 400, 4000, 2000, 2000, 9000].map(|it| it * 10)));
    }));
    assert_eq!(decision.outcome, Outcome::Granted);
    assert_eq!(decision.grant, Some(eur("500000")));
}

#[test]
fn grades_begin_at_their_bound_and_premiums_are_rounded_to_the_nearest_cent() {
    let parameters = Parameters::default();
    for (z, grade) in [
        ("-0.0001", 1),
        ("0", 3),
        ("1.0999", 3),
        ("1.1", 4),
        ("1.75", 5),
        ("2.6", 6),
        ("4", 7),
        ("5.5", 8),
        ("7", 9),
    ] {
        assert_eq!(parameters.base_grade(z.parse().unwrap()), grade, "{z}");
    }
    for (days, change) in [(-5, 1), (0, 1), (1, 0), (15, 0), (16, -1), (30, -1), (31, -2), (60, -2), (61, -3)]
    {
        assert_eq!(parameters.lateness(days), change, "{days}");
    }
    let premium = |grant: &str| parameters.premium(eur(grant), Some(4), Currency::EUR).unwrap().annual_amount;
    assert_eq!((premium("12342.50"), premium("12342.49")), (eur("74.06"), eur("74.05")));
}

#[test]
fn a_denial_comes_before_a_referral() {
    let decision = decide(&with(inputs(GOOD, 5, 0, "600000"), |it| {
        it.debtor.is_insolvent = true;
        it.debtor.accounts = None;
        it.has_comments = true;
    }));
    assert_eq!((decision.outcome, decision.reason_codes), (Outcome::Denied, vec![DecisionReason::INSOLVENT]));
}

#[test]
fn countries_off_cover_are_denied_and_ceilings_hold() {
    let mut parameters = Parameters::default();
    parameters.country_ceilings.insert(Country::ES, 4);
    let decision = evaluate(&inputs(GOOD, 5, 0, "10000"), &parameters);
    assert_eq!((decision.grade, decision.outcome), (Some(4), Outcome::Offered));
    parameters.off_cover.insert(Country::ES);
    let decision = evaluate(&inputs(GOOD, 5, 0, "10000"), &parameters);
    assert_eq!(decision.outcome, Outcome::Denied);
}

#[test]
fn the_least_of_all_limits_is_granted_in_thousands_of_the_requests_currency() {
    let grant = |change: fn(&mut Inputs)| decide(&with(inputs(GOOD, 5, 50_000, "400999.99"), change)).grant;
    assert_eq!(grant(|_| ()), Some(eur("250000")), "15 % of equity less exposure");
    assert_eq!(grant(|it| it.debtor_cap = eur("70500")), Some(eur("70000")));
    assert_eq!(grant(|it| it.aggregate_left = dec!(1999.99)), Some(eur("1000")));
    assert_eq!(grant(|it| it.aggregate_left = dec!(999.99)), None);
    assert_eq!(grant(|it| it.requested = eur("20500")), Some(eur("20000")));
    let dollars = grant(|it| {
        it.currency = Currency::parse("USD").unwrap();
        it.fx.rate = dec!(1.10);
    });
    assert_eq!(dollars.unwrap().to_string(), "275000.00");
}

#[test]
fn what_does_not_better_the_limit_in_force_is_denied() {
    let decision =
        decide(&with(inputs(GOOD, 5, 50_000, "400000"), |it| it.at_least = Some(eur("250000.01"))));
    assert_eq!(
        (decision.outcome, decision.reason_codes),
        (Outcome::Denied, vec![DecisionReason::LIMIT_FULL])
    );
}

#[test]
fn an_activation_asks_for_the_whole_limit_and_not_for_its_request_again() {
    let decision = decide(&with(inputs(GOOD, 5, 0, "15500.50"), |it| {
        it.occasion = Occasion::Activation;
        it.terms_days = 180;
        it.has_comments = true;
    }));
    assert_eq!((decision.outcome, decision.grant), (Outcome::Granted, Some(eur("15500.50"))));
}

#[test]
fn a_person_is_not_denied_on_figures_but_on_facts() {
    let person = |change: fn(&mut Inputs)| {
        decide(&with(inputs(GOOD, 5, 400_000, "5000"), |it| {
            it.is_natural_person = true;
            it.debtor.founded = None;
            change(it);
        }))
    };
    assert_eq!(person(|_| ()).outcome, Outcome::Referred, "no capacity");
    assert_eq!(person(|it| it.sanctions = Sanctions::Confirmed).outcome, Outcome::Denied);
    assert_eq!(person(|it| it.exposure = Decimal::ZERO).outcome, Outcome::Granted);
}

#[test]
fn a_past_decision_is_made_again_from_what_was_stored() {
    let snapshot =
        Snapshot::new(inputs([150, 200, 120, 2000, 600, 1400, 5000], 10, 0, "50000"), Parameters::default());
    let record = snapshot.decide().unwrap();
    let stored = canonical::json(&snapshot).unwrap();
    let again: Snapshot = serde_json::from_str(&stored).unwrap();
    assert_eq!(again.decide().unwrap(), record);
    assert_eq!(canonical::sha256(&stored), record.inputs_hash);
    let stored = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<DecisionRecord>(&stored).unwrap(), record);

    let mut changed = snapshot;
    changed.parameters.premium_bps = 70;
    assert_ne!(changed.decide().unwrap().inputs_hash, record.inputs_hash, "the engine's numbers are inputs");
}

#[test]
fn parameters_have_defaults_and_are_checked() {
    let read = |json: &str| serde_json::from_str::<Parameters>(json).unwrap();
    assert_eq!(read("{}"), Parameters::default());
    assert_eq!(read("{}").check(), Ok(()));
    assert_eq!(read(r#"{"premium_bps": 75}"#).premium_bps, 75);
    assert_eq!(read(r#"{"grade_bounds": [["2", 3], ["1", 5]]}"#).check(), Err("grade_bounds"));
    assert_eq!(read(r#"{"grade_bounds": [["1", 5], ["2", 3]]}"#).check(), Err("grade_bounds"));
    assert_eq!(
        read(r#"{"lateness_bounds": [[0, -1]], "worst_lateness": 0}"#).check(),
        Err("lateness_bounds")
    );
    assert_eq!(read(r#"{"grant_step": "0"}"#).check(), Err("grant_step"));
    assert!(serde_json::from_str::<Parameters>(r#"{"premium_bsp": 75}"#).is_err());
}

prop_compose! {
    fn any_inputs()(
        figures in prop::array::uniform7(-5_000_i64..20_000),
        days in -20_i32..120,
        exposure in 0_i64..600_000,
        cents in 1_i64..90_000_000,
        cap in 1_i64..90_000_000,
        aggregate in -1_000_i64..900_000,
        is_natural_person in prop::bool::weighted(0.2),
        rate in 1_i64..100_000,
    ) -> Inputs {
        let mut inputs = inputs(figures, days, exposure, "1");
        inputs.requested = Amount::down(Decimal::new(cents, 2), Currency::EUR);
        inputs.debtor_cap = Amount::down(Decimal::new(cap, 2), Currency::EUR);
        inputs.aggregate_left = Decimal::from(aggregate);
        inputs.is_natural_person = is_natural_person;
        inputs.fx.rate = Decimal::new(rate, 3);
        inputs
    }
}

proptest! {
    #[test]
    fn a_grant_is_within_every_limit(inputs in any_inputs()) {
        let decision = decide(&inputs);
        let is_granted = matches!(decision.outcome, Outcome::Granted | Outcome::Offered);
        prop_assert_eq!(decision.grant.is_some(), is_granted);
        prop_assert_eq!(decision.premium.is_some(), decision.outcome == Outcome::Offered);
        if let Some(grant) = decision.grant {
            prop_assert!(grant > Amount::down(Decimal::ZERO, Currency::EUR));
            prop_assert!(grant <= inputs.requested && grant <= inputs.debtor_cap);
            prop_assert!(grant.value() <= inputs.aggregate_left);
            prop_assert!(grant.value() <= inputs.fx.of_eur(decision.capacity.unwrap()));
            prop_assert!((grant.value() % dec!(1000)).is_zero());
            prop_assert!(decision.grade > Some(3));
        }
        prop_assert!(!(inputs.is_natural_person && decision.outcome == Outcome::Denied));
    }

    #[test]
    fn better_figures_never_lower_the_grade(inputs in any_inputs(), more in 0_i64..5_000, earlier in 0_i32..50) {
        let better = with(inputs.clone(), |it| {
            it.debtor.accounts.as_mut().unwrap().working_capital += Decimal::from(more);
            it.debtor.days_beyond_terms = it.debtor.days_beyond_terms.map(|days| days - earlier);
        });
        let (worse, better) = (decide(&inputs), decide(&better));
        prop_assert!(better.z >= worse.z);
        prop_assert!(better.grade >= worse.grade);
    }

    #[test]
    fn no_figure_makes_it_fail(
        mantissas in prop::array::uniform7(any::<i64>()),
        scales in prop::array::uniform7(0_u32..28),
        exposure in any::<i64>(),
        occasion in prop::sample::select(vec![Occasion::Request, Occasion::Activation]),
    ) {
        let mut inputs = inputs(GOOD, 0, exposure, "1000");
        inputs.occasion = occasion;
        let figure = |at: usize| Decimal::new(mantissas[at], scales[at]);
        inputs.debtor.accounts = Some(Accounts {
            working_capital: figure(0),
            retained_earnings: figure(1),
            ebit: figure(2),
            total_assets: figure(3),
            equity: figure(4),
            total_liabilities: figure(5),
            turnover: figure(6),
        });
        inputs.aggregate_left = Decimal::MAX;
        inputs.fx.rate = figure(0).abs();
        decide(&inputs);
    }
}
