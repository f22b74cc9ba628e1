//! Answers as messages, and back.
//!
//! A list is cut where it would outgrow a message: its page is then shorter, and the next one begins
//! behind it. The contract allows that, and only songs with very long names make it happen.

use jiff::Timestamp;
use prost::Message;

use super::{LIST_BYTES_MAX, Parsed, proto, songs};
use kadenza_contract::{
    CacheLatency, CacheNodeStatus, Cursor, Entry, FromPath, Group, Health, LIMIT_MAX, NodeStatus,
    Outcome, Page, Partial, Replication, ScrubStatus, SortKey, Status, StorageStatus, Upload,
};

/// What an item takes beside its own bytes: its number and its length, and the hash of the recording that it
/// stands for, with a number and a length, too.
const BESIDE_ITEM_BYTES: usize = 8 + 2 + 32;

/// How many bytes the items of a list may have: the rest of the message is its token.
const ITEMS_BYTES_MAX: usize = LIST_BYTES_MAX - 64 * 1024;

const HEALTHS: [(Health, proto::node_status::Health); 3] = [
    (Health::Up, proto::node_status::Health::Up),
    (Health::Joining, proto::node_status::Health::Joining),
    (Health::Down, proto::node_status::Health::Down),
];

/// The message of a page of entries. The key tells where an entry stands in the list.
pub(super) fn of_songs(
    page: &Page<Entry>,
    key: impl Fn(&Entry) -> Option<SortKey>,
) -> proto::SearchSongsResponse {
    let (songs, next_page_token) = fitting(page, key, |entry| proto::Song::from(entry.song()));
    let entries = &page.items[..songs.len()];
    let recordings = entries.iter().map(|entry| match entry.pinned() {
        Some(content) => songs::bytes(content.as_bytes()),
        None => bytes::Bytes::new(),
    });
    let mut recordings: Vec<_> = recordings.collect();
    if recordings.iter().all(|content| content.is_empty()) {
        recordings.clear();
    }
    proto::SearchSongsResponse {
        songs,
        next_page_token,
        recordings,
        partial: of_partial(page),
    }
}

/// The message of a page of groups. The key tells where a group stands in the list.
pub(super) fn of_groups(
    page: &Page<Group>,
    key: impl Fn(&Group) -> Option<SortKey>,
) -> proto::BrowseGroupsResponse {
    let (groups, next_page_token) = fitting(page, key, |group| proto::Group {
        name: group.name.clone(),
        artist: group.artist.clone(),
        songs: group.songs,
        duration_ms: group.duration_ms,
        year: group.year,
        first_song_id: songs::bytes(group.first.as_bytes()),
    });
    proto::BrowseGroupsResponse {
        groups,
        next_page_token,
        partial: of_partial(page),
    }
}

fn of_partial<T>(page: &Page<T>) -> Option<proto::Partial> {
    page.partial.as_ref().map(|partial| proto::Partial {
        missing: partial.missing().to_vec(),
    })
}

/// As much of a page as fits into a message, and the token of what follows.
fn fitting<T, W: Message>(
    page: &Page<T>,
    key: impl Fn(&T) -> Option<SortKey>,
    wire: impl Fn(&T) -> W,
) -> (Vec<W>, String) {
    let mut items = Vec::with_capacity(page.items.len());
    let mut left = ITEMS_BYTES_MAX;
    let mut next = page.next.as_ref().map(ToString::to_string);
    for (at, item) in page.items.iter().enumerate() {
        let sent = wire(item);
        let Some(rest) = left.checked_sub(sent.encoded_len() + BESIDE_ITEM_BYTES) else {
            let last = page.items[..at].last().and_then(&key);
            next = last.map(|key| Cursor::behind(key).to_string());
            break;
        };
        left = rest;
        items.push(sent);
    }
    (items, next.unwrap_or_default())
}

