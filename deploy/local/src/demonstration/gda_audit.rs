//! The sandbox's lists imported, and three made-up names screened against them: two that they hold in another
//! spelling, and one that they don't. Then a client who is on a list: controlled, decided of by an analyst, and shown in
//! the audit trail, which verifies.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use testkit::workspace;

use super::{Caller, shortened, text};

const PATIENCE: Duration = Duration::from_secs(10);

const SOURCE: &str = "SANDBOX";
const REFERENCE: &str = "C-0001";

struct List {
    source: &'static str,
    control_type: &'static str,
    format: &'static str,
    files: &'static [&'static str],
}

const LISTS: [List; 7] = [
    List { source: "SANDBOX_UN", control_type: "BLACKLIST", format: "UN_XML", files: &["un.xml"] },
    List {
        source: "SANDBOX_OFAC",
        control_type: "BLACKLIST",
        format: "OFAC_CSV",
        files: &["ofac/sdn.csv", "ofac/alt.csv", "ofac/add.csv", "ofac/sdn_comments.csv"],
    },
    List { source: "SANDBOX_EU", control_type: "BLACKLIST", format: "EU_FSF_XML", files: &["eu.xml"] },
    List { source: "SANDBOX_FR", control_type: "BLACKLIST", format: "FR_GELS_JSON", files: &["fr.json"] },
    List {
        source: "SANDBOX_UK",
        control_type: "BLACKLIST",
        format: "UK_CON_LIST",
        files: &["uk_conlist.csv"],
    },
    List { source: "SANDBOX_CA", control_type: "BLACKLIST", format: "CA_SEMA_XML", files: &["ca.xml"] },
    List { source: "SANDBOX_PEP", control_type: "PEP", format: "SIMPLE_PEP_CSV", files: &["pep.csv"] },
];

struct Person {
    name: &'static str,
    kind: &'static str,
    /// The list and the record that it must be found on.
    record: Option<(&'static str, &'static str)>,
}

const PERSONS: [Person; 3] = [
    Person { name: "Quilab al Mustanna, Farazan", kind: "NATURAL", record: Some(("SANDBOX_UN", "SBi.001")) },
    Person {
        name: "The Imaginery Bank of Nowhere Ltd",
        kind: "LEGAL",
        record: Some(("SANDBOX_OFAC", "990005")),
    },
    Person { name: "Jeanne Ordinaire", kind: "NATURAL", record: None },
];

/// The lists as the service's configuration has them.
pub(crate) fn configured_lists() -> String {
    let lists = LISTS.map(|List { source, control_type, format, .. }| {
        format!("{{ source = \"{source}\", control_type = \"{control_type}\", format = \"{format}\" }}")
    });
    format!("[{}]", lists.join(", "))
}

pub(super) async fn run(caller: &Caller) -> Result<()> {
    let token = &caller.token(None, Some("screening:read screening:write lists:write")).await?;
    for list in &LISTS {
        let path = format!("/lists/{}/imports", list.source);
        let form = form(list)?;
        let note = format!("file: {}", list.files.join(", "));
        caller
            .call(Method::POST, &path, &note, StatusCode::CREATED, |request| {
                request.bearer_auth(token).multipart(form)
            })
            .await?;
    }

    let names = PERSONS.map(|person| person.name).join("; ");
    let answer = screen(caller, token, &names).await?;
    println!();
    for (n, person) in PERSONS.iter().enumerate() {
        let hits = answer["results"][n]["hits"].as_array().context("hits are missing")?;
        println!("  {}", person.name);
        for hit in hits {
            let [list, record, name] = ["list", "recordId", "name"].map(|field| text(hit, field));
            println!(
                "    {:>5.1}  {} {}, {}",
                hit["score"].as_f64().unwrap_or_default(),
                list?,
                record?,
                name?
            );
        }
        match person.record {
            Some((list, record)) => ensure!(
                hits.iter().any(|hit| hit["list"] == list && hit["recordId"] == record),
                "no hit on {list} {record}"
            ),
            None if hits.is_empty() => println!("    no hit"),
            None => bail!("hits on a name that is on no list"),
        }
    }
    println!("\nAs the lists were made.");
    audited(caller, token).await
}

/// The contract's sandbox: its source and its flows.
async fn flows(caller: &Caller, token: &str) -> Result<()> {
    let add = |path: &'static str, body: Value| async move {
        let note = body.to_string();
        let send = |request: RequestBuilder| request.bearer_auth(token).json(&body);
        caller.call(Method::POST, path, &note, StatusCode::CREATED, send).await
    };
    add("/sources", json!({"name": SOURCE})).await?;
    let all = &["BLACKLIST", "PEP"];
    for (name, control_types) in [("gda", &all[..1]), ("ppe", &all[1..]), ("classifications", &all[..])] {
        add("/flows", json!({"name": name, "source": SOURCE, "controlTypes": control_types})).await?;
    }
    Ok(())
}

