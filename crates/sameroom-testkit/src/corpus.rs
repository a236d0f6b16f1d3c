//! Runs fuzz targets over their kept corpus and over seeded changes of it: the short form of what the fuzzers do.

use std::fs;
use std::path::{Path, PathBuf};

/// A check and its name, which is that of the target's corpus folder.
pub type Target = (&'static str, fn(&[u8]));

/// How many changed inputs each target is given.
const CHANGED: u64 = 2_000;

/// The longest changed input in bytes.
const LONGEST: usize = 16 * 1024;

/// Runs all targets over `fuzz/corpus/<name>` and over changes of what is there.
///
/// # Panics
/// Where a target has no corpus, and where a check does; the input is then kept in the folder for temporary files.
pub fn hold(targets: &[Target]) {
    for (name, run) in targets {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
        let kept = read(&folder);
        assert!(!kept.is_empty(), "{name} has a corpus");
        for input in &kept {
            try_out(name, *run, input);
        }
        let mut random = Random(0x5eed);
        for _ in 0..CHANGED {
            try_out(name, *run, &changed(&kept, &mut random));
        }
    }
}

/// The inputs of a folder, ordered by their names so that every run is the same.
fn read(folder: &Path) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("a readable file")).collect()
}

/// Runs a check; an input on which it panics is kept for a closer look.
fn try_out(name: &str, run: fn(&[u8]), input: &[u8]) {
    let keeper = Keeper { name, input };
    run(input);
    drop(keeper);
}

struct Keeper<'a> {
    name: &'a str,
    input: &'a [u8],
}

impl Drop for Keeper<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let path = std::env::temp_dir().join(format!("sameroom-fuzz-{}", self.name));
            let kept = fs::write(&path, self.input);
            panicked(self.name, &path, kept.is_ok());
        }
    }
}

#[expect(clippy::print_stderr, reason = "tells whoever reads the test's output where the input is")]
fn panicked(name: &str, path: &Path, kept: bool) {
    let (length, what) = (path.display(), if kept { "kept in" } else { "could not be kept in" });
    eprintln!("the input on which {name} failed was {what} {length}");
}

/// One of the inputs, changed a few times.
fn changed(kept: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut input = random.one_of(kept).clone();
    for _ in 0..=random.below(4) {
        let at = random.below(input.len() + 1);
        let end = at + random.below((input.len() - at).min(64) + 1);
        match random.below(8) {
            0 => input.truncate(at),
            1 => drop(input.drain(at..end)),
            2 => {
                let again = input.get(at..end).unwrap_or_default().repeat(1 + random.below(40));
                input.splice(at..at, again);
            }
            3 => {
                let other = random.one_of(kept);
                let from = random.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(other.get(from..).unwrap_or_default());
            }
            4 => {
                let odd: [&[u8]; 8] = [
                    b"\0",
                    b"\r\n",
                    b" :",
                    b"\xff\xff\xff\xff",
                    b"<a>",
                    "\u{202e}".as_bytes(),
                    b"&#0;",
                    b"18446744073709551615",
                ];
                input.splice(at..end, random.one_of(&odd).iter().copied());
            }
            5 => {
                let line = random.one_of(kept).split(|byte| *byte == b'\n').map(<[u8]>::to_vec);
                let lines: Vec<Vec<u8>> = line.collect();
                input.splice(at..at, [b"\n", random.one_of(&lines).as_slice(), b"\n"].concat());
            }
            _ => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = random.byte();
                }
            }
        }
    }
    input.truncate(LONGEST);
    input
}

/// Chance that is the same in every run (Vigna's xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }

    fn below(&mut self, end: usize) -> usize {
        let high = usize::try_from(self.next() >> 33).unwrap_or(0);
        high % end.max(1)
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        all.get(self.below(all.len())).expect("not empty")
    }
}
