//! The rules, pure: money, codes and dates, the state machine, a classification from its events, the decision engine.

pub mod canonical;
pub mod capacity;
pub mod classification;
pub mod contract;
pub mod country;
pub mod date;
pub mod debtor;
pub mod engine;
pub mod event;
pub mod money;
pub mod reason;
pub mod refusal;
pub mod request;
pub mod state;
pub mod tax_code;
pub mod view;
