//! What is decided, and what others' silence does.

use classifications::connectors::Unavailable;
use classifications::connectors::debtors::Bureau;
use classifications::domain::country::Country;
use classifications::domain::debtor::{Debtor, DebtorId, Profile};
use classifications::domain::money::{Amount, Currency};
use classifications::domain::state::Status;
use classifications::work::desk::Desk;
use common::client::CallError;
use wiremock::matchers::{body_partial_json, method, path};
use wiremock::{Mock, ResponseTemplate};

use crate::support::*;

#[tokio::test]
async fn the_contracts_sandbox_comes_out_as_it_is_written() {
    let office = Office::open().await;
    for (country, tax_code, asks, expected, grant, reason, z) in [
        (Country::ES, "A00000018", "100000", Status::Active, Some("100000.00"), None, Some("3.7675")),
        (Country::ES, "B00000026", "150000", Status::Active, Some("100000.00"), None, Some("1.9517")),
        (Country::ES, "B00000034", "50000", Status::PremiumPending, Some("30000.00"), None, Some("1.6712")),
        (Country::ES, "B00000042", "20000", Status::Denied, None, Some("3"), None),
        (Country::ES, "A00000059", "40000", Status::Denied, None, Some("15"), Some("-1.1545")),
        (Country::ES, "B00000067", "10000", Status::InStudy, None, Some("4"), Some("3.7675")),
        (Country::ES, "B00000075", "10000", Status::InStudy, None, Some("2"), None),
        (Country::ES, "B00000083", "10000", Status::InStudy, None, None, Some("3.7675")),
        (Country::ES, "W0000013C", "10000", Status::Denied, None, Some("7"), None),
        (Country::ES, "A00000091", "600000", Status::InStudy, None, None, Some("3.7675")),
        (Country::ES, "99999990S", "5000", Status::InStudy, None, None, Some("-1.1545")),
        (Country::ES, "B00000117", "60000", Status::Denied, None, Some("13"), Some("3.7947")),
        (Country::FR, "000000018", "20000", Status::Active, Some("20000.00"), None, Some("3.7675")),
    ] {
        let done = office.create(ask_in(country, tax_code, asks)).await.unwrap();
        assert_eq!(status(&done), (expected, grant.map(str::to_owned)), "{tax_code}");
        let it = done.classification;
        let reasons: Vec<String> = it.reason_codes.iter().map(ToString::to_string).collect();
        assert_eq!(reasons, reason.into_iter().map(str::to_owned).collect::<Vec<_>>(), "{tax_code}");
        let decision = it.decision.unwrap().decision;
        assert_eq!(decision.z.map(|z| z.to_string()).as_deref(), z, "{tax_code}");
        let premium = it.grant.and_then(|grant| grant.premium).map(|it| it.annual_amount.to_string());
        assert_eq!(premium.as_deref(), (tax_code == "B00000034").then_some("180.00"), "{tax_code}");
    }
    office.assert_consistent().await;
    let replayed = office.desk.replay_decisions(&underwriter(), &no(FIRST), 1).await.unwrap();
    assert_eq!(replayed.len(), 1);
    for it in replayed {
        assert_eq!(it.recorded, it.repeated);
    }
}

#[tokio::test]
async fn a_past_decision_is_repeated_though_figures_rates_and_parameters_have_changed() {
    let office = Office::open().await;
    office.granted("A00000018", "100000").await;
    let worse = DEBTORS.replace(
        "ES,A00000018,Talleres Uno SA,2001-03-01,false,800",
        "ES,A00000018,Uno,2026-01-01,true,-800",
    );
    office.desk.import_debtors(&underwriter(), worse.as_bytes()).await.unwrap();
    let mut config = office.config.clone();
    config.parameters.refer_above = 1.into();
    let desk = Desk::new(config.database.pool().unwrap(), office.clock.clone(), &config).unwrap();
    office.advance(3);
    let [replayed] = &desk.replay_decisions(&underwriter(), &no(FIRST), 1).await.unwrap()[..] else {
        panic!()
    };
    assert_eq!(replayed.recorded, replayed.repeated);
    assert!(replayed.recorded.decision.grant.is_some());
    // An activation asks again, and is told of the insolvency.
    let active = office.show(FIRST, 1).await;
    assert_eq!(active.decision.unwrap(), replayed.recorded);
}

#[tokio::test]
async fn gda_audit_is_asked_under_the_registered_name() {
    let office = Office::bare().await;
    let body = serde_json::json!({"externalRef": {"externalRefId": "ES:A00000018"},
        "identity": {"lastName": "Talleres Uno SA"}, "personType": "LEGAL"});
    let asked = Mock::given(method("PUT")).and(path("/checkrisk")).and(body_partial_json(body));
    asked.respond_with(risk("NO_MATCH")).expect(1).mount(&office.gda).await;
    let mut request = ask("A00000018", "10000");
    request.company_name = Some("Somebody else".to_owned().into());
    assert_eq!(status(&office.create(request).await.unwrap()).0, Status::Active);
}

