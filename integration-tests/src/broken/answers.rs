//! Faults of searching, browsing and covers.

use std::{collections::BTreeSet, io::Cursor};

use bytes::Bytes;
use kadenza_contract::{
    Artwork, ArtworkRequest, Browse, Cursor as Place, Details, Entry, Error, Group, GroupKind,
    Limit, MusicService, MusicServiceExt, Names, Page, Partial, Query, Result, Song, SongId, Sort,
    identity_fold, order::rank, search_words,
};

use super::{Fault, Faulty, absent};

impl Faulty {
    pub(super) async fn search_badly(&self, query: &Query) -> Result<Page<Entry>> {
        let asked = query;
        let mut query = query.clone();
        let words = query.text.clone().filter(|text| !text.words().is_empty());
        match self.fault {
            Fault::LooksForOneWord => {
                // The last one, since that is where the ground's own word stands.
                if let Some(word) = words.as_ref().and_then(|text| text.words().last()) {
                    query.text = Some(kadenza_contract::QueryText::new(word)?);
                }
            }
            Fault::OrdersHitsByTitle if words.is_some() && query.sort == Sort::Relevance => {
                query.sort = Sort::Title;
            }
            Fault::IgnoresTheSort => query.sort = Sort::Title,
            Fault::IgnoresTheGenre => query.genre = None,
            Fault::HasASyntax
                if query
                    .text
                    .as_ref()
                    .is_some_and(|text| text.as_str().contains(['"', '*'])) =>
            {
                return Err(Error::Invalid {
                    what: "unbalanced quotes".into(),
                });
            }
            Fault::FailsWhileEmpty if self.inner.len() == 0 => return Err(Error::Busy),
            Fault::PagesByOffset => return self.page_by_offset(&query).await,
            Fault::RemembersCursors => {
                let cursors = &self.notes.lock().cursors;
                query.after = query
                    .after
                    .filter(|after| cursors.contains_key(&after.to_string()));
            }
            _ => {}
        }
        let mut page = self.inner.search(&query).await?;
        self.spoil(asked, &mut page)?;
        Ok(page)
    }

    fn spoil(&self, query: &Query, page: &mut Page<Entry>) -> Result<()> {
        let named = |song: &Song| {
            let tags = song.tags();
            [tags.title(), tags.artist(), tags.album()].join(" ")
        };
        match self.fault {
            Fault::FindsSongsLate => {
                let unlisted = &mut self.notes.lock().unlisted;
                page.items.retain(|song| {
                    let questions = unlisted.entry(song.id()).or_insert(2);
                    *questions = questions.saturating_sub(1);
                    *questions == 0
                });
            }
            Fault::ListsASongOnce => {
                let mut listed = BTreeSet::new();
                page.items.retain(|entry| listed.insert(entry.id()));
            }
            Fault::TakesNoHitsForFailure if page.items.is_empty() => return Err(absent()),
            Fault::OverlooksSome => page.items.retain(|song| song.id().as_bytes()[0] % 5 != 0),
            Fault::FindsWholeWordsOnly => {
                let wanted = query
                    .text
                    .as_ref()
                    .map(|text| text.words())
                    .unwrap_or_default();
                page.items.retain(|song| {
                    let words = search_words(&named(song));
                    wanted.iter().all(|word| words.contains(word))
                });
            }
            Fault::FindsOneSpelling => {
                let wanted = query
                    .text
                    .as_ref()
                    .map(|text| text.words())
                    .unwrap_or_default();
                page.items.retain(|song| {
                    let words = search_words(&named(song));
                    let begins =
                        |wanted: &String| words.iter().any(|word| word.starts_with(wanted));
                    wanted.iter().all(begins)
                });
            }
            Fault::FindsWordsAsWritten => {
                let wanted = query.text.as_ref().map_or("", |text| text.as_str());
                page.items.retain(|song| {
                    wanted
                        .split_whitespace()
                        .all(|word| named(song).contains(word))
                });
            }
            Fault::KnowsFirstArtistsOnly => {
                if let Some(artist) = &query.artist {
                    let wanted = identity_fold(artist);
                    let first = |song: &Song| identity_fold(song.tags().artists().first());
                    page.items.retain(|song| first(song) == wanted);
                }
            }
            Fault::FindsNoComposers => {
                if let Some(text) = &query.text {
                    page.items.retain(|song| {
                        let tags = song.tags().clone();
                        let tags = tags.with_album_artists(&Names::default());
                        rank(text, &tags.with_details(Details::default())).is_some()
                    });
                }
            }
            Fault::ListsTwentySongs if query.text.is_none() => {
                page.items.truncate(20);
                page.next = None;
            }
            Fault::OverlapsPages if page.next.is_some() => {
                let before_last = page.items.len().checked_sub(2).map(|at| &page.items[at]);
                page.next = before_last
                    .and_then(|song| query.key(song))
                    .map(Place::behind);
            }
            Fault::SkipsBetweenPages if page.next.is_some() => {
                // The first song behind this page is where the next one is said to go on.
                let further = self.inner.page_of(&Query {
                    after: page.next.clone(),
                    limit: Limit::new(1)?,
                    ..query.clone()
                });
                let skipped = further.items.first().and_then(|song| query.key(song));
                page.next = skipped.map(Place::behind);
            }
            Fault::RemembersCursors => {
                let cursors = &mut self.notes.lock().cursors;
                cursors.extend(page.next.iter().map(|next| (next.to_string(), 0)));
            }
            _ => {}
        }
        Ok(())
    }

