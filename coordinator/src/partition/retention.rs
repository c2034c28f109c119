//! Which records are too old, or too many (`retention.ms`, `retention.bytes`). Nothing is dropped in part: the
//! log is looked at in pieces, oldest first, as Kafka looks at its segments.

/// What a topic wants kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// `retention.ms`: records are kept for so long; for ever below 0.
    pub ms: i64,
    /// `retention.bytes`: so many bytes are kept; any number below 0.
    pub bytes: i64,
}

impl Retention {
    /// Everything is kept.
    pub const FOREVER: Self = Self { ms: -1, bytes: -1 };
}

/// Successive records that are dropped together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The offset after the last record.
    pub end_offset: i64,
    /// Its size in bytes.
    pub bytes: u64,
    /// The largest timestamp in it (ms since 1970); if it has none, when it was written. `None`: not known, so
    /// that it never is too old.
    pub newest: Option<i64>,
}

/// Where the log must begin so that no more is kept than `retention` says, at `now` (ms since 1970); `None` if
/// nothing must go. A piece is too old once its newest record is; it is one too many if as many bytes as are to be
/// kept are left without it.
pub fn breached(pieces: &[Piece], retention: Retention, now: i64) -> Option<i64> {
    let is_old = |piece: &Piece| piece.newest.is_some_and(|newest| now.saturating_sub(newest) > retention.ms);
    let old = if retention.ms < 0 { 0 } else { pieces.iter().take_while(|p| is_old(p)).count() };
    let mut gone = old;
    if let Ok(most) = u64::try_from(retention.bytes) {
        let mut left: u64 = pieces[old..].iter().map(|piece| piece.bytes).sum();
        for piece in &pieces[old..] {
            match left.checked_sub(piece.bytes) {
                Some(rest) if rest >= most => left = rest,
                _ => break,
            }
            gone += 1;
        }
    }
    gone.checked_sub(1).map(|last| pieces[last].end_offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces of ten bytes and ten records; their newest records have these timestamps.
    fn pieces(newest: &[i64]) -> Vec<Piece> {
        let piece = |(end, newest): (i64, &i64)| Piece { end_offset: end, bytes: 10, newest: Some(*newest) };
        (1..).map(|n| n * 10).zip(newest).map(piece).collect()
    }

    fn by_age(newest: &[i64], ms: i64, now: i64) -> Option<i64> {
        breached(&pieces(newest), Retention { ms, bytes: -1 }, now)
    }

    fn by_size(count: usize, bytes: i64) -> Option<i64> {
        breached(&pieces(&vec![0; count]), Retention { ms: -1, bytes }, i64::MAX)
    }

    #[test]
    fn what_is_older_than_wanted_goes() {
        assert_eq!(by_age(&[100, 200, 300], 50, 150), None, "50 ms old is not older than 50 ms");
        assert_eq!(by_age(&[100, 200, 300], 50, 151), Some(10));
        assert_eq!(by_age(&[100, 200, 300], 0, 301), Some(30), "the last piece, too");
        assert_eq!(by_age(&[100, 200, 300], -1, i64::MAX), None);
        assert_eq!(by_age(&[], 0, i64::MAX), None);
    }

    #[test]
    fn a_young_piece_keeps_the_older_ones_behind_it() {
        assert_eq!(by_age(&[100, 900, 100], 50, 500), Some(10));
        assert_eq!(by_age(&[900, 100, 100], 50, 500), None);
        let mut unknown = pieces(&[100, 100, 100]);
        unknown[1].newest = None;
        assert_eq!(breached(&unknown, Retention { ms: 1, bytes: -1 }, i64::MAX), Some(10));
    }

    #[test]
    fn as_many_bytes_as_wanted_are_left() {
        assert_eq!(by_size(3, 30), None);
        assert_eq!(by_size(3, 21), None, "20 bytes would be too few");
        assert_eq!(by_size(3, 20), Some(10));
        assert_eq!(by_size(3, 1), Some(20));
        assert_eq!(by_size(3, 0), Some(30));
        assert_eq!(by_size(3, -1), None);
        assert_eq!(by_size(0, 0), None);
    }

    #[test]
    fn age_goes_first_and_size_counts_what_that_leaves() {
        let all = pieces(&[100, 100, 900, 900]);
        let kept = |bytes| breached(&all, Retention { ms: 50, bytes }, 900);
        assert_eq!((kept(-1), kept(20), kept(15), kept(10)), (Some(20), Some(20), Some(20), Some(30)));
    }
}
