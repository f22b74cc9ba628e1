//! The paths of the endpoints. `{id}` stands for the id of a song.

use kadenza_contract::{GroupKind, SongId};

/// Songs: searched with `GET`, uploaded with `POST`.
pub const SONGS: &str = "/api/v1/songs";
/// One song.
pub const SONG: &str = "/api/v1/songs/{id}";
/// On how many machines the recordings of a song are.
pub const COPIES: &str = "/api/v1/songs/{id}/copies";
/// The audio of a song.
pub const AUDIO: &str = "/api/v1/songs/{id}/audio";
/// The cover of a song.
pub const ARTWORK: &str = "/api/v1/songs/{id}/artwork";
/// The lyrics of a song.
pub const LYRICS: &str = "/api/v1/songs/{id}/lyrics";
/// The artists.
pub const ARTISTS: &str = "/api/v1/artists";
/// The albums.
pub const ALBUMS: &str = "/api/v1/albums";
/// The genres.
pub const GENRES: &str = "/api/v1/genres";
/// The state of a server and of the machines behind it.
pub const STATUS: &str = "/api/v1/status";
/// The servers that offer the same library.
pub const SERVERS: &str = "/api/v1/servers";
/// The description of these endpoints.
pub const OPENAPI: &str = "/api/v1/openapi.json";
/// Tells a node to leave its network.
pub const LEAVE: &str = "/api/v1/leave";
/// Tells a node to count on a member no longer.
pub const FORGET: &str = "/api/v1/forget";
/// Gives a token for a name and a password.
pub const SIGN_IN: &str = "/api/v1/sign-in";
/// Ends the token in use.
pub const SIGN_OUT: &str = "/api/v1/sign-out";
/// Makes the first administrator.
pub const FIRST_ADMIN: &str = "/api/v1/first-admin";
/// Who asks.
pub const ME: &str = "/api/v1/me";
/// The accounts.
pub const USERS: &str = "/api/v1/users";
/// One account.
pub const USER: &str = "/api/v1/users/{id}";
/// The own tokens.
pub const TOKENS: &str = "/api/v1/tokens";
/// One own token.
pub const TOKEN: &str = "/api/v1/tokens/{id}";
/// Whether a server wants requests.
pub const HEALTH: &str = "/health";
/// Counters for Prometheus.
pub const METRICS: &str = "/metrics";

/// The path of a song.
#[must_use]
pub fn song(id: &SongId) -> String {
    format!("{SONGS}/{id}")
}

/// The path of the copies of a song.
#[must_use]
pub fn copies(id: &SongId) -> String {
    format!("{SONGS}/{id}/copies")
}

/// The path of a song's audio.
#[must_use]
pub fn audio(id: &SongId) -> String {
    format!("{SONGS}/{id}/audio")
}

/// The path of a song's cover.
#[must_use]
pub fn artwork(id: &SongId) -> String {
    format!("{SONGS}/{id}/artwork")
}

/// The path of a song's lyrics.
#[must_use]
pub fn lyrics(id: &SongId) -> String {
    format!("{SONGS}/{id}/lyrics")
}

/// The path of a list of groups.
#[must_use]
pub fn groups(kind: GroupKind) -> &'static str {
    match kind {
        GroupKind::Artist => ARTISTS,
        GroupKind::Album => ALBUMS,
        GroupKind::Genre => GENRES,
    }
}

/// The id in the path of a song, of its audio or of its cover.
#[must_use]
pub fn song_id(path: &str) -> Option<SongId> {
    let below = path.strip_prefix(SONGS)?.strip_prefix('/')?;
    below.split('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_built_by_its_pattern_and_gives_its_id_back() {
        let id = SongId::of("title", "artist", "album");
        for (path, pattern) in [
            (song(&id), SONG),
            (copies(&id), COPIES),
            (audio(&id), AUDIO),
            (artwork(&id), ARTWORK),
        ] {
            assert_eq!(path, pattern.replace("{id}", &id.to_string()));
            assert_eq!(song_id(&path), Some(id));
        }
        assert_eq!(song_id(SONGS), None);
        assert_eq!(song_id("/api/v1/songs/x"), None);
    }
}
