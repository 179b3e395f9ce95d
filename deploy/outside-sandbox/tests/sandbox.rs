//! The sandbox as its clients see it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test is an outside client")]

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use outside_sandbox::tables::{ACCOUNTS, COMPANIES};
use outside_sandbox::{Options, Sandbox};
use reqwest::{Client, Response};
use serde_json::{Value, json};

struct Outside {
    url: String,
    dns: SocketAddr,
    client: Client,
}

impl Outside {
    async fn start(register_rate: usize) -> Self {
        let sandbox = Sandbox::bind(&Options { listen: ([127, 0, 0, 1], 0).into(), register_rate }).unwrap();
        let (url, dns) = (sandbox.url(), sandbox.address());
        tokio::spawn(sandbox.run());
        Self { url, dns, client: Client::new() }
    }

    async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.url)).send().await.unwrap()
    }

    async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await.unwrap()
    }

    async fn sirene(&self, siren: &str) -> Response {
        let request = self.client.get(format!("{}/siren/{siren}", self.url));
        request.header("X-INSEE-Api-Key-Integration", "key").send().await.unwrap()
    }

    async fn best(&self, q: &str, postcode: &str) -> Value {
        let query = [("q", q), ("postcode", postcode), ("limit", "1"), ("autocomplete", "0")];
        let mut url = reqwest::Url::parse(&format!("{}/geocodage/search", self.url)).unwrap();
        url.query_pairs_mut().extend_pairs(query);
        let found: Value = self.client.get(url).send().await.unwrap().json().await.unwrap();
        assert_eq!(found["type"], "FeatureCollection");
        found["features"][0]["properties"].clone()
    }

    async fn verify(&self, iban: &str, name: &str) -> Value {
        let request =
            self.client.post(format!("{}/verify", self.url)).json(&json!({"iban": iban, "name": name}));
        request.send().await.unwrap().json().await.unwrap()
    }

    async fn fault(&self, rule: Value) {
        let added = self.client.post(format!("{}/_faults", self.url)).json(&rule).send().await.unwrap();
        assert_eq!(added.status(), 201);
    }

    /// What a question has for an answer over UDP, within half a second.
    async fn ask(&self, domain: &str, kind: u16) -> Option<Message> {
        let (dns, question) = (self.dns, question(domain, kind));
        let asked = move || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
            socket.send_to(&question, dns).unwrap();
            let mut answer = [0; 512];
            let read = socket.recv(&mut answer).ok()?;
            Some(Message::of(&answer[..read]))
        };
        tokio::task::spawn_blocking(asked).await.unwrap()
    }

    async fn ask_over_tcp(&self, domain: &str, kind: u16) -> Message {
        let (dns, question) = (self.dns, question(domain, kind));
        let asked = move || {
            let mut stream = TcpStream::connect(dns).unwrap();
            stream.write_all(&(question.len() as u16).to_be_bytes()).unwrap();
            stream.write_all(&question).unwrap();
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut answer = vec![0; u16::from_be_bytes(length).into()];
            stream.read_exact(&mut answer).unwrap();
            Message::of(&answer)
        };
        tokio::task::spawn_blocking(asked).await.unwrap()
    }
}

const A: u16 = 1;
const MX: u16 = 15;
const AAAA: u16 = 28;

/// A question as RFC 1035 §4 writes it, by hand: the sandbox's own library shall not read what it wrote.
fn question(domain: &str, kind: u16) -> Vec<u8> {
    let mut question = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in domain.split('.') {
        question.push(label.len() as u8);
        question.extend(label.as_bytes());
    }
    question.push(0);
    question.extend(kind.to_be_bytes());
    question.extend([0, 1]);
    question
}

#[derive(Debug, PartialEq)]
struct Message {
    code: u8,
    truncated: bool,
    answers: u16,
    /// The last four bytes: of an answer with one A record, the address.
    end: [u8; 4],
}

