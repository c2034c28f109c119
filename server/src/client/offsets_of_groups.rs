//! How far groups have read: asking, changing and forgetting it.

use std::collections::{BTreeMap, BTreeSet};

use protocol::ErrorCode;
use protocol::messages::describe_share_group_offsets::DescribeShareGroupOffsetsRequestGroup;
use protocol::messages::offset_commit::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use protocol::messages::offset_delete::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use protocol::messages::offset_fetch::OffsetFetchRequestGroup;
use protocol::messages::{
    DescribeShareGroupOffsetsRequest, OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest,
};

use super::{Client, Error};

/// The newest versions of OffsetCommit and OffsetFetch that know topics by name.
const BY_NAME: i16 = 9;

/// A topic's name and a partition's number.
pub(crate) type TopicPartition = (String, i32);

impl Client {
    /// The next offset that a group wants to read, of each partition for which it has committed one. Empty for a
    /// group that does not exist.
    pub(crate) async fn committed(&self, group: &str) -> Result<BTreeMap<TopicPartition, i64>, Error> {
        let one = OffsetFetchRequestGroup { group_id: group.into(), topics: None, ..Default::default() };
        // Older versions know one group, newer ones many: each version carries one of them.
        let request = OffsetFetchRequest {
            group_id: group.into(),
            topics: None,
            groups: vec![one],
            ..Default::default()
        };
        let fetched = self.coordinated(group, async |connection| {
            let response = connection.call_up_to(&request, BY_NAME).await?;
            let what = || format!("offsets of group {group}");
            Error::check(response.error_code, what)?;
            let mut offsets = BTreeMap::new();
            let mut take = |topic: &str, partition, offset, error_code| {
                Error::check(error_code, || format!("offset of group {group} in {topic}-{partition}"))?;
                if offset >= 0 {
                    offsets.insert((topic.to_owned(), partition), offset);
                }
                Ok::<(), Error>(())
            };
            for topic in &response.topics {
                for p in &topic.partitions {
                    take(&topic.name, p.partition_index, p.committed_offset, p.error_code)?;
                }
            }
            for answer in &response.groups {
                if answer.error_code == ErrorCode::GroupIdNotFound.code() {
                    continue;
                }
                Error::check(answer.error_code, what)?;
                for topic in &answer.topics {
                    for p in &topic.partitions {
                        take(&topic.name, p.partition_index, p.committed_offset, p.error_code)?;
                    }
                }
            }
            Ok(offsets)
        });
        fetched.await.map(|(_, offsets)| offsets)
    }

    /// Where a share group begins to read, of each partition that it has read.
    pub(crate) async fn share_starts(&self, group: &str) -> Result<BTreeMap<TopicPartition, i64>, Error> {
        let one = DescribeShareGroupOffsetsRequestGroup { group_id: group.into(), topics: None };
        let request = DescribeShareGroupOffsetsRequest { groups: vec![one] };
        let described = self.coordinated(group, async |connection| {
            let response = connection.call(&request).await?;
            let mut offsets = BTreeMap::new();
            for answer in &response.groups {
                let what = || format!("offsets of group {group}");
                Error::check_with_message(answer.error_code, answer.error_message.as_deref(), what)?;
                for topic in &answer.topics {
                    for p in &topic.partitions {
                        let name = &topic.topic_name;
                        let what = || format!("offset of group {group} in {name}-{}", p.partition_index);
                        Error::check_with_message(p.error_code, p.error_message.as_deref(), what)?;
                        if p.start_offset >= 0 {
                            offsets.insert((name.to_string(), p.partition_index), p.start_offset);
                        }
                    }
                }
            }
            Ok(offsets)
        });
        described.await.map(|(_, offsets)| offsets)
    }

