//! Signing in on the command line: tokens in a file, accounts, and what is told of refusals.

mod nodes;
mod round;

use std::{fs, os::unix::fs::PermissionsExt};

use round::{PASSWORD, Round, mode, refusal, says_sign_in_first, told};

use crate::support::{documents, song, standalone};

#[test]
fn people_sign_in_and_their_commands_are_let_in() {
    let round = Round::empty();
    let code = round.data.path().join("first-admin-code");
    let kept = fs::read_to_string(&code).unwrap();
    let early = round.login("ada", PASSWORD);
    assert!(
        refusal(&early).contains("kadenza login --first-admin --server"),
        "{early:?}"
    );
    let wrong = round.homes.path().join("wrong");
    fs::write(&wrong, "0123").unwrap();
    let refused = round.first_admin("ada", &wrong);
    assert!(
        refusal(&refused).contains("does not know this code"),
        "{refused:?}"
    );
    let made = round.first_admin("ada", &code);
    assert_eq!(made.status, 0, "{made:?}");
    assert!(
        made.stdout
            .contains(" as ada with the role admin, until 20"),
        "{made:?}"
    );
    fs::write(&code, kept).unwrap();
    let used = round.first_admin("eve", &code);
    assert!(
        refusal(&used).contains("has an administrator already"),
        "{used:?}"
    );

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
    let heard = round.run(
        "bob",
        &["listen", id, "--output", out.to_str().unwrap()],
        &[],
    );
    assert_eq!(
        (heard.status, fs::read(&out).unwrap()),
        (0, fs::read(audio).unwrap())
    );
    let needs_admin = "this needs the role admin, and you have the role listen";
    for args in [&["status"][..], &["users"], &["leave"]] {
        let ended = round.run("bob", args, &[]);
        assert!(refusal(&ended).contains(needs_admin), "{args:?}: {ended:?}");
    }
    assert_eq!(round.run("ada", &["status"], &[]).status, 0);
}

#[test]
fn a_token_that_was_revoked_is_told_of_with_what_to_do() {
    let round = Round::begin();
    round.add("bob", "upload");
    assert_eq!(round.login("bob", PASSWORD).status, 0);
    let song_file = round.home("bob").join("song.wav");
    fs::write(&song_file, song("Title", "Artist", "")).unwrap();
    let upload = ["upload", song_file.to_str().unwrap()];
    assert_eq!(round.run("bob", &upload, &[]).status, 0);

    // Of a command alone, and of one for many files.
    let kept = fs::read(round.tokens("bob")).unwrap();
    let out = round.run("bob", &["logout"], &[]);
    assert_eq!(
        out.stdout,
        format!("signed out at {}\n", round.url()),
        "{out:?}"
    );
    assert_eq!(round.run("bob", &["logout"], &[]).status, 0);
    fs::write(round.tokens("bob"), kept).unwrap();
    for args in [
        &["search", "title"][..],
        &["listen", &"0".repeat(64)],
        &["tokens"],
        &upload,
    ] {
        says_sign_in_first(&round, "bob", args);
    }

    // Who may only listen is told so once, however many files there are.
    let ended = round.run(
        "bob",
        &["login", "bob", "--role", "listen", "--password-stdin"],
        &[PASSWORD],
    );
    assert!(ended.stdout.contains("with the role listen"), "{ended:?}");
    fs::write(
        round.home("bob").join("other.wav"),
        song("Other", "Artist", ""),
    )
    .unwrap();
    let ended = round.run("bob", &["upload", round.home("bob").to_str().unwrap()], &[]);
    assert!(
        refusal(&ended).contains("this needs the role upload"),
        "{ended:?}"
    );

    // A disabled account is out at once.
    assert_eq!(
        round
            .run("ada", &["users", "set", "bob", "--disable"], &[])
            .status,
        0
    );
    says_sign_in_first(&round, "bob", &["search", "title"]);
}

