//! Short texts that name something: ids, addresses, cursors, orders.

use std::{fmt::Display, str::FromStr};

use kadenza_contract::{ContentHash, Cursor, Query, QueryText, Song, SongId, Sort, Tags};
use kadenza_distributed::{Contact, Key};
use kadenza_rpc::Peer;
use kadenza_trust::ClusterId;
use kadenza_views::PublicUrl;

use super::cards::song;
use crate::target::Target;

pub(super) const TEXTS: Target = Target {
    name: "texts",
    about: "ids, addresses of nodes and servers, cursors, orders, names and words",
    seeds,
    words: &[
        "http://",
        "https://",
        "[::1]",
        ":443",
        ":",
        "%25eth0",
        "random:",
        "4294967295",
        "/api/v1/songs/",
        "/audio",
        ".",
        "\u{130}",
        "\u{3000}",
        "\u{202e}",
        "\u{1f3b5}",
        "\"at\":",
        "xn--",
    ],
    bytes_max: 2 << 10,
    // Each word is looked at in all its forms.
    memory_max: 8 << 20,
    open: || {
        let song = song(2);
        Box::new(move |bytes| hear(&song, bytes))
    },
};

fn seeds() -> Vec<Vec<u8>> {
    let id = "0b".repeat(32);
    let cursor = Query::words("e").ok().and_then(|query| {
        let key = query.song_key(&song(1))?;
        Some(Cursor::behind(key).to_string())
    });
    let mut seeds = vec![
        id.clone(),
        format!("{{\"id\":\"{id}\",\"at\":\"192.0.2.1:4534\"}}"),
        format!("{{\"id\":\"{id}\",\"at\":\"[2001:db8::1%3]:4534\"}}"),
        format!("/api/v1/songs/{id}/audio"),
        "https://Music.example:443/".to_owned(),
        "random:17".to_owned(),
        "relevance".to_owned(),
        "The B\u{e9}atles, \u{65e5}\u{672c}".to_owned(),
        format!("{}{id}.{id}", "0".repeat(16)),
    ];
    seeds.extend(cursor);
    seeds.into_iter().map(String::into_bytes).collect()
}

fn hear(song: &Song, bytes: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return "no text".to_owned();
    };
    let mut told = vec![
        same::<Key>(text),
        same::<ClusterId>(text),
        same::<SongId>(text),
        same::<ContentHash>(text),
        same::<Cursor>(text),
        same::<Sort>(text),
        text.parse::<PublicUrl>().is_ok(),
        kadenza_api::paths::song_id(text).is_some(),
    ];
    if let Ok(contact) = serde_json::from_str::<Contact>(text) {
        let json = serde_json::to_string(&contact).expect("it was JSON");
        assert_eq!(serde_json::from_str::<Contact>(&json).ok(), Some(contact));
        assert!(serde_json::from_str::<Peer>(&json).is_ok());
        told.push(true);
    }
    if let Ok(words) = QueryText::new(text) {
        assert_eq!(
            words.as_str(),
            QueryText::new(words.as_str()).expect("it is one").as_str()
        );
        let query = Query {
            text: Some(words),
            ..Query::all()
        };
        told.push(query.song_key(song).is_some());
    }
    if let Ok(tags) = Tags::new(text, text, text) {
        let again = Tags::new(tags.title(), text, text).expect("it was one");
        assert_eq!(
            again.title(),
            tags.title(),
            "it is another title when it is cleaned again"
        );
        // A title finds itself.
        told.push(QueryText::new(tags.title()).is_ok());
    }
    format!("{told:?}")
}

/// Whether it is one, which must be the same when it is written and read again.
fn same<T: FromStr + Display + PartialEq>(text: &str) -> bool {
    let Ok(read) = text.parse::<T>() else {
        return false;
    };
    let written = read.to_string();
    let again = written.parse::<T>();
    assert!(
        again.is_ok_and(|again| again == read),
        "{text:?} is written as {written:?}"
    );
    true
}
