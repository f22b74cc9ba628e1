//! Old tags in the code page of whoever wrote them.
//!
//! ID3v1, ID3v2 and RIFF know Latin-1, and for years programs wrote what their Windows spoke: a
//! Russian title then reads `Ïèêíèê`. A text is decoded otherwise only where it cannot be what its
//! writer meant: where it is UTF-8; where most of its letters are beyond ASCII, which no language
//! that is written in Latin-1 does, and are letters of one other script in the code page that the
//! detector finds; where signs such as `³` stand within words; or, for a short text, where the others of the file
//! leave no doubt. So `Björk`, `Sigur Rós` and
//! `Ça va` are never touched, nor are languages that share their code page's letters with Latin-1
//! (Turkish, Baltic, Vietnamese): a wrong letter is better than a right one destroyed.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{
    BIG5, EUC_JP, EUC_KR, Encoding, GBK, ISO_8859_2, SHIFT_JIS, UTF_8, WINDOWS_1250, WINDOWS_1252,
};
use lofty::{
    file::{TaggedFile, TaggedFileExt},
    tag::{ItemValue, Tag, TagItem, TagType},
};

/// The fewest letters beyond ASCII that tell a script: fewer may be an accident.
const LETTERS_MIN: usize = 4;

/// So much text is enough to tell a code page by.
const SAMPLE_BYTES_MAX: usize = 64 << 10;
/// The tags whose texts have code pages.
const WITH_PAGES: [TagType; 4] = [
    TagType::Id3v2,
    TagType::Id3v1,
    TagType::RiffInfo,
    TagType::AiffText,
];

/// Reads the texts of a file as they were meant. All of them share one code page: a short artist is told by a
/// long title.
pub(crate) fn repair_file(file: &mut TaggedFile) {
    let tags: Vec<Tag> = WITH_PAGES
        .iter()
        .filter_map(|kind| file.remove(*kind))
        .collect();
    let items = tags.iter().flat_map(Tag::items);
    let mut texts: Vec<Option<String>> = items
        .map(|item| item.value().text().map(str::to_owned))
        .collect();
    repair(&mut texts);
    let mut texts = texts.into_iter();
    for tag in tags {
        if tag
            .items()
            .zip(texts.as_slice())
            .all(|(item, text)| item.value().text() == text.as_deref())
        {
            texts.by_ref().take(tag.items().len()).for_each(drop);
            file.insert_tag(tag);
            continue;
        }
        let mut repaired = Tag::new(tag.tag_type());
        for picture in tag.pictures() {
            repaired.push_picture(picture.clone());
        }
        for item in tag.items().cloned() {
            let text = texts.next().flatten();
            repaired.push_unchecked(match text {
                Some(text) if item.value().text() != Some(&text) => {
                    TagItem::new(item.key(), ItemValue::Text(text))
                }
                _ => item,
            });
        }
        file.insert_tag(repaired);
    }
}

/// Reads texts that share one code page as they were meant. More text makes the guess better.
pub(super) fn repair(texts: &mut [Option<String>]) {
    let bytes: Vec<Option<Vec<u8>>> = texts
        .iter()
        .map(|text| text.as_deref().and_then(as_latin_1))
        .collect();
    // A blank between two texts, so that no two bytes become a letter that is in neither.
    let sample = bytes
        .iter()
        .flatten()
        .flat_map(|text| text.iter().chain(b" "));
    let sample: Vec<u8> = sample.copied().take(SAMPLE_BYTES_MAX).collect();
    if sample.is_empty() {
        return;
    }
    // Short texts mislead the detector about the letters of East Asia, which one long text tells best.
    let others = bytes
        .iter()
        .flatten()
        .filter(|text| std::str::from_utf8(text).is_err());
    let longest = others
        .max_by_key(|text| text.len())
        .map_or(&sample, |longest| longest);
    let judge = |sample: &[u8]| Judged::new(guess(sample), bytes.iter().flatten());
    let (by_longest, by_all) = (judge(longest), judge(&sample));
    let judged = match by_longest.is_certain && (is_wide(by_longest.guess) || !by_all.is_certain) {
        true => by_longest,
        false => by_all,
    };
    for (text, bytes) in texts.iter_mut().zip(&bytes) {
        if let Some(bytes) = bytes
            && let Some(meant) = judged.as_meant(bytes)
        {
            *text = Some(meant);
        }
    }
}

