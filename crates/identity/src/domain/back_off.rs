//! How long failed sign-ins in a row block the next one (architecture §6).

use chrono::TimeDelta;

const FIRST_BLOCK_S: i64 = 30;
const LONGEST_BLOCK_S: i64 = 15 * 60;

/// How many failures in a row are free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance(pub i32);

/// Of one account from one address.
pub const PER_ADDRESS: Allowance = Allowance(5);
/// Of one account from anywhere: guesses that are spread over many addresses.
pub const PER_ACCOUNT: Allowance = Allowance(50);

impl Allowance {
    /// The block that follows the last of `failures` in a row: 30 s once the allowance is used up, doubling to
    /// 15 minutes with each one more.
    pub fn block_after(self, failures: i32) -> Option<TimeDelta> {
        let beyond = u32::try_from(failures.checked_sub(self.0)?).ok()?;
        let seconds = FIRST_BLOCK_S.checked_mul(2_i64.checked_pow(beyond.min(32))?)?;
        Some(TimeDelta::seconds(seconds.min(LONGEST_BLOCK_S)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fifth_failure_blocks_and_blocks_double_to_fifteen_minutes() {
        let seconds = |failures| PER_ADDRESS.block_after(failures).map(|block| block.num_seconds());
        assert_eq!(seconds(4), None);
        assert_eq!(
            (5..=11).map(|failures| seconds(failures).unwrap()).collect::<Vec<_>>(),
            [30, 60, 120, 240, 480, 900, 900]
        );
        assert_eq!(seconds(i32::MAX), Some(900));
        assert_eq!(seconds(i32::MIN), None);
    }
}
