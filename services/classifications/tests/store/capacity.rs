//! However many ask at once, no debtor's capacity and no contract's aggregate is exceeded.

use classifications::domain::contract::Contract;
use classifications::domain::refusal::Refusal;
use classifications::domain::state::Status;
use classifications::store;
use classifications::work::command::{By, CommandError};
use common::clock::Clock;
use futures_util::future::join_all;
use rust_decimal::Decimal;

use crate::support::*;

/// More contracts, each of its own holder.
async fn contracts(office: &Office, count: usize) -> Vec<(By, String)> {
    let mut connection = office.pool.acquire().await.unwrap();
    let mut made = Vec::new();
    for n in 0..count {
        let (number, holder) = (format!("8000000{n:04}"), format!("insured{n}"));
        let contract = contract(&number, &holder);
        assert!(store::contracts::insert(&mut connection, &contract, office.clock.now()).await.unwrap());
        made.push((By { login: holder.into(), ..demo1() }, number));
    }
    made
}

async fn at_risk(office: &Office) -> Decimal {
    let sum: String = sqlx::query_scalar(
        "SELECT coalesce(sum((document->'grant'->>'amount')::numeric), 0)::text FROM classifications.classifications
         WHERE status IN ('ACTIVE', 'PREMIUM_PENDING')",
    )
    .fetch_one(&office.pool)
    .await
    .unwrap();
    sum.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_contracts_share_a_debtors_capacity() {
    let office = Office::open().await;
    // 15 % of 2 M equity less 50 k at risk elsewhere.
    let capacity = Decimal::from(250_000);
    let contracts = contracts(&office, 64).await;
    let creates = contracts.iter().map(|(by, number)| {
        let office = &office;
        async move {
            let request = ask("A00000018", "7000");
            office.desk.create(by, &no(number), request, &free()).await.unwrap().classification
        }
    });
    let created = join_all(creates).await;
    let granted: Vec<_> = created.iter().filter(|it| it.status == Status::Active).collect();
    // 35 of 7,000 and one of 5,000.
    assert_eq!((granted.len(), at_risk(&office).await), (36, capacity));
    for denied in created.iter().filter(|it| it.status != Status::Active) {
        assert_eq!((denied.status, denied.reason_codes[0].to_string()), (Status::Denied, "13".to_owned()));
    }

    // What is given up can be had by others, and those who come back find it taken, in any order.
    let back = join_all(contracts.iter().zip(&created).map(|((by, number), it)| {
        let office = &office;
        async move {
            let number = no(number);
            match it.endorsement_no {
                Some(endorsement) => {
                    let desk = &office.desk;
                    desk.deactivate(by, &number, endorsement, None, &free()).await.unwrap();
                    desk.activate(by, &number, endorsement, &free()).await
                }
                None => office.desk.create(by, &number, ask("A00000018", "7000"), &free()).await,
            }
        }
    }))
    .await;
    assert!(at_risk(&office).await <= capacity, "{}", at_risk(&office).await);
    for outcome in &back {
        assert!(matches!(outcome, Ok(_) | Err(CommandError::Refused(Refusal::Capacity))), "{outcome:?}");
    }
    office.assert_consistent().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_on_different_debtors_share_a_contracts_aggregate() {
    let office = Office::open().await;
    let mut connection = office.pool.acquire().await.unwrap();
    let small = Contract { aggregate: money("100000"), ..contract("80000000000", "demo1") };
    store::contracts::insert(&mut connection, &small, office.clock.now()).await.unwrap();
    // Twenty good companies.
    let mut file =
        "countryCode,taxCode,name,founded,workingCapital,retainedEarnings,ebit,totalAssets,equity,\
                    totalLiabilities,turnover\n"
            .to_owned();
    let codes: Vec<String> = (0..20).map(|n| format!("1{n:03}")).collect();
    for code in &codes {
        file.push_str(&format!("AD,{code},Casa {code},2001-01-01,800,900,400,4000,2000,2000,9000\n"));
    }
    assert_eq!(office.desk.import_debtors(&underwriter(), file.as_bytes()).await.unwrap().accepted, 20);
    let andorra = classifications::domain::country::Country::parse("AD").unwrap();
    let creates = codes.iter().map(|code| {
        let office = &office;
        async move {
            let request = ask_in(andorra, code, "7000");
            let done = office.desk.create(&demo1(), &no("80000000000"), request, &free()).await;
            done.unwrap().classification
        }
    });
    let created = join_all(creates).await;
    let granted = created.iter().filter(|it| it.status == Status::Active).count();
    // 14 of 7,000 and one of 2,000.
    assert_eq!((granted, at_risk(&office).await), (15, Decimal::from(100_000)));
    let mut numbers: Vec<u64> = created.iter().map(|it| it.request_no).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=20).collect::<Vec<_>>());
    office.assert_consistent().await;
}

#[tokio::test]
async fn what_time_has_released_can_be_granted_before_anybody_sweeps() {
    let office = Office::open().await;
    let mut connection = office.pool.acquire().await.unwrap();
    let small = Contract { aggregate: money("30000"), until: None, ..contract("80000000000", "demo1") };
    store::contracts::insert(&mut connection, &small, office.clock.now()).await.unwrap();
    let small = no("80000000000");
    let create = async |tax_code, amount| {
        let done = office.desk.create(&demo1(), &small, ask(tax_code, amount), &free()).await.unwrap();
        status(&done)
    };
    assert_eq!(create("B00000034", "50000").await, (Status::PremiumPending, Some("30000.00".to_owned())));
    assert_eq!(create("A00000018", "10000").await, (Status::Denied, None));
    office.advance(16);
    assert_eq!(create("A00000018", "10000").await, (Status::Active, Some("10000.00".to_owned())));
    assert_eq!(create("A00000091", "30000").await, (Status::Active, Some("20000.00".to_owned())));
    office.assert_consistent().await;
}
