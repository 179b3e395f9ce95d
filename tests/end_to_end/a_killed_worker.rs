//! `kill -9` at the worst moments of a 200,000-row task.

use anyhow::{Context, Result, ensure};
use end_to_end::{Answer, Stack};
use reqwest::StatusCode;
use sqlx::PgPool;
use testkit::statements::{Expected, Figures, Params, Sample};

const ROWS: u64 = 200_000;

/// All that a finished task has found, its rows told by their lines in the file.
#[derive(Debug, PartialEq, Eq)]
struct Findings {
    expected: Expected,
    statement_rows: i64,
    digest: String,
}

async fn findings(pool: &PgPool, task: i64, sample: &Sample) -> Result<Findings> {
    let (montant_operateur, montant_cinetpay, count_operator, count_cinetpay): (i64, i64, i64, i64) =
        sqlx::query_as(
            "SELECT montant_operateur, montant_cinetpay, count_operator, count_cinetpay
             FROM reconciliation.tasks WHERE id = $1 AND state = 'TERMINE'",
        )
        .bind(task)
        .fetch_one(pool)
        .await?;
    let figures = Figures {
        montant_operateur,
        montant_cinetpay,
        diff_montant: montant_operateur - montant_cinetpay,
        count_operator,
        count_cinetpay,
        diff_count: count_operator - count_cinetpay,
    };
    let mut expected = Expected { figures, ..Expected::default() };
    let known = sample.expected().kinds;
    let kinds: Vec<(String, i64)> =
        sqlx::query_as("SELECT kind, count(*) FROM reconciliation.results WHERE task_id = $1 GROUP BY kind")
            .bind(task)
            .fetch_all(pool)
            .await?;
    for (kind, count) in kinds {
        let (kind, _) = known.get_key_value(kind.as_str()).with_context(|| kind.clone())?;
        expected.kinds.insert(kind, count.try_into()?);
    }
    let statement_rows =
        sqlx::query_scalar("SELECT count(*) FROM reconciliation.statement_rows WHERE task_id = $1")
            .bind(task)
            .fetch_one(pool)
            .await?;
    let digest = sqlx::query_scalar(
        r#"SELECT md5(string_agg(text, E'\n' ORDER BY text COLLATE "C"))
           FROM (SELECT format('%s|%s|%s|%s|%s|%s', s.line, r.kind, r.rule, r.reason, r.cpm_trans_id,
                               r.transaction_version) AS text
                 FROM reconciliation.results r
                 LEFT JOIN reconciliation.statement_rows s ON s.task_id = r.task_id AND s.id = r.statement_row_id
                 WHERE r.task_id = $1) AS found"#,
    )
    .bind(task)
    .fetch_one(pool)
    .await?;
    Ok(Findings { expected, statement_rows, digest })
}

/// Tasks, statement rows, results and jobs.
async fn footprint(pool: &PgPool) -> Result<(i64, i64, i64, i64)> {
    let counts = "SELECT (SELECT count(*) FROM reconciliation.tasks),
                         (SELECT count(*) FROM reconciliation.statement_rows),
                         (SELECT count(*) FROM reconciliation.results),
                         (SELECT count(*) FROM jobs.job)";
    Ok(sqlx::query_as(counts).fetch_one(pool).await?)
}

