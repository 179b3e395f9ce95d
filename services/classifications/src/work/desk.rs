//! Commands: what they need to know, what the domain says to it, what is written.
//!
//! A request is looked at before anybody is asked about the debtor, then once more under the locks of contract and debtor,
//! where it is decided: nobody holds a lock while the network is waited for, and no two decisions count on the same
//! capacity. That is four round trips to the database: look; begin, lock and read; write; commit.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, SubsecRound, Utc};
use common::clock::SharedClock;
use sqlx::PgPool;
use uuid::Uuid;

use super::announce;
use super::capacity::{aggregate_left, change, debtor_exposure};
use super::command::{By, CommandError, Done, Guard};
use crate::config::Config;
use crate::connectors::debtors::Bureau;
use crate::connectors::{Connectors, ConnectorsError};
use crate::domain::canonical;
use crate::domain::classification::{Classification, NewRequest, Ruling, takes_over};
use crate::domain::contract::ContractNo;
use crate::domain::country::Country;
use crate::domain::date::date_of;
use crate::domain::debtor::{ConsumerCheck, DebtorId, Profile, Sanctions};
use crate::domain::engine::{DecisionRecord, Inputs, Occasion, Parameters, Snapshot};
use crate::domain::event::Event;
use crate::domain::money::{Amount, Fx, FxTable};
use crate::domain::reason::ChangeReason;
use crate::domain::refusal::Refusal;
use crate::domain::request::{Request, RequestType, Standing};
use crate::domain::state::{Action, Party};
use crate::domain::tax_code::TaxCode;
use crate::store::classifications::{Kept, Named, kept_under, target};
use crate::store::debtors;
use crate::store::events::{HistoryError, history};
use crate::store::record::{Author, Changed, Evidence, Key, Record, write};
use crate::store::situation::{Known, Locked, Question, Situation, Stored, look};

/// How often a command is tried that another one got in the way of.
const ATTEMPTS: u32 = 3;

/// Where classifications are requested, changed and looked at.
pub struct Desk {
    pub(super) pool: PgPool,
    pub(super) clock: SharedClock,
    parameters: Parameters,
    rates: FxTable,
    connectors: Connectors,
    bureau: Option<Arc<dyn Bureau>>,
    issuer: String,
}

/// What others say of a debtor.
struct Answers {
    /// Under which name they were asked.
    name: Option<String>,
    sanctions: Sanctions,
    consumer_check: Option<ConsumerCheck>,
}

/// Under the locks: all that a command is decided on.
struct Ground<'a> {
    situation: &'a Situation,
    standing: Standing,
    now: DateTime<Utc>,
}

/// What a command changes.
struct Ruled {
    events: Vec<Event>,
    /// Canonical JSON of what the engine decided on, where it was asked.
    snapshot: Option<String>,
}

impl From<Vec<Event>> for Ruled {
    fn from(events: Vec<Event>) -> Self {
        Self { events, snapshot: None }
    }
}

/// The engine's answer in its context.
struct Judged {
    record: DecisionRecord,
    snapshot: String,
    fx: Fx,
}

/// What the engine is asked about.
struct Matter<'a> {
    occasion: Occasion,
    request: &'a Request,
    amount: Amount,
    at_least: Option<Amount>,
}

impl Desk {
    /// On a database, by the service's configuration.
    ///
    /// # Errors
    /// [`ConnectorsError`] names the keys at fault.
    pub fn new(pool: PgPool, clock: SharedClock, config: &Config) -> Result<Self, ConnectorsError> {
        Ok(Self {
            pool,
            clock,
            parameters: config.parameters.clone(),
            rates: config.fx.clone(),
            connectors: Connectors::new(&config.connectors)?,
            bureau: None,
            issuer: config.identity.issuer.clone(),
        })
    }

    /// With a bureau that is asked for debtors of whom nothing is known.
    pub fn with_bureau(self, bureau: Arc<dyn Bureau>) -> Self {
        Self { bureau: Some(bureau), ..self }
    }

