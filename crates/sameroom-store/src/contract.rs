//! The checks that every store must pass.

use sameroom_types::event::Role;
use sameroom_types::ids::{DeliveryId, MessageId, NativeIds, RoomId, Seq};
use sameroom_types::rows::{
    AuditRow, CopyRow, DeliveryKind, DeliveryRow, DeliveryState, MessageRow, NativeRow, Query, ReactionRow,
    RoomChange, Row, SkipReason,
};
use sameroom_types::text::Emoji;
use sameroom_types::time::Timestamp;

use crate::Store;

/// Runs all checks. `make` gives an empty store; `reopen` closes one and opens it again, or gives it
/// back as it is where there is nothing to open.
///
/// # Panics
/// When a check fails.
pub fn run<S: Store>(mut make: impl FnMut() -> S, mut reopen: impl FnMut(S) -> Option<S>) {
    let mut store = make();
    assert_eq!(store.applied().expect("applied"), Seq(0), "an empty store has applied nothing");
    assert_eq!(store.load(&Query::ByMessage(MessageId(1))).expect("load"), None);

    let first = vec![
        (Seq(1), vec![Row::Message(message(1, "n1", Some("o1")))]),
        (Seq(2), vec![Row::Copy(copy(1, 2, 0, Some("c1"))), Row::Copy(copy(1, 2, 1, None))]),
        (
            Seq(3),
            vec![Row::Reaction(reaction(1, "ann", true)), Row::Delivery(delivery(1, DeliveryState::Waiting))],
        ),
    ];
    store.apply(&first).expect("apply");
    check_first(&mut store);

    // Rows of records that are already in change nothing, whatever they say.
    let stale = vec![(Seq(2), vec![Row::Copy(copy(1, 2, 0, Some("other")))])];
    store.apply(&stale).expect("apply again");
    check_first(&mut store);

    let second = vec![
        (Seq(4), vec![Row::Reaction(reaction(1, "ann", false)), Row::Copy(copy(1, 2, 1, Some("c2")))]),
        (Seq(5), vec![Row::Delivery(delivery(1, DeliveryState::Delivered))]),
        (Seq(6), vec![Row::Audit(audit(6, "pause"))]),
        (Seq(7), vec![Row::Audit(audit(7, "resume"))]),
    ];
    store.apply(&second).expect("apply");
    check_second(&mut store);
    if let Some(mut again) = reopen(store) {
        check_second(&mut again);
        check_states(&mut again);
        check_rooms(&mut again);
    }
}

fn check_first<S: Store>(store: &mut S) {
    assert_eq!(store.applied().expect("applied"), Seq(3));
    for query in [
        Query::ByMessage(MessageId(1)),
        Query::ByNative { room: RoomId(1), id: "n1".into() },
        Query::ByNative { room: RoomId(1), id: "o1".into() },
        Query::ByNative { room: RoomId(2), id: "c1".into() },
    ] {
        let found = store.load(&query).expect("load").unwrap_or_else(|| panic!("{query:?} finds nothing"));
        assert_eq!(found.message, message(1, "n1", Some("o1")));
        assert_eq!(found.copies, [copy(1, 2, 0, Some("c1")), copy(1, 2, 1, None)]);
        assert_eq!(found.reactions, [reaction(1, "ann", true)]);
    }
    let elsewhere = Query::ByNative { room: RoomId(2), id: "n1".into() };
    assert_eq!(store.load(&elsewhere).expect("load"), None, "ids belong to their room");
    let trace = store.trace(MessageId(1)).expect("trace");
    assert_eq!(trace, [delivery(1, DeliveryState::Waiting)]);
}

fn check_second<S: Store>(store: &mut S) {
    assert_eq!(store.applied().expect("applied"), Seq(7));
    let found = store.load(&Query::ByNative { room: RoomId(2), id: "c2".into() }).expect("load");
    let found = found.expect("an id that came later is found");
    assert_eq!(found.copies, [copy(1, 2, 0, Some("c1")), copy(1, 2, 1, Some("c2"))]);
    assert!(found.reactions.is_empty(), "a reaction taken back is gone");
    assert_eq!(store.trace(MessageId(1)).expect("trace"), [delivery(1, DeliveryState::Delivered)]);
    assert_eq!(store.audit(1).expect("audit"), [audit(7, "resume")]);
    assert_eq!(store.audit(9).expect("audit").len(), 2);
}

