//! Names of things: a song by its identity, audio by its content.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::fold::identity_fold;

/// The domain under which songs are hashed; a change makes every song another one.
const SONG_DOMAIN: &str = "kadenza 2026-11-22 song identity v1";

/// The domain of songs by several artists: so one artist named `A, B` is not the two named `A` and `B`.
const SEVERAL_DOMAIN: &str = "kadenza 2026-11-28 song identity of several artists v1";

/// A text that is not 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is 64 hexadecimal digits")]
pub struct InvalidHash;

macro_rules! hash {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// The name with these 32 bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The 32 bytes of the name.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut text = [0; 64];
                hex::encode_to_slice(self.0, &mut text).map_err(|_| fmt::Error)?;
                f.pad(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:.12})", stringify!($name), self)
            }
        }

        impl FromStr for $name {
            type Err = InvalidHash;
            fn from_str(text: &str) -> Result<Self, InvalidHash> {
                let mut bytes = [0; 32];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidHash)?;
                Ok(Self(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut text = [0; 64];
                hex::encode_to_slice(self.0, &mut text).map_err(serde::ser::Error::custom)?;
                serializer.serialize_str(std::str::from_utf8(&text).map_err(serde::ser::Error::custom)?)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Digits;
                impl serde::de::Visitor<'_> for Digits {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("64 hexadecimal digits")
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Digits)
            }
        }
    };
}

hash! {
    /// The identity of a song: a BLAKE3 hash of its title, artist and album.
    ///
    /// Two songs are the same song exactly when the three are equal after Unicode NFKC, case
    /// folding and the collapsing of white space. It is also the song's key in the network.
    SongId
}

hash! {
    /// The BLAKE3 hash of audio, which is its address and its strong `ETag`.
    ContentHash
}

impl SongId {
    /// The id of the song with this title, artist and album. An absent album is the empty one.
    ///
    /// Each part is folded and then preceded by its length, so that no two triples run together.
    #[must_use]
    pub fn of(title: &str, artist: &str, album: &str) -> SongId {
        SongId::hashed(SONG_DOMAIN, [title, artist, album])
    }

    /// The id of the song with this title, these artists in this order, and this album; of one artist it
    /// is that of [`of`](SongId::of).
    #[must_use]
    pub fn of_several<'a>(
        title: &str,
        artists: impl IntoIterator<Item = &'a str>,
        album: &str,
    ) -> SongId {
        let artists: Vec<&str> = artists.into_iter().collect();
        match artists[..] {
            [] => SongId::of(title, "", album),
            [one] => SongId::of(title, one, album),
            // Title and album come first, so that the number of parts is the number of artists.
            _ => SongId::hashed(SEVERAL_DOMAIN, [title, album].into_iter().chain(artists)),
        }
    }

    fn hashed<'a>(domain: &str, parts: impl IntoIterator<Item = &'a str>) -> SongId {
        let mut hasher = blake3::Hasher::new_derive_key(domain);
        for part in parts {
            let folded = identity_fold(part);
            hasher.update(&(folded.len() as u64).to_be_bytes());
            hasher.update(folded.as_bytes());
        }
        SongId(*hasher.finalize().as_bytes())
    }
}

impl ContentHash {
    /// The hash of a piece of audio that is in memory.
    #[must_use]
    pub fn of(bytes: &[u8]) -> ContentHash {
        ContentHash(*blake3::hash(bytes).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn case_width_and_white_space_do_not_make_another_song() {
        let id = SongId::of("Straße  Ünder", "ABBA", "");
        assert_eq!(id, SongId::of(" STRASSE U\u{308}nder\t", "ａｂｂａ", " "));
        assert_ne!(id, SongId::of("Strasse Under", "ABBA", ""));
    }

    #[test]
    fn several_artists_are_another_song_than_their_names_in_one() {
        let several = |artists: &[&str]| SongId::of_several("T", artists.iter().copied(), "L");
        assert_eq!(several(&["A"]), SongId::of("T", "A", "L"));
        assert_eq!(several(&["A", "B"]), several(&["a ", "Ｂ"]));
        assert_ne!(several(&["A", "B"]), several(&["B", "A"]));
        assert_ne!(several(&["A", "B"]), several(&["A, B"]));
        assert_ne!(several(&["A", "BC"]), several(&["AB", "C"]));
    }

    /// A change of these hashes would make every song of every library another one.
    #[test]
    fn ids_are_those_of_all_times() {
        let one = "be48a6a503ad610bf841f408761b8776f06d9538bc7fe48299ffd07ebce10d19";
        let two = "31b979f4b3a85f3d951b3169d5258b8064c7f47627136a9ae8749cc09fd24c8b";
        assert_eq!(SongId::of("Title", "Artist", "Album").to_string(), one);
        let several = SongId::of_several("Title", ["First", "Second"], "Album");
        assert_eq!(several.to_string(), two);
    }

    proptest! {
        #[test]
        fn parts_do_not_run_together(a in "[a-c]{0,6}", b in "[a-c]{0,6}", c in "[a-c]{0,6}",
                                     x in "[a-c]{0,6}", y in "[a-c]{0,6}", z in "[a-c]{0,6}") {
            prop_assert_eq!(SongId::of(&a, &b, &c) == SongId::of(&x, &y, &z), (a, b, c) == (x, y, z));
        }

        #[test]
        fn the_id_of_a_folded_song_is_its_id(title in "\\PC{0,24}", artist in "\\PC{0,24}") {
            let folded = SongId::of(&identity_fold(&title), &identity_fold(&artist), "");
            prop_assert_eq!(SongId::of(&title, &artist, ""), folded);
        }

        #[test]
        fn text_and_back(bytes: [u8; 32]) {
            let id = SongId::from_bytes(bytes);
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            prop_assert_eq!(serde_json::from_str::<SongId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
        }

        #[test]
        fn other_lengths_are_refused(text in "[0-9a-f]{0,63}|[0-9a-f]{65,80}") {
            prop_assert_eq!(text.parse::<SongId>(), Err(InvalidHash));
        }
    }
}
