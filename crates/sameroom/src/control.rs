//! The local API: the command line asks the running relay, over loopback, with a token that only the
//! owner of the data folder can read. One JSON question and one JSON answer for each connection.

pub(crate) mod accounts;
mod answer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use sameroom_connector::Vault;
use sameroom_runtime::Handle;
use sameroom_types::ids::{DeliveryId, PortalId, RequestId, RoomSpec, TubeId};
use sameroom_types::room::Direction;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::registry::Registry;

/// The longest question and answer, in bytes.
const MOST: u64 = 16 << 20;

/// How long a question may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// The file in the data folder that tells where the relay answers.
const FILE: &str = "control.json";

/// What the command line can ask.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub(crate) enum Question {
    Apply { dry_run: bool },
    Accounts,
    AddAccount { name: String, settings: serde_json::Map<String, Value> },
    RemoveAccount { name: String },
    Rooms,
    AddRoom { room: RoomSpec },
    RemoveRoom { room: RoomSpec },
    Tubes,
    AddTube { a: RoomSpec, b: RoomSpec, direction: Direction },
    ChangeTube { tube: TubeId, change: String },
    AnswerRequest { request: RequestId, accept: bool },
    Portals,
    AddPortal { room: RoomSpec, approval: bool },
    RevokePortal { portal: PortalId },
    Deliveries { limit: usize },
    Retry { delivery: DeliveryId },
    Drop { delivery: DeliveryId },
    Trace { id: u64 },
    Audit { limit: u32 },
}

#[derive(Serialize, Deserialize)]
struct Address {
    address: String,
    token: String,
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    token: String,
    question: Question,
}

/// What answers need.
pub(crate) struct Control {
    pub(crate) handle: Handle,
    pub(crate) registry: Registry,
    pub(crate) vault: Arc<dyn Vault>,
    pub(crate) file: Option<PathBuf>,
    pub(crate) config: Mutex<Config>,
}

impl Control {
    /// Answers until `stop` fires; the file that tells where is removed then.
    pub(crate) async fn listen(
        self: Arc<Self>,
        data_dir: &Path,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("listen for the command line")?;
        let token = format!("{:032x}{:032x}", chance(), chance());
        let address = Address { address: listener.local_addr()?.to_string(), token: token.clone() };
        let path = data_dir.join(FILE);
        write_private(&path, &serde_json::to_vec(&address)?)?;
        let tasks = TaskTracker::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        let (control, token, stop) = (Arc::clone(&self), token.clone(), stop.clone());
                        tasks.spawn(async move {
                            tokio::select! {
                                () = stop.cancelled() => {}
                                result = control.serve(stream, &token) => {
                                    if let Err(error) = result {
                                        tracing::debug!(error = %error, "question broke off");
                                    }
                                }
                            }
                        });
                    }
                    Err(error) => tracing::warn!(error = %error, "question refused"),
                },
            }
        }
        tasks.close();
        tasks.wait().await;
        drop(std::fs::remove_file(&path));
        Ok(())
    }

    async fn serve(&self, stream: TcpStream, token: &str) -> anyhow::Result<()> {
        let (reading, mut writing) = stream.into_split();
        let mut line = Vec::new();
        let mut reader = BufReader::new(reading).take(MOST);
        tokio::time::timeout(PATIENCE, reader.read_until(b'\n', &mut line)).await??;
        let envelope: Envelope = serde_json::from_slice(&line)?;
        // Both are 64 digits; comparing all of them takes the same time whatever is right.
        let differs = envelope.token.len() != token.len()
            || envelope.token.bytes().zip(token.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b)) != 0;
        if differs {
            bail!("wrong token");
        }
        let answer = match self.answer(envelope.question).await {
            Ok(answer) => answer,
            Err(error) => serde_json::json!({ "refused": format!("{error:#}") }),
        };
        let mut bytes = serde_json::to_vec(&answer)?;
        bytes.push(b'\n');
        writing.write_all(&bytes).await?;
        Ok(())
    }
}

fn chance() -> u128 {
    sameroom_connector::Clock::random(&sameroom_runtime::SystemClock)
}

fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    use std::io::Write;
    drop(std::fs::remove_file(path));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).with_context(|| format!("write {}", path.display()))?;
    file.write_all(bytes).with_context(|| format!("write {}", path.display()))
}

/// The command line's side.
pub(crate) struct Client {
    address: Address,
}

impl Client {
    /// Finds the running relay of a configuration.
    pub(crate) async fn find(config: &Path) -> anyhow::Result<Self> {
        let registry = Registry::new();
        let config = Config::load(config, &registry.connectors)?;
        let path = config.data_dir.join(FILE);
        let text = tokio::fs::read_to_string(&path).await.map_err(|_| {
            anyhow::anyhow!("no relay runs on {}: start it with `sameroom serve`", config.data_dir.display())
        })?;
        Ok(Self { address: serde_json::from_str(&text).context("control.json")? })
    }

    pub(crate) async fn ask(&self, question: &Question) -> anyhow::Result<Value> {
        let stream = TcpStream::connect(&self.address.address).await.map_err(|_| {
            anyhow::anyhow!("the relay does not answer; is it running? start it with `sameroom serve`")
        })?;
        let (reading, mut writing) = stream.into_split();
        let envelope = Envelope { token: self.address.token.clone(), question: question.clone() };
        let mut bytes = serde_json::to_vec(&envelope)?;
        bytes.push(b'\n');
        writing.write_all(&bytes).await?;
        let mut line = String::new();
        BufReader::new(reading).take(MOST).read_line(&mut line).await?;
        if line.is_empty() {
            bail!("the relay broke off without an answer");
        }
        Ok(serde_json::from_str(&line)?)
    }
}
