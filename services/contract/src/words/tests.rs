use proptest::prelude::*;

use super::{pieces::Pieces, *};
use crate::{
    QueryText, Tags,
    order::{INSIDE, rank},
};

fn words(text: &str) -> String {
    search_words(text).join("|")
}

/// Whether a search for these words finds a song of this name, and not only by parts of words or slips.
fn finds(query: &str, title: &str) -> bool {
    let tags = Tags::new(title, "", "").unwrap();
    rank(&QueryText::new(query).unwrap(), &tags).is_some_and(|rank| rank < INSIDE)
}

#[test]
fn words_as_people_type_them() {
    assert_eq!(words("Megtört Álom"), "megtort|alom");
    assert_eq!(words("Don't Stop (feat. P!nk)"), "dont|stop|feat|p|nk");
    assert_eq!(words("AC/DC"), "ac|dc");
    assert_eq!(words("!!!"), "!!!");
    assert_eq!(words("Simon & Garfunkel"), "simon|&|garfunkel");
    assert_eq!(words("굿모닝 캔자스"), "굿모닝|캔자스");
    assert_eq!(words("東京 Nights"), "东|京|nights");
    assert_eq!(words("Røyksopp Straße ﬁne"), "royksopp|strasse|fine");
    assert_eq!(words("\u{200b} \u{feff} \u{1}\u{2}"), "");
    assert_eq!(words("Þú og ég, Ágætis Cœur"), "thu|og|eg|agaetis|coeur");
    assert_eq!(
        words("Don´t Don`t Don’t Donʼt Don＇t"),
        "dont|dont|dont|dont|dont"
    );
    assert_eq!(
        words("Ke$ha A$AP $uicideboy$ $100"),
        "kesha|asap|suicideboys|100"
    );
    // Symbols of scripts that are written without spaces are symbols.
    assert_eq!(words("ボブ・ディラン"), words("ボブ ディラン"));
    assert_eq!(words("A･B ⺀ ゠"), "a|b|⺀|゠");
    assert_eq!(words("・・・"), "・・・");
}

/// Rows of text and what people type for it.
#[test]
fn joined_and_split_forms_both_count() {
    for (title, typed) in [
        ("AC/DC", "acdc|ac/dc|ac-dc|AC.DC|acd|dc"),
        ("ACDC", "acdc|ac/dc|AC-DC|ac dc"),
        ("R.E.M.", "rem|r.e.m.|r.e.m|R-E-M|r e m"),
        ("R. E. M.", "rem|r.e.m."),
        ("REM", "rem|r.e.m.|r e m"),
        ("N.W.A", "nwa|n.w.a.|NW"),
        ("T.N.T.", "tnt|t.n.t"),
        ("Live: AC/DC-Live", "acdclive|acdc|dclive|live"),
        ("Hyper-Ballad", "hyperballad|hyper-ballad|ballad|hyper"),
        ("Hyperballad", "hyperballad|hyper-ballad|hyper ballad"),
        ("JAY-Z", "jayz|jay-z|jay z|jay"),
        ("Jay Z", "jay-z|jay z"),
        ("JayZ", "jay-z|jay z"),
        ("24/7", "247|24/7|24-7|24 7"),
        ("247", "24/7|24 7"),
        (
            "Rock'n'Roll",
            "rocknroll|rock'n'roll|rock n roll|roll|rock n",
        ),
        ("Rock 'n' Roll", "rocknroll|rock'n'roll|rock n roll"),
        ("Rock N Roll", "rocknroll|rock'n'roll"),
        ("Rocknroll", "rock 'n' roll|rock n roll"),
        ("Rock and Roll", "rock & roll"),
        ("Guns N’ Roses", "gunsnroses|guns n' roses"),
        ("L'été", "été|ete|l'été|l’ete|lete|l ete"),
        ("O'Brien", "obrien|o'brien|o’brien|brien|o brien|obri"),
        ("O Brien", "o'brien|o brien"),
        ("D Angelo", "d'angelo"),
        ("Don't", "dont|don't|don’t|don´t|don t"),
        ("Dont", "don't"),
        ("Simon & Garfunkel", "simon and garfunkel"),
        ("P!nk", "pink|p!nk"),
        ("Pink", "p!nk"),
    ] {
        for typed in typed.split('|') {
            assert!(finds(typed, title), "{typed:?} does not find {title:?}");
        }
    }
}

