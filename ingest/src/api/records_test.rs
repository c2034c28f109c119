//! What is found within batches, and what looking for it takes.

use protocol::records::BatchBuilder;

use super::*;

fn batch(compression: Compression, timestamps: &[i64]) -> Bytes {
    let mut builder = BatchBuilder::new().compression(compression);
    for timestamp in timestamps {
        builder.push(*timestamp, None, Some(b"value"), &[]);
    }
    builder.build().unwrap_or_default()
}

fn pool() -> Pool {
    Pool::new(32 << 20)
}

#[tokio::test]
async fn the_first_record_that_is_late_enough() {
    for compression in Compression::ALL {
        let pool = pool();
        let found =
            async |from, least| first_since(&pool, batch(compression, &[10, 30, 20, 40]), from, least).await;
        let at = |offset, timestamp| Ok(Some(Stamped { offset, timestamp }));
        assert_eq!(found(0, 5).await, at(0, 10));
        assert_eq!(found(0, 11).await, at(1, 30));
        assert_eq!(found(2, 11).await, at(2, 20));
        assert_eq!(found(0, 31).await, at(3, 40));
        // The header promised one.
        assert_eq!(found(0, 41).await, at(0, 40));
        // It may have been before.
        assert_eq!(found(2, 41).await, Ok(None));
        assert_eq!(pool.available(), pool.size());
    }
}

#[tokio::test]
async fn the_newest_record_from_an_offset_on() {
    for compression in Compression::ALL {
        let pool = pool();
        let newest = async |from| newest_since(&pool, batch(compression, &[10, 40, 30, 20]), from).await;
        assert_eq!((newest(0).await, newest(1).await), (Ok(Some(40)), Ok(Some(40))));
        assert_eq!((newest(2).await, newest(3).await), (Ok(Some(30)), Ok(Some(20))));
        assert_eq!(newest(4).await, Ok(None));
    }
}

#[tokio::test]
async fn log_append_time_holds_for_every_record() {
    let stamped = Batch::single(batch(Compression::None, &[10, 30])).map(|b| b.with_log_append_time(99));
    let stamped = stamped.map(Batch::into_bytes).unwrap_or_default();
    let pool = pool();
    let first = first_since(&pool, stamped.clone(), 1, 50).await;
    assert_eq!(first, Ok(Some(Stamped { offset: 1, timestamp: 99 })));
    assert_eq!(newest_since(&pool, stamped, 1).await, Ok(Some(99)));
}

#[tokio::test]
async fn a_batch_that_takes_more_than_there_is_answers_with_its_header() {
    let gzip = batch(Compression::Gzip, &[10, 30]);
    let pool = Pool::new(1000);
    assert_eq!(first_since(&pool, gzip.clone(), 0, 20).await, Ok(Some(Stamped { offset: 0, timestamp: 30 })));
    assert_eq!(newest_since(&pool, gzip, 1).await, Ok(Some(30)));
}

#[tokio::test(start_paused = true)]
async fn looking_waits_for_its_memory_and_keeps_no_more_at_a_time_than_there_is() {
    let pool = pool();
    let all = pool.take(pool.size()).await;
    let wait = std::time::Duration::from_secs(60);
    let asked = first_since(&pool, batch(Compression::Gzip, &[10, 30]), 0, 20);
    let mut asked = std::pin::pin!(asked);
    assert!(tokio::time::timeout(wait, &mut asked).await.is_err());
    // What is small and plain needs none.
    let plain = first_since(&pool, batch(Compression::None, &[10, 30]), 0, 20).await;
    assert_eq!(plain, Ok(Some(Stamped { offset: 1, timestamp: 30 })));
    drop(all);
    assert_eq!(asked.await, Ok(Some(Stamped { offset: 1, timestamp: 30 })));
    assert!(turn(&pool, 1) * 2 <= pool.size() && turn(&pool, pool.size()) == pool.size());
}
