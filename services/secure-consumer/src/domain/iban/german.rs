//! German check digits. Each bank names the method of its accounts in the Bundesbank's bank code file; the
//! methods are those of the Bundesbank's paper on check digit calculation (Prüfzifferberechnungsmethoden), whose
//! two-character names and places, counted from 1 on the left of the ten-digit number, are kept here.

use std::ops::RangeInclusive;

use super::national::{NationalKey, cross_sum};

/// A method's name: two digits, or a letter and a digit.
pub(crate) type Method = [u8; 2];

/// The check of an account number of ten digits at a bank of eight, by the bank's method. Methods and numbers
/// without a check digit, and the rarest methods, are [`NationalKey::Unchecked`].
pub(crate) fn key(method: Method, bank_code: &str, account: &str) -> NationalKey {
    let Some(account) = Account::new(account) else { return NationalKey::Unchecked };
    if account.value == 0 {
        return NationalKey::Invalid;
    }
    check(&method, bank_code, account).map_or(NationalKey::Unchecked, NationalKey::of)
}

/// What a remainder of 1 modulo 11 makes, whose check digit would be 10.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ten {
    Zero,
    Nine,
    Refused,
    /// Right if the digit before the check digit is the same.
    Repeated,
}

const TO_6: &[u32] = &[2, 3, 4, 5, 6];
const TO_7: &[u32] = &[2, 3, 4, 5, 6, 7];
const TO_8: &[u32] = &[2, 3, 4, 5, 6, 7, 8];
const TO_9: &[u32] = &[2, 3, 4, 5, 6, 7, 8, 9];
const TO_10: &[u32] = &[2, 3, 4, 5, 6, 7, 8, 9, 10];
const POWERS: &[u32] = &[2, 4, 8, 5, 10, 9, 7, 3, 6];

