//! A client that deletes the first records of partitions now and then, and never all that it could.

use std::time::Duration;

use protocol::ErrorCode;
use protocol::messages::DeleteRecordsRequest;
use protocol::messages::delete_records::{DeleteRecordsPartition, DeleteRecordsTopic};
use rand::Rng;

use super::reader::{Failure, check, earliest, latest, name};
use super::{Client, Leaders, PartitionIndex};
use crate::history::Event;

/// How long a node may take beyond what it was allowed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Deletes from `partitions` until the run says otherwise, one deletion every `gap` or so.
pub async fn delete(mut client: Client, partitions: Vec<PartitionIndex>, gap: Duration) {
    let mut leaders = Leaders::default();
    while client.is_running() {
        let most = u64::try_from(gap.as_millis()).unwrap_or(u64::MAX).max(1);
        client.pause(0..2 * most).await;
        let partition = partitions[client.rng.random_range(0..partitions.len())];
        if let Err(failure) = turn(&mut client, &mut leaders, partition).await {
            client.trace.line(format_args!("deleter {} {partition:?} {failure:?}", client.number));
            match failure {
                Failure::Code(code) if !code.is_retriable() => {
                    client.wrong(format!("{partition:?}: records were not deleted: {code:?}"));
                }
                _ => {}
            }
            let _ = leaders.refresh(&mut client).await;
        }
    }
}

async fn turn(client: &mut Client, leaders: &mut Leaders, partition: PartitionIndex) -> Result<(), Failure> {
    let Some(led) = leaders.of(partition) else {
        leaders.refresh(client).await?;
        return Ok(());
    };
    let mut connection = leaders.connection(client, led.node).await?;
    let start = earliest(client, &mut connection, partition, led.epoch).await?;
    let end = latest(client, &mut connection, partition, led.epoch).await?;
    let beyond = client.rng.random_bool(0.1);
    let offset = match beyond {
        true => end + client.rng.random_range(1..5),
        false => start + client.rng.random_range(0..=(end - start).max(0) / 3),
    };
    let (topic, number) = (client.topic(partition), client.number);
    client.note(Event::Trim { topic: topic.clone(), partition: partition.1, offset });
    let wanted = DeleteRecordsPartition { partition_index: partition.1, offset };
    let topics = vec![DeleteRecordsTopic { name: name(client, partition), partitions: vec![wanted] }];
    let request = DeleteRecordsRequest { topics, timeout_ms: client.rng.random_range(500..10_000) };
    let mut response = connection.ask(2, &request, PATIENCE).await?;
    let answer = response.topics.pop().and_then(|mut topic| topic.partitions.pop());
    let answer = answer.ok_or_else(|| std::io::Error::other("no partition in the response"))?;
    let (code, low) = (answer.error_code, answer.low_watermark);
    client.trace.line(format_args!("delete {number} {partition:?} {offset} {low} {code}"));
    leaders.keep(led.node, connection);
    if beyond && code == ErrorCode::OffsetOutOfRange.code() {
        return Ok(());
    }
    check(code)?;
    if low < offset {
        client.wrong(format!("{partition:?}: deleted to {low}, and {offset} was asked for"));
    }
    let observer = Some(number as i64);
    client.note(Event::LogStart { topic, partition: partition.1, offset: low, observer });
    Ok(())
}
