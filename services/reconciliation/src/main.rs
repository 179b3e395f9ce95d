//! The `reconciliation` binary; see `reconciliation::cli` for its sub-commands.

use std::process::ExitCode;

fn main() -> ExitCode {
    reconciliation::cli::run()
}
