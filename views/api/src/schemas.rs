//! Schemas of types of the contract, which knows nothing of OpenAPI.
//!
//! They are never built. A test holds each against the JSON of the type that it describes.

#![expect(dead_code, reason = "only their schemas are used")]

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr, Schema,
        schema::{ObjectBuilder, Type},
    },
};

/// A content hash or the id of a song.
pub(crate) struct HashSchema;

impl PartialSchema for HashSchema {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^[0-9a-f]{64}$"))
            .into()
    }
}

impl ToSchema for HashSchema {
    fn name() -> std::borrow::Cow<'static, str> {
        "Hash".into()
    }
}

/// The base URL of a server.
pub(crate) struct UrlSchema;

impl PartialSchema for UrlSchema {
    fn schema() -> RefOr<Schema> {
        let uri = utoipa::openapi::SchemaFormat::Custom("uri".to_owned());
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(uri))
            .into()
    }
}

impl ToSchema for UrlSchema {
    fn name() -> std::borrow::Cow<'static, str> {
        "Url".into()
    }
}

#[derive(ToSchema)]
pub(crate) struct PartialPageSchema {
    /// The machines that may know more, by the addresses of `rpc` in the status; of many, the last entry counts the
    /// rest.
    missing: Vec<String>,
}

#[derive(ToSchema)]
pub(crate) struct CopiesSchema {
    /// Each recording that is known, the best first.
    #[schema(inline)]
    recordings: Vec<RecordingCopiesSchema>,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct RecordingCopiesSchema {
    #[schema(value_type = HashSchema)]
    content_hash: String,
    /// How many machines within reach hold it.
    copies: u64,
    /// How many must hold it before an upload of it is acknowledged.
    needed: u64,
}

#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum FormatSchema {
    Mp3,
    M4aAac,
    M4aAlac,
    Aac,
    Flac,
    OggVorbis,
    Opus,
    Wav,
    Aiff,
    OggFlac,
    Speex,
    M4aFlac,
    WavPack,
    Musepack,
    MonkeysAudio,
    Matroska,
    Webm,
}

#[derive(ToSchema)]
pub(crate) struct LyricsSchema {
    /// All of them in one text, without times.
    plain: String,
    /// Line by line, in the order of their times; empty where no times are known.
    #[schema(inline)]
    synced: Vec<LyricsLineSchema>,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct LyricsLineSchema {
    /// In milliseconds from the beginning.
    at_ms: u64,
    /// The line.
    text: String,
}

#[derive(ToSchema)]
pub(crate) struct StatusSchema {
    version: String,
    /// How many different songs.
    songs: u64,
    /// Bytes of audio, all copies counted.
    bytes: u64,
    #[schema(inline)]
    nodes: Vec<NodeSchema>,
    #[schema(inline, value_type = ReplicationSchema, required = false)]
    replication: Option<ReplicationSchema>,
    /// The nodes of the caches in front, the topmost cache first; absent where there is none.
    #[schema(inline, value_type = Vec<CacheNodeSchema>, required = false)]
    cache: Option<Vec<CacheNodeSchema>>,
    /// How the storage is where the server is one library; absent where it is several machines.
    #[schema(inline, value_type = StorageSchema, required = false)]
    storage: Option<StorageSchema>,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
struct StorageSchema {
    /// Recordings whose audio belongs there and is missing, cannot be read, or is not what was uploaded.
    damaged: u64,
    /// Whether the whole audio directory is gone.
    is_away: bool,
    /// Bytes that can still be stored; absent where nobody knows.
    #[schema(inline, value_type = u64, required = false)]
    free: Option<u64>,
    /// Whether it takes no more songs for want of room.
    is_full: bool,
    #[schema(inline)]
    scrub: ScrubSchema,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
struct ScrubSchema {
    /// Bytes a second that it reads at most; 0 if it is off.
    bytes_per_second: u64,
    /// Bytes that were examined in the pass that is under way.
    examined: u64,
    /// Passes since the program was started.
    passes: u64,
    /// When the last of them ended; absent if none has.
    #[schema(inline, value_type = String, format = DateTime, required = false)]
    ended_at: Option<String>,
}

#[derive(ToSchema)]
struct NodeSchema {
    id: String,
    rpc: String,
    #[schema(inline, value_type = UrlSchema, required = false)]
    http: Option<String>,
    #[schema(inline)]
    health: NodeHealthSchema,
    /// Songs with their audio.
    songs: u64,
    /// Cards for search.
    cards: u64,
    /// Bytes of audio.
    bytes: u64,
    /// Songs that it should hold and lacks, as far as the other machines know.
    lacks: u64,
    /// How its storage is; absent if it does not say.
    #[schema(inline, value_type = StorageSchema, required = false)]
    storage: Option<StorageSchema>,
}

#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
enum NodeHealthSchema {
    Up,
    Joining,
    Down,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
struct ReplicationSchema {
    /// Copies a song is meant to have.
    factor: u64,
    /// Songs that have them all.
    complete: u64,
    /// Songs that have fewer.
    incomplete: u64,
    /// Bytes of audio that are missing on machines that answer and have room, about.
    missing_bytes: u64,
    /// Bytes that the machines give each other in a second to mend that.
    bytes_per_second: u64,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
struct CacheNodeSchema {
    /// Its name, as in Cache-Status.
    node: String,
    /// Whether it is asked: it did not fail lately.
    is_up: bool,
    /// Entries that it holds.
    entries: u64,
    /// Bytes that they take.
    bytes: u64,
    /// Questions that it could answer.
    hits: u64,
    /// Questions that it could not.
    misses: u64,
    /// Entries that had to leave for others.
    evictions: u64,
    /// Calls that failed or came too late.
    failures: u64,
    /// Calls that were not made because it failed lately.
    skipped: u64,
    /// How long calls to it took; of calls into the server's own memory one in 61 is timed.
    #[schema(inline)]
    latency: CacheLatencySchema,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
struct CacheLatencySchema {
    /// How many calls took at most 5, 50, 100, 250, 500, 1000, 2500, 5000, 10000 and 50000
    /// microseconds, each time more than the bound before.
    within: Vec<u64>,
    /// How many took longer than all of them.
    beyond: u64,
    /// How long all of them took together, in microseconds.
    sum_us: u64,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::Timestamp;
    use kadenza_contract::{
        CacheNodeStatus, ContentHash, Copies, Format, Health, NodeStatus, RecordingCopies,
        Replication, ScrubStatus, Status, StorageStatus,
    };
    use serde_json::Value;

