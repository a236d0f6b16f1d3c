//! Runs the fuzz targets over their kept corpus.

use std::fs;
use std::path::Path;

use sameroom_markup::FUZZ_TARGETS;

#[test]
fn the_kept_corpus_holds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for target in FUZZ_TARGETS {
        let mut seen = 0;
        for entry in fs::read_dir(corpus.join(target.name)).expect("each target has a corpus") {
            let source = fs::read_to_string(entry.expect("readable folder").path()).expect("samples are UTF-8");
            (target.run)(&source);
            seen += 1;
        }
        assert!(seen > 0, "{} has samples", target.name);
    }
}

#[test]
fn every_sample_holds_for_every_target() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for folder in fs::read_dir(corpus).expect("the corpus is there") {
        for entry in fs::read_dir(folder.expect("readable folder").path()).expect("folders of samples") {
            let source = fs::read_to_string(entry.expect("readable folder").path()).expect("samples are UTF-8");
            for target in FUZZ_TARGETS {
                (target.run)(&source);
            }
        }
    }
}
