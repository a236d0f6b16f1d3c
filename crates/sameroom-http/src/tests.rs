//! Requests to a server of a few lines on this machine.

use std::net::SocketAddr;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use hyper::Method;

use crate::{Body, Call, Client, HttpError, Rules, Source};

/// Answers each connection with the next text; gives what was asked.
async fn serve(answers: Vec<String>) -> (SocketAddr, JoinSet<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    let mut task = JoinSet::new();
    task.spawn(async move {
        let mut asked = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut request = Vec::new();
            let mut buffer = [0_u8; 4096];
            loop {
                let count = stream.read(&mut buffer).await.expect("a request");
                request.extend_from_slice(&buffer[..count]);
                let text = String::from_utf8_lossy(&request).into_owned();
                if count == 0
                    || text.contains("\r\n\r\n") && (text.starts_with("GET") || text.ends_with("END"))
                {
                    asked.push(text);
                    break;
                }
            }
            stream.write_all(answer.as_bytes()).await.expect("answered");
        }
        asked
    });
    (addr, task)
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nContent-Type: text/plain\r\n\r\n{body}", body.len())
}

fn here() -> Client {
    Client::new(Rules { allow_private: true, ..Rules::default() })
}

async fn get(client: &Client, url: &str, max_bytes: u64) -> Result<String, HttpError> {
    let mut download = client.get(url, max_bytes).await?;
    let mut whole = Vec::new();
    while let Some(piece) = download.piece().await? {
        whole.extend_from_slice(&piece);
    }
    Ok(String::from_utf8_lossy(&whole).into_owned())
}

#[tokio::test]
async fn a_body_is_fetched_through_redirects() {
    let moved = "HTTP/1.1 302 Found\r\nLocation: /b?c=1\r\nContent-Length: 0\r\n\r\n".to_owned();
    let (addr, mut task) = serve(vec![moved, ok("hello")]).await;
    assert_eq!(get(&here(), &format!("http://{addr}/a"), 100).await.expect("a body"), "hello");
    let asked = task.join_next().await.expect("a task").expect("no panic");
    assert!(asked[0].starts_with("GET /a HTTP/1.1\r\n"), "{asked:?}");
    assert!(asked[1].starts_with("GET /b?c=1 HTTP/1.1\r\n"), "{asked:?}");
    assert!(asked[1].contains(&format!("host: {addr}")), "{asked:?}");
}

#[tokio::test]
async fn private_addresses_are_refused_in_every_spelling_and_after_a_redirect() {
    let client = Client::new(Rules::default());
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "2130706433",
        "0x7f.1",
        "10.0.0.1",
        "169.254.169.254",
    ] {
        let error = get(&client, &format!("http://{host}:1/"), 100).await.expect_err("private");
        assert!(matches!(error, HttpError::PrivateAddress), "{host}: {error}");
    }
    for bad in ["file:///etc/passwd", "ftp://1.1.1.1/", "", "http://", "data:,x"] {
        assert!(matches!(get(&client, bad, 100).await, Err(HttpError::BadUrl(_))), "{bad}");
    }
}

#[tokio::test]
async fn too_large_bodies_are_cut_off_whether_announced_or_not() {
    let unannounced = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n0123456789".to_owned();
    let (addr, _task) = serve(vec![ok("0123456789"), unannounced]).await;
    for _ in 0..2 {
        let error = get(&here(), &format!("http://{addr}/"), 5).await.expect_err("too large");
        assert!(matches!(error, HttpError::TooLarge { max_bytes: 5 }), "{error}");
    }
}

#[tokio::test]
async fn a_circle_of_redirects_ends() {
    let moved = "HTTP/1.1 301 Moved\r\nLocation: /\r\nContent-Length: 0\r\n\r\n".to_owned();
    let (addr, _task) = serve(vec![moved; 10]).await;
    assert!(matches!(get(&here(), &format!("http://{addr}/"), 5).await, Err(HttpError::Redirects)));
}

#[tokio::test]
async fn a_refusal_says_how_long_to_wait() {
    let busy = "HTTP/1.1 429 Slow down\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n".to_owned();
    let (addr, _task) = serve(vec![busy]).await;
    let error = get(&here(), &format!("http://{addr}/secret"), 5).await.expect_err("refused");
    assert!(
        matches!(error, HttpError::Status { status: 429, retry_after: Some(after) } if after.as_secs() == 7)
    );
    assert!(!format!("{error:?} {error}").contains("secret"));
}

struct Pieces(Vec<&'static str>);

#[async_trait::async_trait]
impl Source for Pieces {
    async fn piece(&mut self) -> std::io::Result<Option<Bytes>> {
        Ok(if self.0.is_empty() { None } else { Some(Bytes::from_static(self.0.remove(0).as_bytes())) })
    }
}

#[tokio::test]
async fn a_body_is_put_with_its_size_and_headers() {
    let (addr, mut task) = serve(vec![ok("")]).await;
    let headers = [("authorization".to_owned(), "Bearer x".to_owned())];
    let body = Body::new(9, Pieces(vec!["one", " two", "END"]));
    let short = Body::new(10, Pieces(vec!["one", " two"]));
    assert!(
        here()
            .put(
                &format!("http://{addr}/f"),
                "text/plain",
                &headers,
                Body::new(10, Pieces(vec!["one", " twoEND"]))
            )
            .await
            .is_ok()
    );
    let asked = task.join_next().await.expect("a task").expect("no panic").remove(0);
    assert!(asked.starts_with("PUT /f HTTP/1.1\r\n") && asked.ends_with("\r\n\r\none twoEND"), "{asked}");
    assert!(
        asked.contains("content-length: 10\r\n") && asked.contains("authorization: Bearer x\r\n"),
        "{asked}"
    );
    for wrong in [body, short] {
        let (addr, _task) = serve(vec![ok("")]).await;
        assert!(here().put(&format!("http://{addr}/f"), "text/plain", &[], wrong).await.is_err());
    }
}

#[tokio::test]
async fn a_call_gives_any_status_with_its_body() {
    let refused = "HTTP/1.1 409 Conflict\r\nRetry-After: 3\r\nContent-Length: 5\r\n\r\ntaken".to_owned();
    let (addr, mut asked) = serve(vec![refused]).await;
    let call = Call::new(Method::POST).header("x-one", "1").body("text/plain", "nameEND");
    let answer = here().call(&format!("http://{addr}/a"), call).await.expect("an answer");
    assert_eq!((answer.status, &answer.body[..], answer.is_success()), (409, &b"taken"[..], false));
    assert_eq!(answer.header("retry-after"), Some("3"));
    let asked = asked.join_next().await.expect("one").expect("ended").concat();
    assert!(
        asked.starts_with("POST /a ") && asked.contains("x-one: 1") && asked.ends_with("nameEND"),
        "{asked}"
    );
}

#[tokio::test]
async fn a_call_takes_no_more_than_it_wants() {
    let (addr, _asked) = serve(vec![ok("0123456789")]).await;
    let call = Call { max_bytes: 9, ..Call::new(Method::GET) };
    let result = here().call(&format!("http://{addr}/a"), call).await;
    assert!(matches!(result, Err(HttpError::TooLarge { max_bytes: 9 })), "{result:?}");
}
