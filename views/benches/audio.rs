//! How fast does one node serve audio, beside nginx serving the same files with `sendfile`?
//!
//! `cargo bench -p kadenza-views --bench audio`. Both are driven by `wrk` on this machine, turn by
//! turn, for whole 8 MB files and for random ranges of 64 KiB, each in the clear and over TLS 1.3 with the same
//! certificate; the median of the rounds counts.
//! `KADENZA_BENCH_SECONDS` is the length of a round (default 4).

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

use std::{
    error::Error,
    fmt::Write,
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use kadenza_services::{Library, MusicService, MusicServiceExt, Stated, library::LibraryConfig};
use kadenza_tls::Certificate;
use kadenza_views::{Server, ServerConfig, ViewsConfig, router};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const FILES: usize = 16;
const FILE_BYTES: usize = 8 << 20;
const RANGE_BYTES: usize = 64 << 10;
/// Different requests that each thread of wrk makes beforehand and then repeats.
const REQUESTS: usize = 4096;
const CONNECTIONS: usize = 32;
const THREADS: usize = 2;
const ROUNDS: usize = 3;

fn main() -> Result<()> {
    let Some((wrk, nginx)) = find("wrk").zip(find("nginx")) else {
        println!("skipped: this bench needs wrk and nginx (apt-get install wrk nginx-light)");
        return Ok(());
    };
    let seconds =
        std::env::var("KADENZA_BENCH_SECONDS").map_or(Ok(4), |text| text.parse::<u64>())?;
    let scratch = tempfile::tempdir()?;
    let files = scratch.path().join("files");
    fs::create_dir(&files)?;

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()?;
    let pair = Pair::make(scratch.path())?;
    let (kadenza, kadenza_paths) =
        runtime.block_on(start_kadenza(scratch.path(), &files, &pair))?;
    let nginx_paths: Vec<String> = (0..FILES).map(|n| format!("/{n}.wav")).collect();
    let nginx = Nginx::start(&nginx, scratch.path(), &files, &pair)?;

    let mut table = format!(
        "{:<22} {:>14} {:>10} {:>14} {:>10} {:>16}\n",
        "", "nginx req/s", "GB/s", "kadenza req/s", "GB/s", "kadenza / nginx"
    );
    let ranges = Some(RANGE_BYTES);
    for (what, range, door) in [
        ("8 MB files", None, Door::Plain),
        ("64 KiB ranges", ranges, Door::Plain),
        ("8 MB files, TLS", None, Door::Tls),
        ("64 KiB ranges, TLS", ranges, Door::Tls),
    ] {
        let script = |name: &str, paths: &[String]| -> Result<PathBuf> {
            let path = scratch.path().join(format!("{name}.lua"));
            fs::write(&path, lua(paths, range))?;
            Ok(path)
        };
        let contenders = [
            (door.of(nginx.doors), script("nginx", &nginx_paths)?),
            (door.of(kadenza), script("kadenza", &kadenza_paths)?),
        ];
        let mut rates = [Vec::new(), Vec::new()];
        for round in 0..=ROUNDS {
            for ((address, script), rates) in contenders.iter().zip(&mut rates) {
                // The first round warms up: pages, pools, sizes of socket buffers.
                let length = if round == 0 { 1 } else { seconds };
                let rate = drive(&wrk, address, script, length)?;
                if round > 0 {
                    rates.push(rate);
                }
            }
        }
        let [nginx, kadenza] = rates.map(median);
        writeln!(
            table,
            "{what:<22} {:>14.0} {:>10.2} {:>14.0} {:>10.2} {:>16.2}",
            nginx.requests,
            nginx.bytes / 1e9,
            kadenza.requests,
            kadenza.bytes / 1e9,
            kadenza.requests / nginx.requests
        )?;
    }
    println!(
        "\nGET …/audio over loopback, {FILES} files, wrk with {THREADS} threads and {CONNECTIONS} connections,\n\
         nginx with {THREADS} workers and sendfile, Kadenza with {THREADS} threads; {} processors\n\n{table}",
        thread::available_parallelism()?
    );
    Ok(())
}

/// Whether it is encrypted.
#[derive(Debug, Clone, Copy)]
enum Door {
    Plain,
    Tls,
}

impl Door {
    /// The base URL of a server that has one of each.
    fn of(self, [plain, tls]: [SocketAddr; 2]) -> String {
        match self {
            Door::Plain => format!("http://{plain}/"),
            Door::Tls => format!("https://{tls}/"),
        }
    }
}

/// A certificate that vouches for itself, and its key, as files. P-256, the usual kind.
struct Pair {
    certificate: PathBuf,
    key: PathBuf,
}

impl Pair {
    fn make(scratch: &Path) -> Result<Pair> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        let pair = Pair {
            certificate: scratch.join("cert.pem"),
            key: scratch.join("key.pem"),
        };
        fs::write(&pair.certificate, made.cert.pem())?;
        fs::write(&pair.key, made.signing_key.serialize_pem())?;
        Ok(pair)
    }
}

