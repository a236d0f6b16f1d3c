//! Reactions: at rest our account shows in each room exactly what people in the rooms that it hears have put there.

use std::collections::BTreeSet;

use super::{Reaches, Verdict, must_arrive};
use crate::faults::platform::{Act, Entry, Platform};
use crate::faults::scenario::ReactionSketch;

pub(super) fn judge(platforms: &[Platform], reaches: &Reaches, verdict: &mut Verdict) {
    let numbers: BTreeSet<u32> =
        platforms.iter().flat_map(|room| &room.entries).filter_map(|entry| entry.number).collect();
    for number in numbers {
        if is_clear(platforms, number) {
            for target in 0..platforms.len() {
                judge_room(platforms, reaches, number, target, verdict);
            }
        }
    }
}

fn images(room: &Platform, number: u32) -> impl Iterator<Item = &Entry> {
    room.entries.iter().filter(move |entry| entry.part_of() == Some(number))
}

/// Whether what should be shown can be told: every image stands once, and all that was done to it was understood.
fn is_clear(platforms: &[Platform], number: u32) -> bool {
    platforms.iter().all(|room| {
        let is_text =
            |entry: &&Entry| entry.stands_for().is_some() && (entry.file.is_none() || entry.number.is_some());
        let texts = images(room, number).filter(is_text);
        let is_touched = |entry: &Entry| {
            room.acts.iter().any(|act| matches!(act, Act::Reacted { id, .. } if *id == entry.id))
        };
        let is_fine =
            |entry: &Entry| entry.gone.is_none() && (!entry.is_ours || entry.told || !is_touched(entry));
        texts.count() <= 1
            && images(room, number).all(is_fine)
            && !room.refused.contains(&number)
            && room.acts.iter().enumerate().all(|(index, act)| match act {
                Act::Posted { id } => {
                    room.entry(*id).and_then(|entry| entry.number) != Some(number) || must_arrive(room, index)
                }
                Act::Reacted { id, .. } => {
                    room.entry(*id).and_then(Entry::part_of) != Some(number) || must_arrive(room, index)
                }
                Act::Kicked => false,
                _ => true,
            })
    })
}

fn judge_room(platforms: &[Platform], reaches: &Reaches, number: u32, target: usize, verdict: &mut Verdict) {
    let room = &platforms[target];
    if room.sketch.reactions == ReactionSketch::None {
        return;
    }
    let Some(image) = images(room, number).next() else { return };
    let mut wanted = BTreeSet::new();
    for (index, other) in platforms.iter().enumerate().filter(|(index, _)| *index != target) {
        let hears = |reach: &Vec<Vec<usize>>| reach[index].contains(&target);
        if reaches.iter().any(hears) != reaches.iter().all(hears) {
            return;
        }
        if reaches.iter().all(hears) {
            let put = images(other, number).flat_map(|entry| entry.reactions.iter());
            wanted.extend(put.map(|(_, emoji)| *emoji));
        }
    }
    verdict.changes += 1;
    if image.placed != wanted {
        let has = &image.placed;
        verdict.lost.push(format!("m{number} carries {has:?} in room {target} instead of {wanted:?}"));
    }
}
