//! A new edition: everybody is controlled again, and finds what a control against everything would.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use gda_audit::config::ListConfig;
use gda_audit::domain::audit::Header;
use gda_audit::domain::control::ControlType;
use gda_audit::lists::Format;
use proptest::prelude::Rng as _;
use proptest::test_runner::{RngAlgorithm, TestRng};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{TestApp, app_with, body, list};

fn blacklist(source: &str) -> ListConfig {
    ListConfig {
        control_type: ControlType::Blacklist,
        max_shrink_share: 1.0,
        ..list(source, Format::SimplePepCsv)
    }
}

/// An entry of a list.
#[derive(Clone)]
struct Entry {
    id: String,
    names: Vec<String>,
    birth_date: String,
    document: String,
    phone: String,
}

fn file(entries: &[Entry]) -> Vec<u8> {
    let mut text = String::from("id,schema,name,aliases,birth_date,identifiers,phones\n");
    for Entry { id, names, birth_date, document, phone } in entries {
        let (first, aliases) = names.split_first().unwrap();
        let _ = writeln!(text, "{id},Person,{first},{},{birth_date},{document},{phone}", aliases.join(";"));
    }
    text.into()
}

async fn import(app: &TestApp, source: &str, entries: &[Entry]) -> String {
    let imported = body(app.upload(source, &[("list.csv", file(entries))]), StatusCode::CREATED).await;
    let id = imported["edition"]["id"].as_str().unwrap().to_owned();
    app.screened_against(source, &id).await;
    id
}

/// Waits until everybody is screened against an edition.
async fn rescreened(app: &TestApp, source: &str, edition: &str) -> Value {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let progress = app.get(&format!("/lists/{source}/editions/{edition}/rescreening")).await;
        let flows = progress["flows"].as_array().unwrap();
        if !flows.is_empty() && flows.iter().all(|flow| flow["state"] == "DONE") {
            return progress;
        }
        assert!(Instant::now() < deadline, "{progress}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

struct Chance(TestRng);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        (self.0.next_u64() % end as u64) as usize
    }

    fn pick(&mut self, from: &[&str]) -> String {
        from[self.below(from.len())].to_owned()
    }

    fn name(&mut self) -> String {
        let first = self.pick(&["Farazan", "Farzan", "Ivan", "Iwan", "Maria", "Marija", "Jean", "Jean-Paul"]);
        let last =
            self.pick(&["Quillab", "Kwillab", "Petrov", "Petroff", "Al Noor", "Alnoor", "Durand", "Dupont"]);
        match self.below(5) {
            0 => format!("{first} {} {last}", self.pick(&["Paul", "Nikolai", "Noor"])),
            1 => last,
            _ => format!("{first} {last}"),
        }
    }

    fn birth_date(&mut self) -> String {
        self.pick(&["", "", "1960", "1960-03-01", "1980-05-05"])
    }

    fn document(&mut self) -> String {
        self.pick(&["", "", "", "AB12345", "AB12346"])
    }

    fn entry(&mut self, n: usize) -> Entry {
        Entry {
            id: format!("r{n}"),
            names: (0..1 + self.below(3)).map(|_| self.name()).collect(),
            birth_date: self.birth_date(),
            document: self.document(),
            phone: String::new(),
        }
    }

    /// A next edition: entries are added, removed, and amended in what matters, in what does not, and in their order.
    fn amend(&mut self, entries: &mut Vec<Entry>, next: &mut usize) {
        for _ in 0..1 + self.below(4) {
            let at = self.below(entries.len());
            match self.below(6) {
                0 => drop(entries.remove(at)),
                1 | 2 => {
                    *next += 1;
                    let entry = self.entry(*next);
                    entries.push(entry);
                }
                3 => entries[at].names.push(self.name()),
                4 => entries[at].phone = self.below(1_000_000).to_string(),
                _ => entries[at].names.reverse(),
            }
        }
        // Whatever was drawn, it is another edition.
        entries[0].phone = self.below(1_000_000_000).to_string();
    }
}

