//! Counts distinct hashes without keeping them: linear counting (Whang, Vander-Zanden and Taylor, 1990), which is also
//! what HyperLogLog does at the sizes of an address book. Redis keeps a HyperLogLog; this is for a replica on its own.

const BITS: usize = 1 << 14;

/// 2 KiB, with a standard error of 0.6 % at 1,000 hashes.
#[derive(Clone)]
pub struct Sketch(Box<[u64; BITS / 64]>);

impl Default for Sketch {
    fn default() -> Self {
        Self(Box::new([0; BITS / 64]))
    }
}

impl Sketch {
    /// Adds a hash, by 64 bits of its keyed digest.
    pub fn add(&mut self, element: u64) {
        let bit = element as usize % BITS;
        if let Some(word) = self.0.get_mut(bit / 64) {
            *word |= 1 << (bit % 64);
        }
    }

    /// Adds what another sketch has seen.
    pub fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0.iter()).for_each(|(word, other)| *word |= other);
    }

    /// About how many distinct hashes were added.
    pub fn count(&self) -> f64 {
        let zeros: u32 = self.0.iter().map(|word| word.count_zeros()).sum();
        // A full sketch has no estimate; half a zero stands for none.
        let share = f64::from(zeros).max(0.5) / BITS as f64;
        -(BITS as f64) * share.ln()
    }
}

#[cfg(test)]
mod tests {
    use rand::RngCore;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn counts_an_address_book_within_two_percent_and_repeats_not_at_all() {
        let mut random = StdRng::seed_from_u64(7);
        let (mut one, mut other) = (Sketch::default(), Sketch::default());
        for n in 0..1_000 {
            let element = random.next_u64();
            one.add(element);
            one.add(element);
            if n % 2 == 0 {
                other.add(element);
            }
        }
        assert!((980.0..=1_020.0).contains(&one.count()), "{}", one.count());
        let before = one.count();
        one.merge(&other);
        assert_eq!(one.count(), before, "the other has seen nothing that this one has not");
    }
}