#[tokio::test]
async fn silence_is_never_active() {
    let office = Office::bare().await;
    let mut tax_codes = ["A00000018", "B00000026", "A00000091", "B00000034"].into_iter();
    for answer in [
        ResponseTemplate::new(500),
        ResponseTemplate::new(200).set_body_string("<!DOCTYPE html>"),
        risk("SOMETHING_NEW"),
        risk("NO_RISK_FOUND").set_delay(std::time::Duration::from_secs(5)),
    ] {
        let answered =
            Mock::given(path("/checkrisk")).respond_with(answer).mount_as_scoped(&office.gda).await;
        let done = office.create(ask(tax_codes.next().unwrap(), "10000")).await.unwrap();
        assert_eq!(status(&done), (Status::InStudy, None));
        drop(answered);
    }
    // Nor without a connector.
    let mut config = office.config.clone();
    config.connectors = Default::default();
    let desk = Desk::new(config.database.pool().unwrap(), office.clock.clone(), &config).unwrap();
    let done = desk.create(&demo2(), &no(FOREIGN), ask("A00000018", "10000"), &free()).await.unwrap();
    assert_eq!(done.classification.status, Status::InStudy);
}

#[tokio::test]
async fn a_french_debtor_needs_secure_consumers_word_too() {
    for (answer, expected) in [
        (colour("green"), Status::Active),
        (colour("orange"), Status::Active),
        (colour("red"), Status::InStudy),
        (ResponseTemplate::new(200), Status::InStudy),
        (ResponseTemplate::new(503), Status::InStudy),
    ] {
        let office = Office::bare().await;
        Mock::given(path("/checkrisk")).respond_with(risk("NO_RISK_FOUND")).mount(&office.gda).await;
        let body = serde_json::json!({"social_reference": "Atelier Treize", "siren": "000000018"});
        let asked =
            Mock::given(method("POST")).and(path("/ssp/secure_consumer")).and(body_partial_json(body));
        asked.respond_with(answer).expect(1..).mount(&office.secure_consumer).await;
        let done = office.create(ask_in(Country::FR, "000000018", "20000")).await.unwrap();
        assert_eq!(done.classification.status, expected);
        // A Spanish debtor is not shown to it.
        let done = office.create(ask("A00000018", "20000")).await.unwrap();
        assert_eq!(done.classification.status, Status::Active);
    }
}

#[tokio::test]
async fn another_currency_counts_at_the_tables_rate() {
    let office = Office::open().await;
    let usd = Currency::parse("USD").unwrap();
    let mut request = ask("A00000018", "1");
    request.currency = usd;
    request.amount = Amount::parse("260000", usd).unwrap();
    // Capacity: 15 % of 2 M less 50 k at risk elsewhere, 250,000 EUR; the contract covers 250,000 USD on a debtor.
    let done = office.desk.create(&demo1(), &no(SECOND), request, &free()).await.unwrap();
    assert_eq!(status(&done), (Status::Active, Some("250000.00".to_owned())));
    assert_eq!(done.classification.fx.rate.to_string(), "1.10");
    // 250,000 USD are 227,272.73 EUR: 22,727.27 are left.
    let done = office.create(ask("A00000018", "100000")).await.unwrap();
    assert_eq!(status(&done), (Status::Active, Some("22000.00".to_owned())));
}

struct Made;

#[async_trait::async_trait]
impl Bureau for Made {
    fn name(&self) -> &'static str {
        "MADE_UP"
    }

    async fn debtor(&self, id: &DebtorId) -> Result<Option<Debtor>, Unavailable> {
        match id.tax_code.as_str() {
            "A00000125" => Ok(Some(Debtor {
                id: id.clone(),
                name: "Oficina SA".to_owned().into(),
                profile: Profile {
                    founded: Some(date("2001-01-01")),
                    is_insolvent: true,
                    accounts: None,
                    days_beyond_terms: None,
                },
                other_exposure: 0.into(),
            })),
            _ => Err(Unavailable::Call(CallError::Timeout)),
        }
    }
}

#[tokio::test]
async fn a_bureau_is_asked_for_debtors_of_whom_nothing_is_known() {
    let office = Office::open().await;
    let desk =
        Desk::new(office.config.database.pool().unwrap(), office.clock.clone(), &office.config).unwrap();
    let desk = desk.with_bureau(std::sync::Arc::new(Made));
    let done = desk.create(&demo1(), &no(FIRST), ask("A00000125", "1000"), &free()).await.unwrap();
    assert_eq!(done.classification.status, Status::Denied);
    assert_eq!(done.classification.reason_codes[0].to_string(), "3");
    // One of whom nobody knows anything is an underwriter's matter.
    let done = desk.create(&demo1(), &no(FIRST), ask("A00000133", "1000"), &free()).await.unwrap();
    assert_eq!(done.classification.status, Status::InStudy);
}

#[tokio::test]
async fn figures_are_the_insurers_to_bring() {
    use classifications::work::import::ImportError;
    let office = Office::open().await;
    let refused = office.desk.import_debtors(&demo1(), DEBTORS.as_bytes()).await;
    assert!(matches!(refused, Err(ImportError::Actor)));
    let file = "countryCode,taxCode,name\nES,A00000018,Uno\nES,A00000019,Dos\n";
    let imported = office.desk.import_debtors(&underwriter(), file.as_bytes()).await.unwrap();
    assert_eq!((imported.accepted, imported.rejected[0].line), (1, 3));
    let done = office.create(ask("A00000018", "1000")).await.unwrap();
    assert_eq!(done.classification.status, Status::InStudy);
}
