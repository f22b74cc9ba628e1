//! Requests over HTTP to the views over a library with a few songs: what a listener or an uploader may send. Reading
//! requests off a connection is hyper's.

mod doors;
mod parted;
mod ranges;
mod stage;

use http::{Method, header};

use self::parted::parted;
use self::stage::Stage;
use crate::target::Target;

const MEMORY_MAX: usize = 24 << 20;

pub(super) const RANGES: Target = Target {
    name: "ranges",
    about: "the header Range, against a reading of its own",
    seeds: || {
        let headers = [
            "bytes=0-499",
            "bytes=-500",
            "bytes=9500-",
            "bytes=0-0,-1",
            "bytes= 0-999, 4500-5499, -1000",
            "BYTES=,0-0, ,5-6,",
            "bytes=0-99999999999999999999",
            "bytes=99999999-",
            "items=0-1",
            "bytes=5-4",
            "bytes=1-2,1-2,1-2,40-50",
        ];
        headers
            .iter()
            .map(|header| header.as_bytes().to_vec())
            .collect()
    },
    words: &[
        "bytes=",
        "bytes",
        "-",
        ",",
        "0-",
        "-1",
        " ",
        "\t",
        "18446744073709551615",
        "18446744073709551616",
        "9999",
        "10000",
    ],
    bytes_max: 300,
    memory_max: MEMORY_MAX,
    open: || {
        let stage = Stage::new();
        Box::new(move |bytes| {
            let mut request = stage.request(Method::GET, &stage.audio_path());
            if !stage::add_header(&mut request, header::RANGE.as_str().as_bytes(), bytes) {
                return "no header".to_owned();
            }
            let answer = stage.ask(request, b"");
            ranges::check(bytes, &stage.audio, &answer);
            answer.told()
        })
    },
};

pub(super) const LISTS: Target = Target {
    name: "lists",
    about: "the parameters of searches and lists, and cursors",
    seeds: || {
        let lists = [
            "/api/v1/songs?q=love%20me&limit=2",
            "/api/v1/songs?sort=random:17&limit=1",
            "/api/v1/songs?artist=Ann&sort=year",
            "/api/v1/songs?album=Blue&genre=Jazz&limit=500",
            "/api/v1/artists?limit=1",
            "/api/v1/albums?artist=Ann&genre=",
            "/api/v1/genres?cursor=",
            "/api/v1/songs?q=%E6%97%A5%E6%9C%AC&cursor=",
            "/api/v1/songs?q=lvoe",
        ];
        let lists = lists.map(|list| list.as_bytes().to_vec());
        let stage = Stage::new();
        let next: Vec<_> = lists
            .iter()
            .filter_map(|list| stage.next_page(list))
            .collect();
        lists.into_iter().chain(next).collect()
    },
    words: &[
        "&q=",
        "&cursor=",
        "&limit=",
        "&sort=",
        "&artist=",
        "&album=",
        "%00",
        "%ff",
        "%F0%9F%8E%B5",
        "random:",
        "newest",
        "relevance",
        "+",
        "&",
        "=",
        "%20",
        "/api/v1/albums?",
        "%C4%B0",
        "%E3%82%AF",
    ],
    bytes_max: 4000,
    memory_max: MEMORY_MAX,
    open: || {
        let stage = Stage::new();
        Box::new(move |bytes| {
            let answer = stage.ask(stage.request(Method::GET, bytes), b"");
            if answer.is_good() {
                stage.follow(bytes, &answer);
            }
            answer.told()
        })
    },
};

pub(super) const UPLOADS: Target = Target {
    name: "uploads",
    about: "the door of uploads: what is stated, and in which wrapping the audio comes",
    seeds: || {
        let uploads = [
            "title=A&artist=B&album=C\ncontent-type: audio/mpeg\n\nID3",
            "path=Artist/Album/01%20-%20Title.mp3\n\nfLaC",
            "artist=A&artist=B&albumArtist=C\ncontent-encoding: identity\n\nRIFF",
            "\ncontent-type: multipart/form-data; boundary=x\n\n--x",
            "\ncontent-encoding: gzip\n\n\u{1f}",
            "path=CD2/A1%20x.ogg\nexpect: 100-continue\n\n",
        ];
        uploads.map(|upload| upload.as_bytes().to_vec()).to_vec()
    },
    words: &[
        "title=",
        "&artist=",
        "&albumArtist=",
        "&path=",
        "%2F..%2F",
        "%00",
        "content-type: multipart/",
        "content-encoding: ",
        "identity",
        "gzip",
        "content-length: ",
        "\n\n",
        "CD 2 von 3/",
        "%20-%20",
        "(Disc Two)",
        "01",
        "_",
        "-1997-GROUP",
    ],
    bytes_max: 4000,
    memory_max: MEMORY_MAX,
    open: || {
        let stage = Stage::new();
        Box::new(move |bytes| {
            let (head, body) = parted(bytes, b"\n\n");
            let (parameters, headers) = parted(head, b"\n");
            let path = [b"/api/v1/songs?", parameters].concat();
            let mut request = stage.request(Method::POST, &path);
            stage::add_headers(&mut request, headers);
            let answer = stage.ask(request, body);
            assert!(!answer.is_good(), "no audio is taken here");
            answer.told()
        })
    },
};

pub(super) const REQUESTS: Target = Target {
    name: "requests",
    about: "methods, paths, parameters and headers of all endpoints",
    seeds: || {
        let stage = Stage::new();
        let song = String::from_utf8_lossy(&stage.audio_path()).replace("/audio", "");
        let requests = [
            format!("GET {song}\nif-none-match: \"x\"\n\n"),
            format!("GET {song}/audio\nrange: bytes=5-\nif-range: \"x\"\n\n"),
            format!("HEAD {song}/audio\nif-modified-since: Sun, 06 Nov 1994 08:49:37 GMT\n\n"),
            format!("GET {song}/artwork?size=64\naccept: image/*\n\n"),
            format!("GET {song}/copies\n\n"),
            format!("GET {song}/lyrics\n\n"),
            "GET /api/v1/status\nhost: 127.0.0.1:1\n\n".to_owned(),
            "GET /api/v1/servers\norigin: http://localhost\n\n".to_owned(),
            "GET /openapi.json\n\n".to_owned(),
            "GET /health\nhost: other.example\n\n".to_owned(),
            "GET /metrics\n\n".to_owned(),
            "DELETE /api/v1/songs\nsec-fetch-site: same-site\n\n".to_owned(),
            "OPTIONS *\n\n".to_owned(),
        ];
        requests.map(String::into_bytes).to_vec()
    },
    words: &[
        "/audio",
        "/artwork?size=",
        "?recording=",
        "/..",
        "//",
        "%2f",
        "range: bytes=",
        "if-range: ",
        "if-none-match: ",
        "*",
        "W/\"",
        "\"",
        "if-modified-since: ",
        "if-match: ",
        "host: ",
        "origin: ",
        "null",
        "localhost",
        "sec-fetch-site: cross-site",
        "\n",
        "HEAD ",
        "POST ",
        "x-forwarded-host: ",
    ],
    bytes_max: 4000,
    memory_max: MEMORY_MAX,
    open: || {
        let stage = Stage::new();
        Box::new(move |bytes| {
            let (head, body) = parted(bytes, b"\n\n");
            let (line, headers) = parted(head, b"\n");
            let (method, path) = parted(line, b" ");
            let Ok(method) = Method::from_bytes(method) else {
                return "no method".to_owned();
            };
            let mut request = stage.request(method, path);
            stage::add_headers(&mut request, headers);
            stage.ask(request, body).told()
        })
    },
};
