//! How the pieces of a snapshot become the state.

use std::time::Duration;

use sameroom_types::ids::Seq;
use sameroom_types::rows::DeliveryKind;

use crate::engine::{Engine, OpenEvent, Reference, Sealed};
use crate::lane::Delivery;
use crate::network::Network;
use crate::snapshot::Piece;

impl Engine {
    pub(crate) fn apply_piece(&mut self, seq: Seq, piece: Piece, sealed: Sealed) {
        match piece {
            // Always the first piece: from here on, what older segments said no longer counts.
            Piece::Network(stored) => {
                self.network = Network::restore(stored);
                self.messages.clear();
                self.events.clear();
                self.lanes.clear();
                self.excerpts.clear();
                self.threads = crate::threads::Threads::default();
                self.policies.clear();
            }
            Piece::Portals(portals) => {
                self.portals = portals.into_iter().map(|portal| (portal.id, portal)).collect();
            }
            Piece::Message(message) => {
                let (id, open) = (message.row.message, message.open);
                self.messages.insert(message);
                if open == 0 {
                    self.messages.open(id);
                    self.messages.close(id, seq);
                }
            }
            Piece::Event { seq: event, meta, waiting } => {
                let body = match sealed {
                    Sealed::Event(body) => Some(body),
                    _ => None,
                };
                let left = u32::try_from(waiting.len()).unwrap_or(u32::MAX);
                for (room, parked) in waiting {
                    let lane = self.lanes.entry(room).or_default();
                    if parked {
                        lane.parked.insert(
                            event,
                            sameroom_types::rows::ParkReason::Refused { code: "earlier".into() },
                        );
                    } else {
                        lane.items.insert(event, Delivery::new());
                    }
                }
                let reference = match meta.message {
                    Some(message) => Reference::Known(message),
                    None if matches!(
                        meta.kind,
                        DeliveryKind::Edit | DeliveryKind::Delete | DeliveryKind::React
                    ) =>
                    {
                        Reference::Unknown
                    }
                    None => Reference::None,
                };
                let since = self.now.mono;
                let open = OpenEvent {
                    meta,
                    body,
                    left,
                    reference,
                    since,
                    age_before: Duration::ZERO,
                    spools: Vec::new(),
                };
                self.events.insert(event, open);
            }
            Piece::Attempt { delivery, account, files, placed, as_of, makes, done } => {
                self.apply_attempt(delivery, account, files, placed, as_of, makes, &done, sealed);
            }
            Piece::Thread { root, room, thread } => self.threads.tie(root, room, thread),
            Piece::Excerpt { message, at } => {
                if let Sealed::Excerpt(excerpt) = sealed {
                    self.excerpts.insert(message, (at, excerpt));
                }
            }
        }
    }
}
