//! The short run of the fuzz targets of the log and the engine; the long one is `cargo xtask soak`.

use sameroom_testkit::corpus;

#[test]
fn logs_hold() {
    corpus::hold(sameroom_log::FUZZ_TARGETS);
}

#[test]
fn records_hold() {
    corpus::hold(sameroom_engine::FUZZ_TARGETS);
}
