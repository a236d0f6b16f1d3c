//! A headless Chromium, driven through `chromedriver` by W3C `WebDriver` (<https://www.w3.org/TR/webdriver2/>).
//!
//! Only what the tests of our pages need; one browser for each test, with a profile of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::servers::process::Process;
use crate::servers::{ServerError, free_port};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often to look whether a page is as awaited; the driver has no event for it.
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// The name under which the driver gives elements (section 11).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Keys without a sign of their own (section 15.4.2).
pub mod keys {
    /// Enter.
    pub const ENTER: &str = "\u{e007}";
    /// Shift, held down until the end of the text.
    pub const SHIFT: &str = "\u{e008}";
    /// Escape.
    pub const ESCAPE: &str = "\u{e00c}";
    /// Arrow up.
    pub const UP: &str = "\u{e013}";
    /// Tab.
    pub const TAB: &str = "\u{e004}";
}

/// What went wrong with a browser.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    /// The driver does not run.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The driver's connection.
    #[error("connection to the browser's driver: {0}")]
    Io(#[from] std::io::Error),
    /// The driver said no.
    #[error("the browser refused {what}: {why}")]
    Refused {
        /// What was asked.
        what: String,
        /// What it said.
        why: String,
    },
    /// It did not come in time.
    #[error("no {what} in time; the page shows: {page}")]
    Late {
        /// What was awaited.
        what: String,
        /// The page's text.
        page: String,
    },
}

/// A browser with one window.
#[derive(Debug)]
pub struct Browser {
    address: SocketAddr,
    session: String,
    _process: Process,
    _folder: TempDir,
}