fn check(method: &Method, bank_code: &str, a: Account) -> Option<bool> {
    use Ten::{Nine, Refused, Repeated, Zero};
    let first = a.at(1);
    Some(match method {
        b"00" => a.luhn(1..=9, 10),
        b"01" => a.ten(1..=9, 10, &[3, 7, 1]),
        b"02" => a.eleven(1..=9, 10, TO_9, Refused),
        b"03" => a.ten(1..=9, 10, &[2, 1]),
        b"04" => a.eleven(1..=9, 10, TO_7, Refused),
        b"05" => a.ten(1..=9, 10, &[7, 3, 1]),
        b"06" => a.eleven(1..=9, 10, TO_7, Zero),
        b"07" => a.eleven(1..=9, 10, TO_10, Refused),
        b"08" => return (a.value >= 60_000).then(|| a.luhn(1..=9, 10)),
        b"10" => a.eleven(1..=9, 10, TO_10, Zero),
        b"11" => a.eleven(1..=9, 10, TO_10, Nine),
        b"13" => a.or_without_sub_account(2, |a| a.luhn(2..=7, 8)),
        b"14" => a.eleven(4..=9, 10, TO_7, Refused),
        b"15" => a.eleven(6..=9, 10, TO_6, Zero),
        b"16" => a.eleven(1..=9, 10, TO_7, Repeated),
        b"17" => a.method_17(2..=7, 8),
        b"18" => a.ten(1..=9, 10, &[3, 9, 7, 1]),
        b"19" => a.eleven(1..=9, 10, &[2, 3, 4, 5, 6, 7, 8, 9, 1], Zero),
        b"20" => a.eleven(1..=9, 10, &[2, 3, 4, 5, 6, 7, 8, 9, 3], Zero),
        b"21" => a.complement(digital_root(a.sum(1..=9, &[2, 1], cross_sum)), 10),
        b"22" => a.complement(a.sum(1..=9, &[3, 1], |product| product % 10), 10),
        b"24" => a.method_24(),
        b"25" => a.eleven(2..=9, 10, TO_9, if matches!(a.at(2), 8 | 9) { Zero } else { Refused }),
        b"26" => {
            let a = if a.value < 100_000_000 { a.shifted(2) } else { a };
            a.eleven(1..=7, 8, TO_7, Zero)
        }
        b"27" if first == 0 => a.luhn(1..=9, 10),
        b"27" | b"29" => a.iterated_transformation(),
        b"28" => a.eleven(1..=7, 8, TO_8, Zero),
        b"30" => a.ten(1..=9, 10, &[2, 1, 2, 1, 0, 0, 0, 0, 2]),
        b"31" => a.remainder(1..=9, 10, &[9, 8, 7, 6, 5, 4, 3, 2, 1]),
        b"32" => a.eleven(4..=9, 10, TO_7, Zero),
        b"33" => a.eleven(5..=9, 10, TO_6, Zero),
        b"34" => a.eleven(1..=7, 8, POWERS, Zero),
        b"35" => a.remainder(1..=9, 10, TO_10) || (a.rest(1..=9, TO_10, 11) == 10 && a.at(9) == a.at(10)),
        b"36" => a.eleven(6..=9, 10, POWERS, Zero),
        b"37" => a.eleven(5..=9, 10, POWERS, Zero),
        b"38" => a.eleven(4..=9, 10, POWERS, Zero),
        b"39" => a.eleven(3..=9, 10, POWERS, Zero),
        b"40" => a.eleven(1..=9, 10, POWERS, Zero),
        b"41" if a.at(4) == 9 => a.luhn(4..=9, 10),
        b"41" => a.luhn(1..=9, 10),
        b"42" => a.eleven(2..=9, 10, TO_9, Zero),
        b"43" => a.ten(1..=9, 10, &[1, 2, 3, 4, 5, 6, 7, 8, 9]),
        b"44" => return (first != 9 && a.at(5) != 9).then(|| a.eleven(5..=9, 10, POWERS, Zero)),
        b"45" => return (first != 0 && a.at(5) != 1).then(|| a.luhn(1..=9, 10)),
        b"46" => a.eleven(3..=7, 8, TO_6, Zero),
        b"47" => a.eleven(4..=8, 9, TO_6, Zero),
        b"48" => a.eleven(3..=8, 9, TO_7, Zero),
        b"49" => a.luhn(1..=9, 10) || a.ten(1..=9, 10, &[3, 7, 1]),
        b"50" => a.or_without_sub_account(3, |a| a.eleven(1..=6, 7, TO_7, Zero)),
        b"56" => match (11 - a.rest(1..=9, TO_7, 11), first) {
            (10, 9) => a.at(10) == 7,
            (11, 9) => a.at(10) == 8,
            (digit, _) => a.at(10) == digit,
        },
        b"57" => return a.method_57(),
        b"59" => return (a.value >= 100_000_000).then(|| a.luhn(1..=9, 10)),
        b"60" => a.luhn(3..=9, 10),
        b"61" => a.luhn_with_kind(8),
        b"62" => a.luhn(3..=7, 8),
        b"63" => first == 0 && a.or_without_sub_account(2, |a| a.at(1) == 0 && a.luhn(2..=7, 8)),
        b"64" => a.eleven(1..=6, 7, POWERS, Zero),
        b"65" => a.luhn_with_kind(9),
        b"66" => return (a.at(2) != 9).then(|| first == 0 && a.method_66()),
        b"67" => a.luhn(1..=7, 8),
        b"68" => return a.method_68(),
        b"69" => return a.method_69(),
        b"76" => a.or_without_sub_account(2, |a| {
            matches!(a.at(1), 0 | 4 | 6..=9) && a.rest(2..=7, TO_7, 11) == a.at(8)
        }),
        b"78" => return (!(10_000_000..100_000_000).contains(&a.value)).then(|| a.luhn(1..=9, 10)),
        b"88" => a.eleven(if a.at(3) == 9 { 3..=9 } else { 4..=9 }, 10, TO_8, Zero),
        b"91" => {
            a.eleven(1..=6, 7, TO_7, Zero)
                || a.eleven(1..=6, 7, &[7, 6, 5, 4, 3, 2], Zero)
                || a.eleven(1..=10, 7, &[2, 3, 4, 0, 5, 6, 7, 8, 9, 10], Zero)
                || a.eleven(1..=6, 7, POWERS, Zero)
        }
        b"92" => a.ten(4..=9, 10, &[3, 7, 1]),
        b"94" => a.complement(a.sum(1..=9, &[1, 2], cross_sum), 10),
        b"95" => {
            let exempt = matches!(a.value, 1..=1_999_999 | 9_000_000..=25_999_999 | 396_000_000..=499_999_999
                | 700_000_000..=799_999_999 | 910_000_000..=989_999_999);
            return (!exempt).then(|| a.eleven(1..=9, 10, TO_7, Zero));
        }
        b"96" => return a.method_96(),
        b"99" => {
            return (!matches!(a.value, 396_000_000..=499_999_999)).then(|| a.eleven(1..=9, 10, TO_7, Zero));
        }
        b"A2" => a.luhn(1..=9, 10) || a.eleven(1..=9, 10, TO_7, Refused),
        b"A3" => a.luhn(1..=9, 10) || a.eleven(1..=9, 10, TO_10, Zero),
        b"A4" => a.method_a4(),
        b"A5" => a.luhn(1..=9, 10) || (first != 9 && a.eleven(1..=9, 10, TO_10, Zero)),
        b"A6" if a.at(2) == 8 => a.luhn(1..=9, 10),
        b"A6" => a.ten(1..=9, 10, &[3, 7, 1]),
        b"A7" => a.luhn(1..=9, 10) || a.ten(1..=9, 10, &[2, 1]),
        b"B1" => a.ten(1..=9, 10, &[7, 3, 1]) || a.ten(1..=9, 10, &[3, 7, 1]) || a.luhn(1..=9, 10),
        b"B2" if first >= 8 => a.luhn(1..=9, 10),
        b"B2" => a.eleven(1..=9, 10, TO_9, Refused),
        b"B3" if first == 9 => a.eleven(1..=9, 10, TO_7, Zero),
        b"B3" => a.eleven(4..=9, 10, TO_7, Zero),
        b"B5" => a.ten(1..=9, 10, &[7, 3, 1]) || (first < 8 && a.luhn(1..=9, 10)),
        b"B7" => {
            let checked = matches!(a.value, 1_000_000..=5_999_999 | 700_000_000..=899_999_999);
            return checked.then(|| a.ten(1..=9, 10, &[3, 7, 1]));
        }
        b"B8" => return a.method_b8(),
        b"C0" => {
            let eser = (10_000_000..100_000_000).contains(&a.value) && a.eser(bank_code);
            eser || a.eleven(1..=9, 10, &[2, 3, 4, 5, 6, 7, 8, 9, 3], Zero)
        }
        b"C1" if first == 5 => a.method_17(1..=9, 10),
        b"C1" => a.method_17(2..=7, 8),
        b"C7" => check(b"63", bank_code, a)? || a.eleven(1..=9, 10, TO_7, Zero),
        b"D0" => {
            return ((a.at(1), a.at(2)) != (5, 7))
                .then(|| a.eleven(1..=9, 10, &[2, 3, 4, 5, 6, 7, 8, 9, 3], Zero));
        }
        b"D8" if first == 0 => return (!(10_000_000..100_000_000).contains(&a.value)).then_some(false),
        b"D8" => a.luhn(1..=9, 10),
        _ => return None,
    })
}

