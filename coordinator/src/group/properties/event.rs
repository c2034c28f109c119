//! What may happen.

use std::time::Duration;

use proptest::prelude::*;

/// One event. Clients are named by their place in [`super::client::clients`].
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// JoinGroup, with one of [`super::client::LISTS`]. A client that restarts forgets its id.
    Join {
        who: usize,
        restart: bool,
        list: usize,
        patience: usize,
    },
    /// SyncGroup; a leader may leave members out.
    Sync {
        who: usize,
        stale: bool,
        leave_out: bool,
    },
    Heartbeat {
        who: usize,
        stale: bool,
    },
    Leave {
        who: usize,
        by_instance: bool,
    },
    /// OffsetCommit, by a client or by nobody.
    Commit {
        who: usize,
        member: bool,
        stale: bool,
        partition: usize,
        offset: i64,
        retention: bool,
    },
    DeleteOffsets {
        group: usize,
        partition: usize,
    },
    Delete {
        group: usize,
    },
    DeleteTopic {
        topic: u8,
        told: bool,
    },
    /// `group.max.size` is set.
    MaxSize(usize),
    Pass(Duration),
    /// Time passes, and some clients of a group send heartbeats meanwhile.
    Live {
        group: usize,
        clients: u8,
        time: Duration,
    },
    /// Some clients of a group do what makes it Stable, one after the other, as far as they can.
    Settle {
        group: usize,
        clients: u8,
    },
    /// A newcomer joins, and its group is alive but joins only after longer than the newcomer may wait.
    Ignore {
        group: usize,
    },
    /// What the shard asks for is held back from now on: nothing is durable, nobody hears anything.
    Hold,
    /// Some of what is held back is done.
    Deliver(usize),
    /// The owner dies with what was held back.
    Crash,
}

pub(super) fn events() -> impl Strategy<Value = Vec<Event>> {
    use Event::*;
    let (who, some, rarely) = (|| 0..12usize, any::<bool>, || prop::bool::weighted(0.2));
    let pass = prop_oneof![
        2 => Just(1u64),
        2 => Just(1_000),
        4 => Just(3_000),
        3 => Just(5_500),
        2 => Just(11_000),
        1 => Just(61_000),
        1 => Just(305_000),
        1 => Just(25 * 3_600_000),
    ];
    let alive = prop_oneof![8 => Just(10u64), 4 => Just(70), 1 => Just(310)];
    let list = prop_oneof![6 => Just(0usize), 2 => Just(1), 1 => 2..5usize];
    let event = prop_oneof![
        12 => (who(), rarely(), list, 0..3usize)
            .prop_map(|(who, restart, list, patience)| Join { who, restart, list, patience }),
        8 => (who(), rarely(), some()).prop_map(|(who, stale, leave_out)| Sync { who, stale, leave_out }),
        4 => (who(), rarely()).prop_map(|(who, stale)| Heartbeat { who, stale }),
        3 => (who(), some()).prop_map(|(who, by_instance)| Leave { who, by_instance }),
        5 => (who(), some(), rarely(), 0..4usize, 0..100i64, rarely()).prop_map(
            |(who, member, stale, partition, offset, retention)| {
                Commit { who, member, stale, partition, offset, retention }
            }
        ),
        1 => (0..2usize, 0..4usize).prop_map(|(group, partition)| DeleteOffsets { group, partition }),
        1 => (0..2usize).prop_map(|group| Delete { group }),
        1 => (1..3u8, some()).prop_map(|(topic, told)| DeleteTopic { topic, told }),
        1 => prop_oneof![Just(2usize), Just(3), Just(100)].prop_map(MaxSize),
        8 => pass.prop_map(|ms| Pass(Duration::from_millis(ms))),
        4 => (0..2usize, any::<u8>(), alive).prop_map(|(group, clients, time)| {
            Live { group, clients, time: Duration::from_secs(time) }
        }),
        6 => (0..2usize, any::<u8>()).prop_map(|(group, clients)| Settle { group, clients }),
        1 => (0..2usize).prop_map(|group| Ignore { group }),
        2 => Just(Hold),
        3 => (0..6usize).prop_map(Deliver),
        2 => Just(Crash),
    ];
    proptest::collection::vec(event, 0..32)
}
