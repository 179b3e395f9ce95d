//! Readers of official lists, one file per format.
