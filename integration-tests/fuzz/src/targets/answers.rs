//! What a client reads of a server's answers: JSON and headers. A server may be anybody's.

use http::{HeaderMap, HeaderName, HeaderValue};
use kadenza_api::{
    GroupJson, HealthJson, PageJson, Problem, SongJson, StatusJson, cache_status, read,
    server_timing,
};
use kadenza_contract::{Entry, Group, Page, Song};

use super::cards::song;
use crate::target::Target;

pub(super) const ANSWERS: Target = Target {
    name: "answers",
    about: "the JSON and headers of servers, as clients read them",
    seeds,
    words: &[
        "\"items\":",
        "\"next\":null",
        "\"recordings\":[]",
        "null",
        "[]",
        "{}",
        "\"partial\":{\"missing\":[]}",
        "kadenza; hit",
        "; fwd=uri-miss",
        "; ttl=",
        ", ",
        "total;dur=",
        "1e400",
        "-1",
        "\"status\":500",
        "\\ud800",
        ";detail=\"",
    ],
    bytes_max: 20 << 10,
    memory_max: 8 << 20,
    open: || Box::new(hear),
};

fn seeds() -> Vec<Vec<u8>> {
    let one = song(2);
    let song_json = serde_json::to_vec(&SongJson::new(&one)).expect("it is JSON");
    let page = Page::whole(vec![one.clone()], None);
    let page = serde_json::to_vec(&PageJson::new(&page, SongJson::new)).expect("it is JSON");
    let texts: [&[u8]; 7] = [
        b"{\"items\":[{\"name\":\"Ann\",\"songs\":2}],\"next\":null}",
        b"{\"type\":\"about:blank\",\"title\":\"Busy\",\"status\":503,\"code\":\"busy\",\"detail\":\"try again\"}",
        b"{\"status\":\"ready\"}",
        b"kadenza; hit; ttl=5; detail=\"memory\", kadenza; fwd=uri-miss; stored",
        b"total;dur=1.5, library;dur=0.25",
        b"{\"songs\":1,\"nodes\":[]}",
        b"{\"items\":[],\"partial\":{\"missing\":[\"192.0.2.1:1\"]}}",
    ];
    let texts = texts.iter().map(|text| text.to_vec());
    texts.chain([song_json, page]).collect()
}

fn hear(bytes: &[u8]) -> String {
    let mut told = Vec::new();
    if let Ok(Ok(one)) = read::<SongJson<'_>>(bytes).map(SongJson::parse) {
        same(&one);
        told.push("song");
    }
    if let Ok(Ok(page)) =
        read::<PageJson<SongJson<'_>>>(bytes).map(|page| page.parse(500, SongJson::parse_in_list))
    {
        let _entries: &Vec<Entry> = &page.items;
        told.push("songs");
    }
    if let Ok(Ok(page)) = read::<PageJson<GroupJson<'_>>>(bytes)
        .map(|page| page.parse(500, |group| Ok(group.parse())))
    {
        let _groups: &Vec<Group> = &page.items;
        told.push("groups");
    }
    if read::<StatusJson>(bytes).is_ok() {
        told.push("status");
    }
    if read::<HealthJson>(bytes).is_ok() {
        told.push("health");
    }
    if Problem::failure(bytes).is_some() {
        told.push("problem");
    }
    if let Ok(value) = HeaderValue::from_bytes(bytes) {
        let header = |name: HeaderName| HeaderMap::from_iter([(name, value.clone())]);
        let caches = cache_status::read(&header(cache_status::CACHE_STATUS));
        let timing = server_timing::read(&header(server_timing::SERVER_TIMING), "total");
        told.extend((!caches.is_empty()).then_some("caches"));
        told.extend(timing.map(|_| "timing"));
    }
    told.join(" ")
}

/// Fails if a song is another one when it is written and read again.
fn same(song: &Song) {
    let json = serde_json::to_vec(&SongJson::new(song)).expect("it was JSON");
    let again = read::<SongJson<'_>>(&json).map(SongJson::parse);
    assert!(
        matches!(again, Ok(Ok(again)) if again == *song),
        "{song:?} is another one when it is written and read"
    );
}
