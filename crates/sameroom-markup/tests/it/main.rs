//! Tests of the markup crate's public functions.

mod plain;
mod split;
