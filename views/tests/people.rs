//! People: who may ask for what, and how they say who they are.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Router,
    body::Body,
    http::{Request, Response},
    routing::post,
};
use kadenza_accounts::{Accounts, Alone, FirstCode, LocalAccounts, MemoryStore, Role, Secret};
use kadenza_views::{ServerConfig, ViewsConfig, admins_only, router};
use serde_json::{Value, json};
use support::{Memory, Running, header, problem, read_to_end, write};
use tower::ServiceExt;

const PASSWORD: &str = "correct horse";

/// Each endpoint with the least role that may use it. An independent copy of the table, so that a change there is
/// seen here.
const ENDPOINTS: [(&str, &str, Option<Role>); 26] = [
    ("get", "/api/v1/songs", Some(Role::Listen)),
    ("post", "/api/v1/songs", Some(Role::Upload)),
    ("get", "/api/v1/songs/{id}", Some(Role::Listen)),
    ("get", "/api/v1/songs/{id}/copies", Some(Role::Listen)),
    ("get", "/api/v1/songs/{id}/audio", Some(Role::Listen)),
    ("get", "/api/v1/songs/{id}/artwork", Some(Role::Listen)),
    ("get", "/api/v1/songs/{id}/lyrics", Some(Role::Listen)),
    ("get", "/api/v1/artists", Some(Role::Listen)),
    ("get", "/api/v1/albums", Some(Role::Listen)),
    ("get", "/api/v1/genres", Some(Role::Listen)),
    ("get", "/api/v1/servers", Some(Role::Listen)),
    ("get", "/api/v1/status", Some(Role::Admin)),
    ("get", "/metrics", Some(Role::Admin)),
    ("get", "/health", None),
    ("get", "/api/v1/openapi.json", None),
    ("get", "/api/v1/me", None),
    ("post", "/api/v1/sign-in", None),
    ("post", "/api/v1/first-admin", None),
    ("post", "/api/v1/sign-out", Some(Role::Listen)),
    ("get", "/api/v1/users", Some(Role::Admin)),
    ("post", "/api/v1/users", Some(Role::Admin)),
    ("patch", "/api/v1/users/{id}", Some(Role::Listen)),
    ("delete", "/api/v1/users/{id}", Some(Role::Admin)),
    ("get", "/api/v1/tokens", Some(Role::Listen)),
    ("post", "/api/v1/tokens", Some(Role::Listen)),
    ("delete", "/api/v1/tokens/{id}", Some(Role::Listen)),
];

/// A server with people, and the code of its first administrator.
struct Served {
    router: Router,
    code: Secret,
    _folder: tempfile::TempDir,
}

async fn served() -> Served {
    let folder = tempfile::tempdir().unwrap();
    let first = FirstCode::at(folder.path().join("code")).unwrap();
    let code = first.code().clone();
    let store = Arc::new(MemoryStore::default());
    let writer = Arc::new(Alone::new());
    let now = || 1_800_000_000_000;
    let accounts = LocalAccounts::open(store, writer, now, Some(first))
        .await
        .unwrap();
    let accounts: Arc<dyn Accounts> = Arc::new(accounts);
    let memory = Arc::new(Memory::default());
    let config = ViewsConfig {
        accounts: Some(Arc::clone(&accounts)),
        ..ViewsConfig::default()
    };
    let beside = Router::new().route("/beside", post(async || "done"));
    let router = router(memory, config);
    Served {
        router: router.merge(admins_only(Some(accounts), beside)),
        code,
        _folder: folder,
    }
}

impl Served {
    async fn ask(&self, method: &str, path: &str, token: &str, body: &Value) -> Response<Body> {
        let mut request = Request::builder()
            .method(method.to_uppercase().as_str())
            .uri(path);
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.header("content-type", "application/json");
        let request = request.body(Body::from(body.to_string())).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn sign_in(&self, name: &str, kind: &str) -> Response<Body> {
        let body = json!({ "name": name, "password": PASSWORD, "kind": kind });
        self.ask("post", "/api/v1/sign-in", "", &body).await
    }

    /// The token of somebody new; of the first administrator without `admin`.
    async fn token_of(&self, name: &str, role: &str, admin: &str) -> String {
        let added = match admin {
            "" => {
                let code = self.code.expose();
                let body = json!({ "code": code, "name": name, "password": PASSWORD });
                self.ask("post", "/api/v1/first-admin", "", &body).await
            }
            admin => {
                let body = json!({ "name": name, "password": PASSWORD, "role": role });
                self.ask("post", "/api/v1/users", admin, &body).await
            }
        };
        assert_eq!(added.status(), 201);
        assert_eq!(support::json(added).await["role"], role);
        let signed_in = self.sign_in(name, "command-line").await;
        assert!(signed_in.headers().get("set-cookie").is_none());
        let signed_in = support::json(signed_in).await;
        signed_in["secret"].as_str().unwrap().to_owned()
    }

    async fn me(&self, token: &str) -> Value {
        support::json(self.ask("get", "/api/v1/me", token, &json!({})).await).await
    }
}

#[tokio::test]
async fn every_endpoint_asks_for_its_role() {
    let served = served().await;
    let description = support::json(
        served
            .ask("get", "/api/v1/openapi.json", "", &json!({}))
            .await,
    )
    .await;
    let described: BTreeSet<(String, String)> = description["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            item.as_object()
                .unwrap()
                .keys()
                .map(|method| (method.clone(), path.clone()))
        })
        // The process around the views serves the last two.
        .filter(|(method, path)| {
            !["parameters", "head"].contains(&method.as_str())
                && !["leave", "forget"].iter().any(|of| path.ends_with(of))
        })
        .collect();
    let listed = ENDPOINTS.map(|(method, path, _)| (method.to_owned(), path.to_owned()));
    assert_eq!(described, BTreeSet::from(listed));