    /// The time, as the database can hold it.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now().trunc_subsecs(6)
    }

    /// An insured asks for a limit, or for more, less or longer. A REDUCTION changes the limit that there is, and is the
    /// insurer's, too, with notice.
    ///
    /// # Errors
    /// [`CommandError`]; [`Refusal::Duplicate`], [`Refusal::NoLimit`], [`Refusal::Currency`],
    /// [`Refusal::ContractNotInForce`], [`Refusal::Amount`] among its refusals.
    pub async fn create(
        &self,
        by: &By,
        contract_no: &ContractNo,
        request: Request,
        guard: &Guard,
    ) -> Result<Done, CommandError> {
        let debtor = debtor_of(&request);
        if request.request_type == RequestType::Reduction {
            let reduce = |ground: &Ground<'_>, it: &Classification, _: Option<&Answers>| {
                if request.currency != ground.situation.contract.currency {
                    return Err(Refusal::Currency.into());
                }
                if ground.standing.limit.is_none() {
                    return Err(Refusal::NoLimit.into());
                }
                Ok(it.reduce(by.party, request.amount, ground.now)?.into())
            };
            return match self.command(by, contract_no, Named::Debtor(&debtor), guard, reduce).await {
                // The contract is the caller's to see, the debtor is not in it.
                Err(CommandError::NotFound) if self.sees(by, contract_no).await? => {
                    Err(Refusal::NoLimit.into())
                }
                outcome => outcome,
            };
        }
        let mut attempt = 1;
        loop {
            match self.request(by, contract_no, &debtor, &request, guard).await {
                Err(CommandError::Database(error)) if attempt < ATTEMPTS && is_conflict(&error) => {
                    attempt += 1
                }
                outcome => return outcome,
            }
        }
    }

    async fn request(
        &self,
        by: &By,
        contract_no: &ContractNo,
        debtor: &DebtorId,
        request: &Request,
        guard: &Guard,
    ) -> Result<Done, CommandError> {
        let now = self.now();
        let question = Question { contract_no, debtor, request_no: None, at: now };
        let (situation, kept) = look(&self.pool, &question, by, guard.key()).await?;
        let situation =
            situation.filter(|it| sees(by, it.contract.holder.expose())).ok_or(CommandError::NotFound)?;
        if let Some(kept) = kept {
            return self.replay(&kept, guard).await;
        }
        if by.party != Party::Insured {
            return Err(Refusal::Actor.into());
        }
        standing(&situation, now).check(request, &situation.contract, now)?;
        let known = match situation.debtor {
            Some(known) => Some(known),
            None => self.ask_bureau(debtor).await?,
        };
        let answers = self.ask(debtor, request, known.as_ref()).await;

        let Some((locked, situation)) = Locked::begin(&self.pool, &question).await? else {
            return Err(CommandError::NotFound);
        };
        let rule = || {
            let ground = Ground { standing: standing(&situation, now), situation: &situation, now };
            ground.standing.check(request, &situation.contract, now)?;
            let matter = Matter {
                occasion: Occasion::Request,
                request,
                amount: request.amount,
                at_least: ground.standing.at_least(request, &self.parameters),
            };
            let judged = self.judge(&ground, &matter, &answers)?;
            let new = NewRequest {
                id: Uuid::now_v7(),
                request_no: situation.next_request_no,
                request: request.clone(),
                standing: &ground.standing,
                fx: judged.fx,
                decision: judged.record,
            };
            let event = Classification::request(new, &situation.contract, &self.parameters, now)?;
            Ok(Ruled { events: vec![event], snapshot: Some(judged.snapshot) })
        };
        match rule() {
            Ok(ruled) => self.settle(locked, &situation, None, ruled, by, guard, now).await,
            Err(error) => self.refuse(locked, error, by, guard, now).await,
        }
    }

    /// A party puts its limit into force again; the engine has to agree.
    ///
    /// # Errors
    /// [`CommandError`]; [`Refusal::Capacity`] whatever the engine objects to.
    pub async fn activate(
        &self,
        by: &By,
        contract_no: &ContractNo,
        endorsement_no: u64,
        guard: &Guard,
    ) -> Result<Done, CommandError> {
        let activate = |ground: &Ground<'_>, it: &Classification, answers: Option<&Answers>| {
            it.may(Action::Activate, by.party, ground.now)?;
            let silence = Answers { name: None, sanctions: Sanctions::Unavailable, consumer_check: None };
            let amount = it.at(ground.now).granted_amount().ok_or(CommandError::Corrupt)?;
            let matter = Matter {
                occasion: Occasion::Activation,
                request: &it.request,
                amount,
                at_least: Some(amount),
            };
            let judged = self.judge(ground, &matter, answers.unwrap_or(&silence))?;
            let events = it.activate(by.party, &ground.situation.contract, judged.record, ground.now)?;
            Ok(Ruled { events, snapshot: Some(judged.snapshot) })
        };
        self.command(by, contract_no, Named::Endorsement(endorsement_no), guard, activate).await
    }

    /// A party puts the limit of an endorsement out of force.
    ///
    /// # Errors
    /// [`CommandError`]
    pub async fn deactivate(
        &self,
        by: &By,
        contract_no: &ContractNo,
        endorsement_no: u64,
        reason: Option<ChangeReason>,
        guard: &Guard,
    ) -> Result<Done, CommandError> {
        let deactivate = |ground: &Ground<'_>, it: &Classification, _: Option<&Answers>| {
            Ok(it.deactivate(by.party, reason, ground.now)?.into())
        };
        self.command(by, contract_no, Named::Endorsement(endorsement_no), guard, deactivate).await
    }

    /// A party gives up, or takes away, a request, an offer or a limit.
    ///
    /// # Errors
    /// [`CommandError`]; [`Refusal::EffectiveDate`] among its refusals.
    pub async fn cancel(
        &self,
        by: &By,
        contract_no: &ContractNo,
        request_no: u64,
        effective_date: Option<NaiveDate>,
        reason: ChangeReason,
        guard: &Guard,
    ) -> Result<Done, CommandError> {
        let cancel = |ground: &Ground<'_>, it: &Classification, _: Option<&Answers>| {
            Ok(it.cancel(by.party, reason, effective_date, ground.now)?.into())
        };
        self.command(by, contract_no, Named::Request(request_no), guard, cancel).await
    }

    /// The insured accepts the premium of an offer.
    ///
    /// # Errors
    /// [`CommandError`]; [`Refusal::OfferExpired`], [`Refusal::OfferChanged`] among its refusals.
    pub async fn accept_premium(
        &self,
        by: &By,
        contract_no: &ContractNo,
        request_no: u64,
        annual_amount: Option<Amount>,
        guard: &Guard,
    ) -> Result<Done, CommandError> {
        let accept = |ground: &Ground<'_>, it: &Classification, _: Option<&Answers>| {
            insured_only(by)?;
            let contract = &ground.situation.contract;
            Ok(it.accept_premium(annual_amount, contract, &self.parameters, ground.now)?.into())
        };
        self.command(by, contract_no, Named::Request(request_no), guard, accept).await
    }

    /// The insured refuses the premium of an offer.
    ///
    /// # Errors
    /// [`CommandError`]
    pub async fn deny_premium(
        &self,
        by: &By,
        contract_no: &ContractNo,
        request_no: u64,
        guard: &Guard,
    ) -> Result<Done, CommandError> {
        let deny = |ground: &Ground<'_>, it: &Classification, _: Option<&Answers>| {
            insured_only(by)?;
            Ok(it.deny_premium(ground.now)?.into())
        };
        self.command(by, contract_no, Named::Request(request_no), guard, deny).await
    }

    /// An underwriter decides on a request in study.
    ///
    /// # Errors
    /// [`CommandError`]
    pub async fn decide(
        &self,
        by: &By,
        contract_no: &ContractNo,
        request_no: u64,
        ruling: &Ruling,
        guard: &Guard,
    ) -> Result<Done, CommandError> {
        let decide = |ground: &Ground<'_>, it: &Classification, _: Option<&Answers>| {
            it.may(Action::Decide, by.party, ground.now)?;
            let contract = &ground.situation.contract;
            let left = aggregate_left(ground.situation, ground.now);
            Ok(it.decide(ruling, contract, &ground.standing, left, &self.parameters, ground.now)?.into())
        };
        self.command(by, contract_no, Named::Request(request_no), guard, decide).await
    }

    async fn command<F>(
        &self,
        by: &By,
        contract_no: &ContractNo,
        named: Named<'_>,
        guard: &Guard,
        rule: F,
    ) -> Result<Done, CommandError>
    where
        F: Fn(&Ground<'_>, &Classification, Option<&Answers>) -> Result<Ruled, CommandError>,
    {
        let mut attempt = 1;
        loop {
            match self.attempt(by, contract_no, named, guard, &rule).await {
                Err(CommandError::Database(error)) if attempt < ATTEMPTS && is_conflict(&error) => {
                    attempt += 1
                }
                outcome => return outcome,
            }
        }
    }

    async fn attempt<F>(
        &self,
        by: &By,
        contract_no: &ContractNo,
        named: Named<'_>,
        guard: &Guard,
        rule: &F,
    ) -> Result<Done, CommandError>
    where
        F: Fn(&Ground<'_>, &Classification, Option<&Answers>) -> Result<Ruled, CommandError>,
    {
        let now = self.now();
        let target = target(&self.pool, contract_no, named, by, guard.key(), now).await?;
        let target = target.filter(|it| sees(by, &it.holder)).ok_or(CommandError::NotFound)?;
        if let Some(kept) = target.kept {
            return self.replay(&kept, guard).await;
        }
        let (request_no, debtor) = target.request.ok_or(CommandError::NotFound)?;
        let question = Question { contract_no, debtor: &debtor, request_no: Some(request_no), at: now };
        let answers = match named {
            Named::Endorsement(_) => self.ask_before(by, &question).await?,
            Named::Request(_) | Named::Debtor(_) => None,
        };
        let Some((locked, situation)) = Locked::begin(&self.pool, &question).await? else {
            return Err(CommandError::NotFound);
        };
        let Some(stored) = subject(&situation, named, request_no, now) else {
            return self.refuse(locked, CommandError::NotFound, by, guard, now).await;
        };
        let version = stored.classification.at(now).version;
        let ruled = match guard.if_match {
            Some(wanted) if wanted != version => Err(CommandError::Stale { version }),
            _ => {
                let ground = Ground { standing: standing(&situation, now), situation: &situation, now };
                rule(&ground, &stored.classification, answers.as_ref())
            }
        };
        match ruled {
            Ok(ruled) => self.settle(locked, &situation, Some(stored), ruled, by, guard, now).await,
            Err(error) => self.refuse(locked, error, by, guard, now).await,
        }
    }

    /// What others say of the debtor of a limit that is to be activated; nobody is asked where it can't be.
    async fn ask_before(&self, by: &By, question: &Question<'_>) -> Result<Option<Answers>, CommandError> {
        let (Some(situation), _) = look(&self.pool, question, by, None).await? else { return Ok(None) };
        let named = Named::Request(question.request_no.unwrap_or_default());
        let Some(stored) = subject(&situation, named, question.request_no.unwrap_or_default(), question.at)
        else {
            return Ok(None);
        };
        let it = &stored.classification;
        if it.may(Action::Activate, by.party, question.at).is_err() {
            return Ok(None);
        }
        Ok(Some(self.ask(question.debtor, &it.request, situation.debtor.as_ref()).await))
    }

    async fn ask_bureau(&self, debtor: &DebtorId) -> Result<Option<Known>, CommandError> {
        let Some(bureau) = &self.bureau else { return Ok(None) };
        match bureau.debtor(debtor).await {
            Ok(Some(found)) if found.id == *debtor => {
                let mut connection = self.pool.acquire().await?;
                debtors::put(&mut connection, std::slice::from_ref(&found), bureau.name(), self.now())
                    .await?;
                let (name, profile) = (found.name, found.profile);
                Ok(Some(Known { name, profile, other_exposure: found.other_exposure }))
            }
            Ok(_) => Ok(None),
            Err(error) => {
                tracing::warn!(bureau = bureau.name(), %error, "the bureau has no answer");
                Ok(None)
            }
        }
    }

    /// Asks about a debtor by its registered name, else by that which the insured gave. Silence is an answer, too.
    async fn ask(&self, debtor: &DebtorId, request: &Request, known: Option<&Known>) -> Answers {
        let registered = known.map(|known| &known.name);
        let name = registered.or(request.company_name.as_ref()).map(|name| name.expose().clone());
        let screened = async {
            let (Some(screening), Some(name)) = (&self.connectors.screening, &name) else {
                return Sanctions::Unavailable;
            };
            screening.screen(debtor, name, request.tax_code.is_natural_person()).await.unwrap_or_else(
                |error| {
                    tracing::warn!(%error, "screening has no answer");
                    Sanctions::Unavailable
                },
            )
        };
        let checked = async {
            let consumer =
                self.connectors.consumer_check.as_ref().filter(|_| debtor.country == Country::FR)?;
            let Some(name) = &name else { return Some(ConsumerCheck::Unavailable) };
            let checked = consumer.check(name, request.tax_code.as_str()).await;
            Some(checked.unwrap_or_else(|error| {
                tracing::warn!(%error, "the consumer check has no answer");
                ConsumerCheck::Unavailable
            }))
        };
        let (sanctions, consumer_check) = futures_util::join!(screened, checked);
        Answers { name, sanctions, consumer_check }
    }

    fn judge(
        &self,
        ground: &Ground<'_>,
        matter: &Matter<'_>,
        answers: &Answers,
    ) -> Result<Judged, CommandError> {
        let (situation, now, request) = (ground.situation, ground.now, matter.request);
        let day = date_of(now);
        let contract = &situation.contract;
        let fx = self.rates.at(contract.currency, day);
        let fx = fx.ok_or(crate::domain::capacity::NoRate(contract.currency))?;
        let unknown = Profile { founded: None, is_insolvent: false, accounts: None, days_beyond_terms: None };
        // Whoever was asked under another name than the debtor now has has said nothing about it.
        let name = situation.debtor.as_ref().map(|known| known.name.expose());
        let is_other = name.is_some() && name != answers.name.as_ref();
        let inputs = Inputs {
            occasion: matter.occasion,
            day,
            country: request.country,
            is_natural_person: request.tax_code.is_natural_person(),
            debtor: situation.debtor.as_ref().map_or(unknown, |known| known.profile.clone()),
            sanctions: if is_other { Sanctions::Unavailable } else { answers.sanctions },
            consumer_check: answers
                .consumer_check
                .map(|it| if is_other { ConsumerCheck::Unavailable } else { it }),
            exposure: debtor_exposure(situation, &self.rates, day, now)?,
            currency: contract.currency,
            fx,
            requested: matter.amount,
            at_least: matter.at_least,
            terms_days: request.terms_days,
            contract_terms_days: contract.terms_days,
            has_comments: request.comments.is_some(),
            debtor_cap: contract.debtor_cap,
            aggregate_left: aggregate_left(situation, now),
        };
        let snapshot = Snapshot::new(inputs, self.parameters.clone());
        Ok(Judged { record: snapshot.decide()?, snapshot: canonical::json(&snapshot)?, fx })
    }

    /// Writes what a command changes, with all that time and a new limit change on the same debtor, and commits.
    #[expect(clippy::too_many_arguments, reason = "the end of every command")]
    async fn settle(
        &self,
        mut locked: Locked,
        situation: &Situation,
        stored: Option<&Stored>,
        ruled: Ruled,
        by: &By,
        guard: &Guard,
        now: DateTime<Utc>,
    ) -> Result<Done, CommandError> {
        let author = Author { login: &by.login, client_id: &by.client_id };
        let takes_over = takes_over(&ruled.events);
        let changed = Changed::new(stored, ruled.events, Some(author)).ok_or(CommandError::Corrupt)?;
        let it = changed.after.classification.clone();
        // What stands aside comes first: two limits at once would be refused.
        let mut all = Vec::new();
        for other in situation.own.iter().filter(|other| other.classification.id != it.id) {
            let is_live = other.classification.at(now).status.is_live();
            let events = if takes_over && is_live {
                other.classification.supersede(it.request_no, now)?
            } else {
                other.classification.due(now)
            };
            if !events.is_empty() {
                all.push(Changed::new(Some(other), events, None).ok_or(CommandError::Corrupt)?);
            }
        }
        all.push(changed);

        let evidence =
            ruled.snapshot.map(|snapshot| Evidence { classification_id: it.id, seq: it.version, snapshot });
        let key = guard.idempotency.as_ref().map(|idempotency| Key {
            author,
            key: &idempotency.key,
            fingerprint: &idempotency.fingerprint,
            classification_id: it.id,
            version: it.version,
            at: now,
        });
        let record = Record {
            contract_no: &situation.contract.number,
            next_request_no: situation.next_request_no + u64::from(stored.is_none()),
            committed: situation.committed + change(&situation.own, &all),
            changed: &all,
            evidence: evidence.as_ref(),
            key,
        };
        if !write(locked.connection()?, &record).await? {
            locked.roll_back().await?;
            let key = guard.key().unwrap_or_default();
            let kept = kept_under(&self.pool, by, key, now).await?.ok_or(CommandError::KeyReused)?;
            return self.replay(&kept, guard).await;
        }
        if situation.is_heard {
            announce::changes(locked.connection()?, &self.issuer, &situation.subject, &all, now).await?;
        }
        locked.commit().await?;
        Ok(Done { classification: it, is_replayed: false })
    }

    /// Changes nothing. A command that came while the same one was carried out under its key is that one's repetition, though
    /// what it finds now refuses it.
    async fn refuse(
        &self,
        locked: Locked,
        error: CommandError,
        by: &By,
        guard: &Guard,
        now: DateTime<Utc>,
    ) -> Result<Done, CommandError> {
        locked.roll_back().await?;
        let Some(key) = guard.key() else { return Err(error) };
        match kept_under(&self.pool, by, key, now).await? {
            Some(kept) => self.replay(&kept, guard).await,
            None => Err(error),
        }
    }

    /// What a command that was carried out before was answered.
    async fn replay(&self, kept: &Kept, guard: &Guard) -> Result<Done, CommandError> {
        let fingerprint = guard.idempotency.as_ref().map(|idempotency| idempotency.fingerprint.as_slice());
        if fingerprint != Some(kept.fingerprint.as_slice()) {
            return Err(CommandError::KeyReused);
        }
        let events = history(&self.pool, kept.classification_id, kept.version).await?;
        let classification = Classification::from_events(events.iter().map(|stored| &stored.event))?;
        Ok(Done { classification, is_replayed: true })
    }
}

impl Guard {
    fn key(&self) -> Option<&str> {
        self.idempotency.as_ref().map(|idempotency| idempotency.key.as_str())
    }
}

impl From<HistoryError> for CommandError {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Changed(_) => Self::Corrupt,
            HistoryError::Database(error) => Self::Database(error),
        }
    }
}

