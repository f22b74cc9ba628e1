//! The views over a library with a few songs.

use std::sync::Arc;

use axum::{Router, body::Body};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::BodyExt;
use kadenza_contract::{MusicServiceExt, Stated};
use kadenza_library::{Library, LibraryConfig};
use kadenza_views::{ViewsConfig, router};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

use super::doors::Closed;
use crate::targets::audio::{flac, mp3};

/// How long the audio is whose ranges are asked for.
const AUDIO_BYTES: usize = 10_000;

/// The views over a library with a few songs.
pub(super) struct Stage {
    router: Router,
    path: String,
    /// The audio of the song at [`Stage::audio_path`].
    pub(super) audio: Bytes,
    runtime: Runtime,
    _directory: TempDir,
}

impl Stage {
    pub(super) fn new() -> Stage {
        let directory = TempDir::new().expect("there is room");
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        let runtime = runtime.expect("a runtime starts");
        let mut audio = mp3("Love me tender", "Ann");
        audio.resize(AUDIO_BYTES, 0);
        let (audio, other) = (
            Bytes::from(audio),
            Bytes::from(flac("\u{65e5}\u{672c}", "Bob")),
        );
        let (router, path) = runtime.block_on(async {
            let library = Library::open(directory.path(), LibraryConfig::default()).await;
            let library = library.expect("a library is made");
            let upload = library.upload_bytes(audio.clone(), Stated::default()).await;
            let song = upload.expect("it is audio").song;
            let stated = Stated {
                album: Some("Blue".to_owned()),
                artists: vec!["Ann".to_owned(), "Bob".to_owned()],
                ..Stated::default()
            };
            library
                .upload_bytes(other, stated)
                .await
                .expect("it is audio");
            let path = kadenza_api::paths::audio(&song.id());
            (
                router(Arc::new(Closed(library)), ViewsConfig::default()),
                path,
            )
        });
        Stage {
            router,
            path,
            audio,
            runtime,
            _directory: directory,
        }
    }

    pub(super) fn audio_path(&self) -> Vec<u8> {
        self.path.clone().into_bytes()
    }

    /// A request for a path with what may not stand there written in hexadecimal digits, as clients do.
    pub(super) fn request(&self, method: Method, path: &[u8]) -> Request<Body> {
        let mut text = String::with_capacity(path.len());
        for byte in path {
            match byte {
                b'#' | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => {
                    text.push_str(&format!("%{byte:02X}"));
                }
                0x21..0x7f => text.push(char::from(*byte)),
                _ => text.push_str(&format!("%{byte:02X}")),
            }
        }
        let uri = text
            .parse::<Uri>()
            .unwrap_or_else(|_| Uri::from_static("/"));
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        let host = HeaderValue::from_static("localhost");
        request.headers_mut().insert(header::HOST, host);
        request
    }

    /// The answer, which is never the server's fault.
    pub(super) fn ask(&self, request: Request<Body>, body: &[u8]) -> Answer {
        let request = request.map(|_| Body::from(Bytes::copy_from_slice(body)));
        let router = self.router.clone();
        // On a thread of the runtime, as every request is.
        let asked = self.runtime.spawn(async move {
            let Ok(response) = router.oneshot(request).await;
            let (head, body) = response.into_parts();
            let body = body.collect().await.expect("the audio is there").to_bytes();
            Answer {
                status: head.status,
                headers: head.headers,
                body,
            }
        });
        let answer = self.runtime.block_on(asked).expect("nothing panics");
        let status = answer.status;
        assert!(!status.is_server_error(), "{status}: {:?}", answer.body);
        answer
    }

    /// The question for the next page, behind one that is answered.
    pub(super) fn next_page(&self, question: &[u8]) -> Option<Vec<u8>> {
        let answer = self.ask(self.request(Method::GET, question), b"");
        behind(question, &answer)
    }

    /// Follows a list to its end, which must come.
    pub(super) fn follow(&self, question: &[u8], answer: &Answer) {
        let mut next = behind(question, answer);
        for _ in 0..8 {
            let Some(question) = next.take() else {
                return;
            };
            let answer = self.ask(self.request(Method::GET, &question), b"");
            assert!(answer.is_good(), "a page ended in {}", answer.status);
            next = behind(&question, &answer);
        }
        assert!(next.is_none(), "a list of a few songs does not end");
    }
}

/// The question for the page behind this one; none behind the last.
fn behind(question: &[u8], answer: &Answer) -> Option<Vec<u8>> {
    let page: Value = serde_json::from_slice(&answer.body).ok()?;
    let next = page.get("next")?.as_str()?;
    let (path, parameters) = super::parted::parted(question, b"?");
    let parameters = parameters.split(|byte| *byte == b'&');
    let mut kept: Vec<&[u8]> = parameters
        .filter(|one| !one.starts_with(b"cursor"))
        .collect();
    let cursor = format!("cursor={next}");
    kept.push(cursor.as_bytes());
    Some([path, b"?", &kept.join(&b'&')].concat())
}

/// What was answered.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn is_good(&self) -> bool {
        self.status.is_success()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Its status, and what a problem document says without the values that it names.
    pub(super) fn told(&self) -> String {
        let problem: Option<Value> = serde_json::from_slice(&self.body).ok();
        let problem = problem.filter(|_| !self.is_good());
        let field = |name: &str| Some(problem.as_ref()?.get(name)?.as_str()?.to_owned());
        let items = self.body.iter().filter(|byte| **byte == b'{').count();
        let size = if self.is_good() { items.min(20) } else { 0 };
        format!(
            "{} {:?} {:?} {size}",
            self.status,
            field("type"),
            field("code")
        )
    }
}

/// Adds a header; says whether the bytes can be one.
pub(super) fn add_header(request: &mut Request<Body>, name: &[u8], value: &[u8]) -> bool {
    let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
    else {
        return false;
    };
    if name == header::HOST {
        request.headers_mut().insert(name, value);
    } else {
        request.headers_mut().append(name, value);
    }
    true
}

/// Adds a header for each line that can be one.
pub(super) fn add_headers(request: &mut Request<Body>, lines: &[u8]) {
    for line in lines.split(|byte| *byte == b'\n') {
        let (name, value) = super::parted::parted(line, b": ");
        add_header(request, name, value);
    }
}