/// The sum of a number's digits, and of that sum's, until one is left.
fn digital_root(number: u32) -> u32 {
    number.checked_sub(1).map_or(0, |less| less % 9 + 1)
}

/// An account number's ten digits, and the number they make.
#[derive(Clone, Copy)]
struct Account {
    digits: [u32; 10],
    value: u64,
}

impl Account {
    fn new(text: &str) -> Option<Self> {
        let bytes: [u8; 10] = text.as_bytes().try_into().ok()?;
        if !bytes.iter().all(u8::is_ascii_digit) {
            return None;
        }
        Some(Self { digits: bytes.map(|byte| u32::from(byte - b'0')), value: text.parse().ok()? })
    }

    /// The digit at a place, from 1.
    fn at(&self, place: usize) -> u32 {
        place.checked_sub(1).and_then(|at| self.digits.get(at)).copied().unwrap_or_default()
    }

    /// The number moved to the left, its leading zeros lost.
    fn shifted(&self, places: usize) -> Self {
        let mut digits = [0; 10];
        for (to, from) in digits.iter_mut().zip(self.digits.iter().skip(places)) {
            *to = *from;
        }
        Self { digits, value: digits.iter().fold(0, |value, digit| value * 10 + u64::from(*digit)) }
    }

    /// Whether it is right, or right once the sub-account of zeros that its holder left out is put back.
    fn or_without_sub_account(self, zeros: usize, right: impl Fn(Self) -> bool) -> bool {
        right(self) || ((1..=zeros).all(|place| self.at(place) == 0) && right(self.shifted(zeros)))
    }

