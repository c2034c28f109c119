//! Which partition a record goes to: the one it names, the one of its key as Kafka's own clients choose it, or
//! one by turns that changes when it has got a batch's worth.

use super::input::Input;

/// Chooses partitions.
#[derive(Debug, Clone)]
pub(super) struct Partitioner {
    fixed: Option<i32>,
    turn: usize,
    /// Bytes for which the turn lasts.
    size: usize,
    left: usize,
}

impl Partitioner {
    /// All records go to `fixed`, if there is one; otherwise a turn lasts for `size` bytes.
    pub(super) fn new(fixed: Option<i32>, size: usize) -> Self {
        // Short runs should not all begin with the same partition.
        Self { fixed, turn: std::process::id() as usize, size, left: size }
    }

    /// Chooses one of `partitions`, which are all there are, in order.
    pub(super) fn choose(&mut self, input: &Input, partitions: &[i32]) -> i32 {
        if let Some(partition) = input.partition.or(self.fixed) {
            return partition;
        }
        let place = match &input.key {
            Some(key) => (murmur2(key) & 0x7fff_ffff) as usize,
            None => {
                if self.left < input.size() {
                    (self.turn, self.left) = (self.turn.wrapping_add(1), self.size);
                }
                self.left = self.left.saturating_sub(input.size());
                self.turn
            }
        };
        partitions.get(place % partitions.len().max(1)).copied().unwrap_or(0)
    }
}

/// Kafka's variant of MurmurHash 2.
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ data.len() as u32;
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k = (k ^ (k >> 24)).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ k;
    }
    if !rest.is_empty() {
        for (place, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * place);
        }
        hash = hash.wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::produce::input::Parser;

    /// The vectors of Kafka's own test of `Utils.murmur2`.
    #[test]
    fn hashes_as_kafka_does() {
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        }
    }

    #[test]
    fn a_turn_lasts_for_a_batch() {
        let input = Parser::default().parse(&[0; 100]).expect("a record");
        let mut partitioner = Partitioner::new(None, input.size() * 2);
        let chosen: Vec<i32> = (0..6).map(|_| partitioner.choose(&input, &[0, 1, 2])).collect();
        assert_eq!(chosen[0], chosen[1]);
        assert_eq!(chosen[2], (chosen[1] + 1) % 3);
        assert_eq!(chosen[2], chosen[3]);
        assert_eq!(chosen[4], (chosen[3] + 1) % 3);
        assert_eq!(Partitioner::new(Some(2), 1).choose(&input, &[0, 1, 2]), 2);
    }
}
