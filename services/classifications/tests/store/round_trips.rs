//! How often a request asks the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use classifications::domain::state::Status;
use classifications::work::command::By;
use classifications::work::desk::Desk;
use common::clock::Clock;
use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use crate::support::*;

/// Passes a connection on and counts the round trips in which the server completed a statement. The pool's own questions
/// whether a connection lives have none.
async fn count(client: TcpStream, server: TcpStream, count: Arc<AtomicUsize>) {
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let up = async { tokio::io::copy(&mut from_client, &mut to_server).await };
    let down = async {
        let mut message = Vec::new();
        let mut is_statement = false;
        loop {
            let mut head = [0; 5];
            from_server.read_exact(&mut head).await?;
            let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
            message.resize(length - 4, 0);
            from_server.read_exact(&mut message).await?;
            match head[0] {
                b'C' => is_statement = true,
                b'Z' if std::mem::take(&mut is_statement) => drop(count.fetch_add(1, Ordering::SeqCst)),
                _ => {}
            }
            to_client.write_all(&head).await?;
            to_client.write_all(&message).await?;
        }
        #[allow(unreachable_code)]
        Ok::<(), std::io::Error>(())
    };
    let _ = futures_util::future::select(Box::pin(up), Box::pin(down)).await;
}

/// A URL by which the database is reached through a counter.
async fn counted(url: &str) -> (String, Arc<AtomicUsize>) {
    let mut url: Url = url.parse().unwrap();
    let target = (url.host_str().unwrap().to_owned(), url.port().unwrap_or(5432));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    url.set_host(Some("127.0.0.1")).unwrap();
    url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
    url.set_query(Some("sslmode=disable"));
    let trips = Arc::new(AtomicUsize::new(0));
    let counter = trips.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(target.clone()).await.unwrap();
            tokio::spawn(count(client, server, counter.clone()));
        }
    });
    (url.to_string(), trips)
}

#[tokio::test]
async fn a_request_with_its_decision_is_four_round_trips() {
    let office = Office::open().await;
    let (url, trips) = counted(&office.database.app_url).await;
    let mut config = office.config.clone();
    config.database.url = url.into();
    let pool = config.database.pool_of(1).unwrap();
    let desk = Desk::new(pool, office.clock.clone(), &config).unwrap();
    let contract = no(FIRST);
    // The first one also connects and prepares its statements.
    desk.create(&demo1(), &contract, ask("A00000018", "10000"), &key("a", 1)).await.unwrap();
    for (tax_code, expected) in [("B00000026", Status::Active), ("B00000042", Status::Denied)] {
        let before = trips.load(Ordering::SeqCst);
        let done = desk.create(&demo1(), &contract, ask(tax_code, "10000"), &key(tax_code, 1)).await.unwrap();
        assert_eq!(done.classification.status, expected);
        assert_eq!(trips.load(Ordering::SeqCst) - before, 4, "{tax_code}");
    }
}

/// Not a test of correctness: `cargo test --release -- --ignored --nocapture rate` says how many requests a second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn rate() {
    let office = Office::open().await;
    let mut file =
        "countryCode,taxCode,name,founded,workingCapital,retainedEarnings,ebit,totalAssets,equity,\
                    totalLiabilities,turnover\n"
            .to_owned();
    for n in 0..4_000 {
        file.push_str(&format!("AD,R{n:05},Casa {n},2001-01-01,800,900,400,4000,2000,2000,9000\n"));
    }
    office.desk.import_debtors(&underwriter(), file.as_bytes()).await.unwrap();
    let mut connection = office.pool.acquire().await.unwrap();
    let contracts: Vec<(By, String)> = (0..8)
        .map(|n| (By { login: format!("insured{n}").into(), ..demo1() }, format!("8000000{n:04}")))
        .collect();
    for (by, number) in &contracts {
        let contract = contract(number, by.login.expose());
        classifications::store::contracts::insert(&mut connection, &contract, office.clock.now())
            .await
            .unwrap();
    }
    let andorra = classifications::domain::country::Country::parse("AD").unwrap();
    for (label, of) in [("eight contracts", 8), ("one contract", 1)] {
        let started = Instant::now();
        let each = 2_000 / 16;
        let work = (0..16).map(|worker| {
            let (office, contracts) = (&office, &contracts);
            async move {
                let (by, number) = &contracts[worker % of];
                for n in 0..each {
                    let code = format!("R{:05}", (if of == 8 { 0 } else { 2_000 }) + worker * each + n);
                    let request = ask_in(andorra, &code, "1000");
                    office.desk.create(by, &no(number), request, &free()).await.unwrap();
                }
            }
        });
        join_all(work).await;
        let took = started.elapsed();
        assert!(took > Duration::ZERO);
        println!("{label}: {:.0} requests a second", 2_000.0 / took.as_secs_f64());
    }
}
