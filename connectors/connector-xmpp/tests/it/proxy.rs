//! A TCP relay that can break connections at a chosen moment.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What to look for in what the client sends.
const POST: &[u8] = b"type='groupchat'";

#[derive(Debug, Default)]
struct Switches {
    /// Break when the next post passes.
    cut_at_post: AtomicBool,
    /// Swallow what the server says.
    deaf: AtomicBool,
    /// What was swallowed.
    swallowed: std::sync::Mutex<Vec<u8>>,
    /// Let nobody in.
    closed: AtomicBool,
}

/// A relay to one server.
#[derive(Debug)]
pub(crate) struct Proxy {
    addr: SocketAddr,
    switches: Arc<Switches>,
    cut: watch::Sender<u64>,
    _task: JoinSet<()>,
}

impl Proxy {
    pub(crate) async fn start(target: SocketAddr, encrypted: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("an address");
        let switches = Arc::new(Switches::default());
        let (cut, watched) = watch::channel(0);
        let mut task = JoinSet::new();
        task.spawn(accept(listener, target, encrypted, Arc::clone(&switches), cut.clone(), watched));
        Self { addr, switches, cut, _task: task }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Breaks all connections when the next post passes, the post being passed on, and lets nobody in then.
    pub(crate) fn cut_at_next_post(&self) {
        self.switches.cut_at_post.store(true, Ordering::SeqCst);
    }

    /// Breaks all connections now.
    pub(crate) fn cut(&self) {
        self.cut.send_modify(|count| *count += 1);
    }

    /// Swallows what the server says, or no longer.
    pub(crate) fn deafen(&self, deaf: bool) {
        self.switches.deaf.store(deaf, Ordering::SeqCst);
    }

    /// Waits until something with this text was swallowed.
    pub(crate) async fn has_swallowed(&self, text: &str) {
        for _ in 0..1_000 {
            let so_far = self.switches.swallowed.lock().expect("no panic holds it").clone();
            if String::from_utf8_lossy(&so_far).contains(text) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("the server never said {text}");
    }

    /// Lets nobody in from now on.
    pub(crate) fn close(&self) {
        self.switches.closed.store(true, Ordering::SeqCst);
    }

    /// Lets connections through again.
    pub(crate) fn mend(&self) {
        self.switches.closed.store(false, Ordering::SeqCst);
        self.switches.cut_at_post.store(false, Ordering::SeqCst);
    }
}

async fn accept(
    listener: TcpListener,
    target: SocketAddr,
    encrypted: bool,
    switches: Arc<Switches>,
    cut: watch::Sender<u64>,
    watched: watch::Receiver<u64>,
) {
    let mut relays = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        if switches.closed.load(Ordering::SeqCst) {
            continue;
        }
        let Ok(server) = TcpStream::connect(target).await else { continue };
        relays.spawn(relay(client, server, encrypted, Arc::clone(&switches), cut.clone(), watched.clone()));
    }
}

async fn relay(
    mut client: TcpStream,
    mut server: TcpStream,
    encrypted: bool,
    switches: Arc<Switches>,
    cut: watch::Sender<u64>,
    mut watched: watch::Receiver<u64>,
) {
    watched.mark_unchanged();
    let (mut up, mut down) = (vec![0_u8; 65_536], vec![0_u8; 65_536]);
    loop {
        tokio::select! {
            _ = watched.changed() => return,
            count = client.read(&mut up) => {
                let Ok(count @ 1..) = count else { return };
                if server.write_all(&up[..count]).await.is_err() {
                    return;
                }
                // What is encrypted can't be told apart; a quiet connection sends nothing but posts.
                let is_post = encrypted || up[..count].windows(POST.len()).any(|window| window == POST);
                if is_post && switches.cut_at_post.swap(false, Ordering::SeqCst) {
                    switches.closed.store(true, Ordering::SeqCst);
                    cut.send_modify(|count| *count += 1);
                    return;
                }
            }
            count = server.read(&mut down) => {
                let Ok(count @ 1..) = count else { return };
                if switches.deaf.load(Ordering::SeqCst) {
                    switches.swallowed.lock().expect("no panic holds it").extend_from_slice(&down[..count]);
                    continue;
                }
                if client.write_all(&down[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}
