//! The services of the local stack, and the variables that each is configured with: those of the local profile, then
//! what the user has set. `GARANT__KEY` goes to every service that has the key's section, `GARANT_SERVICE__KEY` to one
//! service, and it wins.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};

const COMMON: &str = "GARANT__";

/// A service of the stack.
struct Definition {
    name: &'static str,
    port: u16,
    management_port: u16,
    /// The sections of its configuration.
    sections: &'static [&'static str],
}

const SERVICES: [Definition; 4] = [
    Definition {
        name: "reconciliation",
        port: 8105,
        management_port: 8205,
        sections: &[
            "SERVER",
            "MANAGEMENT",
            "DATABASE",
            "TELEMETRY",
            "IDENTITY",
            "AUTH",
            "UPLOAD",
            "MATCHING",
        ],
    },
    Definition {
        name: "msepi05-proxy",
        port: 8101,
        management_port: 8201,
        sections: &[
            "SERVER",
            "MANAGEMENT",
            "TELEMETRY",
            "AUTH",
            "CAPS",
            "CACHE",
            "LIMITS",
            "REDIS",
            "PRIVACY",
            "CLIENTS",
            "OPENAPI",
        ],
    },
    Definition {
        name: "gda-audit",
        port: 8102,
        management_port: 8202,
        sections: &[
            "SERVER",
            "MANAGEMENT",
            "DATABASE",
            "TELEMETRY",
            "AUTH",
            "LISTS",
            "RENEWAL",
            "AUDIT",
            "BATCH",
            "WEBHOOKS",
        ],
    },
    Definition {
        name: "secure-consumer",
        port: 8104,
        management_port: 8204,
        sections: &[
            "SERVER",
            "MANAGEMENT",
            "DATABASE",
            "TELEMETRY",
            "ACCOUNTS",
            "CONNECTORS",
            "HISTORY",
            "DECISIONS",
            "REFERENCE",
            "SCORE",
        ],
    },
];

/// Where a service listens, and what the user has set for it.
pub(crate) struct ServiceSettings {
    pub(crate) name: &'static str,
    pub(crate) listen: SocketAddr,
    pub(crate) management: SocketAddr,
    /// By key, without a prefix.
    set: BTreeMap<String, String>,
}

/// The settings of `reconciliation`, `msepi05-proxy`, `gda-audit` and `secure-consumer`.
///
/// # Errors
/// A variable is meant for no service, or must not be set here; the message names it.
pub(crate) fn services(
    variables: impl Iterator<Item = (String, String)>,
) -> Result<[ServiceSettings; SERVICES.len()]> {
    let variables: Vec<_> = variables.filter(|(name, _)| name.starts_with("GARANT_")).collect();
    for (name, _) in &variables {
        check(name)?;
    }
    let [reconciliation, msepi05_proxy, gda_audit, secure_consumer] =
        SERVICES.map(|service| service.settings(&variables));
    Ok([reconciliation?, msepi05_proxy?, gda_audit?, secure_consumer?])
}

/// The name of a service's own variable for a key.
pub(crate) fn variable_of(service: &str, key: &str) -> String {
    format!("GARANT_{}__{key}", service.replace('-', "_").to_uppercase())
}

fn check(name: &str) -> Result<()> {
    let specific = SERVICES.iter().find_map(|service| name.strip_prefix(&variable_of(service.name, "")));
    let common = name.strip_prefix(COMMON);
    let Some(key) = specific.or(common) else {
        ensure!(!name.contains("__"), "{name} is set, but the local stack has no such service");
        return Ok(());
    };
    let section = key.split("__").next().unwrap_or_default();
    if section == "DATABASE" {
        bail!("{name} is set, but the local stack makes its own database: name a server in DATABASE_URL");
    }
    if common.is_some() {
        if matches!(key, "SERVER__LISTEN" | "MANAGEMENT__LISTEN") {
            let names = SERVICES.map(|service| variable_of(service.name, key));
            bail!("{name} would be every service's: set {} instead", names.join(" or "));
        }
        let known = SERVICES.iter().any(|service| service.sections.contains(&section));
        ensure!(known, "{name} is set, but no service has a section {section}");
    }
    Ok(())
}

