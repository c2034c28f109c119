//! Reading topics that come and go, from the beginning and by their ids.

use std::sync::Arc;

use protocol::ErrorCode;
use protocol::messages::FetchRequest;
use protocol::messages::fetch::{FetchPartition, FetchTopic};
use rand::Rng;

use super::super::read_records;
use super::atlas::PATIENCE;
use super::{Actor, Lot};
use crate::history::Event;

/// The version of Fetch: topics have ids.
const FETCH: i16 = 13;

/// How many fetches a partition is read by at most.
const FETCHES: usize = 8;

impl Actor {
    /// Reads a partition of a topic from its beginning, and to its end unless that is far.
    pub(super) async fn read(&mut self, topic: &Arc<str>, lot: &Lot) {
        let partition = self.client.rng.random_range(0..lot.partitions.max(1));
        let Some(node) = self.atlas.leader(topic, partition) else { return self.look(&lot.name).await };
        let number = self.client.number as i64;
        let mut begun = false;
        let mut offset = 0;
        for _ in 0..FETCHES {
            let Ok(mut line) = self.atlas.line(&self.client, node).await else { return };
            let wanted = FetchPartition {
                partition,
                current_leader_epoch: -1,
                fetch_offset: offset,
                last_fetched_epoch: -1,
                partition_max_bytes: 1 << 16,
                ..Default::default()
            };
            let asked = FetchTopic { topic_id: lot.id, partitions: vec![wanted], ..Default::default() };
            let request = FetchRequest {
                max_wait_ms: self.client.rng.random_range(0..50),
                min_bytes: 1,
                max_bytes: 1 << 16,
                topics: vec![asked],
                replica_id: -1,
                session_epoch: -1,
                ..Default::default()
            };
            let Ok(mut response) = line.connection.ask(FETCH, &request, PATIENCE).await else { return };
            self.atlas.keep(node, line);
            let data = response.responses.pop().and_then(|mut topic| topic.partitions.pop());
            let Some(data) = data.filter(|_| response.error_code == 0) else { return };
            match ErrorCode::from_code(data.error_code) {
                Some(ErrorCode::None) => {}
                // Where it begins may be elsewhere, and no client of this kind looks for that.
                Some(ErrorCode::OffsetOutOfRange) if self.yard.lock().is_trimmed(&lot.name) => return,
                Some(code) if code.is_retriable() => return self.look(&lot.name).await,
                code => {
                    return self.client.wrong(format!("{topic}-{partition} at {offset}: {code:?}"));
                }
            }
            let records = match read_records(data.records.into_bytes(), offset) {
                Ok(records) => records,
                Err(error) => {
                    return self.client.wrong(format!("{topic}-{partition}: unreadable records: {error}"));
                }
            };
            let Some(last) = records.last().copied() else { return };
            if !std::mem::replace(&mut begun, true) {
                self.client.note(Event::Seek { reader: number, topic: Some(Arc::clone(topic)), partition });
            }
            self.client
                .trace
                .line(format_args!("read {number} {topic}-{partition} {offset} {}", last.offset));
            let mut history = self.client.history.lock();
            history.extend(records.into_iter().map(|seen| Event::Seen {
                reader: number,
                topic: Some(Arc::clone(topic)),
                partition,
                offset: seen.offset,
                producer: seen.record.producer,
                sequence: seen.record.sequence,
                epoch: seen.epoch,
                poll: None,
            }));
            offset = last.offset + 1;
        }
    }
}