impl Message {
    fn of(bytes: &[u8]) -> Self {
        assert_eq!(bytes[..2], [0x12, 0x34]);
        assert_eq!(bytes[2] & 0x80, 0x80, "an answer");
        Self {
            code: bytes[3] & 0x0f,
            truncated: bytes[2] & 2 != 0,
            answers: u16::from_be_bytes([bytes[6], bytes[7]]),
            end: bytes[bytes.len() - 4..].try_into().unwrap(),
        }
    }
}

#[test]
fn sirens_and_accounts_are_valid_in_form_and_distinct() {
    for company in COMPANIES {
        let digits = company.siren.bytes().rev().map(|byte| u32::from(byte - b'0')).enumerate();
        let sum: u32 =
            digits.map(|(n, digit)| if n % 2 == 1 { digit * 2 / 10 + digit * 2 % 10 } else { digit }).sum();
        assert_eq!((company.siren.len(), sum % 10), (9, 0), "{}", company.siren);
    }
    for account in ACCOUNTS {
        let (head, bban) = account.iban.split_at(4);
        let turned = format!("{bban}{head}");
        let rest = turned.chars().fold(0, |rest, c| {
            let value = c.to_digit(36).unwrap();
            (rest * if value > 9 { 100 } else { 10 } + value) % 97
        });
        assert_eq!(rest, 1, "{}", account.iban);
        if head.starts_with("FR") {
            let part = |range: std::ops::Range<usize>| bban[range].parse::<u64>().unwrap();
            let sum = 89 * part(0..5) + 15 * part(5..10) + 3 * part(10..21);
            assert_eq!(part(21..23), 97 - sum % 97, "{}", account.iban);
        }
    }
    assert_eq!(
        COMPANIES.map(|company| company.siren).into_iter().collect::<HashSet<_>>().len(),
        COMPANIES.len()
    );
    assert_eq!(
        ACCOUNTS.map(|account| account.iban).into_iter().collect::<HashSet<_>>().len(),
        ACCOUNTS.len()
    );
}

#[tokio::test]
async fn the_search_finds_companies_by_siren_and_by_name() {
    let outside = Outside::start(0).await;
    let found = outside.json("/search?q=100000009").await;
    let company = &found["results"][0];
    assert_eq!((&found["total_results"], &company["siren"]), (&json!(1), &json!("100000009")));
    assert_eq!(company["nom_complet"], "ATELIER MOREAU");
    assert_eq!(company["etat_administratif"], "A");
    assert_eq!(outside.json("/search?q=ours+bleus").await["results"][0]["siren"], "100000017");
    assert_eq!(outside.json("/search?q=100000025").await["results"][0]["etat_administratif"], "C");
    let trader = &outside.json("/search?q=100000033").await["results"][0];
    assert_eq!(trader["nom_complet"], "FATIMA BENALI (COUTURE BENALI)");
    assert_eq!(trader["nom_raison_sociale"], Value::Null);
    let hidden = &outside.json("/search?q=100000041").await["results"][0];
    assert_eq!(
        (&hidden["nom_complet"], &hidden["statut_diffusion"]),
        (&json!("[NON-DIFFUSIBLE]"), &json!("P"))
    );
    assert_eq!(outside.json("/search?q=100000066").await["results"], json!([]));
    assert_eq!(outside.get("/search?q=1").await.status(), 400);
}

#[tokio::test]
async fn the_eighth_search_of_a_second_is_refused_unless_the_limit_is_off() {
    for (rate, refused) in [(7, 3), (0, 0)] {
        let outside = Outside::start(rate).await;
        let mut refusals = 0;
        for _ in 0..10 {
            let answer = outside.get("/search?q=100000009").await;
            if answer.status() == 429 {
                assert_eq!(answer.headers()["retry-after"], "1");
                refusals += 1;
            }
        }
        assert_eq!(refusals, refused);
    }
}

