//! Accounts that other servers have: the service is asked on behalf of the caller, and what it refuses is told.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::{net::IpAddr, sync::Arc};

use async_trait::async_trait;
use axum::{Router, body::Body, http::Request, http::Response};
use kadenza_accounts::{
    AccountId, Accounts, AccountsError, Caller, MadeToken, NewToken, NewUser, Result as Answer,
    Role, Secret, SignIn, TokenId, TokenInfo, TokenKind, User, UserChange,
};
use kadenza_services::{
    Artwork, ArtworkRequest, Audio, AudioRequest, Browse, Copies, Credential, Entry, Error, Group,
    Lyrics, MusicService, NewSong, Page, Query, Result, Song, SongId, Status, Upload,
};
use kadenza_views::{ViewsConfig, router};
use parking_lot::Mutex;
use support::{Memory, header, noise, problem};
use tower::ServiceExt;

/// Notes on whose behalf it is asked, and refuses if it is told to.
#[derive(Debug, Clone)]
struct Noting {
    below: Arc<Memory>,
    shown: String,
    asked: Arc<Mutex<Vec<(&'static str, String)>>>,
    refusal: Option<fn() -> Error>,
}

impl Noting {
    fn below(&self, call: &'static str) -> Result<&Memory> {
        self.asked.lock().push((call, self.shown.clone()));
        match self.refusal {
            Some(refusal) => Err(refusal()),
            None => Ok(&self.below),
        }
    }
}

#[async_trait]
impl MusicService for Noting {
    fn for_caller(&self, credential: &Credential) -> Option<Arc<dyn MusicService>> {
        let shown = credential.expose().to_owned();
        Some(Arc::new(Noting {
            shown,
            ..self.clone()
        }))
    }

    async fn song(&self, id: &SongId) -> Result<Option<Song>> {
        self.below("song")?.song(id).await
    }

    async fn copies(&self, id: &SongId) -> Result<Option<Copies>> {
        self.below("copies")?.copies(id).await
    }

    async fn search(&self, query: &Query) -> Result<Page<Entry>> {
        self.below("search")?.search(query).await
    }

    async fn browse(&self, browse: &Browse) -> Result<Page<Group>> {
        self.below("browse")?.browse(browse).await
    }

    async fn upload(&self, song: NewSong) -> Result<Upload> {
        self.below("upload")?.upload(song).await
    }

    async fn audio(&self, request: &AudioRequest) -> Result<Option<Audio>> {
        self.below("audio")?.audio(request).await
    }

    async fn artwork(&self, request: &ArtworkRequest) -> Result<Option<Artwork>> {
        self.below("artwork")?.artwork(request).await
    }

    async fn lyrics(&self, id: &SongId) -> Result<Option<Lyrics>> {
        self.below("lyrics")?.lyrics(id).await
    }

    async fn status(&self) -> Result<Status> {
        self.below("status")?.status().await
    }

    async fn servers(&self) -> Result<Vec<String>> {
        self.below("servers")?.servers().await
    }
}

/// Accounts elsewhere: every token is that of somebody with this role, where they can be asked.
#[derive(Debug)]
struct Elsewhere {
    role: Role,
    open: bool,
    is_away: bool,
}

impl Elsewhere {
    fn away() -> AccountsError {
        AccountsError::Storage(Error::Unreachable {
            place: "a server that knows the accounts".to_owned(),
            cause: "http://10.0.0.7:4533 is away".into(),
        })
    }
}

#[async_trait]
impl Accounts for Elsewhere {
    async fn is_open(&self) -> Answer<bool> {
        match self.is_away {
            true => Err(Elsewhere::away()),
            false => Ok(self.open),
        }
    }

    async fn authenticate(&self, secret: &Secret) -> Answer<Caller> {
        Ok(Caller {
            account: AccountId::from_bytes([1; 16]),
            name: "lea".to_owned(),
            role: self.role,
            token: TokenId::from_bytes([2; 16]),
            kind: TokenKind::App,
            credential: Some(Credential::new(secret.expose()).unwrap()),
        })
    }

    async fn needs_first_admin(&self) -> Answer<bool> {
        Ok(false)
    }

