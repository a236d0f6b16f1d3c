//! A port that leads to a server while it is open and refuses like a stopped one while it is not.
//!
//! With it a server can come back for the people in it before it comes back for the bridge, so that
//! they surely hear all that the bridge then delivers.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// The port.
#[derive(Debug)]
pub struct Gate {
    addr: SocketAddr,
    behind: SocketAddr,
    /// Accepts and carries; ends all connections when dropped.
    open: Option<JoinSet<()>>,
}

impl Gate {
    /// Opens a port that leads to this one.
    ///
    /// # Errors
    /// Those of binding it.
    pub async fn open(behind: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let mut gate = Self { addr: listener.local_addr()?, behind, open: None };
        gate.serve(listener);
        Ok(gate)
    }

    /// Where to connect to.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Cuts all connections and refuses new ones.
    pub async fn close(&mut self) {
        if let Some(mut tasks) = self.open.take() {
            tasks.shutdown().await;
        }
    }

    /// Takes connections again, on the same port.
    ///
    /// # Errors
    /// Those of binding it.
    pub async fn reopen(&mut self) -> io::Result<()> {
        let listener = TcpListener::bind(self.addr).await?;
        self.serve(listener);
        Ok(())
    }

    fn serve(&mut self, listener: TcpListener) {
        let behind = self.behind;
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                connections.spawn(carry(near, behind));
            }
        });
        self.open = Some(tasks);
    }
}

async fn carry(mut near: TcpStream, behind: SocketAddr) {
    let Ok(mut far) = TcpStream::connect(behind).await else { return };
    if near.set_nodelay(true).is_ok() && far.set_nodelay(true).is_ok() {
        // Either end may break; then both are closed.
        drop(tokio::io::copy_bidirectional(&mut near, &mut far).await);
    }
}