#[tokio::test]
async fn sirene_has_periods_and_tells_unknown_by_404() {
    let outside = Outside::start(0).await;
    let body: Value = outside.sirene("100000009").await.json().await.unwrap();
    let periods = body["uniteLegale"]["periodesUniteLegale"].as_array().unwrap();
    assert_eq!((periods[0]["dateFin"].clone(), periods.len()), (Value::Null, 2));
    assert_eq!(periods[0]["denominationUniteLegale"], "ATELIER MOREAU");
    let body: Value = outside.sirene("100000041").await.json().await.unwrap();
    assert_eq!(body["uniteLegale"]["prenom1UniteLegale"], "[ND]");
    let unknown = outside.sirene("100000066").await;
    assert_eq!(unknown.status(), 404);
    assert_eq!(unknown.json::<Value>().await.unwrap()["header"]["statut"], 404);
    assert_eq!(outside.sirene("12").await.status(), 400);
    assert_eq!(outside.get("/siren/100000009").await.status(), 401, "without a key");
}

#[tokio::test]
async fn addresses_score_high_middling_and_low() {
    let outside = Outside::start(0).await;
    let exact = outside.best("10 rue de la paix 75002 PARIS", "75002").await;
    assert_eq!((&exact["score"], &exact["type"]), (&json!(0.97), &json!("housenumber")));
    assert_eq!((&exact["citycode"], &exact["city"]), (&json!("75102"), &json!("Paris")));
    for (q, postcode, range) in [
        ("25 rue de la Republique Lyon", "69002", 0.9..1.0),
        ("8 impasse des Lilas Perdus Nantes", "44000", 0.5..0.8),
        ("99 avenue Introuvable Marseille", "13001", 0.0..0.4),
        ("10 rue de la Pai Paris", "75002", 0.4..0.9),
        ("1 chemin du Puits Tours", "37000", 0.45..0.46),
        ("10 rue de la Paix Paris", "37000", 0.45..0.46),
    ] {
        let score = outside.best(q, postcode).await["score"].as_f64().unwrap();
        assert!(range.contains(&score), "{q} {postcode}: {score}");
    }
    assert_eq!(outside.best("1 chemin du Puits", "00000").await, Value::Null);
    assert_eq!(outside.get("/geocodage/search?q=-1&postcode=75002").await.status(), 400);
}

#[tokio::test]
async fn a_holder_matches_nearly_matches_or_does_not() {
    let outside = Outside::start(0).await;
    for (iban, name, expected) in [
        ("FR7610011000200000000000151", "MOREAU Camille", json!({"result": "MTCH"})),
        ("FR7610011000200000000000151", "Atelier Moreau", json!({"result": "MTCH"})),
        ("FR7610011000200000000000248", "jean pierre lefevre", json!({"result": "MTCH"})),
        (
            "FR7610011000200000000000248",
            "J. Lefèvre",
            json!({"result": "CMTC", "name": "Jean-Pierre Lefèvre"}),
        ),
        ("FR7610011000200000000000248", "Camille Moreau", json!({"result": "NMTC"})),
        ("FR7610011000200000000000539", "Camille Moreau", json!({"result": "NOAP"})),
        ("FR7630006000011234567890189", "Camille Moreau", json!({"result": "NOAP"})),
    ] {
        assert_eq!(outside.verify(iban, name).await, expected, "{iban} {name}");
    }
}

#[tokio::test]
async fn the_resolver_answers_over_udp_and_tcp() {
    let outside = Outside::start(0).await;
    for (domain, kind, code, answers) in [
        ("courrier.example", MX, 0, 1),
        ("mx.courrier.example", A, 0, 1),
        ("muet.example", MX, 0, 1),
        ("vitrine.example", MX, 0, 0),
        ("vitrine.example", A, 0, 1),
        ("vitrine6.example", AAAA, 0, 1),
        ("texte.example", A, 0, 0),
        ("Gmail.com", MX, 0, 1),
        ("absent.example", MX, 3, 0),
        ("panne.example", MX, 2, 0),
    ] {
        let over_udp = outside.ask(domain, kind).await.unwrap();
        assert_eq!((over_udp.code, over_udp.answers), (code, answers), "{domain}");
        assert_eq!(outside.ask_over_tcp(domain, kind).await, over_udp);
    }
    assert_eq!(outside.ask("vitrine.example", A).await.unwrap().end, [192, 0, 2, 25]);
}

