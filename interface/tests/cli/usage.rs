//! Bad usage, which is refused before anything is done, and the help texts.

use crate::support::run;
#[cfg(feature = "distributed")]
use crate::support::{Ended, command};

/// Which build is tested.
const SERVES: bool = cfg!(feature = "server");
const IS_DISTRIBUTED: bool = cfg!(feature = "distributed");

#[test]
fn bad_usage_ends_with_2_and_prints_no_results() {
    let bad: &[&[&str]] = &[
        &[],
        &["dance"],
        &["search"],
        &["search", "--limit", "0", "word"],
        &["search", "--shuffle", "word"],
        &["listen", "abc"],
        &["listen", &"0".repeat(64), "--from", "soon"],
        &["listen", &"0".repeat(64), "--json"],
        &["upload"],
        &["upload", "--title", "T", "a.mp3", "b.mp3"],
        &["upload", "--title", "T", "."],
        &["upload", "-", "-"],
        &["status", "--server", "ftp://a"],
        &[
            "status",
            "--server",
            "https://a",
            "--ca",
            "/no/such/file.pem",
        ],
        &["status", "--log", "a=b=c"],
        &["status", "--config", "/no/such/file.toml"],
        &["leave", "--server", "http://a", "--server", "http://b"],
        &["evaluate", "--loads", "zipf"],
        &["evaluate", "--sizes", "0%"],
        &["evaluate", "--policies", "lru"],
        &["evaluate", "--requests", "100001"],
        &["evaluate", "--columns", "title=a"],
    ];
    for args in bad {
        let ended = run(args);
        assert_eq!(ended.status, 2, "{args:?}: {ended:?}");
        assert_eq!(ended.stdout, "", "{args:?}");
        assert_ne!(ended.stderr, "", "{args:?}");
    }
}

#[cfg(feature = "server")]
#[test]
fn an_evaluation_whose_files_are_missing_begins_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("results");
    for flags in [
        ["--table", "/no/such/table.csv"],
        ["--loads", "replay:/no/such/log"],
        ["--loads", "zipf:0.8,weights:/no/such/table.csv"],
    ] {
        let ended = run(&[
            "evaluate",
            flags[0],
            flags[1],
            "--out",
            out.to_str().unwrap(),
        ]);
        assert_eq!(ended.status, 2, "{flags:?}: {ended:?}");
        assert!(ended.stderr.contains("/no/such/"), "{ended:?}");
        assert!(!out.exists(), "{flags:?}");
    }
}

