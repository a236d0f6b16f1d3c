//! How many small records a second the segment log takes, sealed, with a flusher beside it. Arguments: folder, records, batch.
//!
//! `cargo run --release -p sameroom-log --example throughput -- /tmp/throughput 1000000 32`

#![expect(clippy::print_stdout, reason = "it prints its result")]

use std::{
    env,
    error::Error,
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use sameroom_log::{InstallationId, KeyId, Log as _, LogOptions, NewRecord, SegmentLog, Seq, disk::RealDisk};
use sameroom_seal::{Key, OsEntropy};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let folder = arguments.next().ok_or("which folder?")?;
    let mut number = |default: u64| arguments.next().map_or(Ok(default), |digits| digits.parse());
    let (records, batch) = (number(500_000)?, number(32)?);
    let key = Key::random(&mut OsEntropy);
    let options = LogOptions::new(InstallationId([0; 16]));
    let (mut log, _) = SegmentLog::open(RealDisk::open(folder)?, key, options, Box::new(OsEntropy))?;
    let mut flusher = log.flusher();
    let done = AtomicBool::new(false);
    let (meta, body) = ([1; 60], [2; 120]);
    let started = Instant::now();
    std::thread::scope(|scope| -> Result<(), Box<dyn Error>> {
        let flushing = scope.spawn(|| {
            let mut flushes = 0_u64;
            while !done.load(Ordering::Acquire) {
                flusher.flush()?;
                flushes += 1;
            }
            flusher.flush().map(|_| flushes + 1)
        });
        let mut shredded = 0;
        while log.next().0 <= records {
            let first = log.next().0;
            let end = (first + batch).min(records + 1);
            let new = (first..end).map(|seq| NewRecord {
                seq: Seq(seq),
                meta: &meta,
                body: Some((KeyId(seq), &body)),
            });
            log.append(&new.collect::<Vec<_>>())?;
            // Each body is shredded once a later record is durable, as in real work.
            let keys: Vec<KeyId> = (shredded + 1..=log.durable().0).map(KeyId).collect();
            shredded += keys.len() as u64;
            log.destroy(&keys)?;
        }
        let written = started.elapsed();
        done.store(true, Ordering::Release);
        let flushes = flushing.join().map_err(|_| "the flusher panicked")??;
        let durable = started.elapsed();
        println!(
            "{records} records in batches of {batch}: written in {written:.2?}, durable in {durable:.2?}"
        );
        println!("{:.0} records/s, {flushes} flushes", records as f64 / durable.as_secs_f64());
        Ok(())
    })
}