/// The page of entries that a message holds.
pub(super) fn songs(wire: proto::SearchSongsResponse) -> Parsed<Page<Entry>> {
    let mut recordings = wire.recordings;
    if !recordings.is_empty() && recordings.len() != wire.songs.len() {
        return Err(format!(
            "{} recordings for {} songs",
            recordings.len(),
            wire.songs.len()
        ));
    }
    recordings.resize(wire.songs.len(), bytes::Bytes::new());
    let items = wire.songs.into_iter().zip(recordings).collect();
    page(
        items,
        &wire.next_page_token,
        wire.partial,
        |(song, content)| {
            let content = (!content.is_empty()).then(|| songs::content_hash(&content));
            let entry = Entry::new(songs::song(Some(song))?, content.transpose()?);
            entry.map_err(|wrong| wrong.to_string())
        },
    )
}

/// The page of groups that a message holds.
pub(super) fn groups(wire: proto::BrowseGroupsResponse) -> Parsed<Page<Group>> {
    page(wire.groups, &wire.next_page_token, wire.partial, |group| {
        Ok(Group {
            name: group.name,
            artist: group.artist,
            songs: group.songs,
            duration_ms: group.duration_ms,
            year: group.year,
            first: songs::song_id(&group.first_song_id)?,
        })
    })
}

fn page<W, T>(
    items: Vec<W>,
    next: &str,
    partial: Option<proto::Partial>,
    item: impl Fn(W) -> Parsed<T>,
) -> Parsed<Page<T>> {
    if items.len() > LIMIT_MAX {
        return Err(format!("a page of {} items", items.len()));
    }
    let items: Parsed<Vec<T>> = items.into_iter().map(item).collect();
    let next = match next {
        "" => None,
        token => Some(token.parse().map_err(|_| "a token that is none")?),
    };
    Ok(Page {
        items: items?,
        next,
        partial: partial.map(|partial| Partial::new(partial.missing)),
    })
}

impl From<&Upload> for proto::UploadSongResponse {
    fn from(upload: &Upload) -> proto::UploadSongResponse {
        use proto::upload_song_response::Outcome as Wire;
        proto::UploadSongResponse {
            song: Some((&upload.song).into()),
            outcome: match upload.outcome {
                Outcome::Added => Wire::Added.into(),
                Outcome::RecordingAdded => Wire::RecordingAdded.into(),
                Outcome::AlreadyThere => Wire::AlreadyThere.into(),
            },
            from_path: upload.from_path.names().map(str::to_owned).collect(),
        }
    }
}

/// The outcome of an upload, from a message.
pub(super) fn upload(wire: proto::UploadSongResponse) -> Parsed<Upload> {
    use proto::upload_song_response::Outcome as Wire;
    let outcome = match wire.outcome() {
        Wire::Added => Outcome::Added,
        Wire::RecordingAdded => Outcome::RecordingAdded,
        Wire::AlreadyThere => Outcome::AlreadyThere,
        Wire::Unspecified => return Err(format!("an unknown outcome, number {}", wire.outcome)),
    };
    Ok(Upload {
        song: songs::song(wire.song)?,
        outcome,
        from_path: FromPath::of(wire.from_path.iter().map(String::as_str)),
    })
}

impl From<&Status> for proto::Status {
    fn from(status: &Status) -> proto::Status {
        proto::Status {
            songs: status.songs,
            bytes: status.bytes,
            nodes: status.nodes.iter().map(of_node).collect(),
            replication: status.replication.map(|copies| proto::Replication {
                factor: copies.factor,
                complete: copies.complete,
                incomplete: copies.incomplete,
                missing_bytes: copies.missing_bytes,
                bytes_per_second: copies.bytes_per_second,
            }),
            cache: status.cache.iter().map(of_cache_node).collect(),
            storage: status.storage.as_ref().map(of_storage),
        }
    }
}

