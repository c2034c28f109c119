use protocol::Uuid;
use protocol::messages::fetch::PartitionData;
use tokio::time::sleep;

use super::*;

const TOPIC: Topic = Topic::Id(Uuid::from_bytes([1; 16]));
const ASKED: Asked = Asked { offset: 0, current_leader_epoch: -1, last_fetched_epoch: -1, max_bytes: 100 };

fn sessions(slots: usize, most: usize) -> Arc<Sessions> {
    Sessions::new(slots, most * MEMORY, Metrics::register(&mut Default::default(), []))
}

fn ask(partitions: &mut Partitions, indexes: std::ops::Range<i32>) {
    indexes.for_each(|index| partitions.ask(TOPIC, index, ASKED));
}

/// Opens a session of so many partitions; its id, or 0.
fn open(sessions: &Arc<Sessions>, size: i32) -> i32 {
    let mut next = sessions.open.lock().sessions.last_key_value().map_or(0, |(id, _)| *id);
    let random = || {
        next += 1;
        next
    };
    let lease = sessions.open(usize::try_from(size).expect("a size"), true, random);
    lease.map_or(0, |mut lease| {
        ask(&mut lease.partitions, 0..size);
        lease.id()
    })
}

fn resume(sessions: &Arc<Sessions>, id: i32, epoch: i32) -> Result<usize, SessionReject> {
    sessions.resume(id, epoch, true, |_| {}).map(|lease| lease.map_or(0, |lease| lease.partitions.len()))
}

/// Sessions and partitions, as counted.
fn counted(sessions: &Sessions) -> (usize, usize) {
    let open = sessions.open.lock();
    assert_eq!(open.partitions, open.sessions.values().map(|session| session.size).sum::<usize>());
    (open.sessions.len(), open.partitions)
}