/// Each person's last controls, the newest first: hits and the editions' numbers.
async fn last_controls(app: &TestApp) -> HashMap<String, Vec<(Option<String>, Vec<i64>)>> {
    let rows: Vec<(String, Option<String>, String)> = sqlx::query_as(
        "SELECT p.reference, c.hits, s.header FROM gda.controls c JOIN gda.persons p ON p.id = c.person_id
         JOIN gda.segments s ON s.id = c.segment_id ORDER BY c.segment_id DESC",
    )
    .fetch_all(&app.pool)
    .await
    .unwrap();
    let mut controls: HashMap<String, Vec<_>> = HashMap::new();
    for (reference, hits, header) in rows {
        let header: Header = serde_json::from_str(&header).unwrap();
        let editions = header.screening.unwrap().editions.iter().map(|edition| edition.id).collect();
        controls.entry(reference).or_default().push((hits, editions));
    }
    controls
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_found_is_what_a_control_against_everything_finds() {
    let app = app_with(vec![blacklist("A"), blacklist("B")]).await;
    let mut chance = Chance(TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]));
    let mut next = 40;
    let mut a: Vec<Entry> = (0..20).map(|n| chance.entry(n)).collect();
    let mut b: Vec<Entry> = (20..40).map(|n| chance.entry(n)).collect();
    // Both have some records, with all that is in them.
    b.extend_from_slice(&a[..8]);
    import(&app, "A", &a).await;
    // The second list comes when everybody has been screened against the first.
    app.add_flows(&[("gda", &["BLACKLIST"])]).await;
    let mut persons = String::from("externalRefId,lastName,birthDate,proofOfIdNumber\n");
    for n in 0..600 {
        // A third is like nobody on the lists, but perhaps for a given name or a document.
        let name = match n % 3 {
            0 => chance.pick(&["Wolfgang Bexley", "Maria Thorvald", "Jean-Paul Osei", "Chidi Umeh"]),
            _ => chance.name(),
        };
        let (birth, document) = (chance.birth_date(), chance.document());
        let _ = writeln!(persons, "{n},{name},{birth},{document}");
    }
    assert_eq!(app.imported("gda", persons.clone()).await["accepted"], 600);
    // As some were stored before there were search keys.
    sqlx::query("UPDATE gda.person_snapshots SET search_keys = NULL WHERE id % 5 = 0")
        .execute(&app.pool)
        .await
        .unwrap();
    let first_of_b = import(&app, "B", &b).await;
    rescreened(&app, "B", &first_of_b).await;

    let (mut found, mut changed) = (0, 0);
    for round in 0..12 {
        let before = last_controls(&app).await;
        let mut editions = Vec::new();
        if round % 3 != 1 {
            chance.amend(&mut a, &mut next);
            editions.push(("A", import(&app, "A", &a).await));
        }
        if round % 3 != 0 {
            chance.amend(&mut b, &mut next);
            editions.push(("B", import(&app, "B", &b).await));
        }
        for (source, edition) in &editions {
            rescreened(&app, source, edition).await;
        }
        // The same persons once more: these controls are against everything.
        let again =
            persons.replace("proofOfIdNumber\n", &format!("proofOfIdNumber{}\n", "\n".repeat(round + 1)));
        app.imported("gda", again).await;
        for (reference, controls) in last_controls(&app).await {
            let [(full, full_editions), (delta, delta_editions), ..] = controls.as_slice() else { panic!() };
            assert_eq!(delta_editions, full_editions, "{reference}");
            assert_eq!(delta, full, "{reference} in round {round}");
            found += usize::from(full.is_some());
            changed += usize::from(before[&reference][0].0 != *full);
        }
    }
    assert!(found > 1_000 && changed > 500, "{found} {changed}: little was there to be compared");
}