    use super::*;
    use crate::StatusJson;

    /// Every object has exactly the properties that its schema names, at every level.
    fn fits(value: &Value, schema: &Value, at: &str) {
        // A schema inside another is joined with its description.
        let schema = schema.get("allOf").map_or(schema, |both| &both[0]);
        match value {
            Value::Object(members) => {
                let told: BTreeSet<&String> =
                    schema["properties"].as_object().unwrap().keys().collect();
                assert_eq!(members.keys().collect::<BTreeSet<_>>(), told, "{at}");
                for (name, member) in members {
                    fits(member, &schema["properties"][name], &format!("{at}.{name}"));
                }
            }
            Value::Array(items) => items
                .iter()
                .for_each(|item| fits(item, &schema["items"], at)),
            Value::String(text) => {
                if let Some(allowed) = schema["enum"].as_array() {
                    assert!(allowed.iter().any(|value| value == text), "{at}: {text}");
                }
            }
            _ => {}
        }
    }

    #[test]
    fn copies_have_exactly_the_fields_of_their_schema() {
        let copies = Copies {
            recordings: vec![RecordingCopies {
                content_hash: ContentHash::of(b""),
                copies: 2,
                needed: 2,
            }],
        };
        let told = serde_json::to_value(copies).unwrap();
        let schema = serde_json::to_value(CopiesSchema::schema()).unwrap();
        fits(&told, &schema, "copies");
    }

    #[test]
    fn partial_pages_have_exactly_the_fields_of_their_schema() {
        let told = serde_json::to_value(kadenza_contract::Partial::new(["a".to_owned()])).unwrap();
        let schema = serde_json::to_value(PartialPageSchema::schema()).unwrap();
        fits(&told, &schema, "partial");
    }

    #[test]
    fn lyrics_have_exactly_the_fields_of_their_schema() {
        let lyrics = kadenza_contract::Lyrics::of("[00:01]La").unwrap();
        let schema = serde_json::to_value(LyricsSchema::schema()).unwrap();
        fits(&serde_json::to_value(lyrics).unwrap(), &schema, "lyrics");
    }

    #[test]
    fn a_full_status_has_exactly_the_fields_of_its_schema() {
        let storage = StorageStatus {
            free: Some(1),
            scrub: ScrubStatus {
                ended_at: Some(Timestamp::UNIX_EPOCH),
                ..ScrubStatus::default()
            },
            ..StorageStatus::default()
        };
        let node = |health| NodeStatus {
            id: "id".into(),
            rpc: "rpc".into(),
            http: Some("http://host:1".into()),
            health,
            songs: 1,
            cards: 1,
            bytes: 1,
            lacks: 1,
            storage: Some(storage.clone()),
        };
        let status = StatusJson::new(Status {
            songs: 1,
            bytes: 1,
            nodes: [Health::Up, Health::Joining, Health::Down].map(node).into(),
            replication: Some(Replication {
                factor: 3,
                complete: 1,
                incomplete: 0,
                missing_bytes: 0,
                bytes_per_second: 0,
            }),
            cache: vec![CacheNodeStatus::default()],
            storage: Some(storage.clone()),
        });
        let schema = serde_json::to_value(StatusSchema::schema()).unwrap();
        fits(&serde_json::to_value(&status).unwrap(), &schema, "status");
    }

    #[test]
    fn every_format_of_audio_is_in_its_schema() {
        let schema = serde_json::to_value(FormatSchema::schema()).unwrap();
        let told = schema["enum"].as_array().unwrap();
        for name in told {
            let format: Result<Format, _> = serde_json::from_value(name.clone());
            assert!(format.is_ok(), "{name}");
        }
        assert_eq!(told.len(), Format::ALL.len());
    }
}
