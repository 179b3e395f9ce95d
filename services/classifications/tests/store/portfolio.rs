//! A large portfolio is streamed.

use std::time::Instant;

use classifications::work::command::{Filter, Page};
use futures_util::{StreamExt, TryStreamExt};

use crate::support::*;

#[tokio::test]
async fn ten_thousand_classifications_come_one_after_the_other() {
    let office = Office::open().await;
    office.granted("A00000018", "10000").await;
    // Copies on made-up debtors.
    sqlx::query(
        "INSERT INTO classifications.classifications
                (id, contract_no, request_no, country, tax_code, endorsement_no, customer_reference, status, next_due,
                 version, head, document, decision)
         SELECT gen_random_uuid(), contract_no, n, 'AD', 'P' || n, n, 'C', status, next_due, version, head,
                jsonb_set(document::jsonb, '{requestNo}', to_jsonb(n))::json, decision
         FROM classifications.classifications, generate_series(2, 10000) n",
    )
    .execute(&office.pool)
    .await
    .unwrap();
    let started = Instant::now();
    let mut list = office.desk.list(&demo1(), &no(FIRST), &Filter::default(), None, None).await.unwrap();
    assert_eq!(list.next().await.unwrap().unwrap().request_no, 1);
    let first = started.elapsed();
    let mut last = 1;
    while let Some(classification) = list.try_next().await.unwrap() {
        assert_eq!(classification.request_no, last + 1);
        last += 1;
    }
    assert_eq!(last, 10_000);
    let whole = started.elapsed();
    println!("first after {first:?}, all after {whole:?}");
    assert!(first * 4 < whole, "{first:?} {whole:?}");

    let page = Some(Page { after: 9_990, limit: 7 });
    let list = office.desk.list(&demo1(), &no(FIRST), &Filter::default(), page, None).await.unwrap();
    let numbers: Vec<u64> = list.map_ok(|it| it.request_no).try_collect().await.unwrap();
    assert_eq!(numbers, (9_991..=9_997).collect::<Vec<_>>());
}
