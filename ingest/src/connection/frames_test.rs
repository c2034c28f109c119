//! Frames: how they are cut, and what a peer can make this node allocate.

use std::future::Future;

use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

use super::*;

fn limits(memory_bytes: usize) -> Limits {
    Limits {
        frame: 100 << 20,
        idle: Duration::from_secs(600),
        stall: Duration::from_secs(30),
        memory: Pool::new(memory_bytes),
        others: Pool::new(memory_bytes),
    }
}

fn frames() -> (DuplexStream, Frames<DuplexStream>) {
    let (ours, theirs) = duplex(16 << 20);
    (ours, Frames::new(theirs, limits(256 << 20)))
}

fn frame(length: usize, fill: u8) -> Vec<u8> {
    let mut frame = i32::try_from(length).unwrap_or(-1).to_be_bytes().to_vec();
    frame.resize(PREFIX + length, fill);
    frame
}

/// A frame that is a Produce by its first bytes.
fn produce(length: usize) -> Vec<u8> {
    frame(length, 0)
}

fn on_a_runtime<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(test)
}

async fn next(frames: &mut Frames<DuplexStream>) -> Bytes {
    frames.next().await.expect("no error").expect("a frame").bytes
}

#[tokio::test(start_paused = true)]
async fn frames_of_all_sizes_in_one_piece() {
    let (mut peer, mut frames) = frames();
    let sizes = [0, 1, 4096, 4097, 16_384, 16_385, 65_535, 65_536, 65_537, 70_000, 70_000, 1_000_000, 3];
    for (size, fill) in sizes.iter().zip(1..) {
        peer.write_all(&frame(*size, fill)).await.expect("room");
    }
    drop(peer);
    for (size, fill) in sizes.iter().zip(1..) {
        assert_eq!(next(&mut frames).await, vec![fill; *size], "{size}");
    }
    assert!(matches!(frames.next().await, Ok(None)));
}

#[tokio::test(start_paused = true)]
async fn frames_of_all_sizes_byte_by_byte() {
    let (mut peer, mut frames) = frames();
    let sizes = [0, 1, 5000, 20_000, 66_000];
    let writing = tokio::spawn(async move {
        for size in sizes {
            for byte in frame(size, 7) {
                peer.write_all(&[byte]).await.expect("room");
                tokio::task::yield_now().await;
            }
        }
        peer
    });
    for size in sizes {
        assert_eq!(next(&mut frames).await, vec![7; size], "{size}");
    }
    drop(writing);
}

/// A request that came while nothing was read, since the one before it was being handled, is not younger than it is.
#[tokio::test(start_paused = true)]
async fn what_waited_to_be_read_is_as_old_as_it_may_be() {
    let (mut peer, mut frames) = frames();
    peer.write_all(&produce(100)).await.expect("room");
    assert_eq!(next(&mut frames).await.len(), 100);
    let handled = Instant::now();
    sleep(Duration::from_secs(1)).await;
    for length in [100, 100_000] {
        peer.write_all(&produce(length)).await.expect("room");
    }
    sleep(Duration::from_secs(6)).await;
    for length in [100, 100_000] {
        let frame = frames.next().await.expect("no error").expect("a frame");
        assert_eq!(frame.bytes.len(), length);
        assert!(
            frame.came >= handled && frame.came.elapsed() >= Duration::from_secs(6),
            "{:?}",
            frame.came.elapsed()
        );
    }
    // One that the connection waited for came when it came.
    let began = Instant::now();
    let (read, ()) = tokio::join!(frames.next(), async {
        sleep(Duration::from_secs(6)).await;
        peer.write_all(&produce(100)).await.expect("room");
    });
    assert_eq!(read.expect("no error").expect("a frame").came - began, Duration::from_secs(6));
}

