//! Flags, and the caches that they make.

use clap::{CommandFactory, FromArgMatches, Parser};

use super::*;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    given: Given,
    #[command(flatten)]
    cache: CacheFlags,
}

fn parsed(line: &str) -> Result<Line, String> {
    let words = std::iter::once("serve").chain(line.split(' ').filter(|word| !word.is_empty()));
    let matches = Line::command().try_get_matches_from(words);
    let line = matches.and_then(|matches| Line::from_arg_matches(&matches));
    line.map_err(|error| error.to_string())
}

/// The cache of a command line, or the reason for which it is refused.
fn planned(line: &str) -> Result<Option<Cache>, String> {
    let line = parsed(line)?;
    let (url, roots) = ("http://127.0.0.1:4533", Roots::default());
    let plan = line
        .cache
        .cache(&line.given, LibraryUse::Shared, url, &roots);
    plan.map_err(|fault| fault.to_string())
}

async fn nodes(line: &str) -> Vec<String> {
    let planned = planned(line).unwrap().expect("a cache");
    let counts = planned.answers.counts().await;
    counts.into_iter().map(|node| node.node).collect()
}

#[tokio::test]
async fn nodes_are_named_and_laid_out_as_the_flags_say() {
    assert!(planned("").unwrap().is_none());
    assert!(planned("--cache off").unwrap().is_none());
    assert_eq!(nodes("--cache embedded").await, ["embedded@127.0.0.1:4533"]);
    for layout in [
        "",
        " --cache-layout partitioned",
        " --cache-layout replicated",
    ] {
        let line = format!("--cache embedded --cache-nodes 3{layout}");
        assert_eq!(nodes(&line).await.len(), 3, "{line}");
    }
    let planned = planned("--cache embedded --cache-ttl 7s").unwrap();
    assert_eq!(planned.unwrap().config.lists, Duration::from_secs(7));
}

#[tokio::test]
async fn servers_that_are_away_are_nodes_all_the_same() {
    // Port 1 is reserved and not served on machines that build software.
    assert_eq!(
        nodes("--cache redis://:secret@127.0.0.1:1").await,
        ["redis://127.0.0.1:1"]
    );
    let two = "--cache redis://127.0.0.1:1 --cache redis://127.0.0.1:1/2";
    assert_eq!(nodes(two).await.len(), 2);
    let replicated = format!("{two} --cache-layout replicated");
    assert_eq!(nodes(&replicated).await.len(), 2);
}

#[test]
fn contradictory_cache_flags_are_refused_with_what_to_do() {
    for (line, told) in [
        ("--cache disk", "embedded"),
        ("--cache off --cache embedded", "no other"),
        ("--cache embedded --cache embedded", "--cache-nodes"),
        ("--cache-policy allkeys-lru", "--cache"),
        ("--cache off --cache-ttl 5", "--cache"),
        ("--cache embedded --cache-policy lru", "allkeys-lru"),
        (
            "--cache embedded --cache-layout replicated",
            "--cache-nodes N",
        ),
        (
            "--cache embedded --cache-nodes 2 --cache-layout central",
            "partitioned",
        ),
        ("--cache embedded --cache-ttl 0", "above 0"),
        ("--cache embedded --cache-ttl 5days", "5min"),
        ("--cache embedded --cache-bytes some", "2GiB"),
        ("--cache embedded --cache-entries 0", "0"),
        ("--cache redis://", "redis://HOST:PORT"),
        ("--cache redis+sentinel://a:1", "NAME"),
        ("--cache rediss://a/#insecure", "fragment"),
        ("--cache redis+sockets:///run/redis.sock", "redis+unix"),
        (
            "--cache redis://a --cache-policy allkeys-lru",
            "maxmemory-policy",
        ),
        ("--cache redis://a --cache-bytes 1MB", "maxmemory"),
        ("--cache redis://a --cache-nodes 2", "--cache of its own"),
        ("--cache redis://a --cache redis://a", "twice"),
        (
            "--cache redis+cluster://a:1,b:1 --cache redis://a",
            "Cluster",
        ),
    ] {
        let refused = planned(line).map(|_| ()).unwrap_err();
        assert!(refused.contains(told), "{line}: {refused}");
    }
}

#[test]
fn redis_elsewhere_is_spoken_to_encrypted() {
    let check = |line: &str| {
        let line = parsed(line).unwrap();
        line.cache
            .check(&line.given)
            .map_err(|fault| fault.to_string())
    };
    for private in [
        "",
        "--cache embedded",
        "--cache redis://localhost --cache redis+unix:///run/redis.sock",
        "--cache rediss://user:secret@a:1",
        "--cache rediss+sentinel://a:1,b:2/songs",
    ] {
        assert_eq!(check(private), Ok(()), "{private}");
    }
    for exposed in [
        "--cache redis://:secret@a:1",
        "--cache redis://localhost --cache redis://10.0.0.1",
        "--cache redis+cluster://:secret@localhost:1,a:1",
    ] {
        let refused = check(exposed).unwrap_err();
        assert!(refused.contains("--insecure-redis"), "{refused}");
        assert!(!refused.contains("secret"), "{refused}");
        assert_eq!(check(&format!("{exposed} --insecure-redis")), Ok(()));
    }
}
