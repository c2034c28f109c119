//! Which shard a name belongs to. `docs/formats.md`, "Shards", holds the function and its test vectors.

use xxhash_rust::xxh3::xxh3_64;

use crate::{PartitionId, ShardId};

/// The number of shards, fixed when a cluster is created.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shards(u32);

impl Shards {
    /// What a new cluster gets.
    pub const DEFAULT: Self = Self(1024);

    /// `count` shards; none is no cluster.
    pub fn new(count: u32) -> Option<Self> {
        (1..=1 << 20).contains(&count).then_some(Self(count))
    }

    /// How many there are.
    pub fn count(self) -> u32 {
        self.0
    }

    /// `(H(topic id) + partition) mod S`: a topic's partitions lie in successive shards.
    pub fn of_partition(self, partition: PartitionId) -> ShardId {
        let hash = xxh3_64(partition.topic.as_bytes());
        ShardId((hash.wrapping_add(partition.index as u64) % u64::from(self.0)) as u32)
    }

    /// `H(group id) mod S`, over the UTF-8 bytes.
    pub fn of_group(self, group: &str) -> ShardId {
        ShardId((xxh3_64(group.as_bytes()) % u64::from(self.0)) as u32)
    }

    /// Every shard.
    pub fn all(self) -> impl Iterator<Item = ShardId> {
        (0..self.0).map(ShardId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TopicId;

    #[test]
    fn vectors_of_the_formats_page() {
        let zero = TopicId([0; 16]);
        let ones = TopicId([0xff; 16]);
        assert_eq!(xxh3_64(zero.as_bytes()), 0xd0a6_6a65_c752_8968);
        assert_eq!(xxh3_64(ones.as_bytes()), 0x722a_202f_07a4_b313);
        assert_eq!(xxh3_64(b"group-1"), 0x287d_43dc_dda9_d8ba);
        let of = |topic, index| Shards::DEFAULT.of_partition(PartitionId { topic, index }).0;
        assert_eq!([of(zero, 0), of(zero, 1), of(ones, 0), of(ones, 1023)], [360, 361, 787, 786]);
        assert_eq!(Shards::DEFAULT.of_group("group-1").0, 186);
    }

    #[test]
    fn partitions_of_a_topic_lie_in_successive_shards() {
        let topic = TopicId(*b"0123456789abcdef");
        let of = |index| Shards::DEFAULT.of_partition(PartitionId { topic, index }).0;
        for index in 0..2000 {
            assert_eq!((of(index) + 1) % 1024, of(index + 1));
        }
    }
}
