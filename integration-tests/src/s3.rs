//! A server of S3 for tests, on a free port of this process, which can be made to fail.
//!
//! It is `s3s` with `s3s-fs`: a real server, in that it speaks the protocol over HTTP, verifies the
//! signature of every request, and knows ranges, conditional writes and multipart uploads. It is no
//! product that anyone runs for their music: its objects are files of a temporary directory,
//! written without a sync, and it makes any bucket that is written to (so the bucket is checked
//! here). The servers that people run (Ceph, MinIO, Garage) are not in this
//! program's reach without a daemon to install; moto, from PyPI, answers S3 too, but keeps all in
//! memory and does not verify signatures. What differs between products is left to
//! `object_store`, which is tested against them.

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, StreamBody, combinators::BoxBody};
use hyper::{
    Method, Request, Response,
    body::{Frame, Incoming},
    service::Service,
};
use hyper_util::rt::TokioIo;
use kadenza_services::objects::{AudioObjects, StoreAddress};
use parking_lot::Mutex;
use s3s::{auth::SimpleAuth, service::S3Service, service::S3ServiceBuilder};
use tempfile::TempDir;
use tokio::sync::oneshot;

const BUCKET: &str = "music";
const KEY: &str = "AKIATESTKEY";
const SECRET: &str = "a-secret-that-nobody-may-see";

/// How long a slow server thinks before it answers.
const SLOW: Duration = Duration::from_millis(300);

/// How the server fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    /// It works.
    #[default]
    None,
    /// It closes every connection without an answer.
    Down,
    /// It takes its time.
    Slow,
    /// It answers every request with an error of its own.
    Errors,
    /// Every body ends in the middle.
    Cut,
    /// One byte of every object is another one.
    Wrong,
}

impl Fault {
    /// Every way to fail.
    pub const ALL: [Fault; 5] = [
        Fault::Down,
        Fault::Slow,
        Fault::Errors,
        Fault::Cut,
        Fault::Wrong,
    ];
}

type Cause = Box<dyn std::error::Error + Send + Sync>;
type Answer = Response<BoxBody<Bytes, Cause>>;

/// A running server with one bucket. It stops when it is dropped.
pub struct S3Server {
    at: SocketAddr,
    fault: Arc<Mutex<Fault>>,
    answered: Arc<AtomicU64>,
    end: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<()>>,
    directory: TempDir,
}

impl fmt::Debug for S3Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("S3Server").field(&self.at).finish()
    }
}

impl S3Server {
    /// Starts a server, on a thread of its own.
    ///
    /// # Errors
    ///
    /// If there is no free port or no room for its files.
    pub fn start() -> io::Result<S3Server> {
        let directory = TempDir::new()?;
        std::fs::create_dir(directory.path().join(BUCKET))?;
        let files = s3s_fs::FileSystem::new(directory.path())
            .map_err(|error| io::Error::other(format!("{error:?}")))?;
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let at = listener.local_addr()?;
        let (end, ended) = oneshot::channel();
        let failing = Failing {
            service: builder.build(),
            fault: Arc::default(),
            answered: Arc::default(),
        };
        let (fault, answered) = (Arc::clone(&failing.fault), Arc::clone(&failing.answered));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let serving = thread::spawn(move || runtime.block_on(serve(listener, failing, ended)));
        Ok(S3Server {
            at,
            fault,
            answered,
            end: Some(end),
            serving: Some(serving),
            directory,
        })
    }

    /// From now on it fails like this.
    pub fn fail(&self, fault: Fault) {
        *self.fault.lock() = fault;
    }

    /// How many requests it was asked.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// The address of a place in its bucket.
    #[must_use]
    pub fn url(&self, prefix: &str) -> String {
        format!("s3://{BUCKET}/{prefix}")
    }

