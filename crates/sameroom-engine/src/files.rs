//! Files between their origin and their targets: fetched once, kept in the spool until all are done.

use sameroom_types::event::RoomEvent;
use sameroom_types::ids::{AccountId, Seq, SpoolId};
use sameroom_types::policy::FilePolicy;

use crate::compose::file::human_size;
use crate::engine::{Engine, FileState};
use crate::input::Effect;
use crate::pump::FILE_PATIENCE;
use crate::record::EventBody;

impl Engine {
    /// Starts to fetch the files of a post at once: links expire.
    pub(crate) fn fetch_files(&mut self, seq: Seq) {
        let Some(event) = self.events.get(&seq) else { return };
        let Some(body) = event.body.clone() else { return };
        let EventBody::Inbound(inbound) = &*body else { return };
        let (RoomEvent::Posted(post) | RoomEvent::Observed(post)) = &inbound.event else { return };
        if post.content.files.is_empty() {
            return;
        }
        let account = event.meta.account.clone();
        let targets = event.meta.targets.clone();
        let wanted = targets.iter().any(|target| self.policy(*target).room.files != FilePolicy::No);
        if !wanted {
            return;
        }
        for (index, file) in post.content.files.iter().enumerate() {
            let spool = spool_id(seq, index);
            if let Some(event) = self.events.get_mut(&seq) {
                event.spools.push(spool.clone());
            }
            self.request_file(account.clone(), spool, file.clone());
        }
    }

    /// How much the files under way take, in bytes, as far as known.
    fn spooled(&self) -> u64 {
        self.files
            .values()
            .map(|state| match state {
                FileState::Fetching { size_bytes, .. } | FileState::Ready { size_bytes } => *size_bytes,
                FileState::Failed { .. } => 0,
            })
            .sum()
    }

    pub(crate) fn refetch_files(&mut self) {
        let open: Vec<Seq> = self.events.keys().copied().collect();
        for seq in open {
            self.fetch_files(seq);
        }
    }

    pub(crate) fn request_file(
        &mut self,
        account: AccountId,
        spool: SpoolId,
        file: sameroom_types::event::FileRef,
    ) {
        let limits = self.config.files;
        let size = file.size_bytes.unwrap_or(0);
        let refused = if size > limits.max_bytes {
            Some(format!("it is larger than the {} that are copied here", human_size(limits.max_bytes)))
        } else if self.spooled().saturating_add(size) > limits.spool_bytes {
            Some("there is no room for it at the moment".to_owned())
        } else {
            None
        };
        if let Some(why) = refused {
            self.files.insert(spool, FileState::Failed { why });
            return;
        }
        let until = self.now.mono + FILE_PATIENCE;
        self.files.insert(spool.clone(), FileState::Fetching { until, size_bytes: size });
        self.out.push(Effect::Fetch { account, spool, file });
    }

    pub(crate) fn on_fetched(&mut self, spool: &SpoolId, result: Result<u64, String>) {
        let Some(state) = self.files.get_mut(spool) else {
            self.out.push(Effect::Unspool(spool.clone()));
            return;
        };
        *state = match result {
            Ok(size_bytes) if size_bytes > self.config.files.max_bytes => FileState::Failed {
                why: format!(
                    "it is larger than the {} that are copied here",
                    human_size(self.config.files.max_bytes)
                ),
            },
            Ok(size_bytes) => FileState::Ready { size_bytes },
            Err(why) => FileState::Failed { why },
        };
        self.dirty
            .extend(self.lanes.iter().filter(|(_, lane)| !lane.items.is_empty()).map(|(room, _)| *room));
    }
}

/// The name under which the runtime keeps a file of an event.
pub(crate) fn spool_id(seq: Seq, index: usize) -> SpoolId {
    SpoolId::new(format!("f{seq}-{index}"))
}

/// A file name without folders, control characters or a leading dot.
pub(crate) fn safe_file_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last.chars().filter(|c| !c.is_control()).take(120).collect();
    let clean = clean.trim().trim_start_matches('.').to_owned();
    if clean.is_empty() { "file".to_owned() } else { clean }
}