#[tokio::test(start_paused = true)]
async fn the_requests_of_a_session_come_in_order_and_one_at_a_time() {
    let sessions = sessions(9, 100);
    assert_eq!(resume(&sessions, 1, 1), Err(SessionReject::NotFound));
    let id = open(&sessions, 3);
    assert_eq!(resume(&sessions, id, 2), Err(SessionReject::InvalidEpoch));
    assert_eq!(sessions.resume(id, 1, false, |_| {}).err(), Some(SessionReject::TopicIds));
    let lease = sessions.resume(id, 1, true, |_| {}).expect("it is the next").expect("it has partitions");
    assert_eq!(resume(&sessions, id, 2), Err(SessionReject::InvalidEpoch), "it is busy");
    drop(lease);
    assert_eq!(resume(&sessions, id, 1), Err(SessionReject::InvalidEpoch));
    assert_eq!(resume(&sessions, id, 2), Ok(3));
    assert_eq!((next(FIRST), next(i32::MAX)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn ids_are_positive_and_of_one_session() {
    let sessions = sessions(9, 100);
    let mut drawn = [0, i32::MIN, 5, 5, -1, 7].into_iter();
    let mut open = || sessions.open(0, true, || drawn.next().expect("enough")).map_or(0, |lease| lease.id());
    assert_eq!([open(), open(), open()], [5, i32::MAX, 7]);
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_when_it_is_closed_or_empty() {
    let sessions = sessions(9, 100);
    let (first, second) = (open(&sessions, 2), open(&sessions, 3));
    assert_eq!(counted(&sessions), (2, 5));
    let lease = sessions.resume(first, 1, true, |_| {}).expect("it is the next");
    sessions.close(first);
    sessions.close(first);
    drop(lease);
    assert_eq!((counted(&sessions), resume(&sessions, first, 2)), ((1, 3), Err(SessionReject::NotFound)));
    let emptied = sessions.resume(second, 1, true, |partitions| {
        (0..3).for_each(|index| partitions.forget(TOPIC, index));
    });
    assert!(matches!(emptied, Ok(None)));
    assert_eq!(counted(&sessions), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_was_busy_does_not_come_back_into_another_session() {
    let sessions = sessions(9, 100);
    let id = open(&sessions, 2);
    let lease = sessions.resume(id, 1, true, |_| {}).expect("it is the next");
    sessions.close(id);
    assert_eq!(open(&sessions, 5), id);
    drop(lease);
    assert_eq!((resume(&sessions, id, 1), counted(&sessions)), (Ok(5), (1, 5)));
}

#[tokio::test(start_paused = true)]
async fn a_stale_session_makes_room() {
    let sessions = sessions(2, 100);
    let (first, second) = (open(&sessions, 5), open(&sessions, 5));
    sleep(EVICTION).await;
    assert_eq!(open(&sessions, 5), 0, "none has been unused for longer");
    assert_eq!(resume(&sessions, first, 1), Ok(5));
    sleep(Duration::from_millis(1)).await;
    assert!(open(&sessions, 1) > 0);
    assert_eq!(resume(&sessions, second, 1), Err(SessionReject::NotFound));
    assert_eq!((resume(&sessions, first, 2), counted(&sessions)), (Ok(5), (2, 6)));
}

#[tokio::test(start_paused = true)]
async fn a_larger_session_takes_the_place_of_the_smallest_old_one() {
    let sessions = sessions(3, 100);
    let (small, large) = (open(&sessions, 2), open(&sessions, 5));
    for (epoch, seconds) in [(1, 100), (2, 21)] {
        sleep(Duration::from_secs(seconds)).await;
        assert_eq!(resume(&sessions, small, epoch), Ok(2));
        assert_eq!(resume(&sessions, large, epoch), Ok(5));
    }
    let young = open(&sessions, 1);
    assert_eq!(open(&sessions, 2), 0, "it is no larger");
    assert!(open(&sessions, 3) > 0);
    assert_eq!(resume(&sessions, small, 3), Err(SessionReject::NotFound));
    assert_eq!((resume(&sessions, large, 3), resume(&sessions, young, 1)), (Ok(5), Ok(1)));
}

#[tokio::test(start_paused = true)]
async fn all_sessions_have_only_so_many_partitions() {
    let sessions = sessions(9, 100);
    assert_eq!(open(&sessions, 101), 0);
    let (first, second) = (open(&sessions, 50), open(&sessions, 49));
    assert_eq!(open(&sessions, 2), 0);
    sleep(Duration::from_secs(1)).await;
    let grown = |count| sessions.resume(first, 1, true, |partitions| ask(partitions, 49..count)).map(|_| ());
    assert_eq!(grown(52), Err(SessionReject::NotFound));
    assert_eq!(counted(&sessions), (1, 49), "it is closed");
    assert_eq!(open(&sessions, 51), 3);
    // Those that were not used for a while make room, a smaller one that is used does not.
    sleep(Duration::from_secs(119)).await;
    assert_eq!(resume(&sessions, 3, 1), Ok(51));
    sleep(Duration::from_secs(2)).await;
    assert_eq!((open(&sessions, 50), counted(&sessions)), (0, (1, 51)));
    assert_eq!(resume(&sessions, second, 1), Err(SessionReject::NotFound));
    assert!(open(&sessions, 49) > 0);
}

#[tokio::test(start_paused = true)]
async fn no_slots_no_sessions() {
    assert_eq!(open(&sessions(0, 100), 1), 0);
}

#[test]
fn a_client_is_told_what_changed() {
    let mut partitions = Partitions::default();
    let data = |high_watermark, error_code| PartitionData {
        high_watermark,
        error_code,
        log_start_offset: 0,
        ..Default::default()
    };
    assert!(!partitions.tell(TOPIC, &data(0, 0), Default::default()), "it is not of the session");
    ask(&mut partitions, 0..1);
    let mut tell = |data: PartitionData| partitions.tell(TOPIC, &data, Default::default());
    assert_eq!(
        [tell(data(5, 0)), tell(data(5, 0)), tell(data(6, 0)), tell(data(6, 0))],
        [true, false, true, false]
    );
    assert!(tell(PartitionData { log_start_offset: 1, ..data(6, 0) }));
    assert!(!tell(PartitionData { log_start_offset: 1, ..data(6, 0) }));
    // An error each time, and its end.
    assert_eq!(
        [tell(data(6, 1)), tell(data(6, 1)), tell(data(6, 0)), tell(data(6, 0))],
        [true, true, true, false]
    );
    let diverging_epoch = protocol::messages::fetch::EpochEndOffset { epoch: 1, end_offset: 3 };
    let diverged = PartitionData { diverging_epoch, ..data(6, 0) };
    assert_eq!([tell(diverged.clone()), tell(diverged), tell(data(6, 0))], [true, true, false]);
}

#[test]
fn partitions_with_records_come_last_the_next_time() {
    let mut partitions = Partitions::default();
    ask(&mut partitions, 0..3);
    let news = |partitions: &mut Partitions| {
        partitions.begin_round();
        let news: Vec<_> = partitions.news(true).into_iter().map(|news| news.index).collect();
        assert!(partitions.news(true).is_empty(), "they come once in a round");
        news
    };
    assert_eq!(news(&mut partitions), [0, 1, 2]);
    let records = bytes::Bytes::from_static(b"records").into();
    let data = PartitionData { partition_index: 0, records, ..Default::default() };
    assert!(partitions.tell(TOPIC, &data, Default::default()));
    assert_eq!(news(&mut partitions), [1, 2, 0]);
    partitions.forget(TOPIC, 2);
    ask(&mut partitions, 3..4);
    assert_eq!(news(&mut partitions), [1, 0, 3]);
}