    /// Sum of the digits at these places times weights that repeat from the right.
    fn sum(&self, places: RangeInclusive<usize>, weights: &[u32], product: impl Fn(u32) -> u32) -> u32 {
        places.rev().zip(weights.iter().cycle()).map(|(place, weight)| product(self.at(place) * weight)).sum()
    }

    fn rest(&self, places: RangeInclusive<usize>, weights: &[u32], modulus: u32) -> u32 {
        self.sum(places, weights, |product| product) % modulus
    }

    fn ten(&self, places: RangeInclusive<usize>, check: usize, weights: &[u32]) -> bool {
        self.complement(self.sum(places, weights, |product| product), check)
    }

    fn luhn(&self, places: RangeInclusive<usize>, check: usize) -> bool {
        self.complement(self.sum(places, &[2, 1], cross_sum), check)
    }

    /// Whether the check digit fills a sum up to a multiple of ten.
    fn complement(&self, sum: u32, check: usize) -> bool {
        (sum + self.at(check)).is_multiple_of(10)
    }

    fn eleven(&self, places: RangeInclusive<usize>, check: usize, weights: &[u32], ten: Ten) -> bool {
        let digit = self.at(check);
        match (self.rest(places, weights, 11), ten) {
            (0, _) | (1, Ten::Zero) => digit == 0,
            (1, Ten::Nine) => digit == 9,
            (1, Ten::Refused) => false,
            (1, Ten::Repeated) => digit == self.at(check - 1),
            (rest, _) => digit == 11 - rest,
        }
    }

    /// Whether the remainder modulo 11 is itself the check digit.
    fn remainder(&self, places: RangeInclusive<usize>, check: usize, weights: &[u32]) -> bool {
        self.rest(places, weights, 11) == self.at(check)
    }

    /// Whether the check digit fills a sum up to a multiple of seven.
    fn seven(&self, places: RangeInclusive<usize>, check: usize, weights: &[u32]) -> bool {
        (7 - self.rest(places, weights, 7)) % 7 == self.at(check)
    }

    /// Methods 17 and C1: cross sums of products with 1 and 2 from the left, less 1, modulo 11, filled up to 10.
    fn method_17(&self, places: RangeInclusive<usize>, check: usize) -> bool {
        let sum: u32 = places
            .zip([1, 2].into_iter().cycle())
            .map(|(place, weight)| cross_sum(self.at(place) * weight))
            .sum();
        (10 - (sum + 10) % 11) % 10 == self.at(check)
    }

    /// Method 24: weights 1 2 3 from the first digit that counts, each product and its weight modulo 11.
    fn method_24(&self) -> bool {
        let ignored = match self.at(1) {
            3..=6 => 1,
            9 => 3,
            _ => 0,
        };
        let counted = self.digits.iter().take(9).skip(ignored).skip_while(|digit| **digit == 0);
        let sum: u32 = counted
            .zip([1, 2, 3].into_iter().cycle())
            .map(|(digit, weight)| (digit * weight + weight) % 11)
            .sum();
        sum % 10 == self.at(10)
    }

    /// Methods 61 and 65: the ninth digit names the kind of account; of this kind, the last two count as well.
    fn luhn_with_kind(&self, kind: u32) -> bool {
        let tail = if self.at(9) == kind { cross_sum(self.at(10) * 2) + self.at(9) } else { 0 };
        // Two digits more on the right leave the weights of the others as they are.
        self.complement(tail + self.sum(1..=7, &[2, 1], cross_sum), 8)
    }

    /// Method 57: the first two digits choose the rule.
    fn method_57(&self) -> Option<bool> {
        match self.at(1) * 10 + self.at(2) {
            0 => Some(false),
            1..=31 => {
                let month = self.at(3) * 10 + self.at(4);
                let possible = (1..=12).contains(&month) && self.at(7) < 5 || self.value == 185_125_434;
                (!possible).then_some(false)
            }
            40 | 50 | 91 | 99 => None,
            51 | 55 | 61 | 64..=66 | 70 | 73..=82 | 88 | 94 | 95 => {
                let exempt = matches!(self.value / 10_000, 777_777 | 888_888);
                (!exempt).then(|| self.complement(self.sum(1..=9, &[1, 2], cross_sum), 10))
            }
            _ => {
                let sum = self.at(1) + cross_sum(self.at(2) * 2) + self.sum(4..=10, &[1, 2], cross_sum);
                Some(self.complement(sum, 3))
            }
        }
    }

