//! `tidelog produce`: records from standard input, one a line.
//!
//! A thread reads and parses; a task for each partition makes batches of what is there, so that a record
//! typed by hand goes at once, and a file in large batches.

mod input;
mod partitioner;

use std::collections::BTreeMap;
use std::io::BufRead;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueEnum};
use protocol::records::{BatchBuilder, Compression};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::cli::Target;
use crate::client::{self, Lane, LaneOptions};
use input::{Input, Parser};
use partitioner::Partitioner;

/// Records that may wait for their partition's task.
const QUEUE: usize = 8192;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The topic; created if the broker does that
    topic: String,
    /// What stands between key and value on a line
    #[arg(short = 'K', long, value_name = "DELIMITER")]
    key_delimiter: Option<String>,
    /// The key of every record
    #[arg(short, long, conflicts_with = "key_delimiter")]
    key: Option<String>,
    /// The partition of every record [default: by key as Kafka's own clients do; without a key, by turns]
    #[arg(short, long, value_name = "N")]
    partition: Option<i32>,
    /// A header of every record; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME=VALUE", value_parser = input::header)]
    headers: Vec<(String, Option<Vec<u8>>)>,
    /// Compression of batches: none, gzip, snappy, lz4 or zstd
    #[arg(short = 'z', long, value_name = "CODEC", default_value = "none")]
    compression: Compression,
    /// Send empty keys and values as null
    #[arg(short = 'Z', long)]
    null: bool,
    /// What a line is
    #[arg(long, value_enum, default_value = "line")]
    format: Format,
    /// Which acknowledgement to wait for: all, 1 or 0
    #[arg(long, default_value = "all", value_parser = acks)]
    acks: i16,
    /// The largest batch before compression; larger costs fewer requests, and latency
    #[arg(long, value_name = "SIZE", default_value = "512KiB", value_parser = crate::cli::size)]
    batch_size: usize,
    /// Let a batch that is sent again be appended twice, where the broker has no idempotent producers
    #[arg(long)]
    no_idempotence: bool,
    #[command(flatten)]
    target: Target,
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A value, or a key and a value
    Line,
    /// A record as `tidelog consume --json` prints it
    Json,
}

/// Kafka's `acks`.
pub(crate) fn acks(text: &str) -> Result<i16, String> {
    match text {
        "all" | "-1" => Ok(-1),
        "1" => Ok(1),
        "0" => Ok(0),
        _ => Err("write all, 1 or 0".to_owned()),
    }
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let client = arguments.target.client();
    let topic = client.ready_topic(&arguments.topic, true).await?;
    if let Some(partition) = arguments.partition
        && !topic.partitions.contains_key(&partition)
    {
        anyhow::bail!("topic {} has no partition {partition}", topic.name);
    }
    let identity = match arguments.acks == -1 && !arguments.no_idempotence {
        true => Some(client.identity().await.context("use --no-idempotence to do without")?),
        false => None,
    };
    let options = LaneOptions { acks: arguments.acks, identity };
    let stop = CancellationToken::new();
    let mut lanes = JoinSet::new();
    let mut senders = BTreeMap::new();
    for partition in topic.partitions.keys() {
        let (sender, receiver) = mpsc::channel(QUEUE);
        senders.insert(*partition, sender);
        let batches = Batches { size: arguments.batch_size.max(1), compression: arguments.compression };
        let lane = Lane::new(&client, &topic.name, *partition, options);
        lanes.spawn(batches.append(lane, receiver, stop.clone()));
    }
    let parser = Parser {
        json: arguments.format == Format::Json,
        delimiter: arguments.key_delimiter.map(String::into_bytes),
        key: arguments.key.map(String::into_bytes),
        headers: arguments.headers,
        null: arguments.null,
    };
    let partitioner = Partitioner::new(arguments.partition, arguments.batch_size);
    let (done, fed) = oneshot::channel();
    std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        // After an interruption the receiver is gone.
        let _ = done.send(feed(std::io::stdin().lock(), &parser, partitioner, senders));
    })?;
    wait(lanes, fed, &stop).await?;
    Ok(ExitCode::SUCCESS)
}

/// Waits until everything that was read is appended, or something fails. After Ctrl-C, what was read by then.
async fn wait(
    mut lanes: JoinSet<Result<(), client::Error>>,
    mut fed: oneshot::Receiver<anyhow::Result<()>>,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let mut reading = true;
    loop {
        tokio::select! {
            lane = lanes.join_next() => match lane {
                Some(result) => result??,
                None => break,
            },
            result = &mut fed, if reading => {
                reading = false;
                result??;
            }
            interrupted = tokio::signal::ctrl_c() => {
                interrupted?;
                reading = false;
                stop.cancel();
            }
        }
    }
    if reading && let Ok(result) = fed.try_recv() {
        result?;
    }
    Ok(())
}

/// Reads until the end, or until a lane takes no more.
fn feed(
    mut from: impl BufRead,
    parser: &Parser,
    mut partitioner: Partitioner,
    lanes: BTreeMap<i32, mpsc::Sender<Input>>,
) -> anyhow::Result<()> {
    let partitions: Vec<i32> = lanes.keys().copied().collect();
    let mut line = Vec::new();
    for number in 1u64.. {
        line.clear();
        if from.read_until(b'\n', &mut line).context("standard input")? == 0 {
            break;
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        let input = parser.parse(&line).with_context(|| format!("line {number}"))?;
        let partition = partitioner.choose(&input, &partitions);
        let lane =
            lanes.get(&partition).with_context(|| format!("line {number}: no partition {partition}"))?;
        if lane.blocking_send(input).is_err() {
            break;
        }
    }
    Ok(())
}

/// How records become batches.
struct Batches {
    size: usize,
    compression: Compression,
}

impl Batches {
    async fn append(
        self,
        mut lane: Lane,
        mut records: mpsc::Receiver<Input>,
        stop: CancellationToken,
    ) -> Result<(), client::Error> {
        let mut read = Vec::new();
        loop {
            let more = tokio::select! {
                biased;
                () = lane.answered(), if lane.is_waiting() => {
                    lane.settle().await?;
                    continue;
                }
                more = records.recv_many(&mut read, QUEUE) => more,
                () = stop.cancelled() => 0,
            };
            if more == 0 {
                break;
            }
            let mut batch = BatchBuilder::new().compression(self.compression);
            for record in read.drain(..) {
                if !batch.is_empty() && batch.size() + record.size() > self.size {
                    lane.send(batch).await?;
                    batch = BatchBuilder::new().compression(self.compression);
                }
                record.push_to(&mut batch);
            }
            lane.send(batch).await?;
        }
        lane.flush().await
    }
}
