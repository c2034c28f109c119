//! Which leader epoch began at which offset (KIP-101, KIP-320). Only the log start shortens the list.

/// A leader epoch and the first offset written in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochStart {
    /// The leader epoch, as clients see it.
    pub leader_epoch: i32,
    /// The first offset of that epoch.
    pub first_offset: i64,
}

/// The epochs of a partition, ascending in both fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaderEpochs(Vec<EpochStart>);

impl LeaderEpochs {
    /// From stored entries; `None` if they do not ascend.
    pub fn from_entries(entries: Vec<EpochStart>) -> Option<Self> {
        let ascending = entries
            .windows(2)
            .all(|w| w[0].leader_epoch < w[1].leader_epoch && w[0].first_offset <= w[1].first_offset);
        ascending.then_some(Self(entries))
    }

    /// The entries, oldest first.
    pub fn entries(&self) -> &[EpochStart] {
        &self.0
    }

    /// Notes that `first_offset` was written in `leader_epoch`, if that epoch is new. One before it all of whose
    /// records were trimmed gives way.
    pub fn note(&mut self, leader_epoch: i32, first_offset: i64) {
        if self.0.last().is_none_or(|last| last.leader_epoch < leader_epoch) {
            while self.0.pop_if(|last| last.first_offset >= first_offset).is_some() {}
            self.0.push(EpochStart { leader_epoch, first_offset });
        }
    }

    /// The epoch in which the record at `offset` was written; `None` for one below the log start, and where nothing
    /// is known.
    pub fn at(&self, offset: i64) -> Option<i32> {
        let begun = self.0.partition_point(|e| e.first_offset <= offset);
        begun.checked_sub(1).map(|at| self.0[at].leader_epoch)
    }

    /// The log begins at `log_start` from now on: epochs that ended before are forgotten, and the one that holds
    /// it begins there, as in Kafka's `LeaderEpochFileCache.truncateFromStart`.
    pub fn trim(&mut self, log_start: i64) {
        let begun = self.0.partition_point(|e| e.first_offset <= log_start);
        if let Some(holder) = begun.checked_sub(1) {
            self.0[holder].first_offset = log_start;
            self.0.drain(..holder);
        }
    }

    /// The answer to OffsetForLeaderEpoch, as Kafka's `LeaderEpochFileCache.endOffsetFor` gives it: the
    /// largest epoch not above `requested`, and the offset where the next epoch begins. `current` is the
    /// leader's own epoch, whose end is `log_end`. `None` where nothing is known of so old an epoch.
    pub fn end_offset(&self, requested: i32, current: i32, log_end: i64) -> Option<(i32, i64)> {
        if requested == current {
            return Some((current, log_end));
        }
        let newer = self.0.partition_point(|e| e.leader_epoch <= requested);
        match (newer.checked_sub(1).map(|i| self.0[i]), self.0.get(newer)) {
            (_, None) if requested > current => None,
            (Some(found), Some(next)) => Some((found.leader_epoch, next.first_offset)),
            (Some(found), None) => Some((found.leader_epoch, log_end)),
            (None, Some(next)) => Some((requested, next.first_offset)),
            (None, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_offset_has_the_epoch_that_wrote_it() {
        let mut epochs = LeaderEpochs::default();
        assert_eq!(epochs.at(0), None);
        epochs.note(2, 0);
        epochs.note(5, 40);
        assert_eq!([0, 39, 40, 90].map(|offset| epochs.at(offset)), [Some(2), Some(2), Some(5), Some(5)]);
        epochs.trim(20);
        assert_eq!([19, 20, 39, 40].map(|offset| epochs.at(offset)), [None, Some(2), Some(2), Some(5)]);
    }

    #[test]
    fn the_end_of_an_epoch_is_the_start_of_the_next() {
        let mut epochs = LeaderEpochs::default();
        epochs.note(2, 10);
        epochs.note(2, 15);
        epochs.note(5, 40);
        assert_eq!(epochs.end_offset(1, 7, 90), Some((1, 10)));
        assert_eq!(epochs.end_offset(2, 7, 90), Some((2, 40)));
        assert_eq!(epochs.end_offset(4, 7, 90), Some((2, 40)));
        assert_eq!(epochs.end_offset(5, 7, 90), Some((5, 90)));
        assert_eq!(epochs.end_offset(7, 7, 90), Some((7, 90)));
        assert_eq!(epochs.end_offset(8, 7, 90), None);
        assert_eq!(LeaderEpochs::default().end_offset(3, 7, 0), None);
    }
}
