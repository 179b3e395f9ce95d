//! `gda-audit`: what a batch, a new edition and the audit trail cost.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use flate2::read::GzDecoder;
use reqwest::multipart::{Form, Part};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use testkit::issuer::Issuer;
use testkit::postgres::{Database, Postgres, Purpose, StopMode};
use testkit::process::{Service, free_port};
use testkit::workspace;

use crate::load;
use crate::{machine, process};

/// Controls of the person whose trail is asked for.
const CONTROLS: i64 = 10_000;
/// Clients that send one request after the other.
const CLIENTS: u64 = 8;
/// Entries of the list of which a new edition comes, and how many of them that changes.
const ENTRIES: usize = 5_000;
const CHANGES: usize = 20;

/// Prints the tables.
pub(crate) fn run(persons: usize, seconds: u64) -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(async {
        println!("## gda-audit\n\nMachine: {}.", machine::name());
        let postgres = Postgres::acquire(Purpose::Crash).await?;
        let bench = Bench::start(&postgres, persons).await?;
        bench.batch().await?;
        bench.audit_trail(Duration::from_secs(seconds)).await
    })
}

struct Bench {
    issuer: Issuer,
    http: Client,
    directory: tempfile::TempDir,
    database: Database,
    environment: BTreeMap<String, String>,
    lists: Vec<List>,
    persons: usize,
}

struct List {
    source: &'static str,
    format: &'static str,
    files: Vec<(String, Vec<u8>)>,
}

/// A process of the service.
struct Replica {
    service: Service,
    base: String,
    management: u16,
}

impl Replica {
    fn cpu(&self) -> Result<Duration> {
        process::cpu(self.service.id().context("the process has ended")?)
    }
}

/// What the service's process did for a batch.
struct Batch {
    /// From the request to 202.
    intake: Duration,
    /// From then to the end.
    screening: Duration,
    cpu: Duration,
}

