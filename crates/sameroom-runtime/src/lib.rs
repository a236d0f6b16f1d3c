//! Drives engine, log, store and sessions with tokio.
