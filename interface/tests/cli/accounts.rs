//! Signing in on the command line: tokens in a file, accounts, and what is told of refusals.

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
};

use tempfile::TempDir;

use crate::support::{Ended, Server, command, documents, song};

const PASSWORD: &str = "correct horse";

/// A server that asks people to sign in, and the homes of people who do.
struct Round {
    data: TempDir,
    homes: TempDir,
    server: Option<Server>,
}

impl Round {
    /// Begun, with Ada as its administrator.
    fn begin() -> Round {
        let round = Round::empty();
        let ended = round.first_admin("ada", &round.data.path().join("first-admin-code"));
        assert_eq!(ended.status, 0, "{ended:?}");
        round
    }

    fn empty() -> Round {
        let mut round = Round {
            data: tempfile::tempdir().unwrap(),
            homes: tempfile::tempdir().unwrap(),
            server: None,
        };
        round.start();
        round
    }

    fn start(&mut self) {
        let data = self.data.path().to_str().unwrap();
        let args = ["serve", "--standalone", "--sign-in", "--data", data];
        let server = Server::start(&[&args[..], &["--http", "127.0.0.1:0"]].concat());
        self.server = Some(server);
    }

    fn url(&self) -> String {
        format!("http://{}", self.server.as_ref().unwrap().http())
    }

    fn home(&self, who: &str) -> PathBuf {
        let home = self.homes.path().join(who);
        fs::create_dir_all(&home).unwrap();
        home
    }

    fn tokens(&self, who: &str) -> PathBuf {
        self.home(who).join(".config/kadenza/tokens.json")
    }

    /// Runs a command as somebody with a home, and lines on stdin.
    fn run(&self, who: &str, args: &[&str], lines: &[&str]) -> Ended {
        let url = self.url();
        let at = [args, &["--server", &url]].concat();
        told(&self.home(who), &at, lines)
    }

    fn login(&self, who: &str, password: &str) -> Ended {
        self.run(who, &["login", who, "--password-stdin"], &[password])
    }

    fn first_admin(&self, who: &str, code: &Path) -> Ended {
        let code = code.to_str().unwrap();
        let args = ["login", who, "--first-admin", "--code-file", code];
        let args = [&args[..], &["--password-stdin"]].concat();
        self.run(who, &args, &[PASSWORD])
    }

    fn add(&self, who: &str, role: &str) {
        let args = ["users", "add", who, "--role", role, "--password-stdin"];
        let ended = self.run("ada", &args, &[PASSWORD]);
        assert_eq!(ended.stdout, format!("{who}\t{role}\tenabled\n"), "{ended:?}");
    }
}

fn told(home: &Path, args: &[&str], lines: &[&str]) -> Ended {
    let mut command = command(args);
    command
        .env("HOME", home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A command that is refused early reads nothing.
    for line in lines {
        let _ = writeln!(stdin, "{line}");
    }
    drop(stdin);
    child.wait_with_output().unwrap().into()
}

/// What a command that fails says, in one line.
fn refusal(ended: &Ended) -> &str {
    assert_eq!((ended.status, ended.stdout.as_str()), (1, ""), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    ended.stderr.trim_end()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn says_sign_in_first(round: &Round, who: &str, args: &[&str]) {
    let ended = round.run(who, args, &[]);
    let expected = format!("kadenza: sign in first: kadenza login --server {}", round.url());
    assert_eq!(refusal(&ended), expected, "{args:?}");
}

#[test]
fn people_sign_in_and_their_commands_are_let_in() {
    let round = Round::empty();
    let code = round.data.path().join("first-admin-code");
    let kept = fs::read_to_string(&code).unwrap();
    let early = round.login("ada", PASSWORD);
    assert!(refusal(&early).contains("kadenza login --first-admin --server"), "{early:?}");
    let wrong = round.homes.path().join("wrong");
    fs::write(&wrong, "0123").unwrap();
    let refused = round.first_admin("ada", &wrong);
    assert!(refusal(&refused).contains("does not know this code"), "{refused:?}");
    let made = round.first_admin("ada", &code);
    assert_eq!(made.status, 0, "{made:?}");
    assert!(made.stdout.contains(" as ada with the role admin, until 20"), "{made:?}");
    fs::write(&code, kept).unwrap();
    let used = round.first_admin("eve", &code);
    assert!(refusal(&used).contains("has an administrator already"), "{used:?}");

    // The file is for its owner alone, and nothing else has told the token.
    let path = round.tokens("ada");
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    let file: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let token = file[round.url()]["token"].as_str().unwrap();
    assert!(token.starts_with("kadenza_"), "{file}");
    assert!(!format!("{made:?}").contains(token));

    round.add("bob", "listen");
    says_sign_in_first(&round, "bob", &["search", "title"]);
    let audio = round.home("ada").join("song.wav");
    fs::write(&audio, song("Title", "Artist", "")).unwrap();
    let audio = audio.to_str().unwrap();
    assert_eq!(round.run("ada", &["upload", audio], &[]).status, 0);
    assert_eq!(round.login("bob", PASSWORD).status, 0);
    let found = round.run("bob", &["search", "title"], &[]);
    assert!(found.stdout.contains("\tArtist\tTitle\t"), "{found:?}");
    let id = found.stdout.split('\t').next().unwrap();
    let out = round.home("bob").join("out.wav");
    let heard = round.run("bob", &["listen", id, "--output", out.to_str().unwrap()], &[]);
    assert_eq!((heard.status, fs::read(&out).unwrap()), (0, fs::read(audio).unwrap()));
    let needs_admin = "this needs the role admin, and you have the role listen";
    for args in [&["status"][..], &["users"], &["leave"]] {
        let ended = round.run("bob", args, &[]);
        assert!(refusal(&ended).contains(needs_admin), "{args:?}: {ended:?}");
    }
    assert_eq!(round.run("ada", &["status"], &[]).status, 0);
}