fn guess(sample: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(sample, true);
    detector.guess(None, Utf8Detection::Allow)
}

/// What was found of all texts together.
struct Judged {
    guess: &'static Encoding,
    /// Whether the texts leave no doubt that the guess is right.
    is_certain: bool,
}

impl Judged {
    fn new<'a>(guess: &'static Encoding, texts: impl Iterator<Item = &'a Vec<u8>>) -> Judged {
        // Those that are UTF-8 say nothing of the others.
        let others = texts.filter(|text| std::str::from_utf8(text).is_err());
        let decoded: Vec<_> = others.map(|text| (text, decode(text, guess))).collect();
        let foreign = |text: &str| match is_wide(guess) {
            true => is_east_asian(text),
            false => is_of_one_script(text),
        };
        let is_certain = match is_central(guess) {
            true => decoded
                .iter()
                .any(|(bytes, text)| text.is_some() && has_signs_in_words(bytes)),
            // Together, without what is written in plain Latin-1 beside it, or one of them alone: names in
            // English beside it say nothing against it.
            false => {
                let whole: Vec<&str> = decoded
                    .iter()
                    .filter_map(|(_, text)| text.as_deref())
                    .filter(|text| !has_mixed_words(text))
                    .collect();
                foreign(&whole.join(" ")) || whole.iter().any(|text| foreign(text))
            }
        };
        Judged { guess, is_certain }
    }

    fn as_meant(&self, bytes: &[u8]) -> Option<String> {
        if let Some(text) = decode(bytes, UTF_8) {
            return Some(text);
        }
        let guessed = || decode(bytes, self.guess);
        let by_itself = match (is_central(self.guess), is_wide(self.guess)) {
            (true, _) => guessed().filter(|_| has_signs_in_words(bytes)),
            (_, true) => guessed().filter(|text| is_east_asian(text)),
            _ => guessed().filter(|text| is_of_one_script(text)),
        };
        let with_the_others = || {
            let text = guessed().filter(|_| self.is_certain)?;
            let fits = match (is_central(self.guess), is_wide(self.guess)) {
                (true, _) => true,
                (_, true) => text
                    .chars()
                    .all(|c| !c.is_alphabetic() || c.is_ascii() || is_wide_char(c)),
                _ => !has_mixed_words(&text),
            };
            fits.then_some(text)
        };
        by_itself
            .or_else(with_the_others)
            .or_else(|| windows_latin(bytes))
    }
}

fn is_central(page: &'static Encoding) -> bool {
    page == WINDOWS_1250 || page == ISO_8859_2
}

fn is_wide(page: &'static Encoding) -> bool {
    [SHIFT_JIS, GBK, BIG5, EUC_JP, EUC_KR].contains(&page)
}

/// Whether letters of ASCII and others stand in one word, as in `Bjцrk`.
fn has_mixed_words(text: &str) -> bool {
    text.split(|c: char| !c.is_alphabetic()).any(|word| {
        let ascii = word.chars().filter(char::is_ascii).count();
        ascii > 0 && ascii < word.chars().count()
    })
}

/// The bytes of a text that was read as Latin-1; `None` if it was not, or is ASCII.
fn as_latin_1(text: &str) -> Option<Vec<u8>> {
    let bytes: Option<Vec<u8>> = text
        .chars()
        .map(|c| u8::try_from(u32::from(c)).ok())
        .collect();
    bytes.filter(|bytes| !bytes.is_ascii())
}

fn decode(bytes: &[u8], from: &'static Encoding) -> Option<String> {
    let text = from.decode_without_bom_handling_and_without_replacement(bytes)?;
    (!text.chars().any(char::is_control)).then(|| text.into_owned())
}

/// Latin-1 has control characters where Windows has quotes, dashes and `Š`; nobody means the former.
fn windows_latin(bytes: &[u8]) -> Option<String> {
    let has_controls = bytes.iter().any(|byte| (0x80..0xa0).contains(byte));
    has_controls.then(|| decode(bytes, WINDOWS_1252)).flatten()
}

