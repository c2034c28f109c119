//! What may happen.

use proptest::prelude::*;

use super::settle::End;
use crate::group::Migration;
use crate::group::consumer::lab::Fate;

/// How many clients there are.
pub(super) const CLIENTS: usize = 6;

#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A client does what it has to do next.
    Act {
        who: usize,
        fate: Fate,
    },
    /// A client does so over and over while time passes.
    Live {
        who: usize,
        rounds: u8,
    },
    /// A heartbeat with an epoch that is so much off, of which its client does not know.
    Astray {
        who: usize,
        by: i32,
    },
    /// A client says that it leaves, for a while or for good, and is silent then.
    Leave {
        who: usize,
        away: bool,
    },
    /// A client loses its memory, and comes back with this protocol.
    Restart {
        who: usize,
        classic: bool,
    },
    /// A client reads something else, one of [`super::client::READS`].
    Reads {
        who: usize,
        what: usize,
    },
    /// A client keeps what it should give back, or no longer does.
    Lazy {
        who: usize,
        lazy: bool,
    },
    /// A client is silent, or no longer is.
    Alive {
        who: usize,
        alive: bool,
    },
    Commit {
        who: usize,
        topic: usize,
        index: i32,
        by: i32,
        fate: Fate,
    },
    Pass {
        seconds: u32,
    },
    Create {
        topic: usize,
        partitions: i32,
    },
    DeleteTopic {
        topic: usize,
    },
    Grow {
        topic: usize,
    },
    DeleteGroup,
    Crash,
    Migration(Migration),
}

/// What happens, and who is left in the end.
pub(super) fn runs() -> impl Strategy<Value = (Vec<Event>, End)> {
    (events(), prop_oneof![2 => Just(End::Both), 1 => Just(End::Classic), 1 => Just(End::Consumer)])
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    use Event::*;
    let who = || 0..CLIENTS;
    let fate = || prop_oneof![12 => Just(Fate::Done), 1 => Just(Fate::WriteLost), 1 => Just(Fate::ReplyLost)];
    let seconds = prop_oneof![4 => 1..4u32, 2 => 4..12u32, 1 => 12..50u32, 1 => 61..70u32];
    let policy = prop_oneof![
        4 => Just(crate::group::Migration::Bidirectional),
        1 => Just(crate::group::Migration::Upgrade),
        1 => Just(crate::group::Migration::Downgrade),
        1 => Just(crate::group::Migration::Disabled),
    ];
    let event = prop_oneof![
        24 => (who(), fate()).prop_map(|(who, fate)| Act { who, fate }),
        10 => (who(), 1..6u8).prop_map(|(who, rounds)| Live { who, rounds }),
        2 => (who(), -3..3i32).prop_map(|(who, by)| Astray { who, by }),
        3 => (who(), any::<bool>()).prop_map(|(who, away)| Leave { who, away }),
        3 => (who(), any::<bool>()).prop_map(|(who, classic)| Restart { who, classic }),
        3 => (who(), 0..6usize).prop_map(|(who, what)| Reads { who, what }),
        2 => (who(), any::<bool>()).prop_map(|(who, lazy)| Lazy { who, lazy }),
        2 => (who(), any::<bool>()).prop_map(|(who, alive)| Alive { who, alive }),
        3 => (who(), 0..4usize, 0..3i32, -2..2i32, fate())
            .prop_map(|(who, topic, index, by, fate)| Commit { who, topic, index, by, fate }),
        8 => seconds.prop_map(|seconds| Pass { seconds }),
        2 => (0..4usize, 1..5i32).prop_map(|(topic, partitions)| Create { topic, partitions }),
        1 => (0..4usize).prop_map(|topic| DeleteTopic { topic }),
        1 => (0..4usize).prop_map(|topic| Grow { topic }),
        1 => Just(DeleteGroup),
        2 => Just(Crash),
        1 => policy.prop_map(Event::Migration),
    ];
    proptest::collection::vec(event, 1..60)
}