    let admin = served.token_of("ada", "admin", "").await;
    let upload = served.token_of("uwe", "upload", &admin).await;
    let listen = served.token_of("lea", "listen", &admin).await;
    let beside = [("post", "/beside", Some(Role::Admin))];
    for (method, path, needed) in ENDPOINTS.into_iter().chain(beside) {
        let path = path.replace("{id}", &"0".repeat(64));
        for (token, role) in [
            ("", None),
            ("kadenza_wrong", None),
            (&listen, Some(Role::Listen)),
            (&upload, Some(Role::Upload)),
            (&admin, Some(Role::Admin)),
        ] {
            // Each token is still needed.
            if path.ends_with("sign-out") && role.is_some() {
                continue;
            }
            let answer = served.ask(method, &path, token, &json!({})).await;
            let status = answer.status();
            match needed {
                Some(needed) if role < Some(needed) => {
                    let (right, code) = match role {
                        None => (401, "not-signed-in"),
                        Some(_) => (403, "forbidden"),
                    };
                    assert_eq!(status, right, "{method} {path} as {role:?}");
                    if role.is_none() {
                        assert_eq!(header(&answer, "www-authenticate"), "Bearer");
                    }
                    let told = support::json(answer).await;
                    assert_eq!(told["type"], format!("urn:kadenza:error:{code}"), "{told}");
                }
                _ => assert!(
                    status != 401 && status != 403,
                    "{method} {path} as {role:?}: {status}"
                ),
            }
        }
    }
    let head = served.ask("head", "/api/v1/songs", "", &json!({})).await;
    assert_eq!(head.status(), 401);
}

