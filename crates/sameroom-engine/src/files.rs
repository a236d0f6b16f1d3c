//! Files between their origin and their targets: fetched once, kept in the spool until all are done.

use sameroom_types::event::RoomEvent;
use sameroom_types::ids::{AccountId, Seq, SpoolId};
use sameroom_types::policy::FilePolicy;

use crate::engine::Engine;
use crate::input::Effect;
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
        let until = self.now.mono + crate::pump::FILE_PATIENCE;
        self.files.insert(spool.clone(), crate::engine::FileState::Fetching { until });
        self.out.push(Effect::Fetch { account, spool, file });
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
