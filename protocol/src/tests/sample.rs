//! Random messages from a seed.

use bytes::Bytes;

use crate::codec::{Records, Str, Uuid};

/// A seeded source of numbers (SplitMix64).
pub(crate) struct Source {
    state: u64,
}

impl Source {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// A value that can be drawn at random.
pub(crate) trait Sample {
    fn sample(source: &mut Source) -> Self;
}

macro_rules! integers {
    ($($integer:ty)*) => {$(
        impl Sample for $integer {
            fn sample(source: &mut Source) -> Self {
                match source.below(8) {
                    0 => 0,
                    1 => -1,
                    2 => <$integer>::MAX,
                    3 => <$integer>::MIN,
                    4 | 5 => source.below(100) as $integer,
                    _ => source.next() as $integer,
                }
            }
        }
    )*};
}

integers!(i8 i16 i32 i64);

impl Sample for u16 {
    fn sample(source: &mut Source) -> Self {
        i16::sample(source) as u16
    }
}

impl Sample for bool {
    fn sample(source: &mut Source) -> Self {
        source.below(2) == 1
    }
}

impl Sample for Uuid {
    fn sample(source: &mut Source) -> Self {
        match source.below(4) {
            0 => Self::ZERO,
            _ => (u128::from(source.next()) << 64 | u128::from(source.next())).into(),
        }
    }
}

/// Mostly short lengths, now and then one that is shared instead of copied.
fn length(source: &mut Source) -> usize {
    match source.below(20) {
        0 => 0,
        1 => 500 + source.below(1000),
        _ => 1 + source.below(20),
    }
}

impl Sample for Str {
    fn sample(source: &mut Source) -> Self {
        let letters = ['a', 'Z', '0', '.', '_', '-', ' ', 'ß', '名', '🦀'];
        let length = length(source);
        (0..length).map(|_| letters[source.below(letters.len())]).collect::<String>().into()
    }
}

impl Sample for Bytes {
    fn sample(source: &mut Source) -> Self {
        let length = length(source);
        (0..length).map(|_| source.next() as u8).collect()
    }
}

impl Sample for Records {
    fn sample(source: &mut Source) -> Self {
        (0..source.below(4)).map(|_| Bytes::sample(source)).collect()
    }
}

impl<T: Sample> Sample for Option<T> {
    fn sample(source: &mut Source) -> Self {
        (source.below(3) > 0).then(|| T::sample(source))
    }
}

impl<T: Sample> Sample for Vec<T> {
    fn sample(source: &mut Source) -> Self {
        (0..source.below(4)).map(|_| T::sample(source)).collect()
    }
}
