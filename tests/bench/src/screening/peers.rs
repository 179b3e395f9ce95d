//! The open tools that the screening is held against: `peers/screening.py`, in a Python environment of its own.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use testkit::{python, workspace};

/// The tools, and where they are handed what they work on.
pub(crate) struct Peers {
    python: PathBuf,
    script: PathBuf,
    directory: TempDir,
}

/// How fast a tool screens.
#[derive(Debug, Deserialize)]
pub(crate) struct Measured {
    pub(crate) tool: String,
    pub(crate) build_s: f64,
    pub(crate) memory_mib: f64,
    pub(crate) distinct: Timed,
    pub(crate) repeated: Timed,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Timed {
    pub(crate) per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

impl Peers {
    /// Installs the tools from PyPI where they are missing; `None`, said on standard error, where they cannot be had.
    pub(crate) fn install() -> Option<Self> {
        Self::installed().inspect_err(|error| eprintln!("the other tools are left out: {error:#}")).ok()
    }

    fn installed() -> Result<Self> {
        let peers = workspace::root().join("tests/bench/peers");
        let python = python::with_requirements("peers", &peers.join("requirements.txt"))?;
        Ok(Self { python, script: peers.join("screening.py"), directory: tempfile::tempdir()? })
    }

    /// Measures every tool on the entities and the queries.
    pub(crate) fn speed(
        &self,
        entities: impl Iterator<Item = impl Serialize>,
        distinct: impl Iterator<Item = impl Serialize>,
        repeated: impl Iterator<Item = impl Serialize>,
    ) -> Result<Vec<Measured>> {
        let [entities, distinct, repeated] = [
            self.file("entities", entities)?,
            self.file("distinct", distinct)?,
            self.file("repeated", repeated)?,
        ];
        let printed = self.run("speed", &[&entities, &distinct, &repeated])?;
        printed.lines().map(|line| serde_json::from_str(line).context(line.to_owned())).collect()
    }

    /// The scores that LogicV1 gives the pairs, 0–1.
    pub(crate) fn scores(&self, pairs: impl Iterator<Item = impl Serialize>) -> Result<Vec<f64>> {
        let pairs = self.file("pairs", pairs)?;
        let printed = self.run("scores", &[&pairs])?;
        printed.lines().map(|line| line.parse().with_context(|| line.to_owned())).collect()
    }

    fn file(&self, name: &str, items: impl Iterator<Item = impl Serialize>) -> Result<PathBuf> {
        let path = self.directory.path().join(name);
        let mut file = BufWriter::new(File::create(&path)?);
        for item in items {
            serde_json::to_writer(&mut file, &item)?;
            file.write_all(b"\n")?;
        }
        file.flush()?;
        Ok(path)
    }

    fn run(&self, what: &str, files: &[&Path]) -> Result<String> {
        let run = Command::new(&self.python)
            .arg(&self.script)
            .arg(what)
            .args(files)
            .envs(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"].map(|threads| (threads, "1")))
            .stderr(Stdio::inherit())
            .output()
            .context("cannot run Python")?;
        ensure!(run.status.success(), "{} ended with {}", self.script.display(), run.status);
        Ok(String::from_utf8(run.stdout)?)
    }
}
