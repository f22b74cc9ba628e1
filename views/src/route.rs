//! The table of endpoints: their names, methods and paths.

use kadenza_api::paths;

macro_rules! routes {
    ($($name:ident $label:literal $method:literal $path:path,)*) => {
        /// An endpoint, or what answers where there is none.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Route { $($name,)* Nowhere }

        impl Route {
            #[cfg(test)]
            pub(crate) const ALL: &[Route] = &[$(Route::$name,)* Route::Nowhere];

            /// Its name among the metrics.
            pub(crate) fn label(self) -> &'static str {
                match self { $(Route::$name => $label,)* Route::Nowhere => "none" }
            }

            /// Its path, with `{id}` for a song's id; none where there is no endpoint.
            pub(crate) fn path(self) -> &'static str {
                match self { $(Route::$name => $path,)* Route::Nowhere => "" }
            }

            /// Its method, in lower case as OpenAPI writes it.
            #[cfg(test)]
            pub(crate) fn method(self) -> &'static str {
                match self { $(Route::$name => $method,)* Route::Nowhere => "" }
            }
        }
    };
}

routes! {
    Search "songs" "get" paths::SONGS,
    Upload "upload" "post" paths::SONGS,
    Song "song" "get" paths::SONG,
    Copies "copies" "get" paths::COPIES,
    Audio "audio" "get" paths::AUDIO,
    Artwork "artwork" "get" paths::ARTWORK,
    Lyrics "lyrics" "get" paths::LYRICS,
    Artists "artists" "get" paths::ARTISTS,
    Albums "albums" "get" paths::ALBUMS,
    Genres "genres" "get" paths::GENRES,
    Status "status" "get" paths::STATUS,
    Servers "servers" "get" paths::SERVERS,
    Openapi "openapi" "get" paths::OPENAPI,
    Health "health" "get" paths::HEALTH,
    Metrics "metrics" "get" paths::METRICS,
}