    async fn page_by_offset(&self, query: &Query) -> Result<Page<Entry>> {
        let all = Query {
            after: None,
            ..query.clone()
        };
        let mut songs = self.inner.search_all(&all).await?;
        let cursors = &mut self.notes.lock().cursors;
        let after = query
            .after
            .as_ref()
            .and_then(|after| cursors.get(&after.to_string()));
        let before = after.copied().unwrap_or(0).min(songs.len());
        let mut items = songs.split_off(before);
        let more = items.len() > query.limit.get();
        items.truncate(query.limit.get());
        let next = items
            .last()
            .filter(|_| more)
            .and_then(|song| query.key(song))
            .map(Place::behind);
        cursors.extend(
            next.iter()
                .map(|next| (next.to_string(), before + items.len())),
        );
        Ok(Page::whole(items, next))
    }

    pub(super) async fn browse_badly(&self, browse: &Browse) -> Result<Page<Group>> {
        let mut browse = browse.clone();
        match self.fault {
            Fault::IgnoresTheFiltersOfGroups => (browse.artist, browse.genre) = (None, None),
            Fault::StartsGroupsOver => browse.after = None,
            _ => {}
        }
        if self.fault == Fault::SplitsAlbumsByArtist {
            let songs = self.inner.search_all(&Query::all()).await?;
            let split = |entry: &Entry| {
                let mut recording = entry.best().clone();
                let tags = recording.tags.with_album_artists(&Names::default());
                recording.tags = tags.with_compilation(false);
                Song::new(recording)
            };
            let songs: Vec<Song> = songs.iter().map(split).collect();
            return Ok(browse.page(&songs));
        }
        let mut page = self.inner.browse(&browse).await?;
        match self.fault {
            Fault::HasNoGenres if browse.kind == GroupKind::Genre => page.items.clear(),
            Fault::GroupsNothing if page.items.is_empty() => page.items.push(Group {
                name: "Unknown".into(),
                artist: None,
                songs: 0,
                duration_ms: 0,
                year: None,
                first: SongId::from_bytes([0; 32]),
            }),
            Fault::OrdersGroupsByBytes => page.items.sort_by(|a, b| a.name.cmp(&b.name)),
            Fault::DropsSmallGroups => page.items.retain(|group| group.songs > 1),
            Fault::NeverCounts => page.items.iter_mut().for_each(|group| group.songs = 1),
            _ => {}
        }
        Ok(page)
    }

    /// A page with what this service says of its being whole.
    pub(super) fn said_badly<T>(&self, mut page: Page<T>) -> Result<Page<T>> {
        match self.fault {
            Fault::CallsWholeListsPartial => page.partial = Some(Partial::new([])),
            Fault::HidesWhatIsMissing => page.partial = None,
            Fault::NamesNobody => page.partial = page.partial.map(|_| Partial::new([])),
            Fault::TakesAPartForFailure if page.partial.is_some() => return Err(Error::Busy),
            Fault::NeverGetsWholeAgain => {
                let known = &mut self.notes.lock().partial;
                page.partial = page.partial.or(known.take());
                known.clone_from(&page.partial);
            }
            _ => {}
        }
        Ok(page)
    }

    pub(super) async fn artwork_badly(&self, request: &ArtworkRequest) -> Result<Option<Artwork>> {
        let mut request = request.clone();
        let size = request.size;
        if matches!(self.fault, Fault::IgnoresTheSize | Fault::EnlargesCovers) {
            request.size = None;
        }
        let Some(mut artwork) = self.inner.artwork(&request).await? else {
            let placeholder = self.fault == Fault::HasAPlaceholder;
            return Ok(placeholder.then(|| Artwork {
                content_type: "image/png".into(),
                bytes: crate::fixtures::cover(0, 8, 8),
            }));
        };
        match (self.fault, size) {
            (Fault::PadsCovers, _) => artwork.bytes = [&artwork.bytes[..], b"\0"].concat().into(),
            (Fault::CallsEveryCoverJpeg, _) => artwork.content_type = "image/jpeg".into(),
            (Fault::EnlargesCovers, Some(size)) => artwork.bytes = enlarged(&artwork.bytes, size),
            _ => {}
        }
        Ok(Some(artwork))
    }
}

/// A picture at exactly this size, as far as that is sensible.
fn enlarged(picture: &Bytes, size: u32) -> Bytes {
    let mut png = Cursor::new(Vec::new());
    let size = size.clamp(1, 400);
    image::load_from_memory(picture)
        .expect("the fixtures make covers that can be read")
        .resize(size, size, image::imageops::FilterType::Nearest)
        .write_to(&mut png, image::ImageFormat::Png)
        .expect("a picture with pixels can be written into memory");
    png.into_inner().into()
}
