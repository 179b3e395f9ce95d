//! The audit trail cannot be changed by the application, and whoever changes it otherwise is found out.

use std::process::Command;

use gda_audit::domain::audit::{self, ControlRow, GENESIS};
use gda_audit::domain::control::{ControlType, hex};
use gda_audit::domain::person::{Hash, sha256};
use gda_audit::lists::Format;
use gda_audit::store;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool, Row};

use crate::support::{TestApp, app_with, body, list};

/// What a superuser could restore from a copy.
const TABLES: [&str; 7] =
    ["persons", "person_snapshots", "folders", "controls", "events", "segments", "chain"];

/// Two lists, controls with and without hits, a decision, a comment and its deletion.
pub async fn trail() -> TestApp {
    let app = app_with(vec![list("UN", Format::UnXml), list("PEP", Format::SimplePepCsv)]).await;
    app.import("UN", &["un.xml"]).await;
    app.import("PEP", &["pep.csv"]).await;
    app.add_flows(&[("gda", &["BLACKLIST"]), ("both", &["BLACKLIST", "PEP"])]).await;
    app.checked("gda", "1", "Jane", "Unlisted").await;
    let listed = app.checked("gda", "2", "Farazan", "Quillab").await;
    decide(&app, &listed).await;
    app.checked("both", "3", "John", "Unlisted").await;
    app.checked("both", "00/4+ é", "Jane", "Durand").await;
    app
}

async fn decide(app: &TestApp, person: &str) {
    let path = format!("/riskfolders/{person}b");
    let decision = json!({"state": "NO_MATCH", "reason": "=another birth date", "version": 1});
    let post = |part: &str, sent: &Value| app.request(Method::POST, &format!("{path}/{part}")).json(sent);
    body(post("status", &decision), StatusCode::OK).await;
    let comment = body(post("comments", &json!({"text": "seen, \"twice\""})), StatusCode::CREATED).await;
    let comment = format!("{path}/comments/{}", comment["id"].as_str().unwrap());
    let deleted = app.request(Method::DELETE, &comment).send().await.unwrap();
    assert_eq!(deleted.status(), StatusCode::NO_CONTENT);
}

async fn execute(pool: &PgPool, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(pool).await.unwrap();
}

async fn copy(pool: &PgPool) {
    execute(pool, "DROP SCHEMA IF EXISTS yesterday CASCADE; CREATE SCHEMA yesterday").await;
    for table in TABLES {
        execute(pool, &format!("CREATE TABLE yesterday.{table} AS TABLE gda.{table}")).await;
    }
}

async fn restore(pool: &PgPool) {
    for table in TABLES {
        let sql = format!("TRUNCATE gda.{table}; INSERT INTO gda.{table} SELECT * FROM yesterday.{table}");
        execute(pool, &sql).await;
    }
}

async fn valid(app: &TestApp) -> Value {
    let report = app.get("/audit/verify").await;
    assert_eq!(report["valid"], true, "{report}");
    assert_eq!(report.get("problem"), None, "{report}");
    report
}

/// The problem that a superuser's change makes.
async fn problem_of(app: &TestApp, sql: &str) -> Value {
    execute(&app.pool, sql).await;
    let report = app.get("/audit/verify").await;
    assert_eq!(report["valid"], false, "{sql}: {report}");
    report["problem"].clone()
}

async fn id_of(app: &TestApp, sql: &str) -> String {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&app.pool).await.unwrap()
}

#[tokio::test]
async fn the_application_cannot_change_it() {
    let app = app_with(vec![list("UN", Format::UnXml)]).await;
    let as_app = PgPool::connect(&app.database.app_url).await.unwrap();
    let [.., gda] = store::parts();
    for table in gda.append_only {
        let column: String = sqlx::query_scalar(
            "SELECT column_name FROM information_schema.columns
             WHERE table_schema = 'gda' AND table_name = $1 AND is_identity = 'NO' LIMIT 1",
        )
        .bind(table)
        .fetch_one(&app.pool)
        .await
        .unwrap();
        for sql in [
            format!("UPDATE gda.{table} SET {column} = {column}"),
            format!("DELETE FROM gda.{table}"),
            format!("TRUNCATE gda.{table}"),
            format!("ALTER TABLE gda.{table} DISABLE TRIGGER ALL"),
            format!("DROP TABLE gda.{table}"),
        ] {
            let refused = sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(&as_app).await.unwrap_err();
            assert!(common::db::has_code(&refused, &["42501"]), "{sql}: {refused}");
        }
        execute(&as_app, &format!("SELECT FROM gda.{table}")).await;
    }
}

