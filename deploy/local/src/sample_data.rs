//! `garant-local sample-data`.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;

use anyhow::{Context, Result};
use clap::ValueEnum;
use testkit::statements::{Expected, Params, Sample};

/// Format of the operator's file.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    Csv,
    Xlsx,
    Json,
}

/// Writes the two sides and what their reconciliation must find, and prints that.
pub(crate) fn write(rows: u64, seed: u32, format: Format, out: &Path) -> Result<()> {
    fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    let sample = Sample::new(Params::new(rows, seed));
    let create = |name: &str| -> Result<BufWriter<File>> {
        let path = out.join(name);
        println!("{}", path.display());
        let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(BufWriter::new(file))
    };
    match format {
        Format::Csv => sample.write_csv(create("statement.csv")?)?,
        Format::Xlsx => sample.write_xlsx(create("statement.xlsx")?)?,
        Format::Json => sample.write_json(create("statement.json")?)?,
    }
    sample.write_transactions(create("transactions.ndjson")?)?;
    let expected = sample.expected();
    serde_json::to_writer_pretty(create("expected.json")?, &expected)?;
    let (from, to) = sample.window();
    println!("\noperator DDVAMOOVCI, dateDebut {from}, dateFin {to}\n");
    print_findings(&expected);
    Ok(())
}

/// The six figures and the number of results of each kind.
pub(crate) fn print_findings(findings: &Expected) {
    let figures = &findings.figures;
    println!("                 amount (XOF)        rows");
    println!("  operator    {:>15} {:>11}", figures.montant_operateur, figures.count_operator);
    println!("  aggregator  {:>15} {:>11}", figures.montant_cinetpay, figures.count_cinetpay);
    println!("  difference  {:>15} {:>11}\n", figures.diff_montant, figures.diff_count);
    for (kind, count) in &findings.kinds {
        println!("  {kind:<20}{count:>21}");
    }
}
