//! Tests of the markup crate's public functions.

mod hostile;
mod html;
mod irc;
mod markdown;
mod plain;
mod properties;
mod split;
mod split_properties;
mod styling;
mod table;
mod trees;
mod xhtml_im;
