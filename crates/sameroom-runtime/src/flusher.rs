//! The thread that makes the log durable. All that was written when a flush begins shares it.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use sameroom_log::{Flusher, LogError, Seq};
use tokio::sync::mpsc;

/// Asks for flushes; one waits at most, since the next covers everything written until it begins.
pub(crate) struct FlushThread {
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl FlushThread {
    pub(crate) fn start(
        mut flusher: Box<dyn Flusher>,
        done: mpsc::Sender<Result<Seq, LogError>>,
    ) -> std::io::Result<Self> {
        let (wake, woken) = sync_channel(1);
        let thread = std::thread::Builder::new().name("flush".into()).spawn(move || {
            while woken.recv().is_ok() {
                if done.blocking_send(flusher.flush()).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { wake: Some(wake), thread: Some(thread) })
    }

    /// Wants what is written so far to be durable soon.
    pub(crate) fn flush(&self) {
        if let Some(wake) = &self.wake {
            // Full means that a flush is already asked for and has not begun.
            wake.try_send(()).unwrap_or_default();
        }
    }

    /// Ends the thread after the flush under way.
    pub(crate) fn stop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