fn of_storage(storage: &StorageStatus) -> proto::StorageStatus {
    proto::StorageStatus {
        damaged: storage.damaged,
        is_away: storage.is_away,
        free: storage.free,
        is_full: storage.is_full,
        scrub: Some(proto::ScrubStatus {
            bytes_per_second: storage.scrub.bytes_per_second,
            examined: storage.scrub.examined,
            passes: storage.scrub.passes,
            ended_at_ms: storage.scrub.ended_at.map(Timestamp::as_millisecond),
        }),
    }
}

fn of_cache_node(node: &CacheNodeStatus) -> proto::CacheNodeStatus {
    proto::CacheNodeStatus {
        node: node.node.clone(),
        is_up: node.is_up,
        entries: node.entries,
        bytes: node.bytes,
        hits: node.hits,
        misses: node.misses,
        evictions: node.evictions,
        failures: node.failures,
        skipped: node.skipped,
        latency: Some(proto::cache_node_status::Latency {
            within: node.latency.within.to_vec(),
            beyond: node.latency.beyond,
            sum_us: node.latency.sum_us,
        }),
    }
}

fn of_node(node: &NodeStatus) -> proto::NodeStatus {
    let health = HEALTHS.iter().find(|(health, _)| *health == node.health);
    proto::NodeStatus {
        id: node.id.clone(),
        rpc: node.rpc.clone(),
        http: node.http.clone(),
        health: health.map_or(0, |(_, wire)| (*wire).into()),
        songs: node.songs,
        cards: node.cards,
        bytes: node.bytes,
        lacks: node.lacks,
        storage: node.storage.as_ref().map(of_storage),
    }
}

/// The state of a service, as a message says.
pub(super) fn status(wire: Option<proto::Status>) -> Parsed<Status> {
    let wire = wire.ok_or("the status is missing")?;
    let nodes: Parsed<Vec<NodeStatus>> = wire.nodes.into_iter().map(node).collect();
    Ok(Status {
        songs: wire.songs,
        bytes: wire.bytes,
        nodes: nodes?,
        replication: wire.replication.map(|copies| Replication {
            factor: copies.factor,
            complete: copies.complete,
            incomplete: copies.incomplete,
            missing_bytes: copies.missing_bytes,
            bytes_per_second: copies.bytes_per_second,
        }),
        cache: wire.cache.into_iter().map(cache_node).collect(),
        storage: wire.storage.map(storage),
    })
}

fn storage(wire: proto::StorageStatus) -> StorageStatus {
    let scrub = wire.scrub.unwrap_or_default();
    let ended_at = scrub.ended_at_ms.map(Timestamp::from_millisecond);
    StorageStatus {
        damaged: wire.damaged,
        is_away: wire.is_away,
        free: wire.free,
        is_full: wire.is_full,
        scrub: ScrubStatus {
            bytes_per_second: scrub.bytes_per_second,
            examined: scrub.examined,
            passes: scrub.passes,
            // A time that no calendar has is not shown.
            ended_at: ended_at.and_then(Result::ok),
        },
    }
}

fn cache_node(wire: proto::CacheNodeStatus) -> CacheNodeStatus {
    let latency = wire.latency.unwrap_or_default();
    CacheNodeStatus {
        node: wire.node,
        is_up: wire.is_up,
        entries: wire.entries,
        bytes: wire.bytes,
        hits: wire.hits,
        misses: wire.misses,
        evictions: wire.evictions,
        failures: wire.failures,
        skipped: wire.skipped,
        // A peer that knows other bounds is of another time: what cannot be placed is not shown.
        latency: latency.within.try_into().map_or_else(
            |_| CacheLatency::default(),
            |within| CacheLatency {
                within,
                beyond: latency.beyond,
                sum_us: latency.sum_us,
            },
        ),
    }
}

