//! Letters as search compares them.
//!
//! All that identity folds, and accents; then what people leave out or type otherwise: invisible
//! characters, shapes of apostrophes, ligatures, letters with a stroke, katakana for hiragana,
//! traditional for simplified Chinese, forms of Arabic letters.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

use crate::fold::{is_invisible, unaccented};

/// Pairs of a traditional and a simplified character, sorted, twenty in a line: `kSimplifiedVariant` of the
/// Unihan database (Unicode 14, Unicode License v3), the first variant where there are several.
const SIMPLIFIED: &str = include_str!("simplified.txt");
const PAIR_BYTES: usize = 6;
const PAIRS_IN_LINE: usize = 20;
const LINE_BYTES: usize = PAIRS_IN_LINE * PAIR_BYTES + 1;

/// Which umlauts and rings are written as two letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expanded {
    /// `ä`, `ö`, `ü` and `ø` as `ae`, `oe`, `ue` and `oe`.
    Umlauts,
    /// And `å` as `aa`.
    Rings,
}

/// A text in the letters that search compares.
pub(super) fn plain(text: &str) -> String {
    if text.is_ascii() {
        let shown = |c: char| match c {
            '`' => '\'',
            c if c.is_control() => ' ',
            c => c.to_ascii_lowercase(),
        };
        return money(&text.chars().map(shown).collect::<String>());
    }
    let kept = |c: char| match c {
        c if is_apostrophe(c) => Some('\''),
        c if c.is_control() => Some(' '),
        c => (!is_invisible(c)).then_some(c),
    };
    // Before anything is decomposed: an acute accent that stands alone becomes a space then. And behind it, since
    // some characters become an apostrophe by it.
    let shown = text.chars().filter_map(kept).nfkc().filter_map(kept);
    let shown: String = shown.collect();
    let mut plain = String::with_capacity(shown.len());
    for c in unaccented(&hiragana(&shown)).chars() {
        match letters(c) {
            Some(letters) => plain.push_str(letters),
            None => plain.push(simplified(c)),
        }
    }
    money(&plain)
}

/// The text with its umlauts written as two letters; `None` if it has none of them.
pub(super) fn expanded(text: &str, how: Expanded) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    let mut found = false;
    let mut expanded = String::with_capacity(text.len() + 4);
    for c in text.nfc() {
        let two = match c {
            'ä' | 'Ä' => "ae",
            'ö' | 'Ö' | 'ø' | 'Ø' => "oe",
            'ü' | 'Ü' => "ue",
            'å' | 'Å' if how == Expanded::Rings => "aa",
            _ => {
                expanded.push(c);
                continue;
            }
        };
        found = true;
        expanded.push_str(two);
    }
    found.then_some(expanded)
}

fn is_apostrophe(c: char) -> bool {
    matches!(
        c,
        '`' | '´'
            | '‘'
            | '’'
            | '‛'
            | '′'
            | '＇'
            | 'ʹ'
            | 'ʻ'
            | 'ʼ'
            | 'ʽ'
            | 'ʾ'
            | 'ʿ'
            | 'ˈ'
            | 'ˊ'
            | 'ˋ'
            | '\u{384}'
            | '\u{1fbd}'
            | '\u{1fbf}'
            | '\u{1fef}'
            | '\u{1ffd}'
            | '\u{1ffe}'
            | '՚'
            | '׳'
            | 'ꞌ'
            | 'Ꞌ'
    )
}

/// Letters that Unicode does not take apart, as people type them without a special keyboard.
fn letters(c: char) -> Option<&'static str> {
    Some(match c {
        'æ' => "ae",
        'œ' => "oe",
        'þ' => "th",
        'ŋ' => "ng",
        // Alif wasla, Farsi kaf and yeh, alif maksura, teh marbuta.
        'ٱ' => "ا",
        'ک' => "ك",
        'ی' | 'ى' => "ي",
        'ة' => "ه",
        // The line that stretches a word.
        'ـ' => "",
        _ => return None,
    })
}

/// Arabic digits as European ones, traditional Chinese characters as simplified ones.
fn simplified(c: char) -> char {
    match c {
        '٠'..='٩' => digit(c, '٠'),
        '۰'..='۹' => digit(c, '۰'),
        '\u{3400}'..='\u{9fff}' => of_pair(c).unwrap_or(c),
        _ => c,
    }
}