/// Whether signs of Latin-1 stand where letters belong, as in `D³ugo¶æ`.
fn has_signs_in_words(bytes: &[u8]) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte >= 0xc0;
    bytes.windows(2).any(|pair| {
        let is_sign = |byte| {
            matches!(byte, 0xa1..=0xbf) && !matches!(byte, 0xaa | 0xab | 0xb4 | 0xb7 | 0xba | 0xbb)
        };
        (is_sign(pair[1]) && is_letter(pair[0])) && pair[1] != 0xae
            || (is_sign(pair[0]) && pair[1].is_ascii_lowercase() && !matches!(pair[0], 0xa1 | 0xbf))
    })
}

/// Whether nearly all letters of a text are of one script that is not Latin.
fn is_of_one_script(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let ranges = [
        0x0370..=0x03ff, // Greek
        0x0400..=0x04ff, // Cyrillic
        0x0590..=0x05ff, // Hebrew
        0x0600..=0x06ff, // Arabic
        0x0e00..=0x0e7f, // Thai
    ];
    let of_one = ranges.iter().map(|range| {
        let of_it = text.chars().filter(|c| range.contains(&u32::from(*c)));
        of_it.filter(|c| c.is_alphabetic()).count()
    });
    let of_one = of_one.max().unwrap_or(0);
    let stray = text.chars().filter(|c| c.is_alphabetic() && !c.is_ascii());
    of_one >= LETTERS_MIN && of_one * 5 >= letters * 3 && stray.count() == of_one
}

fn is_wide_char(c: char) -> bool {
    matches!(
        u32::from(c),
        0x3000..=0x30ff | 0x3400..=0x9fff | 0xac00..=0xd7af | 0xff01..=0xff60
    )
}

/// Whether most of a text is in characters of East Asia.
fn is_east_asian(text: &str) -> bool {
    let wide = text.chars().filter(|c| is_wide_char(*c)).count();
    let others = text
        .chars()
        .filter(|c| c.is_alphabetic() && !is_wide_char(*c));
    let (mut ascii, mut stray) = (0, 0);
    for c in others {
        if c.is_ascii() { ascii += 1 } else { stray += 1 }
    }
    // Two bytes a character.
    wide * 2 >= LETTERS_MIN && wide * 2 >= ascii && stray == 0
}

#[cfg(test)]
mod tests {
    use encoding_rs::{WINDOWS_1251, WINDOWS_1253, WINDOWS_1255};

    use super::*;

    /// Texts as they arrive: written in a code page, read as Latin-1.
    fn misread(texts: &[&str], page: &'static Encoding) -> Vec<Option<String>> {
        let misread = texts.iter().map(|text| {
            let (bytes, _, lossy) = page.encode(text);
            assert!(!lossy, "{text} is not in {}", page.name());
            Some(bytes.iter().map(|byte| char::from(*byte)).collect())
        });
        misread.collect()
    }

    #[test]
    fn texts_in_code_pages_are_read_as_they_were_meant() {
        for (page, texts) in [
            (WINDOWS_1251, ["Фиолетово-чёрный", "Пикник", "Иероглиф"]),
            (WINDOWS_1251, ["Группа крови", "Кино", "Группа крови"]),
            (
                WINDOWS_1251,
                [
                    "Звезда по имени Солнце (Live 1989)",
                    "Кино feat. Joanna",
                    "The Best / Лучшее",
                ],
            ),
            (
                WINDOWS_1253,
                ["Τα παιδιά του Πειραιά", "Μελίνα Μερκούρη", ""],
            ),
            (WINDOWS_1255, ["ירושלים של זהב", "נעמי שמר", ""]),
            (SHIFT_JIS, ["上を向いて歩こう", "坂本九", "スキヤキ"]),
            (GBK, ["月亮代表我的心", "邓丽君", "岛国之情歌"]),
            (BIG5, ["月亮代表我的心", "鄧麗君", "島國之情歌"]),
            (EUC_KR, ["아리랑 목동", "김치캣", "노래 모음집"]),
            (
                WINDOWS_1250,
                [
                    "Długość dźwięku samotności",
                    "Myslovitz",
                    "Miłość w czasach popkultury",
                ],
            ),
            (UTF_8, ["Für Elise", "Björk", "日本"]),
        ] {
            let mut read = misread(&texts, page);
            repair(&mut read);
            let read: Vec<_> = read.iter().flatten().collect();
            assert_eq!(read, texts, "{}", page.name());
        }
    }

