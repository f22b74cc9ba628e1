//! Inputs that are nearly what a parser expects. The mutations are those of AFL's havoc stage (Zalewski,
//! "Technical whitepaper for afl-fuzz"), with a dictionary.
//!
//! Written here, since the crates that mutate bytes on stable Rust belong to whole frameworks (libafl, bolero), whose
//! engines would be the larger part of what is built.

use rand::{RngExt, SeedableRng, rngs::StdRng};

/// Numbers at which parsers break: bounds of types, signs, and neighbours of powers of two.
const NUMBERS: [u64; 16] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0x8000,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0xffff_ffff_ffff_ffff,
];

/// Makes inputs of others. The same seed makes the same ones of the same.
#[derive(Debug)]
pub(crate) struct Mutator {
    dice: StdRng,
    words: &'static [&'static str],
    bytes_max: usize,
}

impl Mutator {
    pub(crate) fn new(seed: u64, words: &'static [&'static str], bytes_max: usize) -> Mutator {
        Mutator {
            dice: StdRng::seed_from_u64(seed),
            words,
            bytes_max,
        }
    }

    /// A mutation of one of these, of which there must be one.
    pub(crate) fn next(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        // The newest are the strangest.
        let newest = corpus.len().saturating_sub(16);
        let at = match self.dice.random_bool(0.3) {
            true => self.dice.random_range(newest..corpus.len()),
            false => self.dice.random_range(0..corpus.len()),
        };
        let mut input = corpus[at].clone();
        for _ in 0..1 << self.dice.random_range(0..5) {
            self.mutate(&mut input, corpus);
        }
        input.truncate(self.bytes_max);
        input
    }

    fn mutate(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let place = self.dice.random_range(0..=input.len());
        let (start, end) = self.range(input.len());
        match self.dice.random_range(0..13) {
            0 => self.change(input, |dice, byte| byte ^ (1 << dice.random_range(0..8))),
            1 => self.change(input, |dice, _| dice.random()),
            2 => self.change(input, |dice, byte| {
                byte.wrapping_add(dice.random_range(0..=32))
                    .wrapping_sub(16)
            }),
            3 => {
                let number = self.number();
                overwrite(input, place, &number);
            }
            4 => drop(input.drain(start..end)),
            5 => input.truncate(place),
            6 => {
                let copy = input[start..end].to_vec();
                insert(input, place, &copy);
            }
            7 => {
                let copy = input[start..end].to_vec();
                overwrite(input, place, &copy);
            }
            8 => {
                // Many of the same: depth, counts, lists that are too long.
                let many = 1 << self.dice.random_range(1..10);
                let copy = input[start..end.min(start + 64)].repeat(many);
                insert(input, place, &copy);
            }
            9 => {
                let other = &corpus[self.dice.random_range(0..corpus.len())];
                let from = self.dice.random_range(0..=other.len());
                input.truncate(place);
                input.extend_from_slice(&other[from..]);
            }
            10 => self.digits(input, place),
            11 if !self.words.is_empty() => {
                let word = self.words[self.dice.random_range(0..self.words.len())];
                insert(input, place, word.as_bytes());
            }
            11 | 12 if !self.words.is_empty() => {
                let word = self.words[self.dice.random_range(0..self.words.len())];
                overwrite(input, place, word.as_bytes());
            }
            _ => {
                let bytes: [u8; 8] = self.dice.random();
                let len = self.dice.random_range(1..=8);
                insert(input, place, &bytes[..len]);
            }
        }
        input.truncate(self.bytes_max.max(1) * 2);
    }

    fn change(&mut self, input: &mut [u8], how: impl Fn(&mut StdRng, u8) -> u8) {
        if !input.is_empty() {
            let at = self.dice.random_range(0..input.len());
            input[at] = how(&mut self.dice, input[at]);
        }
    }

    /// A part of so many bytes; mostly a short one.
    fn range(&mut self, len: usize) -> (usize, usize) {
        let longest = len.min(1 << self.dice.random_range(0..16));
        let start = self.dice.random_range(0..=len);
        let part = self.dice.random_range(0..=longest);
        (start, start.saturating_add(part).min(len))
    }

    /// A number as bytes, in one of several lengths and both orders.
    fn number(&mut self) -> Vec<u8> {
        let number = NUMBERS[self.dice.random_range(0..NUMBERS.len())];
        let len = 1 << self.dice.random_range(0..4);
        match self.dice.random() {
            true => number.to_le_bytes()[..len].to_vec(),
            false => number.to_be_bytes()[8 - len..].to_vec(),
        }
    }

    /// Another number in the place of the next one that is written in decimal digits.
    fn digits(&mut self, input: &mut Vec<u8>, from: usize) {
        let is_digit = |byte: &u8| byte.is_ascii_digit();
        let Some(start) = input[from..].iter().position(is_digit) else {
            return;
        };
        let start = from + start;
        let len = input[start..]
            .iter()
            .take_while(|byte| is_digit(byte))
            .count();
        let number = NUMBERS[self.dice.random_range(0..NUMBERS.len())];
        let sign = ["", "", "", "-"][self.dice.random_range(0..4)];
        let text = format!("{sign}{number}");
        input.splice(start..start + len, text.into_bytes());
    }
}

fn insert(input: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    input.splice(at..at, bytes.iter().copied());
}

fn overwrite(input: &mut [u8], at: usize, bytes: &[u8]) {
    for (to, from) in input[at..].iter_mut().zip(bytes) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_inputs() {
        let corpus = vec![b"{\"number\":17}".to_vec(), vec![0; 100]];
        let made = |seed| {
            let mut mutator = Mutator::new(seed, &["null"], 4000);
            let inputs: Vec<_> = (0..100).map(|_| mutator.next(&corpus)).collect();
            inputs
        };
        assert_eq!(made(7), made(7));
        assert_ne!(made(7), made(8));
        assert!(made(7).iter().all(|input| input.len() <= 4000));
    }

    #[test]
    fn of_nothing_something_is_made() {
        let mut mutator = Mutator::new(1, &[], 100);
        let made = (0..1000).map(|_| mutator.next(&[Vec::new()]));
        assert!(made.filter(|input| !input.is_empty()).count() > 100);
    }
}
