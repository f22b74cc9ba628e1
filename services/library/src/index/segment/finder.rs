//! From a hash to the documents that have it.
//!
//! Only the first four bytes of each hash are kept, sorted; hashes are spread evenly, so the place of
//! one is guessed, and then found a few steps away (interpolation search). Whoever asks compares the
//! rest.

use super::flat::{Flat, Reader};

/// Numbers by the heads of their hashes.
#[derive(Debug, Default)]
pub(crate) struct Finder {
    heads: Vec<u32>,
    numbers: Vec<u32>,
}

/// The first four bytes of a hash.
pub(crate) fn head(hash: &[u8; 32]) -> u32 {
    let [a, b, c, d, ..] = *hash;
    u32::from_be_bytes([a, b, c, d])
}

impl Finder {
    /// Of pairs that are sorted by their heads.
    pub(crate) fn of(sorted: impl Iterator<Item = (u32, u32)>) -> Finder {
        let (heads, numbers) = sorted.unzip();
        Finder { heads, numbers }
    }

    /// The numbers whose hash begins so.
    pub(crate) fn find(&self, head: u32) -> impl Iterator<Item = u32> {
        let from = self.place(head);
        let equal = self.heads[from..].iter().take_while(move |at| **at == head);
        equal.zip(&self.numbers[from..]).map(|(_, number)| *number)
    }

    /// How many heads are lower than this one.
    pub(crate) fn place(&self, head: u32) -> usize {
        let len = self.heads.len();
        let guess = ((u64::from(head) * len as u64) >> 32) as usize;
        let is_lower = |at: &u32| *at < head;
        // Steps that double, from the guess on, until the place is between two of them.
        let (mut low, mut high, mut step) = (0, len, 8);
        if self.heads.get(guess).is_some_and(is_lower) {
            low = guess + 1;
            while low + step < len {
                if !is_lower(&self.heads[low + step]) {
                    high = low + step;
                    break;
                }
                low += step;
                step *= 2;
            }
        } else {
            high = guess;
            while step < high {
                if is_lower(&self.heads[high - step]) {
                    low = high - step;
                    break;
                }
                high -= step;
                step *= 2;
            }
        }
        low + self.heads[low..high].partition_point(is_lower)
    }

    pub(crate) fn heads(&self) -> &[u32] {
        &self.heads
    }

    pub(crate) fn numbers(&self) -> &[u32] {
        &self.numbers
    }

    pub(crate) fn save(&self, into: &mut Flat<'_>) -> std::io::Result<()> {
        into.u32s(&self.heads)?;
        into.u32s(&self.numbers)
    }

    pub(crate) fn load(from: &mut Reader<'_>) -> Option<Finder> {
        let (heads, numbers) = (from.u32s()?, from.u32s()?);
        Some(Finder { heads, numbers })
    }
}