    fn method_66(&self) -> bool {
        match self.rest(2..=9, &[2, 3, 4, 5, 6, 0, 0, 7], 11) {
            0 => self.at(10) == 1,
            1 => self.at(10) == 0,
            rest => self.at(10) == 11 - rest,
        }
    }

    fn method_68(&self) -> Option<bool> {
        if matches!(self.value, 400_000_000..=499_999_999) {
            return None;
        }
        if self.at(1) != 0 {
            return Some(self.at(4) == 9 && self.luhn(4..=9, 10));
        }
        let mut without = *self;
        for digit in without.digits.iter_mut().skip(2).take(2) {
            *digit = 0;
        }
        Some(self.luhn(2..=9, 10) || without.luhn(2..=9, 10))
    }

    fn method_69(&self) -> Option<bool> {
        match self.value {
            9_300_000_000..=9_399_999_999 => None,
            9_700_000_000..=9_799_999_999 => Some(self.iterated_transformation()),
            _ => Some(self.eleven(1..=7, 8, TO_8, Ten::Zero) || self.iterated_transformation()),
        }
    }

    fn method_96(&self) -> Option<bool> {
        if matches!(self.value, 1_300_000..=99_399_999) {
            return None;
        }
        Some(self.eleven(1..=9, 10, &[2, 3, 4, 5, 6, 7, 8, 9, 1], Ten::Zero) || self.luhn(1..=9, 10))
    }

    fn method_a4(&self) -> bool {
        let (places, check) = if self.value < 1_000_000 { (5..=9, 10) } else { (1..=5, 6) };
        let by_93 = self.eleven(places.clone(), check, TO_6, Ten::Zero) || self.seven(places, check, TO_6);
        let first = if self.at(3) == 9 && self.at(4) == 9 {
            self.eleven(5..=9, 10, TO_6, Ten::Zero)
        } else {
            self.eleven(4..=9, 10, TO_7, Ten::Zero) || self.seven(4..=9, 10, TO_7)
        };
        first || by_93
    }

    fn method_b8(&self) -> Option<bool> {
        let by_20 = self.eleven(1..=9, 10, &[2, 3, 4, 5, 6, 7, 8, 9, 3], Ten::Zero);
        if by_20 || self.iterated_transformation() {
            return Some(true);
        }
        let exempt = matches!(self.value, 5_100_000_000..=5_999_999_999 | 9_010_000_000..=9_109_999_999);
        (!exempt).then_some(false)
    }

