//! The `gda-audit` binary; see `gda_audit::cli` for its sub-commands.

use std::process::ExitCode;

fn main() -> ExitCode {
    gda_audit::cli::run()
}
