//! The web player where people have accounts: the form, what a session may do, and its end.

use std::{fs, io::Write, path::Path, process::Stdio};

use kadenza_integration_tests::processes::{NO_SIGN_IN, Server, command};
use serde_json::json;
use tempfile::TempDir;

use super::{
    driver::{Driver, Page},
    fixture, plays, until,
};

const PASSWORD: &str = "correct horse";
const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";

/// Nobody touches a mouse.
#[tokio::test(flavor = "multi_thread")]
async fn people_sign_in_play_and_sign_out_by_keyboard() {
    let Some(driver) = Driver::start("signing in in a browser") else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let song = fixture(folder.path());
    let data = folder.path().join("data");
    let serve = ["serve", "--standalone", "--data", data.to_str().unwrap()];
    let asking = [(NO_SIGN_IN, "false".to_owned())];
    let serve = [&serve[..], &["--http", "127.0.0.1:0"]].concat();
    let server = Server::start_with(&serve, &asking);
    let player = Server::start(&["player", "--server", &server.url(), "--http", "127.0.0.1:0"]);
    let code = fs::read_to_string(data.join("first-admin-code")).unwrap();

    // The first administrator, with a wrong code before the right one.
    let page = driver.open(&player.url()).await;
    focus(&page, "code").await;
    page.type_into(
        "#sign-in [name=code]",
        &["0123", TAB, "ada", TAB, PASSWORD, ENTER].concat(),
    )
    .await;
    says(
        &page,
        "#sign-in-problem",
        "This is not the code, or it has been used.",
    )
    .await;
    page.run(
        "document.querySelector('#sign-in [name=code]').value = ''",
        json!([]),
    )
    .await;
    page.type_into("#sign-in [name=code]", &[code.trim(), ENTER].concat())
        .await;
    says(&page, "#account-name", "ada").await;
    until(
        &page,
        "return document.querySelector('.upload').checkVisibility()",
        json!([]),
        "no upload",
    )
    .await;
    page.type_into("#upload-files", song.path.to_str().unwrap())
        .await;
    plays(&page, &song).await;
    let cookies = "return document.cookie + JSON.stringify(localStorage) + location.href";
    let seen = page.run(cookies, json!([])).await;
    assert!(!seen.as_str().unwrap().contains("kadenza_"), "{seen}");
    as_ada(
        &server,
        folder.path(),
        &[
            "users",
            "add",
            "bob",
            "--role",
            "listen",
            "--password-stdin",
        ],
    );

    // Signed out, nothing of it is left.
    page.type_into("#sign-out", ENTER).await;
    focus(&page, "name").await;
    let rows = "return document.querySelectorAll('#results li').length";
    assert_eq!(page.run(rows, json!([])).await, 0);
    page.type_into(
        "#sign-in [name=name]",
        &["bob", TAB, "wrong horse", ENTER].concat(),
    )
    .await;
    says(
        &page,
        "#sign-in-problem",
        "The name or the password is wrong.",
    )
    .await;
    focus(&page, "password").await;
    page.type_into("#sign-in [name=password]", &[PASSWORD, ENTER].concat())
        .await;
    says(&page, "#account-name", "bob").await;
    let hidden = "return ['.upload', '#upload-files', '#status'].every(part =>
        !document.querySelector(part).checkVisibility())";
    until(&page, hidden, json!([]), "who may listen is offered more").await;
    plays(&page, &song).await;

    // The session ends while a song plays: the form comes, the list stays, and the song goes on.
    page.run("document.querySelector('#player').loop = true", json!([]))
        .await;
    as_ada(
        &server,
        folder.path(),
        &["users", "set", "bob", "--disable"],
    );
    page.run("document.querySelector('#search').value = ''", json!([]))
        .await;
    page.type_into("#search", "noise").await;
    focus(&page, "password").await;
    let goes_on = "return document.querySelectorAll('#results li').length === 1
        && !document.querySelector('#player').paused && !document.querySelector('#player').error";
    until(&page, goes_on, json!([]), "the list or the song is gone").await;
    says(&page, "#message", "").await;
    as_ada(&server, folder.path(), &["users", "set", "bob", "--enable"]);
    page.type_into("#sign-in [name=password]", &[PASSWORD, ENTER].concat())
        .await;
    says(&page, "#account-name", "bob").await;
    until(
        &page,
        goes_on,
        json!([]),
        "signing in anew has disturbed the song",
    )
    .await;

    // Who guesses is told how long to wait.
    page.type_into("#sign-out", ENTER).await;
    focus(&page, "name").await;
    page.type_into("#sign-in [name=name]", "bob").await;
    let told = "return document.querySelector('#sign-in-problem').textContent";
    for attempt in 0.. {
        assert!(attempt < 30, "nobody is told to wait");
        page.type_into("#sign-in [name=password]", &["wrong horse", ENTER].concat())
            .await;
        let settled = "return !document.querySelector('#sign-in-problem').hidden
            && !document.querySelector('#sign-in .send').disabled";
        until(&page, settled, json!([]), "no answer").await;
        let told = page.run(told, json!([])).await;
        let told = told.as_str().unwrap();
        if told.starts_with("Too many attempts failed: try again in ") {
            break;
        }
    }
}

/// Waits until a field of the form has the focus, so that a person can begin to type.
async fn focus(page: &Page, field: &str) {
    let has = "return document.querySelector('#sign-in').checkVisibility()
        && document.activeElement.name === arguments[0]";
    until(page, has, json!([field]), &format!("{field} has no focus")).await;
}

async fn says(page: &Page, part: &str, words: &str) {
    let says = "return document.querySelector(arguments[0]).textContent === arguments[1]";
    until(
        page,
        says,
        json!([part, words]),
        &format!("{part} does not say {words:?}"),
    )
    .await;
}

/// Runs a command as the administrator.
fn as_ada(server: &Server, home: &Path, args: &[&str]) {
    let run = |args: &[&str]| {
        let mut command = command(args);
        command.args(["--server", &server.url()]);
        command.env("HOME", home).stdin(Stdio::piped());
        let mut child = command.spawn().unwrap();
        writeln!(child.stdin.take().unwrap(), "{PASSWORD}").unwrap();
        assert!(child.wait().unwrap().success(), "{args:?}");
    };
    run(&["login", "ada", "--password-stdin"]);
    run(args);
}
