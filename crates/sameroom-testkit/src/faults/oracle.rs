//! Says what a run lost, doubled or disordered, from the transcripts and the scenario alone.

use std::collections::BTreeMap;

use super::platform::{Act, Platform};

/// What came of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The seed.
    pub seed: u64,
    /// Messages or changes that should stand in a room and don't.
    pub lost: Vec<String>,
    /// Second copies where the platform offers a key or a history.
    pub doubled: Vec<String>,
    /// Second copies where it offers neither; allowed, and counted.
    pub repeats: u64,
    /// Messages of one room that stand in another order elsewhere.
    pub disordered: Vec<String>,
    /// Copies that came back to where they were said.
    pub looped: Vec<String>,
    /// Work that never ended.
    pub stuck: Vec<String>,
    /// Messages that persons posted.
    pub posts: u64,
    /// Copies found.
    pub copies: u64,
    /// Kills and power losses that happened.
    pub crashes: u64,
    /// Folds everything that happened, to tell two runs apart.
    pub trace: u64,
}

impl Verdict {
    /// Whether a promise was broken.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        !(self.lost.is_empty()
            && self.doubled.is_empty()
            && self.disordered.is_empty()
            && self.looped.is_empty()
            && self.stuck.is_empty())
    }
}

/// The message number and revision that a line of the transcript carries.
pub(crate) fn read(text: &str) -> Option<(u32, u32)> {
    let start = text.rfind('m')?;
    let (number, revision) = text.get(start + 1..)?.split_once(" v")?;
    Some((number.parse().ok()?, revision.trim().parse().ok()?))
}

/// Judges a finished run. `reach[a]` are the rooms that hear room `a`.
pub(crate) fn judge(platforms: &[Platform], reach: &[Vec<usize>], verdict: &mut Verdict) {
    for (origin, from) in platforms.iter().enumerate() {
        for (target, to) in platforms.iter().enumerate() {
            if target == origin {
                judge_loops(from, origin, verdict);
            } else if reach[origin].contains(&target) {
                judge_pair(from, to, origin, target, verdict);
            }
        }
    }
}

fn judge_loops(room: &Platform, index: usize, verdict: &mut Verdict) {
    let own: Vec<u32> = room.entries.iter().filter_map(|entry| entry.number).collect();
    for entry in room.entries.iter().filter(|entry| entry.is_ours) {
        if let Some((number, _)) = read(&entry.text)
            && own.contains(&number)
        {
            verdict.looped.push(format!("m{number} came back to room {index}"));
        }
    }
}

/// Whether what a person did must have got through: history keeps it, or it was accepted.
fn must_arrive(from: &Platform, act: usize) -> bool {
    from.sketch.history || from.acknowledged.contains(&act) || from.written.contains(&act)
}

fn judge_pair(from: &Platform, to: &Platform, origin: usize, target: usize, verdict: &mut Verdict) {
    // Copies in the order in which each number first stands there.
    let mut copies: BTreeMap<u32, Vec<(usize, u32, bool)>> = BTreeMap::new();
    for (place, entry) in to.entries.iter().enumerate().filter(|(_, entry)| entry.is_ours) {
        // A correction line of a room that can't edit is not a copy.
        if entry.text.contains("(edited)") || entry.text.contains("* ") || entry.text.contains("deleted") {
            continue;
        }
        if let Some((number, revision)) = read(&entry.text) {
            copies.entry(number).or_default().push((place, revision, entry.deleted));
        }
    }
    let mut last_place = None;
    for (index, act) in from.acts.iter().enumerate() {
        let Act::Posted { id } = act else { continue };
        let Some(source) = from.entries.iter().find(|entry| entry.id == *id) else { continue };
        let Some(number) = source.number else { continue };
        let found = copies.get(&number).map_or(&[][..], Vec::as_slice);
        verdict.copies += found.len() as u64;
        judge_changes(from, to, *id, number, found, (origin, target), verdict);
        if found.is_empty() {
            if must_arrive(from, index) && !source.deleted {
                verdict.lost.push(format!("m{number} of room {origin} is not in room {target}"));
            }
            continue;
        }
        // An edit that needs fewer parts removes one; only what stands is a second copy.
        let standing = found.iter().filter(|(_, _, gone)| !gone).count();
        if standing > 1 {
            if to.sketch.key || to.sketch.history {
                verdict.doubled.push(format!(
                    "m{number} of room {origin} stands {} times in room {target}",
                    found.len()
                ));
            } else {
                verdict.repeats += standing as u64 - 1;
            }
        }
        let place = found[0].0;
        if last_place.is_some_and(|last| place < last) {
            verdict.disordered.push(format!("m{number} of room {origin} is too early in room {target}"));
        }
        last_place = Some(place);
    }
}

fn judge_changes(
    from: &Platform,
    to: &Platform,
    id: u64,
    number: u32,
    found: &[(usize, u32, bool)],
    (origin, target): (usize, usize),
    verdict: &mut Verdict,
) {
    if !to.sketch.edit || found.is_empty() {
        return;
    }
    let mut wanted = 0;
    let mut deleted = false;
    for (index, act) in from.acts.iter().enumerate() {
        match act {
            Act::Edited { id: edited, revision } if *edited == id => {
                if !must_arrive(from, index) {
                    return;
                }
                wanted = *revision;
            }
            Act::Deleted { id: gone } if *gone == id => {
                if !must_arrive(from, index) {
                    return;
                }
                deleted = true;
            }
            _ => {}
        }
    }
    // A repeated send whose first copy has no known id can't be changed: only one of them has to be.
    let stands = found.iter().any(|(_, revision, gone)| if deleted { *gone } else { *revision == wanted });
    if !stands {
        let what = if deleted { "its deletion".to_owned() } else { format!("v{wanted}") };
        verdict
            .lost
            .push(format!("m{number} of room {origin}: {what} is not in room {target}, which has {found:?}"));
    }
}
