//! The contract suite on every log.

use sameroom_log::{
    Log, MemoryLog,
    contract::{self, Fixture},
    disk::{Disk, RealDisk},
    sim::SimDisk,
};
use tempfile::TempDir;

use crate::support::open;

struct Memory(MemoryLog);

impl Fixture for Memory {
    fn open(&mut self) -> Box<dyn Log> {
        Box::new(self.0.clone())
    }
}

struct Segments<D> {
    disk: D,
    _folder: Option<TempDir>,
}

impl<D: Disk> Fixture for Segments<D> {
    fn open(&mut self) -> Box<dyn Log> {
        Box::new(open(&self.disk))
    }
}

#[test]
fn memory() {
    contract::run(|| Memory(MemoryLog::new()));
}

#[test]
fn segments_on_a_simulated_disk() {
    contract::run(|| Segments { disk: SimDisk::new(), _folder: None });
}

#[test]
fn segments_on_a_real_disk() {
    contract::run(|| {
        let folder = tempfile::tempdir().unwrap();
        Segments { disk: RealDisk::open(folder.path().join("log")).unwrap(), _folder: Some(folder) }
    });
}
