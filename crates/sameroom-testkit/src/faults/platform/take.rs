//! What a platform does with what our account sends.

use sameroom_types::action::{Action, Outcome, SendRequest};
use sameroom_types::ids::NativeIds;
use sameroom_types::text::Emoji;

use super::{Act, Entry, Gone, Platform};

/// The emoji that people use here.
const EMOJI: [&str; 2] = ["👍", "🎉"];

/// The emoji with a number.
pub(crate) fn emoji(number: u8) -> Emoji {
    Emoji::Unicode(EMOJI[usize::from(number) % EMOJI.len()].to_owned())
}

fn number_of(emoji: &Emoji) -> Option<u8> {
    let Emoji::Unicode(text) = emoji else { return None };
    EMOJI.iter().position(|known| known == text).and_then(|index| u8::try_from(index).ok())
}

fn id_of(ids: &NativeIds) -> u64 {
    ids.primary.as_str().parse().unwrap_or(0)
}

fn done(id: u64) -> Outcome {
    Outcome::Done { ids: Some(NativeIds::one(id.to_string())), shown: true }
}

impl Platform {
    /// A send reaches the platform.
    pub(crate) fn take(&mut self, request: &SendRequest) -> Outcome {
        match &request.action {
            // No room of the model has threads that must be made.
            Action::Thread(_) => done(0),
            Action::Post(post) => {
                let reply = post.reply.as_ref().map(id_of);
                self.take_new(request, Entry { text: post.text.text.clone(), reply, ..Entry::default() })
            }
            Action::File(file) => {
                let text = file.caption.text.clone();
                let reply = file.reply.as_ref().map(id_of);
                let file = Some(file.file.name.clone());
                self.take_new(request, Entry { text, reply, file, ..Entry::default() })
            }
            Action::Edit { target, text, .. } => {
                let id = id_of(target);
                if let Some(entry) = self.entry_mut(id) {
                    entry.text.clone_from(&text.text);
                }
                done(id)
            }
            Action::Delete { target, .. } => {
                let id = id_of(target);
                if let Some(entry) = self.entry_mut(id) {
                    entry.gone.get_or_insert(Gone::ByAuthor);
                }
                done(id)
            }
            Action::React { target, emoji } => {
                let id = id_of(target);
                if let (Some(entry), Some(emoji)) = (self.entry_mut(id), number_of(emoji)) {
                    entry.placed.insert(emoji);
                }
                done(id)
            }
            Action::Unreact { target, emoji } => {
                let id = id_of(target);
                if let (Some(entry), Some(emoji)) = (self.entry_mut(id), number_of(emoji)) {
                    entry.placed.remove(&emoji);
                }
                done(id)
            }
            Action::SetReactions { target, emoji } => {
                let id = id_of(target);
                if let Some(entry) = self.entry_mut(id) {
                    entry.placed = emoji.iter().filter_map(number_of).collect();
                }
                done(id)
            }
        }
    }

    fn take_new(&mut self, request: &SendRequest, entry: Entry) -> Outcome {
        if self.sketch.key
            && let Some(id) = self.keys.get(&request.key)
        {
            return done(*id);
        }
        let id = self.push(Entry { is_ours: true, ..entry });
        self.keys.insert(request.key.clone(), id);
        if self.sketch.echo {
            self.acts.push(Act::Echo { id, key: request.key.clone() });
        }
        done(id)
    }

    /// Whether the next send is refused, once, and which message that hits.
    pub(crate) fn refuses(&mut self, request: &SendRequest) -> bool {
        let text = match &request.action {
            Action::Post(post) if !post.notice => &post.text.text,
            _ => return false,
        };
        let entry = Entry { text: text.clone(), ..Entry::default() };
        let Some(number) = entry.part_of().filter(|_| self.refusals > 0) else { return false };
        self.refusals -= 1;
        self.refused.insert(number);
        true
    }
}