fn digit(c: char, zero: char) -> char {
    char::from_digit(u32::from(c) - u32::from(zero), 10).unwrap_or(c)
}

fn of_pair(traditional: char) -> Option<char> {
    let mut buffer = [0; 4];
    let wanted: &str = traditional.encode_utf8(&mut buffer);
    // A line ends with a line feed.
    let start = |pair: usize| pair * PAIR_BYTES + pair / PAIRS_IN_LINE;
    let lines = SIMPLIFIED.len().div_ceil(LINE_BYTES);
    let count = (SIMPLIFIED.len() - lines) / PAIR_BYTES;
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = (low + high) / 2;
        let pair = SIMPLIFIED.get(start(middle)..start(middle) + PAIR_BYTES)?;
        let (from, to) = pair.split_at(PAIR_BYTES / 2);
        match from.cmp(wanted) {
            std::cmp::Ordering::Equal => return to.chars().next(),
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
        }
    }
    None
}

/// Katakana as hiragana, and long vowels as short ones: `ヴィーナス`, `ビーナス` and `びぃなす` are one.
fn hiragana(text: &str) -> Cow<'_, str> {
    let is_kana = |c: char| matches!(c, '\u{3041}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}');
    if !text.contains(is_kana) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().map(as_hiragana).peekable();
    // The last kana, as long as nothing else came behind it.
    let mut last: Option<char> = None;
    while let Some(c) = chars.next() {
        let c = match (c, chars.peek()) {
            // The sound of v is written as b by some: the small letter behind it is its vowel.
            ('ゔ', Some(next)) => {
                let b = vowel_of(*next).filter(|_| "ぁぃぅぇぉ".contains(*next));
                if b.is_some() {
                    chars.next();
                }
                b.and_then(|vowel| "ばびぶべぼ".chars().nth(vowel))
                    .unwrap_or('ぶ')
            }
            ('ゔ', None) => 'ぶ',
            (other, _) => other,
        };
        let lengthens = match (c, last) {
            ('ー', Some(_)) => true,
            ('ぁ' | 'ぃ' | 'ぅ' | 'ぇ' | 'ぉ', Some(last)) => vowel_of(c) == vowel_of(last),
            _ => false,
        };
        if !lengthens {
            out.push(c);
            last = is_kana(c).then_some(c);
        }
    }
    Cow::Owned(out)
}

fn as_hiragana(c: char) -> char {
    match c {
        'ヷ' => 'ば',
        'ヸ' => 'び',
        'ヹ' => 'べ',
        'ヺ' => 'ぼ',
        '\u{30a1}'..='\u{30f6}' | 'ヽ' | 'ヾ' => {
            char::from_u32(u32::from(c) - 0x60).expect("hiragana lie 96 below katakana")
        }
        _ => c,
    }
}

/// The number of a kana's vowel, in the order a, i, u, e, o.
fn vowel_of(kana: char) -> Option<usize> {
    const ROWS: [&str; 5] = [
        "ぁあかがさざただなはばぱまゃやらゎわ",
        "ぃいきぎしじちぢにひびぴみり",
        "ぅうくぐすずつづぬふぶぷむゅゆるゔ",
        "ぇえけげせぜてでねへべぺめれ",
        "ぉおこごそぞとどのほぼぽもょよろを",
    ];
    ROWS.iter().position(|row| row.contains(kana))
}

/// A dollar sign beside a letter is an S: `Ke$ha`, `A$AP`, `$uicideboy$`.
fn money(text: &str) -> String {
    if !text.contains('$') {
        return text.to_owned();
    }
    let chars: Vec<char> = text.chars().collect();
    let is_letter = |at: Option<usize>| {
        let c = at.and_then(|at| chars.get(at));
        c.is_some_and(|c| c.is_alphabetic())
    };
    let read = |(at, c): (usize, &char)| {
        let beside = is_letter(at.checked_sub(1)) || is_letter(Some(at + 1));
        if *c == '$' && beside { 's' } else { *c }
    };
    chars.iter().enumerate().map(read).collect()
}