    async fn make_first_admin(&self, _: &Secret, _: NewUser, _: Option<IpAddr>) -> Answer<User> {
        Err(AccountsError::Elsewhere(Error::Invalid {
            what: "a password has at least 8 characters".to_owned(),
        }))
    }

    async fn sign_in(&self, _: SignIn) -> Answer<MadeToken> {
        Err(AccountsError::Conflict {
            what: "there are too many tokens".to_owned(),
        })
    }

    async fn users(&self, _: &Caller) -> Answer<Vec<User>> {
        Ok(Vec::new())
    }

    async fn add_user(&self, _: &Caller, _: NewUser) -> Answer<User> {
        Err(AccountsError::Exists)
    }

    async fn change_user(&self, _: &Caller, _: AccountId, _: UserChange) -> Answer<User> {
        Err(AccountsError::NotFound)
    }

    async fn delete_user(&self, _: &Caller, _: AccountId) -> Answer<()> {
        Err(AccountsError::NotFound)
    }

    async fn tokens(&self, _: &Caller) -> Answer<Vec<TokenInfo>> {
        Ok(Vec::new())
    }

    async fn make_token(&self, _: &Caller, _: NewToken) -> Answer<MadeToken> {
        Err(AccountsError::NotFound)
    }

    async fn revoke_token(&self, _: &Caller, _: TokenId) -> Answer<()> {
        Err(AccountsError::NotFound)
    }
}

const ADMIN: Elsewhere = Elsewhere {
    role: Role::Admin,
    open: false,
    is_away: false,
};

fn noting(refusal: Option<fn() -> Error>) -> Noting {
    Noting {
        below: Arc::default(),
        shown: "nobody".to_owned(),
        asked: Arc::default(),
        refusal,
    }
}

fn views(service: &Noting, accounts: Elsewhere) -> Router {
    let config = ViewsConfig {
        accounts: Some(Arc::new(accounts)),
        ..ViewsConfig::default()
    };
    router(Arc::new(service.clone()), config)
}

async fn ask(
    router: &Router,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> Response<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(noise(10))).unwrap();
    router.clone().oneshot(request).await.unwrap()
}

#[tokio::test]
async fn every_call_is_made_on_behalf_of_the_caller() {
    let service = noting(None);
    let router = views(&service, ADMIN);
    let id = service
        .below
        .add("Title", "Artist", "Album", noise(5000))
        .id();
    let song = format!("/api/v1/songs/{id}");
    let audio = format!("{song}/audio");
    let token = ("authorization", "Bearer theirs");
    for (method, path, header, calls) in [
        ("GET", "/api/v1/songs", None, 1),
        ("GET", song.as_str(), None, 1),
        ("GET", &format!("{song}/copies"), None, 1),
        ("GET", &format!("{song}/artwork"), None, 1),
        ("GET", &format!("{song}/lyrics"), None, 1),
        ("GET", "/api/v1/albums", None, 1),
        ("GET", "/api/v1/status", None, 1),
        ("GET", "/api/v1/servers", None, 1),
        ("POST", "/api/v1/songs?title=New&artist=A&album=B", None, 1),
        ("GET", &audio, None, 1),
        // The song, and each part.
        (
            "GET",
            &audio,
            Some(("range", "bytes=0-9,100-109,200-209")),
            4,
        ),
        ("HEAD", &audio, None, 1),
    ] {
        service.asked.lock().clear();
        let headers: Vec<_> = [token].into_iter().chain(header).collect();
        let answer = ask(&router, method, path, &headers).await;
        let _ = support::bytes(answer).await;
        let asked = service.asked.lock().clone();
        assert_eq!(asked.len(), calls, "{method} {path} {asked:?}");
        assert!(
            asked.iter().all(|(_, whom)| whom == "theirs"),
            "{path} {asked:?}"
        );
    }
    let cookie = [("cookie", "__Host-kadenza=from-a-browser")];
    ask(&router, "GET", &song, &cookie).await;
    assert_eq!(service.asked.lock().last().unwrap().1, "from-a-browser");
    // What is kept from a caller is not even asked for.
    service.asked.lock().clear();
    let listener = Elsewhere {
        role: Role::Listen,
        ..ADMIN
    };
    let router = views(&service, listener);
    problem(
        ask(&router, "POST", "/api/v1/songs", &[token]).await,
        403,
        "forbidden",
    )
    .await;
    problem(ask(&router, "GET", &song, &[]).await, 401, "not-signed-in").await;
    assert!(service.asked.lock().is_empty());
}