#[test]
fn letters_of_other_keyboards_are_found() {
    for (title, typed) in [
        ("Die Ärzte", "aerzte"),
        ("Die Ärzte", "arzte"),
        ("Die Ärzte", "Ärzte"),
        ("Aerzte", "Ärzte"),
        ("Die A\u{308}rzte", "aerzte"),
        ("Mädchen", "maedchen"),
        ("Mädchen", "madchen"),
        ("Größe", "groesse"),
        ("Røyksopp", "roeyksopp"),
        ("Røyksopp", "royksopp"),
        ("Ångström", "angstrom"),
        ("Ångström", "aangstroem"),
        ("Ångström", "angstroem"),
        ("œuvre", "oeuvre"),
        ("Cœur", "coeur"),
        ("Ágætis", "agaetis"),
        ("Þú og ég", "thu og eg"),
        ("Zero\u{200b}Width", "zerowidth"),
        ("Zero\u{ad}Width", "zero\u{2060}width"),
        ("Hawaiʻi", "hawaii"),
        ("ヴィーナス", "びぃなす"),
        ("ヴィーナス", "ビーナス"),
        ("ビーナス", "ヴィーナス"),
        ("ｳﾞｨｰﾅｽ", "ヴィーナス"),
        ("スーパースター", "すーぱーすたー"),
        ("風中的承諾", "风中"),
        ("风中", "風中"),
        ("皇后裏", "里"),
        ("봄날은간다", "날은"),
        ("봄날은간다", "간다"),
        ("봄날은간다", "봄날"),
        ("ไทยเพลงรัก", "เพลงรัก"),
        ("السَّلَامُ عَلَيْكُمْ", "سلام"),
        ("السَّلَامُ عَلَيْكُمْ", "السلام عليكم"),
        ("سلام", "السلام"),
        ("أغنية", "اغنيه"),
        ("٢٠٢٠ سنة", "2020"),
    ] {
        assert!(finds(typed, title), "{typed:?} does not find {title:?}");
    }
    for (title, typed) in [("Love", "ove"), ("봄날은간다", "다날"), ("Ärzte", "erzte")] {
        assert!(!finds(typed, title), "{typed:?} finds {title:?}");
    }
}

#[test]
fn long_words_written_together_are_found_in_pieces() {
    let long: String = "가나다라마바사아자차카타파하".repeat(5);
    assert!(finds(&long, &long));
    let chars: Vec<char> = long.chars().collect();
    for from in 0..chars.len() {
        let typed: String = chars[from..].iter().collect();
        assert!(finds(&typed, &long), "{typed:?}");
    }
    // The longest title there is stays within bounds.
    let forms = search_forms(&"가".repeat(crate::TEXT_BYTES_MAX / 3));
    assert!(forms.iter().map(String::len).sum::<usize>() < 1 << 20);
}

#[test]
fn a_year_is_found_by_all_its_digits() {
    let tags = Tags::new("Song", "", "").unwrap().with_year(Some(1997));
    let ranked = |typed| rank(&QueryText::new(typed).unwrap(), &tags);
    assert!(ranked("song 1997").is_some());
    assert!(ranked("1997").is_some());
    assert!(ranked("199").is_none());
    assert!(ranked("1998").is_none());
}

