//! Sends of each room in their order: while a file is on its way into the vault, what follows it waits.

use std::collections::{BTreeMap, VecDeque};

use sameroom_types::action::SendRequest;
use sameroom_types::ids::RemoteRoomId;

/// Rooms in which a file is under way, with what waits behind it. The declared window bounds each.
#[derive(Debug, Default)]
pub(crate) struct Lanes(BTreeMap<RemoteRoomId, VecDeque<SendRequest>>);

impl Lanes {
    /// A file of this room is under way.
    pub(crate) fn hold(&mut self, room: RemoteRoomId) {
        self.0.entry(room).or_default();
    }

    /// Gives the send back when it may go now, and keeps it otherwise.
    pub(crate) fn pass(&mut self, request: SendRequest) -> Option<SendRequest> {
        match self.0.get_mut(&request.room) {
            Some(waiting) => {
                waiting.push_back(request);
                None
            }
            None => Some(request),
        }
    }

    /// The file has gone; what waited may go.
    pub(crate) fn release(&mut self, room: &RemoteRoomId) -> VecDeque<SendRequest> {
        self.0.remove(room).unwrap_or_default()
    }
}
