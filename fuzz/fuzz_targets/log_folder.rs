//! Runs the `log_folder` check of `sameroom-log`, which tests run over the kept corpus as well.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    for (_, run) in sameroom_log::FUZZ_TARGETS.iter().filter(|(name, _)| *name == "log_folder") {
        run(input);
    }
});
