//! The screening through its public face: what the index finds is what comparing every record finds, and no input
//! makes it panic.

mod equality;
mod input;
mod rules;
