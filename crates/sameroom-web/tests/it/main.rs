//! The server over real connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use sameroom_connector::{
    HttpHandler, HttpRequest, HttpResponse, Mount, ResponseBody, SpoolError, SpoolReader,
};
use sameroom_web::{Backend, LinkPage, LinkRow, LinkView, PortalView, RowState};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(10);

struct Relay;

struct Twice(u8);

#[async_trait]
impl SpoolReader for Twice {
    fn size_bytes(&self) -> u64 {
        10
    }
    async fn read(&mut self) -> Result<Option<Bytes>, SpoolError> {
        self.0 += 1;
        Ok((self.0 <= 2).then(|| Bytes::from_static(b"<svg>")))
    }
}

#[async_trait]
impl Backend for Relay {
    async fn ready(&self) -> Result<(), String> {
        Err("the log can't be written".to_owned())
    }
    async fn metrics(&self) -> String {
        "sameroom_messages_total 3\n".to_owned()
    }
    async fn file(&self, token: &str) -> Option<(String, Box<dyn SpoolReader>)> {
        (token == "t1").then(|| ("a \"b\".svg".to_owned(), Box::new(Twice(0)) as _))
    }
    async fn link(&self, token: &str) -> Option<LinkView> {
        let row =
            LinkRow { title: "#dev on IRC".to_owned(), state: RowState::Waiting, detail: String::new() };
        (token == "m1").then(|| LinkView { page: LinkPage::Map, room: "Lobby".to_owned(), rows: vec![row] })
    }
    async fn portal(&self, token: &str) -> Option<PortalView> {
        (token == "p1").then(|| PortalView {
            room: "Lobby".to_owned(),
            platform: "IRC".to_owned(),
            command: "-sameroom connect x".to_owned(),
            approval: true,
        })
    }
}

/// Gives back what it gets, or streams until the client goes.
struct Mirror(mpsc::Sender<()>);

#[async_trait]
impl HttpHandler for Mirror {
    async fn handle(&self, request: HttpRequest) -> HttpResponse {
        if request.path == ["stream"] {
            let (sender, pieces) = mpsc::channel(1);
            let gone = self.0.clone();
            sender.send(Bytes::from_static(b"data: 1\n\n")).await.expect("room for one");
            let mut tasks = JoinSet::new();
            tasks.spawn(async move {
                sender.closed().await;
                gone.send(()).await.expect("the test listens");
            });
            tasks.detach_all();
            let headers = vec![("content-type".to_owned(), "text/event-stream".to_owned())];
            return HttpResponse { status: 200, headers, body: ResponseBody::Pieces(pieces) };
        }
        let seen = format!("{} {:?} {:?}", request.method, request.path, request.query);
        let body = request.body.read_all(1_000_000).await;
        let size = body.map_or_else(|why| why, |body| body.len().to_string());
        HttpResponse::new(200, "text/plain", format!("{seen} {size}"))
    }
}

struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinSet<()>,
    gone: mpsc::Receiver<()>,
}

async fn start() -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let (stop, mut task) = (CancellationToken::new(), JoinSet::new());
    let (sender, gone) = mpsc::channel(1);
    let mounts = vec![Mount { prefix: "mirror", handler: Arc::new(Mirror(sender)) }];
    let stopped = stop.clone();
    task.spawn(async move {
        sameroom_web::serve(listener, Arc::new(Relay), mounts, stopped).await.expect("serves");
    });
    Server { address, stop, task, gone }
}

impl Server {
    /// Sends raw bytes and reads until the server closes.
    async fn say(&self, request: &str) -> String {
        let exchange = async {
            let mut stream = TcpStream::connect(self.address).await.expect("connected");
            stream.write_all(request.as_bytes()).await.expect("sent");
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.expect("read");
            String::from_utf8(answer).expect("text")
        };
        tokio::time::timeout(PATIENCE, exchange).await.expect("in time")
    }

    async fn get(&self, path: &str) -> String {
        self.say(&format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await
    }
}

#[tokio::test]
async fn health_is_told() {
    let server = start().await;
    assert!(server.get("/healthz").await.starts_with("HTTP/1.1 200"));
    let ready = server.get("/readyz").await;
    assert!(ready.starts_with("HTTP/1.1 503") && ready.ends_with("the log can't be written\n"), "{ready}");
    let metrics = server.get("/metrics").await;
    assert!(
        metrics.contains("text/plain; version=0.0.4") && metrics.ends_with("sameroom_messages_total 3\n")
    );
}

#[tokio::test]
async fn shared_files_are_saved_and_sandboxed() {
    let server = start().await;
    let file = server.get("/files/t1/whatever").await;
    for part in [
        "HTTP/1.1 200",
        "content-length: 10",
        "content-type: application/octet-stream",
        "content-disposition: attachment; filename*=UTF-8''a%20%22b%22.svg",
        "content-security-policy: default-src 'none'; sandbox",
        "x-content-type-options: nosniff",
        "<svg><svg>",
    ] {
        assert!(file.contains(part), "{part} is missing in {file}");
    }
    assert!(server.get("/files/t2/x").await.starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn links_open_their_own_page_only() {
    let server = start().await;
    let map = server.get("/map/m1").await;
    assert!(map.starts_with("HTTP/1.1 200") && map.contains("#dev on IRC") && map.contains("waiting"));
    assert!(map.contains("frame-ancestors 'none'") && map.contains("referrer-policy: no-referrer"));
    assert!(server.get("/manage/m1").await.starts_with("HTTP/1.1 404"));
    assert!(server.get("/portal/p1").await.contains("-sameroom connect x"));
    assert!(server.get("/portal/p2").await.starts_with("HTTP/1.1 404"));
    assert!(server.get("/nothing").await.contains("Nothing here"));
}

#[tokio::test]
async fn connectors_get_requests_as_they_came() {
    let server = start().await;
    let body = "x".repeat(200_000);
    let request = format!(
        "PUT /mirror/a%2Fb/%F0%9F%91%8D?c=d+e&f HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = server.say(&request).await;
    let expected = "PUT [\"a/b\", \"👍\"] [(\"c\", \"d e\"), (\"f\", \"\")] 200000";
    assert!(answer.ends_with(expected), "{answer}");
    assert!(answer.contains("x-content-type-options: nosniff"), "hardened too");
    assert!(server.get("/mirror/%ff").await.starts_with("HTTP/1.1 400"));
}

#[tokio::test]
async fn a_stream_ends_when_its_reader_goes_and_when_told_to_stop() {
    let mut server = start().await;
    let open = async || {
        let mut stream = TcpStream::connect(server.address).await.expect("connected");
        stream.write_all(b"GET /mirror/stream HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
        let mut read = Vec::new();
        while !String::from_utf8_lossy(&read).contains("data: 1") {
            stream.read_buf(&mut read).await.expect("read");
        }
        stream
    };
    drop(open().await);
    tokio::time::timeout(PATIENCE, server.gone.recv()).await.expect("noticed").expect("told");
    let _held = open().await;
    let start = Instant::now();
    server.stop.cancel();
    tokio::time::timeout(PATIENCE, server.task.join_next()).await.expect("ends").expect("ran").expect("well");
    assert!(start.elapsed() < Duration::from_secs(3), "took {:?}", start.elapsed());
}
