//! Matches an aggregator's transactions with each operator's statement.
