//! Requests and answers as Kafka has them.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use protocol::messages::share_acknowledge::{self, AcknowledgePartition, AcknowledgeTopic};
use protocol::messages::share_fetch::{AcknowledgementBatch, FetchPartition, FetchTopic, ForgottenTopic};
use protocol::messages::{ShareAcknowledgeRequest, ShareFetchRequest};
use protocol::{Records, Uuid};
use rand::Rng;

use super::super::Member;
use super::super::hand::Verdict;
use super::{Ask, Told};
use crate::client::Connection;
use crate::history::Said;

/// The version of ShareFetch and ShareAcknowledge.
const VERSION: i16 = 2;

impl Member {
    pub(super) async fn fetch(
        &mut self,
        connection: &mut Connection,
        ask: &Ask,
        wait: Duration,
        patience: Duration,
    ) -> io::Result<(i16, Vec<Told>)> {
        let batch = |(_, first, last, said): &Verdict| AcknowledgementBatch {
            first_offset: *first,
            last_offset: *last,
            acknowledge_types: types(*first, *last, *said),
        };
        let mut topics: BTreeMap<usize, Vec<FetchPartition>> = BTreeMap::new();
        for partition in &ask.partitions {
            let said = ask.said.iter().filter(|said| said.0 == *partition);
            let fetched = FetchPartition {
                partition_index: partition.1,
                acknowledgement_batches: said.map(batch).collect(),
            };
            topics.entry(partition.0).or_default().push(fetched);
        }
        for partition in ask.said.iter().map(|said| said.0).filter(|at| !ask.partitions.contains(at)) {
            let of = topics.entry(partition.0).or_default();
            if of.iter().all(|known| known.partition_index != partition.1) {
                let said = ask.said.iter().filter(|said| said.0 == partition);
                let acknowledgement_batches = said.map(batch).collect();
                of.push(FetchPartition { partition_index: partition.1, acknowledgement_batches });
            }
        }
        let mut forgotten: BTreeMap<usize, Vec<i32>> = BTreeMap::new();
        for (topic, index) in &ask.forgotten {
            forgotten.entry(*topic).or_default().push(*index);
        }
        let (group_id, member_id) = self.names();
        let topics = topics.into_iter();
        let topics = topics.map(|(at, partitions)| FetchTopic { topic_id: self.id_of(at), partitions });
        let forgotten = forgotten.into_iter();
        let forgotten =
            forgotten.map(|(at, partitions)| ForgottenTopic { topic_id: self.id_of(at), partitions });
        let mut request = ShareFetchRequest {
            group_id,
            member_id,
            share_session_epoch: ask.epoch,
            max_wait_ms: i32::try_from(wait.as_millis()).unwrap_or(0),
            min_bytes: 1,
            max_bytes: 0,
            max_records: 0,
            batch_size: 0,
            share_acquire_mode: 0,
            is_renew_ack: ask.renews,
            topics: topics.collect(),
            forgotten_topics_data: forgotten.collect(),
        };
        let end = self.ends().is_some();
        let rng = &mut self.seat.client.rng;
        request.max_bytes = 1 << rng.random_range(9..=16);
        request.batch_size = rng.random_range(1..50);
        request.share_acquire_mode = rng.random_range(0..2);
        match ask.renews {
            true => (request.max_wait_ms, request.min_bytes, request.max_bytes) = (0, 0, 0),
            false => request.max_records = if end { 1000 } else { rng.random_range(1..100) },
        }
        let response = connection.ask(VERSION, &request, wait + patience).await?;
        let mut told = Vec::new();
        for topic in response.responses {
            let Some(at) = self.leaders.topic(topic.topic_id) else { continue };
            told.extend(topic.partitions.into_iter().map(|partition| {
                Told {
                    partition: (at, partition.partition_index),
                    code: partition.error_code,
                    acknowledged: partition.acknowledge_error_code,
                    records: partition.records,
                    acquired: partition
                        .acquired_records
                        .iter()
                        .map(|range| (range.first_offset, range.last_offset, range.delivery_count))
                        .collect(),
                }
            }));
        }
        Ok((response.error_code, told))
    }

    pub(super) async fn acknowledge(
        &mut self,
        connection: &mut Connection,
        ask: &Ask,
        patience: Duration,
    ) -> io::Result<(i16, Vec<Told>)> {
        let mut said: BTreeMap<usize, BTreeMap<i32, Vec<share_acknowledge::AcknowledgementBatch>>> =
            BTreeMap::new();
        for ((topic, index), first, last, what) in &ask.said {
            let batch = share_acknowledge::AcknowledgementBatch {
                first_offset: *first,
                last_offset: *last,
                acknowledge_types: types(*first, *last, *what),
            };
            said.entry(*topic).or_default().entry(*index).or_default().push(batch);
        }
        let topics = said.into_iter().map(|(at, partitions)| AcknowledgeTopic {
            topic_id: self.id_of(at),
            partitions: partitions
                .into_iter()
                .map(|(partition_index, acknowledgement_batches)| AcknowledgePartition {
                    partition_index,
                    acknowledgement_batches,
                })
                .collect(),
        });
        let (group_id, member_id) = self.names();
        let request = ShareAcknowledgeRequest {
            group_id,
            member_id,
            share_session_epoch: ask.epoch,
            is_renew_ack: ask.renews,
            topics: topics.collect(),
        };
        let response = connection.ask(VERSION, &request, patience).await?;
        let mut told = Vec::new();
        for topic in response.responses {
            let Some(at) = self.leaders.topic(topic.topic_id) else { continue };
            told.extend(topic.partitions.into_iter().map(|partition| Told {
                partition: (at, partition.partition_index),
                code: 0,
                acknowledged: partition.error_code,
                records: Records::default(),
                acquired: Vec::new(),
            }));
        }
        Ok((response.error_code, told))
    }

    fn id_of(&self, topic: usize) -> Uuid {
        self.leaders.id(topic).unwrap_or_default()
    }
}

/// What is said of records, once for all or once for each.
fn types(first: i64, last: i64, said: Said) -> Vec<i8> {
    let number = match said {
        Said::Accept => 1,
        Said::Release => 2,
        Said::Reject => 3,
        Said::Renew => 4,
    };
    let each = usize::try_from(last - first + 1).unwrap_or(1);
    vec![number; if first % 3 == 0 { each } else { 1 }]
}
