//! The accounts of servers, asked by a server in front of them.

mod common;

use std::{sync::Arc, time::Duration};

use common::{Fault, Music, Request, Server, client_with};
use kadenza_accounts::{
    Accounts, AccountsError, Caller, NewToken, NewUser, Role, Secret, SignIn, TokenKind, UserChange,
};
use kadenza_contract::Error;
use kadenza_middleware::RemoteAccounts;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::advance;

const S: Duration = Duration::from_secs(1);
const ME: &str = "/api/v1/me";

fn account() -> String {
    "a".repeat(32)
}

fn token(chance: &str) -> Secret {
    format!(
        "kadenza_{}{}{}",
        account(),
        "b".repeat(32),
        chance.repeat(64)
    )
    .into()
}

fn user() -> Value {
    json!({ "id": account(), "name": "lea", "role": "listen", "disabled": false })
}

fn known() -> Value {
    json!({ "open": false, "needsFirstAdmin": false, "user": user(), "kind": "app" })
}

fn open(open: bool) -> Value {
    json!({ "open": open, "needsFirstAdmin": false, "user": null })
}

/// A server that answers the question who asks with what is in the cell, and everything else with 404.
async fn server(answer: &Arc<Mutex<Fault>>) -> Server {
    let server = Server::start(&Music::new()).await;
    let answer = Arc::clone(answer);
    server.on(move |request| match request.is_health() {
        true => Fault::None,
        false => answer.lock().clone(),
    });
    server
}

fn says(json: Value) -> Arc<Mutex<Fault>> {
    Arc::new(Mutex::new(Fault::Json(200, json)))
}

fn accounts(servers: &[&Server]) -> RemoteAccounts {
    client_with(servers, |_| {}).accounts()
}

fn shown(request: &Request) -> &str {
    request.header("authorization").unwrap_or_default()
}

fn is_storage<T: std::fmt::Debug>(answer: &Result<T, AccountsError>) -> bool {
    matches!(
        answer,
        Err(AccountsError::Storage(Error::Unreachable { .. }))
    )
}

