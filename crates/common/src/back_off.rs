//! How long failed sign-ins block the next one (architecture §6).

use chrono::TimeDelta;

const FIRST_BLOCK_S: i64 = 30;

/// How many failures are free, and what follows when they are used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// The first failure that blocks.
    pub failures: i32,
    /// The longest block, in seconds.
    pub longest_block_s: i64,
    /// How long after the first failure the count begins anew.
    pub window: TimeDelta,
}

/// Of one account from one address.
pub const ACCOUNT_AT_ADDRESS: Allowance =
    Allowance { failures: 5, longest_block_s: 15 * 60, window: TimeDelta::days(1) };
/// Of one account from anywhere: guesses that are spread over many addresses. The block is short, for it locks out
/// the account's owner, too.
pub const ACCOUNT: Allowance = Allowance { failures: 50, longest_block_s: 60, window: TimeDelta::days(1) };
/// Of one address, whatever the account: guesses that are spread over many names. The block is short, for many may
/// share an address.
pub const ADDRESS: Allowance = Allowance { failures: 100, longest_block_s: 60, window: TimeDelta::hours(1) };

impl Allowance {
    /// The block that follows the last of `failures`: 30 s once the allowance is used up, doubling to the longest
    /// with each one more.
    pub fn block_after(self, failures: i32) -> Option<TimeDelta> {
        let beyond = u32::try_from(failures.checked_sub(self.failures)?).ok()?;
        let seconds = FIRST_BLOCK_S.checked_mul(2_i64.checked_pow(beyond.min(32))?)?;
        Some(TimeDelta::seconds(seconds.min(self.longest_block_s)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fifth_failure_blocks_and_blocks_double_to_the_longest() {
        let seconds =
            |allowance: Allowance, failures| allowance.block_after(failures).map(|block| block.num_seconds());
        assert_eq!(seconds(ACCOUNT_AT_ADDRESS, 4), None);
        let blocks: Vec<_> =
            (5..=11).map(|failures| seconds(ACCOUNT_AT_ADDRESS, failures).unwrap()).collect();
        assert_eq!(blocks, [30, 60, 120, 240, 480, 900, 900]);
        assert_eq!(seconds(ACCOUNT_AT_ADDRESS, i32::MAX), Some(900));
        assert_eq!(seconds(ACCOUNT_AT_ADDRESS, i32::MIN), None);
        assert_eq!((seconds(ACCOUNT, 49), seconds(ACCOUNT, 53)), (None, Some(60)));
        assert_eq!((seconds(ADDRESS, 99), seconds(ADDRESS, 103)), (None, Some(60)));
    }
}