#[test]
fn help_and_version_are_results() {
    for args in [
        &["--help"][..],
        &["--version"],
        &["-V"],
        &["upload", "--help"],
        &["help", "search"],
    ] {
        let ended = run(args);
        assert_eq!((ended.status, ended.stderr.as_str()), (0, ""), "{args:?}");
    }
    assert!(
        run(&["--version"])
            .stdout
            .contains(env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn the_commands_are_those_of_this_build() {
    let help = run(&["--help"]).stdout;
    let has = |command: &str| {
        help.lines()
            .any(|line| line.trim_start().split(' ').next() == Some(command))
    };
    for command in ["upload", "search", "listen", "status", "leave"] {
        assert!(has(command), "{command}");
    }
    for command in ["serve", "backend", "gateway", "player", "evaluate"] {
        assert_eq!(has(command), SERVES, "{command}");
    }
    assert_eq!(has("demo"), IS_DISTRIBUTED);
}

#[test]
fn a_server_out_of_reach_is_told_in_one_line() {
    // Port 1 is reserved and not served on machines that build software.
    let ended = run(&["status", "--server", "http://127.0.0.1:1"]);
    assert_eq!((ended.status, ended.stdout.as_str()), (1, ""));
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .starts_with("kadenza: cannot reach http://127.0.0.1:1"),
        "{}",
        ended.stderr
    );
}

#[cfg(feature = "server")]
#[test]
fn a_wrong_value_is_refused_with_what_would_be_right() {
    let serve = |args: &[&str]| run(&[&["serve", "--data", "/nonexistent/data"], args].concat());
    for (args, has) in [
        (["--library", "mysql://localhost/music"], "embedded"),
        (["--audio", "/srv/music"], "file:///DIR"),
        (["--audio", "s3://"], "bucket"),
        (["--upload-max", "2 loaves"], "2GiB"),
        (["--cache", "disk"], "embedded"),
        (["--cache", "redis://"], "redis://HOST:PORT"),
        (["--cache-bytes", "1MB"], "--cache"),
        (["--http", "4533"], "HOST:PORT"),
        (["--library", "grpc://"], "grpc"),
    ] {
        let ended = serve(&args);
        assert_eq!(ended.status, 2, "{args:?}: {ended:?}");
        assert!(ended.stderr.contains(has), "{args:?}: {}", ended.stderr);
    }
    for no_data in [&["serve"][..], &["serve", "--standalone"]] {
        let ended = run(no_data);
        assert_eq!(ended.status, 2, "{no_data:?}: {ended:?}");
        assert!(ended.stderr.contains("--data"), "{}", ended.stderr);
    }
}

#[cfg(feature = "distributed")]
#[test]
fn a_node_keeps_its_songs_in_its_own_directory() {
    for url in ["postgres://localhost/music", "grpc://localhost:4535"] {
        let ended = run(&["serve", "--data", "/nonexistent/data", "--library", url]);
        assert_eq!(ended.status, 2, "{url}: {ended:?}");
        assert!(
            ended.stderr.contains("--standalone"),
            "{url}: {}",
            ended.stderr
        );
    }
}

/// A silent flag is a wrong belief of whoever gave it.
#[cfg(feature = "distributed")]
#[test]
fn a_flag_that_means_nothing_beside_others_is_refused() {
    let far = ["--library", "grpc://127.0.0.1:1"];
    let alone = ["--data", "/proc/nonexistent"];
    for (base, flags) in [
        (&far[..], &["--data", "/x"][..]),
        (&far, &["--audio", "file:///x"]),
        (&far, &["--upload-max", "1MB"]),
        (&alone, &["--rpc", "127.0.0.1:0"]),
        (&alone, &["--advertise", "a:1"]),
        (&alone, &["--join", "a:1"]),
        (&alone, &["--bootstrap"]),
        (&alone, &["--replication", "2"]),
    ] {
        let line = [
            &["serve", "--standalone", "--http", "127.0.0.1:0"],
            base,
            flags,
        ]
        .concat();
        let ended = run(&line);
        assert_eq!(ended.status, 2, "{line:?}: {ended:?}");
        assert!(
            ended.stderr.contains(flags[0]),
            "{line:?}: {}",
            ended.stderr
        );
    }
    let backend = [&["backend", "--data", "/x"], &far[..]].concat();
    assert_eq!(run(&backend).status, 2);

    // A file speaks to many commands, and a variable that says no says nothing.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kadenza.toml");
    std::fs::write(
        &file,
        "rpc = '127.0.0.1:0'\ncache-ttl = '3s'\nreplication = 2",
    )
    .unwrap();
    let line = [
        &["serve", "--standalone", "--http", "127.0.0.1:0"],
        &alone[..],
    ]
    .concat();
    let mut with_file = command(&line);
    with_file.arg("--config").arg(&file);
    let ended: Ended = with_file.output().unwrap().into();
    assert_eq!(ended.status, 1, "it is meant, and fails: {ended:?}");
    let node = [
        "serve",
        "--data",
        "/proc/nonexistent",
        "--rpc",
        "127.0.0.1:0",
    ];
    let mut no_matter = command(&node);
    no_matter.args(["--http", "127.0.0.1:0"]);
    no_matter.env("KADENZA_STANDALONE", "0");
    let ended: Ended = no_matter.output().unwrap().into();
    assert_eq!(ended.status, 1, "{ended:?}");
}

/// Commas separate the hosts within a URL, and so cannot separate URLs.
#[cfg(feature = "server")]
#[test]
fn a_variable_and_a_file_name_several_cache_nodes() {
    let line = [
        "serve",
        "--data",
        "/proc/nonexistent",
        "--cache-layout",
        "central",
    ];
    let urls = ["redis://127.0.0.1:1", "redis://:word@127.0.0.1:2/3"];
    let refused = |mut command: std::process::Command| {
        let ended = crate::support::Ended::from(command.output().unwrap());
        assert_eq!(ended.status, 2, "{ended:?}");
        assert!(ended.stderr.contains("one node, not 2"), "{}", ended.stderr);
    };
    let mut by_variable = crate::support::command(&line);
    by_variable.env("KADENZA_CACHE", urls.join(" "));
    refused(by_variable);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kadenza.toml");
    std::fs::write(&file, format!("[serve]\ncache = {urls:?}")).unwrap();
    let mut by_file = crate::support::command(&line);
    by_file.arg("--config").arg(&file);
    refused(by_file);
}

#[cfg(feature = "server")]
#[test]
fn a_backend_is_told_what_is_wrong_with_its_flags() {
    for (args, has) in [
        (&[][..], "--data"),
        (
            &["--data", "/nonexistent/data", "--grpc", "4535"],
            "HOST:PORT",
        ),
        (&["--http", "127.0.0.1:0"], "--http"),
    ] {
        let ended = run(&[&["backend"], args].concat());
        assert_eq!(ended.status, 2, "{args:?}: {ended:?}");
        assert!(ended.stderr.contains(has), "{args:?}: {}", ended.stderr);
    }
}

#[cfg(feature = "distributed")]
#[test]
fn a_node_that_others_could_not_find_is_refused() {
    let serve = |args: &[&str]| {
        run(&[
            &[
                "serve",
                "--data",
                "/nonexistent/data",
                "--http",
                "127.0.0.1:0",
            ],
            args,
        ]
        .concat())
    };
    let hidden = serve(&["--rpc", "0.0.0.0:0"]);
    assert_eq!(hidden.status, 2, "{hidden:?}");
    assert!(hidden.stderr.contains("--advertise"));
    assert_eq!(serve(&["--advertise", "0.0.0.0:4534"]).status, 2);
    assert_eq!(serve(&["--standalone", "--join", "a:4534"]).status, 2);
    assert_eq!(serve(&["--replication", "0"]).status, 2);
}
