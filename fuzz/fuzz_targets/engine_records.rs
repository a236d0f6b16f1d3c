//! Runs the `engine_records` check of `sameroom-engine`, which tests run over the kept corpus as well.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    for (_, run) in sameroom_engine::FUZZ_TARGETS.iter().filter(|(name, _)| *name == "engine_records") {
        run(input);
    }
});
