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
    due.look_again(groups(3), MS * 10);
    assert_eq!((due.next().await, due.now()), (groups(3), MS * 40));
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_learns_of_what_is_due_earlier() {
    let due = std::sync::Arc::new(Due::new());
    let mut noted = Noted::default();
    due.note(&mut noted, groups(1), Some(MS * 1000));
    let waiting = tokio::spawn({
        let due = std::sync::Arc::clone(&due);
        async move { (due.next().await, due.now()) }
    });
    tokio::time::sleep(MS * 5).await;
    due.note(&mut Noted::default(), Timed::Shares(ShardId(1)), Some(MS * 10));
    assert_eq!(waiting.await.expect("no panic"), (Timed::Shares(ShardId(1)), MS * 10));
}
