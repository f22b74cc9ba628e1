//! Servers with `--cache`, as processes: what they answer, what they tell, and what a cache that is
//! away, or silent, costs them.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use kadenza_integration_tests::{
    fixtures::{AudioFile, Authority},
    http,
    processes::{Ended, Server, invited, wait_until},
    servers::{self, RedisAccess},
};
use reqwest::header::HeaderMap;
use tempfile::TempDir;

/// How long a server may take for an answer about itself, whatever its cache does.
const AT_ONCE: Duration = Duration::from_secs(5);

/// A library alone with one song, "Out of Memory", behind the cache that the flags name.
fn server_with(folder: &TempDir, flags: &[&str]) -> Server {
    let data = folder.path().join("data");
    let data = data
        .to_str()
        .expect("temporary directories are named in text");
    let serve = ["serve", "--standalone", "--data", data, "--http"];
    let server = Server::start(&[&serve[..], &["127.0.0.1:0"], flags].concat());
    let file = AudioFile::named("Out of Memory", "Someone", "Somewhere");
    let path = folder.path().join("song.wav");
    std::fs::write(&path, file.bytes()).unwrap();
    let uploaded = server.ask(&["upload", path.to_str().unwrap()]);
    assert_eq!(uploaded.status, 0, "{uploaded:?}");
    server
}

/// Searches for the song, which must be found.
fn found(server: &Server) -> Ended {
    let found = server.ask(&["search", "memory", "--timing"]);
    assert_eq!((found.status, found.lines().count()), (0, 1), "{found:?}");
    found
}

/// The head and the text of an answer, which must come at once.
fn get(server: &Server, path: &str) -> (HeaderMap, String) {
    let url = format!("{}{path}", server.url());
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    let begun = Instant::now();
    let answer = runtime.block_on(async {
        let answer = http::get(&url).await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        (answer.headers().clone(), answer.text().await.unwrap())
    });
    assert!(begun.elapsed() < AT_ONCE, "{path}: {:?}", begun.elapsed());
    answer
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

/// The value of a metric of a node.
fn metric(server: &Server, name: &str, node: &str) -> f64 {
    let (_, text) = get(server, "/metrics");
    let start = format!("kadenza_cache_{name}{{node=\"{node}\"}} ");
    let value = text.lines().find_map(|line| line.strip_prefix(&start));
    let value = value.unwrap_or_else(|| panic!("{start} is not in\n{text}"));
    value.parse().unwrap()
}

#[test]
fn a_second_answer_from_the_cache_is_told_everywhere() {
    let folder = TempDir::new().unwrap();
    let server = server_with(&folder, &["--cache", "embedded"]);
    let node = format!("embedded@{}", server.http());

    let [first, second] = [(); 2].map(|()| found(&server));
    assert_eq!(first.stdout, second.stdout);
    assert!(
        first.stderr.contains("from the library") && first.stderr.contains(" ms"),
        "{first:?}"
    );
    let told = format!("; from cache {node}\n");
    assert!(second.stderr.ends_with(&told), "{second:?}");

    let path = "/api/v1/songs?q=somewhere";
    let [(miss, missed), (hit, body)] = [(); 2].map(|()| get(&server, path));
    assert_eq!(body, missed);
    assert_eq!(
        header(&miss, "cache-status"),
        format!("\"{node}\"; fwd=miss; stored")
    );
    assert_eq!(header(&hit, "cache-status"), format!("\"{node}\"; hit"));
    for (headers, layers) in [
        (&miss, &["total", "service", "cache", "below"][..]),
        (&hit, &["total", "service", "cache"]),
    ] {
        let timing = header(headers, "server-timing");
        let told = timing.split(", ").map(|part| part.split(';').next());
        assert!(told.flatten().eq(layers.iter().copied()), "{timing}");
        let times: Vec<f64> = timing
            .split("dur=")
            .skip(1)
            .map(|time| time.split(',').next().unwrap().parse().unwrap())
            .collect();
        assert!(
            times[0] >= times[1] && times[1] >= times[2..].iter().sum(),
            "{timing}"
        );
    }

    assert!(metric(&server, "hits_total", &node) >= 2.0);
    assert!((metric(&server, "up", &node) - 1.0).abs() < f64::EPSILON);
    let status = server.ask(&["status"]);
    let row = status.lines().find(|line| line.starts_with(&node)).unwrap();
    assert!(row.contains(" up ") && row.contains(" %"), "{row}");
    let document = server.ask(&["status", "--json"]).stdout;
    assert!(
        document.contains(&format!("\"node\":\"{node}\"")),
        "{document}"
    );
}

/// RFC 9211, section 2: the first is the cache closest to the origin, the last closest to the user.
#[test]
fn a_gateway_with_a_cache_tells_of_the_caches_behind_it_first() {
    let folder = TempDir::new().unwrap();
    let server = server_with(&folder, &["--cache", "embedded"]);
    let url = server.url();
    let gateway = [
        "gateway",
        "--server",
        &url,
        "--http",
        "127.0.0.1:0",
        "--cache",
        "embedded",
    ];
    let gateway = Server::start(&gateway);
    let (behind, front) = (server.http(), gateway.http());
    let path = "/api/v1/songs?q=someone";
    get(&server, path);
    let [(first, _), (second, _)] = [(); 2].map(|()| get(&gateway, path));
    assert_eq!(
        header(&first, "cache-status"),
        format!("\"embedded@{behind}\"; hit, \"embedded@{front}\"; fwd=miss; stored")
    );
    let timing = header(&first, "server-timing");
    assert!(timing.contains("server;dur="), "{timing}");
    assert_eq!(
        header(&second, "cache-status"),
        format!("\"embedded@{front}\"; hit")
    );
    let status = gateway.ask(&["status"]);
    let nodes = status.lines().filter(|line| line.contains('@'));
    assert_eq!(nodes.count(), 4, "{status:?}");
}

/// A list lacks uploads that go past the cache for `--cache-ttl` at most, as `--help` says.
#[test]
fn a_remembered_list_gets_songs_of_other_nodes_in_time() {
    let folder = TempDir::new().unwrap();
    let node = |name: &str, flags: &[&str]| {
        let data = folder.path().join(name);
        let data = data.to_str().unwrap();
        let serve = ["serve", "--data", data, "--http", "127.0.0.1:0", "--rpc"];
        Server::start(&[&serve[..], &["127.0.0.1:0"], flags].concat())
    };
    let cache = [
        "--cache",
        "embedded",
        "--cache-nodes",
        "2",
        "--cache-ttl",
        "1s",
    ];
    let one = node(
        "one",
        &[&cache[..], &["--cache-layout", "replicated", "--bootstrap"]].concat(),
    );
    let invited = invited(&folder.path().join("one"));
    let invited = invited.each_ref().map(String::as_str);
    let other = node("other", &[&cache[..], &invited].concat());
    let search = |server: &Server| {
        let ended = server.ask(&["search", "elsewhere", "--timing"]);
        assert_eq!(ended.status, 0, "{ended:?}");
        ended
    };
    // Remembered: there is none.
    for _ in 0..2 {
        assert_eq!(search(&other).lines().count(), 0);
    }
    let path = folder.path().join("song.wav");
    std::fs::write(&path, AudioFile::named("Elsewhere", "A", "B").bytes()).unwrap();
    wait_until("the nodes know each other", || {
        let uploaded = one.ask(&["upload", path.to_str().unwrap()]);
        (uploaded.status == 0).then_some(())
    });
    assert_eq!(
        search(&one).lines().count(),
        1,
        "its own cache knows at once"
    );
    wait_until("the other node's list is out of date", || {
        (search(&other).lines().count() == 1).then_some(())
    });
    let node = format!("@{}", other.http());
    wait_until("the new list is remembered", || {
        let told = search(&other).stderr;
        (told.contains("; from cache embedded-") && told.contains(&node)).then_some(())
    });
}

#[test]
fn a_killed_redis_costs_no_answer_and_is_used_again_later() {
    let Some(redis) = servers::redis(&[]) else {
        return;
    };
    let (folder, url) = (TempDir::new().unwrap(), redis.url());
    let server = server_with(&folder, &["--cache", &url]);
    let from_redis = |found: Ended| found.stderr.ends_with(&format!("; from cache {url}\n"));
    found(&server);
    assert!(from_redis(found(&server)));

    redis.kill();
    for _ in 0..5 {
        assert!(!from_redis(found(&server)));
    }
    wait_until("the dead server is told of", || {
        (metric(&server, "up", &url) < 0.5).then_some(())
    });
    assert!(metric(&server, "failures_total", &url) > 0.5);
    let status = server.ask(&["status"]);
    let row = status.lines().find(|line| line.starts_with("redis://"));
    assert!(row.is_some_and(|row| row.contains(" down ")), "{status:?}");

    redis.restart().unwrap();
    wait_until("the cache is used again", || {
        from_redis(found(&server)).then_some(())
    });
    assert!((metric(&server, "up", &url) - 1.0).abs() < f64::EPSILON);
}

#[test]
fn a_silent_cache_delays_answers_only_for_a_moment() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", silent.local_addr().unwrap());
    let folder = TempDir::new().unwrap();
    let server = server_with(&folder, &["--cache", &url]);
    let begun = Instant::now();
    found(&server);
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    get(&server, "/api/v1/status");
    assert!(metric(&server, "up", &url) < 0.5);
    let warned = || server.told().contains(&url).then_some(());
    wait_until("the log tells that the cache does not answer", warned);
}