#[tokio::test]
async fn a_fresh_trail_verifies_and_so_does_an_empty_one() {
    let empty = app_with(vec![list("UN", Format::UnXml)]).await;
    let report = valid(&empty).await;
    assert_eq!((&report["segments"], &report["head"]["seq"]), (&json!(0), &json!(0)));
    assert_eq!(report["head"]["hash"], hex::encode(&GENESIS));

    let app = trail().await;
    let report = valid(&app).await;
    // Two editions, four controls of which two with two rows and one with a status, three changes of a folder.
    assert_eq!((&report["segments"], &report["rows"]), (&json!(9), &json!(10)));
    assert_eq!(report["head"]["seq"], 9);
    assert_eq!(report["anchor"]["hash"], report["head"]["hash"]);
    let without = app.http.get(format!("{}/audit/verify", app.base));
    body(without.bearer_auth(app.token("lists:write")), StatusCode::FORBIDDEN).await;
}

#[tokio::test]
async fn what_a_superuser_changes_is_named() {
    let app = trail().await;
    valid(&app).await;
    copy(&app.pool).await;
    let hit =
        id_of(&app, "SELECT segment_id || '-' || position FROM gda.controls WHERE hits IS NOT NULL").await;
    let last = id_of(&app, "SELECT max(segment_id) || '-1' FROM gda.controls").await;
    let first = id_of(&app, "SELECT min(segment_id) || '-0' FROM gda.controls").await;
    let swapped = "UPDATE gda.controls a
                   SET person_id = b.person_id, snapshot_id = b.snapshot_id, hits = b.hits, hash = b.hash
                   FROM gda.controls b
                   WHERE (a.person_id, b.person_id) IN (VALUES (1::bigint, 2::bigint), (2, 1))";
    let moved = "UPDATE gda.controls SET position = 9 WHERE segment_id = (SELECT max(id) FROM gda.segments)
                                                        AND position = 0;
                 UPDATE gda.controls SET position = 0 WHERE position = 1
                                                        AND segment_id = (SELECT max(id) FROM gda.segments);
                 UPDATE gda.controls SET position = 1 WHERE position = 9";
    let last_first = last.replace("-1", "-0");
    let changes: [(&str, &str, Option<&str>, &str); 20] = [
        ("UPDATE gda.controls SET hits = replace(hits, '\"score\":', '\"score\":1')", "CONTROL", Some(&hit), "hashed"),
        ("UPDATE gda.controls SET hits = NULL", "CONTROL", Some(&hit), "hashed"),
        ("UPDATE gda.controls SET import_id = 7", "CONTROL", Some(&first), "hashed"),
        (
            "UPDATE gda.person_snapshots SET document = replace(document, 'Durand', 'Dupont')",
            "SNAPSHOT",
            Some(&last_first),
            "not what was hashed",
        ),
        (
            "UPDATE gda.person_snapshots SET document = replace(document, 'Durand', 'Dupont'),
                    hash = sha256(convert_to(replace(document, 'Durand', 'Dupont'), 'UTF8'))",
            "CONTROL",
            Some(&last_first),
            "hashed",
        ),
        ("DELETE FROM gda.person_snapshots WHERE document LIKE '%Durand%'", "SNAPSHOT", Some(&last_first), "missing"),
        (
            "UPDATE gda.person_snapshots SET search_keys = (SELECT search_keys FROM gda.person_snapshots WHERE id = 1)
             WHERE id = 2",
            "SNAPSHOT",
            Some("2"),
            "search keys",
        ),
        (
            "DELETE FROM gda.controls WHERE position = 1 AND segment_id = (SELECT max(id) FROM gda.segments)",
            "ROW",
            Some(&last),
            "missing",
        ),
        (swapped, "CONTROL", Some(&first), "hashed"),
        (moved, "CONTROL", Some(&last_first), "hashed"),
        ("UPDATE gda.events SET body = replace(body, 'NO_MATCH', 'MATCH')", "EVENT", None, "hashed"),
        ("DELETE FROM gda.events WHERE kind = 'COMMENT_DELETED'", "ROW", None, "missing"),
        ("UPDATE gda.segments SET header = replace(header, 'ana.lyst', 'bob')", "SEGMENT", None, "hashed"),
        ("DELETE FROM gda.segments WHERE seq = 4", "SEGMENT", None, "missing"),
        (
            "INSERT INTO gda.controls SELECT 999, position, person_id, type, snapshot_id, import_id, hits, hash
             FROM gda.controls LIMIT 1",
            "CONTROL",
            Some("999-0"),
            "not in the chain",
        ),
        ("UPDATE gda.chain SET seq = seq - 1", "CHAIN", None, "head"),
        ("UPDATE gda.folders SET state = 'MATCH'", "PROJECTION", None, "risk folder"),
        ("DELETE FROM gda.folders", "PROJECTION", None, "risk folder"),
        ("DELETE FROM gda.persons WHERE id = 4", "PROJECTION", Some(&last_first), "snapshot"),
        ("UPDATE gda.persons SET snapshot_id = 1 WHERE id = 4", "PROJECTION", Some(&last_first), "snapshot"),
    ];
    for (sql, kind, id, reason) in changes {
        let problem = problem_of(&app, sql).await;
        assert_eq!(problem["kind"], kind, "{sql}: {problem}");
        assert!(problem["reason"].as_str().unwrap().contains(reason), "{sql}: {problem}");
        if let Some(id) = id {
            assert_eq!(problem["id"], id, "{sql}: {problem}");
        }
        restore(&app.pool).await;
    }
    valid(&app).await;
}