impl Definition {
    fn settings(&self, variables: &[(String, String)]) -> Result<ServiceSettings> {
        let mut set = BTreeMap::new();
        for prefix in [COMMON.to_owned(), variable_of(self.name, "")] {
            for (name, value) in variables {
                let Some(key) = name.strip_prefix(&prefix) else { continue };
                let section = key.split("__").next().unwrap_or_default();
                if prefix != COMMON || self.sections.contains(&section) {
                    insert(&mut set, key, value.clone());
                }
            }
        }
        let address = |key: &str, port: u16| match set.get(key) {
            None => Ok(SocketAddr::from(([127, 0, 0, 1], port))),
            Some(value) => {
                let name = variable_of(self.name, key);
                value.parse().ok().with_context(|| format!("{name} has a wrong value: {value}"))
            }
        };
        Ok(ServiceSettings {
            name: self.name,
            listen: address("SERVER__LISTEN", self.port)?,
            management: address("MANAGEMENT__LISTEN", self.management_port)?,
            set,
        })
    }
}

impl ServiceSettings {
    /// Its environment: the local profile with `local`, then what the user has set.
    pub(crate) fn environment<const N: usize>(&self, local: [(&str, String); N]) -> BTreeMap<String, String> {
        let mut keys = BTreeMap::from([
            ("SERVER__PROFILE".to_owned(), "local".to_owned()),
            ("SERVER__LISTEN".to_owned(), self.listen.to_string()),
            ("SERVER__DRAIN_DELAY_MS".to_owned(), "0".to_owned()),
            ("MANAGEMENT__LISTEN".to_owned(), self.management.to_string()),
        ]);
        for (key, value) in local {
            insert(&mut keys, key, value);
        }
        for (key, value) in &self.set {
            insert(&mut keys, key, value.clone());
        }
        keys.into_iter().map(|(key, value)| (format!("{COMMON}{key}"), value)).collect()
    }
}

/// Sets a key and takes its other form away: a service reads `KEY` and `KEY_FILE` as the same.
fn insert(keys: &mut BTreeMap<String, String>, key: &str, value: String) {
    match key.strip_suffix("_FILE") {
        Some(plain) => keys.remove(plain),
        None => keys.remove(&format!("{key}_FILE")),
    };
    keys.insert(key.to_owned(), value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Result<[BTreeMap<String, String>; SERVICES.len()]> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Ok(services(variables)?
            .map(|service| service.environment([("PRIVACY__PEPPER_FILE", ".dev/pepper".to_owned())])))
    }

    #[test]
    fn a_variable_goes_to_the_services_that_have_its_section_and_ones_own_wins() {
        let [reconciliation, proxy, screening, _] = settings(&[
            ("GARANT_MSEPI05_PROXY__TELEMETRY__LEVEL", "debug"),
            ("GARANT__TELEMETRY__LEVEL", "warn"),
            ("GARANT__CAPS__URL", "http://caps"),
            ("GARANT_RECONCILIATION__SERVER__LISTEN", "127.0.0.1:9105"),
            ("GARANT__PRIVACY__PEPPER", "salt"),
            ("GARANT_GATEWAY_PORT", "9080"),
            ("PATH", "/bin"),
        ])
        .unwrap();
        assert_eq!(reconciliation["GARANT__TELEMETRY__LEVEL"], "warn");
        assert_eq!(proxy["GARANT__TELEMETRY__LEVEL"], "debug");
        assert_eq!(proxy["GARANT__CAPS__URL"], "http://caps");
        assert!(!reconciliation.contains_key("GARANT__CAPS__URL"));
        assert_eq!(screening["GARANT__TELEMETRY__LEVEL"], "warn");
        assert_eq!(reconciliation["GARANT__SERVER__LISTEN"], "127.0.0.1:9105");
        assert_eq!(proxy["GARANT__SERVER__LISTEN"], "127.0.0.1:8101");
        assert_eq!(proxy["GARANT__PRIVACY__PEPPER"], "salt");
        assert!(!proxy.contains_key("GARANT__PRIVACY__PEPPER_FILE"), "the user's secret wins over our file");
    }

    #[test]
    fn a_variable_that_cannot_be_meant_is_refused_by_name() {
        for (name, said) in [
            ("GARANT__SERVER__LISTEN", "GARANT_MSEPI05_PROXY__SERVER__LISTEN"),
            ("GARANT__MANAGEMENT__LISTEN", "GARANT_RECONCILIATION__MANAGEMENT__LISTEN"),
            ("GARANT__DATABASE__URL", "DATABASE_URL"),
            ("GARANT_RECONCILIATION__DATABASE__URL", "DATABASE_URL"),
            ("GARANT__TELEMETRIE__LEVEL", "TELEMETRIE"),
            ("GARANT_MSEPI5_PROXY__CAPS__URL", "no such service"),
            ("GARANT_MSEPI05_PROXY__SERVER__LISTEN", "wrong value"),
        ] {
            let error = settings(&[(name, "8101")]).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(said), "{name}: {error}");
        }
    }
}
