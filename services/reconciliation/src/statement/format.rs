//! Which format a file is in.

/// The formats of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Text with `,`, `;` or tab between the columns.
    Csv,
    /// Office Open XML.
    Xlsx,
    /// An array of row objects.
    Json,
}

const ZIP: &[u8] = b"PK\x03\x04";

impl Format {
    /// Tells a file's format by its name's extension, else by its content type, else by its first bytes;
    /// `None` for one that is none of ours. `.xslx`, the spelling of the contract's sample, is XLSX only
    /// where the bytes are.
    pub fn of(file_name: Option<&str>, content_type: Option<&str>, first_bytes: &[u8]) -> Option<Self> {
        let extension =
            file_name.and_then(|name| name.rsplit_once('.')).map(|(_, end)| end.trim().to_lowercase());
        match extension.as_deref() {
            Some("csv" | "txt" | "tsv") => return Some(Self::Csv),
            Some("json") => return Some(Self::Json),
            Some("xlsx") => return Some(Self::Xlsx),
            Some("xslx") if first_bytes.starts_with(ZIP) => return Some(Self::Xlsx),
            Some("xls" | "xlsb" | "xlsm" | "ods" | "pdf") => return None,
            _ => {}
        }
        let essence =
            content_type.and_then(|full| full.split(';').next()).map(|essence| essence.trim().to_lowercase());
        match essence.as_deref() {
            Some("text/csv" | "application/csv") => return Some(Self::Csv),
            Some("application/json") => return Some(Self::Json),
            Some("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet") => {
                return Some(Self::Xlsx);
            }
            _ => {}
        }
        sniff(first_bytes)
    }
}

fn sniff(bytes: &[u8]) -> Option<Format> {
    if bytes.starts_with(ZIP) {
        return Some(Format::Xlsx);
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Some(Format::Csv);
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'[') => Some(Format::Json),
        Some(_) if !text.contains(&0) => Some(Format::Csv),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_decides_before_the_content() {
        assert_eq!(Format::of(Some("a.CSV"), Some("application/json"), b"PK\x03\x04"), Some(Format::Csv));
        assert_eq!(Format::of(Some("mai.2021.xlsx"), None, b"a;b"), Some(Format::Xlsx));
        assert_eq!(Format::of(Some("a.json"), None, b""), Some(Format::Json));
        assert_eq!(Format::of(Some("a.xls"), None, b"a;b"), None);
    }

    #[test]
    fn the_samples_misspelt_extension_is_xlsx_only_where_the_bytes_are() {
        assert_eq!(Format::of(Some("fileName.xslx"), None, b"PK\x03\x04"), Some(Format::Xlsx));
        assert_eq!(Format::of(Some("fileName.xslx"), None, b" [{}]"), Some(Format::Json));
    }

    #[test]
    fn without_an_extension_the_content_type_and_then_the_bytes_decide() {
        assert_eq!(Format::of(None, Some("text/csv; charset=utf-8"), b"["), Some(Format::Csv));
        assert_eq!(
            Format::of(Some("essai"), Some("application/octet-stream"), b"PK\x03\x04"),
            Some(Format::Xlsx)
        );
        assert_eq!(Format::of(None, None, b"\xef\xbb\xbf\n[{"), Some(Format::Json));
        assert_eq!(Format::of(None, None, b"payid;amount"), Some(Format::Csv));
        assert_eq!(Format::of(None, None, b"\xff\xfep\0a\0"), Some(Format::Csv));
        assert_eq!(Format::of(None, None, b"\x7fELF\0"), None);
        assert_eq!(Format::of(None, None, b""), None);
    }
}
