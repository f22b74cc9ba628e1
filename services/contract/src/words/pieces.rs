//! A text taken apart: its words, what each is made of, and which of them may be written as one.

use std::ops::Range;

/// How many parts of a piece are joined from each of them on; of more, only all together. A guess: names
/// like `R.E.M.` have fewer, and enumerations have more.
const PARTS_MAX: usize = 8;

/// A word, and the parts that apostrophes divide it into.
#[derive(Debug, Clone)]
pub(super) struct Word {
    pub(super) text: String,
    /// At least one for a word of letters, none for a symbol.
    pub(super) parts: Vec<String>,
    /// The piece between spaces that it is from.
    piece: usize,
    /// Whether it is a character of a script that is written without spaces.
    is_unspaced: bool,
}

/// Words that may be written as one, and how they are then.
#[derive(Debug)]
pub(super) struct Compound {
    pub(super) words: Range<usize>,
    pub(super) text: String,
}

/// The words of a plain text, in their order.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    pub(super) words: Vec<Word>,
    pub(super) compounds: Vec<Compound>,
}

impl Pieces {
    /// Takes a text apart that is in plain letters.
    pub(super) fn of(plain: &str) -> Pieces {
        let mut pieces = Pieces::default();
        for (number, piece) in plain.split_whitespace().enumerate() {
            let first = pieces.words.len();
            pieces.split(piece, number);
            pieces.join_within(piece, first);
        }
        pieces.join_letters();
        pieces
    }

    fn split(&mut self, piece: &str, number: usize) {
        let before = self.words.len();
        let mut parts: Vec<String> = Vec::new();
        let mut part = String::new();
        for c in piece.chars() {
            if is_unspaced(c) {
                self.end(&mut part, &mut parts, number);
                self.words.push(Word {
                    text: c.to_string(),
                    parts: vec![c.to_string()],
                    piece: number,
                    is_unspaced: true,
                });
            } else if c.is_alphanumeric() {
                part.push(c);
            } else if c == '\'' {
                parts.extend(Some(std::mem::take(&mut part)).filter(|part| !part.is_empty()));
            } else {
                self.end(&mut part, &mut parts, number);
            }
        }
        self.end(&mut part, &mut parts, number);
        if self.words.len() == before {
            self.words.push(Word {
                text: piece.to_owned(),
                parts: Vec::new(),
                piece: number,
                is_unspaced: false,
            });
        }
    }

    fn end(&mut self, part: &mut String, parts: &mut Vec<String>, number: usize) {
        parts.extend(Some(std::mem::take(part)).filter(|part| !part.is_empty()));
        if !parts.is_empty() {
            self.words.push(Word {
                text: parts.concat(),
                parts: std::mem::take(parts),
                piece: number,
                is_unspaced: false,
            });
        }
    }

    /// Words of one piece, as `ac` and `dc` of `ac/dc`.
    fn join_within(&mut self, piece: &str, first: usize) {
        let mut from = first;
        while from < self.words.len() {
            let joined = |word: &&Word| !word.is_unspaced && !word.parts.is_empty();
            let count = self.words[from..].iter().take_while(joined).count();
            let run = from..from + count;
            if count > 1 {
                let starts = if count <= PARTS_MAX { count - 1 } else { 1 };
                for start in from..from + starts {
                    self.compound(start..run.end);
                }
                if count == self.words.len() - first {
                    self.read_symbols(piece, run);
                }
            }
            from += count.max(1);
        }
    }

    /// `P!nk` is read as `pink`.
    fn read_symbols(&mut self, piece: &str, words: Range<usize>) {
        let inside = piece.trim_matches(|c: char| !c.is_alphanumeric());
        if inside.contains(['!', '@', '€']) {
            let read = inside.chars().filter_map(|c| match c {
                '!' => Some('i'),
                '@' => Some('a'),
                '€' => Some('e'),
                c => c.is_alphanumeric().then_some(c),
            });
            let text = read.collect();
            self.compounds.push(Compound { words, text });
        }
    }

    /// Single letters in a row (`n w a`), and an `n` that stands for "and" (`rock n roll`).
    fn join_letters(&mut self) {
        let is_letter = |word: &Word| {
            word.text.chars().count() == 1 && !word.parts.is_empty() && !word.is_unspaced
        };
        let mut from = 0;
        while from < self.words.len() {
            let count = self.words[from..]
                .iter()
                .take_while(|word| is_letter(word))
                .count();
            let pieces = self.words[from..from + count].chunk_by(|a, b| a.piece == b.piece);
            if count > 1 && pieces.count() > 1 {
                self.compound(from..from + count);
            }
            from += count.max(1);
        }
        for at in 1..self.words.len().saturating_sub(1) {
            let [before, n, behind] = &self.words[at - 1..=at + 1] else {
                continue;
            };
            let is_name =
                |word: &Word| !word.is_unspaced && word.parts.len() == 1 && !is_letter(word);
            if n.text == "n" && is_name(before) && is_name(behind) {
                self.compound(at - 1..at + 2);
            }
        }
    }

    fn compound(&mut self, words: Range<usize>) {
        let text = self.words[words.clone()]
            .iter()
            .map(|word| &*word.text)
            .collect();
        self.compounds.push(Compound { words, text });
    }

    /// Whether two neighbours could be written as one word.
    pub(super) fn is_pair(&self, first: usize) -> bool {
        let Some([a, b]) = self.words.get(first..first + 2) else {
            return false;
        };
        [a, b]
            .iter()
            .all(|word| !word.is_unspaced && !word.parts.is_empty())
    }
}

impl Word {
    /// The parts that may be typed as words of their own: of `l'ete` both, of `don't` none.
    pub(super) fn split(&self) -> &[String] {
        match self.parts.as_slice() {
            [] | [_] => &[],
            [.., last] if self.parts.len() == 2 && is_contraction(last) => &[],
            parts => parts,
        }
    }
}

fn is_contraction(part: &str) -> bool {
    matches!(part, "s" | "t" | "d" | "m" | "ll" | "re" | "ve")
}

/// Whether a character is a word by itself. The symbols among these scripts, as the dot of `ボブ・ディラン`, are no
/// more words than other symbols.
fn is_unspaced(c: char) -> bool {
    let is_of_script = matches!(c, '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3041}'..='\u{30ff}'
        | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}');
    is_of_script && c.is_alphanumeric()
}
