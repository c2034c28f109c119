//! `tidelog bench produce`.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use clap::Args;
use protocol::Records;
use protocol::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use protocol::records::Compression;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Common;
use super::length::{Length, Run};
use super::paced::{Pace, Paced};
use super::progress::Progress;
use super::report::{Latencies, Report};
use super::template::Template;
use crate::client::{Client, Connection, Error, Identity, Reply, Topic, check_produced};

/// Different batches that are sent by turns.
const TEMPLATES: u64 = 4;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Bytes of a record's value
    #[arg(short = 's', long, value_name = "SIZE", default_value = "1KiB", value_parser = crate::cli::size)]
    record_size: usize,
    /// Bytes of a batch before compression
    #[arg(long, value_name = "SIZE", default_value = "256KiB", value_parser = crate::cli::size)]
    batch_size: usize,
    /// Requests that are on their way on each connection
    #[arg(short, long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    in_flight: u16,
    /// Connections; partitions are shared out among them
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
    /// Which acknowledgement to wait for: all, 1 or 0
    #[arg(long, default_value = "all", value_parser = crate::produce::acks)]
    acks: i16,
    /// Compression of batches: none, gzip, snappy, lz4 or zstd
    #[arg(short = 'z', long, value_name = "CODEC", default_value = "none")]
    compression: Compression,
    /// Append as an idempotent producer
    #[arg(long)]
    idempotent: bool,
    /// Records a second in all [default: as many as the broker takes]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    rate: Option<u64>,
    /// How long records wait for others in their batch, with --rate
    #[arg(short, long, value_name = "DURATION", default_value = "5ms", value_parser = crate::cli::duration)]
    linger: std::time::Duration,
    #[command(flatten)]
    length: Length,
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<Report> {
    let client = arguments.common.target.client();
    let topic = Arc::new(arguments.common.topic(&client).await?);
    let per_batch = (arguments.batch_size / (arguments.record_size + 16)).max(1) as u64;
    let templates = (0..TEMPLATES)
        .map(|seed| Template::new(seed, per_batch, arguments.record_size, arguments.compression))
        .collect::<Result<Vec<_>, _>>()?;
    let templates = Arc::new(templates);
    let run = Arc::new(arguments.length.begin());
    let progress = Progress::of(&run, arguments.length.count);
    let partitions: Vec<i32> = topic.partitions.keys().copied().collect();
    let connections = usize::from(arguments.connections);
    let mut tasks = JoinSet::new();
    for number in 0..connections {
        let mut mine: Vec<i32> = partitions.iter().copied().skip(number).step_by(connections).collect();
        if mine.is_empty() {
            mine.push(partitions[number % partitions.len()]);
        }
        let identity = if arguments.idempotent { Some(client.identity().await?) } else { None };
        let sender = Sender::new(&client, &topic, mine, arguments.acks, identity);
        let (run, in_flight) = (Arc::clone(&run), usize::from(arguments.in_flight));
        match arguments.rate {
            Some(rate) => {
                let pace = Pace {
                    rate: rate as f64 / connections as f64,
                    linger: arguments.linger,
                    record_size: arguments.record_size,
                    batch_size: arguments.batch_size,
                    compression: arguments.compression,
                    run_id: 0,
                };
                tasks.spawn(Box::pin(Paced::new(pace, sender, in_flight).go(run)));
            }
            None => {
                let templates = Arc::clone(&templates);
                tasks.spawn(Box::pin(flat_out(sender, templates, in_flight, run)));
            }
        }
    }
    let mut latencies = Latencies::new();
    while let Some(result) = tasks.join_next().await {
        latencies.add(&result??);
    }
    drop(progress);
    let seconds = run.seconds();
    Ok(Report::new("produce", &topic, &run, seconds).with("ack", latencies))
}

