//! Says what a run lost, doubled, disordered or leaked, from the transcripts and the scenario alone.

mod changes;
mod reactions;

use super::platform::{Act, Entry, Gone, Platform, read};

/// What came of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The seed.
    pub seed: u64,
    /// Messages, files, reactions or changes that should stand in a room and don't.
    pub lost: Vec<String>,
    /// Second copies where the platform offers a key or a history.
    pub doubled: Vec<String>,
    /// Second copies where it offers neither; allowed, and counted.
    pub repeats: u64,
    /// Messages of one room that stand in another order elsewhere.
    pub disordered: Vec<String>,
    /// Copies that came back to where they were said.
    pub looped: Vec<String>,
    /// Copies in rooms that no tube leads to, deletions that went further than they may, answers to the wrong message.
    pub wrong: Vec<String>,
    /// Work that never ended.
    pub stuck: Vec<String>,
    /// Messages that persons posted.
    pub posts: u64,
    /// Copies found.
    pub copies: u64,
    /// Changes, deletions and reactions that were looked at.
    pub changes: u64,
    /// Kills, power losses and restored backups that happened.
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
            && self.wrong.is_empty()
            && self.stuck.is_empty())
    }
}

/// For each state of the tubes, which rooms hear which.
pub(crate) type Reaches = [Vec<Vec<usize>>];

/// One room and another that may hear it.
pub(crate) struct Pair<'a> {
    pub(crate) from: &'a Platform,
    pub(crate) to: &'a Platform,
    pub(crate) origin: usize,
    pub(crate) target: usize,
    /// Whether it hears it during the whole run.
    pub(crate) always: bool,
}

/// Judges a finished run.
pub(crate) fn judge(platforms: &[Platform], reaches: &Reaches, verdict: &mut Verdict) {
    for (origin, from) in platforms.iter().enumerate() {
        judge_loops(from, origin, verdict);
        for (target, to) in platforms.iter().enumerate().filter(|(target, _)| *target != origin) {
            let hears = |reach: &Vec<Vec<usize>>| reach[origin].contains(&target);
            let pair = Pair { from, to, origin, target, always: reaches.iter().all(hears) };
            if reaches.iter().any(hears) {
                judge_pair(&pair, verdict);
            } else {
                judge_leaks(&pair, verdict);
            }
        }
    }
    reactions::judge(platforms, reaches, verdict);
}

fn judge_loops(room: &Platform, index: usize, verdict: &mut Verdict) {
    let own: Vec<u32> = room.entries.iter().filter_map(|entry| entry.number).collect();
    for entry in room.entries.iter().filter(|entry| entry.is_ours) {
        if let Some(number) = entry.stands_for().filter(|number| own.contains(number)) {
            verdict.looped.push(format!("m{number} came back to room {index}"));
        }
    }
}

fn judge_leaks(pair: &Pair<'_>, verdict: &mut Verdict) {
    let said: Vec<u32> = pair.from.entries.iter().filter_map(|entry| entry.number).collect();
    for entry in pair.to.entries.iter().filter(|entry| entry.is_ours) {
        if let Some(number) = entry.stands_for().filter(|number| said.contains(number)) {
            let (origin, target) = (pair.origin, pair.target);
            verdict
                .wrong
                .push(format!("m{number} of room {origin} stands in room {target}, which hears it not"));
        }
    }
}

/// Whether what a person did must have got through: history keeps it, or it was accepted.
pub(crate) fn must_arrive(from: &Platform, act: usize) -> bool {
    let kicked = from.acts.iter().position(|act| matches!(act, Act::Kicked));
    if kicked.is_some_and(|kicked| act >= kicked) {
        return false;
    }
    from.sketch.history || from.acknowledged.contains(&act) || from.written.contains(&act)
}

/// Copies of a message's text: where, which revision, whether it is gone.
pub(crate) fn copies(to: &Platform, number: u32) -> Vec<(usize, u32, Option<Gone>)> {
    let ours = to.entries.iter().enumerate().filter(|(_, entry)| entry.is_ours && entry.file.is_none());
    ours.filter(|(_, entry)| entry.stands_for() == Some(number))
        .filter_map(|(place, entry)| Some((place, read(&entry.text)?.1, entry.gone)))
        .collect()
}

fn judge_pair(pair: &Pair<'_>, verdict: &mut Verdict) {
    let mut last_place = None;
    for (index, act) in pair.from.acts.iter().enumerate() {
        let Act::Posted { id } = act else { continue };
        let Some(source) = pair.from.entry(*id) else { continue };
        let Some(number) = source.number else { continue };
        let found = copies(pair.to, number);
        verdict.copies += found.len() as u64;
        let must = pair.always && must_arrive(pair.from, index) && source.gone != Some(Gone::ByAuthor);
        let (origin, target) = (pair.origin, pair.target);
        judge_file(pair, source, number, must, verdict);
        // Of a post that a power loss took back nobody knows what changes it.
        if must_arrive(pair.from, index) {
            changes::judge(pair, source, number, &found, verdict);
        }
        if found.is_empty() {
            if must {
                verdict.lost.push(format!("m{number} of room {origin} is not in room {target}"));
            }
            continue;
        }
        count_copies(pair, number, "m", found.iter().filter(|(_, _, gone)| gone.is_none()).count(), verdict);
        // What was refused and tried again by somebody comes late.
        if pair.to.refused.contains(&number) {
            continue;
        }
        let place = found[0].0;
        if last_place.is_some_and(|last| place < last) {
            verdict.disordered.push(format!("m{number} of room {origin} is too early in room {target}"));
        }
        last_place = Some(place);
        judge_reply(pair, source, number, &pair.to.entries[place], verdict);
    }
}

fn count_copies(pair: &Pair<'_>, number: u32, what: &str, standing: usize, verdict: &mut Verdict) {
    // An edit that needs fewer parts removes one; only what stands is a second copy.
    if standing <= 1 {
        return;
    }
    if pair.to.sketch.key || pair.to.sketch.history {
        let (origin, target) = (pair.origin, pair.target);
        verdict
            .doubled
            .push(format!("{what}{number} of room {origin} stands {standing} times in room {target}"));
    } else {
        verdict.repeats += standing as u64 - 1;
    }
}

fn judge_file(pair: &Pair<'_>, source: &Entry, number: u32, must: bool, verdict: &mut Verdict) {
    let Some(name) = &source.file else { return };
    let named = |entry: &&Entry| entry.is_ours && entry.file.as_ref() == Some(name);
    let all: Vec<&Entry> = pair.to.entries.iter().filter(named).collect();
    let told = pair.to.entries.iter().any(|entry| entry.is_ours && entry.text.contains(name.as_str()));
    if must && all.is_empty() && (pair.to.sketch.files || !told) {
        let (origin, target) = (pair.origin, pair.target);
        verdict.lost.push(format!("{name} of room {origin} is not in room {target}"));
    }
    let standing = all.iter().filter(|entry| entry.gone.is_none()).count();
    count_copies(pair, number, "the file of m", standing, verdict);
}

fn judge_reply(pair: &Pair<'_>, source: &Entry, number: u32, copy: &Entry, verdict: &mut Verdict) {
    let Some(answered) = copy.reply.and_then(|id| pair.to.entry(id)) else { return };
    let meant = source.reply.and_then(|id| pair.from.entry(id)).and_then(Entry::part_of);
    if meant.is_none() || answered.part_of() != meant {
        let target = pair.target;
        verdict.wrong.push(format!("m{number} answers {:?} in room {target}", answered.part_of()));
    }
}
