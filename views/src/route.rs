//! The table of endpoints: their names, methods and paths, and who may use them.

use kadenza_accounts::Role;
use kadenza_api::paths;

/// Everybody, also without an account.
const PUBLIC: Option<Role> = None;
const LISTEN: Option<Role> = Some(Role::Listen);
const UPLOAD: Option<Role> = Some(Role::Upload);
const ADMIN: Option<Role> = Some(Role::Admin);

macro_rules! routes {
    ($($name:ident $label:literal $method:literal $path:path, $role:ident;)*) => {
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

            /// The least role that may use it; none where everybody may.
            pub(crate) fn role(self) -> Option<Role> {
                match self { $(Route::$name => $role,)* Route::Nowhere => PUBLIC }
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
    Search "songs" "get" paths::SONGS, LISTEN;
    Upload "upload" "post" paths::SONGS, UPLOAD;
    Song "song" "get" paths::SONG, LISTEN;
    Copies "copies" "get" paths::COPIES, LISTEN;
    Audio "audio" "get" paths::AUDIO, LISTEN;
    Artwork "artwork" "get" paths::ARTWORK, LISTEN;
    Lyrics "lyrics" "get" paths::LYRICS, LISTEN;
    Artists "artists" "get" paths::ARTISTS, LISTEN;
    Albums "albums" "get" paths::ALBUMS, LISTEN;
    Genres "genres" "get" paths::GENRES, LISTEN;
    Status "status" "get" paths::STATUS, ADMIN;
    Servers "servers" "get" paths::SERVERS, LISTEN;
    Openapi "openapi" "get" paths::OPENAPI, PUBLIC;
    Health "health" "get" paths::HEALTH, PUBLIC;
    Metrics "metrics" "get" paths::METRICS, ADMIN;
    Me "me" "get" paths::ME, PUBLIC;
    SignIn "sign-in" "post" paths::SIGN_IN, PUBLIC;
    SignOut "sign-out" "post" paths::SIGN_OUT, LISTEN;
    FirstAdmin "first-admin" "post" paths::FIRST_ADMIN, PUBLIC;
    Users "users" "get" paths::USERS, ADMIN;
    AddUser "add-user" "post" paths::USERS, ADMIN;
    ChangeUser "change-user" "patch" paths::USER, LISTEN;
    DeleteUser "delete-user" "delete" paths::USER, ADMIN;
    Tokens "tokens" "get" paths::TOKENS, LISTEN;
    MakeToken "make-token" "post" paths::TOKENS, LISTEN;
    RevokeToken "revoke-token" "delete" paths::TOKEN, LISTEN;
}