#[tokio::test]
async fn a_changed_list_is_named() {
    let app = trail().await;
    for (sql, back, kind, reason) in [
        (
            "UPDATE gda.records SET record = jsonb_set(record, '{listed_on}', '\"1999\"') WHERE source = 'UN'",
            None,
            "RECORD",
            "not what was hashed",
        ),
        (
            "UPDATE gda.editions SET published = published - interval '1 day' WHERE source = 'UN'",
            Some("UPDATE gda.editions SET published = published + interval '1 day' WHERE source = 'UN'"),
            "EDITION",
            "screened against",
        ),
        (
            "UPDATE gda.editions SET content_sha256 = sha256(content_sha256) WHERE source = 'PEP'",
            None,
            "EDITION",
            "put in force",
        ),
        ("UPDATE gda.edition_records SET position = -position", None, "EDITION", "records"),
    ] {
        let problem = problem_of(&app, sql).await;
        assert_eq!(problem["kind"], kind, "{sql}: {problem}");
        assert!(problem["reason"].as_str().unwrap().contains(reason), "{sql}: {problem}");
        if let Some(back) = back {
            execute(&app.pool, back).await;
        }
        // The next ones are found before those that are left: the walk meets them first.
    }
}

#[tokio::test]
async fn a_shortened_or_restored_trail_is_behind_its_anchor() {
    let app = trail().await;
    copy(&app.pool).await;
    // The last row with its segment and the chain's head: nothing in the database tells.
    let shortened = "DELETE FROM gda.controls WHERE segment_id = (SELECT max(id) FROM gda.segments);
                     DELETE FROM gda.segments WHERE seq = 9;
                     UPDATE gda.chain SET seq = 8, hash = (SELECT hash FROM gda.segments WHERE seq = 8)";
    let problem = problem_of(&app, shortened).await;
    assert_eq!((&problem["kind"], &problem["seq"]), (&json!("ANCHOR"), &json!(9)), "{problem}");
    assert!(problem["reason"].as_str().unwrap().contains("behind"), "{problem}");
    restore(&app.pool).await;

    app.checked("gda", "5", "Jim", "Unlisted").await;
    app.checked("gda", "6", "Jill", "Unlisted").await;
    valid(&app).await;
    restore(&app.pool).await;
    let report = app.get("/audit/verify").await;
    assert_eq!((&report["head"]["seq"], &report["problem"]["seq"]), (&json!(9), &json!(10)), "{report}");
    assert_eq!(report["problem"]["kind"], "ANCHOR", "{report}");
}

