//! The `msepi05-proxy` binary; see `msepi05_proxy::cli` for its sub-commands.

use std::process::ExitCode;

fn main() -> ExitCode {
    msepi05_proxy::cli::run()
}
