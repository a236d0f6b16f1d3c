//! The contract suite on every log, crashes, damage, full disks, shredding, the data folder.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod contract;
mod crash;
mod damage;
mod faults;
mod folder;
mod shredding;
mod support;