/// Whether a contract is the caller's to see.
pub(super) fn sees(by: &By, holder: &str) -> bool {
    by.party == Party::Insurer || by.login.expose() == holder
}

fn insured_only(by: &By) -> Result<(), Refusal> {
    if by.party == Party::Insured { Ok(()) } else { Err(Refusal::Actor) }
}

fn debtor_of(request: &Request) -> DebtorId {
    let tax_code: &TaxCode = &request.tax_code;
    DebtorId { country: request.country, tax_code: tax_code.as_str().to_owned() }
}

fn standing(situation: &Situation, now: DateTime<Utc>) -> Standing {
    let mut standing = Standing::of(situation.own.iter().map(|stored| &stored.classification), now);
    standing.endorsement_no = standing.endorsement_no.or(situation.endorsement_no);
    standing
}

/// What a command is about: the request, or the limit that stands.
fn subject<'a>(
    situation: &'a Situation,
    named: Named<'_>,
    request_no: u64,
    now: DateTime<Utc>,
) -> Option<&'a Stored> {
    let live = situation.own.iter().find(|stored| stored.classification.at(now).status.is_live());
    let requested = situation.own.iter().find(|stored| stored.classification.request_no == request_no);
    match named {
        Named::Request(_) => requested,
        Named::Endorsement(_) | Named::Debtor(_) => live.or(requested),
    }
}

/// Whether another transaction was in the way: a deadlock, or a row that was added meanwhile.
fn is_conflict(error: &sqlx::Error) -> bool {
    common::db::has_code(error, &["40001", "40P01", "23505"])
}
