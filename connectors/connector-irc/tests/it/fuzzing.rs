//! The short run of the fuzz targets; the long one is `cargo xtask soak`.

#[test]
fn the_corpus_and_changes_of_it_hold() {
    sameroom_testkit::corpus::hold(connector_irc::FUZZ_TARGETS);
}
