//! The banks behind bank codes (national lists, in `reference/banks.tsv`), and national keys, of which Germany's
//! depend on the bank.

use rustc_hash::FxHashMap;

use super::iban::german::{self, Method};
use super::iban::national;
use super::iban::{Iban, NationalKey, ReferenceFault, rows};

/// What the list of an IBAN's country says of its bank code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BankFinding<'a> {
    /// The code is listed.
    Listed {
        /// The bank's BIC, of eight characters where it is a head office.
        bic: Option<&'a str>,
        /// The bank's name.
        name: Option<&'a str>,
        /// Whether the list is the one of the authority that assigns the codes.
        official: bool,
    },
    /// The code is not on the list of the authority that assigns the codes.
    UnknownOfficial,
    /// The code is not on a list that is known to be incomplete.
    UnknownCurated,
    /// There is no list of the country, or its IBANs have no bank code.
    NoList,
}

/// The banks of all countries with a list.
#[derive(Debug)]
pub struct Banks {
    /// BIC and name of each bank, one after the other.
    texts: String,
    banks: Vec<Bank>,
    by_code: FxHashMap<u64, u32>,
    /// Whether the country's list is official.
    lists: FxHashMap<[u8; 2], bool>,
}

#[derive(Debug)]
struct Bank {
    /// Where its BIC begins, its name, and where that ends.
    bic: u32,
    name: u32,
    end: u32,
    method: Option<Method>,
}

impl Banks {
    /// Reads `banks.tsv`: a line `@FR` and `official` or `curated` for each country, then a line for each of its
    /// banks: BIC, name, bank codes (`000-049 137`), and for Germany the check method.
    ///
    /// # Errors
    ///
    /// The first line that is not of that form.
    pub fn parse(tsv: &str) -> Result<Self, ReferenceFault> {
        let mut banks = Self {
            texts: String::new(),
            banks: Vec::new(),
            by_code: FxHashMap::default(),
            lists: FxHashMap::default(),
        };
        let mut country = "";
        for (line, row) in rows(tsv) {
            let read = match row.strip_prefix('@') {
                Some(head) => banks.add_list(head).map(|of| country = of),
                None => banks.add_bank(country, row),
            };
            read.ok_or(ReferenceFault { table: "banks.tsv", line })?;
        }
        Ok(banks)
    }

    /// Looks up an account's bank by country and bank code.
    pub fn look_up(&self, iban: &Iban) -> BankFinding<'_> {
        let official =
            <[u8; 2]>::try_from(iban.country().as_bytes()).ok().and_then(|key| self.lists.get(&key));
        let (Some(&official), Some(_)) = (official, iban.bank_code()) else { return BankFinding::NoList };
        match self.find(iban) {
            Some(bank) => {
                let text =
                    |from, to| self.texts.get(from as usize..to as usize).filter(|text| !text.is_empty());
                BankFinding::Listed {
                    bic: text(bank.bic, bank.name),
                    name: text(bank.name, bank.end),
                    official,
                }
            }
            None if official => BankFinding::UnknownOfficial,
            None => BankFinding::UnknownCurated,
        }
    }

    /// Checks the national key of an account; of one in Germany by its bank's method.
    pub fn national_key(&self, iban: &Iban) -> NationalKey {
        if iban.country() != "DE" {
            return national::key(iban);
        }
        let method = self.find(iban).and_then(|bank| bank.method);
        match (method, iban.bank_code(), iban.account_number()) {
            (Some(method), Some(bank_code), Some(account)) => german::key(method, bank_code, account),
            _ => NationalKey::Unchecked,
        }
    }

    fn find(&self, iban: &Iban) -> Option<&Bank> {
        let index = self.by_code.get(&key(iban.country(), iban.bank_code()?)?)?;
        self.banks.get(*index as usize)
    }

    fn add_list<'a>(&mut self, head: &'a str) -> Option<&'a str> {
        let (country, kind) = head.split_once('\t')?;
        let official = match kind {
            "official" => true,
            "curated" => false,
            _ => return None,
        };
        self.lists.insert(country.as_bytes().try_into().ok()?, official);
        Some(country)
    }

    fn add_bank(&mut self, country: &str, row: &str) -> Option<()> {
        let mut fields = row.split('\t');
        let (bic, name, codes) = (fields.next()?, fields.next()?, fields.next()?);
        let method = match fields.next() {
            Some(method) => Some(method.as_bytes().try_into().ok()?),
            None => None,
        };
        let index = u32::try_from(self.banks.len()).ok()?;
        for codes in codes.split(' ') {
            let (first, last) = codes.split_once('-').unwrap_or((codes, codes));
            if first == last {
                self.by_code.insert(key(country, first)?, index);
                continue;
            }
            for code in first.parse::<u32>().ok()?..=last.parse().ok()? {
                self.by_code.insert(key(country, &format!("{code:0width$}", width = first.len()))?, index);
            }
        }
        let bic_at = u32::try_from(self.texts.len()).ok()?;
        self.texts.push_str(bic);
        let name_at = u32::try_from(self.texts.len()).ok()?;
        self.texts.push_str(name);
        self.banks.push(Bank {
            bic: bic_at,
            name: name_at,
            end: u32::try_from(self.texts.len()).ok()?,
            method,
        });
        Some(())
    }
}

