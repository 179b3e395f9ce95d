//! What a decision on a debtor under a contract depends on, as it is stored; and the transaction that decides on it.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use common::redact::Personal;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::Error as _;
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, PgConnection, PgExecutor, PgPool, Postgres, Row as _};

use super::chain::Hash;
use super::classifications::{Kept, kept};
use super::record::KEY_LIFE;
use super::{signed, unreadable};
use crate::domain::classification::Classification;
use crate::domain::contract::{Contract, ContractNo};
use crate::domain::debtor::{DebtorId, Profile};
use crate::domain::engine::DecisionRecord;
use crate::domain::money::{Amount, Currency};
use crate::work::command::By;

/// A stored classification.
#[derive(Clone)]
pub struct Stored {
    /// As its events have left it.
    pub classification: Classification,
    /// The hash of the last of them.
    pub head: Hash,
}

/// What is stored of a debtor.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Known {
    /// Its registered name.
    pub name: Personal<String>,
    /// What decides on it.
    pub profile: Profile,
    /// What the insurer has at risk on it outside this service, in euros.
    pub other_exposure: Decimal,
}

/// All that a decision on a debtor under a contract depends on.
#[derive(Clone)]
pub struct Situation {
    /// The contract.
    pub contract: Contract,
    /// The number of its next request.
    pub next_request_no: u64,
    /// Of its aggregate, as the rows have it.
    pub committed: Decimal,
    /// Its holder's subject at this service's own issuer.
    pub subject: String,
    /// Whether its holder has webhooks.
    pub is_heard: bool,
    /// What is known of the debtor.
    pub debtor: Option<Known>,
    /// The number of the contract's first grant on it.
    pub endorsement_no: Option<u64>,
    /// What the contract has on it, and the classification that was asked for.
    pub own: Vec<Stored>,
    /// What other contracts have at risk on it.
    pub others: Vec<Classification>,
    /// What the contract has at risk on other debtors on which time has changed something.
    pub due: Vec<Classification>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SituationBody {
    number: ContractNo,
    holder: Personal<String>,
    currency: Currency,
    from: NaiveDate,
    until: Option<NaiveDate>,
    debtor_cap: Decimal,
    aggregate: Decimal,
    terms_days: u16,
    commercial_risk_cover_pct: Decimal,
    political_risk_cover_pct: Decimal,
    next_request_no: u64,
    committed: Decimal,
    subject: String,
    is_heard: bool,
    debtor: Option<Known>,
    endorsement_no: Option<u64>,
    own: Vec<StoredBody>,
    others: Vec<Classification>,
    due: Vec<Classification>,
}

#[derive(Deserialize)]
struct StoredBody {
    document: Classification,
    decision: Option<DecisionRecord>,
    #[serde(deserialize_with = "hex")]
    head: Hash,
}

fn hex<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Hash, D::Error> {
    let text = String::deserialize(deserializer)?;
    let mut hash = Hash::default();
    for (at, byte) in hash.iter_mut().enumerate() {
        let digits = text.get(2 * at..2 * at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        *byte = digits.ok_or_else(|| D::Error::custom("no hash"))?;
    }
    Ok(hash)
}

impl From<SituationBody> for Situation {
    fn from(body: SituationBody) -> Self {
        let currency = body.currency;
        let own = body.own.into_iter().map(|StoredBody { document, decision, head }| Stored {
            classification: Classification { decision, ..document },
            head,
        });
        Self {
            contract: Contract {
                number: body.number,
                holder: body.holder,
                currency,
                from: body.from,
                until: body.until,
                debtor_cap: Amount::down(body.debtor_cap, currency),
                aggregate: Amount::down(body.aggregate, currency),
                terms_days: body.terms_days,
                commercial_risk_cover_pct: body.commercial_risk_cover_pct,
                political_risk_cover_pct: body.political_risk_cover_pct,
            },
            next_request_no: body.next_request_no,
            committed: body.committed,
            subject: body.subject,
            is_heard: body.is_heard,
            debtor: body.debtor,
            endorsement_no: body.endorsement_no,
            own: own.collect(),
            others: body.others,
            due: body.due,
        }
    }
}

fn read(json: Option<&str>) -> Result<Option<Situation>, sqlx::Error> {
    let body = json.map(serde_json::from_str::<SituationBody>).transpose().map_err(unreadable)?;
    Ok(body.map(Situation::from))
}

/// Which situation.
pub struct Question<'a> {
    /// The contract.
    pub contract_no: &'a ContractNo,
    /// The debtor.
    pub debtor: &'a DebtorId,
    /// A classification of both, whatever its status.
    pub request_no: Option<u64>,
    /// When.
    pub at: DateTime<Utc>,
}

/// The situation, which may change at any time, none where there is no such contract; and what a caller's key stands for.
pub async fn look(
    db: impl PgExecutor<'_>,
    question: &Question<'_>,
    by: &By,
    key: Option<&str>,
) -> Result<(Option<Situation>, Option<Kept>), sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT classifications.situation($1, $2, $3, $4, $5)::text AS situation, i.fingerprint AS "fingerprint?",
                  i.classification_id AS "classification_id?", i.version AS "version?"
           FROM (SELECT) one LEFT JOIN classifications.idempotency i
                ON i.login = $6 AND i.client_id = $7 AND i.key = $8 AND i.at > $9"#,
        question.contract_no.as_str(),
        question.debtor.country.as_str(),
        question.debtor.tax_code,
        question.request_no.map(signed),
        question.at,
        by.login.expose(),
        by.client_id,
        key,
        question.at - KEY_LIFE,
    )
    .fetch_one(db)
    .await?;
    Ok((read(row.situation.as_deref())?, kept(row.fingerprint, row.classification_id, row.version)))
}

