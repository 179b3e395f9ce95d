//! `kill -9` of real processes in the middle of a batch, and two of them that share one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::Value;
use testkit::process::{Service, free_port};

use crate::support::{SIGNING_KEY, TestApp, app, body};

/// Persons of the batch: 200,000 in `GARANT_TEST_PERSONS` by hand, in a release build.
fn persons() -> usize {
    std::env::var("GARANT_TEST_PERSONS").ok().and_then(|persons| persons.parse().ok()).unwrap_or(20_000)
}

/// One in a hundred is listed, and one in a thousand is wrong.
fn file(persons: usize) -> String {
    let mut text = String::from("externalRefId,firstName,lastName,birthDate\n");
    for n in 0..persons {
        let (first, last) = if n % 100 == 7 { ("Farazan", "Quillab") } else { ("Jane", "Unlisted") };
        let birth = if n % 1_000 == 3 { "never" } else { "" };
        let reference = if n % 1_000 == 4 { 0 } else { n };
        let _ = writeln!(text, "{reference},{first},{last}{},{birth}", n % 977);
    }
    text
}

/// A replica of the test's service as a process of its own.
async fn replica(app: &TestApp, logs: &Path, name: &str) -> (Service, String) {
    let (port, management) = (free_port().unwrap(), free_port().unwrap());
    let lists = r#"[{source="UN", control_type="BLACKLIST", format="UN_XML"}]"#;
    let issuer = &app.issuer;
    let environment: BTreeMap<String, String> = [
        ("SERVER__LISTEN", format!("127.0.0.1:{port}")),
        ("SERVER__DRAIN_DELAY_MS", "0".to_owned()),
        ("MANAGEMENT__LISTEN", format!("127.0.0.1:{management}")),
        ("DATABASE__URL", app.database.app_url.clone()),
        ("AUTH__ISSUERS", format!(r#"[{{issuer="{}", jwks_url="{}"}}]"#, issuer.issuer(), issuer.jwks_url())),
        ("LISTS", lists.to_owned()),
        (
            "AUDIT__ANCHOR__URL",
            url::Url::from_file_path(app.anchor.path().join("heads.jsonl")).unwrap().into(),
        ),
        ("AUDIT__SIGNING_KEY", SIGNING_KEY.to_owned()),
        ("WEBHOOKS__KEY_SECRET", "a secret of the tests, 32 characters or more".to_owned()),
        ("BATCH__LEASE_S", "2".to_owned()),
    ]
    .map(|(key, value)| (format!("GARANT__{key}"), value))
    .into();
    let binary = Path::new(env!("CARGO_BIN_EXE_gda-audit"));
    let service = Service::start(binary, environment, management, &logs.join(name)).await.unwrap();
    (service, format!("http://127.0.0.1:{port}"))
}

/// A database with a list and a flow, whose own service is stopped: other processes do the work.
async fn prepared() -> TestApp {
    let app = app().await;
    app.import("UN", &["un.xml"]).await;
    app.add_flows(&[("gda", &["BLACKLIST"])]).await;
    app.stop().await;
    app
}

async fn take_in(app: &TestApp, base: &str) -> Value {
    let request =
        app.http.post(format!("{base}/imports/stock?flowName=gda")).header("content-type", "text/csv");
    let token = app.token("screening:write");
    body(request.bearer_auth(token).body(file(persons())), StatusCode::ACCEPTED).await
}

async fn until(app: &TestApp, condition: &str) {
    let deadline = Instant::now() + Duration::from_secs(300);
    let sql = format!("SELECT {condition}");
    while !sqlx::query_scalar::<_, bool>(sqlx::AssertSqlSafe(sql.clone())).fetch_one(&app.pool).await.unwrap()
    {
        assert!(Instant::now() < deadline, "{condition}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

const ENDED: &str = "EXISTS (SELECT FROM gda.imports WHERE ended_at IS NOT NULL)
                     AND NOT EXISTS (SELECT FROM jobs.job WHERE state <> 'done')";

/// All that a batch leaves, without numbers and times; and the chain has no gap.
async fn left(app: &TestApp) -> Vec<String> {
    let mut left = Vec::new();
    for sql in [
        "SELECT format('%s|%s|%s|%s|%s', lines, accepted, rejected, chunks_done, failure) FROM gda.imports",
        "SELECT md5(string_agg(format('%s|%s|%s', line, field, reason), E'\\n' ORDER BY line)) FROM gda.rejected_lines",
        r#"SELECT md5(string_agg(format('%s|%s|%s|%s', reference, encode(s.hash, 'hex'), md5(document), stock_blacklist),
                                 E'\n' ORDER BY reference COLLATE "C"))
           FROM gda.persons p JOIN gda.person_snapshots s ON s.id = p.snapshot_id"#,
        r#"SELECT md5(string_agg(format('%s|%s|%s|%s', reference, c.type, encode(s.hash, 'hex'), hits),
                                 E'\n' ORDER BY reference COLLATE "C"))
           FROM gda.controls c JOIN gda.persons p ON p.id = c.person_id
           JOIN gda.person_snapshots s ON s.id = c.snapshot_id"#,
        r#"SELECT md5(string_agg(format('%s|%s|%s|%s', reference, f.state, f.max_score, body),
                                 E'\n' ORDER BY reference COLLATE "C"))
           FROM gda.folders f JOIN gda.persons p ON p.id = f.person_id JOIN gda.events e USING (person_id)"#,
        "SELECT format('%s|%s|%s', (SELECT count(*) FROM gda.persons), (SELECT count(*) FROM gda.person_snapshots),
                       (SELECT count(*) FROM gda.controls))",
        "SELECT format('%s|%s', (SELECT count(*) FROM gda.import_chunks),
                       (SELECT max(seq) = count(*) AND max(seq) = (SELECT seq FROM gda.chain) FROM gda.segments))",
    ] {
        left.push(sqlx::query_scalar(sql).fetch_one(&app.pool).await.unwrap());
    }
    left
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_ends_the_same_whoever_is_killed() {
    let logs = tempfile::tempdir().unwrap();
    let persons = persons();

    let undisturbed = {
        let app = prepared().await;
        let (mut one, base) = replica(&app, logs.path(), "undisturbed").await;
        take_in(&app, &base).await;
        until(&app, ENDED).await;
        one.terminate().await.unwrap();
        left(&app).await
    };
    let rejected = persons / 1_000 * 2;
    assert_eq!(
        undisturbed[0],
        format!("{persons}|{}|{rejected}|{}|", persons - rejected, persons.div_ceil(4_000))
    );
    assert_eq!(undisturbed[6], "0|t");

    let app = prepared().await;
    let (mut killed, base) = replica(&app, logs.path(), "killed").await;
    take_in(&app, &base).await;
    for share in [30, 80] {
        let reached = format!("(SELECT accepted + rejected >= lines * {share} / 100 FROM gda.imports)");
        until(&app, &reached).await;
        killed.kill_9().await.unwrap();
        let open: i64 = sqlx::query_scalar("SELECT count(*) FROM jobs.job WHERE state <> 'done'")
            .fetch_one(&app.pool)
            .await
            .unwrap();
        assert!(open > 0, "killed when all was done");
        killed.restart().await.unwrap();
    }
    until(&app, ENDED).await;
    let attempts: i32 =
        sqlx::query_scalar("SELECT max(attempt) FROM jobs.job").fetch_one(&app.pool).await.unwrap();
    assert!(attempts > 1, "nothing was under way when it was killed");
    assert_eq!(left(&app).await, undisturbed);
    drop(killed);

    let app = prepared().await;
    let (_one, base) = replica(&app, logs.path(), "one").await;
    let (_other, _) = replica(&app, logs.path(), "other").await;
    take_in(&app, &base).await;
    until(&app, ENDED).await;
    assert_eq!(left(&app).await, undisturbed);
    let workers = "SELECT count(DISTINCT worker) FROM jobs.job WHERE kind = 'gda-audit.screen-persons'";
    let workers: i64 = sqlx::query_scalar(workers).fetch_one(&app.pool).await.unwrap();
    assert_eq!(workers, 2, "both have worked on it");
    println!("{persons} persons: killed at 30 % and 80 %, and shared by two processes, as undisturbed");
}
