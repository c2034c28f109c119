//! The memory of a node, and its parts.

use super::layers::Usage;
use super::settings::Settings;
use super::units::ByteSize;
use super::validate::{bytes, given};

const LEAST: u64 = 64 << 20;
const MOST: u64 = 1 << 44;

/// Shares are of so many parts.
const WHOLE: u64 = 16;

/// How many of them the parts have at most.
const PARTS: u64 = 14;

/// The parts, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Memory {
    pub(super) requests: usize,
    pub(super) answers: usize,
    pub(super) unpacking: usize,
    pub(super) tail: usize,
    pub(super) cache: usize,
}

impl Memory {
    /// What is set, and shares of the whole for what is not. Fails on what does not fit into it.
    pub(super) fn of(settings: &Settings) -> Result<Self, Usage> {
        let memory = bytes("memory", Some(given("memory", settings.memory)?), LEAST, MOST)? as u64;
        let (mut set, mut shares) = (0u64, 0);
        let mut part = |key, of_its_own: Option<ByteSize>, share: u64, least| {
            match of_its_own {
                Some(ByteSize(bytes)) => set = set.saturating_add(bytes),
                None => shares += share,
            }
            bytes(key, Some(of_its_own.unwrap_or(ByteSize(memory / WHOLE * share))), least, MOST)
        };
        let parts = Self {
            requests: part("request-memory", settings.request_memory, 4, 1 << 20)?,
            answers: part("answer-memory", settings.answer_memory, 4, 1 << 20)?,
            unpacking: part("unpack-memory", settings.unpack_memory, 1, 1 << 20)?,
            tail: part("tail-memory", settings.tail_memory, 2, 0)?,
            cache: part("read-cache", settings.read_cache, 1, 0)?,
        };
        if set > memory / WHOLE * (PARTS - shares) {
            let needed = (set / (PARTS - shares) + 1).saturating_mul(WHOLE).next_multiple_of(1 << 20);
            let [set, memory, needed] = [set, memory, needed].map(ByteSize);
            return Err(Usage(format!(
                "the parts that are set are {set} together, which is too much of {memory} beside the others: set memory to \
                 {needed} or more, or less for one of request-memory, answer-memory, unpack-memory, tail-memory and \
                 read-cache"
            )));
        }
        Ok(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::super::layers::merge;
    use super::*;

    fn parts(flags: &[(&str, &str)]) -> Result<[usize; 5], String> {
        let flags = flags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let settings = merge(None, std::iter::empty(), &flags).map_err(|error| error.to_string())?;
        let Memory { requests, answers, unpacking, tail, cache } =
            Memory::of(&settings).map_err(|error| error.to_string())?;
        Ok([requests, answers, unpacking, tail, cache].map(|bytes| bytes >> 20))
    }

    #[test]
    fn parts_are_shares_unless_they_are_set() {
        assert_eq!(parts(&[]), Ok([256, 256, 64, 128, 64]));
        assert_eq!(parts(&[("memory", "512MiB")]), Ok([128, 128, 32, 64, 32]));
        let set = [("memory", "512MiB"), ("tail-memory", "100MiB"), ("read-cache", "0")];
        assert_eq!(parts(&set), Ok([128, 128, 32, 100, 0]));
    }

    #[test]
    fn parts_must_fit() {
        let told = parts(&[("request-memory", "1GiB")]).expect_err("too much");
        assert_eq!(
            told,
            "the parts that are set are 1GiB together, which is too much of 1GiB beside the others: set memory to 2731MiB or \
             more, or less for one of request-memory, answer-memory, unpack-memory, tail-memory and read-cache"
        );
        assert!(parts(&[("request-memory", "1GiB"), ("memory", "2731MiB")]).is_ok());
        assert!(parts(&[("request-memory", "1GiB"), ("memory", "2730MiB")]).is_err());
        let told = parts(&[("memory", "10MiB")]).expect_err("too little");
        assert_eq!(told, "memory is 10MiB: it must be from 64MiB to 16TiB");
    }
}