/// A transaction that holds the locks of a contract and a debtor. It begins, locks and reads in one round trip, which
/// sqlx's own transactions need three for. Dropped before its end it closes its connection, and the server rolls back.
pub struct Locked {
    connection: Option<PoolConnection<Postgres>>,
}

impl Locked {
    /// Begins, waits for the locks, and reads the situation; none where there is no such contract.
    pub async fn begin(
        pool: &PgPool,
        question: &Question<'_>,
    ) -> Result<Option<(Self, Situation)>, sqlx::Error> {
        let mut locked = Self { connection: Some(pool.acquire().await?) };
        // The simple protocol has no parameters. Contract numbers, country codes and tax codes have only ASCII letters and
        // digits, and the others are numbers and instants; quotes are doubled all the same.
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
        let sql = format!(
            "BEGIN; SELECT classifications.locked({}, {}, {}, {}, {})::text",
            quoted(question.contract_no.as_str()),
            quoted(question.debtor.country.as_str()),
            quoted(&question.debtor.tax_code),
            question.request_no.map_or("NULL".to_owned(), |number| number.to_string()),
            quoted(&question.at.to_rfc3339_opts(SecondsFormat::Micros, true)),
        );
        let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(locked.connection()?).await?;
        let json: Option<String> = rows.first().ok_or(sqlx::Error::RowNotFound)?.try_get(0)?;
        match read(json.as_deref())? {
            Some(situation) => Ok(Some((locked, situation))),
            None => {
                locked.end("ROLLBACK").await?;
                Ok(None)
            }
        }
    }

    /// For statements within the transaction.
    pub fn connection(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        self.connection.as_deref_mut().ok_or(sqlx::Error::PoolClosed)
    }

    /// Makes its changes last.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        self.end("COMMIT").await
    }

    /// Leaves nothing.
    pub async fn roll_back(self) -> Result<(), sqlx::Error> {
        self.end("ROLLBACK").await
    }

    async fn end(mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(statement).execute(self.connection()?).await?;
        self.connection = None;
        Ok(())
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        if let Some(mut connection) = self.connection.take() {
            connection.close_on_drop();
        }
    }
}
