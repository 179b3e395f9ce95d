//! Which hashes a customer has asked for, without keeping them: a Bloom filter. Redis keeps a HyperLogLog to the same
//! end; this is for a replica on its own.

const BITS: u64 = 1 << 15;

/// 4 KiB, in which one of 300 new hashes passes for a known one when 1,000 are in it; a known one never for a new one.
#[derive(Clone)]
pub struct Sketch(Box<[u64; (BITS / 64) as usize]>);

impl Default for Sketch {
    fn default() -> Self {
        Self(Box::new([0; (BITS / 64) as usize]))
    }
}

impl Sketch {
    /// Adds a hash, by 64 bits of its keyed digest; whether it is new.
    pub fn add(&mut self, element: u64) -> bool {
        let mut is_new = false;
        for bit in [element % BITS, (element >> 32) % BITS] {
            if let Some(word) = self.0.get_mut((bit / 64) as usize) {
                is_new |= *word & (1 << (bit % 64)) == 0;
                *word |= 1 << (bit % 64);
            }
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngCore, SeedableRng};

    use super::*;

    #[test]
    fn knows_an_address_book_again_and_takes_few_strangers_for_acquaintances() {
        let mut random = StdRng::seed_from_u64(7);
        let contacts: Vec<u64> = (0..1_000).map(|_| random.next_u64()).collect();
        let mut sketch = Sketch::default();
        let new = contacts.iter().filter(|contact| sketch.add(**contact)).count();
        assert!((990..=1_000).contains(&new), "{new}");
        assert!(contacts.iter().all(|contact| !sketch.add(*contact)));
    }
}
