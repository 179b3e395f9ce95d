//! Lists of banks, places and domains: those in the binary, or those of a directory that is watched.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use arc_swap::ArcSwap;

use crate::domain::bank::Banks;
use crate::domain::email::MailDomains;
use crate::domain::iban::Structures;
use crate::domain::phone::Phones;
use crate::domain::place::Places;
use crate::domain::sepa::SepaCountries;

/// How often a directory is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

macro_rules! files {
    ($($name:literal),+) => { [$(($name, include_str!(concat!("../reference/", $name)))),+] };
}

/// The files with what the binary holds of each.
const FILES: [(&str, &str); 7] = files!(
    "iban_structures.tsv",
    "banks.tsv",
    "sepa_countries.tsv",
    "communes_by_zip.tsv",
    "disposable_domains.tsv",
    "free_domains.tsv",
    "mail_providers.tsv"
);

/// All lists, of one moment.
pub struct Reference {
    /// The IBAN registry.
    pub structures: Structures,
    /// Banks by their codes.
    pub banks: Banks,
    /// Countries that SEPA direct debits reach.
    pub sepa: SepaCountries,
    /// Towns by postal code.
    pub places: Places,
    /// Domains of e-mail addresses.
    pub mail_domains: MailDomains,
    /// Numbering plans.
    pub phones: Phones,
}

impl Reference {
    /// Reads the files: those of the directory, if one is given, and of the others what the binary holds.
    ///
    /// # Errors
    /// A file that cannot be read, by its name and line.
    pub fn read(directory: Option<&Path>) -> anyhow::Result<Self> {
        let mut texts: HashMap<&str, String> = HashMap::new();
        for (name, embedded) in FILES {
            let text = match directory.map(|directory| directory.join(name)).filter(|path| path.exists()) {
                Some(path) => std::fs::read_to_string(&path).with_context(|| path.display().to_string())?,
                None => embedded.to_owned(),
            };
            texts.insert(name, text);
        }
        let text = |name: &str| texts.get(name).map_or("", String::as_str);
        Ok(Self {
            structures: Structures::parse(text("iban_structures.tsv"))?,
            banks: Banks::parse(text("banks.tsv"))?,
            sepa: SepaCountries::parse(text("sepa_countries.tsv"))?,
            places: Places::parse(text("communes_by_zip.tsv"))?,
            mail_domains: MailDomains::parse(
                text("disposable_domains.tsv"),
                text("mail_providers.tsv"),
                text("free_domains.tsv"),
            ),
            phones: Phones::new(),
        })
    }
}

struct Directory {
    path: PathBuf,
    /// As it was when it was read first.
    read: State,
}

/// When each file was changed last, and its length.
type State = Vec<Option<(SystemTime, u64)>>;

/// The lists in force.
pub struct Holder {
    directory: Option<Directory>,
    current: ArcSwap<Reference>,
}

impl Holder {
    /// Reads the lists.
    ///
    /// # Errors
    /// As [`Reference::read`].
    pub fn open(directory: Option<&Path>) -> anyhow::Result<Arc<Self>> {
        let state = |path: &Path| Directory { path: path.to_owned(), read: state(path) };
        let known = directory.map(state);
        let current = ArcSwap::from_pointee(Reference::read(directory)?);
        Ok(Arc::new(Self { directory: known, current }))
    }

    /// The lists in force.
    pub fn current(&self) -> Arc<Reference> {
        self.current.load_full()
    }

    /// Reads the directory again whenever a file of it changes. Files that cannot be read leave the lists as they are.
    pub fn watch(self: &Arc<Self>) {
        let Some(Directory { path, read }) = &self.directory else { return };
        let (directory, mut seen) = (path.clone(), read.clone());
        let holder = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                let Some(holder) = holder.upgrade() else { return };
                let now = state(&directory);
                if now == seen {
                    continue;
                }
                let path = directory.clone();
                let read = tokio::task::spawn_blocking(move || Reference::read(Some(&path))).await;
                match read {
                    Ok(Ok(reference)) => {
                        holder.current.store(Arc::new(reference));
                        tracing::info!("the reference lists were read again");
                    }
                    Ok(Err(error)) => {
                        tracing::error!(
                            error = format!("{error:#}"),
                            "the reference lists stay as they were"
                        );
                    }
                    Err(_) => tracing::error!("reading the reference lists failed"),
                }
                seen = now;
            }
        });
    }
}

fn state(directory: &Path) -> State {
    FILES
        .iter()
        .map(|(name, _)| {
            let metadata = std::fs::metadata(directory.join(name)).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_that_changes_is_read_again_and_one_that_cannot_be_leaves_the_lists_as_they_were() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("sepa_countries.tsv");
        std::fs::write(&file, "FR\n").unwrap();
        let holder = Holder::open(Some(directory.path())).unwrap();
        holder.watch();
        assert!(!holder.current().sepa.reaches("AD"));
        std::fs::write(&file, "FR\nAD\n").unwrap();
        let deadline = std::time::Instant::now() + 4 * LOOK_EVERY;
        while !holder.current().sepa.reaches("AD") {
            assert!(std::time::Instant::now() < deadline);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        std::fs::write(directory.path().join("banks.tsv"), "nonsense").unwrap();
        tokio::time::sleep(LOOK_EVERY + Duration::from_secs(2)).await;
        assert!(holder.current().sepa.reaches("AD"));
    }

    #[test]
    fn what_is_in_the_binary_can_be_read_and_a_file_that_cannot_is_named() {
        Reference::read(None).unwrap();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("banks.tsv"), "nonsense").unwrap();
        let error = Reference::read(Some(directory.path())).err().unwrap();
        assert!(format!("{error:#}").contains("banks.tsv"), "{error:#}");
    }
}