#[tokio::test(start_paused = true)]
async fn servers_are_open_together_only_where_each_says_so() {
    let (one, two) = (says(open(true)), says(open(true)));
    let (first, second) = (server(&one).await, server(&two).await);
    let accounts = accounts(&[&first, &second]);
    assert!(accounts.is_open().await.unwrap());
    *two.lock() = Fault::Json(200, open(false));
    // What they said counts for some seconds, and both are asked each time.
    assert!(accounts.is_open().await.unwrap());
    assert_eq!((first.seen().len(), second.seen().len()), (1, 1));
    advance(5 * S).await;
    assert!(!accounts.is_open().await.unwrap());
    assert_eq!((first.seen().len(), second.seen().len()), (2, 2));
    // Out of reach or out of its mind, it is not open.
    for fault in [
        Fault::Close,
        Fault::Json(200, json!({})),
        Fault::Problem(500, "storage", ""),
    ] {
        *two.lock() = fault;
        advance(5 * S).await;
        assert!(!accounts.is_open().await.unwrap());
    }
    second.kill();
    advance(60 * S).await;
    assert!(!accounts.is_open().await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn an_open_server_that_falls_silent_was_open() {
    let one = says(open(true));
    let (first, second) = (server(&one).await, server(&says(open(true))).await);
    // One that has never answered gives nothing, and closes nothing.
    second.kill();
    let accounts = accounts(&[&first, &second]);
    assert!(accounts.is_open().await.unwrap());
    first.kill();
    advance(60 * S).await;
    assert!(accounts.is_open().await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn nobody_is_let_in_where_no_server_answers() {
    for fault in [
        Fault::Close,
        Fault::Problem(500, "storage", ""),
        Fault::Problem(404, "not-found", ""),
        Fault::Raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}".to_owned()),
        Fault::Json(
            200,
            json!({ "open": false, "needsFirstAdmin": false, "user": { "id": "?",
            "name": "lea", "role": "listen", "disabled": false } }),
        ),
        Fault::Json(
            200,
            json!({ "open": false, "needsFirstAdmin": false, "user": { "id": "c".repeat(32),
            "name": "mallory", "role": "admin", "disabled": false } }),
        ),
    ] {
        let server = server(&Arc::new(Mutex::new(fault.clone()))).await;
        let accounts = accounts(&[&server]);
        let answer = accounts.authenticate(&token("1")).await;
        assert!(is_storage(&answer), "{fault:?}: {answer:?}");
        if let Fault::Json(..) = fault {
            continue;
        }
        assert!(is_storage(&accounts.is_open().await), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_yes_is_asked_for_once_in_some_seconds_and_a_no_each_time() {
    let answer = says(known());
    let server = server(&answer).await;
    let accounts = accounts(&[&server]);
    for _ in 0..3 {
        let caller = accounts.authenticate(&token("1")).await.unwrap();
        assert_eq!(
            (caller.name.as_str(), caller.role, caller.kind),
            ("lea", Role::Listen, TokenKind::App)
        );
        assert_eq!(caller.credential.unwrap().expose(), token("1").expose());
    }
    assert_eq!(server.seen().len(), 1);
    assert_eq!(
        shown(&server.seen()[0]),
        format!("Bearer {}", token("1").expose())
    );
    *answer.lock() = Fault::Json(200, open(false));
    assert!(accounts.authenticate(&token("1")).await.is_ok());
    advance(5 * S).await;
    for asked in 2..5 {
        let refused = accounts.authenticate(&token("1")).await;
        assert!(
            matches!(refused, Err(AccountsError::NotSignedIn)),
            "{refused:?}"
        );
        assert_eq!(server.seen().len(), asked);
    }
    *answer.lock() = Fault::Json(200, known());
    assert!(accounts.authenticate(&token("1")).await.is_ok());
}

#[tokio::test]
async fn what_is_no_token_is_asked_of_nobody() {
    let server = server(&says(known())).await;
    let accounts = accounts(&[&server]);
    for text in [
        "",
        "x",
        "kadenza_",
        "a\r\nhost: evil",
        &"kadenza_".repeat(1000),
    ] {
        let refused = accounts.authenticate(&text.to_owned().into()).await;
        assert!(
            matches!(refused, Err(AccountsError::NotSignedIn)),
            "{refused:?}"
        );
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn an_open_server_vouches_for_nobody() {
    let mut lies = known();
    lies["open"] = json!(true);
    let (one, two) = (
        server(&says(lies.clone())).await,
        server(&says(known())).await,
    );
    // The one that asks for accounts decides, whichever is asked first.
    for _ in 0..10 {
        let caller = accounts(&[&one, &two]).authenticate(&token("1")).await;
        assert_eq!(caller.unwrap().name, "lea");
    }
    let refused = accounts(&[&one]).authenticate(&token("1")).await;
    assert!(
        matches!(refused, Err(AccountsError::NotSignedIn)),
        "{refused:?}"
    );
}

fn attempt() -> SignIn {
    SignIn {
        name: "lea".to_owned(),
        password: "hunter2".to_owned().into(),
        kind: TokenKind::App,
        scope: None,
        label: "phone".to_owned(),
        from: None,
    }
}

fn signed_in() -> Value {
    json!({ "user": user(), "secret": token("1").expose(), "expiresAt": "2027-01-01T00:00:00Z" })
}

#[tokio::test]
async fn signing_in_is_tried_elsewhere_only_where_nothing_was_done() {
    let dead = server(&says(json!({}))).await;
    dead.kill();
    let well = server(&says(signed_in())).await;
    for _ in 0..6 {
        let made = accounts(&[&dead, &well]).sign_in(attempt()).await.unwrap();
        assert_eq!(made.secret.expose(), token("1").expose());
        assert_eq!(
            made.caller.credential.unwrap().expose(),
            token("1").expose()
        );
        assert_eq!(
            (made.info.id.to_string(), made.info.scope),
            ("b".repeat(32), Role::Listen)
        );
    }
    assert_eq!(well.seen().len(), 6);
    // Whether this one made a token, nobody knows.
    let (one, two) = (
        server(&Arc::new(Mutex::new(Fault::DropAndClose))).await,
        server(&Arc::new(Mutex::new(Fault::DropAndClose))).await,
    );
    let failed = accounts(&[&one, &two]).sign_in(attempt()).await;
    assert!(is_storage(&failed), "{failed:?}");
    assert_eq!(one.seen().len() + two.seen().len(), 1);
}

#[tokio::test]
async fn a_refusal_of_servers_keeps_its_meaning() {
    let answer = says(known());
    let server = server(&answer).await;
    let accounts = accounts(&[&server]);
    let caller = accounts.authenticate(&token("1")).await.unwrap();
    let user = || NewUser {
        name: "uwe".to_owned(),
        password: "hunter2".to_owned().into(),
        role: Role::Upload,
    };
    for (status, code) in [
        (401, "not-signed-in"),
        (403, "forbidden"),
        (404, "not-found"),
        (409, "conflict"),
        (429, "wait"),
        (400, "invalid"),
        (503, "busy"),
    ] {
        *answer.lock() = Fault::Problem(status, code, "");
        let errors = [
            accounts.sign_in(attempt()).await.unwrap_err(),
            accounts.add_user(&caller, user()).await.unwrap_err(),
        ];
        for (is_sign_in, error) in [true, false].into_iter().zip(errors) {
            let fits = match &error {
                AccountsError::WrongPassword => status == 401 && is_sign_in,
                AccountsError::NotSignedIn => status == 401 && !is_sign_in,
                AccountsError::Elsewhere(Error::Forbidden { what }) => {
                    status == 403 && what == "told to"
                }
                AccountsError::NotFound => status == 404,
                AccountsError::Conflict { what } => status == 409 && what == "told to",
                AccountsError::Wait { seconds: 3 } => status == 429,
                AccountsError::Elsewhere(Error::Invalid { what }) => {
                    status == 400 && what == "told to"
                }
                AccountsError::Busy => status == 503,
                _ => false,
            };
            assert!(fits, "{status}: {error:?}");
            assert!(!format!("{error:?} {error}").contains("hunter2"));
        }
    }
}

#[tokio::test]
async fn what_is_revoked_through_a_gateway_is_refused_at_once() {
    let answer = says(known());
    let server = server(&answer).await;
    let accounts = accounts(&[&server]);
    let change = UserChange {
        is_disabled: Some(true),
        ..UserChange::default()
    };
    let end = async |accounts: &RemoteAccounts, caller: &Caller, by: usize| match by {
        0 => accounts.revoke_token(caller, caller.token).await,
        1 => accounts.delete_user(caller, caller.account).await,
        _ => accounts
            .change_user(caller, caller.account, change.clone())
            .await
            .map(|_| ()),
    };
    for by in 0..3 {
        *answer.lock() = Fault::Json(200, known());
        let caller = accounts.authenticate(&token("1")).await.unwrap();
        *answer.lock() = Fault::Json(200, user());
        end(&accounts, &caller, by).await.unwrap();
        *answer.lock() = Fault::Json(200, open(false));
        let refused = accounts.authenticate(&token("1")).await;
        assert!(
            matches!(refused, Err(AccountsError::NotSignedIn)),
            "{refused:?}"
        );
    }
    // Each was asked for with the caller's own token.
    for request in server.seen() {
        assert_eq!(
            shown(&request),
            format!("Bearer {}", token("1").expose()),
            "{request:?}"
        );
    }
}

#[tokio::test]
async fn a_caller_without_a_credential_changes_nothing() {
    let server = server(&says(known())).await;
    let accounts = accounts(&[&server]);
    let mut caller = accounts.authenticate(&token("1")).await.unwrap();
    caller.credential = None;
    let token = NewToken {
        kind: TokenKind::App,
        scope: Role::Listen,
        label: "phone".to_owned(),
        days: 1,
    };
    assert!(matches!(
        accounts.users(&caller).await,
        Err(AccountsError::NotSignedIn)
    ));
    assert!(matches!(
        accounts.make_token(&caller, token).await,
        Err(AccountsError::NotSignedIn)
    ));
    assert!(server.seen().iter().all(|request| request.path == ME));
}