#[tokio::test]
async fn faults_befall_the_calls_they_are_for() {
    let outside = Outside::start(0).await;
    let register = || outside.get("/search?q=100000009");
    let only = |fault: Value| json!({"match": {"endpoint": "company_register"}, "times": 1, "fault": fault});
    outside.fault(only(json!({"status": 429, "retry_after_s": 3}))).await;
    assert_eq!(outside.verify("FR76", "x").await["result"], "NOAP", "another endpoint");
    let refused = register().await;
    assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap()), (429, "3"));
    outside.fault(only(json!({"body": "cut"}))).await;
    assert!(register().await.json::<Value>().await.is_err());
    outside.fault(only(json!({"body": "html"}))).await;
    assert!(register().await.text().await.unwrap().starts_with("<!DOCTYPE html>"));
    outside.fault(only(json!({"reset": true}))).await;
    // Two, as the client may repeat a call on a connection that had been used before.
    outside.fault(only(json!({"reset": true}))).await;
    assert!(outside.client.get(format!("{}/search?q=100000009", outside.url)).send().await.is_err());
    outside.client.delete(format!("{}/_faults", outside.url)).send().await.unwrap();
    outside.fault(only(json!({"drip": true}))).await;
    let dripping = register().await;
    let late = tokio::time::timeout(Duration::from_millis(1_500), dripping.text()).await;
    assert!(late.is_err(), "the body was there within a second and a half");
    outside.fault(only(json!({"latency_ms": 300}))).await;
    let started = Instant::now();
    assert_eq!(register().await.status(), 200);
    assert!(started.elapsed() >= Duration::from_millis(300));
    outside.fault(json!({"match": {"asked": "100000017", "nth": 2}, "fault": {"status": 500}})).await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(outside.get("/search?q=100000017").await.status().as_u16());
    }
    assert_eq!(statuses, [200, 500, 200]);
    for rule in [json!({"fault": {"dns": "maybe"}}), json!({"match": {"hash": "x"}, "fault": {}}), json!({})]
    {
        let refused =
            outside.client.post(format!("{}/_faults", outside.url)).json(&rule).send().await.unwrap();
        assert_eq!(refused.status(), 400, "{rule}");
    }
}

#[tokio::test]
async fn the_resolver_fails_as_it_is_told() {
    let outside = Outside::start(0).await;
    let only = |fault: Value| json!({"match": {"endpoint": "dns"}, "times": 1, "fault": fault});
    for (fault, code) in [("servfail", 2), ("refused", 5)] {
        outside.fault(only(json!({"dns": fault}))).await;
        assert_eq!(outside.ask("courrier.example", MX).await.unwrap().code, code);
    }
    outside.fault(only(json!({"dns": "drop"}))).await;
    assert_eq!(outside.ask("courrier.example", MX).await, None);
    outside.fault(json!({"match": {"endpoint": "dns"}, "fault": {"dns": "truncated"}})).await;
    let over_udp = outside.ask("courrier.example", MX).await.unwrap();
    assert_eq!((over_udp.truncated, over_udp.answers), (true, 0));
    let over_tcp = outside.ask_over_tcp("courrier.example", MX).await;
    assert_eq!((over_tcp.truncated, over_tcp.answers), (false, 1));
}

#[tokio::test]
async fn the_journal_has_every_call_and_what_it_was_answered() {
    let outside = Outside::start(0).await;
    let request = outside.client.get(format!("{}/search?q=100000009", outside.url));
    request.header("X-Correlation-Id", "seven").send().await.unwrap();
    outside.ask("absent.example", MX).await.unwrap();
    outside.verify("FR76", "Ada Exemple").await;
    let journal = outside.json("/_journal").await;
    let calls: Vec<_> = journal["calls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|call| json!([call["endpoint"], call["asked"], call["status"], call["correlation_id"]]))
        .collect();
    let expected = [
        json!(["company_register", "100000009", 200, "seven"]),
        json!(["dns", "absent.example MX", 3, null]),
        json!(["payee_verification", "FR76 Ada Exemple", 200, null]),
    ];
    assert_eq!(calls, expected);
    outside.client.delete(format!("{}/_journal", outside.url)).send().await.unwrap();
    assert_eq!(outside.json("/_journal").await["calls"], json!([]));
}
