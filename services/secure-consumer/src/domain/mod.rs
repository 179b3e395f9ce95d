//! The rules, pure: what a merchant sends, every check, the table of weights, the score.

pub mod bank;
pub mod calibration;
pub mod company;
pub mod country;
pub mod email;
pub mod evidence;
pub mod form;
pub mod history;
pub mod iban;
pub mod name;
pub mod outcome;
pub mod phone;
pub mod place;
pub mod score;
pub mod sepa;
