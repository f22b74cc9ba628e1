//! The HTTP/1.1 of the test server, and its faults.

use std::{
    io,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use bytes::Bytes;
use kadenza_contract::{ContentHash, Song, SongId};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use super::{
    fault::Fault,
    state::{Inner, Request, song_json},
};

type Connection = BufReader<TcpStream>;

/// An answer, before a fault befalls it.
struct Answer {
    status: u16,
    headers: String,
    body: Bytes,
}

impl Answer {
    fn json(status: u16, body: &Value) -> Answer {
        Answer {
            status,
            headers: String::new(),
            body: body.to_string().into(),
        }
    }

    fn problem(status: u16, code: &str) -> Answer {
        Answer::json(
            status,
            &json!({ "type": format!("urn:kadenza:error:{code}"), "title": code, "status": status,
                "detail": "told to", "number": 3, "reached": 1 }),
        )
    }
}

pub(super) async fn serve(connection: TcpStream, inner: Arc<Inner>) {
    let _ = connection.set_nodelay(true);
    let mut connection = BufReader::new(connection);
    // An error ends the connection, as it should.
    while let Ok(true) = exchange(&mut connection, &inner).await {}
}

/// One request and its answer; whether there may be another.
async fn exchange(connection: &mut Connection, inner: &Inner) -> io::Result<bool> {
    let Some(request) = head(connection).await? else {
        return Ok(false);
    };
    inner.seen.lock().push(request.clone());
    let fault = (inner.faults.lock())(&request);
    match &fault {
        Fault::Hang => std::future::pending().await,
        Fault::Delay(delay) => tokio::time::sleep(*delay).await,
        Fault::Close => return Ok(false),
        Fault::Raw(raw) => {
            connection.write_all(raw.as_bytes()).await?;
            return Ok(false);
        }
        Fault::CutUploadAfter(count) => {
            take(connection, *count).await?;
            return Ok(false);
        }
        Fault::StallUploadAfter(count) => {
            take(connection, *count).await?;
            return std::future::pending().await;
        }
        _ => {}
    }
    let chunked = request.header("transfer-encoding").is_some();
    let body = match chunked {
        true => read_chunked(connection)
            .await
            .inspect_err(|_| *inner.music.broken_uploads.lock() += 1)?,
        false => Vec::new(),
    };
    let answer = match &fault {
        Fault::DropAndClose => return Ok(false),
        Fault::Problem(status, code, headers) => Answer {
            headers: (*headers).to_owned(),
            ..Answer::problem(*status, code)
        },
        Fault::Json(status, json) => Answer::json(*status, json),
        fault => answer(inner, &request, body, fault),
    };
    if matches!(fault, Fault::StoreAndClose) {
        return Ok(false);
    }
    write(connection, inner, &answer, &fault).await
}

fn answer(inner: &Inner, request: &Request, body: Vec<u8>, fault: &Fault) -> Answer {
    let absent = || Answer::problem(404, "not-found");
    let music = &inner.music;
    match (request.method.as_str(), request.path.as_str()) {
        ("POST", "/api/v1/songs") => {
            let Some(title) = request.param("title") else {
                return Answer::problem(422, "no-title");
            };
            let status = if music.add(title, body).is_some() {
                201
            } else {
                200
            };
            let id = SongId::of(title, "artist", "album").to_string();
            let (song, _) = music.find(&id).unwrap();
            Answer::json(status, &song_json(&song))
        }
        ("POST", "/api/v1/leave") => Answer::json(202, &json!({})),
        (_, "/health") => Answer::json(200, &json!({})),
        (_, "/api/v1/servers") => {
            Answer::json(200, &json!({ "items": *inner.listed.lock(), "next": null }))
        }
        (_, "/api/v1/status") => Answer::json(
            200,
            &json!({ "songs": music.count(), "bytes": 0, "nodes": [], "version": "0" }),
        ),
        (_, "/api/v1/songs") => Answer::json(200, &json!({ "items": music.all(), "next": null })),
        (_, path) => {
            let Some(rest) = path.strip_prefix("/api/v1/songs/") else {
                return absent();
            };
            let (id, what) = rest.split_once('/').unwrap_or((rest, ""));
            match (music.find(id), what) {
                (Some((song, _)), "") => Answer::json(200, &song_json(&song)),
                (Some((song, audio)), "audio") => send_audio(request, &song, &audio, fault),
                _ => absent(),
            }
        }
    }
}

fn send_audio(request: &Request, song: &Song, audio: &Bytes, fault: &Fault) -> Answer {
    let content = song.best().content;
    let other = |wanted: &str| wanted != content.to_string();
    if request.param("recording").is_some_and(other) {
        return Answer::problem(404, "not-found");
    }
    let (content, audio) = match fault {
        Fault::OtherTag => (ContentHash::of(b"other"), audio),
        Fault::OtherAudio(other) => (ContentHash::of(other), other),
        _ => (content, audio),
    };
    let size = audio.len();
    let tag = format!("\"{content}\"");
    let headers = format!("ETag: {tag}\r\n");
    let current = request.header("if-range").is_none_or(|asked| asked == tag);
    let range = request
        .header("range")
        .filter(|_| current && !matches!(fault, Fault::WholeInstead))
        .and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
    let Some((first, last)) = range else {
        return Answer {
            status: 200,
            headers,
            body: audio.clone(),
        };
    };
    let first: usize = first.parse().unwrap();
    let last = last.parse::<usize>().unwrap_or(usize::MAX - 1);
    let end = size.min(last + 1);
    if first >= end {
        return Answer {
            headers: format!("Content-Range: bytes */{size}\r\n"),
            ..Answer::problem(416, "range")
        };
    }
    Answer {
        status: 206,
        headers: format!(
            "{headers}Content-Range: bytes {first}-{}/{size}\r\n",
            end - 1
        ),
        body: audio.slice(first..end),
    }
}

async fn write(
    connection: &mut Connection,
    inner: &Inner,
    answer: &Answer,
    fault: &Fault,
) -> io::Result<bool> {
    let Answer {
        status,
        headers,
        body,
    } = answer;
    let length = body.len();
    let head = format!("HTTP/1.1 {status} Told\r\nContent-Length: {length}\r\n{headers}\r\n");
    connection.write_all(head.as_bytes()).await?;
    let (first, rest) = match fault {
        Fault::CutAfter(at) | Fault::StallAfter(at) | Fault::PauseAfter(at, _) => {
            body.split_at(length.min(*at))
        }
        _ => (&body[..], &body[length..]),
    };
    for piece in first.chunks(64 << 10) {
        connection.write_all(piece).await?;
        inner.sent.fetch_add(piece.len(), Relaxed);
    }
    match fault {
        Fault::CutAfter(_) => return Ok(rest.is_empty()),
        // A body that is whole is no stall.
        Fault::StallAfter(_) if !rest.is_empty() => std::future::pending().await,
        Fault::PauseAfter(_, pause) => tokio::time::sleep(*pause).await,
        _ => {}
    }
    connection.write_all(rest).await?;
    Ok(true)
}

async fn head(connection: &mut Connection) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if connection.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let method = words.next().unwrap().to_owned();
    let server = reqwest::Url::parse("http://server").unwrap();
    let target = server.join(words.next().unwrap()).unwrap();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        connection.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.push((name.to_owned(), value.to_owned()));
    }
    Ok(Some(Request {
        method,
        path: target.path().to_owned(),
        query: target.query_pairs().into_owned().collect(),
        headers,
    }))
}

async fn take(connection: &mut Connection, count: usize) -> io::Result<()> {
    let mut some = connection.take(count as u64);
    tokio::io::copy(&mut some, &mut tokio::io::sink()).await?;
    Ok(())
}

async fn read_chunked(connection: &mut Connection) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        if connection.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let length = usize::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
        let mut chunk = vec![0; length + 2];
        connection.read_exact(&mut chunk).await?;
        if length == 0 {
            return Ok(body);
        }
        body.extend_from_slice(&chunk[..length]);
    }
}