/// Country and bank code as one number in base 36: ten characters at most, so that it always fits.
fn key(country: &str, code: &str) -> Option<u64> {
    if country.len() != 2 || code.is_empty() || code.len() > 8 {
        return None;
    }
    country
        .chars()
        .chain(code.chars())
        .try_fold(0, |key, char| Some(key * 36 + u64::from(char.to_digit(36)?)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::domain::iban::Structures;

    fn banks() -> Banks {
        Banks::parse(include_str!("../../reference/banks.tsv")).unwrap()
    }

    fn iban(text: &str) -> Iban {
        Structures::parse(include_str!("../../reference/iban_structures.tsv")).unwrap().read(text).unwrap()
    }

    #[test]
    fn a_bank_is_found_by_the_code_of_its_country() {
        let banks = banks();
        let name = |text| match banks.look_up(&iban(text)) {
            BankFinding::Listed { bic, name, official } => (bic.unwrap(), name.unwrap(), official),
            other => panic!("{other:?}"),
        };
        assert_eq!(name("DE89370400440532013000"), ("COBADEFF", "Commerzbank", true));
        assert_eq!(name("NL91ABNA0417164300").0, "ABNANL2A");
        assert_eq!(name("BE31435411161155").0, "KREDBEBB");
        assert!(!name("FR1420041010050500013M02606").2);
        // Bank and branch in one identifier.
        assert_eq!(name("SI56191000000123438").0, "SZKBSI2X");
    }

    #[test]
    fn an_unknown_code_weighs_by_the_list_and_a_country_without_list_abstains() {
        let banks = banks();
        assert_eq!(banks.look_up(&iban("DE87123456781234567890")), BankFinding::UnknownOfficial);
        assert_eq!(banks.look_up(&iban("ES7699990000000000000000")), BankFinding::UnknownCurated);
        assert_eq!(banks.look_up(&iban("SA0380000000608010167519")), BankFinding::NoList);
        assert_eq!(banks.look_up(&iban("KM4600005000010010904400137")), BankFinding::NoList);
    }

    #[test]
    fn the_german_key_follows_the_method_of_the_bank() {
        let banks = banks();
        // Commerzbank by 13 and ING by C1; no method without a bank.
        assert_eq!(banks.national_key(&iban("DE89370400440532013000")), NationalKey::Valid);
        assert_eq!(banks.national_key(&iban("DE08370400440532013003")), NationalKey::Valid);
        assert_eq!(banks.national_key(&iban("DE12500105170648489890")), NationalKey::Valid);
        assert_eq!(banks.national_key(&iban("DE87123456781234567890")), NationalKey::Unchecked);
        assert_eq!(banks.national_key(&iban("FR1420041010050500013M02606")), NationalKey::Valid);
        assert_eq!(banks.national_key(&iban("FR3020041010050500013M02609")), NationalKey::Invalid);
    }

    #[test]
    fn a_wrong_line_is_named() {
        for bad in
            ["@FR", "@FRA\tofficial", "@FR\tother", "A\tB", "A\tB\t1-x", "A\tB\t123456789", "A\tB\t1\t1"]
        {
            assert_eq!(Banks::parse(&format!("@DE\tofficial\n{bad}\n")).unwrap_err().line, 2, "{bad}");
        }
        assert_eq!(Banks::parse("A\tB\t1\n").unwrap_err().line, 1);
    }
}
