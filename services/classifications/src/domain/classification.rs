//! A classification, rebuilt from its events, and what may be done to it.
//!
//! Time is part of what it is: [`Classification::due`] tells which events time has brought about by an instant. A
//! reader applies them without writing ([`Classification::at`]), a sweeper writes them, and a command writes those that
//! are due before its own, so that all see the same state and the same version.

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::capacity::Holding;
use super::contract::{Contract, ContractNo};
use super::date::{after_notice, date_of, end_of, offer_expiry, start_of};
use super::debtor::DebtorId;
use super::engine::{DecisionRecord, Outcome, Parameters};
use super::event::{
    Broken, Cancellation, Change, Event, Grant, Premium, Requested, ScheduledChange, Term, Verdict,
};
use super::money::{Amount, AmountFault, Fx};
use super::reason::{ChangeReason, DecisionReason};
use super::refusal::Refusal;
use super::request::{Request, RequestType, Standing};
use super::state::{self, Action, Actor, NoTransition, Party, Status};

/// An underwriter's decision on a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ruling {
    /// Granted.
    Grant {
        /// How much, where it is not what was asked for.
        amount: Option<Amount>,
        /// Remarks.
        reasons: Vec<DecisionReason>,
    },
    /// Denied; without a reason it is for another one.
    Deny {
        /// Why.
        reasons: Vec<DecisionReason>,
    },
}

/// A classification as its events have left it. Whether time has changed it since is told by [`Classification::at`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Classification {
    /// Its own.
    pub id: Uuid,
    /// Under which contract.
    pub contract_no: ContractNo,
    /// Its number under that contract.
    pub request_no: u64,
    /// Number of the debtor's first grant under the contract; none if it was never granted anything.
    pub endorsement_no: Option<u64>,
    /// What was asked for; a reduction by the insured is the latest thing asked for.
    pub request: Request,
    /// The rate at which it was looked at.
    pub fx: Fx,
    /// Where it stands.
    pub status: Status,
    /// 1–10, 10 best.
    pub grade: Option<u8>,
    /// Why it was answered so.
    pub reason_codes: Vec<DecisionReason>,
    /// What was granted or offered, with later reductions.
    pub grant: Option<Grant>,
    /// A reduction to come.
    pub scheduled_change: Option<ScheduledChange>,
    /// A cancellation, to come or past.
    pub cancellation: Option<Cancellation>,
    /// Whether the limit was lowered after it was granted.
    pub is_reduced: bool,
    /// Who put it out of force, while it is.
    pub deactivated_by: Option<Party>,
    /// The engine's last answer; never an insured's to see.
    pub decision: Option<DecisionRecord>,
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
    /// When it was granted, offered or denied.
    pub decided_at: Option<DateTime<Utc>>,
    /// When its last event took effect.
    pub changed_at: DateTime<Utc>,
    /// How many events it has.
    pub version: u64,
}

/// A new request with what it needs beside the contract.
pub struct NewRequest<'a> {
    /// Of the classification to be.
    pub id: Uuid,
    /// The contract's next number.
    pub request_no: u64,
    /// What is asked for.
    pub request: Request,
    /// What the contract has on the debtor.
    pub standing: &'a Standing,
    /// The rate at which it was looked at.
    pub fx: Fx,
    /// The engine's answer.
    pub decision: DecisionRecord,
}

impl fmt::Debug for NewRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewRequest").field("request_no", &self.request_no).finish_non_exhaustive()
    }
}

impl Classification {
    /// The first event of a classification, from a request and the engine's answer. Where the limit is in force at once
    /// and the contract has one on the debtor, that one must be superseded with it: see [`takes_over`].
    ///
    /// # Errors
    /// [`Standing::check`]'s.
    pub fn request(
        new: NewRequest<'_>,
        contract: &Contract,
        parameters: &Parameters,
        now: DateTime<Utc>,
    ) -> Result<Event, Refusal> {
        new.standing.check(&new.request, contract, now)?;
        let decision = &new.decision.decision;
        let grant = decision.grant.map(|amount| {
            let mut grant = granted(&new.request, contract, amount);
            grant.premium = decision.premium.map(|price| Premium {
                rate_bps: price.rate_bps,
                annual_amount: price.annual_amount,
                offer_expires_at: offer_expiry(now),
            });
            grant.term = grant.premium.is_none().then(|| Term::starting(date_of(now), contract, parameters));
            grant
        });
        let to = match (decision.outcome, &grant) {
            (Outcome::Referred, _) => Status::InStudy,
            (Outcome::Granted | Outcome::Offered, Some(grant)) => status_of(grant),
            _ => Status::Denied,
        };
        let verdict = Verdict {
            grade: decision.grade.filter(|_| to != Status::InStudy),
            reason_codes: decision.reason_codes.clone(),
            grant: grant.filter(|_| to != Status::InStudy && to != Status::Denied),
        };
        let first_grant = verdict.grant.is_some().then_some(new.request_no);
        let change = Change::Requested(Box::new(Requested {
            id: new.id,
            contract_no: contract.number.clone(),
            request_no: new.request_no,
            endorsement_no: new.standing.endorsement_no.or(first_grant),
            request: new.request,
            fx: new.fx,
            verdict,
            decision: Some(new.decision),
        }));
        Ok(Event { from: None, to, actor: Actor::Insured, at: now, change })
    }