impl Bench {
    async fn start(postgres: &Postgres, persons: usize) -> Result<Self> {
        let database = postgres.database("gda_audit").await?;
        describe(postgres, &database).await?;
        let (issuer, directory) = (Issuer::start().await?, tempfile::tempdir()?);
        let lists = lists()?;
        let configured: Vec<String> = lists
            .iter()
            .map(|List { source, format, .. }| {
                format!(r#"{{source="{source}", control_type="BLACKLIST", format="{format}"}}"#)
            })
            .collect();
        let anchor = format!("file://{}", directory.path().join("heads.jsonl").display());
        let environment: BTreeMap<String, String> = [
            ("DATABASE__URL", database.app_url.clone()),
            ("DATABASE__OWNER_URL", database.owner_url.clone()),
            ("DATABASE__APP_ROLE", database.app_role.clone()),
            (
                "AUTH__ISSUERS",
                format!(r#"[{{issuer="{}", jwks_url="{}"}}]"#, issuer.issuer(), issuer.jwks_url()),
            ),
            ("LISTS", format!("[{}]", configured.join(","))),
            ("AUDIT__ANCHOR__URL", anchor),
            ("AUDIT__SIGNING_KEY", "a secret of the benchmark, 32 characters or more".to_owned()),
            ("WEBHOOKS__KEY_SECRET", "a secret of the benchmark, 32 characters or more".to_owned()),
            ("SERVER__DRAIN_DELAY_MS", "0".to_owned()),
            ("TELEMETRY__LEVEL", "warn".to_owned()),
        ]
        .map(|(key, value)| (format!("GARANT__{key}"), value))
        .into();
        let binary = workspace::binary("gda-audit")?;
        let migrated = testkit::process::command(&binary, "migrate", &environment).status()?;
        ensure!(migrated.success(), "migrate failed");
        let http = testkit::http::client()?;
        Ok(Self { issuer, http, directory, database, environment, lists, persons })
    }

    async fn replica(&self, name: &str) -> Result<Replica> {
        let (port, management) = (free_port()?, free_port()?);
        let mut environment = self.environment.clone();
        environment.insert("GARANT__SERVER__LISTEN".to_owned(), format!("127.0.0.1:{port}"));
        environment.insert("GARANT__MANAGEMENT__LISTEN".to_owned(), format!("127.0.0.1:{management}"));
        let log = self.directory.path().join(name);
        let service = Service::start(&workspace::binary("gda-audit")?, environment, management, &log).await?;
        Ok(Replica { service, base: format!("http://127.0.0.1:{port}"), management })
    }

    fn post(&self, replica: &Replica, path: &str) -> RequestBuilder {
        self.http.post(format!("{}{path}", replica.base)).bearer_auth(token(&self.issuer))
    }

    async fn get(&self, replica: &Replica, path: &str) -> Result<Value> {
        answer(self.http.get(format!("{}{path}", replica.base)).bearer_auth(token(&self.issuer))).await
    }

    async fn import_list(&self, replica: &Replica, list: &List) -> Result<String> {
        let form = list.files.iter().fold(Form::new(), |form, (name, content)| {
            form.part("file", Part::bytes(content.clone()).file_name(name.clone()))
        });
        let path = format!("/lists/{}/imports", list.source);
        let imported = answer(self.post(replica, &path).multipart(form)).await?;
        Ok(imported["edition"]["id"].as_str().context("no edition")?.to_owned())
    }

    /// Waits until a replica screens against an edition.
    async fn screened_against(&self, replica: &Replica, edition: &str) -> Result<()> {
        let request = json!({"persons": [{"name": "x"}]});
        for _ in 0..600 {
            if let Ok(screened) = answer(self.post(replica, "/screen").json(&request)).await
                && screened["editions"].as_array().is_some_and(|all| all.iter().any(|it| it["id"] == edition))
            {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("edition {edition} does not come into force")
    }

    async fn add_flow(&self, replica: &Replica, name: &str) -> Result<()> {
        answer(self.post(replica, "/sources").json(&json!({"name": name}))).await?;
        let flow = json!({"name": name, "source": name, "controlTypes": ["BLACKLIST"]});
        answer(self.post(replica, "/flows").json(&flow)).await.map(drop)
    }

    /// Imports all persons by a flow; `replicas` work on them.
    async fn screened(&self, flow: &str, seed: u64, replicas: &[&Replica]) -> Result<Batch> {
        let [first, ..] = replicas else { bail!("no replica") };
        let file = persons(self.persons, seed);
        let cpu =
            |replicas: &[&Replica]| replicas.iter().map(|replica| replica.cpu()).sum::<Result<Duration>>();
        let (before, started) = (cpu(replicas)?, Instant::now());
        let path = format!("/imports/stock?flowName={flow}");
        let taken = answer(self.post(first, &path).header("content-type", "text/csv").body(file)).await?;
        let intake = started.elapsed();
        let path = format!("/imports/{}", taken["dataImportId"].as_str().context("no import")?);
        let import = loop {
            let import = self.get(first, &path).await?;
            if import.get("endedAt").is_some() {
                break import;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let screening = started.elapsed() - intake;
        ensure!(import["accepted"] == self.persons, "{import}");
        Ok(Batch { intake, screening, cpu: cpu(replicas)? - before })
    }

    async fn batch(&self) -> Result<()> {
        let one = self.replica("one.log").await?;
        for list in &self.lists {
            let edition = self.import_list(&one, list).await?;
            self.screened_against(&one, &edition).await?;
        }
        for flow in ["one", "two"] {
            self.add_flow(&one, flow).await?;
        }
        println!(
            "\n### A batch of {} persons\n\nCSV, names made up, one in a hundred nearly a listed one, against {}. \
             Screened and stored: person, snapshot, control, folder.\n",
            self.persons,
            self.lists.iter().map(|list| list.source).collect::<Vec<_>>().join(", "),
        );
        println!(
            "| processes | taken in, s | screened and stored, s | persons/s | CPU µs a person, of our processes |"
        );
        println!("|---|---|---|---|---|");
        let alone = self.row("1", self.screened("one", 1, &[&one]).await?);
        self.delta(&one).await?;
        println!("\n### Two processes that share a batch\n");
        println!(
            "| processes | taken in, s | screened and stored, s | persons/s | CPU µs a person, of our processes |"
        );
        println!("|---|---|---|---|---|");
        let other = self.replica("other.log").await?;
        let shared = self.row("2", self.screened("two", 2, &[&one, &other]).await?);
        println!("\nTwo to one: {:.2}.", shared / alone);
        Ok(())
    }

    fn row(&self, processes: &str, Batch { intake, screening, cpu }: Batch) -> f64 {
        let cpu = cpu.as_secs_f64() * 1e6 / self.persons as f64;
        println!(
            "| {processes} | {:.1} | {:.1} | {:.0} | {cpu:.1} |",
            intake.as_secs_f64(),
            screening.as_secs_f64(),
            self.persons as f64 / screening.as_secs_f64(),
        );
        cpu
    }

    /// A new edition with some changes, and everybody is controlled again.
    async fn delta(&self, replica: &Replica) -> Result<()> {
        let before = parts(&self.http, replica).await?;
        let cpu = replica.cpu()?;
        let list = changing_list(true);
        let edition = self.import_list(replica, &list).await?;
        let path = format!("/lists/{}/editions/{edition}/rescreening", list.source);
        let flow = loop {
            let progress = self.get(replica, &path).await?;
            let flows = progress["flows"].as_array().context("no flows")?;
            if !flows.is_empty() && flows.iter().all(|flow| flow["state"] == "DONE") {
                break flows.iter().find(|flow| flow["flowName"] == "one").context("no flow")?.clone();
            }
            ensure!(flows.iter().all(|flow| flow["state"] != "FAILED"), "{progress}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let cpu = (replica.cpu()? - cpu).as_secs_f64() * 1e6 / self.persons as f64;
        let spent = parts(&self.http, replica).await?;
        let of = |part: &str| spent.get(part).unwrap_or(&0.0) - before.get(part).unwrap_or(&0.0);
        ensure!(flow["persons"] == self.persons, "{flow}");
        let at = |field: &str| -> Result<f64> { seconds(flow[field].as_str().context("no instant")?) };
        let all = at("endedAt")? - at("startedAt")?;
        let persons = self.persons as f64;
        println!("\n### An edition with {CHANGES} changes, against {} persons\n", self.persons);
        println!(
            "Reading, screening and recording are seconds of all jobs, of which two run at once; the whole is from the \
             first to the last.\n"
        );
        println!(
            "| whole, s | controls/s | reading, s | screening, s | recording, s | rows/s of a job that records | CPU µs a person |"
        );
        println!("|---|---|---|---|---|---|---|");
        println!(
            "| {all:.1} | {:.0} | {:.1} | {:.1} | {:.1} | {:.0} | {cpu:.1} |",
            persons / all,
            of("reading"),
            of("screening"),
            of("recording"),
            persons / of("recording"),
        );
        Ok(())
    }

    async fn audit_trail(&self, lasting: Duration) -> Result<()> {
        let replica = self.replica("trail.log").await?;
        let mut db = PgConnection::connect(&self.database.superuser_url).await?;
        let person: i64 = sqlx::query_scalar("SELECT min(id) FROM gda.persons").fetch_one(&mut db).await?;
        // As many controls as a person has in decades: copies of the last one, each in a segment of its own.
        for statement in [
            "INSERT INTO gda.segments (seq, id, header, rows, root, hash)
             SELECT head.seq + n, nextval('gda.segment_id'), s.header, 1, s.root, s.hash
             FROM (SELECT max(seq) AS seq FROM gda.segments) head, generate_series(1, $2) n,
                  gda.segments s
             WHERE s.id = (SELECT min(segment_id) FROM gda.controls WHERE person_id = $1)",
            "INSERT INTO gda.controls (segment_id, position, person_id, type, snapshot_id, import_id, hits, hash)
             SELECT s.id, 0, c.person_id, c.type, c.snapshot_id, c.import_id, c.hits, c.hash
             FROM (SELECT * FROM gda.controls WHERE person_id = $1 ORDER BY segment_id LIMIT 1) c,
                  (SELECT id FROM gda.segments ORDER BY seq DESC LIMIT $2) s",
        ] {
            sqlx::query(statement).bind(person).bind(CONTROLS).execute(&mut db).await?;
        }
        sqlx::query("ANALYZE gda.controls, gda.segments").execute(&mut db).await?;
        let (reference, source): (String, String) = sqlx::query_as(
            "SELECT reference, s.name FROM gda.persons p JOIN gda.sources s ON s.id = source_id WHERE p.id = $1",
        )
        .bind(person)
        .fetch_one(&mut db)
        .await?;
        println!(
            "\n### `GET /pisteaudit` of a person with {CONTROLS} controls\n\n{CLIENTS} clients back to back for {} s; \
             `GET /imports/1` is one SELECT by key through the same pool.\n",
            lasting.as_secs()
        );
        println!("| request | CPU µs of our process | ratio | requests/s | p50 ms | p99 ms |");
        println!("|---|---|---|---|---|---|");
        let trail =
            format!("/pisteaudit?externalRefId={reference}&sourceName={source}&controlType=BLACKLIST");
        let baseline =
            self.cost(&replica, "one SELECT by key", "/imports/1".to_owned(), lasting, None).await?;
        self.cost(&replica, "`GET /pisteaudit`", trail, lasting, Some(baseline)).await.map(drop)
    }

    async fn cost(
        &self,
        replica: &Replica,
        name: &str,
        path: String,
        lasting: Duration,
        baseline: Option<f64>,
    ) -> Result<f64> {
        let (http, url, token) = (self.http.clone(), format!("{}{path}", replica.base), token(&self.issuer));
        let request = move |_| http.get(&url).bearer_auth(&token);
        load::back_to_back(CLIENTS, Duration::from_secs(1), request.clone()).await?;
        let (before, started) = (replica.cpu()?, Instant::now());
        let latencies = load::back_to_back(CLIENTS, lasting, request).await?;
        let took = started.elapsed().as_secs_f64();
        let cpu = (replica.cpu()? - before).as_secs_f64() * 1e6 / latencies.count() as f64;
        let [p50, p99] = [0.5, 0.99].map(|share| latencies.at(share).as_secs_f64() * 1e3);
        println!(
            "| {name} | {cpu:.0} | {:.2} | {:.0} | {p50:.1} | {p99:.1} |",
            cpu / baseline.unwrap_or(cpu),
            latencies.count() as f64 / took,
        );
        Ok(cpu)
    }
}

/// Seconds of a day.
fn seconds(instant: &str) -> Result<f64> {
    let time = instant.get(11..).and_then(|time| time.strip_suffix('Z')).context("not an instant")?;
    let mut seconds = 0.0;
    for part in time.split(':') {
        seconds = seconds * 60.0 + part.parse::<f64>()?;
    }
    Ok(seconds)
}

/// Sets the server up as one for this work would be, durable, and says how.
async fn describe(postgres: &Postgres, database: &Database) -> Result<()> {
    let mut db = PgConnection::connect(&database.superuser_url).await?;
    for setting in ["shared_buffers = '1GB'", "max_wal_size = '4GB'"] {
        sqlx::query(sqlx::AssertSqlSafe(format!("ALTER SYSTEM SET {setting}"))).execute(&mut db).await?;
    }
    db.close().await?;
    postgres.stop(StopMode::Fast).await?;
    postgres.start().await?;
    let mut db = PgConnection::connect(&database.superuser_url).await?;
    let settings: Vec<(String, String)> = sqlx::query_as(
        "SELECT name, current_setting(name) FROM pg_settings
         WHERE name IN ('server_version', 'shared_buffers', 'max_wal_size', 'fsync', 'synchronous_commit') ORDER BY name",
    )
    .fetch_all(&mut db)
    .await?;
    let settings: Vec<String> = settings.iter().map(|(name, value)| format!("{name} {value}")).collect();
    println!("PostgreSQL on the same machine: {}.", settings.join(", "));
    Ok(())
}

/// Seconds that the background work has spent, by part.
async fn parts(http: &Client, replica: &Replica) -> Result<BTreeMap<String, f64>> {
    let url = format!("http://127.0.0.1:{}/metrics", replica.management);
    let metrics = http.get(url).send().await?.text().await?;
    let mut parts = BTreeMap::new();
    for line in
        metrics.lines().filter(|line| line.contains("gda_audit_rescreening") && line.contains("_sum{"))
    {
        let part = line.split("part=\"").nth(1).and_then(|rest| rest.split('"').next());
        let value = line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok());
        if let Some((part, value)) = part.zip(value) {
            parts.insert(part.to_owned(), value);
        }
    }
    Ok(parts)
}

async fn answer(request: RequestBuilder) -> Result<Value> {
    let answer = request.send().await?;
    let status = answer.status();
    let text = answer.text().await?;
    ensure!(status.is_success() && status != StatusCode::NO_CONTENT, "{status}: {text}");
    Ok(serde_json::from_str(&text)?)
}

/// One that outlives the benchmark.
fn token(issuer: &Issuer) -> String {
    issuer
        .token("bench", "gda-audit", "screening:read screening:write lists:write")
        .claim("exp", 4_102_444_800_u64)
        .signed()
}

/// Real editions where there are any, else the sandbox's; and the one that will change.
fn lists() -> Result<Vec<List>> {
    let mut lists = match std::env::var_os("GARANT_TEST_DATA") {
        Some(data) => {
            let open = |name: &str| -> Result<(String, Vec<u8>)> {
                let path = Path::new(&data).join("lists").join(name);
                let file = std::fs::File::open(&path).with_context(|| path.display().to_string())?;
                let mut content = Vec::new();
                std::io::Read::read_to_end(&mut GzDecoder::new(file), &mut content)?;
                let name = name.trim_end_matches(".gz").trim_start_matches("ofac_sdn_2021-07.").to_owned();
                Ok((name, content))
            };
            let ofac = ["sdn", "alt", "add", "sdn_comments"];
            let ofac = ofac.iter().map(|file| open(&format!("ofac_sdn_2021-07.{file}.csv.gz")));
            vec![
                List {
                    source: "UN",
                    format: "UN_XML",
                    files: vec![open("un_consolidated_2026-02-27.xml.gz")?],
                },
                List { source: "OFAC", format: "OFAC_CSV", files: ofac.collect::<Result<_>>()? },
            ]
        }
        None => {
            let path =
                PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../services/gda-audit/sandbox/un.xml");
            vec![List {
                source: "UN",
                format: "UN_XML",
                files: vec![("un.xml".to_owned(), std::fs::read(path)?)],
            }]
        }
    };
    lists.push(changing_list(false));
    Ok(lists)
}

/// A list of made-up names, before or after its change: a third of the changes are names, a third new entries in place
/// of old ones, a third remarks.
fn changing_list(is_changed: bool) -> List {
    let mut chance = Chance(3);
    let mut text = String::from("id,schema,name,phones\n");
    for n in 0..ENTRIES {
        let (first, last) = chance.name();
        let (mut id, mut middle, mut phone) = (n, "", "");
        if is_changed && n < CHANGES {
            match n % 3 {
                0 => middle = "Ibn ",
                1 => id += ENTRIES,
                _ => phone = "1",
            }
        }
        let _ = writeln!(text, "x{id},Person,{first} {middle}{last},{phone}");
    }
    let files = vec![("list.csv".to_owned(), text.into_bytes())];
    List { source: "CHANGING", format: "SIMPLE_PEP_CSV", files }
}

/// A file of so many persons.
fn persons(count: usize, seed: u64) -> String {
    let mut listed = Chance(3);
    let listed: Vec<(String, String)> = (0..ENTRIES).map(|_| listed.name()).collect();
    let mut chance = Chance(seed.wrapping_mul(1_000_003));
    let mut text = String::with_capacity(64 * count);
    text.push_str("externalRefId,firstName,lastName,birthDate,nationality,personType,city,entities\n");
    for n in 0..count {
        let (mut first, mut last) = chance.name();
        if chance.below(100) == 0
            && let Some((listed_first, listed_last)) = listed.get(chance.below(listed.len()))
        {
            // Nearly: a letter is missing.
            first.clone_from(listed_first);
            last = listed_last.chars().skip(usize::from(listed_last.len() > 4)).collect();
        }
        let (year, month, day) = (1930 + chance.below(75), 1 + chance.below(12), 1 + chance.below(28));
        let _ = writeln!(
            text,
            "C{n:08},{first},{last},{year}-{month:02}-{day:02},{},NATURAL,{},north",
            chance.pick(&["FR", "FR", "FR", "DE", "IT", "ES", "MA", "SN"]),
            chance.pick(&["Paris", "Lyon", "Lille", "Nantes", "Bordeaux"]),
        );
    }
    text
}

/// Reproducible chance (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % end.max(1) as u64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from.get(self.below(from.len())).copied().unwrap_or_default()
    }

    /// Common given names; family names that are common in one of four, and else made of syllables.
    fn name(&mut self) -> (String, String) {
        let mut first = self.pick(GIVEN).to_owned();
        if self.below(3) == 0 {
            first = format!("{first} {}", self.pick(GIVEN));
        }
        if self.below(4) == 0 {
            return (first, self.pick(FAMILY).to_owned());
        }
        let last: String = (0..2 + self.below(3)).map(|_| self.pick(SYLLABLES)).collect();
        let mut letters = last.chars();
        let initial = letters.next().map(|letter| letter.to_ascii_uppercase());
        (first, initial.into_iter().chain(letters).collect())
    }
}

const GIVEN: &[&str] = &[
    "Jean",
    "Marie",
    "Pierre",
    "Michel",
    "Andre",
    "Philippe",
    "Nathalie",
    "Isabelle",
    "Alain",
    "Catherine",
    "Nicolas",
    "Sophie",
    "Camille",
    "Lea",
    "Hugo",
    "Emma",
    "Louis",
    "Chloe",
    "Lucas",
    "Manon",
    "Mohamed",
    "Ahmed",
    "Fatima",
    "Karim",
    "Youssef",
    "Amina",
    "Ali",
    "Omar",
    "Hassan",
    "Leila",
    "Ivan",
    "Olga",
    "Sergei",
    "Natalia",
    "Dmitri",
    "Elena",
    "Hans",
    "Anna",
    "Thomas",
    "Julia",
    "Giovanni",
    "Maria",
    "Antonio",
    "Carmen",
    "Jose",
    "Lucia",
    "Wei",
    "Li",
    "Min",
    "Jun",
    "Kenji",
    "Yuki",
    "Aminata",
    "Moussa",
    "Fatou",
    "Ousmane",
];

const FAMILY: &[&str] = &[
    "Martin", "Bernard", "Dubois", "Thomas", "Robert", "Richard", "Petit", "Durand", "Leroy", "Moreau",
    "Simon", "Laurent", "Lefebvre", "Michel", "Garcia", "David", "Bertrand", "Roux", "Vincent", "Fournier",
    "Benali", "Haddad", "Mansour", "Khalil", "Ivanov", "Petrov", "Smirnov", "Muller", "Schmidt", "Rossi",
    "Russo", "Lopez", "Martinez", "Silva", "Santos", "Wang", "Zhang", "Chen", "Nguyen", "Tanaka", "Diallo",
    "Traore", "Diop", "Ndiaye",
];

const SYLLABLES: &[&str] = &[
    "ba", "be", "chi", "co", "da", "der", "do", "el", "fa", "fer", "ga", "gor", "ha", "hol", "in", "ka",
    "kov", "la", "len", "lo", "ma", "man", "mi", "na", "nov", "or", "pa", "per", "ra", "ri", "ro", "sa",
    "sen", "ski", "son", "ta", "ter", "to", "va", "vi", "wa", "yan", "za", "zi",
];
