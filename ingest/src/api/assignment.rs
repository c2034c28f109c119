//! Replicas that a request names for partitions. They are checked as Kafka does. Then, since shards decide what leads
//! and the store replicates, each must be the one node that leads the partition anyway.

use std::collections::BTreeSet;

use coordinator::cluster::Cluster;
use coordinator::{PartitionId, TopicId};

/// Why an assignment that Kafka would follow is refused.
pub(super) const PLACED: &str =
    "The nodes place partitions themselves, on one node each: the store replicates.";

/// The nodes that may be named.
pub(super) struct Nodes(BTreeSet<i32>);

impl Nodes {
    /// Those with an open session.
    pub(super) fn of(cluster: &Cluster) -> Self {
        Self(cluster.open_sessions().map(|session| session.node.0).collect())
    }

    /// Checks the replicas of partitions, each by itself and that they are equally many. Returns the one of each
    /// partition. What fails is INVALID_REPLICA_ASSIGNMENT.
    pub(super) fn check<'a>(
        &self,
        partitions: impl IntoIterator<Item = &'a [i32]>,
    ) -> Result<Vec<i32>, String> {
        let (mut factor, mut leaders) = (None, Vec::new());
        for brokers in partitions {
            self.check_one(brokers)?;
            leaders.extend(brokers.first());
            let expected = *factor.get_or_insert(brokers.len());
            if brokers.len() != expected {
                return Err(format!(
                    "The manual partition assignment includes a partition with {} replica(s), but this is not \
                     consistent with previous partitions, which have {expected} replica(s).",
                    brokers.len()
                ));
            }
        }
        match factor {
            Some(many) if many > 1 => Err(format!("A partition has {many} replicas. {PLACED}")),
            _ => Ok(leaders),
        }
    }

    /// Checks the replicas of one partition.
    pub(super) fn check_one(&self, brokers: &[i32]) -> Result<(), String> {
        if brokers.is_empty() {
            return Err("The manual partition assignment includes an empty replica list.".to_owned());
        }
        let mut sorted = brokers.to_vec();
        sorted.sort_unstable();
        if let Some(unknown) = sorted.iter().find(|id| !self.0.contains(id)) {
            return Err(format!(
                "The manual partition assignment includes broker {unknown}, but no such broker is registered."
            ));
        }
        match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(twice) => Err(format!(
                "The manual partition assignment includes the broker {} more than once.",
                twice[0]
            )),
            None => Ok(()),
        }
    }
}

/// The first partition, counted from `first` on, that is not led by the node that `leaders` has for it.
pub(super) fn misplaced(
    cluster: &Cluster,
    topic: TopicId,
    first: i32,
    leaders: &[i32],
) -> Option<PartitionId> {
    let partitions = (first..).map(|index| PartitionId { topic, index });
    let led = |id| cluster.leader(id).map(|(session, _)| session.node.0);
    partitions.zip(leaders).find(|(id, asked)| led(*id) != Some(**asked)).map(|(id, _)| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kafkas_reasons() {
        let nodes = Nodes([1, 2].into());
        let check = |partitions: &[&[i32]]| nodes.check(partitions.iter().copied());
        assert_eq!(check(&[&[2], &[1], &[2]]), Ok(vec![2, 1, 2]));
        assert_eq!(check(&[]), Ok(Vec::new()));
        assert_eq!(check(&[&[1, 2], &[2, 1]]), Err(format!("A partition has 2 replicas. {PLACED}")));
        let unknown =
            "The manual partition assignment includes broker 9, but no such broker is registered.".to_owned();
        assert_eq!(check(&[&[1], &[9]]), Err(unknown));
        let twice = "The manual partition assignment includes the broker 1 more than once.".to_owned();
        assert_eq!(check(&[&[1, 2, 1]]), Err(twice));
        assert!(check(&[&[1], &[]]).is_err_and(|reason| reason.contains("an empty replica list")));
        assert!(check(&[&[1], &[1, 2]]).is_err_and(|reason| reason.contains("partition with 2 replica(s)")));
    }
}
