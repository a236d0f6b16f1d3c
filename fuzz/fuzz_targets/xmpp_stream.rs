//! Runs the `xmpp_stream` check of `connector-xmpp`, which tests run over the kept corpus as well.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    for (_, run) in connector_xmpp::FUZZ_TARGETS.iter().filter(|(name, _)| *name == "xmpp_stream") {
        run(input);
    }
});