fn node(wire: proto::NodeStatus) -> Parsed<NodeStatus> {
    let health = HEALTHS
        .iter()
        .find(|(_, known)| wire.health == i32::from(*known))
        .map(|(health, _)| *health)
        .ok_or_else(|| format!("an unknown health, number {}", wire.health))?;
    Ok(NodeStatus {
        id: wire.id,
        rpc: wire.rpc,
        http: wire.http,
        health,
        songs: wire.songs,
        cards: wire.cards,
        bytes: wire.bytes,
        lacks: wire.lacks,
        storage: wire.storage.map(storage),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kadenza_contract::{
        ContentHash, Format, Limit, Query, Recording, Song, TEXT_BYTES_MAX, Tags,
    };

    fn named(number: usize) -> Song {
        let long = |what: &str| format!("{what} {number} {}", "x".repeat(TEXT_BYTES_MAX));
        Song::new(Recording {
            content: ContentHash::of(&number.to_be_bytes()),
            format: Format::Flac,
            size: 1,
            duration_ms: Some(1),
            bit_rate: Some(1),
            tags: Tags::new(&long("title"), &long("artist"), &long("album")).unwrap(),
            has_artwork: false,
            added_at: Timestamp::UNIX_EPOCH,
            reader: 0,
        })
    }

    #[test]
    fn a_list_of_the_longest_names_is_cut_and_continued() {
        let all: Vec<Song> = (0..LIMIT_MAX).map(named).collect();
        let mut query = Query::all();
        query.limit = Limit::new(LIMIT_MAX).unwrap();
        let mut seen = Vec::new();
        let mut messages = 0;
        loop {
            let page = query.page(all.clone());
            let sent = of_songs(&page, |song| query.key(song));
            assert!(sent.encoded_len() <= LIST_BYTES_MAX);
            messages += 1;
            let received = songs(sent).unwrap();
            seen.extend(received.items);
            match received.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
        assert!(messages > 1);
        query.after = None;
        assert_eq!(seen, query.page(all).items);
    }

    #[test]
    fn a_status_comes_back_as_it_was() {
        let sent = Status {
            songs: 1,
            bytes: 2,
            nodes: HEALTHS
                .iter()
                .map(|(health, _)| NodeStatus {
                    id: "id".into(),
                    rpc: "rpc".into(),
                    http: Some("http".into()),
                    health: *health,
                    songs: 3,
                    cards: 4,
                    bytes: 5,
                    lacks: 6,
                    storage: Some(StorageStatus {
                        damaged: 7,
                        is_away: true,
                        free: Some(8),
                        is_full: true,
                        scrub: ScrubStatus {
                            bytes_per_second: 9,
                            examined: 10,
                            passes: 11,
                            ended_at: Some(Timestamp::UNIX_EPOCH),
                        },
                    }),
                })
                .collect(),
            replication: Some(Replication {
                factor: 3,
                complete: 2,
                incomplete: 1,
                missing_bytes: 4,
                bytes_per_second: 5,
            }),
            cache: vec![CacheNodeStatus {
                node: "redis://a:1".into(),
                is_up: true,
                entries: 1,
                bytes: 2,
                hits: 3,
                misses: 4,
                evictions: 5,
                failures: 6,
                skipped: 7,
                latency: CacheLatency {
                    within: std::array::from_fn(|at| at as u64),
                    beyond: 8,
                    sum_us: 9,
                },
            }],
            storage: Some(StorageStatus::default()),
        };
        assert_eq!(status(Some((&sent).into())), Ok(sent));
        assert!(status(None).is_err());
    }

    #[test]
    fn a_page_that_no_server_may_give_is_refused() {
        let mut wire = of_songs(&Query::all().page([named(1)]), |_| None);
        wire.next_page_token = "zz".into();
        assert!(songs(wire.clone()).is_err());
        wire.next_page_token.clear();
        wire.songs = vec![wire.songs[0].clone(); LIMIT_MAX + 1];
        assert!(songs(wire).is_err());
    }
}
