//! Which format a list is in.

use serde::{Deserialize, Serialize};

/// The formats that lists are published in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Format {
    /// UN Security Council consolidated list, XML.
    UnXml,
    /// OFAC SDN and consolidated lists, XML (`sdnList`).
    OfacXml,
    /// OFAC SDN and consolidated lists, CSV: the main file with its `alt`, `add` and `comments`.
    OfacCsv,
    /// European Union, financial sanctions files, XML 1.1.
    EuFsfXml,
    /// French national register of asset freezes, JSON.
    FrGelsJson,
    /// United Kingdom, CSV: OFSI consolidated list and the UK Sanctions List.
    UkConList,
    /// Canada, special economic measures, XML.
    CaSemaXml,
    /// FollowTheMoney entities, one JSON object a line (OpenSanctions `entities.ftm.json`).
    FollowTheMoneyJsonl,
    /// OpenSanctions `targets.simple.csv`.
    SimplePepCsv,
    /// US legislators and executive, YAML (unitedstates/congress-legislators).
    UsLegislatorsYaml,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 10] = [
        Self::UnXml,
        Self::OfacXml,
        Self::OfacCsv,
        Self::EuFsfXml,
        Self::FrGelsJson,
        Self::UkConList,
        Self::CaSemaXml,
        Self::FollowTheMoneyJsonl,
        Self::SimplePepCsv,
        Self::UsLegislatorsYaml,
    ];

    /// Its name in configuration and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnXml => "UN_XML",
            Self::OfacXml => "OFAC_XML",
            Self::OfacCsv => "OFAC_CSV",
            Self::EuFsfXml => "EU_FSF_XML",
            Self::FrGelsJson => "FR_GELS_JSON",
            Self::UkConList => "UK_CON_LIST",
            Self::CaSemaXml => "CA_SEMA_XML",
            Self::FollowTheMoneyJsonl => "FOLLOW_THE_MONEY_JSONL",
            Self::SimplePepCsv => "SIMPLE_PEP_CSV",
            Self::UsLegislatorsYaml => "US_LEGISLATORS_YAML",
        }
    }

    /// Tells a list's format by its first bytes (a kilobyte is enough), of OFAC's CSV by those of the main file;
    /// `None` where they are none of ours.
    pub fn detect(beginning: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(beginning);
        let text = text.trim_start_matches('\u{feff}').trim_start();
        if text.starts_with('<') {
            return Self::of_root(text);
        }
        if let Some(object) = text.strip_prefix('{') {
            let starts = |key| {
                object.trim_start().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(':'))
            };
            return match () {
                () if starts("\"Publications\"") => Some(Self::FrGelsJson),
                () if object.contains("\"schema\"") => Some(Self::FollowTheMoneyJsonl),
                () => None,
            };
        }
        let line = text.lines().next().unwrap_or_default();
        let cells: Vec<String> =
            line.split(',').map(|cell| cell.trim().trim_matches('"').to_ascii_lowercase()).collect();
        let has = |name: &str| cells.iter().any(|cell| cell == name);
        let first = cells.first().map(String::as_str).unwrap_or_default();
        if first == "last updated" && cells.len() > 1 || first.starts_with("report date:") {
            Some(Self::UkConList)
        } else if has("id") && has("schema") && has("name") {
            Some(Self::SimplePepCsv)
        } else if (["id", "ent_num"].contains(&first) || first.parse::<u64>().is_ok()) && cells.len() >= 12 {
            Some(Self::OfacCsv)
        } else {
            let item =
                text.lines().find(|line| !line.starts_with('#') && !line.trim().is_empty() && *line != "---");
            item.is_some_and(|line| line.starts_with("- id:")).then_some(Self::UsLegislatorsYaml)
        }
    }

    fn of_root(text: &str) -> Option<Self> {
        let root = text
            .match_indices('<')
            .map(|(at, _)| &text[at + 1..])
            .find(|rest| !rest.starts_with(['?', '!']))?;
        let end = root.find(|c: char| c.is_whitespace() || c == '>' || c == '/').unwrap_or(root.len());
        let name = &root[..end];
        match name.rsplit(':').next().unwrap_or_default() {
            "CONSOLIDATED_LIST" => Some(Self::UnXml),
            "sdnList" => Some(Self::OfacXml),
            "export" => Some(Self::EuFsfXml),
            "data-set" => Some(Self::CaSemaXml),
            _ => None,
        }
    }
}
