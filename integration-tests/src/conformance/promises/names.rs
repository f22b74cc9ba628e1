//! Any text may be the name of a song, and any text may be searched for.
//!
//! A short list of texts that break programs is tried on every stack; longer ones are given by
//! whoever has them ([`crate::data`]).

use std::collections::HashSet;

use futures_util::{StreamExt, stream};
use kadenza_contract::{Error, Query, QueryText, Stated, TEXT_BYTES_MAX, Tags};

use crate::conformance::{
    Broken, Ground, Promise, Verdict,
    ground::{name_of, told},
    promise::promise,
    verdict::ensure,
};
use crate::fixtures::AudioFile;

pub(super) const PROMISES: &[Promise] = &[
    promise!(any_text_may_be_a_name),
    promise!(any_text_may_be_searched_for),
];

/// How many are tried at once.
const AT_ONCE: usize = 6;

/// Texts that break programs: syntax of other languages, paths, control and format characters,
/// scripts, lengths.
fn naughty() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "undefined",
        "null",
        "0",
        "-1",
        "1e309",
        "NaN",
        "true",
        "\"",
        "'",
        "\\",
        "`",
        "%",
        "%00",
        "%2e%2e%2f",
        "100% & more?",
        "a=b&c=d#e+f",
        "a;b",
        "a,b",
        "_",
        "*",
        "?*",
        "\"love\" AND NOT song*",
        "title:love OR -song^2~",
        "NEAR(a b, 2)",
        "' OR 1=1; DROP TABLE songs; --",
        "<script>alert(1)</script>",
        "../../etc/passwd",
        "..",
        ".",
        "/",
        "C:\\CON",
        "file\0name",
        "tab\tline\nreturn\r\nend",
        "\u{1b}[31mred",
        "\u{feff}bom",
        "zero\u{200b}width",
        "\u{202e}rtl",
        "\u{200b}",
        "e\u{301}",
        "é",
        "Ångström",
        "ﬁ ligature",
        "ẞß",
        "İstanbul ı",
        "Ǆ ǅ ǆ",
        "Σίσυφος ΣΊΣΥΦΟΣ",
        "Привет",
        "שלום",
        "مرحبا",
        "ไทย",
        "こんにちは 東京",
        "굿모닝",
        "👩‍👩‍👧‍👦 🏳️‍🌈",
        "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘",
        "!!!",
        "???",
        "&",
        "AC/DC",
        "P!nk",
        "\u{10ffff}",
        "\u{d7ff}\u{e000}",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.push("word ".repeat(300));
    texts.push("é".repeat(TEXT_BYTES_MAX / 2 + 7));
    texts.push("x".repeat(TEXT_BYTES_MAX));
    texts
}

async fn any_text_may_be_a_name(on: &Ground) -> Verdict {
    any_text_may_be_a_name_of(on, &naughty()).await
}

async fn any_text_may_be_searched_for(on: &Ground) -> Verdict {
    any_text_may_be_searched_for_of(on, &naughty()).await
}

/// Tries every text as the title, the artist and the album of a song. Whether it can be one is
/// decided by [`Tags::new`], and the answer must be the same; what was taken must be found again.
///
/// # Errors
///
/// How the promise was broken.
pub async fn any_text_may_be_a_name_of(on: &Ground, texts: &[String]) -> Verdict {
    let names = (0..texts.len()).map(|n| {
        let at = |n: usize| texts[n % texts.len()].clone();
        [at(n), format!("{} {}", at(n + 1), on.word()), at(n + 2)]
    });
    // Two that fold to the same, uploaded at the same time, are one song with two recordings.
    let mut seen = HashSet::new();
    let names = names.filter(|[title, artist, album]| {
        let tags = Tags::new(title, artist, album);
        tags.is_err() || tags.is_ok_and(|tags| seen.insert(tags.song_id()))
    });
    let checks: Vec<_> = names
        .map(|name| Box::pin(may_be_a_name(on, name)))
        .collect();
    let verdicts: Vec<Verdict> = stream::iter(checks)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    verdicts.into_iter().collect()
}

async fn may_be_a_name(on: &Ground, [title, artist, album]: [String; 3]) -> Verdict {
    let said = |what: &str| {
        Broken::new(format!(
            "title {title:?}, artist {artist:?}, album {album:?}: {what}"
        ))
    };
    // The file names nothing, so that a stated empty title cannot be made up for by a tag.
    let file = AudioFile {
        title: String::new(),
        ..AudioFile::named(&title, &artist, &album)
    };
    let stated = Stated {
        title: Some(title.clone()),
        artists: vec![artist.clone()],
        album: Some(album.clone()),
        ..Stated::default()
    };
    let upload = on.send(file.bytes(), stated).await;
    let tags = match (Tags::new(&title, &artist, &album), upload) {
        (Err(_), Err(Error::NoTitle)) => return Ok(()),
        (Ok(tags), Ok(upload)) => {
            let is = upload.song.tags();
            ensure!(
                (is.title(), is.artist(), is.album())
                    == (tags.title(), tags.artist(), tags.album()),
                "{}",
                said(&format!("should become {tags:?}, and became {is:?}"))
            );
            tags
        }
        (_, Ok(upload)) => {
            return Err(said(&format!(
                "should be refused, and became {:?}",
                upload.song
            )));
        }
        (_, Err(error)) => return Err(said(&format!("refused: {}", error.chain()))),
    };
    let Some(song) = on.service().song(&tags.song_id()).await? else {
        return Err(said("not found by its id"));
    };
    on.is_there(&song, &file.bytes())
        .await
        .map_err(|broken| said(&broken.to_string()))
}

/// Searches for every text, and filters by it, among songs that are named by some of them.
///
/// # Errors
///
/// How the promise was broken.
pub async fn any_text_may_be_searched_for_of(on: &Ground, texts: &[String]) -> Verdict {
    // A page's worth of songs, spread over the list; all by one artist, who keeps others out.
    let step = texts.len().div_ceil(20).max(1);
    for (n, text) in texts.iter().step_by(step).enumerate() {
        let stated = Stated {
            title: Some(format!("{text} {n}")),
            artists: Vec::new(),
            album: Some(texts[(n + 1) % texts.len()].clone()),
            ..Stated::default()
        };
        let file = on.file(&format!("Named {n}"));
        let added = on.send(file.bytes(), stated).await?;
        on.remember(added.song);
    }
    let checks: Vec<_> = texts
        .iter()
        .map(|text| Box::pin(may_be_searched_for(on, text)))
        .collect();
    let verdicts: Vec<Verdict> = stream::iter(checks)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    verdicts.into_iter().collect()
}

async fn may_be_searched_for(on: &Ground, text: &str) -> Verdict {
    let words = match QueryText::new(text) {
        Ok(words) => words,
        // Too long for a question; that is said before anybody is asked.
        Err(_) => return Ok(()),
    };
    for query in [
        Query {
            text: Some(words),
            ..on.mine()
        },
        Query {
            album: Some(text.to_owned()),
            ..on.mine()
        },
        Query {
            genre: Some(text.to_owned()),
            ..on.mine()
        },
    ] {
        on.page_is_right(&query).await?;
    }
    // As an artist's name it may be anybody's: whoever is given must have it.
    let query = Query {
        artist: Some(text.to_owned()),
        ..Query::all()
    };
    for song in on.service().search(&query).await?.items {
        ensure!(
            query.song_key(&song).is_some(),
            "{} gave {}, which does not fit",
            told(&query),
            name_of(&song)
        );
    }
    Ok(())
}