/// Makes the files, uploads them into a library, and serves it, in the clear and with TLS.
async fn start_kadenza(
    scratch: &Path,
    files: &Path,
    pair: &Pair,
) -> Result<([SocketAddr; 2], Vec<String>)> {
    let library = Library::open(scratch.join("library"), LibraryConfig::default()).await?;
    let mut paths = Vec::new();
    for n in 0..FILES {
        let audio = wav(n);
        fs::write(files.join(format!("{n}.wav")), &audio)?;
        let stated = Stated {
            title: Some(format!("Song {n}")),
            ..Stated::default()
        };
        let upload = library.upload_bytes(Bytes::from(audio), stated).await?;
        paths.push(format!("/api/v1/songs/{}/audio", upload.song.id()));
    }
    let service: Arc<dyn MusicService> = Arc::new(library);
    let router = router(service, ViewsConfig::default());
    let bind = || {
        Server::bind("127.0.0.1:0".parse()?, ServerConfig::default())
            .map_err(Box::<dyn Error>::from)
    };
    let certificate = Certificate::open(pair.certificate.clone(), pair.key.clone());
    let certificate = certificate.await.map_err(|unusable| unusable.told())?;
    let servers = [bind()?, bind()?.with_tls(&certificate)?];
    let addresses = [servers[0].local_addr()?, servers[1].local_addr()?];
    for server in servers {
        tokio::spawn(server.serve(router.clone(), std::future::pending()));
    }
    // It is read again for as long as it is needed.
    std::mem::forget(certificate);
    Ok((addresses, paths))
}

/// A WAV file of noise, another for each `seed`.
fn wav(seed: usize) -> Vec<u8> {
    let data = FILE_BYTES as u32 - 44;
    let mut file = Vec::with_capacity(FILE_BYTES);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(data + 36).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x02\0");
    file.extend_from_slice(&44_100_u32.to_le_bytes());
    file.extend_from_slice(&176_400_u32.to_le_bytes());
    file.extend_from_slice(b"\x04\0\x10\0data");
    file.extend_from_slice(&data.to_le_bytes());
    let mut state = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed as u64 + 1);
    while file.len() < FILE_BYTES {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        file.push((state >> 56) as u8);
    }
    file
}

/// An nginx that is stopped when this is dropped.
struct Nginx {
    process: Child,
    doors: [SocketAddr; 2],
}