#[test]
fn the_table_of_chinese_characters_is_sorted() {
    let pairs: Vec<(char, char)> = include_str!("simplified.txt")
        .lines()
        .flat_map(|line| {
            let chars: Vec<char> = line.chars().collect();
            chars
                .chunks(2)
                .map(|pair| (pair[0], pair[1]))
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(pairs.is_sorted());
    for (from, to) in &pairs {
        assert_eq!(words(&from.to_string()), to.to_string());
        assert_eq!(words(&to.to_string()), to.to_string());
    }
}

#[test]
fn no_character_folds_to_one_that_folds_further() {
    for c in '\0'..=char::MAX {
        let words = search_words(&c.to_string());
        assert_eq!(search_words(&words.join(" ")), words, "{:x}", c as u32);
    }
}

proptest! {
    #[test]
    fn what_is_looked_for_is_of_the_words_that_count(text in "\\PC{0,20}|[・゠⺀!1ヴa ]{0,8}") {
        let text = QueryText::new(&text).unwrap();
        let line = crate::order::line(&search_words(text.as_str()));
        prop_assert_eq!(text.words().join(" "), line.clone());
        // So a title that is what was typed has all that is looked for, and who compares lines need not look.
        if let Ok(title) = Tags::new(&line, "", "") {
            prop_assert_eq!(rank(&text, &title), Some(0));
        }
    }

    #[test]
    fn words_of_words_are_the_words(text in "\\PC{0,40}|[か-ゔァ-ヺー ']{0,12}|[$a-c' ]{0,8}") {
        let words = search_words(&text);
        prop_assert_eq!(search_words(&words.join(" ")), words);
    }

    #[test]
    fn case_does_not_matter(text in "[a-zA-Zäöüßéñ ]{0,40}") {
        prop_assert_eq!(search_words(&text.to_uppercase()), search_words(&text.to_lowercase()));
    }

    /// Whoever types a name as it is written finds it, and with the best rank.
    #[test]
    fn a_text_finds_itself(text in "\\PC{1,40}|[a-cäöåøé'/.!& 東한ไー가]{1,14}") {
        if let (Ok(tags), Ok(query)) = (Tags::new(&text, "", ""), QueryText::new(&text))
            && !query.words().is_empty()
        {
            prop_assert_eq!(rank(&query, &tags), Some(0), "{:?} {:?}", query.required(), search_forms(tags.title()));
        }
    }

    /// While a name is typed letter by letter, it stays a hit.
    #[test]
    fn every_beginning_of_a_text_finds_it(text in "[a-cäé'/.$! 東한ไلاو]{1,14}", at: prop::sample::Index) {
        let plain = search_words(&text).join(" ");
        let ends: Vec<usize> = plain.char_indices().map(|(at, c)| at + c.len_utf8()).collect();
        if let Ok(tags) = Tags::new(&text, "", "")
            && !ends.is_empty()
            && plain.starts_with(char::is_alphanumeric)
        {
            let typed = &plain[..ends[at.index(ends.len())]];
            let rank = rank(&QueryText::new(typed).unwrap(), &tags);
            prop_assert!(rank.is_some_and(|rank| rank < INSIDE), "{typed:?} {:?}", search_forms(&text));
        }
    }

    /// Engines find a word by one spelling; its term is that of every song that has it.
    #[test]
    fn a_form_has_the_term_of_what_it_fits(title in "[a-cä'/. 東한]{1,8}", text in "[a-cä'/. 東한]{1,6}") {
        let mut forms = search_forms(&title);
        forms.extend(search_forms(&format!("{}가a", title.trim())));
        for wanted in QueryText::new(&text).unwrap().required() {
            let Some(term) = wanted.term() else { continue };
            let fits = |form: &&String| wanted.spellings().iter().any(|spelling| form.starts_with(&**spelling));
            for form in forms.iter().filter(fits) {
                prop_assert_eq!(term_of(form), Some(term));
            }
        }
    }

    #[test]
    fn taking_apart_loses_no_letter(text in "[a-c'/ ]{0,20}") {
        let pieces = Pieces::of(&text);
        let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
        let words: String = pieces.words.iter().map(|word| letters(&word.text)).collect();
        prop_assert_eq!(words, letters(&text));
    }
}

/// The distance of two texts, where a swap of neighbours counts as one: by the book, slowly.
fn distance(a: &[char], b: &[char]) -> usize {
    match (a, b) {
        ([], rest) | (rest, []) => rest.len(),
        ([x, a_rest @ ..], [y, b_rest @ ..]) => {
            let mut least = distance(a_rest, b_rest) + usize::from(x != y);
            least = least
                .min(distance(a_rest, b) + 1)
                .min(distance(a, b_rest) + 1);
            if let ([y2, a2 @ ..], [x2, b2 @ ..]) = (a_rest, b_rest)
                && (x, y) == (x2, y2)
            {
                least = least.min(distance(a2, b2) + 1);
            }
            least
        }
    }
}

proptest! {
    #[test]
    fn a_slip_is_a_distance_of_one(a in "[abé]{0,6}", b in "[abé]{0,6}") {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        prop_assert_eq!(is_slip(&a, &b), distance(&chars(&a), &chars(&b)) == 1);
    }
}
