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

/// Raises the soft limit to the hard one; what it is then, if there is one.
fn raise() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return current;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(error) => {
            tracing::warn!(%error, "the limit of open files could not be raised");
            current
        }
    }
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
