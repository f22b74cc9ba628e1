//! HTTPS from outside: servers with a certificate, and clients that trust it.

use std::{fs, path::Path};

use crate::support::{Server, run, song};

/// Writes a certificate that vouches for itself, and its key.
fn certificate(folder: &Path) -> [String; 2] {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let files = ["cert.pem", "key.pem"].map(|name| folder.join(name).display().to_string());
    fs::write(&files[0], certificate.pem()).unwrap();
    fs::write(&files[1], key.serialize_pem()).unwrap();
    files
}

fn at(server: &Server, scheme: &str) -> String {
    let http = server.http();
    let (_, port) = http.rsplit_once(':').unwrap();
    format!("{scheme}://localhost:{port}")
}

#[test]
fn songs_go_up_and_come_back_encrypted_also_by_a_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key] = certificate(folder.path());
    let data = folder.path().join("data").display().to_string();
    let file = folder.path().join("a.wav").display().to_string();
    fs::write(&file, song("Sealed", "Artist", "")).unwrap();
    let tls = [
        "--tls-cert",
        &certificate,
        "--tls-key",
        &key,
        "--http",
        "localhost:0",
    ];
    let serve = ["serve", "--standalone", "--data", &data];
    let server = Server::start(&[&serve[..], &tls].concat());
    let url = at(&server, "https");
    let asked = ["--server", &url, "--ca", &certificate];
    let uploaded = run(&[&["upload", &file][..], &asked].concat());
    assert_eq!(uploaded.status, 0, "{uploaded:?}");
    let gateway = Server::start(&[&["gateway"][..], &asked, &tls].concat());
    for url in [url.clone(), at(&gateway, "https")] {
        let found = run(&["search", "sealed", "--server", &url, "--ca", &certificate]);
        let id = found.stdout.split('\t').next().unwrap();
        assert_eq!(id.len(), 64, "{found:?}");
        let out = folder.path().join("out.wav").display().to_string();
        let heard = [
            "listen",
            id,
            "--output",
            &out,
            "--server",
            &url,
            "--ca",
            &certificate,
        ];
        let heard = run(&heard);
        assert_eq!(heard.status, 0, "{heard:?}");
        assert!(fs::read(&out).unwrap() == fs::read(&file).unwrap());
        fs::remove_file(out).unwrap();
        // Nobody vouches for it otherwise, and the port speaks nothing else.
        assert_eq!(run(&["search", "sealed", "--server", &url]).status, 1);
        let plain = url.replace("https", "http");
        assert_eq!(run(&["search", "sealed", "--server", &plain]).status, 1);
    }
}

#[test]
fn nothing_off_loopback_is_plain_by_accident() {
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key] = certificate(folder.path());
    let wide = [
        "gateway",
        "--server",
        "http://127.0.0.1:1",
        "--http",
        "0.0.0.0:0",
    ];
    for (more, told) in [
        (&[][..], "--insecure-http"),
        (&["--tls-cert", &certificate], "--tls-key"),
        (&["--tls-key", &key], "--tls-cert"),
        (&["--tls-cert", &key, "--tls-key", &key], "no certificate"),
        (
            &["--tls-cert", &certificate, "--tls-key", &certificate],
            "no private key",
        ),
        (
            &[
                "--tls-cert",
                &certificate,
                "--tls-key",
                &key,
                "--insecure-http",
            ],
            "leave one",
        ),
    ] {
        let refused = run(&[&wide[..], more].concat());
        assert_eq!(refused.status, 2, "{refused:?}");
        assert!(refused.stderr.contains(told), "{refused:?}");
    }
    Server::start(&[&wide[..], &["--insecure-http"]].concat()).end();
}
