//! The final logs, as they stand in the history.

use std::sync::Arc;

use tokio::time::error::Elapsed;
use tokio::time::timeout;

use crate::client::{self, Client, PROGRESS, Survivor, Whole, Yard};
use crate::history::Event;

/// Notes the final log of a partition.
pub(crate) fn note(client: &Client, topic: &Arc<str>, partition: i32, whole: Whole) {
    let (topic, mut history) = (Some(Arc::clone(topic)), client.history.lock());
    let (offset, observer) = (whole.log_start, None);
    history.push(Event::LogStart { topic: topic.clone(), partition, offset, observer });
    history.extend(whole.log.into_iter().map(|stored| Event::Log {
        topic: topic.clone(),
        partition,
        offset: stored.offset,
        producer: stored.record.producer,
        sequence: stored.record.sequence,
        epoch: stored.epoch,
    }));
    history.extend(whole.ends.into_iter().map(|end| Event::EpochEnd {
        topic: topic.clone(),
        partition,
        asked: end.asked,
        epoch: end.epoch,
        offset: end.offset,
    }));
}

/// Reads the topics that are left of those that were created and deleted, and notes which are gone. A deletion that
/// was not answered may be carried out meanwhile; then everything is looked at again.
pub(crate) async fn of_churn(reader: &mut Client, yard: &Yard) -> Result<(), String> {
    let no_progress = |what| format!("no progress: {what} in {PROGRESS:?} after everything was mended");
    loop {
        let survey = async |reader: &mut Client| {
            let survey = timeout(PROGRESS, client::survey(reader, yard)).await;
            survey.map_err(|_| no_progress("no node answered which topics there are"))
        };
        let (before, gone) = survey(reader).await?;
        let read = logs(reader, &before).await;
        let (after, _) = survey(reader).await?;
        if before != after {
            continue;
        }
        let read = read.map_err(|_| no_progress("the logs of topics were not read"))?;
        for (topic, partition, whole) in read {
            note(reader, &topic, partition, whole);
        }
        gone.into_iter().for_each(|topic| reader.history.lock().push(Event::TopicGone { topic }));
        return Ok(());
    }
}

async fn logs(reader: &mut Client, survivors: &[Survivor]) -> Result<Vec<(Arc<str>, i32, Whole)>, Elapsed> {
    let mut logs = Vec::new();
    let topics = survivors.iter().map(|survivor| survivor.named.clone()).collect();
    let mut reader = Client { topics: Arc::new(topics), history: Arc::default(), ..reader.clone() };
    for (index, survivor) in survivors.iter().enumerate() {
        for partition in 0..survivor.named.partitions {
            let whole = client::read_all(&mut reader, (index, partition)).await?;
            logs.push((Arc::clone(&survivor.topic), partition, whole));
        }
    }
    Ok(logs)
}