    #[test]
    fn real_latin_1_is_never_touched() {
        for text in [
            "Björk",
            "Sigur Rós",
            "Ágætis byrjun",
            "Ça va",
            "Motörhead",
            "Mötley Crüe",
            "Noël à l'été",
            "Él",
            "Año Nuevo",
            "¿Dónde está?",
            "¡Olé!",
            "Étoile",
            "Þór",
            "Røyksopp",
            "Ængst",
            "Über",
            "Øl",
            "São João",
            "Antônio Carlos Jobim",
            "Blue Öyster Cult",
            "10 000 µg",
            "Track nº 1",
            "Übergrößenträger",
            "¥€$".trim_end_matches(['€', '$']),
            "20°C",
            "m²",
            "½ Gramm",
            "Café del Mar ©2001",
            "Ásgeir Trausti – Dýrð í dauðaþögn".trim_end_matches(|c| c > 'ÿ'),
        ] {
            let mut texts = [Some(text.to_owned()), None, Some("Album".to_owned())];
            repair(&mut texts);
            assert_eq!(texts[0].as_deref(), Some(text));
        }
    }

    #[test]
    fn one_text_in_a_code_page_leaves_its_neighbours_alone() {
        let mut texts = misread(&["Группа крови на рукаве"], WINDOWS_1251);
        texts.push(Some("Björk".to_owned()));
        texts.push(Some("Кино".to_owned()));
        repair(&mut texts);
        let texts: Vec<_> = texts.iter().flatten().collect();
        assert_eq!(texts, ["Группа крови на рукаве", "Björk", "Кино"]);
    }

    #[test]
    fn a_short_text_is_told_by_the_others() {
        for (page, texts) in [
            (WINDOWS_1251, ["Ещё раз", "ДДТ", "Актриса весна"]),
            (WINDOWS_1251, ["Я", "ДДТ", "Актриса"]),
            (WINDOWS_1253, ["Τα παιδιά του Πειραιά", "Ρέα", "Ως"]),
            (WINDOWS_1255, ["ירושלים של זהב", "גן", ""]),
            (
                SHIFT_JIS,
                ["見上げてごらん夜の星を (ライブ)", "坂", "夢 (Live)"],
            ),
            (GBK, ["月亮代表我的心", "王菲", "风"]),
            (EUC_KR, ["아리랑 목동", "비", "노래 모음집"]),
            (
                WINDOWS_1250,
                ["Długość dźwięku samotności", "Język", "Róże"],
            ),
        ] {
            let mut read = misread(&texts, page);
            repair(&mut read);
            let read: Vec<_> = read.iter().flatten().collect();
            assert_eq!(read, texts, "{}", page.name());
        }
        // Too little to tell.
        let mut alone = misread(&["ДДТ", "Album"], WINDOWS_1251);
        repair(&mut alone);
        assert_eq!(alone[0].as_deref(), Some("ÄÄÒ"));
        // Words of Latin-1 stay, whatever stands beside them.
        for name in [
            "Björk",
            "Sigur Rós",
            "Mötley Crüe",
            "Antônio Carlos Jobim",
            "Noël à l'été",
        ] {
            let mut texts = misread(&["Группа крови на рукаве", "Ночь"], WINDOWS_1251);
            texts.push(Some(name.to_owned()));
            repair(&mut texts);
            assert_eq!(texts[1].as_deref(), Some("Ночь"));
            assert_eq!(texts[2].as_deref(), Some(name));
        }
    }

    #[test]
    fn quotes_of_windows_are_quotes() {
        let mut texts = misread(&["Don’t Stop – “Live”"], WINDOWS_1252);
        repair(&mut texts);
        assert_eq!(texts[0].as_deref(), Some("Don’t Stop – “Live”"));
    }
}
