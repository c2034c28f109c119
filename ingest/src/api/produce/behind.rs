//! Batches of idempotent producers that come behind one that was refused.
//!
//! A producer has several batches on their way. Where one is refused for now and the next one is not, because the node
//! leads again meanwhile, a log that knows nothing of the producer takes that for the first one, as Kafka does, and
//! never takes the one before it. So what comes on the same connection behind a batch that was refused is refused, too,
//! until that one, or one from before it, is sent again.

use std::collections::HashMap;
use std::time::Duration;

use protocol::{Records, Str, Uuid};
use tokio::time::Instant;

/// So many partitions are remembered of a connection. Of what is beyond, nothing is.
const MOST: usize = 10_000;

/// How long is waited for a batch that was refused. Its producer has given it up by then.
const AWAITED: Duration = Duration::from_secs(120);

/// A producer's batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    producer: i64,
    epoch: i16,
    base_sequence: i32,
}

impl Sent {
    /// What a batch (v2) says of its producer, if that is idempotent; nothing is checked.
    pub(super) fn of(records: Option<&Records>) -> Option<Self> {
        /// Where a batch has its producer's id, epoch and sequence number.
        const AT: std::ops::Range<usize> = 43..57;
        let head = records?.first().get(AT)?;
        let producer = i64::from_be_bytes(*head.first_chunk()?);
        let epoch = i16::from_be_bytes(*head.get(8..)?.first_chunk()?);
        let base_sequence = i32::from_be_bytes(*head.last_chunk()?);
        (producer >= 0).then_some(Self { producer, epoch, base_sequence })
    }

    /// Whether it was made after another one of the same producer. Sequence numbers begin again after the last one.
    fn is_after(self, base_sequence: i32) -> bool {
        (1..1 << 30).contains(&(self.base_sequence.wrapping_sub(base_sequence) & i32::MAX))
    }
}

/// A partition, as the request names it, and a producer. One that gives a batch up goes on in another epoch.
type Key = (Uuid, Str, i32, i64, i16);

/// What was refused on a connection.
#[derive(Debug, Default)]
pub(crate) struct Behind(HashMap<Key, (i32, Instant)>);

impl Behind {
    /// Whether a batch comes behind one that was refused.
    pub(super) fn holds_back(&mut self, topic: (Uuid, &Str), index: i32, sent: Sent) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let key = (topic.0, topic.1.detached(), index, sent.producer, sent.epoch);
        let Some((refused, since)) = self.0.get(&key) else { return false };
        if !sent.is_after(*refused) || since.elapsed() > AWAITED {
            self.0.remove(&key);
            return false;
        }
        true
    }

    /// Notes that a batch was refused and may be sent again.
    pub(super) fn refused(&mut self, topic: (Uuid, &Str), index: i32, sent: Sent) {
        if self.0.len() >= MOST {
            self.0.clear();
        }
        let key = (topic.0, topic.1.detached(), index, sent.producer, sent.epoch);
        let first = self.0.entry(key).or_insert((sent.base_sequence, Instant::now()));
        if !sent.is_after(first.0) {
            first.0 = sent.base_sequence;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPIC: Uuid = Uuid::from_bytes([7; 16]);

    fn sent(base_sequence: i32) -> Sent {
        Sent { producer: 5, epoch: 2, base_sequence }
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_behind_a_refused_batch_waits_for_it() {
        let (mut behind, name) = (Behind::default(), Str::from_static(""));
        let topic = (TOPIC, &name);
        assert!(!behind.holds_back(topic, 0, sent(3)));
        behind.refused(topic, 0, sent(3));
        behind.refused(topic, 0, sent(4));
        for (other, index, sent, held) in [
            (topic, 0, sent(4), true),
            (topic, 0, sent(1000), true),
            (topic, 1, sent(4), false),
            ((Uuid::from_bytes([8; 16]), &name), 0, sent(4), false),
            (topic, 0, Sent { producer: 6, ..sent(4) }, false),
            (topic, 0, Sent { epoch: 3, ..sent(4) }, false),
            (topic, 0, sent(3), false),
            (topic, 0, sent(4), false),
        ] {
            assert_eq!(behind.holds_back(other, index, sent), held, "{index} {sent:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_that_was_given_up_is_waited_for_no_longer() {
        let (mut behind, name) = (Behind::default(), Str::from_static("t"));
        let topic = (Uuid::default(), &name);
        for (refused, again) in [(9, 0), (9, 9), (i32::MAX, i32::MAX - 5), (2, i32::MAX), (0, i32::MAX - 9)] {
            behind.refused(topic, 0, sent(refused));
            assert!(behind.holds_back(topic, 0, sent(refused.wrapping_add(1) & i32::MAX)), "{refused}");
            assert!(!behind.holds_back(topic, 0, sent(again)), "{refused}, {again}: it begins anew");
        }
        behind.refused(topic, 0, sent(1));
        tokio::time::sleep(AWAITED + Duration::from_secs(1)).await;
        assert!(!behind.holds_back(topic, 0, sent(2)));
        for index in 0..=MOST as i32 {
            behind.refused(topic, index, sent(1));
        }
        assert!(behind.0.len() <= MOST);
    }

    #[test]
    fn a_batch_says_whose_it_is() {
        use protocol::records::BatchBuilder;
        let mut builder = BatchBuilder::new();
        builder.push(1, None, Some(b"v"), &[]);
        let mut batch = builder.build().expect("a batch").to_vec();
        assert_eq!(Sent::of(Some(&bytes::Bytes::from(batch.clone()).into())), None);
        batch[43..51].copy_from_slice(&5i64.to_be_bytes());
        batch[51..53].copy_from_slice(&2i16.to_be_bytes());
        batch[53..57].copy_from_slice(&3i32.to_be_bytes());
        assert_eq!(Sent::of(Some(&bytes::Bytes::from(batch).into())), Some(sent(3)));
        for length in 0..57 {
            assert_eq!(Sent::of(Some(&bytes::Bytes::from(vec![0; length]).into())), None);
        }
        assert_eq!(Sent::of(None), None);
    }
}