impl Browser {
    /// Starts a browser.
    ///
    /// # Errors
    /// When Chromium or its driver is not installed or does not come up.
    pub async fn start() -> Result<Self, BrowserError> {
        let folder = tempfile::tempdir()?;
        let port = free_port()?;
        let log = folder.path().join("driver.log");
        let process = Process::start("chromedriver", &[&format!("--port={port}")], log, port).await?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let profile = format!("--user-data-dir={}", folder.path().join("profile").display());
        let flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--force-color-profile=srgb",
            &profile,
        ];
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "args": flags },
        } } });
        let answer = request(address, "POST", "/session", Some(&wanted)).await?;
        let session = answer["sessionId"].as_str().unwrap_or_default().to_owned();
        Ok(Self { address, session, _process: process, _folder: folder })
    }

    async fn call(&self, method: &str, below: &str, body: Option<&Value>) -> Result<Value, BrowserError> {
        request(self.address, method, &format!("/session/{}{below}", self.session), body).await
    }

    /// Makes the page this wide and high, in CSS pixels; a phone also has a finger instead of a mouse.
    ///
    /// # Errors
    /// When the driver refuses.
    pub async fn show_as(&self, width: u32, height: u32, phone: bool) -> Result<(), BrowserError> {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await?;
        self.devtools("Emulation.setTouchEmulationEnabled", json!({ "enabled": phone })).await
    }

    /// Lets pages believe that people prefer dark colours, or light ones.
    ///
    /// # Errors
    /// When the driver refuses.
    pub async fn prefer_dark(&self, dark: bool) -> Result<(), BrowserError> {
        let value = if dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": value }] });
        self.devtools("Emulation.setEmulatedMedia", features).await
    }

    async fn devtools(&self, command: &str, params: Value) -> Result<(), BrowserError> {
        let body = json!({ "cmd": command, "params": params });
        self.call("POST", "/goog/cdp/execute", Some(&body)).await.map(|_| ())
    }

    /// Opens an address.
    ///
    /// # Errors
    /// When it can't be loaded.
    pub async fn open(&self, url: &str) -> Result<(), BrowserError> {
        self.call("POST", "/url", Some(&json!({ "url": url }))).await.map(|_| ())
    }

    /// Runs a function's body in the page and gives what it returns.
    ///
    /// # Errors
    /// When it throws.
    pub async fn run(&self, script: &str) -> Result<Value, BrowserError> {
        self.call("POST", "/execute/sync", Some(&json!({ "script": script, "args": [] }))).await
    }

    /// Waits until an expression of the page is true.
    ///
    /// # Errors
    /// When it does not become true in time.
    pub async fn wait(&self, what: &str, expression: &str) -> Result<(), BrowserError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if self.run(&format!("return !!({expression})")).await? == Value::Bool(true) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let page = self.run("return document.body.innerText").await?;
                return Err(BrowserError::Late { what: what.to_owned(), page: page.to_string() });
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until the page shows this text.
    ///
    /// # Errors
    /// When it does not come in time.
    pub async fn wait_text(&self, text: &str) -> Result<(), BrowserError> {
        self.wait(text, &format!("document.body.innerText.includes({})", json!(text))).await
    }

    /// Waits until the page no longer shows this text.
    ///
    /// # Errors
    /// When it stays.
    pub async fn wait_no_text(&self, text: &str) -> Result<(), BrowserError> {
        self.wait("absence", &format!("!document.body.innerText.includes({})", json!(text))).await
    }

    async fn find(&self, css: &str) -> Result<String, BrowserError> {
        self.wait(css, &format!("document.querySelector({})", json!(css))).await?;
        let found =
            self.call("POST", "/element", Some(&json!({ "using": "css selector", "value": css }))).await?;
        Ok(found[ELEMENT].as_str().unwrap_or_default().to_owned())
    }

    /// Clicks the first element that fits, once it is there.
    ///
    /// # Errors
    /// When there is none, or something lies over it.
    pub async fn click(&self, css: &str) -> Result<(), BrowserError> {
        let element = self.find(css).await?;
        self.call("POST", &format!("/element/{element}/click"), Some(&json!({}))).await.map(|_| ())
    }

    /// Types into an element; a file's path into a file field.
    ///
    /// # Errors
    /// When there is no such element.
    pub async fn type_into(&self, css: &str, text: &str) -> Result<(), BrowserError> {
        let element = self.find(css).await?;
        let body = json!({ "text": text });
        self.call("POST", &format!("/element/{element}/value"), Some(&body)).await.map(|_| ())
    }

    /// Presses keys wherever the focus is.
    ///
    /// # Errors
    /// When the driver refuses.
    pub async fn press(&self, keys: &str) -> Result<(), BrowserError> {
        let strokes: Vec<Value> = keys
            .chars()
            .flat_map(|key| {
                [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })]
            })
            .collect();
        let body = json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": strokes }] });
        self.call("POST", "/actions", Some(&body)).await.map(|_| ())
    }

    /// A picture of what is visible, as PNG in base64.
    ///
    /// # Errors
    /// When the driver refuses.
    pub async fn screenshot(&self) -> Result<String, BrowserError> {
        Ok(self.call("GET", "/screenshot", None).await?.as_str().unwrap_or_default().to_owned())
    }

    /// Ends the browser.
    ///
    /// # Errors
    /// When the driver refuses.
    pub async fn quit(self) -> Result<(), BrowserError> {
        self.call("DELETE", "", None).await.map(|_| ())
    }
}

/// One request on a connection of its own; gives the `value` of the answer.
async fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Result<Value, BrowserError> {
    let what = format!("{method} {path}");
    let refused = |why: String| BrowserError::Refused { what: what.clone(), why };
    let exchange = async {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut stream = TcpStream::connect(address).await?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
        read_answer(&mut stream).await
    };
    let answer = timeout(PATIENCE, exchange).await.map_err(|_| refused("no answer in time".to_owned()))??;
    let mut answer: Value = serde_json::from_slice(&answer).map_err(|error| refused(error.to_string()))?;
    let value = answer["value"].take();
    match value.get("error").and_then(Value::as_str) {
        Some(error) => Err(refused(format!("{error}: {}", value["message"].as_str().unwrap_or_default()))),
        None => Ok(value),
    }
}

/// The body of an answer whose length is given.
async fn read_answer(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut read = Vec::new();
    let mut end = None;
    loop {
        if end.is_none()
            && let Some(at) = read.windows(4).position(|window| window == b"\r\n\r\n")
        {
            let head = String::from_utf8_lossy(&read[..at]).to_ascii_lowercase();
            let length =
                head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            end = Some((at + 4, at + 4 + length.unwrap_or(0_usize)));
        }
        if let Some((start, end)) = end
            && read.len() >= end
        {
            read.truncate(end);
            return Ok(read.split_off(start));
        }
        if stream.read_buf(&mut read).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}