    /// Commits offsets for a group without members. What became of each partition is in the answer.
    pub(crate) async fn commit(
        &self,
        group: &str,
        offsets: &BTreeMap<TopicPartition, i64>,
    ) -> Result<BTreeMap<TopicPartition, Result<(), Error>>, Error> {
        let mut topics: BTreeMap<&str, Vec<OffsetCommitRequestPartition>> = BTreeMap::new();
        for ((topic, partition), offset) in offsets {
            topics.entry(topic).or_default().push(OffsetCommitRequestPartition {
                partition_index: *partition,
                committed_offset: *offset,
                ..Default::default()
            });
        }
        let topic = |(name, partitions): (&str, _)| OffsetCommitRequestTopic {
            name: name.into(),
            partitions,
            ..Default::default()
        };
        let request = OffsetCommitRequest {
            group_id: group.into(),
            topics: topics.into_iter().map(topic).collect(),
            ..Default::default()
        };
        let committed = self.coordinated(group, async |connection| {
            let response = connection.call_up_to(&request, BY_NAME).await?;
            let topics = response.topics.iter();
            let codes =
                topics.flat_map(|t| t.partitions.iter().map(|p| (&*t.name, p.partition_index, p.error_code)));
            outcomes(group, codes)
        });
        committed.await.map(|(_, outcomes)| outcomes)
    }

    /// Has a group forget its offsets in these partitions. What became of each is in the answer.
    pub(crate) async fn delete_offsets(
        &self,
        group: &str,
        partitions: &BTreeSet<TopicPartition>,
    ) -> Result<BTreeMap<TopicPartition, Result<(), Error>>, Error> {
        let mut topics: BTreeMap<&str, Vec<OffsetDeleteRequestPartition>> = BTreeMap::new();
        for (topic, partition) in partitions {
            let partition = OffsetDeleteRequestPartition { partition_index: *partition };
            topics.entry(topic).or_default().push(partition);
        }
        let topic =
            |(name, partitions): (&str, _)| OffsetDeleteRequestTopic { name: name.into(), partitions };
        let request =
            OffsetDeleteRequest { group_id: group.into(), topics: topics.into_iter().map(topic).collect() };
        let deleted = self.coordinated(group, async |connection| {
            let response = connection.call(&request).await?;
            if response.error_code == ErrorCode::GroupIdNotFound.code() {
                return Err(Error::NoGroup { group: group.to_owned() });
            }
            Error::check(response.error_code, || format!("group {group}"))?;
            let topics = response.topics.iter();
            let codes =
                topics.flat_map(|t| t.partitions.iter().map(|p| (&*t.name, p.partition_index, p.error_code)));
            outcomes(group, codes)
        });
        deleted.await.map(|(_, outcomes)| outcomes)
    }
}

/// Errors by partition. Fails if they are about the coordinator, which is to be asked again.
fn outcomes<'a>(
    group: &str,
    codes: impl Iterator<Item = (&'a str, i32, i16)>,
) -> Result<BTreeMap<TopicPartition, Result<(), Error>>, Error> {
    let elsewhere = [
        ErrorCode::CoordinatorLoadInProgress,
        ErrorCode::CoordinatorNotAvailable,
        ErrorCode::NotCoordinator,
        ErrorCode::RequestTimedOut,
    ];
    let mut outcomes = BTreeMap::new();
    for (topic, partition, code) in codes {
        let outcome = Error::check(code, || format!("offset of group {group} in {topic}-{partition}"));
        match outcome {
            Err(error) if error.code().is_some_and(|code| elsewhere.contains(&code)) => return Err(error),
            outcome => outcomes.insert((topic.to_owned(), partition), outcome),
        };
    }
    Ok(outcomes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_coordinator_s_own_errors_are_tried_again() {
        let of = |code: ErrorCode| outcomes("g", [("t", 0, 0), ("t", 1, code.code())].into_iter());
        assert!(of(ErrorCode::NotCoordinator).is_err_and(|error| error.is_retriable()));
        let told = of(ErrorCode::UnknownTopicOrPartition).expect("it is an outcome");
        assert!(told[&("t".to_owned(), 0)].is_ok());
        assert!(told[&("t".to_owned(), 1)].is_err());
    }
}
