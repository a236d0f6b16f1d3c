//! What can go wrong.

use std::time::Duration;

/// Why a request failed; texts hold no addresses.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// It is not an address that can be asked.
    #[error("not a usable address: {0}")]
    BadUrl(&'static str),
    /// It leads to this machine or a private network.
    #[error("it leads to a private address")]
    PrivateAddress,
    /// No connection came about.
    #[error("can't connect: {0}")]
    Connect(String),
    /// The other side took too long.
    #[error("no answer in time")]
    TimedOut,
    /// The connection broke or does not speak HTTP.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The answer is not a success.
    #[error("status {status}")]
    Status {
        /// The status code.
        status: u16,
        /// How long to wait, where the server says so in seconds.
        retry_after: Option<Duration>,
    },
    /// It is led from one address to another without end.
    #[error("too many redirects")]
    Redirects,
    /// The body is larger than allowed.
    #[error("larger than {max_bytes} bytes")]
    TooLarge {
        /// The limit.
        max_bytes: u64,
    },
    /// What was to be sent could not be read.
    #[error("what was to be sent could not be read: {0}")]
    Source(String),
}
