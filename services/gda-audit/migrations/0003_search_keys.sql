-- What a search looks up for the person, as `domain/screening/sieve.rs` writes it: by that a re-screening knows whom
-- changed records cannot concern, without reading the document. NULL: not known, the document is read.
ALTER TABLE gda.person_snapshots ADD COLUMN search_keys bytea;