async fn audited(caller: &Caller, token: &str) -> Result<()> {
    flows(caller, token).await?;
    let person = json!({
        "externalRef": {"externalRefId": REFERENCE},
        "identity": {"firstName": "Farazan Quillab", "lastName": "Al-Mustana", "nationality": "Afghan"},
        "personType": "NATURAL",
    });
    let put = |request: RequestBuilder| request.bearer_auth(token).json(&person);
    let path = "/checkrisk?flowName=gda";
    let checked = caller.call(Method::PUT, path, &person.to_string(), StatusCode::OK, put).await?;
    let risk = checked["risks"].get(0).context("no risk was told")?;
    ensure!(risk["status"] == "POTENTIAL_RISK", "the listed client is no risk");

    let analyst = &caller.token(Some("analyst"), Some("screening:read screening:decide")).await?;
    let decision = json!({"state": "MATCH", "reason": "the passport is the one on the list", "version": 1});
    let path = format!("/riskfolders/{}/status", text(risk, "id")?);
    let decide = |request: RequestBuilder| request.bearer_auth(analyst).json(&decision);
    caller.call(Method::POST, &path, &decision.to_string(), StatusCode::OK, decide).await?;

    let path = format!("/pisteaudit?externalRefId={REFERENCE}&sourceName={SOURCE}&controlType=BLACKLIST");
    let get = |request: RequestBuilder| request.bearer_auth(token);
    let trail = caller.call(Method::GET, &path, "", StatusCode::OK, get).await?;
    let last = &trail["riskFolder"]["lastStatus"];
    ensure!(
        trail["state"] == "MATCH" && last["authorLogin"] == "analyst",
        "the decision is not in the trail"
    );
    println!("\nAs the analyst decided.");
    imported(caller, token).await?;
    let get = |request: RequestBuilder| request.bearer_auth(token);
    let report = caller.call(Method::GET, "/audit/verify", "", StatusCode::OK, get).await?;
    ensure!(report["valid"] == true, "the audit trail does not verify");
    Ok(())
}

/// A batch of three persons, one of them listed and one without a name, screened in the background.
async fn imported(caller: &Caller, token: &str) -> Result<()> {
    let file = "externalRefId;firstName;lastName\nB-1;Farazan;Quillab\nB-2;Jeanne;Ordinaire\nB-3;;\n";
    let post =
        |request: RequestBuilder| request.bearer_auth(token).header("content-type", "text/csv").body(file);
    let path = "/imports/stock?flowName=gda&subSources=agency-1";
    let taken = caller.call(Method::POST, path, "3 lines of CSV", StatusCode::ACCEPTED, post).await?;
    let path = format!("/imports/{}", text(&taken, "dataImportId")?);
    println!("\nGET {}{path}  until it has ended", caller.gateway);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let get = |request: RequestBuilder| request.bearer_auth(token);
        let (status, answer) = caller.send(Method::GET, &path, get).await?;
        if status == StatusCode::OK && answer.get("endedAt").is_none() && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        }
        println!("{status} {}", shortened(answer.clone()));
        ensure!(answer["accepted"] == 2 && answer["rejected"] == 1, "two persons of three were to be taken");
        return Ok(());
    }
}

fn form(list: &List) -> Result<Form> {
    let directory = workspace::root().join("services/gda-audit/sandbox");
    list.files.iter().try_fold(Form::new(), |form, name| {
        let path = directory.join(name);
        let content = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        // OFAC's files are told apart by their names.
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(form.part("file", Part::bytes(content).file_name(name)))
    })
}

/// The answer that is given when all lists are indexed.
async fn screen(caller: &Caller, token: &str, names: &str) -> Result<Value> {
    let path = "/screen";
    println!("\nPOST {}{path}  {names}  until all lists are in force", caller.gateway);
    let persons = PERSONS.map(|person| json!({ "name": person.name, "type": person.kind }));
    let body = json!({ "persons": persons });
    let deadline = Instant::now() + PATIENCE;
    loop {
        let send = |request: RequestBuilder| request.bearer_auth(token).json(&body);
        let (status, answer) = caller.send(Method::POST, path, send).await?;
        let editions = answer["editions"].as_array().map_or(0, Vec::len);
        if status == StatusCode::OK && editions < LISTS.len() && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        }
        println!("{status} {}", shortened(answer.clone()));
        ensure!(status == StatusCode::OK, "{path} answered {status}");
        ensure!(editions == LISTS.len(), "{editions} of {} lists are in force", LISTS.len());
        return Ok(answer);
    }
}
