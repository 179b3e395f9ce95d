//! The `secure-consumer` binary; see `secure_consumer::cli` for its sub-commands.

use std::process::ExitCode;

fn main() -> ExitCode {
    secure_consumer::cli::run()
}
