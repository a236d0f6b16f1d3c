//! SQLite: the store derived from the log, and the vault for what Sameroom itself keeps.
//!
//! The two are separate files. The store can be removed at any time and is made again from the
//! log, as far as that reaches back; the vault is kept content and can not.

mod schema;
mod store;
mod vault;

pub use store::SqliteStore;
pub use vault::SqliteVault;
