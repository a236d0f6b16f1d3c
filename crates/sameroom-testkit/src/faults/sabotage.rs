//! Ways of breaking the program on purpose, to show that the oracle would notice.
//!
//! None of them is in the program itself: each changes what passes between the engine, its disk and its sessions, just as
//! a program that kept one promise less would.

/// One way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// What is written is called durable without any flush.
    FlushSkipped,
    /// Events are acknowledged when they are written, before they are flushed.
    AcknowledgedWhenWritten,
    /// Parts are sent before the record of their attempt is written.
    SentBeforeRecorded,
    /// Copies are recorded as arrived before they are sent.
    DoneBeforeSent,
    /// Each attempt of a part has a key of its own.
    KeyDropped,
    /// Now and then a message overtakes the one before it.
    LaneOrderIgnored,
    /// An emoji that stood on a message once is not put there again.
    ReactionWithoutVersion,
    /// A part that is tried again has another text than the first time.
    FrozenChanged,
    /// An unknown outcome is taken for success.
    UnknownTakenForDone,
    /// An unknown outcome is taken for failure, so that nobody asks before the next try.
    UnknownTakenForFailure,
    /// After a start rooms are read on from what was heard last, not from what was accepted.
    CursorAhead,
    /// What history shows is not known to be what was heard before.
    DedupeDropped,
    /// Our own messages are not recognised when they come back.
    EchoTaken,
    /// The ids of copies are forgotten.
    IdsForgotten,
}

impl Sabotage {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::FlushSkipped,
        Self::AcknowledgedWhenWritten,
        Self::SentBeforeRecorded,
        Self::DoneBeforeSent,
        Self::KeyDropped,
        Self::LaneOrderIgnored,
        Self::ReactionWithoutVersion,
        Self::FrozenChanged,
        Self::UnknownTakenForDone,
        Self::UnknownTakenForFailure,
        Self::CursorAhead,
        Self::DedupeDropped,
        Self::EchoTaken,
        Self::IdsForgotten,
    ];
}
