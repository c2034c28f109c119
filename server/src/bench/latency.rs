//! `tidelog bench latency`: one producer at a steady rate, one consumer that reads along.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use clap::Args;
use protocol::messages::list_offsets::LATEST_TIMESTAMP;
use protocol::records::Compression;
use tokio::time::{Instant, timeout};

use super::Common;
use super::length::{Length, Run};
use super::paced::{Pace, Paced, STAMP, stamp_of};
use super::produce::Sender;
use super::progress::Progress;
use super::report::{Latencies, Report};
use crate::client::{Error, Fetched, Reader, ReaderOptions};

/// The largest batch that is decompressed, in bytes.
const LARGEST_BATCH: usize = 1 << 30;

/// How long the last records may take to be read.
const LAST: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Records a second
    #[arg(short, long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..))]
    rate: u64,
    /// Bytes of a record's value, at least 16
    #[arg(short = 's', long, value_name = "SIZE", default_value = "1KiB", value_parser = crate::cli::size)]
    record_size: usize,
    /// How long records wait for others in their batch
    #[arg(short, long, value_name = "DURATION", default_value = "0", value_parser = crate::cli::duration)]
    linger: Duration,
    /// Which acknowledgement to wait for: all or 1
    #[arg(long, default_value = "all", value_parser = crate::produce::acks)]
    acks: i16,
    /// Requests that may be on their way
    #[arg(short, long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..))]
    in_flight: u16,
    #[command(flatten)]
    length: Length,
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<Report> {
    let client = arguments.common.target.client();
    let topic = Arc::new(arguments.common.topic(&client).await?);
    let partitions: Vec<i32> = topic.partitions.keys().copied().collect();
    let latest: BTreeMap<i32, i64> = partitions.iter().map(|p| (*p, LATEST_TIMESTAMP)).collect();
    let ends = client.offsets(&topic.name, &latest).await?;
    let from = ends.iter().map(|(partition, end)| (*partition, (*end, None))).collect();
    let mut reader = Reader::new(&client, &topic.name, &from, ReaderOptions::default()).await?;
    let pace = Pace {
        rate: arguments.rate as f64,
        linger: arguments.linger,
        record_size: arguments.record_size.max(STAMP),
        batch_size: 1 << 19,
        compression: Compression::None,
        run_id: chrono::Utc::now().timestamp_micros().cast_unsigned() ^ u64::from(std::process::id()) << 52,
    };
    let run_id = pace.run_id;
    let run = Arc::new(arguments.length.begin());
    let progress = Progress::of(&run, arguments.length.count);
    let sender = Sender::new(&client, &topic, partitions, arguments.acks, None);
    let paced = Paced::new(pace, sender, usize::from(arguments.in_flight));
    let mut sending = Box::pin(paced.go(Arc::clone(&run)));
    let mut seen = Seen { run: Arc::clone(&run), run_id, latencies: Latencies::new(), records: 0 };
    let acks = loop {
        tokio::select! {
            biased;
            fetched = reader.next() => match fetched? {
                Some(fetched) => seen.take(&fetched)?,
                None => anyhow::bail!("the topic ended while it was read"),
            },
            acks = &mut sending => break acks?,
        }
    };
    drop(progress);
    let seconds = run.seconds();
    if arguments.acks != 0 {
        // What does not come in time is not counted.
        let _ = timeout(LAST, seen.rest(&mut reader)).await;
    }
    let report = Report::new("latency", &topic, &run, seconds);
    Ok(report.with("ack", acks).with("end-to-end", seen.latencies))
}

/// What has been read of this run.
struct Seen {
    run: Arc<Run>,
    run_id: u64,
    latencies: Latencies,
    records: u64,
}

impl Seen {
    /// Reads on until every record that was appended has come.
    async fn rest(&mut self, reader: &mut Reader) -> Result<(), Error> {
        while self.records < self.run.all.load(Relaxed)
            && let Some(fetched) = reader.next().await?
        {
            self.take(&fetched)?;
        }
        Ok(())
    }

    fn take(&mut self, fetched: &Fetched) -> Result<(), Error> {
        let now = Instant::now();
        for batch in &fetched.batches {
            for record in batch.records(LARGEST_BATCH)? {
                let stamp = record?.value.and_then(|value| stamp_of(&value, self.run_id));
                let Some(due) = stamp.map(|stamp| self.run.begun + stamp) else { continue };
                self.records += 1;
                if due >= self.run.counts_from {
                    self.latencies.record(now.saturating_duration_since(due), 1);
                }
            }
        }
        Ok(())
    }
}