/// One connection, always with as many requests on their way as allowed.
async fn flat_out(
    mut sender: Sender,
    templates: Arc<Vec<Template>>,
    in_flight: usize,
    run: Arc<Run>,
) -> Result<Latencies, Error> {
    let mut latencies = Latencies::new();
    let mut waiting: VecDeque<(Instant, &Template, Reply<ProduceRequest>)> = VecDeque::new();
    for template in templates.iter().cycle() {
        while waiting.len() >= in_flight {
            settle(&mut waiting, &run, &mut latencies).await?;
        }
        if run.take(template.count) == 0 {
            break;
        }
        let now = chrono::Utc::now().timestamp_millis();
        let begun = Instant::now();
        let reply = sender.send(template.count, |producer| Ok(template.stamped(now, producer))).await?;
        match reply {
            Some(reply) => waiting.push_back((begun, template, reply)),
            None => {
                run.done(Instant::now(), template.count, template.value_bytes);
            }
        }
    }
    while !waiting.is_empty() {
        settle(&mut waiting, &run, &mut latencies).await?;
    }
    Ok(latencies)
}

async fn settle(
    waiting: &mut VecDeque<(Instant, &Template, Reply<ProduceRequest>)>,
    run: &Run,
    latencies: &mut Latencies,
) -> Result<(), Error> {
    let Some((begun, template, mut reply)) = waiting.pop_front() else { return Ok(()) };
    check_produced(&reply.wait().await?)?;
    let now = Instant::now();
    if run.done(now, template.count, template.value_bytes) {
        latencies.record(now - begun, template.count);
    }
    Ok(())
}

/// Sends batches to partitions by turns, over connections of its own.
pub(super) struct Sender {
    client: Client,
    topic: Arc<Topic>,
    partitions: Vec<i32>,
    turn: usize,
    acks: i16,
    identity: Option<Identity>,
    /// By partition.
    sequences: HashMap<i32, i32>,
    /// By partition.
    connections: HashMap<i32, Arc<Connection>>,
}

impl Sender {
    pub(super) fn new(
        client: &Client,
        topic: &Arc<Topic>,
        partitions: Vec<i32>,
        acks: i16,
        identity: Option<Identity>,
    ) -> Self {
        Self {
            client: client.clone(),
            topic: Arc::clone(topic),
            partitions,
            turn: 0,
            acks,
            identity,
            sequences: HashMap::new(),
            connections: HashMap::new(),
        }
    }

    /// The connection to a partition's leader; partitions with the same leader share one.
    async fn connection(&mut self, partition: i32) -> Result<Arc<Connection>, Error> {
        if let Some(connection) = self.connections.get(&partition) {
            return Ok(Arc::clone(connection));
        }
        let (_, address) = self.client.leader(&self.topic.name, partition).await?;
        let shared = self.connections.values().find(|connection| connection.address() == address).cloned();
        let connection = match shared {
            Some(connection) => connection,
            None => self.client.dial(&address).await?,
        };
        self.connections.insert(partition, Arc::clone(&connection));
        Ok(connection)
    }

    /// Sends the batch of `count` records that `batch` makes for a producer. None with `acks=0`.
    pub(super) async fn send(
        &mut self,
        count: u64,
        batch: impl FnOnce((i64, i16, i32)) -> Result<Records, Error>,
    ) -> Result<Option<Reply<ProduceRequest>>, Error> {
        let partition = self.partitions[self.turn % self.partitions.len()];
        self.turn = self.turn.wrapping_add(1);
        let connection = self.connection(partition).await?;
        let producer = match self.identity {
            Some(Identity { id, epoch }) => {
                let sequence = self.sequences.entry(partition).or_insert(0);
                let first = *sequence;
                *sequence = first.wrapping_add(i32::try_from(count).unwrap_or(i32::MAX)) & i32::MAX;
                (id, epoch, first)
            }
            None => (-1, -1, -1),
        };
        let data = PartitionProduceData { index: partition, records: Some(batch(producer)?) };
        let request = ProduceRequest {
            acks: self.acks,
            timeout_ms: i32::try_from(self.client.timeout().as_millis()).unwrap_or(i32::MAX),
            topic_data: vec![TopicProduceData {
                name: self.topic.name.as_str().into(),
                topic_id: self.topic.id,
                partition_data: vec![data],
            }],
            ..Default::default()
        };
        if self.acks == 0 {
            return connection.tell(&request).await.map(|()| None);
        }
        connection.send(&request).await.map(Some)
    }
}
