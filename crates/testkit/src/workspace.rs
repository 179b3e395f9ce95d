//! The checkout: its root, its private directory `.dev`, its built binaries.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The workspace's root: the nearest directory above the current one that holds the route table, else the one that
/// this crate was built in.
pub fn root() -> PathBuf {
    let is_root = |directory: &&Path| directory.join("deploy/routes.toml").is_file();
    let current = std::env::current_dir().unwrap_or_default();
    let built_in = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    current.ancestors().find(is_root).unwrap_or(built_in).to_owned()
}

/// `.dev` in the workspace's root, made where missing, readable by its owner only.
///
/// # Errors
/// The directory cannot be made.
pub fn dev_dir() -> Result<PathBuf> {
    let directory = root().join(".dev");
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&directory)
        .with_context(|| format!("cannot create {}", directory.display()))?;
    Ok(directory)
}

/// A binary of the workspace, beside the running test or program in the target directory.
///
/// # Errors
/// It is not built; the message says how to build it.
pub fn binary(name: &str) -> Result<PathBuf> {
    let executable = std::env::current_exe().context("cannot find the running executable")?;
    let directory = executable.parent().context("the running executable has no directory")?;
    let directory = if directory.ends_with("deps") { directory.join("..") } else { directory.to_owned() };
    let binary = directory.join(name);
    if !binary.is_file() {
        bail!("{} is not built: run `cargo build -p {name}`", binary.display());
    }
    Ok(binary)
}