#[tokio::test]
async fn where_servers_are_open_nobody_is_shown() {
    let service = noting(None);
    let open = Elsewhere {
        open: true,
        ..ADMIN
    };
    let router = views(&service, open);
    let token = [("authorization", "Bearer theirs")];
    for headers in [&token[..], &[]] {
        assert_eq!(
            ask(&router, "GET", "/api/v1/status", headers)
                .await
                .status(),
            200
        );
        assert_eq!(service.asked.lock().last().unwrap().1, "nobody");
    }
    let me = support::json(ask(&router, "GET", "/api/v1/me", &token).await).await;
    assert_eq!(
        (&me["open"], &me["user"]),
        (&true.into(), &serde_json::Value::Null)
    );
    problem(
        ask(&router, "GET", "/api/v1/users", &token).await,
        409,
        "no-accounts",
    )
    .await;
}

#[tokio::test]
async fn what_a_server_below_refuses_is_told_as_it_is() {
    let refusals: [(fn() -> Error, u16, &str, &str, &str); 3] = [
        (
            || Error::NotSignedIn,
            401,
            "not-signed-in",
            "www-authenticate",
            "Bearer",
        ),
        (
            || Error::Forbidden {
                what: "this needs the role upload".to_owned(),
            },
            403,
            "forbidden",
            "content-type",
            "application/problem+json",
        ),
        (
            || Error::Wait { seconds: 7 },
            429,
            "wait",
            "retry-after",
            "7",
        ),
    ];
    let id = SongId::of("Title", "Artist", "Album");
    for (refusal, status, code, name, value) in refusals {
        let service = noting(Some(refusal));
        let router = views(&service, ADMIN);
        for (method, path) in [
            ("GET", "/api/v1/songs".to_owned()),
            ("POST", "/api/v1/songs?title=T".to_owned()),
            ("GET", format!("/api/v1/songs/{id}/audio")),
        ] {
            let token = [("authorization", "Bearer theirs")];
            let answer = ask(&router, method, &path, &token).await;
            assert_eq!(header(&answer, name), value);
            let told = problem(answer, status, code).await;
            assert!(!told.to_string().contains("theirs"), "{told}");
        }
    }
}

#[tokio::test]
async fn where_accounts_cannot_be_asked_nobody_is_let_in() {
    let service = noting(None);
    let away = Elsewhere {
        is_away: true,
        ..ADMIN
    };
    let router = views(&service, away);
    for headers in [&[("authorization", "Bearer theirs")][..], &[]] {
        for path in ["/api/v1/songs", "/api/v1/me", "/api/v1/users", "/metrics"] {
            let told = problem(ask(&router, "GET", path, headers).await, 503, "unreachable").await;
            assert!(!told.to_string().contains("10.0.0.7"), "{told}");
        }
        // What everybody may have depends on nobody.
        for path in ["/health", "/api/v1/openapi.json"] {
            assert_eq!(ask(&router, "GET", path, headers).await.status(), 200);
        }
    }
    assert!(service.asked.lock().is_empty());
}

#[tokio::test]
async fn what_other_servers_say_of_accounts_is_passed_on() {
    let router = views(&noting(None), ADMIN);
    let json = [("content-type", "application/json")];
    let send = async |path: &str, body: &'static str| {
        let request = Request::post(path).header(json[0].0, json[0].1);
        let request = request.body(Body::from(body)).unwrap();
        router.clone().oneshot(request).await.unwrap()
    };
    let admin = r#"{"code":"0","name":"a","password":"b"}"#;
    let told = problem(send("/api/v1/first-admin", admin).await, 400, "invalid").await;
    assert_eq!(told["detail"], "a password has at least 8 characters");
    let who = r#"{"name":"a","password":"b"}"#;
    let told = problem(send("/api/v1/sign-in", who).await, 409, "conflict").await;
    assert_eq!(told["detail"], "there are too many tokens");
}
