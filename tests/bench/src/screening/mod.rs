//! The screening of gda-audit on real lists: how fast it is and how well it finds, beside the open tools.
//!
//! The lists lie in the directory that `GARANT_TEST_DATA` names; none of them is part of the project.

mod cases;
mod lists;
mod peers;
pub(crate) mod quality;
mod random;
pub(crate) mod speed;
mod words;

pub(crate) use lists::are_at_hand;
