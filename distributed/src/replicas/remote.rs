//! A remote node as if it were an object in memory: each call is a request over RPC.

use std::{ops::Range, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use kadenza_contract::{
    Artwork, Browse, Chunks, ContentHash, Entry, Error, Group, Lyrics, Page, Query, Recording,
    Result, Song, SongId,
};
use kadenza_protocol::{Digest, Item, Parts};

use crate::{
    Contact, Holding, Key, Reply, Request,
    network::{
        caller::Caller,
        cards::{self, CARD_BYTES_MAX},
    },
    replicas::{
        possession::Challenge,
        replica::{Known, Replica, Report},
    },
};

/// How long a request may take that is answered from memory or a quick read.
const QUICK: Duration = Duration::from_secs(5);
/// How long a request may take that ends with an fsync or a larger computation.
const THOROUGH: Duration = Duration::from_secs(15);
/// The slowest disk that an fsync is waited for, in bytes per millisecond (10 MB/s).
const SYNC_BYTES_PER_MS_MIN: u64 = 10_000;
/// Items in one offer: 64 bytes each fill an attachment of 1 MiB.
pub(crate) const OFFER_ITEMS_MAX: usize = 16 * 1024;
/// The bytes of one part in a comparison: its number and its digest.
pub(crate) const COMPARED_BYTES: usize = 18;
/// The largest cover that is taken from a peer, in bytes.
const PICTURE_BYTES_MAX: u64 = 16 << 20;

/// The stub of a remote node.
pub(crate) struct RemoteReplica {
    contact: Contact,
    caller: Arc<Caller>,
}

impl RemoteReplica {
    pub(crate) fn new(contact: Contact, caller: Arc<Caller>) -> RemoteReplica {
        RemoteReplica { contact, caller }
    }

    async fn ask(
        &self,
        request: Request,
        attachment: Bytes,
        hard: Duration,
    ) -> Result<(Reply, Bytes)> {
        let answer = self
            .caller
            .call(&self.contact, &request, attachment, hard)
            .await?;
        Ok((answer.reply, answer.attachment))
    }

    fn nonsense(&self, what: impl Into<String>) -> Error {
        Error::Protocol {
            place: self.contact.address.to_string(),
            what: what.into(),
        }
    }

    fn unexpected(&self, reply: &Reply) -> Error {
        self.nonsense(format!("an unexpected reply {reply:.80?}"))
    }

    async fn done(&self, request: Request, attachment: Bytes) -> Result<()> {
        match self.ask(request, attachment, THOROUGH).await? {
            (Reply::Done, _) => Ok(()),
            (other, _) => Err(self.unexpected(&other)),
        }
    }

    async fn found(&self, request: Request) -> Result<Option<Bytes>> {
        match self.ask(request, Bytes::new(), QUICK).await? {
            (Reply::Found { found }, bytes) => Ok(found.then_some(bytes)),
            (other, _) => Err(self.unexpected(&other)),
        }
    }

    fn parsed<T: serde::de::DeserializeOwned>(&self, bytes: &Bytes) -> Result<T> {
        serde_json::from_slice(bytes).map_err(|wrong| self.nonsense(wrong.to_string()))
    }
}

#[async_trait]
impl Replica for RemoteReplica {
    async fn song(&self, id: SongId) -> Result<Known> {
        let mut known = Known::default();
        let mut after = None;
        loop {
            let request = Request::Song { id, after };
            match self.ask(request, Bytes::new(), QUICK).await? {
                (Reply::Song { .. }, none) if none.is_empty() => return Ok(known),
                (Reply::Song { held, next }, card) => {
                    let part: Song = self.parsed(&card)?;
                    if part.id() != id {
                        return Err(self.nonsense("another song than the one asked for"));
                    }
                    match &mut known.song {
                        Some(song) => {
                            song.merge(&part);
                        }
                        none => *none = Some(part),
                    }
                    known.held = held;
                    // Each answer must lead on, so that a strange peer cannot keep this up for ever.
                    if next.is_some() && next <= after {
                        return Err(self.nonsense("a song that goes on where it went on before"));
                    }
                    after = next;
                    if after.is_none() {
                        return Ok(known);
                    }
                }
                (other, _) => return Err(self.unexpected(&other)),
            }
        }
    }

    async fn store(&self, recording: &Recording, chunks: &Chunks) -> Result<Option<u64>> {
        let request = Request::Store {
            recording: Box::new(recording.clone()),
        };
        match self.ask(request, chunks.to_bytes().into(), QUICK).await? {
            (Reply::Ticket { ticket }, _) => Ok(ticket),
            (other, _) => Err(self.unexpected(&other)),
        }
    }

    async fn store_chunk(&self, ticket: u64, index: u32, chunk: Bytes) -> Result<()> {
        self.done(Request::StoreChunk { ticket, index }, chunk)
            .await
    }

    async fn store_commit(&self, ticket: u64, size: u64) -> Result<()> {
        // A disk that syncs slower than this is not worth waiting for.
        let patience = THOROUGH + Duration::from_millis(size / SYNC_BYTES_PER_MS_MIN);
        match self
            .ask(Request::StoreCommit { ticket }, Bytes::new(), patience)
            .await?
        {
            (Reply::Done, _) => Ok(()),
            (other, _) => Err(self.unexpected(&other)),
        }
    }

    async fn add_cards(&self, songs: &[Song]) -> Result<()> {
        for batch in batches(songs)? {
            self.done(Request::Cards, batch).await?;
        }
        Ok(())
    }

    async fn search(&self, query: &Query) -> Result<Page<Entry>> {
        let request = Request::Search {
            query: Box::new(query.clone()),
        };
        match self.ask(request, Bytes::new(), QUICK).await? {
            (Reply::Songs { next }, bytes) => Ok(Page::whole(self.parsed(&bytes)?, next)),
            (other, _) => Err(self.unexpected(&other)),
        }
    }

    async fn browse(&self, browse: &Browse) -> Result<Page<Group>> {
        let request = Request::Browse {
            browse: Box::new(browse.clone()),
        };
        match self.ask(request, Bytes::new(), QUICK).await? {
            (Reply::Groups { next }, bytes) => Ok(Page::whole(self.parsed(&bytes)?, next)),
            (other, _) => Err(self.unexpected(&other)),
        }
    }

    async fn chunks(&self, content: &ContentHash, size: u64) -> Result<Option<Chunks>> {
        let Some(list) = self.found(Request::Chunks { content: *content }).await? else {
            return Ok(None);
        };
        Chunks::from_bytes(content, size, &list)
            .map(Some)
            .map_err(|wrong| self.nonsense(wrong.to_string()))
    }

    async fn read(&self, content: &ContentHash, range: Range<u64>) -> Result<Option<Bytes>> {
        self.found(Request::Read {
            content: *content,
            start: range.start,
            end: range.end,
        })
        .await
    }

    async fn prove(&self, content: &ContentHash, challenge: Challenge) -> Result<Option<Key>> {
        let request = Request::Prove {
            content: *content,
            chunk: challenge.chunk,
            nonce: challenge.nonce,
        };
        match self.ask(request, Bytes::new(), THOROUGH).await? {
            (Reply::Proof { proof }, _) => Ok(proof),
            _ => Err(self.nonsense("another answer than a proof")),
        }
    }

    async fn artwork(&self, content: &ContentHash, size: Option<u32>) -> Result<Option<Artwork>> {
        let mut picture = Vec::new();
        loop {
            let offset = picture.len() as u64;
            let request = Request::Artwork {
                content: *content,
                size,
                offset,
            };
            let (content_type, total) = match self.ask(request, Bytes::new(), THOROUGH).await? {
                (Reply::Artwork { picture: None }, _) => return Ok(None),
                (
                    Reply::Artwork {
                        picture: Some(described),
                    },
                    part,
                ) => {
                    picture.extend_from_slice(&part);
                    if part.is_empty() && offset < described.1 {
                        return Err(self.nonsense("a cover that ends early"));
                    }
                    described
                }
                (other, _) => return Err(self.unexpected(&other)),
            };
            if total > PICTURE_BYTES_MAX || picture.len() as u64 > total {
                return Err(self.nonsense("a cover that is too large"));
            }
            if picture.len() as u64 == total {
                return Ok(Some(Artwork {
                    content_type,
                    bytes: picture.into(),
                }));
            }
        }
    }

    async fn lyrics(&self, content: &ContentHash) -> Result<Option<Lyrics>> {
        let request = Request::Lyrics { content: *content };
        match self.ask(request, Bytes::new(), THOROUGH).await? {
            (Reply::Found { found: false }, _) => Ok(None),
            (Reply::Found { found: true }, json) => serde_json::from_slice(&json)
                .map(Some)
                .map_err(|_| self.nonsense("lyrics that are none")),
            (other, _) => Err(self.unexpected(&other)),
        }
    }

    async fn compare(
        &self,
        layout: Key,
        holding: Holding,
        parts: Parts,
        digests: &[(u16, Digest)],
    ) -> Result<Vec<u16>> {
        let mut lines = Vec::with_capacity(digests.len() * COMPARED_BYTES);
        for (number, digest) in digests {
            lines.extend_from_slice(&number.to_be_bytes());
            lines.extend_from_slice(digest);
        }
        let request = Request::Compare {
            layout,
            holding,
            parts,
        };
        match self.ask(request, lines.into(), THOROUGH).await? {
            (Reply::Differs { parts: differing }, _) => {
                let asked = |number: &u16| digests.iter().any(|(asked, _)| asked == number);
                match differing.iter().all(asked) {
                    true => Ok(differing),
                    false => Err(self.nonsense("parts that it was not asked for")),
                }
            }
            (other, _) => Err(self.unexpected(&other)),
        }
    }

    async fn offer(&self, holding: Holding, items: &[Item]) -> Result<Vec<SongId>> {
        let mut missing = Vec::new();
        for batch in items.chunks(OFFER_ITEMS_MAX) {
            let mut lines = Vec::with_capacity(batch.len() * 64);
            for item in batch {
                lines.extend_from_slice(item.id.as_bytes());
                lines.extend_from_slice(&item.version);
            }
            match self
                .ask(Request::Offer { holding }, lines.into(), THOROUGH)
                .await?
            {
                (Reply::Missing, ids) => {
                    let (ids, rest) = ids.as_chunks::<32>();
                    if !rest.is_empty() {
                        return Err(self.nonsense("a list of ids that ends within one"));
                    }
                    missing.extend(ids.iter().map(|id| SongId::from_bytes(*id)));
                }
                (other, _) => return Err(self.unexpected(&other)),
            }
        }
        Ok(missing)
    }

    async fn report(&self) -> Result<Report> {
        match self.ask(Request::Status, Bytes::new(), THOROUGH).await? {
            (
                Reply::Status {
                    node,
                    primary,
                    complete,
                    lacking,
                    missing_bytes,
                    bytes_per_second,
                },
                _,
            ) => Ok(Report {
                node: *node,
                primary,
                complete,
                lacking,
                missing_bytes,
                bytes_per_second,
            }),
            (other, _) => Err(self.unexpected(&other)),
        }
    }
}

/// The cards as JSON arrays that fit into an attachment.
fn batches(songs: &[Song]) -> Result<Vec<Bytes>> {
    let mut batches = Vec::new();
    let mut batch: Vec<u8> = Vec::new();
    let mut parts = Vec::new();
    for song in songs {
        cards::parts(song, &mut parts)?;
    }
    for card in parts {
        if !batch.is_empty() && batch.len() + card.len() > CARD_BYTES_MAX {
            batch.push(b']');
            batches.push(std::mem::take(&mut batch).into());
        }
        batch.push(if batch.is_empty() { b'[' } else { b',' });
        batch.extend_from_slice(&card);
    }
    if !batch.is_empty() {
        batch.push(b']');
        batches.push(batch.into());
    }
    Ok(batches)
}
