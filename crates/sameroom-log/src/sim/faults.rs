//! When a simulated disk fails.

use std::io;

/// Requested faults.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// How many more bytes files may grow by; `None` while there is room.
    pub(super) bytes_left: Option<u64>,
    failure: Option<(u64, io::ErrorKind)>,
    death: Option<u64>,
    dead: bool,
}

impl Faults {
    pub(super) fn fail_after(&mut self, changes: u64, kind: io::ErrorKind) {
        self.failure = Some((changes, kind));
    }

    pub(super) fn die_after(&mut self, changes: u64) {
        self.death = Some(changes);
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead
    }

    pub(super) fn restart(&mut self) {
        *self = Self { bytes_left: self.bytes_left, ..Self::default() };
    }

    /// Counts a change; an error if it is one that fails. On the change in which the process dies [`Faults::is_dead`] turns true.
    pub(super) fn check(&mut self) -> io::Result<()> {
        if self.dead {
            return Err(io::Error::other("the process is dead"));
        }
        if let Some(left) = self.death.as_mut() {
            if *left == 0 {
                self.dead = true;
                return Err(io::Error::other("the process dies"));
            }
            *left -= 1;
        }
        if let Some((left, kind)) = self.failure.as_mut() {
            if *left == 0 {
                let kind = *kind;
                self.failure = None;
                return Err(kind.into());
            }
            *left -= 1;
        }
        Ok(())
    }

    /// How many of the bytes that a file is to grow by there is room for; takes the room.
    pub(super) fn take_room(&mut self, bytes: usize) -> usize {
        let Some(left) = self.bytes_left.as_mut() else {
            return bytes;
        };
        let taken = bytes.min(usize::try_from(*left).unwrap_or(usize::MAX));
        *left -= taken as u64;
        taken
    }
}