    /// Method 29: each digit replaced by a row of a table, the rows in turn from the right.
    fn iterated_transformation(&self) -> bool {
        const ROWS: [[u32; 10]; 4] = [
            [0, 1, 5, 9, 3, 7, 4, 8, 2, 6],
            [0, 1, 7, 6, 9, 8, 3, 2, 5, 4],
            [0, 1, 8, 4, 6, 2, 9, 5, 7, 3],
            [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        ];
        let sum = (1..=9)
            .rev()
            .zip(ROWS.iter().cycle())
            .map(|(place, row)| row.get(self.at(place) as usize).copied().unwrap_or_default())
            .sum();
        self.complement(sum, 10)
    }

    /// Method 52: the check digit, here in the fourth place, of the number that the former ESER system made of
    /// bank code and account; weighted, the whole leaves 10 modulo 11.
    fn eser(&self, bank_code: &str) -> bool {
        let bank = bank_code.bytes().skip(4).map(|byte| u32::from(byte.wrapping_sub(b'0')));
        let tail = self.digits.iter().copied().skip(4).skip_while(|digit| *digit == 0);
        let mut eser = [0; 12];
        let mut length = 0;
        for (to, digit) in eser.iter_mut().zip(bank.chain([self.at(3), self.at(4)]).chain(tail)) {
            *to = digit;
            length += 1;
        }
        let sum: u32 = eser
            .iter()
            .take(length)
            .rev()
            .zip([2, 4, 8, 5, 10, 9, 7, 3, 6, 1, 2, 4])
            .map(|(digit, weight): (&u32, u32)| digit * weight)
            .sum();
        sum % 11 == 10
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Numbers of the Bundesbank's paper and of the tests of schwifty 2026.10.1 (MIT).
    const RIGHT: &[(&str, &[&str])] = &[
        ("00", &["9290701", "539290858", "1501824", "1501832"]),
        ("06", &["94012341", "5073321010"]),
        ("10", &["12345008", "87654008"]),
        ("11", &["1000000060", "69"]),
        ("13", &["532013000"]),
        ("16", &["94012341", "66"]),
        ("17", &["446786040"]),
        ("19", &["240334000", "200520016"]),
        ("21", &["1234567893"]),
        ("22", &["1234567895"]),
        ("24", &["138301", "1306118605", "3307118608", "9307118603"]),
        ("25", &["521382181"]),
        ("26", &["520309001", "1111118111", "5501024"]),
        ("27", &["3145863029"]),
        ("29", &["3145863029"]),
        ("32", &["9141405", "1709107983", "122116979", "121114867", "9030101192", "9245500460"]),
        ("34", &["9913000700", "9914001000"]),
        ("38", &["191919", "1100660"]),
        ("61", &["2063099200", "260760481"]),
        ("63", &["123456600", "1234566"]),
        ("68", &["8889654328", "987654324", "987654328"]),
        ("69", &["1234567900", "1234567006"]),
        ("76", &["6543200", "9012345600", "7876543100", "123456"]),
        ("88", &["2525259", "1000500", "90013000", "92525253", "99913003"]),
        (
            "91",
            &[
                "2974118000",
                "5281741000",
                "9952810000",
                "2974117000",
                "8840019000",
                "8840012000",
                "8840055000",
            ],
        ),
        ("95", &["68007003", "847321750", "6450060494", "6454000003"]),
        ("99", &["68007003", "847321750"]),
        ("A2", &["3456789019", "5678901231", "6789012348", "3456789012"]),
        ("A3", &["1234567897", "123456782", "9876543210", "1234567890", "123456789"]),
        ("C0", &["43001500", "48726458", "82335729", "734192657", "6932875274"]),
        ("C1", &["446786040", "478046940", "701625830", "5432112349", "5543223456", "5654334563"]),
    ];

    const WRONG: &[(&str, &[&str])] = &[
        ("00", &["9290702", "539290859"]),
        ("02", &["60", "10"]),
        ("08", &["60000"]),
        ("13", &["532013100"]),
        ("25", &["60"]),
        ("63", &["1123456600", "1234567"]),
        ("76", &["1234567890", "123457"]),
        ("91", &["8840017000", "8840023000", "8840041000"]),
        ("95", &["68007004", "2000000", "26000000", "990000001"]),
        ("99", &["395999999", "500000000"]),
        ("A2", &["1234567890", "123456789"]),
        ("A3", &["6543217890", "543216789"]),
        ("C0", &["29837521", "132572975", "3038752371"]),
        ("C1", &["446786240", "478046340", "5432112341", "5478046940", "543223450"]),
    ];

    const WITHOUT_CHECK_DIGIT: &[(&str, &[&str])] = &[
        ("08", &["6000", "59999"]),
        ("09", &["1", "9999999999"]),
        ("12", &["1"]),
        ("57", &["4012345678", "7777771234"]),
        ("68", &["400000000"]),
        ("95", &["1", "1999999", "9000000", "25999999", "396000000", "499999999", "910000000"]),
        ("99", &["396000000", "412345678", "499999999"]),
    ];

    #[test]
    fn published_numbers_are_judged_as_published() {
        for (cases, expected) in [
            (RIGHT, NationalKey::Valid),
            (WRONG, NationalKey::Invalid),
            (WITHOUT_CHECK_DIGIT, NationalKey::Unchecked),
        ] {
            for (method, accounts) in cases {
                for account in *accounts {
                    let name = method.as_bytes().try_into().unwrap();
                    let found = key(name, "13051172", &format!("{account:0>10}"));
                    assert_eq!(found, expected, "method {method}, account {account}");
                }
            }
        }
    }

    #[test]
    fn the_eser_number_depends_on_the_bank_code() {
        assert_eq!(key(*b"C0", "13051172", "0043001500"), NationalKey::Valid);
        assert_eq!(key(*b"C0", "13051042", "0043001500"), NationalKey::Invalid);
    }

    #[test]
    fn zero_is_no_account_number() {
        assert_eq!(key(*b"00", "37040044", "0000000000"), NationalKey::Invalid);
    }
}
