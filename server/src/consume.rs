//! `tidelog consume`: records to standard output.

mod format;
mod start;

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::process::ExitCode;

use clap::Args;
use protocol::messages::list_offsets::LATEST_TIMESTAMP;
use protocol::records::{Batch, TimestampType};

use crate::cli::Target;
use crate::client::{Fetched, Reader, ReaderOptions};
use crate::json;
use format::{Format, Printed};
use start::Start;

/// The largest batch that is decompressed, in bytes.
const LARGEST_BATCH: usize = 1 << 30;

#[derive(Debug, Args)]
#[command(
    after_help = "Records of open and aborted transactions are printed like all others. If retention deletes records \
                  before they are read, reading goes on with the first that is left; how many were passed is said on \
                  standard error."
)]
pub(crate) struct Arguments {
    /// The topic
    topic: String,
    /// The partition; may be repeated [default: all]
    #[arg(short, long = "partition", value_name = "N")]
    partitions: Vec<i32>,
    /// Where to begin: beginning, end, an offset, -N for the last N records of each partition, or s@TIME for
    /// a time in milliseconds since 1970 or as in 2026-01-31T12:00:00Z
    #[arg(short, long, value_name = "OFFSET", default_value = "beginning", allow_hyphen_values = true)]
    offset: Start,
    /// Stop after this many records
    #[arg(short, long, value_name = "N")]
    count: Option<u64>,
    /// Stop at what is the end when the command begins
    #[arg(short, long)]
    exit: bool,
    /// How to print a record: %s value, %S its length, %k key, %K its length, %t topic, %p partition,
    /// %o offset, %T timestamp, %h headers, %% a percent sign; \n \r \t \0 \xHH characters
    #[arg(short, long, value_name = "FORMAT", default_value = "%s\\n", conflicts_with = "json")]
    format: Format,
    /// Print each record as a line of JSON
    #[arg(short = 'J', long)]
    json: bool,
    /// Print NULL for a key or value that is null
    #[arg(short = 'Z', long)]
    null: bool,
    #[command(flatten)]
    target: Target,
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let work = Box::pin(read(&arguments));
    // Whatever was printed by then stays printed: the output is flushed whenever nothing more has come.
    tokio::select! {
        result = work => result?,
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn read(arguments: &Arguments) -> anyhow::Result<()> {
    let client = arguments.target.client();
    let topic = client.ready_topic(&arguments.topic, false).await?;
    for partition in &arguments.partitions {
        if !topic.partitions.contains_key(partition) {
            anyhow::bail!("topic {} has no partition {partition}", topic.name);
        }
    }
    let chosen =
        |partition: &i32| arguments.partitions.is_empty() || arguments.partitions.contains(partition);
    let partitions: Vec<i32> = topic.partitions.keys().copied().filter(chosen).collect();
    let starts = arguments.offset.resolve(&client, &topic.name, &partitions).await?;
    let ends = match arguments.exit {
        true => {
            let latest = partitions.iter().map(|partition| (*partition, LATEST_TIMESTAMP)).collect();
            client.offsets(&topic.name, &latest).await?
        }
        false => BTreeMap::new(),
    };
    let ranges: BTreeMap<i32, (i64, Option<i64>)> = starts
        .iter()
        .map(|(partition, start)| (*partition, (*start, ends.get(partition).copied())))
        .collect();
    let mut printer = Printer {
        out: BufWriter::with_capacity(64 << 10, io::stdout()),
        arguments,
        left: arguments.count.unwrap_or(u64::MAX),
    };
    if printer.left == 0 {
        return Ok(());
    }
    let mut reader = Reader::new(&client, &topic.name, &ranges, ReaderOptions::default()).await?;
    while let Some(fetched) = reader.next().await? {
        printer.print(&fetched, &ranges)?;
        while let Some(fetched) = reader.next_now()? {
            printer.print(&fetched, &ranges)?;
        }
        printer.out.flush()?;
        if printer.left == 0 {
            break;
        }
    }
    Ok(())
}

/// What is said of records that are not printed because they are gone.
fn missed(partition: i32, passed: &Range<i64>) -> String {
    let (first, last) = (passed.start, passed.end - 1);
    let count = passed.end - passed.start;
    let (records, were) = if count == 1 { ("record", "was") } else { ("records", "were") };
    format!(
        "{count} {records} of partition {partition} {were} deleted before being read: offsets {first} to {last}"
    )
}

struct Printer<'a, W: Write> {
    out: W,
    arguments: &'a Arguments,
    /// Records that may still be printed.
    left: u64,
}

impl<W: Write> Printer<'_, W> {
    fn print(&mut self, fetched: &Fetched, ranges: &BTreeMap<i32, (i64, Option<i64>)>) -> anyhow::Result<()> {
        let (start, end) = ranges.get(&fetched.partition).copied().unwrap_or((0, None));
        if let Some(passed) = &fetched.passed {
            eprintln!("tidelog: {}", missed(fetched.partition, passed));
        }
        for batch in fetched.batches.iter().filter(|batch| !batch.header().is_control()) {
            batch.verify_crc()?;
            for record in batch.records(LARGEST_BATCH)? {
                let record = record?;
                let offset = batch.header().offset_of(&record);
                if offset < start || end.is_some_and(|end| offset >= end) {
                    continue;
                }
                if self.left == 0 {
                    return Ok(());
                }
                self.left -= 1;
                self.print_one(batch, &record, fetched.partition)?;
            }
        }
        Ok(())
    }

    fn print_one(
        &mut self,
        batch: &Batch,
        record: &protocol::records::Record,
        partition: i32,
    ) -> anyhow::Result<()> {
        let header = batch.header();
        let printed = Printed {
            topic: &self.arguments.topic,
            partition,
            offset: header.offset_of(record),
            timestamp: header.timestamp_of(record),
            record,
            null: self.arguments.null,
        };
        if !self.arguments.json {
            self.arguments.format.write(&mut self.out, &printed)?;
            return Ok(());
        }
        let (key, key_hex) = json::split(record.key.as_deref());
        let (payload, payload_hex) = json::split(record.value.as_deref());
        let headers = record.headers.iter().flat_map(|header| {
            let value = header.value.map(|value| String::from_utf8_lossy(&value).into_owned());
            [Some(header.key.to_string()), value]
        });
        let by = match header.timestamp_type() {
            TimestampType::CreateTime => "create",
            TimestampType::LogAppendTime => "logappend",
        };
        let line = json::Record {
            topic: Some(self.arguments.topic.clone()),
            partition: Some(partition),
            offset: Some(printed.offset),
            tstype: Some(by.to_owned()),
            ts: Some(printed.timestamp),
            headers: headers.collect(),
            key,
            key_hex,
            payload,
            payload_hex,
        };
        serde_json::to_writer(&mut self.out, &line).map_err(io::Error::from)?;
        self.out.write_all(b"\n")?;
        Ok(())
    }
}