#[test]
fn passwords_and_tokens_stay_off_the_screen() {
    let round = Round::begin();
    let kept = fs::read_to_string(round.tokens("ada")).unwrap();
    let token = kept
        .split('"')
        .find(|part| part.starts_with("kadenza_"))
        .unwrap();
    let wrong = round.login("ada", "hunter2hunter2");
    let refused = format!(
        "kadenza: {}: the name or the password is wrong",
        round.url()
    );
    assert_eq!(refusal(&wrong), refused);
    round.add("bob", "listen");
    let runs = [
        wrong,
        round.run("ada", &["users"], &[]),
        round.run("ada", &["users", "--json"], &[]),
        round.run("ada", &["tokens"], &[]),
        round.run("ada", &["tokens", "--json"], &[]),
        round.run("ada", &["status", "--log", "trace"], &[]),
        round.run("ada", &["users", "--log", "trace"], &[]),
        round.run(
            "ada",
            &["users", "password", "bob", "--password-stdin"],
            &["hunter2hunter2"],
        ),
    ];
    for ended in &runs {
        let said = format!("{ended:?}");
        assert!(
            !said.contains("hunter2") && !said.contains(&token[8..]),
            "{said}"
        );
    }
    assert!(round.login("bob", "hunter2hunter2").status == 0);

    // A file that others may read is not used.
    let path = round.tokens("ada");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let ended = round.run("ada", &["users"], &[]);
    assert!(refusal(&ended).contains("chmod 600"), "{ended:?}");
    let ended = round.run("ada", &["users", "add", "eve", "--role", "root"], &[]);
    assert_eq!(ended.status, 2, "{ended:?}");
}

#[test]
fn who_guesses_on_the_command_line_is_told_how_long_to_wait() {
    let round = Round::begin();
    let mut last = round.login("ada", "wrong password");
    for _ in 0..20 {
        if last.stderr.contains("too many attempts") {
            break;
        }
        last = round.login("ada", "wrong password");
    }
    let told = refusal(&last);
    assert!(
        told.contains("too many attempts failed: try again in ") && told.ends_with(" s"),
        "{told}"
    );
}

#[test]
fn a_token_for_a_program_is_printed_once_and_read_from_a_file() {
    let round = Round::begin();
    let made = round.run(
        "ada",
        &["tokens", "add", "script", "--role", "listen", "--days", "3"],
        &[],
    );
    let token = made.stdout.trim();
    assert!(
        token.starts_with("kadenza_") && made.stdout.lines().count() == 1,
        "{made:?}"
    );
    assert!(!made.stderr.contains(token), "{made:?}");
    let file = round.homes.path().join("token");
    fs::write(&file, format!("{token}\n")).unwrap();
    let file = file.to_str().unwrap();
    let search = ["search", "nothing", "--token-file", file];
    assert_eq!(round.run("script", &search, &[]).status, 0);
    let refused = round.run("script", &["users", "--token-file", file], &[]);
    assert!(
        refusal(&refused).contains("this needs the role admin"),
        "{refused:?}"
    );
    // It cannot make another one that outlives it.
    let refused = round.run(
        "script",
        &["tokens", "add", "more", "--token-file", file],
        &[],
    );
    assert!(
        refusal(&refused).contains("not for programs"),
        "{refused:?}"
    );

    let listed = documents(&round.run("ada", &["tokens", "--json"], &[]).stdout);
    let app = listed.iter().find(|token| token["kind"] == "app").unwrap();
    assert_eq!(
        (&app["label"], &app["scope"]),
        (&"script".into(), &"listen".into())
    );
    let revoked = round.run(
        "ada",
        &["tokens", "revoke", &app["id"].as_str().unwrap()[..12]],
        &[],
    );
    assert_eq!(revoked.status, 0, "{revoked:?}");
    says_sign_in_first(&round, "script", &search);
    // Not in the place of a file, nor a password in the place of a flag.
    for args in [
        &["status", "--token-file", "kadenza_hunter2"][..],
        &["status", "--tokenfile=kadenza_hunter2"],
        &["login", "ada", "hunter2"],
        &["login", "ada", "--password", "hunter2"],
        &["users", "password", "ada", "hunter2"],
    ] {
        let ended = round.run("script", args, &[]);
        assert_eq!(ended.status, 2, "{ended:?}");
        assert!(!ended.stderr.contains("hunter2"), "{ended:?}");
    }
    let empty = round.homes.path().join("empty");
    fs::write(&empty, "").unwrap();
    for file in [empty.to_str().unwrap(), "/no/such/file"] {
        let ended = round.run("script", &["status", "--token-file", file], &[]);
        assert_eq!(ended.status, 2, "{ended:?}");
    }
}