#[tokio::test(start_paused = true)]
async fn lengths_that_are_none() {
    for length in [-1, i32::MIN, (100 << 20) + 1, i32::MAX] {
        let (mut peer, mut frames) = frames();
        peer.write_all(&length.to_be_bytes()).await.expect("room");
        assert!(matches!(frames.next().await, Err(FrameError::Length { length: l, .. }) if l == length));
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_ends_within_a_frame() {
    for sent in [1, 3, 4, 10, 5000, 70_000] {
        let (mut peer, mut frames) = frames();
        peer.write_all(&frame(80_000, 1)[..sent]).await.expect("room");
        drop(peer);
        assert!(matches!(frames.next().await, Err(FrameError::Truncated)), "{sent}");
    }
}

#[tokio::test(start_paused = true)]
async fn silence_between_frames_and_within_one() {
    let (mut peer, mut frames) = frames();
    assert!(matches!(frames.next().await, Err(FrameError::Idle)));
    for sent in [2, 10, 70_000] {
        peer.write_all(&frame(80_000, 1)[..sent]).await.expect("room");
        let error = frames.next().await.expect_err("a stall");
        assert!(matches!(error, FrameError::Stalled { .. }) && error.is_fault(), "{sent}: {error}");
        (peer, frames) = super::tests::frames();
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_frame_waits_for_memory_and_then_comes_whole() {
    let (mut peer, frames) = frames();
    let mut frames = Frames { limits: limits(100_000), ..frames };
    peer.write_all(&[produce(70_000), produce(70_000), produce(200_000)].concat()).await.expect("room");
    let first = frames.next().await.expect("no error").expect("a frame");
    assert_eq!(frames.limits().memory.available(), 30_000 - OVERHEAD);
    assert!(timeout(Duration::from_secs(3600), frames.next()).await.is_err());
    // Nothing is lost by having waited: a connection is dropped only with its reader.
    drop(first);
    assert_eq!(frames.limits().memory.available(), 100_000);
}

/// A peer that sends a byte now and then keeps memory from others for so long, and no longer.
#[tokio::test(start_paused = true)]
async fn a_frame_that_hardly_moves_is_given_up_once_others_wait() {
    for waits in [false, true] {
        let (mut peer, frames) = frames();
        let mut frames = Frames { limits: limits(100_000), ..frames };
        let memory = frames.limits().memory.clone();
        let trickle = tokio::spawn(async move {
            let whole = produce(90_000);
            peer.write_all(&whole[..TRUSTED + PREFIX]).await.expect("room");
            for byte in &whole[TRUSTED + PREFIX..] {
                tokio::time::sleep(Duration::from_secs(20)).await;
                if peer.write_all(&[*byte]).await.is_err() {
                    return;
                }
            }
        });
        let other = async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            memory.take(50_000).await
        };
        let other = waits.then(|| tokio::spawn(other));
        let read = timeout(Duration::from_secs(600), frames.next()).await;
        match waits {
            true => assert!(matches!(read, Ok(Err(FrameError::Stalled { .. }))), "{read:?}"),
            false => assert!(read.is_err(), "it may take its time"),
        }
        if let Some(other) = other {
            assert!(other.await.expect("no panic").is_some(), "it gets the memory");
        }
        trickle.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn only_records_make_a_frame_very_large() {
    for (key, allowed) in [(0i16, true), (1, false), (8, false), (18, false)] {
        let (mut peer, mut frames) = frames();
        let length = (MOST_WITHOUT_RECORDS + 1) as i32;
        let begin = [&length.to_be_bytes()[..], &key.to_be_bytes(), &[0; TRUSTED]].concat();
        peer.write_all(&begin).await.expect("room");
        let error = frames.next().await.expect_err("no more comes");
        assert_eq!(matches!(error, FrameError::Stalled { .. }), allowed, "{key}: {error}");
        assert_eq!(matches!(error, FrameError::Length { .. }), !allowed, "{key}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_frame_larger_than_all_memory_takes_all_of_it() {
    let (mut peer, frames) = frames();
    let mut frames = Frames { limits: limits(100_000), ..frames };
    peer.write_all(&produce(200_000)).await.expect("room");
    let all = frames.next().await.expect("no error").expect("a frame");
    assert_eq!((all.bytes.len(), frames.limits().memory.available()), (200_000, 0));
    drop(all);
    assert_eq!(frames.limits().memory.available(), 100_000);
}

#[test]
fn a_length_alone_allocates_little() {
    let (mut peer, mut frames) = frames();
    on_a_runtime(async { peer.write_all(&frame(90 << 20, 0)[..PREFIX + 100]).await }).expect("room");
    let measured = allocation_counter::measure(|| {
        let error = on_a_runtime(frames.next()).expect_err("a stall");
        assert!(matches!(error, FrameError::Stalled { .. }));
    });
    assert!(measured.bytes_max < 128 << 10, "{} bytes", measured.bytes_max);
}

#[test]
fn a_frame_allocates_no_more_than_a_few_times_what_came_of_it() {
    let (mut peer, mut frames) = frames();
    on_a_runtime(async { peer.write_all(&frame(90 << 20, 0)[..PREFIX + (1 << 20)]).await }).expect("room");
    let measured = allocation_counter::measure(|| {
        on_a_runtime(frames.next()).expect_err("a stall");
    });
    assert!(measured.bytes_max < 6 << 20, "{} bytes", measured.bytes_max);
}

#[test]
fn a_frame_like_the_one_before_is_read_into_one_buffer() {
    let (mut peer, mut frames) = frames();
    let size = 1 << 20;
    on_a_runtime(async {
        peer.write_all(&frame(size, 1)).await.expect("room");
        next(&mut frames).await;
        peer.write_all(&frame(size, 2)).await.expect("room");
    });
    let measured = allocation_counter::measure(|| {
        on_a_runtime(next(&mut frames));
    });
    assert!(measured.bytes_total < size as u64 + (64 << 10), "{} bytes", measured.bytes_total);
}

#[tokio::test(start_paused = true)]
async fn a_small_frame_does_not_keep_the_read_buffer() {
    let (mut peer, mut frames) = frames();
    peer.write_all(&[frame(100, 1), frame(100, 2)].concat()).await.expect("room");
    let kept = next(&mut frames).await;
    assert!(kept.is_unique());
    assert_eq!(next(&mut frames).await, vec![2; 100]);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_leaves_gives_up_what_waits_for_memory() {
    for length in [100, 100_000] {
        let (mut peer, frames) = frames();
        let mut frames = Frames { limits: limits(200_000), ..frames };
        let memory = frames.limits().memory.clone();
        let all = memory.take(200_000).await;
        let waiting = tokio::spawn(async move {
            match frames.next().await? {
                Some(frame) if frame.permit.is_none() => {
                    frames.admit(frame.bytes.len(), Duration::ZERO).await
                }
                Some(frame) => Ok(frame.permit),
                None => Ok(None),
            }
        });
        peer.write_all(&produce(length)).await.expect("room");
        sleep(Duration::from_secs(60)).await;
        assert_eq!(memory.waiting(), 1);
        drop(peer);
        sleep(Duration::from_secs(1)).await;
        // What a peer in memory has left behind must be read first.
        drop(all);
        assert!(matches!(waiting.await.expect("it ends"), Err(FrameError::Left)), "{length}");
        assert_eq!((memory.available(), memory.waiting()), (200_000, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_stored_does_not_wait_for_what_is() {
    let (mut peer, frames) = frames();
    let mut frames = Frames { limits: limits(200_000), ..frames };
    let _all = frames.limits().memory.take(200_000).await;
    peer.write_all(&frame(100_000, 1)).await.expect("room");
    assert_eq!(next(&mut frames).await.len(), 100_000);
}

#[tokio::test(start_paused = true)]
async fn what_expects_no_answer_waits_a_while_longer() {
    for (wait, is_admitted) in [(10, true), (20, false)] {
        let (peer, frames) = frames();
        let mut frames = Frames { limits: limits(10_000), ..frames };
        let memory = frames.limits().memory.clone();
        let all = memory.take(10_000).await;
        drop(peer);
        let waiting = tokio::spawn(async move { frames.admit(100, Duration::from_secs(15)).await });
        sleep(Duration::from_secs(wait)).await;
        drop(all);
        let admitted = waiting.await.expect("it ends");
        assert_eq!(matches!(admitted, Ok(Some(_))), is_admitted, "{admitted:?}");
    }
}

#[test]
fn a_connection_that_waits_keeps_little() {
    let (mut peer, mut frames) = frames();
    on_a_runtime(async {
        for _ in 0..100 {
            peer.write_all(&frame(4_000, 1)).await.expect("room");
        }
        for _ in 0..100 {
            next(&mut frames).await;
        }
    });
    let measured = allocation_counter::measure(|| {
        assert!(on_a_runtime(async { timeout(Duration::from_secs(1), frames.next()).await }).is_err());
    });
    assert!(measured.bytes_max < 64 << 10, "{} bytes with the runtime", measured.bytes_max);
    assert!(frames.ahead.capacity() <= LARGE_READ);
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_a_request_waits_is_not_lost() {
    let (mut peer, mut frames) = frames();
    peer.write_all(&[frame(10, 1), frame(20, 2)].concat()).await.expect("room");
    assert!(timeout(Duration::from_secs(1), frames.closed()).await.is_err());
    drop(peer);
    assert!(timeout(Duration::from_secs(1), frames.closed()).await.is_ok());
    assert_eq!(next(&mut frames).await, vec![1; 10]);
    assert_eq!(next(&mut frames).await, vec![2; 20]);
    assert!(matches!(frames.next().await, Ok(None)));
}
