//! How the pieces of a snapshot become the state.

use std::time::Duration;

use sameroom_types::ids::Seq;
use sameroom_types::rows::DeliveryKind;

use crate::engine::{Engine, OpenEvent, Reference, Sealed};
use crate::lane::{Delivery, Parked};
use crate::network::Network;
use crate::snapshot::Piece;
use crate::threads::ThreadMap;

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
                self.threads = ThreadMap::default();
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
                    if let Some(why) = parked {
                        lane.parked.insert(event, Parked { why, delivery: Delivery::new() });
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
                self.tokens.insert(meta.token, event);
                let thread = meta.thread.map_or(Reference::None, Reference::Known);
                let (before, spools) = (Duration::ZERO, Vec::new());
                let open = OpenEvent { meta, body, left, reference, thread, since, before, spools };
                self.events.insert(event, open);
            }
            Piece::Attempt { meta, done } => self.apply_attempt(*meta, &done, sealed),
            Piece::Threads(threads) => self.threads = ThreadMap::restore(threads),
            Piece::Excerpt { message, at } => {
                if let Sealed::Excerpt(excerpt) = sealed {
                    self.excerpts.insert(message, (at, excerpt));
                }
            }
        }
    }
}
