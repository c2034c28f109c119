use std::time::Duration;

use coordinator::group::MemberId;
use coordinator::share::{Acquire, AcquireMode, Acquired};
use coordinator::{PartitionId, TopicId};

use super::*;

const SHARD: ShardId = ShardId(0);
const NOW: Duration = Duration::from_secs(1);

fn ask(shares: &Shares, now: Duration, request: Request) -> Option<Reply> {
    let partition = PartitionId { topic: TopicId([1; 16]), index: 0 };
    let id = SharePartitionId { group: "g".into(), partition };
    let mut effects = Vec::new();
    let asked = shares.with(SHARD, |_, state| {
        state.parts.request((now, 0), &Settings::default(), (&id, 0), request, &mut effects);
        Ok(())
    });
    asked.ok()?;
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
    let shares = Shares::default();
    shares.serve(SHARD, Arc::default());
    let first_due = || shares.with(SHARD, |_, state| Ok(state.parts.next_tick())).ok().flatten();
    assert_eq!(ask(&shares, NOW, Request::Begin(0)), Some(Reply::Done(Ok(()))));
    let ten = |deliveries| Some(Reply::Acquired(vec![Acquired { first: 0, last: 9, deliveries }]));
    assert_eq!(ask(&shares, NOW, acquire("a")), ten(1));
    let due = first_due().expect("a lock expires");
    let serving = shares.of(SHARD).expect("it is served");
    shares.freeze(SHARD, &serving, &serving.lock());
    assert_eq!((ask(&shares, NOW, acquire("b")), first_due()), (None, None));
    assert_eq!(shares.frozen(SHARD).map(|frozen| frozen.len()), Some(1));
    assert_eq!(shares.thaw(), [SHARD]);
    assert_eq!(ask(&shares, NOW, acquire("b")), Some(Reply::Acquired(vec![])), "they are another's");
    assert_eq!(first_due(), Some(due), "the lock still expires");
    assert_eq!(ask(&shares, NOW, Request::Release(MemberId::from("a"))), Some(Reply::Done(Ok(()))));
    assert_eq!(ask(&shares, NOW, acquire("b")), ten(2));
}

/// Another group's deletions are no matter; what is counted goes with the last question.
#[test]
fn deletions_are_counted_by_group_while_its_coordinator_is_asked() {
    let shares = Shares::default();
    let (one, two) = (GroupId::from("one"), GroupId::from("two"));
    shares.deleted(&one);
    assert!(shares.asks.lock().is_empty(), "nothing is asked");
    let (first, other) = (shares.ask(&one), shares.ask(&two));
    shares.deleted(&one);
    assert!(shares.is_void(&one, first) && !shares.is_void(&two, other));
    let second = shares.ask(&one);
    assert!(shares.is_void(&one, first) && !shares.is_void(&one, second));
    shares.asked(&one);
    assert!(!shares.is_void(&one, second), "one of two has ended");
    shares.serve(SHARD, Arc::default());
    assert!(shares.is_void(&one, second) && shares.is_void(&two, other), "deleted elsewhere, perhaps");
    shares.asked(&one);
    shares.asked(&two);
    assert!(shares.asks.lock().is_empty());
}
