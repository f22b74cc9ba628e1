//! Flags win over variables, variables over the file.
//!
//! Nothing is served at the ports named here: the server that a command could not reach tells which
//! setting it went by.

use std::{fs, path::Path};

use crate::support::{Ended, command};

fn asked(file: Option<(&Path, &str)>, variables: &[(&str, &str)], args: &[&str]) -> Ended {
    let mut command = command(&["search", "word"]);
    command.args(args).envs(variables.iter().copied());
    if let Some((path, text)) = file {
        fs::write(path, text).unwrap();
        command.arg("--config").arg(path);
    }
    command.output().expect("it starts").into()
}

#[test]
fn flags_win_over_variables_and_variables_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kadenza.toml");
    let file = Some((path.as_path(), "servers = ['http://127.0.0.1:1']"));
    let variable = [("KADENZA_SERVERS", "http://127.0.0.1:2")];
    let flag = ["--server", "http://127.0.0.1:3"];
    let unreached = |ended: Ended| {
        assert_eq!(ended.status, 1, "{ended:?}");
        let (_, rest) = ended
            .stderr
            .split_once("cannot reach http://")
            .expect("a place");
        rest.split(": ").next().unwrap().to_owned()
    };
    assert_eq!(unreached(asked(None, &[], &[])), "127.0.0.1:4533");
    assert_eq!(unreached(asked(file, &[], &[])), "127.0.0.1:1");
    assert_eq!(unreached(asked(file, &variable, &[])), "127.0.0.1:2");
    assert_eq!(unreached(asked(file, &variable, &flag)), "127.0.0.1:3");
    let empty = [("KADENZA_SERVERS", "")];
    assert_eq!(
        unreached(asked(file, &empty, &[])),
        "127.0.0.1:1",
        "an empty variable is none"
    );
    let section = Some((
        path.as_path(),
        "server = 'http://127.0.0.1:1'\n[search]\nserver = 'http://127.0.0.1:4'",
    ));
    assert_eq!(unreached(asked(section, &[], &[])), "127.0.0.1:4");
    let named = [("KADENZA_CONFIG", path.to_str().unwrap())];
    assert_eq!(
        unreached(asked(None, &named, &[])),
        "127.0.0.1:4",
        "KADENZA_CONFIG names the file too"
    );
}

#[test]
fn a_value_is_checked_wherever_it_comes_from() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kadenza.toml");
    let from_file = |text| asked(Some((path.as_path(), text)), &[], &[]);
    for (text, said) in [
        ("limit = 0", "--limit"),
        ("limit = 'many'", "many"),
        ("servers = ['ftp://a']", "ftp"),
        ("colour = 'red'", "colour"),
        ("[search]\ndata = '/x'", "data"),
        ("limit = \n", "line 1"),
        ("limit = 1979-05-27", "limit"),
    ] {
        let ended = from_file(text);
        assert_eq!(ended.status, 2, "{text}: {ended:?}");
        assert!(ended.stderr.contains(said), "{text}: {}", ended.stderr);
    }
    assert_eq!(asked(None, &[("KADENZA_LIMIT", "x")], &[]).status, 2);
}
