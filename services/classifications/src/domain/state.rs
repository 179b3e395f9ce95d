//! The state machine: one table, from which checks, allowed actions and the documentation's diagram come (contract,
//! "States").

use std::fmt::Write;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a classification stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// An underwriter studies the request.
    InStudy,
    /// The limit is in force.
    Active,
    /// Granted if the insured accepts a premium.
    PremiumPending,
    /// Not granted.
    Denied,
    /// Cancelled before it was decided.
    Withdrawn,
    /// The insured has refused the premium.
    PremiumDenied,
    /// The insured has not answered the offer in time.
    OfferExpired,
    /// Out of force until it is activated again.
    Inactive,
    /// Given up by the insured or taken away by the insurer.
    Cancelled,
    /// Its validity has passed.
    Expired,
    /// A later request was granted in its place.
    Superseded,
}

impl Status {
    /// All, in the order of their codes.
    pub const ALL: [Self; 11] = [
        Self::InStudy,
        Self::Active,
        Self::PremiumPending,
        Self::Denied,
        Self::Withdrawn,
        Self::PremiumDenied,
        Self::OfferExpired,
        Self::Inactive,
        Self::Cancelled,
        Self::Expired,
        Self::Superseded,
    ];

    /// As the contract writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InStudy => "IN_STUDY",
            Self::Active => "ACTIVE",
            Self::PremiumPending => "PREMIUM_PENDING",
            Self::Denied => "DENIED",
            Self::Withdrawn => "WITHDRAWN",
            Self::PremiumDenied => "PREMIUM_DENIED",
            Self::OfferExpired => "OFFER_EXPIRED",
            Self::Inactive => "INACTIVE",
            Self::Cancelled => "CANCELLED",
            Self::Expired => "EXPIRED",
            Self::Superseded => "SUPERSEDED",
        }
    }

    /// As the contract writes it; case counts.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// `statusCode`: 1 is the contract's, the others follow in the order of [`Status::ALL`].
    pub fn code(self) -> u8 {
        self as u8 + 1
    }

    /// Whether it is the one limit that a contract can have on a debtor.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Active | Self::Inactive)
    }

    /// Whether it is the one request on a debtor that a contract can have open.
    pub fn is_pending(self) -> bool {
        matches!(self, Self::InStudy | Self::PremiumPending)
    }

    /// Whether its amount counts as exposure (contract, "Decision engine v1").
    pub fn holds_capacity(self) -> bool {
        matches!(self, Self::Active | Self::PremiumPending)
    }

    /// Whether the portfolio shows it: a request that was never granted is only found by its number.
    pub fn is_in_portfolio(self) -> bool {
        self != Self::Denied
    }
}

/// What is done to a classification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Action {
    /// A limit is asked for.
    Create,
    /// An underwriter grants or denies.
    Decide,
    /// The premium is accepted.
    Accept,
    /// The premium is refused.
    Deny,
    /// The limit is put out of force.
    Deactivate,
    /// The limit is put into force again.
    Activate,
    /// The limit is lowered.
    Reduce,
    /// The request or the limit is given up or taken away.
    Cancel,
    /// Its time has passed.
    Expire,
    /// A later request takes its place.
    Supersede,
}

impl Action {
    /// As errors list it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Decide => "DECIDE",
            Self::Accept => "ACCEPT",
            Self::Deny => "DENY",
            Self::Deactivate => "DEACTIVATE",
            Self::Activate => "ACTIVATE",
            Self::Reduce => "REDUCE",
            Self::Cancel => "CANCEL",
            Self::Expire => "EXPIRE",
            Self::Supersede => "SUPERSEDE",
        }
    }
}

/// Who does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Actor {
    /// The insured company.
    Insured,
    /// An underwriter of the insurer.
    Insurer,
    /// Time, whether a sweeper or a reader notices.
    Timer,
    /// The decision engine.
    Engine,
}

impl Actor {
    /// As events have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Insured => "INSURED",
            Self::Insurer => "INSURER",
            Self::Timer => "TIMER",
            Self::Engine => "ENGINE",
        }
    }
}

/// A party to the insurance contract: an actor that sends requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Party {
    /// The insured company.
    Insured,
    /// The insurer, through an underwriter.
    Insurer,
}

impl From<Party> for Actor {
    fn from(party: Party) -> Self {
        match party {
            Party::Insured => Self::Insured,
            Party::Insurer => Self::Insurer,
        }
    }
}

