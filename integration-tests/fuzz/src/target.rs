//! A parser and what it is fed with.

/// Hears an input, and tells in short what came of it. What it tells is only compared.
pub type Hears = Box<dyn FnMut(&[u8]) -> String>;

/// A parser and what it is fed with.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What is parsed.
    pub about: &'static str,
    /// Inputs that our own code wrote, to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Pieces that mean something in its language.
    pub words: &'static [&'static str],
    /// How long an input becomes.
    pub bytes_max: usize,
    /// How much memory an input may take, in bytes.
    pub memory_max: usize,
    /// Makes the parser ready.
    pub open: fn() -> Hears,
}