    /// Rebuilds a classification.
    ///
    /// # Errors
    /// When the events do not follow from one another.
    pub fn from_events<'a>(events: impl IntoIterator<Item = &'a Event>) -> Result<Self, Broken> {
        let mut events = events.into_iter();
        let mut classification = Self::first(events.next().ok_or(Broken(1))?)?;
        for event in events {
            classification.apply(event)?;
        }
        Ok(classification)
    }

    /// A classification that has only its first event.
    ///
    /// # Errors
    /// When it is no first event.
    pub fn first(event: &Event) -> Result<Self, Broken> {
        let Change::Requested(requested) = &event.change else { return Err(Broken(1)) };
        if !follows(None, event) {
            return Err(Broken(1));
        }
        let Requested { id, contract_no, request_no, endorsement_no, request, fx, verdict, decision } =
            *requested.clone();
        Ok(Self {
            id,
            contract_no,
            request_no,
            endorsement_no,
            request,
            fx,
            status: event.to,
            grade: verdict.grade,
            reason_codes: verdict.reason_codes,
            grant: verdict.grant,
            scheduled_change: None,
            cancellation: None,
            is_reduced: false,
            deactivated_by: None,
            decision,
            requested_at: event.at,
            decided_at: (event.to != Status::InStudy).then_some(event.at),
            changed_at: event.at,
            version: 1,
        })
    }

    /// Takes over a later event.
    ///
    /// # Errors
    /// When it does not follow; nothing has changed.
    pub fn apply(&mut self, event: &Event) -> Result<(), Broken> {
        let broken = Broken(self.version + 1);
        if !follows(Some(self.status), event) || event.at < self.changed_at {
            return Err(broken);
        }
        match &event.change {
            Change::Requested(_) => return Err(broken),
            Change::Decided { verdict } => {
                self.grade = verdict.grade;
                self.reason_codes.clone_from(&verdict.reason_codes);
                self.grant.clone_from(&verdict.grant);
                let first_grant = self.grant.is_some().then_some(self.request_no);
                self.endorsement_no = self.endorsement_no.or(first_grant);
                self.decided_at = Some(event.at);
            }
            Change::PremiumAccepted { term, .. } => self.grant.as_mut().ok_or(broken)?.term = Some(*term),
            Change::Deactivated { by, .. } => self.deactivated_by = Some(*by),
            Change::Activated { decision } => {
                self.deactivated_by = None;
                self.decision = decision.as_deref().cloned();
            }
            Change::Reduced { amount } => {
                self.reduce_to(*amount).ok_or(broken)?;
                self.request.request_type = RequestType::Reduction;
                self.request.amount = *amount;
                self.scheduled_change = self.scheduled_change.filter(|it| it.amount < *amount);
            }
            Change::ReductionScheduled(change) => self.scheduled_change = Some(*change),
            Change::ReductionEffective { amount } => {
                self.reduce_to(*amount).ok_or(broken)?;
                self.scheduled_change = None;
            }
            Change::CancellationScheduled(cancellation) | Change::Cancelled(cancellation) => {
                self.cancellation = Some(*cancellation);
            }
            Change::Withdrawn { reason_code } => {
                self.cancellation = Some(Cancellation { date: date_of(event.at), reason_code: *reason_code });
            }
            Change::PremiumDenied | Change::OfferExpired | Change::Expired | Change::Superseded { .. } => {}
        }
        self.status = event.to;
        if !self.status.is_live() {
            self.scheduled_change = None;
            self.deactivated_by = None;
            if !matches!(self.status, Status::Cancelled | Status::Withdrawn) {
                self.cancellation = None;
            }
        }
        self.changed_at = event.at;
        self.version += 1;
        Ok(())
    }

    fn reduce_to(&mut self, amount: Amount) -> Option<()> {
        self.grant.as_mut()?.amount = amount;
        self.is_reduced = true;
        Some(())
    }

    /// Who the debtor is.
    pub fn debtor(&self) -> DebtorId {
        DebtorId { country: self.request.country, tax_code: self.request.tax_code.as_str().to_owned() }
    }

    /// What was granted or offered, with later reductions.
    pub fn granted_amount(&self) -> Option<Amount> {
        self.grant.as_ref().map(|grant| grant.amount)
    }

    /// What it puts at risk. Take time into account before: [`Classification::at`].
    pub fn holding(&self) -> Option<Holding> {
        let amount = self.granted_amount().filter(|_| self.status.holds_capacity())?;
        Some(Holding {
            contract_no: self.contract_no.clone(),
            debtor: self.debtor(),
            currency: self.request.currency,
            amount,
        })
    }

    /// What time has brought about until an instant and nobody has written, in order.
    pub fn due(&self, now: DateTime<Utc>) -> Vec<Event> {
        self.clone().catch_up(now)
    }

    /// What it is at an instant, whether a sweeper ran or not. `now` is never before its last event.
    pub fn at(&self, now: DateTime<Utc>) -> Self {
        let mut it = self.clone();
        it.catch_up(now);
        it
    }

    /// When time will change it next, for a sweeper to look for.
    pub fn next_due(&self) -> Option<DateTime<Utc>> {
        self.deadline().map(|(at, ..)| at)
    }

    fn catch_up(&mut self, now: DateTime<Utc>) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some((at, to, change)) = self.deadline().filter(|(at, ..)| *at <= now) {
            let at = at.max(self.changed_at);
            let event = Event { from: Some(self.status), to, actor: Actor::Timer, at, change };
            if self.apply(&event).is_err() {
                break;
            }
            events.push(event);
        }
        events
    }

    /// The first of what time will bring about. At the same instant a reduction comes before a cancellation, and that
    /// before the end of validity.
    fn deadline(&self) -> Option<(DateTime<Utc>, Status, Change)> {
        let grant = self.grant.as_ref()?;
        if self.status == Status::PremiumPending {
            let premium = grant.premium.as_ref()?;
            return Some((premium.offer_expires_at, Status::OfferExpired, Change::OfferExpired));
        }
        if !self.status.is_live() {
            return None;
        }
        let reduction = self.scheduled_change.map(|change| {
            let effective = Change::ReductionEffective { amount: change.amount };
            (start_of(change.effective_date), self.status, effective)
        });
        let cancellation = self.cancellation.map(|cancellation| {
            (start_of(cancellation.date), Status::Cancelled, Change::Cancelled(cancellation))
        });
        let expiry = grant.term.map(|term| (end_of(term.validity_date), Status::Expired, Change::Expired));
        // The first of equal ones.
        [reduction, cancellation, expiry].into_iter().flatten().min_by_key(|(at, ..)| *at)
    }

    /// What a party may do now; for errors, and for clients that show buttons.
    pub fn allowed(&self, party: Party) -> Vec<Action> {
        let is_others = self.deactivated_by.is_some_and(|by| by != party);
        let mut actions = state::allowed(self.status, party.into());
        actions.retain(|action| !(is_others && *action == Action::Activate));
        actions
    }

    /// Whether a party may do something now: to be asked before the engine is.
    ///
    /// # Errors
    /// [`Refusal::State`], [`Refusal::Actor`]
    pub fn may(&self, action: Action, party: Party, now: DateTime<Utc>) -> Result<(), Refusal> {
        let it = self.at(now);
        match state::may(Some(it.status), action, party.into()) {
            Err(NoTransition::State) => Err(Refusal::State { status: it.status, allowed: it.allowed(party) }),
            Err(NoTransition::Actor) => Err(Refusal::Actor),
            Ok(()) if action == Action::Activate && it.deactivated_by != Some(party) => Err(Refusal::Actor),
            Ok(()) => Ok(()),
        }
    }

    /// An underwriter decides. `standing` is that of the debtor and `aggregate_left` what the contract can still grant
    /// on it. The underwriter is not bound by the engine's capacity, but by the contract and by what was asked for; a
    /// grade that costs a premium costs it whoever grants. See [`takes_over`].
    ///
    /// # Errors
    /// [`Refusal`]
    pub fn decide(
        &self,
        ruling: &Ruling,
        contract: &Contract,
        standing: &Standing,
        aggregate_left: Decimal,
        parameters: &Parameters,
        now: DateTime<Utc>,
    ) -> Result<Vec<Event>, Refusal> {
        self.may(Action::Decide, Party::Insurer, now)?;
        let grade = self.decision.as_ref().and_then(|record| record.decision.grade);
        let (amount, reasons) = match ruling {
            Ruling::Deny { reasons } => {
                let reasons = if reasons.is_empty() { vec![DecisionReason::OTHER] } else { reasons.clone() };
                let verdict = Verdict { grade, reason_codes: reasons, grant: None };
                return Ok(self.then(Actor::Insurer, Status::Denied, Change::Decided { verdict }, now));
            }
            Ruling::Grant { amount, reasons } => (amount.unwrap_or(self.request.amount), reasons.clone()),
        };
        if !contract.is_in_force(date_of(now)) {
            return Err(Refusal::ContractNotInForce);
        }
        if amount > self.request.amount {
            return Err(AmountFault::TooMuch.into());
        }
        if standing.at_least(&self.request, parameters).is_some_and(|least| amount < least) {
            return Err(AmountFault::NotAnIncrease.into());
        }
        if amount > contract.debtor_cap || amount.value() > aggregate_left {
            return Err(Refusal::Capacity);
        }
        let mut grant = granted(&self.request, contract, amount);
        grant.premium = parameters.premium(amount, grade, self.request.currency).map(|price| Premium {
            rate_bps: price.rate_bps,
            annual_amount: price.annual_amount,
            offer_expires_at: offer_expiry(now),
        });
        grant.term = grant.premium.is_none().then(|| Term::starting(date_of(now), contract, parameters));
        let to = status_of(&grant);
        let verdict = Verdict { grade, reason_codes: reasons, grant: Some(grant) };
        Ok(self.then(Actor::Insurer, to, Change::Decided { verdict }, now))
    }

    /// The insured accepts the premium. See [`takes_over`].
    ///
    /// # Errors
    /// [`Refusal`]
    pub fn accept_premium(
        &self,
        amount: Option<Amount>,
        contract: &Contract,
        parameters: &Parameters,
        now: DateTime<Utc>,
    ) -> Result<Vec<Event>, Refusal> {
        let offer = self.offer(Action::Accept, now)?;
        let amount = amount.ok_or(AmountFault::Missing)?;
        if amount != offer.annual_amount {
            return Err(Refusal::OfferChanged);
        }
        if !contract.is_in_force(date_of(now)) {
            return Err(Refusal::ContractNotInForce);
        }
        let term = Term::starting(date_of(now), contract, parameters);
        let change = Change::PremiumAccepted { annual_amount: amount, term };
        Ok(self.then(Actor::Insured, Status::Active, change, now))
    }

    /// The insured refuses the premium.
    ///
    /// # Errors
    /// [`Refusal`]
    pub fn deny_premium(&self, now: DateTime<Utc>) -> Result<Vec<Event>, Refusal> {
        self.offer(Action::Deny, now)?;
        Ok(self.then(Actor::Insured, Status::PremiumDenied, Change::PremiumDenied, now))
    }

    fn offer(&self, action: Action, now: DateTime<Utc>) -> Result<Premium, Refusal> {
        let it = self.at(now);
        if it.status == Status::OfferExpired {
            return Err(Refusal::OfferExpired);
        }
        self.may(action, Party::Insured, now)?;
        let premium = it.grant.and_then(|grant| grant.premium);
        premium.ok_or(Refusal::OfferChanged)
    }

    /// A party puts the limit out of force.
    ///
    /// # Errors
    /// [`Refusal`]
    pub fn deactivate(
        &self,
        party: Party,
        reason_code: Option<ChangeReason>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Event>, Refusal> {
        self.may(Action::Deactivate, party, now)?;
        if reason_code.is_some_and(|reason| !reason.is_for(party)) {
            return Err(Refusal::Actor);
        }
        let change = Change::Deactivated { by: party, reason_code };
        Ok(self.then(party.into(), Status::Inactive, change, now))
    }

    /// The party that put the limit out of force puts it into force again, all of it: the engine was asked for
    /// [`super::engine::Occasion::Activation`]. Whatever it objects to is [`Refusal::Capacity`].
    ///
    /// # Errors
    /// [`Refusal`]
    pub fn activate(
        &self,
        party: Party,
        contract: &Contract,
        decision: DecisionRecord,
        now: DateTime<Utc>,
    ) -> Result<Vec<Event>, Refusal> {
        self.may(Action::Activate, party, now)?;
        if !contract.is_in_force(date_of(now)) {
            return Err(Refusal::ContractNotInForce);
        }
        if decision.decision.grant < self.at(now).granted_amount() {
            return Err(Refusal::Capacity);
        }
        let change = Change::Activated { decision: Some(Box::new(decision)) };
        Ok(self.then(party.into(), Status::Active, change, now))
    }

    /// A party lowers the limit: the insured at once, the insurer with notice. A new notice takes the place of one that
    /// is under way.
    ///
    /// # Errors
    /// [`Refusal`]
    pub fn reduce(&self, party: Party, amount: Amount, now: DateTime<Utc>) -> Result<Vec<Event>, Refusal> {
        self.may(Action::Reduce, party, now)?;
        if self.at(now).granted_amount().is_none_or(|granted| amount >= granted) {
            return Err(AmountFault::NotAReduction.into());
        }
        let change = match party {
            Party::Insured => Change::Reduced { amount },
            Party::Insurer => {
                Change::ReductionScheduled(ScheduledChange { amount, effective_date: after_notice(now) })
            }
        };
        Ok(self.then(party.into(), Status::Active, change, now))
    }

    /// A party gives up, or takes away, a request, an offer or a limit. Without a date it is the first that is possible:
    /// today, or the end of the insurer's notice. A request or an offer has no other than today; a cancellation that is
    /// under way can only be brought forward.
    ///
    /// # Errors
    /// [`Refusal`]
    pub fn cancel(
        &self,
        party: Party,
        reason: ChangeReason,
        date: Option<NaiveDate>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Event>, Refusal> {
        self.may(Action::Cancel, party, now)?;
        if !reason.is_for(party) {
            return Err(Refusal::Actor);
        }
        let it = self.at(now);
        let today = date_of(now);
        let earliest = match party {
            Party::Insurer if it.status.is_live() && !reason.is_urgent() => after_notice(now),
            _ => today,
        };
        let term = it.grant.as_ref().and_then(|grant| grant.term).filter(|_| it.status.is_live());
        let latest = term.map_or(today, |term| term.validity_date);
        let latest = it
            .cancellation
            .map_or(latest, |under_way| under_way.date.pred_opt().unwrap_or(under_way.date).min(latest));
        let date = date.unwrap_or(earliest);
        if !(earliest..=latest).contains(&date) {
            return Err(Refusal::EffectiveDate { earliest, latest });
        }
        let cancellation = Cancellation { date, reason_code: reason };
        let (to, change) = match it.status {
            Status::InStudy => (Status::Withdrawn, Change::Withdrawn { reason_code: reason }),
            _ if date == today => (Status::Cancelled, Change::Cancelled(cancellation)),
            status => (status, Change::CancellationScheduled(cancellation)),
        };
        Ok(self.then(party.into(), to, change, now))
    }

    /// A later request takes the limit's place: to be written together with what [`takes_over`].
    ///
    /// # Errors
    /// [`Refusal::State`]
    pub fn supersede(&self, by_request_no: u64, now: DateTime<Utc>) -> Result<Vec<Event>, Refusal> {
        let status = self.at(now).status;
        if state::may(Some(status), Action::Supersede, Actor::Engine).is_err() {
            return Err(Refusal::State { status, allowed: Vec::new() });
        }
        Ok(self.then(Actor::Engine, Status::Superseded, Change::Superseded { by_request_no }, now))
    }

    /// What time has brought about, then a change now. A clock that lags behind that of the last event stands still.
    fn then(&self, actor: Actor, to: Status, change: Change, now: DateTime<Utc>) -> Vec<Event> {
        let mut it = self.clone();
        let mut events = it.catch_up(now);
        events.push(Event { from: Some(it.status), to, actor, at: now.max(it.changed_at), change });
        events
    }
}

/// Whether events bring a limit into force that was not: the contract's limit on the debtor, if it has one, must be
/// superseded in the same transaction.
pub fn takes_over(events: &[Event]) -> bool {
    events.iter().any(|event| event.to == Status::Active && event.from.is_none_or(Status::is_pending))
}

fn granted(request: &Request, contract: &Contract, amount: Amount) -> Grant {
    Grant {
        amount,
        terms_days: request.terms_days.min(contract.terms_days),
        payment_method: request.payment_method.clone(),
        commercial_risk_cover_pct: contract.commercial_risk_cover_pct,
        political_risk_cover_pct: contract.political_risk_cover_pct,
        premium: None,
        term: None,
    }
}

fn status_of(grant: &Grant) -> Status {
    if grant.premium.is_some() { Status::PremiumPending } else { Status::Active }
}

/// Whether an event follows from a status by the table.
fn follows(from: Option<Status>, event: &Event) -> bool {
    event.from == from && state::leads(from, event.change.action(), event.actor, event.to)
}

#[cfg(test)]
mod tests;