/// A row of the table.
#[derive(Debug)]
pub struct Transition {
    /// None before there is a classification.
    pub from: Option<Status>,
    /// What is done.
    pub action: Action,
    /// By whom.
    pub who: &'static [Actor],
    /// What can come of it. The status that it had, where the action takes effect later or changes only the amount.
    pub to: &'static [Status],
}

const fn row(
    from: Option<Status>,
    action: Action,
    who: &'static [Actor],
    to: &'static [Status],
) -> Transition {
    Transition { from, action, who, to }
}

/// Every transition that there is. A status without a row is terminal.
pub const TRANSITIONS: &[Transition] = {
    use Action::*;
    use Actor::*;
    use Status::*;
    &[
        row(None, Create, &[Insured], &[Active, PremiumPending, Denied, InStudy]),
        row(Some(InStudy), Decide, &[Insurer], &[Active, PremiumPending, Denied]),
        row(Some(InStudy), Cancel, &[Insured, Insurer], &[Withdrawn]),
        row(Some(PremiumPending), Accept, &[Insured], &[Active]),
        row(Some(PremiumPending), Deny, &[Insured], &[PremiumDenied]),
        row(Some(PremiumPending), Cancel, &[Insured], &[Cancelled]),
        row(Some(PremiumPending), Expire, &[Timer], &[OfferExpired]),
        row(Some(Active), Deactivate, &[Insured, Insurer], &[Inactive]),
        row(Some(Active), Reduce, &[Insured, Insurer, Timer], &[Active]),
        row(Some(Active), Cancel, &[Insured, Insurer, Timer], &[Cancelled]),
        row(Some(Active), Cancel, &[Insured, Insurer], &[Active]),
        row(Some(Active), Expire, &[Timer], &[Expired]),
        row(Some(Active), Supersede, &[Engine], &[Superseded]),
        row(Some(Inactive), Activate, &[Insured, Insurer], &[Active]),
        // Of which notice was given while it was ACTIVE.
        row(Some(Inactive), Reduce, &[Timer], &[Inactive]),
        row(Some(Inactive), Cancel, &[Insured, Insurer, Timer], &[Cancelled]),
        row(Some(Inactive), Cancel, &[Insured, Insurer], &[Inactive]),
        row(Some(Inactive), Expire, &[Timer], &[Expired]),
        row(Some(Inactive), Supersede, &[Engine], &[Superseded]),
    ]
};

/// Why there is no such transition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoTransition {
    /// The status does not have the action.
    State,
    /// It has, for another actor.
    Actor,
}

/// Whether an actor may do something in a status.
///
/// # Errors
/// [`NoTransition`]
pub fn may(from: Option<Status>, action: Action, actor: Actor) -> Result<(), NoTransition> {
    let mut rows = TRANSITIONS.iter().filter(|row| row.from == from && row.action == action).peekable();
    if rows.peek().is_none() {
        return Err(NoTransition::State);
    }
    if rows.any(|row| row.who.contains(&actor)) { Ok(()) } else { Err(NoTransition::Actor) }
}

/// Whether the table leads from one status to another.
pub fn leads(from: Option<Status>, action: Action, actor: Actor, to: Status) -> bool {
    let mut rows = TRANSITIONS.iter().filter(|row| row.from == from && row.action == action);
    rows.any(|row| row.who.contains(&actor) && row.to.contains(&to))
}

/// What an actor may do in a status, each action once.
pub fn allowed(status: Status, actor: Actor) -> Vec<Action> {
    let rows = TRANSITIONS.iter().filter(|row| row.from == Some(status) && row.who.contains(&actor));
    let mut actions: Vec<Action> = rows.map(|row| row.action).collect();
    actions.dedup();
    actions
}