/// Attempts so far and failures counted, of the latest job.
async fn attempts(pool: &PgPool) -> Result<(i32, i32)> {
    let latest = "SELECT attempt, failures FROM jobs.job ORDER BY id DESC LIMIT 1";
    Ok(sqlx::query_as(latest).fetch_one(pool).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_whose_worker_is_killed_ends_as_if_undisturbed() -> Result<()> {
    let mut stack = Stack::start(&[("MATCHING__LEASE_S", "2")]).await?;
    let token = stack.token(None).await?;
    let sample = Sample::new(Params::new(ROWS, 1));
    let mut statement = Vec::new();
    sample.write_csv(&mut statement)?;
    stack.ingest(&token, &sample).await?;

    let answer = Answer::to(stack.upload(&token, &sample, statement.clone())).await?;
    let undisturbed = answer.expect(StatusCode::CREATED)?["id"].as_i64().context("no id")?;
    stack.finished(&token, undisturbed).await?;
    let undisturbed = findings(&stack.pool, undisturbed, &sample).await?;
    assert_eq!(undisturbed.expected, sample.expected());
    assert_eq!(undisturbed.statement_rows, ROWS as i64);

    // During the upload, while its rows are being stored.
    let before = footprint(&stack.pool).await?;
    let upload = tokio::spawn(Answer::to(stack.upload(&token, &sample, statement.clone())));
    stack
        .until(
            "SELECT EXISTS (SELECT FROM pg_stat_progress_copy
             WHERE datname = current_database() AND relid = 'reconciliation.statement_rows'::regclass
               AND tuples_processed > 5000)",
        )
        .await?;
    stack.replica.process.kill_9().await?;
    let answer = upload.await??;
    assert_eq!((answer.status, answer.code()?.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "unavailable"));
    stack.replica.process.restart().await?;
    stack
        .until("SELECT NOT EXISTS (SELECT FROM pg_stat_progress_copy WHERE datname = current_database())")
        .await?;
    assert_eq!(footprint(&stack.pool).await?, before, "the upload has left something");

    // The same upload again; right after 201, and again once the matching has both sides.
    let answer = Answer::to(stack.upload(&token, &sample, statement)).await?;
    stack.replica.process.kill_9().await?;
    let task = answer.expect(StatusCode::CREATED)?["id"].as_i64().context("no id")?;
    let (after_201, _) = attempts(&stack.pool).await?;
    stack.replica.process.restart().await?;
    let claimed = format!(
        "SELECT state = 'running' AND progress_total > 0 AND attempt > {after_201}
         FROM jobs.job ORDER BY id DESC LIMIT 1"
    );
    stack.until(&claimed).await?;
    let running = stack.get(&format!("/taches/{task}"), &token);
    assert_eq!(Answer::to(running).await?.expect(StatusCode::OK)?["etat"], "ENCOURS");
    stack.replica.process.kill_9().await?;
    stack.replica.process.restart().await?;
    stack.finished(&token, task).await?;
    let (attempt, failures) = attempts(&stack.pool).await?;
    ensure!(attempt > after_201 + 1 && failures >= 1, "attempt {attempt}, {failures} failures");
    assert_eq!(findings(&stack.pool, task, &sample).await?, undisturbed);

    // A further run of the same task, while its results are being stored.
    let update = Answer::to(stack.post(&format!("/update_reconciliation/{task}"), &token));
    let update = tokio::spawn(update);
    stack
        .until(
            "SELECT EXISTS (SELECT FROM pg_stat_progress_copy
             WHERE datname = current_database() AND relid = 'reconciliation.results'::regclass
               AND tuples_processed > 5000)",
        )
        .await?;
    stack.replica.process.kill_9().await?;
    let answer = update.await??;
    assert_eq!((answer.status, answer.code()?.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "unavailable"));
    stack.replica.process.restart().await?;
    stack.finished(&token, task).await?;
    let of_update = attempts(&stack.pool).await?;
    assert_eq!(of_update, (2, 1), "the run was killed and repeated");
    assert_eq!(findings(&stack.pool, task, &sample).await?, undisturbed);

    let (tasks, rows, results, jobs) = footprint(&stack.pool).await?;
    let found: u64 = undisturbed.expected.kinds.values().sum();
    assert_eq!((tasks, rows, results, jobs), (2, 2 * ROWS as i64, 2 * found as i64, 3));
    println!(
        "{ROWS} rows: killed in the upload, after 201 (attempt {after_201}), at ENCOURS (ended by attempt {attempt}), \
         in the COPY of the results (attempt {}); {:?}, digest {}",
        of_update.0, undisturbed.expected.kinds, undisturbed.digest
    );
    Ok(())
}