/// Every state of a delivery comes back as it went in.
fn check_states<S: Store>(store: &mut S) {
    let states = [
        DeliveryState::Waiting,
        DeliveryState::Held { why: "room".into() },
        DeliveryState::Parked {
            why: sameroom_types::rows::ParkReason::Refused { code: "404 \u{0} ".into() },
        },
        DeliveryState::Parked { why: sameroom_types::rows::ParkReason::TooLate },
        DeliveryState::Delivered,
        DeliveryState::Withdrawn,
        DeliveryState::Skipped { why: SkipReason::Policy },
        DeliveryState::Expired,
    ];
    for (seq, state) in (100..).zip(states) {
        let row = delivery(2, state);
        store.apply(&[(Seq(seq), vec![Row::Delivery(row.clone())])]).expect("apply");
        assert_eq!(store.trace(MessageId(2)).expect("trace"), [row]);
    }
}

/// Rooms that become one or number anew take their rows along.
fn check_rooms<S: Store>(store: &mut S) {
    let native = |room, id: &str| Query::ByNative { room: RoomId(room), id: id.into() };
    let also = NativeRow { space: RoomId(9), ids: NativeIds::one("n1-b"), message: MessageId(1) };
    store.apply(&[(Seq(200), vec![Row::Native(also)])]).expect("apply");
    let found = store.load(&native(9, "n1-b")).expect("load").expect("found by its other id");
    assert_eq!(found.message.message, MessageId(1));

    let merged = RoomChange::Merged { from: RoomId(2), into: RoomId(5) };
    store.apply(&[(Seq(201), vec![Row::Room(merged)])]).expect("apply");
    assert_eq!(store.load(&native(2, "c1")).expect("load"), None);
    let found = store.load(&native(5, "c1")).expect("load").expect("found in the room that stays");
    assert!(found.copies.iter().all(|row| row.room == RoomId(5)), "{:?}", found.copies);

    store.apply(&[(Seq(202), vec![Row::Room(RoomChange::Renumbered(RoomId(5)))])]).expect("apply");
    assert_eq!(store.load(&native(5, "c1")).expect("load"), None, "an old id names nothing");
    let found = store.load(&Query::ByMessage(MessageId(1))).expect("load").expect("the message stays");
    assert!(found.copies.iter().all(|row| row.ids.is_none()), "{:?}", found.copies);
    assert_eq!(found.message.ids, NativeIds { primary: "n1".into(), origin: Some("o1".into()) });
}

fn message(id: u64, primary: &str, origin: Option<&str>) -> MessageRow {
    MessageRow {
        message: MessageId(id),
        room: RoomId(1),
        space: RoomId(1),
        account: "libera".into(),
        ids: NativeIds { primary: primary.into(), origin: origin.map(Into::into) },
        author: "ann".into(),
        role: Role::Moderator,
        digest: [7; 16],
        at: Timestamp(1_790_000_000_123),
        deleted: false,
    }
}

fn copy(message: u64, room: u64, part: u32, id: Option<&str>) -> CopyRow {
    CopyRow {
        message: MessageId(message),
        room: RoomId(room),
        space: RoomId(room),
        part,
        account: "office".into(),
        ids: id.map(NativeIds::one),
        is_file: part == 1,
        deleted: false,
    }
}

fn reaction(message: u64, person: &str, on: bool) -> ReactionRow {
    ReactionRow {
        message: MessageId(message),
        room: RoomId(1),
        person: person.into(),
        emoji: Emoji::Custom { name: "party".into(), url: None },
        on,
        placed: false,
    }
}

fn delivery(message: u64, state: DeliveryState) -> DeliveryRow {
    DeliveryRow {
        delivery: DeliveryId { event: Seq(message), room: RoomId(2) },
        message: Some(MessageId(message)),
        what: DeliveryKind::Post,
        state,
        attempts: 2,
        repeats: 1,
        shown: true,
        accepted: Timestamp(5),
        at: Timestamp(9),
    }
}

fn audit(seq: u64, what: &str) -> AuditRow {
    AuditRow { seq: Seq(seq), at: Timestamp(3), who: "ann in libera/#lobby".into(), what: what.into() }
}
