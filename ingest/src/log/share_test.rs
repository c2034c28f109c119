use coordinator::group::MemberId;
use coordinator::share::{Acquire, AcquireMode, Acquired};
use coordinator::{PartitionId, TopicId};

use super::*;

const SHARD: ShardId = ShardId(0);
const NOW: Duration = Duration::from_secs(1);

fn ask(state: &mut State, now: Duration, request: Request) -> Option<Reply> {
    let partition = PartitionId { topic: TopicId([1; 16]), index: 0 };
    let id = SharePartitionId { group: "g".into(), partition };
    let mut effects = Vec::new();
    let serving = state.serving(SHARD).ok()?;
    serving.request((now, 0), &Settings::default(), (&id, 0), request, &mut effects);
    effects.into_iter().find_map(|effect| match effect {
        Effect::Reply { reply, .. } => Some(reply),
        _ => None,
    })
}

fn acquire(member: &str) -> Request {
    Request::Acquire(Acquire {
        member: MemberId::from(member),
        mode: AcquireMode::BatchOptimized,
        max_records: 100,
        batch_size: 100,
        fetch_offset: 0,
        batches: vec![(0, 9)],
    })
}

/// A move that is given up takes no records out of anybody's hands: the leader is the same, in the same epoch.
#[test]
fn what_is_in_hand_still_is_if_a_shard_does_not_go() {
    let mut state = State::default();
    state.insert(SHARD, Shares::default());
    assert_eq!(ask(&mut state, NOW, Request::Begin(0)), Some(Reply::Done(Ok(()))));
    let ten = |deliveries| Some(Reply::Acquired(vec![Acquired { first: 0, last: 9, deliveries }]));
    assert_eq!(ask(&mut state, NOW, acquire("a")), ten(1));
    let due = state.first_due().expect("a lock expires");
    state.freeze(SHARD);
    assert_eq!((ask(&mut state, NOW, acquire("b")), state.first_due()), (None, None));
    assert_eq!(state.durable_of(SHARD).len(), 1);
    state.thaw();
    assert_eq!(ask(&mut state, NOW, acquire("b")), Some(Reply::Acquired(vec![])), "they are another's");
    assert_eq!(state.first_due(), Some(due), "the lock still expires");
    assert_eq!(ask(&mut state, NOW, Request::Release(MemberId::from("a"))), Some(Reply::Done(Ok(()))));
    assert_eq!(ask(&mut state, NOW, acquire("b")), ten(2));
}

/// Another group's deletions are no matter; what is counted goes with the last question.
#[test]
fn deletions_are_counted_by_group_while_its_coordinator_is_asked() {
    let mut state = State::default();
    let (one, two) = (GroupId::from("one"), GroupId::from("two"));
    state.deleted(&one);
    assert!(state.asks.is_empty(), "nothing is asked");
    let (first, other) = (state.ask(&one), state.ask(&two));
    state.deleted(&one);
    assert!(state.is_void(&one, first) && !state.is_void(&two, other));
    let second = state.ask(&one);
    assert!(state.is_void(&one, first) && !state.is_void(&one, second));
    state.asked(&one);
    assert!(!state.is_void(&one, second), "one of two has ended");
    state.insert(SHARD, Shares::default());
    assert!(state.is_void(&one, second) && state.is_void(&two, other), "deleted elsewhere, perhaps");
    state.asked(&one);
    state.asked(&two);
    assert!(state.asks.is_empty());
}
