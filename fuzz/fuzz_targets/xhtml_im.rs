//! Runs the `xhtml_im` check of `sameroom-markup`, which tests run over the kept corpus as well.

#![no_main]

libfuzzer_sys::fuzz_target!(|source: &str| {
    for target in sameroom_markup::FUZZ_TARGETS.iter().filter(|target| target.name == "xhtml_im") {
        (target.run)(source);
    }
});
