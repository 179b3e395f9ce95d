//! The work layer against a real PostgreSQL.
