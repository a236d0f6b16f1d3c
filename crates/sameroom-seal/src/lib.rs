//! Sealing at rest: the master key, keys derived from it, secrets that do not print, randomness.
//!
//! One master key per installation never seals anything itself: every use has a key of its own, derived by purpose
//! ([`MasterKey::derive`]), so that one use can't be confused with another. Nothing here stores what it sealed.

pub mod entropy;
pub mod key;
pub mod secret;
pub mod source;

pub use entropy::{Entropy, OsEntropy, SeededEntropy};
pub use key::{Key, MasterKey, OpenError};
pub use secret::Secret;
pub use source::{KeyError, KeySource};