#[test]
fn metrics_answer_while_the_library_is_away() {
    let backend = TcpListener::bind("127.0.0.1:0").unwrap();
    let library = format!("grpc://{}", backend.local_addr().unwrap());
    drop(backend);
    let serve = [
        "serve",
        "--standalone",
        "--http",
        "127.0.0.1:0",
        "--library",
        &library,
    ];
    let cache = ["--cache", "embedded", "--cache-nodes", "3"];
    let server = Server::start(&[&serve[..], &cache].concat());
    assert_eq!(server.ask(&["search", "word"]).status, 1);
    for number in 1..=3 {
        let node = format!("embedded-{number}@{}", server.http());
        assert!((metric(&server, "up", &node) - 1.0).abs() < f64::EPSILON);
    }
}

#[test]
fn a_server_remembers_on_redis_with_tls_and_says_no_password() {
    let folder = TempDir::new().unwrap();
    let authority = Authority::new();
    let access = RedisAccess {
        tls: Some(servers::redis_tls(&authority)),
        password: Some("secret".to_owned()),
        ..RedisAccess::default()
    };
    let Some(redis) = servers::redis_with(&access, &[]) else {
        return;
    };
    let ca = authority.ca();
    let flags = ["--cache", &redis.url(), "--ca", ca.to_str().unwrap()];
    let server = server_with(&folder, &flags);
    let told = format!("; from cache rediss://{}\n", redis.address());
    wait_until("an answer comes from Redis", || {
        found(&server).stderr.ends_with(&told).then_some(())
    });
    assert!(!server.told().contains("secret"), "{}", server.told());
}
