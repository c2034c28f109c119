//! `tidelog bench fetch`: reads what is in a topic when it begins, once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use protocol::messages::list_offsets::{EARLIEST_TIMESTAMP, LATEST_TIMESTAMP};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Common;
use super::length::{Length, Run};
use super::progress::Progress;
use super::report::Report;
use crate::client::{Client, Error, Reader, ReaderOptions};

/// The largest batch that is decompressed, in bytes.
const LARGEST_BATCH: usize = 1 << 30;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Connections; partitions are shared out among them
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
    /// Bytes of one partition that are asked for at a time
    #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = crate::cli::size)]
    fetch_size: usize,
    /// Stop after this many records [default: what is in the topic when the command begins]
    #[arg(short, long, value_name = "N")]
    count: Option<u64>,
    /// Check CRCs and take batches apart, as a consumer does
    #[arg(long)]
    decode: bool,
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<Report> {
    let client = arguments.common.target.client();
    let topic = client.ready_topic(&arguments.common.topic, false).await?;
    let partitions: Vec<i32> = topic.partitions.keys().copied().collect();
    let all = |timestamp| partitions.iter().map(|p| (*p, timestamp)).collect::<BTreeMap<_, _>>();
    let first = client.offsets(&topic.name, &all(EARLIEST_TIMESTAMP)).await?;
    let end = client.offsets(&topic.name, &all(LATEST_TIMESTAMP)).await?;
    let there: i64 = partitions.iter().map(|p| end.get(p).unwrap_or(&0) - first.get(p).unwrap_or(&0)).sum();
    if there <= 0 {
        anyhow::bail!("topic {} is empty: fill it with tidelog bench produce", topic.name);
    }
    let count = arguments.count.unwrap_or(u64::MAX).min(there.cast_unsigned());
    let length = Length { duration: Duration::ZERO, count: Some(count), warmup: Duration::ZERO };
    let run = Arc::new(length.begin());
    let progress = Progress::of(&run, Some(count));
    let options = ReaderOptions {
        partition_max_bytes: i32::try_from(arguments.fetch_size).unwrap_or(i32::MAX),
        ..ReaderOptions::default()
    };
    let connections = usize::from(arguments.connections);
    let mut tasks = JoinSet::new();
    for number in 0..connections.min(partitions.len()) {
        let mine = partitions.iter().copied().skip(number).step_by(connections);
        let ranges = mine.map(|p| (p, (first.get(&p).copied().unwrap_or(0), end.get(&p).copied()))).collect();
        let (client, name, run) = (client.clone(), topic.name.clone(), Arc::clone(&run));
        tasks.spawn(Box::pin(read(client, name, ranges, options, run, arguments.decode)));
    }
    while let Some(result) = tasks.join_next().await {
        result??;
    }
    drop(progress);
    let seconds = run.seconds();
    Ok(Report::new("fetch", &topic, &run, seconds))
}

async fn read(
    client: Client,
    topic: String,
    ranges: BTreeMap<i32, (i64, Option<i64>)>,
    options: ReaderOptions,
    run: Arc<Run>,
    decode: bool,
) -> Result<(), Error> {
    let mut reader = Reader::new(&client, &topic, &ranges, options).await?;
    while let Some(fetched) = reader.next().await? {
        for batch in &fetched.batches {
            let records = u64::try_from(batch.header().records_count).unwrap_or(0);
            if decode {
                batch.verify_crc()?;
                for record in batch.records(LARGEST_BATCH)? {
                    record?;
                }
            }
            run.done(Instant::now(), records, batch.bytes().len() as u64);
            if run.take(records) < records {
                return Ok(());
            }
        }
    }
    Ok(())
}