impl Nginx {
    fn start(binary: &Path, scratch: &Path, files: &Path, pair: &Pair) -> Result<Nginx> {
        let free = || TcpListener::bind("127.0.0.1:0")?.local_addr();
        let [plain, tls] = [free()?, free()?];
        let (certificate, key) = (pair.certificate.display(), pair.key.display());
        let prefix = scratch.join("nginx");
        fs::create_dir(&prefix)?;
        let config = prefix.join("nginx.conf");
        let (prefix, files) = (prefix.display(), files.display());
        fs::write(
            &config,
            format!(
                "daemon off; user root; worker_processes {THREADS}; pid {prefix}/nginx.pid;
                 error_log {prefix}/error.log;
                 events {{ worker_connections 1024; }}
                 http {{
                   access_log off; sendfile on; tcp_nodelay on;
                   keepalive_requests 100000000; open_file_cache max=1000;
                   types {{ audio/wav wav; }}
                   client_body_temp_path {prefix}/body; proxy_temp_path {prefix}/proxy;
                   fastcgi_temp_path {prefix}/fastcgi; uwsgi_temp_path {prefix}/uwsgi;
                   scgi_temp_path {prefix}/scgi;
                   ssl_protocols TLSv1.3; ssl_certificate {certificate}; ssl_certificate_key {key};
                   server {{ listen {plain}; root {files}; }}
                   server {{ listen {tls} ssl; root {files}; }}
                 }}"
            ),
        )?;
        let process = Command::new(binary)
            .arg("-p")
            .arg(scratch.join("nginx"))
            .arg("-c")
            .arg(&config)
            .stderr(Stdio::null())
            .spawn()?;
        let nginx = Nginx {
            process,
            doors: [plain, tls],
        };
        let begun = Instant::now();
        while TcpStream::connect(tls).is_err() {
            if begun.elapsed() > Duration::from_secs(10) {
                return Err("nginx does not listen".into());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(nginx)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its own command ends the workers too; `kill` is for the case that this fails.
        let stopped = Command::new("kill")
            .arg(self.process.id().to_string())
            .status();
        if !stopped.is_ok_and(|status| status.success()) {
            drop(self.process.kill());
        }
        drop(self.process.wait());
    }
}

/// What wrk asks for: all of a file or a random range of it, and how it reports.
fn lua(paths: &[String], range: Option<usize>) -> String {
    let list: Vec<String> = paths.iter().map(|path| format!("{path:?}")).collect();
    let list = list.join(",");
    let headers = range.map_or("{}".to_owned(), |bytes| {
        format!(
            "{{ ['Range'] = string.format('bytes=%d-%d', at, at + {}) }}",
            bytes - 1
        )
    });
    let last = FILE_BYTES - range.unwrap_or(FILE_BYTES);
    format!(
        "local paths = {{ {list} }}
         local requests, next = {{}}, 0
         init = function(args)
           math.randomseed(42)
           for i = 1, {REQUESTS} do
             local at = math.random(0, {last})
             requests[i] = wrk.format('GET', paths[math.random(#paths)], {headers})
           end
         end
         request = function()
           next = next % {REQUESTS} + 1
           return requests[next]
         end
         done = function(summary)
           local e = summary.errors
           print(string.format('RESULT %d %.0f %d %d', summary.requests, summary.bytes, summary.duration,
             e.connect + e.read + e.write + e.status))
         end"
    )
}

/// What a round measured, per second.
#[derive(Debug, Clone, Copy)]
struct Rate {
    requests: f64,
    bytes: f64,
}

fn drive(wrk: &Path, url: &str, script: &Path, seconds: u64) -> Result<Rate> {
    let output = Command::new(wrk)
        .args([format!("-t{THREADS}"), format!("-c{CONNECTIONS}")])
        .args([format!("-d{seconds}s"), "-s".to_owned()])
        .arg(script)
        .arg(url)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let result: Vec<f64> = text
        .lines()
        .find_map(|line| line.strip_prefix("RESULT "))
        .ok_or_else(|| {
            let said = String::from_utf8_lossy(&output.stderr);
            format!("wrk said: {text}{said}")
        })?
        .split(' ')
        .map(str::parse)
        .collect::<std::result::Result<_, _>>()?;
    match result[..] {
        [requests, bytes, us, 0.0] => Ok(Rate {
            requests: requests / us * 1e6,
            bytes: bytes / us * 1e6,
        }),
        _ => Err(format!("there were errors: {text}").into()),
    }
}

fn median(mut rates: Vec<Rate>) -> Rate {
    rates.sort_by(|a, b| a.requests.total_cmp(&b.requests));
    rates[rates.len() / 2]
}

/// A program on the path, or where Debian keeps those of administrators.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}
