//! Runs the `irc_line` check of `connector-irc`, which tests run over the kept corpus as well.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    for (_, run) in connector_irc::FUZZ_TARGETS.iter().filter(|(name, _)| *name == "irc_line") {
        run(input);
    }
});
