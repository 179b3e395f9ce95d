//! Taking a file of debtors in.

use super::command::{By, Imported};
use super::desk::Desk;
use crate::connectors::debtors::{FileFault, read_file};
use crate::domain::state::Party;
use crate::store::debtors;

/// Debtors that one statement writes.
const AT_ONCE: usize = 1_000;

/// Why a file was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Only the insurer brings figures.
    #[error("not for this actor")]
    Actor,
    /// It is no file of debtors.
    #[error(transparent)]
    File(#[from] FileFault),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl Desk {
    /// Takes over a CSV file of debtors (`connectors/debtors.rs` has its form), all of its right lines or none. What is
    /// known of its debtors is replaced; decisions that were made stay as they are.
    ///
    /// # Errors
    /// [`ImportError`]
    pub async fn import_debtors(&self, by: &By, csv: &[u8]) -> Result<Imported, ImportError> {
        if by.party != Party::Insurer {
            return Err(ImportError::Actor);
        }
        let mut file = read_file(csv)?;
        // In one order everywhere, so that two files do not wait for each other.
        file.debtors.sort_by(|a, b| a.id.cmp(&b.id));
        let mut tx = self.pool.begin().await?;
        for part in file.debtors.chunks(AT_ONCE) {
            debtors::put(&mut tx, part, "FILE", self.clock.now()).await?;
        }
        tx.commit().await?;
        Ok(Imported { accepted: file.debtors.len() as u64, rejected: file.rejected })
    }
}