/// As somebody would who knows the code, can write the database and cannot write the anchor.
async fn rewrite(pool: &PgPool) {
    execute(pool, "UPDATE gda.controls SET hits = NULL").await;
    let mut previous = GENESIS;
    let segments =
        sqlx::query("SELECT seq, id, header FROM gda.segments ORDER BY seq").fetch_all(pool).await.unwrap();
    for segment in segments {
        let (seq, id, header): (i64, i64, String) = (segment.get(0), segment.get(1), segment.get(2));
        let mut hashes: Vec<Hash> = Vec::new();
        let sql = "SELECT c.position, person_id, type, snapshot_id, s.document, import_id FROM gda.controls c
                   JOIN gda.person_snapshots s USING (person_id) WHERE segment_id = $1 ORDER BY c.position";
        for row in sqlx::query(sql).bind(id).fetch_all(pool).await.unwrap() {
            let control = ControlRow {
                person_id: row.get(1),
                control_type: ControlType::of_code(row.get(2)).unwrap(),
                snapshot_id: row.get(3),
                snapshot: sha256(row.get::<String, _>(4).as_bytes()),
                import_id: row.get(5),
                hits: None,
            };
            let hash = control.hash(id, row.get(0));
            let sql = "UPDATE gda.controls SET hash = $3 WHERE segment_id = $1 AND position = $2";
            let position: i32 = row.get(0);
            sqlx::query(sql).bind(id).bind(position).bind(&hash[..]).execute(pool).await.unwrap();
            hashes.push(hash);
        }
        let events =
            sqlx::query("SELECT hash FROM gda.events WHERE segment_id = $1 ORDER BY position").bind(id);
        let events = events.fetch_all(pool).await.unwrap();
        hashes.extend(events.iter().map(|row| Hash::try_from(row.get::<Vec<u8>, _>(0)).unwrap()));
        let root = audit::root(id, &header, hashes.into_iter());
        previous = audit::link(&previous, seq, &root);
        let sql = "UPDATE gda.segments SET root = $2, hash = $3 WHERE seq = $1";
        sqlx::query(sql).bind(seq).bind(&root[..]).bind(&previous[..]).execute(pool).await.unwrap();
    }
    sqlx::query("UPDATE gda.chain SET hash = $1").bind(&previous[..]).execute(pool).await.unwrap();
}

#[tokio::test]
async fn a_trail_that_was_written_anew_is_not_the_anchored_one() {
    let app = trail().await;
    rewrite(&app.pool).await;
    let report = app.get("/audit/verify").await;
    assert_eq!(report["segments"], 9, "only the anchor tells: {report}");
    let problem = &report["problem"];
    // The second control is the first with a hit.
    assert_eq!((&problem["kind"], &problem["seq"]), (&json!("ANCHOR"), &json!(4)), "{problem}");
    assert!(problem["reason"].as_str().unwrap().contains("not the anchored one"), "{problem}");
}