#[test]
fn accounts_are_changed_and_deleted_by_administrators() {
    let round = Round::begin();
    round.add("Bob", "listen");
    let again = [
        "users",
        "add",
        "bob",
        "--role",
        "listen",
        "--password-stdin",
    ];
    let taken = round.run("ada", &again, &[PASSWORD]);
    assert!(
        refusal(&taken).contains("there is an account of this name already"),
        "{taken:?}"
    );
    let changed = round.run(
        "ada",
        &["users", "set", "bob", "--role", "admin", "--json"],
        &[],
    );
    assert_eq!(
        documents(&changed.stdout)[0]["role"],
        "admin",
        "{changed:?}"
    );
    // The own password needs the one until now, and this machine stays signed in.
    assert_eq!(round.login("bob", PASSWORD).status, 0);
    let own = ["users", "password", "--password-stdin"];
    let wrong = round.run("bob", &own, &["not the one", "another horse"]);
    assert!(refusal(&wrong).contains("nothing was changed"), "{wrong:?}");
    assert_eq!(
        round.run("bob", &own, &[PASSWORD, "another horse"]).status,
        0
    );
    assert_eq!(
        round.run("bob", &["users"], &[]).stdout,
        "Bob\tadmin\tenabled\nada\tadmin\tenabled\n"
    );
    let asks = round.run("ada", &["users", "delete", "bob"], &[]);
    assert_eq!(asks.status, 2, "{asks:?}");
    assert_eq!(
        round
            .run("ada", &["users", "delete", "bob", "--yes"], &[])
            .stdout,
        "Bob is deleted\n"
    );
    let last = round.run("ada", &["users", "set", "ada", "--role", "listen"], &[]);
    assert!(
        refusal(&last).contains("the last administrator"),
        "{last:?}"
    );
    let nobody = round.run("ada", &["users", "set", "bob", "--disable"], &[]);
    assert!(
        refusal(&nobody).contains("nobody is called bob"),
        "{nobody:?}"
    );
}

#[test]
fn who_lost_the_password_gets_in_at_the_machine_itself() {
    let mut round = Round::begin();
    round.add("bob", "listen");
    assert_eq!(
        round
            .run("ada", &["users", "set", "bob", "--disable"], &[])
            .status,
        0
    );
    let data = round.data.path().to_str().unwrap().to_owned();
    let reset = |who: &str, data: &str| {
        let args = ["users", "reset", who, "--data", data, "--password-stdin"];
        told(data.as_ref(), &args, &["another horse"])
    };
    let running = reset("bob", &data);
    assert!(
        refusal(&running).contains("another process has it open"),
        "{running:?}"
    );
    round.server.take().unwrap().end();
    let unknown = reset("eve", &data);
    assert!(
        refusal(&unknown).contains("nobody is called eve: there are ada, bob"),
        "{unknown:?}"
    );
    let elsewhere = round.homes.path().to_str().unwrap();
    assert!(refusal(&reset("bob", elsewhere)).contains("holds no accounts"));
    assert_eq!(fs::read_dir(elsewhere).unwrap().count(), 1);
    let done = reset("bob", &data);
    assert_eq!(
        done.stdout, "bob is an administrator, with another password\n",
        "{done:?}"
    );

    round.start();
    assert!(refusal(&round.login("bob", PASSWORD)).contains("is wrong"));
    assert_eq!(round.login("bob", "another horse").status, 0);
    let users = round.run("bob", &["users"], &[]).stdout;
    assert_eq!(users, "ada\tadmin\tenabled\nbob\tadmin\tenabled\n");
}

#[test]
fn signing_out_forgets_the_token_also_where_nobody_answers() {
    let mut round = Round::begin();
    let url = round.url();
    round.server.take().unwrap().end();
    let home = round.home("ada");
    let out = told(&home, &["logout", "--server", &url], &[]);
    let said = refusal(&out);
    assert!(
        said.contains("forgotten here") && said.contains("could not be told"),
        "{said}"
    );
    let kept = fs::read_to_string(round.tokens("ada")).unwrap();
    assert!(!kept.contains("kadenza_"), "{kept}");
    // Of several servers the one that has a token is asked.
    round.start();
    assert_eq!(round.login("ada", PASSWORD).status, 0);
    let both = [
        "users",
        "--server",
        "http://127.0.0.1:1",
        "--server",
        &round.url(),
    ];
    assert_eq!(told(&home, &both, &[]).status, 0);
    let login = [
        "login",
        "ada",
        "--password-stdin",
        "--server",
        "http://127.0.0.1:1",
    ];
    let login = told(
        &home,
        &[&login[..], &["--server", &round.url()]].concat(),
        &[PASSWORD],
    );
    assert_eq!(login.status, 0, "{login:?}");
}

#[test]
fn a_server_without_accounts_says_so_before_a_password_is_asked() {
    let data = tempfile::tempdir().unwrap();
    let server = standalone(data.path());
    let ended = server.ask(&["login", "ada", "--password-stdin"]);
    assert!(
        refusal(&ended).contains("has no accounts: everybody may do everything there"),
        "{ended:?}"
    );
}
