//! Headless Chromium, driven by the WebDriver protocol (W3C Recommendation of 5 June 2018).

use std::{
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
};

use kadenza_integration_tests::processes::PATIENCE;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How a reference to an element is named in answers.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// How many times ChromeDriver is started until it finds a port.
const STARTS_MAX: usize = 20;

/// A ChromeDriver with its browsers, all of which end when it is dropped.
#[derive(Debug)]
pub(crate) struct Driver {
    child: Child,
    url: String,
    profile: TempDir,
}

impl Driver {
    /// Starts it. Where Chromium or ChromeDriver is missing, the test that asks is skipped, and says
    /// so; with `KADENZA_REQUIRE=1` it fails.
    pub(crate) fn start(test: &str) -> Option<Driver> {
        let has_browser = Command::new("chromium").arg("--version").output().is_ok();
        let has_driver = Command::new("chromedriver")
            .arg("--version")
            .output()
            .is_ok();
        if !has_browser || !has_driver {
            let required = std::env::var_os("KADENZA_REQUIRE").is_some();
            assert!(
                !required,
                "install chromium and chromium-driver: {test} needs them"
            );
            eprintln!("skipped: {test} (install chromium and chromium-driver)");
            return None;
        }
        // It takes a port that is free for IPv6 and ends if another process has that port for IPv4.
        let driver = (0..STARTS_MAX).find_map(|_| Driver::once());
        Some(driver.expect("it tells its port"))
    }

    /// Starts it; `None` if it ended before it told its port.
    fn once() -> Option<Driver> {
        let mut child = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // In a group of its own, so that the browsers can be ended with it.
            .process_group(0)
            .spawn()
            .expect("it starts, as it told its version");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (told, port) = mpsc::sync_channel(1);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                // "ChromeDriver was started successfully on port 12345."
                if let Some((_, port)) = line.rsplit_once("successfully on port ") {
                    let _ = told.try_send(port.trim_end_matches('.').to_owned());
                }
            }
        });
        let mut driver = Driver {
            child,
            url: String::new(),
            profile: TempDir::new().unwrap(),
        };
        let port = match port.recv_timeout(PATIENCE) {
            Err(RecvTimeoutError::Disconnected) => return None,
            told => told.expect("it tells its port"),
        };
        driver.url = format!("http://127.0.0.1:{port}");
        Some(driver)
    }

    /// Opens a page in a new browser.
    pub(crate) async fn open(&self, url: &str) -> Page {
        let profile = format!("--user-data-dir={}", self.profile.path().display());
        let args = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--autoplay-policy=no-user-gesture-required",
            &profile,
        ];
        let options = json!({ "goog:chromeOptions": { "args": args } });
        let wanted = json!({ "capabilities": { "alwaysMatch": options } });
        let session = post(&format!("{}/session", self.url), wanted).await;
        let session = session["sessionId"].as_str().unwrap();
        let page = Page {
            session: format!("{}/session/{session}", self.url),
        };
        page.ask("url", json!({ "url": url })).await;
        page
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

/// A page in a browser.
#[derive(Debug)]
pub(crate) struct Page {
    session: String,
}

impl Page {
    /// Types a text into an element; into a file input, the paths of files on lines.
    pub(crate) async fn type_into(&self, selector: &str, text: &str) {
        let found = json!({ "using": "css selector", "value": selector });
        let element = self.ask("element", found).await;
        let element = element[ELEMENT].as_str().unwrap();
        self.ask(&format!("element/{element}/value"), json!({ "text": text }))
            .await;
    }

    /// Runs a script in the page.
    pub(crate) async fn run(&self, script: &str, args: Value) -> Value {
        self.ask("execute/sync", json!({ "script": script, "args": args }))
            .await
    }

    async fn ask(&self, what: &str, body: Value) -> Value {
        post(&format!("{}/{what}", self.session), body).await
    }
}

/// Asks the driver for something. What it answers, or a panic with what it complains of.
async fn post(url: &str, body: Value) -> Value {
    let answer = kadenza_integration_tests::http::client()
        .build()
        .unwrap()
        .post(url)
        .json(&body)
        .send()
        .await
        .unwrap();
    let status = answer.status();
    let mut answer: Value = answer.json().await.unwrap();
    assert!(status.is_success(), "{url}: {body}: {answer}");
    answer["value"].take()
}
