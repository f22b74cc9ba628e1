//! Random numbers, which come in as arguments.

/// A random number as a chance from 0 up to but not including 1.
pub(crate) fn chance(dice: u64) -> f64 {
    // 53 bits are what a double holds exactly.
    (dice >> 11) as f64 / (1u64 << 53) as f64
}