#[tokio::test]
async fn whom_the_changes_cannot_concern_is_not_read() {
    let app = app_with(vec![blacklist("A")]).await;
    let other = entry("2", "Somebody Else", "");
    import(&app, "A", std::slice::from_ref(&other)).await;
    app.add_flows(&[("gda", &["BLACKLIST"])]).await;
    app.imported("gda", "externalRefId,lastName\np1,Farazan Quillab\np2,Farazan Unlisted\n").await;
    // Who reads it fails.
    let broken = "UPDATE gda.person_snapshots SET document = '' WHERE document LIKE '%Unlisted%'";
    sqlx::query(broken).execute(&app.pool).await.unwrap();

    let edition = import(&app, "A", &[other.clone(), entry("1", "Farazan Quillab", "")]).await;
    assert_eq!(rescreened(&app, "A", &edition).await["flows"][0]["persons"], 2);
    assert_eq!(state_and_statuses(&app, "p1").await.0, "POTENTIAL_RISK");

    sqlx::query("UPDATE gda.person_snapshots SET search_keys = NULL").execute(&app.pool).await.unwrap();
    let edition = import(&app, "A", &[other, entry("1", "Farazan Quillab", "1")]).await;
    let path = format!("/lists/A/editions/{edition}/rescreening");
    let deadline = Instant::now() + Duration::from_secs(60);
    while app.get(&path).await["flows"][0]["state"] != "FAILED" {
        assert!(Instant::now() < deadline, "what is not known to be of no concern is read");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn entry(id: &str, name: &str, phone: &str) -> Entry {
    let (birth_date, document) = (String::new(), String::new());
    Entry { id: id.to_owned(), names: vec![name.to_owned()], birth_date, document, phone: phone.to_owned() }
}

async fn state_and_statuses(app: &TestApp, reference: &str) -> (Value, Vec<Value>) {
    let path = format!("/pisteaudit?externalRefId={reference}&sourceName=S&controlType=BLACKLIST");
    let trail = app.get(&path).await;
    let statuses = trail["riskFolder"]["statuses"].as_array().unwrap().clone();
    (trail["state"].clone(), statuses)
}

/// A decision on all hits of the only folder.
async fn decide(app: &TestApp, state: &str) {
    let queue = app.get("/riskfolders").await;
    let folder = &queue["folders"][0];
    let path = format!("/riskfolders/{}/status", folder["id"].as_str().unwrap());
    let decision = json!({"state": state, "reason": "seen", "version": folder["version"]});
    body(app.request(Method::POST, &path).json(&decision), StatusCode::OK).await;
}

#[tokio::test]
async fn a_delisted_record_adds_a_status_of_the_system_and_keeps_the_history() {
    let app = app_with(vec![blacklist("A")]).await;
    let other = entry("2", "Somebody Else", "");
    import(&app, "A", &[entry("1", "Farazan Quillab", ""), other.clone()]).await;
    app.add_flows(&[("gda", &["BLACKLIST"])]).await;
    app.imported("gda", "externalRefId,lastName\np1,Farazan Quillab\np2,Unlisted\n").await;
    assert_eq!(state_and_statuses(&app, "p1").await.0, "POTENTIAL_RISK");

    let edition = import(&app, "A", std::slice::from_ref(&other)).await;
    let progress = rescreened(&app, "A", &edition).await;
    assert_eq!(
        (&progress["flows"][0]["flowName"], &progress["flows"][0]["persons"]),
        (&json!("gda"), &json!(2))
    );
    let (state, statuses) = state_and_statuses(&app, "p1").await;
    assert_eq!(state, "NO_RISK_FOUND");
    let told: Vec<_> =
        statuses.iter().map(|it| (it["state"].as_str().unwrap(), &it["authorLogin"])).collect();
    assert_eq!(told, [("NO_RISK_FOUND", &json!("system")), ("POTENTIAL_RISK", &json!("system"))]);
    let path = "/pisteaudit?externalRefId=p2&sourceName=S&controlType=BLACKLIST";
    let trail = app.get(path).await;
    let (first, last) = (&trail["firstPersonControlResult"], &trail["lastPersonControlResult"]);
    assert_ne!(first["personControlResultId"], last["personControlResultId"], "everybody is controlled");
    assert_eq!(last["trigger"], json!({"type": "BATCH", "login": "ana.lyst"}));
    assert_eq!(last["controlListImports"][0]["dataImportId"], edition);
    assert_eq!(last["dataImport"], first["dataImport"], "the import that had brought the person");
    assert_eq!(trail["nbBatchsStock"], 1, "a screening against a new edition is no import");
}

#[tokio::test]
async fn a_decision_stays_until_the_record_changes_materially() {
    let app = app_with(vec![blacklist("A")]).await;
    let other = entry("2", "Somebody Else", "");
    import(&app, "A", &[entry("1", "Farazan Quillab", ""), other.clone()]).await;
    app.add_flows(&[("gda", &["BLACKLIST"])]).await;
    app.imported("gda", "externalRefId,lastName\np1,Farazan Quillab\n").await;
    decide(&app, "NO_MATCH").await;
    let born = Entry { birth_date: "1960".to_owned(), ..entry("1", "Farazan Quillab", "1") };
    for (list, state) in [
        // A telephone tells nothing of who it is.
        (vec![entry("1", "Farazan Quillab", "1"), other.clone()], "NO_MATCH"),
        (vec![entry("1", "Farazan Quillab", "1"), entry("2", "Somebody New", "")], "NO_MATCH"),
        (vec![born, other.clone()], "POTENTIAL_RISK"),
    ] {
        let edition = import(&app, "A", &list).await;
        rescreened(&app, "A", &edition).await;
        assert_eq!(state_and_statuses(&app, "p1").await.0, state);
    }
    let count: i64 =
        sqlx::query_scalar("SELECT count(*) FROM gda.events").fetch_one(&app.pool).await.unwrap();
    assert_eq!(count, 3, "found, decided, found again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_across_a_new_edition_names_the_one_that_each_result_was_made_with() {
    const PERSONS: usize = 24_000;
    let app = app_with(vec![blacklist("A")]).await;
    let other = entry("2", "Somebody Else", "");
    let old = import(&app, "A", std::slice::from_ref(&other)).await;
    app.add_flows(&[("gda", &["BLACKLIST"])]).await;
    let mut persons = String::from("externalRefId,lastName\n");
    for n in 0..PERSONS {
        let name = if n % 100 == 0 { "Farazan Quillab" } else { "Jane Unlisted" };
        let _ = writeln!(persons, "{n},{name}");
    }
    let taken = body(app.import_persons("gda", "text/csv", persons), StatusCode::ACCEPTED).await;
    let path = format!("/imports/{}", taken["dataImportId"].as_str().unwrap());
    while app.get(&path).await["done"] == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let new = import(&app, "A", &[other, entry("1", "Farazan Quillab", "")]).await;
    let ended = app.ended(&taken).await;
    assert_eq!(ended["editions"], json!([old, new]), "{ended}");
    rescreened(&app, "A", &new).await;

    let (old, new): (i64, i64) = (old.parse().unwrap(), new.parse().unwrap());
    let controls = last_controls(&app).await;
    assert_eq!(controls.len(), PERSONS);
    let mut listed = 0;
    for (reference, controls) in controls {
        let is_listed = reference.parse::<usize>().unwrap() % 100 == 0;
        assert_eq!(controls[0].1, [new], "everybody is controlled against the new edition in the end");
        for (hits, editions) in controls {
            assert_eq!(hits.is_some(), is_listed && editions == [new], "{reference} {editions:?}");
            assert!(editions == [new] || editions == [old]);
        }
        listed += usize::from(is_listed);
    }
    assert_eq!(listed, PERSONS / 100);
}
