//! Layered configuration: defaults in code ← `garant.toml` ← environment (`GARANT__DATABASE__URL`).
//!
//! A secret may be a file: `GARANT__DATABASE__URL_FILE=/run/secrets/url` sets `database.url` to the file's content
//! without its final line break. An unknown key or a wrong value stops the start with a message that names the key.

use std::collections::BTreeMap;
use std::path::Path;

use serde::de::DeserializeOwned;

const PREFIX: &str = "GARANT__";
const FILE_SUFFIX: &str = "_FILE";

/// Why the configuration was refused; the message names the key or the file.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file of the configuration or of a secret could not be read.
    #[error("cannot read {path}: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A key is unknown, missing or has a wrong value.
    #[error("configuration key `{key}`: {reason}")]
    Key {
        /// Dotted path, `database.url`.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The value of a key breaks a rule that spans keys.
    #[error("configuration: {0}")]
    Invalid(String),
}

/// Reads the configuration: `file` if given (it must exist), else `garant.toml` where there is one; then the
/// environment on top.
pub fn load<T: DeserializeOwned>(file: Option<&Path>) -> Result<T, ConfigError> {
    // A variable of somebody else's that is no text must not stop us.
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    load_from(file, variables)
}

fn load_from<T: DeserializeOwned>(
    file: Option<&Path>,
    variables: impl Iterator<Item = (String, String)>,
) -> Result<T, ConfigError> {
    let invalid = |error: config::ConfigError| ConfigError::Invalid(error.to_string());
    let mut builder = config::Config::builder();
    builder = match file {
        Some(path) => builder.add_source(config::File::from(path).format(config::FileFormat::Toml)),
        None => {
            builder.add_source(config::File::new("garant.toml", config::FileFormat::Toml).required(false))
        }
    };
    for (key, value) in environment(variables)? {
        builder = builder.set_override(&key, parsed(value)?).map_err(invalid)?;
    }
    let config = builder.build().map_err(invalid)?;
    serde_path_to_error::deserialize(config).map_err(|error| ConfigError::Key {
        key: error.path().to_string(),
        reason: without_values(&error.inner().to_string()),
    })
}

/// serde quotes a wrong value, which may be a secret.
fn without_values(reason: &str) -> String {
    match (reason.find('"'), reason.rfind('"')) {
        (Some(first), Some(last)) if first < last => format!("{}…{}", &reason[..=first], &reason[last..]),
        _ => reason.to_owned(),
    }
}

/// A list or a table is written as in TOML: `["10.0.0.0/8"]`, `[{issuer = "…"}]`. Anything else is text, which serde
/// turns into the number or the boolean that a key asks for.
fn parsed(value: String) -> Result<config::Value, ConfigError> {
    if !value.starts_with(['[', '{']) {
        return Ok(value.into());
    }
    let document = format!("value = {value}");
    config::Config::builder()
        .add_source(config::File::from_str(&document, config::FileFormat::Toml))
        .build()
        .and_then(|config| config.get("value"))
        .map_err(|_| ConfigError::Invalid("a value that begins with [ or { must be TOML".to_owned()))
}

/// `GARANT__A__B` and `GARANT__A__B_FILE` as dotted keys and their values.
fn environment(
    variables: impl Iterator<Item = (String, String)>,
) -> Result<BTreeMap<String, String>, ConfigError> {
    let mut keys = BTreeMap::new();
    for (name, value) in variables {
        let Some(path) = name.strip_prefix(PREFIX) else { continue };
        let (path, value) = match path.strip_suffix(FILE_SUFFIX) {
            None => (path, value),
            Some(path) => {
                let content = std::fs::read_to_string(&value)
                    .map_err(|source| ConfigError::File { path: value, source })?;
                (path, content.trim_end_matches(['\r', '\n']).to_owned())
            }
        };
        keys.insert(path.to_ascii_lowercase().replace("__", "."), value);
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Settings {
        database: Database,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Database {
        url: String,
        pool_size: u32,
        replicas: Vec<std::net::IpAddr>,
    }

    fn load(variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
        load_from(None, variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
    }

    #[test]
    fn the_environment_sets_nested_keys() {
        let settings =
            load(&[("GARANT__DATABASE__URL", "postgres://x"), ("GARANT__DATABASE__POOL_SIZE", "7")]).unwrap();
        assert_eq!((settings.database.url.as_str(), settings.database.pool_size), ("postgres://x", 7));
    }

    #[test]
    fn an_unknown_key_or_wrong_value_is_named() {
        let unknown = load(&[("GARANT__DATABASE__URI", "x")]).unwrap_err().to_string();
        assert!(unknown.contains("database") && unknown.contains("uri"), "{unknown}");
        let wrong = load(&[("GARANT__DATABASE__POOL_SIZE", "many")]).unwrap_err().to_string();
        assert!(wrong.contains("pool_size"), "{wrong}");
    }

    #[test]
    fn a_list_comes_from_the_environment_as_toml() {
        let settings = load(&[("GARANT__DATABASE__REPLICAS", r#"["10.0.0.1", "::1"]"#)]).unwrap();
        assert_eq!(settings.database.replicas.len(), 2);
        assert!(load(&[("GARANT__DATABASE__REPLICAS", "[10.0.0.1")]).is_err());
    }

    #[test]
    fn a_wrong_value_is_not_quoted() {
        let message = load(&[("GARANT__DATABASE", "postgres://u:sekret@db")]).unwrap_err().to_string();
        assert!(message.contains("database") && !message.contains("sekret"), "{message}");
    }

    #[test]
    fn a_secret_comes_from_its_file_without_the_line_break() {
        let mut file = tempfile();
        writeln!(file.1, "postgres://secret").unwrap();
        let settings = load(&[("GARANT__DATABASE__URL_FILE", file.0.to_str().unwrap())]).unwrap();
        assert_eq!(settings.database.url, "postgres://secret");
        let missing = load(&[("GARANT__DATABASE__URL_FILE", "/nonexistent/secret")]).unwrap_err().to_string();
        assert!(missing.contains("/nonexistent/secret"), "{missing}");
        std::fs::remove_file(file.0).unwrap();
    }

    fn tempfile() -> (std::path::PathBuf, std::fs::File) {
        let path = std::env::temp_dir().join(format!("garant-config-{}", uuid::Uuid::now_v7()));
        (path.clone(), std::fs::File::create(path).unwrap())
    }
}
