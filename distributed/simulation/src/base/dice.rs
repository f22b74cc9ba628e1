//! Chance that replays: SplitMix64 (Steele, Lea and Flood, 2014).

use parking_lot::Mutex;

/// Dice that many may throw. The same seed and the same order of throws give the same numbers.
#[derive(Debug)]
pub(crate) struct Dice(Mutex<u64>);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(Mutex::new(seed))
    }

    /// Dice of their own for somebody, so that how often others throw makes no difference to them.
    pub(crate) fn fork(&self) -> Dice {
        Dice::new(self.number())
    }

    pub(crate) fn number(&self) -> u64 {
        let mut state = self.0.lock();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below a bound; 0 below 0.
    pub(crate) fn below(&self, bound: usize) -> usize {
        (self.number() % (bound as u64).max(1)) as usize
    }

    /// A number from `low` to `high`.
    pub(crate) fn between(&self, low: u64, high: u64) -> u64 {
        low + self.number() % (high.saturating_sub(low) + 1)
    }

    /// From 0 to 1.
    fn share(&self) -> f64 {
        (self.number() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn happens(&self, share: f64) -> bool {
        self.share() < share
    }

    /// One of these; none of none.
    pub(crate) fn pick<T: Clone>(&self, from: &[T]) -> Option<T> {
        from.get(self.below(from.len())).cloned()
    }

    /// These in another order (Fisher and Yates).
    pub(crate) fn shuffle<T>(&self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    pub(crate) fn key(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for word in bytes.chunks_exact_mut(8) {
            word.copy_from_slice(&self.number().to_be_bytes());
        }
        bytes
    }
}
