//! Browsing: artists, albums and genres.
//!
//! A group is made of the songs that share a name after identity folding. Its key and the merging
//! of the counts of several machines are pure, as with [`crate::Query`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::query::{fits, or_none};
use crate::{ContentHash, Cursor, Limit, Page, Song, SortKey, identity_fold, sort_fold};

/// The property by which songs are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupKind {
    /// By artist; a song by several belongs to each of them.
    Artist,
    /// By album and the artist of the album ([`Tags::album_artist`](crate::Tags::album_artist)).
    Album,
    /// By genre; a song of several belongs to each of them.
    Genre,
}

/// A question for groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Browse {
    /// The property to group by.
    pub kind: GroupKind,
    /// Only songs of exactly this artist: by them, alone or with others, or on an album of theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artist: Option<String>,
    /// Only songs of exactly this genre.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub genre: Option<String>,
    /// How many groups at most.
    pub limit: Limit,
    /// Where to go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Cursor>,
}

/// An artist, an album or a genre.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// Its name, as the song with the lowest id writes it. Songs without one form no group.
    pub name: String,
    /// For an album, the artist under whom it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artist: Option<String>,
    /// How many songs.
    pub songs: u64,
    /// How long they all last, in milliseconds, as far as it is known.
    pub duration_ms: u64,
    /// The earliest year among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub year: Option<u32>,
    /// The song whose cover can stand for the group: of an album the first that has one, else the one with
    /// the lowest id.
    pub first: crate::SongId,
}

/// A group while its songs are added up.
struct Forming {
    group: Group,
    /// The song with the lowest id, which names it.
    named_by: crate::SongId,
    /// The place of the song whose cover stands for it.
    cover: u64,
}

/// The place of a song on an album among those whose cover can stand for it, the lowest first.
#[must_use]
pub fn cover_place(has_artwork: bool, disc: Option<u32>, track: Option<u32>) -> u64 {
    // Numbers of discs and tracks have four digits; a song without a track is behind the others.
    let place = u64::from(disc.unwrap_or(0)) << 16 | u64::from(track.unwrap_or(9999));
    u64::from(!has_artwork) << 32 | place
}

impl Browse {
    /// All groups of a kind.
    #[must_use]
    pub fn all(kind: GroupKind) -> Browse {
        Browse {
            kind,
            artist: None,
            genre: None,
            limit: Limit::default(),
            after: None,
        }
    }

    /// The groups to which a song belongs, if it fits the filters: one for each of its artists or genres.
    fn of_song(&self, song: &Song) -> Vec<Group> {
        let tags = song.tags();
        if !fits(&self.artist, tags.credited()) || !fits(&self.genre, or_none(tags.genres())) {
            return Vec::new();
        }
        let one = |name: &str, artist: Option<&str>| Group {
            name: name.to_owned(),
            artist: artist.map(str::to_owned),
            songs: 1,
            duration_ms: song.best().duration_ms.unwrap_or(0),
            year: tags.year(),
            first: song.id(),
        };
        match self.kind {
            GroupKind::Artist => tags
                .artists()
                .values()
                .map(|name| one(name, None))
                .collect(),
            GroupKind::Genre => tags.genres().values().map(|name| one(name, None)).collect(),
            GroupKind::Album if tags.album().is_empty() => Vec::new(),
            GroupKind::Album => vec![one(tags.album(), Some(tags.album_artist()))],
        }
    }

    /// Where a group stands in the list: by its name, then its artist.
    #[must_use]
    pub fn key(&self, group: &Group) -> SortKey {
        let artist = group.artist.as_deref().unwrap_or("");
        let identity = format!(
            "{}\u{1}{}",
            identity_fold(&group.name),
            identity_fold(artist)
        );
        let text = format!("{}\u{1}{}", sort_fold(&group.name), sort_fold(artist));
        SortKey::new(0, text, *ContentHash::of(identity.as_bytes()).as_bytes())
    }

    /// The place of a song among those whose cover can stand for a group, the lowest first: on an album
    /// those that have one, in the order of discs and tracks.
    fn cover_place(&self, song: &Song) -> u64 {
        match self.kind {
            GroupKind::Album => {
                let has_artwork = song.recordings().iter().any(|of| of.has_artwork);
                cover_place(has_artwork, song.tags().disc(), song.tags().track())
            }
            GroupKind::Artist | GroupKind::Genre => 0,
        }
    }

    /// The page of groups that these songs form: the definition of a right answer. Each song must
    /// come once.
    pub fn page<'a>(&self, songs: impl IntoIterator<Item = &'a Song>) -> Page<Group> {
        let mut groups: BTreeMap<SortKey, Forming> = BTreeMap::new();
        for song in songs {
            for one in self.of_song(song) {
                let cover = self.cover_place(song);
                let Some(forming) = groups.get_mut(&self.key(&one)) else {
                    let (named_by, key) = (one.first, self.key(&one));
                    groups.insert(
                        key,
                        Forming {
                            group: one,
                            named_by,
                            cover,
                        },
                    );
                    continue;
                };
                let group = &mut forming.group;
                group.songs += 1;
                group.duration_ms += one.duration_ms;
                group.year = [group.year, one.year].into_iter().flatten().min();
                if one.first < forming.named_by {
                    forming.named_by = one.first;
                    (group.name, group.artist) = (one.name, one.artist);
                }
                if (cover, one.first) < (forming.cover, group.first) {
                    (forming.cover, group.first) = (cover, one.first);
                }
            }
        }
        let groups = groups
            .into_iter()
            .map(|(key, forming)| (key, forming.group));
        Page::of(groups, self.after.as_ref(), self.limit)
    }

    /// The page that the pages of several machines make together.
    ///
    /// A machine may know only some songs of a group. Whoever is responsible for the group knows
    /// them all, and so the largest count is the right one.
    pub fn merge(&self, pages: impl IntoIterator<Item = Page<Group>>) -> Page<Group> {
        Page::merge(
            pages,
            self.limit,
            |group| Some(self.key(group)),
            |known, other| {
                if (other.songs, known.first) > (known.songs, other.first) {
                    *known = other;
                }
            },
        )
    }
}
