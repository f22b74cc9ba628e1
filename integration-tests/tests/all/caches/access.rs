//! Redis servers that speak TLS, ask for passwords, or listen at a socket.

use std::{sync::Arc, time::Duration};

use kadenza_integration_tests::{
    fixtures::Authority,
    servers::{self, RedisAccess},
};
use kadenza_services::cache::{self, Guarded, Patience, Store};
use kadenza_tls::Roots;

use super::{library, over, redis::all_hit_within};

/// What is remembered comes from there.
async fn is_a_cache(url: &str, roots: &Roots) {
    let (_directory, library, ids) = library(20).await;
    let node = Arc::new(cache::Redis::with_roots(url, roots).unwrap());
    let node = Arc::new(Guarded::new(node, Patience::default()));
    let cached = over(Arc::clone(&node) as Arc<dyn Store>, library);
    all_hit_within(Duration::from_secs(20), &cached, &ids).await;
    let counts = &node.counts().await[0];
    assert!(counts.is_up && counts.entries >= 20, "{counts:?}");
    assert!(!counts.node.contains("secret"), "{counts:?}");
}

/// Nothing is learned from there, and the reason is this.
async fn is_refused(url: &str, roots: &Roots, reason: &str) {
    let node = cache::Redis::with_roots(url, roots).unwrap();
    let asked = node.get(b"key").await;
    let Err(error) = asked else {
        panic!("{url}: {asked:?}");
    };
    let told = format!("{error:?}");
    assert!(told.contains(reason), "{url}: {told}");
    assert!(!node.counts().await[0].is_up);
}

fn secret() -> Option<String> {
    Some("secret".to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_proves_its_name_to_those_who_trust_its_authority() {
    let authority = Authority::for_names(&["localhost"]);
    let access = RedisAccess {
        tls: Some(servers::redis_tls(&authority)),
        password: secret(),
        ..RedisAccess::default()
    };
    let Some(server) = servers::redis_with(&access, &[]) else {
        return;
    };
    let roots = authority.roots();
    let url = server.url().replace("127.0.0.1", "localhost");
    assert!(url.starts_with("rediss://:secret@"), "{url}");
    is_a_cache(&url, &roots).await;
    is_refused(&url, &Roots::default(), "UnknownIssuer").await;
    is_refused(&url, &Authority::new().roots(), "certificate").await;
    is_refused(&server.url(), &roots, "not valid for name").await;
    is_refused(&url.replace("secret", "secreT"), &roots, "Authentication").await;
    is_refused(&url.replace("rediss", "redis"), &roots, "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_cluster_speaks_tls_and_asks_for_a_password() {
    let authority = Authority::new();
    let access = RedisAccess {
        tls: Some(servers::redis_tls(&authority)),
        password: secret(),
        ..RedisAccess::default()
    };
    let Some(servers) = servers::redis_cluster_with(&access, 3) else {
        return;
    };
    is_a_cache(&servers.url(), &authority.roots()).await;
    is_refused(&servers.url(), &Roots::default(), "UnknownIssuer").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_sentinels_have_the_password_of_servers_or_none() {
    let with_password = RedisAccess {
        password: secret(),
        ..RedisAccess::default()
    };
    for of_sentinels in [RedisAccess::default(), with_password.clone()] {
        let Some(servers) = servers::redis_sentinel_with(&with_password, &of_sentinels) else {
            return;
        };
        is_a_cache(&servers.url(), &Roots::default()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_sentinels_speak_tls_and_servers_have_a_user() {
    let authority = Authority::new();
    let of_sentinels = RedisAccess {
        tls: Some(servers::redis_tls(&authority)),
        ..RedisAccess::default()
    };
    let access = RedisAccess {
        user: Some("songs".to_owned()),
        password: secret(),
        ..of_sentinels.clone()
    };
    let Some(servers) = servers::redis_sentinel_with(&access, &of_sentinels) else {
        return;
    };
    assert!(servers.url().starts_with("rediss+sentinel://songs:secret@"));
    is_a_cache(&servers.url(), &authority.roots()).await;
    is_refused(&servers.url(), &Roots::default(), "UnknownIssuer").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_listens_at_a_socket_with_a_user() {
    let directory = tempfile::TempDir::new().unwrap();
    let socket = directory.path().join("redis.sock");
    let socket = socket.to_str().unwrap();
    let access = RedisAccess {
        user: Some("songs".to_owned()),
        password: secret(),
        tls: None,
    };
    let Some(_server) = servers::redis_with(&access, &["--unixsocket", socket]) else {
        return;
    };
    for scheme in ["redis+unix", "unix"] {
        let url = format!("{scheme}://{socket}?user=songs&pass=secret");
        is_a_cache(&url, &Roots::default()).await;
    }
    is_refused(
        &format!("unix://{socket}?user=songs&pass=secreT"),
        &Roots::default(),
        "AuthenticationFailed",
    )
    .await;
}
