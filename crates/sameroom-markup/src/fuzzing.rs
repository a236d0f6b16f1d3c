//! What the fuzzers run, as plain functions that tests run over the kept corpus too.

/// A named check over arbitrary text, which panics where a promise is broken.
#[derive(Clone, Copy, Debug)]
pub struct FuzzTarget {
    /// The name, which is also that of the corpus folder.
    pub name: &'static str,
    /// The check.
    pub run: fn(&str),
}

/// Every check.
pub const FUZZ_TARGETS: &[FuzzTarget] = &[];
