//! Browsing: artists, albums and genres.
//!
//! A group is made of the songs that share a name after identity folding. Its key and the merging
//! of the counts of several machines are pure, as with [`crate::Query`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{ContentHash, Cursor, Limit, Page, Song, SortKey, identity_fold, sort_fold};

/// The property by which songs are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupKind {
    /// By artist.
    Artist,
    /// By album; albums of the same name by different artists are different.
    Album,
    /// By genre.
    Genre,
}

/// A question for groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Browse {
    /// The property to group by.
    pub kind: GroupKind,
    /// Only songs of exactly this artist.
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
    /// For an album, its artist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artist: Option<String>,
    /// How many songs.
    pub songs: u64,
    /// How long they all last, in milliseconds, as far as it is known.
    pub duration_ms: u64,
    /// The earliest year among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub year: Option<u32>,
    /// The song with the lowest id, whose cover can stand for the group.
    pub first: crate::SongId,
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

    /// Whether the group is made of songs like this one: it fits the filters and has the name.
    fn of_song(&self, song: &Song) -> Option<Group> {
        let tags = song.tags();
        let fits = |wanted: &Option<String>, has: &str| {
            wanted
                .as_ref()
                .is_none_or(|wanted| identity_fold(wanted) == identity_fold(has))
        };
        if !fits(&self.artist, tags.artist()) || !fits(&self.genre, tags.genre().unwrap_or("")) {
            return None;
        }
        let (name, artist) = match self.kind {
            GroupKind::Artist => (tags.artist(), None),
            GroupKind::Album => (tags.album(), Some(tags.artist().to_owned())),
            GroupKind::Genre => (tags.genre().unwrap_or(""), None),
        };
        (!name.is_empty()).then(|| Group {
            name: name.to_owned(),
            artist,
            songs: 1,
            duration_ms: song.best().duration_ms.unwrap_or(0),
            year: tags.year(),
            first: song.id(),
        })
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

    /// The page of groups that these songs form: the definition of a right answer. Each song must
    /// come once.
    pub fn page<'a>(&self, songs: impl IntoIterator<Item = &'a Song>) -> Page<Group> {
        let mut groups: BTreeMap<SortKey, Group> = BTreeMap::new();
        for song in songs {
            let Some(one) = self.of_song(song) else {
                continue;
            };
            let Some(group) = groups.get_mut(&self.key(&one)) else {
                groups.insert(self.key(&one), one);
                continue;
            };
            group.songs += 1;
            group.duration_ms += one.duration_ms;
            group.year = [group.year, one.year].into_iter().flatten().min();
            if one.first < group.first {
                (group.first, group.name, group.artist) = (one.first, one.name, one.artist);
            }
        }
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
