//! Open files: the process may have as many as the system lets it, and takes no more connections than they are enough
//! for, so that it never lacks one for the store.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What a node opens besides clients' connections: listeners, the store's files and connections, other nodes, pages.
const OTHERS: u64 = 512;

/// Raises the limit of open files as far as may be; answers how many of these connections it is enough for.
pub(super) fn fit(wanted: usize) -> usize {
    let limit = raise();
    let fitting = connections(wanted, limit);
    if fitting < wanted {
        tracing::warn!(
            limit,
            "only {fitting} client connections are taken instead of {wanted}: raise the limit of open files (ulimit -n, LimitNOFILE), or lower --max-connections"
        );
    }
    fitting
}

/// What macOS takes where the hard limit is none (`OPEN_MAX`, setrlimit(2)).
const OPEN_MAX: u64 = 10_240;

/// Raises the soft limit to the hard one, or as far as it can be; what it is then, if there is one.
fn raise() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let set = |limit| setrlimit(Resource::Nofile, Rlimit { current: limit, maximum });
    for limit in higher(current, maximum) {
        match set(limit) {
            Ok(()) => return limit,
            Err(error) => tracing::debug!(%error, ?limit, "the limit of open files could not be raised"),
        }
    }
    current
}

/// Limits to try, the highest first.
fn higher(current: Option<u64>, maximum: Option<u64>) -> impl Iterator<Item = Option<u64>> {
    let is_higher =
        move |limit: &Option<u64>| current.is_some_and(|now| limit.is_none_or(|limit| limit > now));
    let allowed = maximum.is_none().then_some(Some(OPEN_MAX));
    [maximum].into_iter().chain(allowed).filter(is_higher)
}

/// How many of the connections fit. Of a small limit they get half.
fn connections(wanted: usize, limit: Option<u64>) -> usize {
    let Some(limit) = limit else { return wanted };
    let left = limit - OTHERS.min(limit / 2);
    wanted.min(usize::try_from(left).unwrap_or(usize::MAX)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_only_raised() {
        for (current, maximum, tried) in [
            (Some(256), None, vec![None, Some(OPEN_MAX)]),
            (Some(20_000), None, vec![None]),
            (Some(1024), Some(1 << 20), vec![Some(1 << 20)]),
            (Some(1024), Some(1024), vec![]),
            (None, None, vec![]),
        ] {
            assert!(higher(current, maximum).eq(tried), "{current:?} {maximum:?}");
        }
    }

    #[test]
    fn connections_leave_room_for_the_store() {
        for (wanted, limit, fitting) in [
            (20_000, None, 20_000),
            (20_000, Some(1 << 20), 20_000),
            (20_000, Some(20_512), 20_000),
            (20_000, Some(20_511), 19_999),
            (20_000, Some(1024), 512),
            (20_000, Some(256), 128),
            (100, Some(256), 100),
            (20_000, Some(0), 1),
        ] {
            assert_eq!(connections(wanted, limit), fitting, "{limit:?}");
        }
    }
}
