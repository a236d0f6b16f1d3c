//! A small IRC server for demos and tests.