/// The table as a Mermaid state diagram, for the documentation.
pub fn diagram() -> String {
    let mut out = "stateDiagram-v2\n".to_owned();
    for row in TRANSITIONS {
        let from = row.from.map_or("[*]", Status::as_str);
        let who: Vec<String> = row.who.iter().map(|actor| actor.as_str().to_ascii_lowercase()).collect();
        let action = row.action.as_str().to_ascii_lowercase();
        for to in row.to {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "    {from} --> {}: {action} ({})", to.as_str(), who.join(", "));
        }
    }
    for status in
        Status::ALL.into_iter().filter(|status| TRANSITIONS.iter().all(|it| it.from != Some(*status)))
    {
        let _ = writeln!(out, "    {} --> [*]", status.as_str());
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_diagram_is_the_contracts_table() {
        insta::assert_snapshot!(diagram(), @r"
        stateDiagram-v2
            [*] --> ACTIVE: create (insured)
            [*] --> PREMIUM_PENDING: create (insured)
            [*] --> DENIED: create (insured)
            [*] --> IN_STUDY: create (insured)
            IN_STUDY --> ACTIVE: decide (insurer)
            IN_STUDY --> PREMIUM_PENDING: decide (insurer)
            IN_STUDY --> DENIED: decide (insurer)
            IN_STUDY --> WITHDRAWN: cancel (insured, insurer)
            PREMIUM_PENDING --> ACTIVE: accept (insured)
            PREMIUM_PENDING --> PREMIUM_DENIED: deny (insured)
            PREMIUM_PENDING --> CANCELLED: cancel (insured)
            PREMIUM_PENDING --> OFFER_EXPIRED: expire (timer)
            ACTIVE --> INACTIVE: deactivate (insured, insurer)
            ACTIVE --> ACTIVE: reduce (insured, insurer, timer)
            ACTIVE --> CANCELLED: cancel (insured, insurer, timer)
            ACTIVE --> ACTIVE: cancel (insured, insurer)
            ACTIVE --> EXPIRED: expire (timer)
            ACTIVE --> SUPERSEDED: supersede (engine)
            INACTIVE --> ACTIVE: activate (insured, insurer)
            INACTIVE --> INACTIVE: reduce (timer)
            INACTIVE --> CANCELLED: cancel (insured, insurer, timer)
            INACTIVE --> INACTIVE: cancel (insured, insurer)
            INACTIVE --> EXPIRED: expire (timer)
            INACTIVE --> SUPERSEDED: supersede (engine)
            DENIED --> [*]
            WITHDRAWN --> [*]
            PREMIUM_DENIED --> [*]
            OFFER_EXPIRED --> [*]
            CANCELLED --> [*]
            EXPIRED --> [*]
            SUPERSEDED --> [*]
        ");
    }

    #[test]
    fn every_status_can_be_reached_and_the_rows_of_an_action_stand_together() {
        let reached: HashSet<Status> = TRANSITIONS.iter().flat_map(|row| row.to).copied().collect();
        assert_eq!(reached.len(), Status::ALL.len());
        let mut rows: Vec<_> = TRANSITIONS.iter().map(|row| (row.from, row.action)).collect();
        let each: HashSet<_> = rows.iter().copied().collect();
        rows.dedup();
        assert_eq!(rows.len(), each.len());
    }

    #[test]
    fn codes_and_words_are_stable() {
        let codes: Vec<String> =
            Status::ALL.iter().map(|it| format!("{} {}", it.code(), it.as_str())).collect();
        assert_eq!(
            codes,
            [
                "1 IN_STUDY",
                "2 ACTIVE",
                "3 PREMIUM_PENDING",
                "4 DENIED",
                "5 WITHDRAWN",
                "6 PREMIUM_DENIED",
                "7 OFFER_EXPIRED",
                "8 INACTIVE",
                "9 CANCELLED",
                "10 EXPIRED",
                "11 SUPERSEDED",
            ]
        );
        let hidden: Vec<Status> = Status::ALL.into_iter().filter(|it| !it.is_in_portfolio()).collect();
        assert_eq!(hidden, [Status::Denied]);
        for status in Status::ALL {
            assert_eq!(serde_json::to_value(status).ok(), Some(status.as_str().into()));
            assert_eq!(Status::parse(status.as_str()), Some(status));
        }
    }

    #[test]
    fn what_is_allowed_depends_on_who_asks() {
        assert_eq!(allowed(Status::InStudy, Actor::Insured), [Action::Cancel]);
        assert_eq!(allowed(Status::InStudy, Actor::Insurer), [Action::Decide, Action::Cancel]);
        assert_eq!(
            allowed(Status::PremiumPending, Actor::Insured),
            [Action::Accept, Action::Deny, Action::Cancel]
        );
        assert!(allowed(Status::PremiumPending, Actor::Insurer).is_empty());
        assert!(allowed(Status::Cancelled, Actor::Insured).is_empty());
    }
}