fn anchored(app: &TestApp) -> Vec<Value> {
    let text = std::fs::read_to_string(app.anchor.path().join("heads.jsonl")).unwrap();
    text.lines().filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn anchor(app: &TestApp, heads: &[Value]) {
    let text: String = heads.iter().map(|head| format!("\n{head}")).collect();
    std::fs::write(app.anchor.path().join("heads.jsonl"), text).unwrap();
}

#[tokio::test]
async fn a_crash_before_the_anchor_is_no_fault_and_two_are() {
    let app = trail().await;
    let heads = anchored(&app);
    let up_to = |seq: i64| -> Vec<Value> {
        heads.iter().filter(|head| head["seq"].as_i64().unwrap() <= seq).cloned().collect()
    };
    anchor(&app, &up_to(8));
    let report = valid(&app).await;
    assert_eq!((&report["head"]["seq"], &report["anchor"]["seq"]), (&json!(9), &json!(8)));
    anchor(&app, &up_to(7));
    let report = app.get("/audit/verify").await;
    assert_eq!(
        (&report["problem"]["kind"], &report["problem"]["seq"]),
        (&json!("ANCHOR"), &json!(8)),
        "{report}"
    );

    // A replica that starts after the crash writes what is missing before it appends.
    anchor(&app, &up_to(8));
    let another = app.another_replica().await;
    let check = app.check_risk("gda", "5", "Jim", "Unlisted").build().unwrap();
    let mut request =
        app.http.put(format!("{another}/checkrisk?flowName=gda")).bearer_auth(app.token("screening:write"));
    request = request.header("content-type", "application/json");
    body(request.body(check.body().unwrap().as_bytes().unwrap().to_vec()), StatusCode::OK).await;
    assert_eq!(valid(&app).await["anchor"]["seq"], 10);
}

#[tokio::test]
async fn a_forged_head_is_named() {
    let app = trail().await;
    let mut heads = anchored(&app);
    let mut forged = heads.iter().find(|head| head["seq"] == 5).unwrap().clone();
    forged["at"] = json!("2020-01-01T00:00:00Z");
    heads.push(forged);
    anchor(&app, &heads);
    let report = app.get("/audit/verify").await;
    assert_eq!(
        (&report["problem"]["kind"], &report["problem"]["seq"]),
        (&json!("ANCHOR"), &json!(5)),
        "{report}"
    );
    assert!(report["problem"]["reason"].as_str().unwrap().contains("not signed"), "{report}");

    // A line that a crash has cut is none.
    heads.pop();
    anchor(&app, &heads);
    let file = app.anchor.path().join("heads.jsonl");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(file, format!("{text}\n{{\"seq\":10,\"ha")).unwrap();
    app.checked("gda", "5", "Jim", "Unlisted").await;
    assert_eq!(valid(&app).await["anchor"]["seq"], 10);
}

#[tokio::test]
async fn while_the_anchor_is_away_nothing_is_answered_and_nothing_is_lost() {
    let app = trail().await;
    let controls = async || -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM gda.controls").fetch_one(&app.pool).await.unwrap()
    };
    let before = controls().await;
    let (here, away) = (app.anchor.path().to_owned(), app.anchor.path().with_extension("away"));
    std::fs::rename(&here, &away).unwrap();
    let check = |reference: &str| app.check_risk("gda", reference, "Jim", "Unlisted");
    // The first one is committed before its head is written, and every further one waits for that.
    body(check("5"), StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(controls().await, before + 1);
    body(check("6"), StatusCode::SERVICE_UNAVAILABLE).await;
    body(check("6"), StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(controls().await, before + 1);
    std::fs::rename(&away, &here).unwrap();
    app.checked("gda", "6", "Jim", "Unlisted").await;
    assert_eq!(controls().await, before + 2);
    assert_eq!(valid(&app).await["anchor"]["seq"], 11);
}

#[tokio::test]
async fn the_command_says_so_too() {
    let app = trail().await;
    let verify = || {
        let file = format!("file://{}", app.anchor.path().join("heads.jsonl").display());
        let output = Command::new(env!("CARGO_BIN_EXE_gda-audit"))
            .arg("verify")
            .env("GARANT__DATABASE__URL", &app.database.app_url)
            .env("GARANT__AUDIT__ANCHOR__URL", file)
            .env("GARANT__AUDIT__SIGNING_KEY", crate::support::SIGNING_KEY)
            .env("GARANT__WEBHOOKS__KEY_SECRET", "a secret of the tests, 32 characters or more")
            .output()
            .unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), report, String::from_utf8(output.stderr).unwrap())
    };
    let (code, report, said) = verify();
    assert_eq!((code, &report["valid"]), (Some(0), &json!(true)), "{report} {said}");
    let hit =
        id_of(&app, "SELECT segment_id || '-' || position FROM gda.controls WHERE hits IS NOT NULL").await;
    execute(&app.pool, "UPDATE gda.controls SET hits = replace(hits, '\"score\":', '\"score\":1')").await;
    let (code, report, said) = verify();
    assert_eq!((code, &report["problem"]["id"]), (Some(1), &json!(hit)), "{report}");
    assert!(said.contains(&format!("id {hit}")), "{said}");
}

#[tokio::test]
async fn two_replicas_append_to_one_chain() {
    let app = trail().await;
    let another = app.another_replica().await;
    let checks = (0..20).map(|n| {
        let base = if n % 2 == 0 { &app.base } else { &another };
        let person = json!({
            "externalRef": {"externalRefId": format!("n{}", n / 2)}, "identity": {"lastName": "Unlisted"},
        });
        let request =
            app.http.put(format!("{base}/checkrisk?flowName=both")).bearer_auth(app.token("screening:write"));
        body(request.json(&person), StatusCode::OK)
    });
    futures_util::future::join_all(checks).await;
    let report = valid(&app).await;
    assert_eq!((&report["segments"], &report["rows"]), (&json!(29), &json!(50)));
    assert_eq!(report["anchor"]["seq"], 29);
}
