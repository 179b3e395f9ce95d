//! Scores how genuine a consumer, a company and a bank account are before a SEPA direct debit (contract `secure-consumer`).