    /// The variables with which a program enters it.
    #[must_use]
    pub fn variables(&self) -> [(&'static str, String); 5] {
        [
            ("AWS_ENDPOINT", format!("http://{}", self.at)),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
        ]
    }

    /// A place in its bucket, with how it is entered.
    #[must_use]
    pub fn address(&self, prefix: &str) -> StoreAddress {
        let variables = self.variables();
        let variables = variables
            .each_ref()
            .map(|(name, value)| (*name, &value[..]));
        StoreAddress::with_variables(&self.url(prefix), variables)
    }

    /// The objects at a place in its bucket.
    ///
    /// # Panics
    ///
    /// If the address is refused.
    #[must_use]
    pub fn objects(&self, prefix: &str) -> AudioObjects {
        AudioObjects::at(&self.address(prefix)).expect("the address is right")
    }

    /// How many parts of uploads that were never completed it has.
    ///
    /// # Panics
    ///
    /// If its directory cannot be read.
    #[must_use]
    pub fn stray_parts(&self) -> usize {
        let files = std::fs::read_dir(self.directory.path()).expect("the directory is there");
        let names = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
        names.filter(|name| name.contains(".part-")).count()
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.end.take();
        if let Some(serving) = self.serving.take() {
            // A server that panicked has shown it.
            let _ = serving.join();
        }
    }
}

async fn serve(
    listener: std::net::TcpListener,
    failing: Failing,
    mut ended: oneshot::Receiver<()>,
) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("the listener is ready");
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut ended => return,
        };
        let Ok((socket, _)) = accepted else { continue };
        let failing = failing.clone();
        tokio::spawn(async move {
            let _ = socket.set_nodelay(true);
            let http = hyper::server::conn::http1::Builder::new();
            // A client that goes away is none of its business.
            let _ = http.serve_connection(TokioIo::new(socket), failing).await;
        });
    }
}

/// The service, with its faults.
#[derive(Clone)]
struct Failing {
    service: S3Service,
    fault: Arc<Mutex<Fault>>,
    answered: Arc<AtomicU64>,
}

impl Service<Request<Incoming>> for Failing {
    type Response = Answer;
    type Error = Cause;
    type Future = futures_util::future::BoxFuture<'static, Result<Answer, Cause>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            this.answered.fetch_add(1, Ordering::Relaxed);
            let fault = *this.fault.lock();
            let bucket = request.uri().path().split('/').nth(1).unwrap_or_default();
            if bucket != BUCKET {
                return Ok(refusal(404, "NoSuchBucket"));
            }
            match fault {
                Fault::Down => return Err("it is down".into()),
                Fault::Errors => return Ok(refusal(500, "InternalError")),
                Fault::Slow => tokio::time::sleep(SLOW).await,
                Fault::None | Fault::Cut | Fault::Wrong => {}
            }
            let is_audio = request.method() == Method::GET && is_audio(request.uri().path());
            let answer = this
                .service
                .call(request.map(s3s::Body::from))
                .await
                .map_err(|error| format!("{error:?}"))?;
            let (head, whole) = answer.into_parts();
            if !is_audio || !matches!(fault, Fault::Cut | Fault::Wrong) {
                let whole = whole.map_err(Cause::from).boxed();
                return Ok(Response::from_parts(head, whole));
            }
            let whole = BodyExt::collect(whole).await?.to_bytes();
            let mut bytes = whole.to_vec();
            if fault == Fault::Wrong {
                let middle = bytes.len() / 2;
                if let Some(byte) = bytes.get_mut(middle) {
                    *byte ^= 1;
                }
                return Ok(Response::from_parts(head, body(&bytes)));
            }
            bytes.truncate(bytes.len() / 2);
            let frames = stream::iter([Ok(Frame::data(Bytes::from(bytes)))])
                .chain(stream::once(async { Err(Cause::from("cut")) }));
            Ok(Response::from_parts(
                head,
                BodyExt::boxed(StreamBody::new(frames)),
            ))
        })
    }
}

fn refusal(status: u16, code: &str) -> Answer {
    let mut answer = Response::new(body(
        format!("<Error><Code>{code}</Code></Error>").as_bytes(),
    ));
    *answer.status_mut() = hyper::StatusCode::from_u16(status).expect("it is a status");
    answer
}

fn body(bytes: &[u8]) -> BoxBody<Bytes, Cause> {
    let whole = Bytes::copy_from_slice(bytes);
    http_body_util::Full::new(whole)
        .map_err(|never| match never {})
        .boxed()
}

/// Whether an object is audio: it is named by a hash, the first two letters before the last slash.
fn is_audio(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.len() == 62)
}
