//! ListOffsets: the ends of partitions, and offsets by time.

use std::collections::{BTreeMap, BTreeSet};

use protocol::messages::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};

use super::{Client, Error, TopicPartition};

impl Client {
    /// As [`Client::offsets`], in many topics; without partitions that do not exist or have no leader.
    pub(crate) async fn offsets_of(
        &self,
        timestamps: &BTreeMap<TopicPartition, i64>,
    ) -> Result<BTreeMap<TopicPartition, i64>, Error> {
        let names: BTreeSet<&str> = timestamps.keys().map(|(topic, _)| &**topic).collect();
        let names: Vec<&str> = names.into_iter().collect();
        let metadata = self.metadata(Some(&names), false).await?;
        let mut by_topic: BTreeMap<&str, BTreeMap<i32, i64>> = BTreeMap::new();
        for ((topic, partition), timestamp) in timestamps {
            if metadata.leader(topic, *partition).is_some() {
                by_topic.entry(topic).or_default().insert(*partition, *timestamp);
            }
        }
        let mut found = BTreeMap::new();
        for (topic, timestamps) in by_topic {
            let offsets = self.offsets(topic, &timestamps).await?;
            found.extend(
                offsets.into_iter().map(|(partition, offset)| ((topic.to_owned(), partition), offset)),
            );
        }
        Ok(found)
    }

    /// The offset that each partition has for its timestamp (or one of ListOffsets' special ones); −1 where no
    /// record is as young.
    pub(crate) async fn offsets(
        &self,
        topic: &str,
        timestamps: &BTreeMap<i32, i64>,
    ) -> Result<BTreeMap<i32, i64>, Error> {
        let mut backoff = self.backoff();
        let mut found = BTreeMap::new();
        while found.len() < timestamps.len() {
            let left = timestamps.iter().filter(|(partition, _)| !found.contains_key(*partition));
            let left: Vec<(i32, i64)> = left.map(|(partition, timestamp)| (*partition, *timestamp)).collect();
            if let Err(error) = self.some_offsets(topic, &left, &mut found).await {
                backoff.wait(error).await?;
                self.forget(topic).await;
            }
        }
        Ok(found)
    }

    /// Asks each leader once.
    async fn some_offsets(
        &self,
        topic: &str,
        timestamps: &[(i32, i64)],
        found: &mut BTreeMap<i32, i64>,
    ) -> Result<(), Error> {
        let mut by_leader: BTreeMap<String, Vec<ListOffsetsPartition>> = BTreeMap::new();
        for (partition_index, timestamp) in timestamps.iter().copied() {
            let (_, address) = self.leader(topic, partition_index).await?;
            let partition = ListOffsetsPartition { partition_index, timestamp, ..Default::default() };
            by_leader.entry(address).or_default().push(partition);
        }
        for (address, partitions) in by_leader {
            let topics = vec![ListOffsetsTopic { name: topic.into(), partitions }];
            let request = ListOffsetsRequest { topics, ..Default::default() };
            let response = self.connection(&address).await?.call(&request).await?;
            for partition in response.topics.iter().flat_map(|topic| &topic.partitions) {
                let index = partition.partition_index;
                Error::check(partition.error_code, || format!("offsets of partition {index} of {topic}"))?;
                found.insert(index, partition.offset);
            }
        }
        Ok(())
    }
}
