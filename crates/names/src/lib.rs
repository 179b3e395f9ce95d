//! Normalises, transliterates and compares names of people and companies; no HTTP, no SQL, no list data.
