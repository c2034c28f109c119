use std::sync::Arc;

use tokio::time::timeout;

use super::*;

const MS: Duration = Duration::from_millis(1);

fn groups(shard: u32) -> Timed {
    Timed::Groups(ShardId(shard))
}

#[tokio::test(start_paused = true)]
async fn what_is_due_comes_in_order_and_once() {
    let due = Due::new();
    let (mut one, mut two) = (Noted::default(), Noted::default());
    due.note(&mut one, groups(1), Some(MS * 30));
    due.note(&mut two, groups(2), Some(MS * 20));
    // Later than noted: looked at when it was noted for.
    due.note(&mut two, groups(2), Some(MS * 90));
    assert_eq!((due.next().await, due.now()), (groups(2), MS * 20));
    two.clear();
    due.note(&mut two, groups(2), Some(MS * 90));
    // Earlier than noted: in the place of that.
    due.note(&mut two, groups(2), Some(MS * 25));
    assert_eq!((due.next().await, due.now()), (groups(2), MS * 25));
    assert_eq!((due.next().await, due.now()), (groups(1), MS * 30));
    assert!(due.times.lock().is_empty());
    due.look(groups(3));
    assert_eq!((due.next().await, due.now()), (groups(3), MS * 30));
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_learns_of_what_is_due_earlier() {
    let shares = Timed::Shares(ShardId(1));
    for (first, looks) in [(None, false), (None, true), (Some(MS * 1000), false), (Some(MS * 1000), true)] {
        let due = Arc::new(Due::new());
        due.note(&mut Noted::default(), groups(1), first);
        let waiting = tokio::spawn({
            let due = Arc::clone(&due);
            async move { [(due.next().await, due.now()), (due.next().await, due.now())] }
        });
        tokio::time::sleep(MS * 5).await;
        if looks {
            due.look(shares);
        } else {
            due.note(&mut Noted::default(), shares, Some(MS * 5));
        }
        // It is not the first that is noted, and the one that waits has not gone on yet.
        due.note(&mut Noted::default(), groups(2), Some(MS * 10));
        let waited = timeout(MS * 100, waiting).await.expect("it wakes").expect("no panic");
        assert_eq!(waited, [(shares, MS * 5), (groups(2), MS * 10)]);
    }
}