#[tokio::test]
async fn a_session_is_a_cookie_that_scripts_cannot_read() {
    let served = served().await;
    served.token_of("ada", "admin", "").await;
    let signed_in = served.sign_in("ADA", "session").await;
    assert_eq!(signed_in.status(), 200);
    assert_eq!(header(&signed_in, "cache-control"), "no-store");
    let cookie = header(&signed_in, "set-cookie").to_owned();
    let (cookie, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(
        attributes,
        "Max-Age=2592000; Path=/; Secure; HttpOnly; SameSite=Strict"
    );
    assert!(cookie.starts_with("__Host-kadenza=kadenza_"));
    let body = support::json(signed_in).await;
    assert!(body.get("secret").is_none(), "{body}");

    let with = async |method: &str, path: &str, headers: &[(&str, &str)]| {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("cookie", cookie);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        served.router.clone().oneshot(request).await.unwrap()
    };
    assert_eq!(with("GET", "/api/v1/songs", &[]).await.status(), 200);
    // A page of another site that a browser sends the cookie for after all.
    let other = [("origin", "http://evil.example"), ("host", "localhost")];
    assert_eq!(with("POST", "/api/v1/sign-out", &other).await.status(), 403);
    let out = with("POST", "/api/v1/sign-out", &[]).await;
    assert_eq!(out.status(), 204);
    assert!(header(&out, "set-cookie").starts_with("__Host-kadenza=; Max-Age=0;"));
    assert_eq!(with("GET", "/api/v1/songs", &[]).await.status(), 401);
    // Whoever has an old cookie can sign in anew.
    assert_eq!(with("GET", "/api/v1/me", &[]).await.status(), 200);
}

#[tokio::test]
async fn what_was_revoked_disabled_or_deleted_asks_in_vain() {
    let served = served().await;
    let admin = served.token_of("ada", "admin", "").await;
    let lea = served.token_of("lea", "listen", &admin).await;
    let id = served.me(&lea).await["user"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let user = format!("/api/v1/users/{id}");
    let songs = async |token: &str| {
        served
            .ask("get", "/api/v1/songs", token, &json!({}))
            .await
            .status()
            .as_u16()
    };

    let wanted = json!({ "scope": "listen", "label": "phone", "days": 30 });
    let made = support::json(served.ask("post", "/api/v1/tokens", &lea, &wanted).await).await;
    let (app, token) = (
        made["secret"].as_str().unwrap(),
        made["token"]["id"].as_str().unwrap(),
    );
    assert_eq!(songs(app).await, 200);
    let token = format!("/api/v1/tokens/{token}");
    // It is nobody else's to revoke.
    assert_eq!(
        served
            .ask("delete", &token, &admin, &json!({}))
            .await
            .status(),
        404
    );
    assert_eq!(
        served
            .ask("delete", &token, &lea, &json!({}))
            .await
            .status(),
        204
    );
    assert_eq!(songs(app).await, 401);

    // Whoever is enabled again signs in again: the tokens of before stay ended.
    for (disabled, status) in [(true, 401), (false, 200)] {
        let changed = served
            .ask("patch", &user, &admin, &json!({ "disabled": disabled }))
            .await;
        assert_eq!(changed.status(), 200);
        assert_eq!(songs(&lea).await, 401);
        assert_eq!(served.sign_in("lea", "session").await.status(), status);
    }
    assert_eq!(
        served
            .ask("delete", &user, &admin, &json!({}))
            .await
            .status(),
        204
    );
    assert_eq!(songs(&lea).await, 401);
    assert_eq!(served.sign_in("lea", "session").await.status(), 401);
}

#[tokio::test]
async fn who_guesses_gets_429_and_when_to_try_again() {
    let served = served().await;
    served.token_of("ada", "admin", "").await;
    for name in ["ada", "nobody"] {
        let guess = json!({ "name": name, "password": "guess guess" });
        for _ in 0..5 {
            let told = served.ask("post", "/api/v1/sign-in", "", &guess).await;
            let told = problem(told, 401, "not-signed-in").await;
            assert_eq!(told["detail"], "the name or the password is wrong");
        }
        let told = served.ask("post", "/api/v1/sign-in", "", &guess).await;
        assert_eq!(header(&told, "retry-after"), "1");
        problem(told, 429, "wait").await;
    }
}

#[tokio::test]
async fn a_request_that_makes_no_sense_repeats_no_password() {
    let served = served().await;
    for body in [
        "{\"name\": \"a\", \"password\": \"hunter2",
        "{\"name\": \"a\", \"password\": [\"hunter2\"]}",
        "hunter2",
    ] {
        let request = Request::post("/api/v1/sign-in").header("content-type", "application/json");
        let request = request.body(Body::from(body)).unwrap();
        let answer = served.router.clone().oneshot(request).await.unwrap();
        let told = problem(answer, 400, "invalid").await;
        assert!(!told.to_string().contains("hunter2"), "{told}");
    }
    // What a form of a page could send is not taken.
    let request = Request::post("/api/v1/sign-in").header("content-type", "text/plain");
    let body = json!({ "name": "a", "password": PASSWORD }).to_string();
    let answer = served
        .router
        .clone()
        .oneshot(request.body(Body::from(body)).unwrap())
        .await
        .unwrap();
    problem(answer, 400, "invalid").await;
    let large = json!({ "name": "a", "password": "x".repeat(20_000) });
    problem(
        served.ask("post", "/api/v1/sign-in", "", &large).await,
        400,
        "invalid",
    )
    .await;
}

#[tokio::test]
async fn without_accounts_everybody_may_do_everything() {
    let router = support::views(&Arc::new(Memory::default()));
    let me = support::json(support::get(&router, "/api/v1/me", &[]).await).await;
    assert_eq!(
        me,
        json!({ "open": true, "needsFirstAdmin": false, "user": null })
    );
    let stale = [("authorization", "Bearer kadenza_old")];
    assert_eq!(
        support::get(&router, "/api/v1/status", &stale)
            .await
            .status(),
        200
    );
    problem(
        support::get(&router, "/api/v1/users", &[]).await,
        409,
        "no-accounts",
    )
    .await;
}

/// Tries a password for somebody behind a proxy; gives the head of the answer.
async fn guessed(server: &Running, name: &str, address: &str) -> String {
    let body = json!({ "name": name, "password": "battery staple" }).to_string();
    let request = format!(
        "POST /api/v1/sign-in HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {address}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut stream = server.connect().await;
    write(&mut stream, request.as_bytes()).await;
    read_to_end(&mut stream).await
}

#[tokio::test]
async fn who_guesses_at_many_names_waits_at_his_address() {
    let served = served().await;
    let config = ServerConfig {
        proxies: vec!["127.0.0.1".parse().unwrap()],
        ..ServerConfig::default()
    };
    let server = Running::start(served.router.clone(), config);
    let mut refused = None;
    for n in 0..20 {
        let answer = guessed(&server, &format!("user{n}"), "203.0.113.7").await;
        if answer.starts_with("HTTP/1.1 429 ") {
            refused = Some(answer.to_ascii_lowercase());
            break;
        }
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    }
    let refused = refused.expect("names are many, but the address is one");
    assert!(refused.contains("\r\nretry-after: "), "{refused}");
    let other = guessed(&server, "user0", "203.0.113.8").await;
    assert!(other.starts_with("HTTP/1.1 401 "), "{other}");
}
