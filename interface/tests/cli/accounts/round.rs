//! A server that asks people to sign in, and people with homes of their own.

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
};

use tempfile::TempDir;

use crate::support::{Ended, Server, command};

pub(super) const PASSWORD: &str = "correct horse";

/// A server that asks people to sign in, and the homes of people who do.
pub(super) struct Round {
    pub(super) data: TempDir,
    pub(super) homes: TempDir,
    pub(super) server: Option<Server>,
}

impl Round {
    /// Begun, with Ada as its administrator.
    pub(super) fn begin() -> Round {
        let round = Round::empty();
        let ended = round.first_admin("ada", &round.data.path().join("first-admin-code"));
        assert_eq!(ended.status, 0, "{ended:?}");
        round
    }

    pub(super) fn empty() -> Round {
        let mut round = Round {
            data: tempfile::tempdir().unwrap(),
            homes: tempfile::tempdir().unwrap(),
            server: None,
        };
        round.start();
        round
    }

    pub(super) fn start(&mut self) {
        let data = self.data.path().to_str().unwrap();
        let args = ["serve", "--standalone", "--data", data];
        let server = Server::asking(&[&args[..], &["--http", "127.0.0.1:0"]].concat());
        self.server = Some(server);
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.server.as_ref().unwrap().http())
    }

    pub(super) fn home(&self, who: &str) -> PathBuf {
        let home = self.homes.path().join(who);
        fs::create_dir_all(&home).unwrap();
        home
    }

    pub(super) fn tokens(&self, who: &str) -> PathBuf {
        self.home(who).join(".config/kadenza/tokens.json")
    }

    /// Runs a command as somebody with a home, and lines on stdin.
    pub(super) fn run(&self, who: &str, args: &[&str], lines: &[&str]) -> Ended {
        let url = self.url();
        let at = [args, &["--server", &url]].concat();
        told(&self.home(who), &at, lines)
    }

    pub(super) fn login(&self, who: &str, password: &str) -> Ended {
        self.run(who, &["login", who, "--password-stdin"], &[password])
    }

    pub(super) fn first_admin(&self, who: &str, code: &Path) -> Ended {
        let code = code.to_str().unwrap();
        let args = ["login", who, "--first-admin", "--code-file", code];
        let args = [&args[..], &["--password-stdin"]].concat();
        self.run(who, &args, &[PASSWORD])
    }

    pub(super) fn add(&self, who: &str, role: &str) {
        let args = ["users", "add", who, "--role", role, "--password-stdin"];
        let ended = self.run("ada", &args, &[PASSWORD]);
        assert_eq!(
            ended.stdout,
            format!("{who}\t{role}\tenabled\n"),
            "{ended:?}"
        );
    }
}

pub(super) fn told(home: &Path, args: &[&str], lines: &[&str]) -> Ended {
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
pub(super) fn refusal(ended: &Ended) -> &str {
    assert_eq!((ended.status, ended.stdout.as_str()), (1, ""), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    ended.stderr.trim_end()
}

pub(super) fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

pub(super) fn says_sign_in_first(round: &Round, who: &str, args: &[&str]) {
    let ended = round.run(who, args, &[]);
    let expected = format!(
        "kadenza: sign in first: kadenza login --server {}",
        round.url()
    );
    assert_eq!(refusal(&ended), expected, "{args:?}");
}
