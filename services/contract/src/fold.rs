//! How texts are compared: for identity, for search and for order.
//!
//! Identity folds little (NFKC, case, white space: UAX #15, Unicode default case folding), so that
//! different songs stay different. Search and order also fold accents, so that `megtort` finds
//! `Megtört`.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// The form under which two titles, artists or albums are the same: NFKC, case folded, white space
/// collapsed and trimmed. Folding a folded text changes nothing.
#[must_use]
pub fn identity_fold(text: &str) -> String {
    if text.is_ascii() {
        return collapse(&text.to_ascii_lowercase());
    }
    let mut folded = collapse(
        &case_fold(&text.nfkc().collect::<String>())
            .nfkc()
            .collect::<String>(),
    );
    // Folding may undo a composition and composing may make something to fold; a few rounds settle it.
    for _ in 0..4 {
        let again = collapse(&case_fold(&folded).nfkc().collect::<String>());
        if again == folded {
            break;
        }
        folded = again;
    }
    folded
}

/// The form by which texts are put in order: like identity, without accents.
#[must_use]
pub fn sort_fold(text: &str) -> String {
    collapse(&unaccented(text))
}

/// The words of a text, in their order, as search sees them: folded, without accents.
///
/// A word is a run of letters and digits; apostrophes inside are dropped (`don't` is `dont`). A
/// character of a script that is written without spaces (Han, kana) is a word by itself. A piece
/// between spaces that has no letter or digit at all (`!!!`, `???`) is a word too, since some
/// songs and artists have no other name.
#[must_use]
pub fn search_words(text: &str) -> Vec<String> {
    let folded = unaccented(text);
    let mut words = Vec::new();
    for piece in folded.split(char::is_whitespace) {
        let before = words.len();
        let mut word = String::new();
        for c in piece.chars() {
            if is_unspaced(c) {
                words.extend(take(&mut word));
                words.push(c.to_string());
            } else if c.is_alphanumeric() {
                word.push(c);
            } else if !matches!(c, '\'' | '’' | '‘' | 'ʼ' | '`') {
                words.extend(take(&mut word));
            }
        }
        words.extend(take(&mut word));
        if words.len() == before {
            let symbols: String = piece.chars().filter(|c| !is_invisible(*c)).collect();
            words.extend(Some(symbols).filter(|symbols| !symbols.is_empty()));
        }
    }
    words
}

/// Whether a character shows nothing: format characters that text may carry unseen.
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

fn take(word: &mut String) -> Option<String> {
    if word.is_empty() {
        None
    } else {
        Some(std::mem::take(word))
    }
}

fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3041}'..='\u{30ff}'
        | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
}

fn unaccented(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let decomposed: String = text.nfkd().filter(|c| !is_combining_mark(*c)).collect();
    let folded: String = case_fold(&decomposed)
        .nfkd()
        .filter(|c| !is_combining_mark(*c))
        .collect();
    // Letters with a stroke do not decompose, and yet people type them without it.
    folded
        .chars()
        .map(|c| match c {
            'ø' => 'o',
            'đ' | 'ð' => 'd',
            'ł' => 'l',
            'ħ' => 'h',
            'ŧ' => 't',
            'ı' => 'i',
            other => other,
        })
        // Hangul is decomposed by NFKD into letters; put the syllables together again.
        .nfc()
        .collect()
}

fn case_fold(text: &str) -> String {
    unicase::UniCase::unicode(text).to_folded_case()
}

fn collapse(text: &str) -> String {
    let mut collapsed = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !collapsed.is_empty() {
            collapsed.push(' ');
        }
        collapsed.push_str(word);
    }
    collapsed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_as_people_type_them() {
        let words = |text| search_words(text).join("|");
        assert_eq!(words("Megtört Álom"), "megtort|alom");
        assert_eq!(words("Don't Stop (feat. P!nk)"), "dont|stop|feat|p|nk");
        assert_eq!(words("AC/DC"), "ac|dc");
        assert_eq!(words("!!!"), "!!!");
        assert_eq!(words("Simon & Garfunkel"), "simon|&|garfunkel");
        assert_eq!(words("굿모닝 캔자스"), "굿모닝|캔자스");
        assert_eq!(words("東京 Nights"), "東|京|nights");
        assert_eq!(words("Røyksopp Straße ﬁne"), "royksopp|strasse|fine");
        assert_eq!(words("\u{200b} \u{feff}"), "");
    }

    proptest! {
        #[test]
        fn folding_twice_changes_nothing(text in "\\PC{0,40}") {
            let once = identity_fold(&text);
            prop_assert_eq!(identity_fold(&once), once);
        }

        #[test]
        fn words_of_words_are_the_words(text in "\\PC{0,40}") {
            let words = search_words(&text);
            prop_assert_eq!(search_words(&words.join(" ")), words);
        }

        #[test]
        fn upper_and_lower_case_are_the_same(text in "[a-zA-Zäöüßéñ ]{0,40}") {
            prop_assert_eq!(identity_fold(&text.to_uppercase()), identity_fold(&text.to_lowercase()));
            prop_assert_eq!(search_words(&text.to_uppercase()), search_words(&text.to_lowercase()));
        }
    }
}
