//! Fetch sessions (KIP-227): what a client need not say again, and is not answered again.

use std::time::Duration;

use broker::node::BrokerConfig;
use coordinator::config::broker::Statics;
use protocol::messages::delete_records::{DeleteRecordsPartition, DeleteRecordsTopic};
use protocol::messages::fetch::{FetchPartition, FetchTopic, ForgottenTopic};
use protocol::messages::{DeleteRecordsRequest, DeleteTopicsRequest, FetchRequest, FetchResponse};
use protocol::{ErrorCode, Uuid, frame};
use tokio::time::{Instant, sleep};

use crate::client::{Client, batch};
use crate::node::{Node, config};

const BY_NAME: i16 = 12;
const BY_ID: i16 = 17;

/// A client's side of a session.
struct Session {
    version: i16,
    name: &'static str,
    topic_id: Uuid,
    id: i32,
    epoch: i32,
}

impl Session {
    async fn of(client: &mut Client, name: &'static str, version: i16) -> Self {
        Self { version, name, topic_id: client.topic_id(name).await, id: 0, epoch: 0 }
    }

    /// The next request of the session, which wants these partitions from these offsets on.
    fn request(&self, wanted: &[(i32, i64)]) -> FetchRequest {
        let partition = |(partition, fetch_offset): &(i32, i64)| FetchPartition {
            partition: *partition,
            fetch_offset: *fetch_offset,
            partition_max_bytes: 1 << 20,
            ..Default::default()
        };
        let (topic, topic_id) = (self.name.into(), self.topic_id);
        let partitions: Vec<_> = wanted.iter().map(partition).collect();
        let topics = match partitions.is_empty() {
            true => Vec::new(),
            false => vec![FetchTopic { topic, topic_id, partitions }],
        };
        FetchRequest {
            topics,
            max_wait_ms: 0,
            min_bytes: 1,
            session_id: self.id,
            session_epoch: self.epoch,
            ..Default::default()
        }
    }

    fn forgetting(&self, partitions: &[i32]) -> FetchRequest {
        let (topic, topic_id) = (self.name.into(), self.topic_id);
        let forgotten = ForgottenTopic { topic, topic_id, partitions: partitions.to_vec() };
        FetchRequest { forgotten_topics_data: vec![forgotten], ..self.request(&[]) }
    }

    /// Sends a request of the session; all that is answered, of which the next request comes.
    async fn ask(&mut self, client: &mut Client, request: &FetchRequest) -> FetchResponse {
        let response = client.ask(self.version, request).await;
        self.answered(&response);
        response
    }

    fn answered(&mut self, response: &FetchResponse) {
        assert_eq!(response.error_code, 0);
        (self.id, self.epoch) = (response.session_id, self.epoch + 1);
    }

    /// Opens the session; the answer is complete.
    async fn open(&mut self, client: &mut Client, wanted: &[(i32, i64)]) -> FetchResponse {
        let response = self.ask(client, &self.request(wanted)).await;
        assert!(response.session_id > 0);
        assert_eq!(indexes(&response), wanted.iter().map(|(index, _)| *index).collect::<Vec<_>>());
        response
    }

    async fn go_on(&mut self, client: &mut Client, wanted: &[(i32, i64)]) -> FetchResponse {
        let id = self.id;
        let response = self.ask(client, &self.request(wanted)).await;
        assert_eq!(response.session_id, id);
        response
    }
}

/// Its bytes on the wire.
fn length(response: &FetchResponse) -> usize {
    let chunks = frame::encode_response(1, BY_ID, response).expect("a response");
    chunks.iter().map(|chunk| chunk.len()).sum()
}

/// The partitions that are answered, of however many topics.
fn indexes(response: &FetchResponse) -> Vec<i32> {
    response.responses.iter().flat_map(|topic| &topic.partitions).map(|p| p.partition_index).collect()
}

fn codes(response: &FetchResponse) -> Vec<(i32, ErrorCode)> {
    let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
    let code = |code| ErrorCode::from_code(code).expect("a known error");
    partitions.map(|p| (p.partition_index, code(p.error_code))).collect()
}

/// The error of a response that has nothing else.
fn refused(response: &FetchResponse) -> ErrorCode {
    assert_eq!((response.session_id, response.responses.len()), (0, 0));
    ErrorCode::from_code(response.error_code).expect("a known error")
}

#[tokio::test(start_paused = true)]
async fn an_incremental_response_has_only_what_changed() {
    for version in [7, 11, BY_NAME, 13, BY_ID] {
        let node = Node::start().await;
        let mut client = node.with_topic("t", 3).await;
        let mut session = Session::of(&mut client, "t", version).await;
        session.open(&mut client, &[(0, 0), (1, 0), (2, 0)]).await;
        assert_eq!(indexes(&session.go_on(&mut client, &[]).await), [0; 0]);
        client.produce_to(9, "t", 1, batch(&["a"])).await;
        let response = session.go_on(&mut client, &[]).await;
        assert_eq!(indexes(&response), [1], "v{version}");
        let topic = &response.responses[0];
        match version >= 13 {
            true => assert_eq!(topic.topic_id, session.topic_id),
            false => assert_eq!(topic.topic, "t"),
        }
        assert!(!topic.partitions[0].records.is_empty());
        assert_eq!(topic.partitions[0].high_watermark, 1);
        // It comes again as long as the client does not go on.
        assert_eq!(indexes(&session.go_on(&mut client, &[]).await), [1]);
        assert_eq!(indexes(&session.go_on(&mut client, &[(1, 1)]).await), [0; 0]);
        assert_eq!(indexes(&session.go_on(&mut client, &[]).await), [0; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_high_watermark_is_news_where_its_records_do_not_fit() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 2).await;
    let mut session = Session::of(&mut client, "t", BY_ID).await;
    session.open(&mut client, &[(0, 0), (1, 0)]).await;
    for index in [0, 1] {
        client.produce_to(9, "t", index, batch(&["a"])).await;
    }
    let mut request = session.request(&[]);
    request.max_bytes = 1;
    let response = session.ask(&mut client, &request).await;
    assert_eq!(indexes(&response), [0, 1]);
    let partitions = &response.responses[0].partitions;
    assert!(!partitions[0].records.is_empty() && partitions[1].records.is_empty());
    assert_eq!(partitions[1].high_watermark, 1);
}

#[tokio::test(start_paused = true)]
async fn partitions_take_turns() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 3).await;
    for index in 0..3 {
        client.produce_to(9, "t", index, batch(&["a"])).await;
    }
    let mut session = Session::of(&mut client, "t", BY_ID).await;
    let mut request = session.request(&[(0, 0), (1, 0), (2, 0)]);
    request.max_bytes = 1;
    let first = session.ask(&mut client, &request).await;
    assert!(!first.responses[0].partitions[0].records.is_empty());
    let mut turns = Vec::new();
    for _ in 0..6 {
        let mut request = session.request(&[]);
        request.max_bytes = 1;
        let response = session.ask(&mut client, &request).await;
        turns.extend(indexes(&response));
    }
    // The first one had its turn as the session was opened.
    assert_eq!(turns, [1, 2, 0, 1, 2, 0]);
}

#[tokio::test(start_paused = true)]
async fn errors_come_each_time_and_their_end_is_news() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    let mut session = Session::of(&mut client, "t", BY_NAME).await;
    session.name = "u";
    let unknown = ErrorCode::UnknownTopicOrPartition;
    let response = session.ask(&mut client, &session.request(&[(0, 0)])).await;
    assert_eq!(codes(&response), [(0, unknown)]);
    assert_eq!(codes(&session.go_on(&mut client, &[]).await), [(0, unknown)]);
    // It does not wait for anything else.
    let began = Instant::now();
    let request = FetchRequest { max_wait_ms: 60_000, ..session.request(&[]) };
    assert_eq!(codes(&session.ask(&mut client, &request).await), [(0, unknown)]);
    assert!(began.elapsed() < Duration::from_secs(1));
    client.create_topic("u", 1, &[]).await;
    assert_eq!(codes(&session.go_on(&mut client, &[]).await), [(0, ErrorCode::None)]);
    assert_eq!(codes(&session.go_on(&mut client, &[]).await).len(), 0);
    assert_eq!(codes(&session.go_on(&mut client, &[(0, 5)]).await), [(0, ErrorCode::OffsetOutOfRange)]);
    assert_eq!(codes(&session.go_on(&mut client, &[(0, 0)]).await), [(0, ErrorCode::None)]);
    assert_eq!(codes(&session.go_on(&mut client, &[]).await).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn partitions_are_added_and_forgotten() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 3).await;
    let mut session = Session::of(&mut client, "t", BY_ID).await;
    session.open(&mut client, &[(0, 0), (1, 0)]).await;
    assert_eq!(indexes(&session.go_on(&mut client, &[(2, 0)]).await), [2]);
    for index in 0..3 {
        client.produce_to(9, "t", index, batch(&["a"])).await;
    }
    let response = session.ask(&mut client, &session.forgetting(&[1, 7])).await;
    assert_eq!(indexes(&response), [0, 2]);
    // With its last partition the session ends.
    let response = session.ask(&mut client, &session.forgetting(&[0, 2])).await;
    assert_eq!((response.error_code, response.session_id, response.responses.len()), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_its_session() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    let mut session = Session::of(&mut client, "t", BY_ID).await;
    session.open(&mut client, &[(0, 0)]).await;
    let unknown = FetchRequest { session_id: session.id ^ 1, ..session.request(&[]) };
    assert_eq!(refused(&client.ask(BY_ID, &unknown).await), ErrorCode::FetchSessionIdNotFound);
    let none = FetchRequest { session_id: 0, ..session.request(&[]) };
    assert_eq!(refused(&client.ask(BY_ID, &none).await), ErrorCode::FetchSessionIdNotFound);
    for epoch in [2, 7, -2] {
        let other = FetchRequest { session_epoch: epoch, ..session.request(&[]) };
        assert_eq!(refused(&client.ask(BY_ID, &other).await), ErrorCode::InvalidFetchSessionEpoch);
    }
    let by_name = client.ask(BY_NAME, &session.request(&[])).await;
    assert_eq!(refused(&by_name), ErrorCode::FetchSessionTopicIdError);
    // None of these did anything to it.
    let repeated = session.request(&[]);
    session.go_on(&mut client, &[]).await;
    assert_eq!(refused(&client.ask(BY_ID, &repeated).await), ErrorCode::InvalidFetchSessionEpoch);
    session.go_on(&mut client, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn a_full_request_closes_the_session_that_it_names() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    for epoch in [0, -1] {
        let mut session = Session::of(&mut client, "t", BY_ID).await;
        session.open(&mut client, &[(0, 0)]).await;
        let next = session.request(&[]);
        let full = FetchRequest { session_epoch: epoch, ..session.request(&[(0, 0)]) };
        let response = client.ask(BY_ID, &full).await;
        assert_eq!((response.error_code, indexes(&response)), (0, vec![0]));
        assert_eq!(response.session_id > 0, epoch == 0);
        assert_ne!(response.session_id, session.id);
        assert_eq!(refused(&client.ask(BY_ID, &next).await), ErrorCode::FetchSessionIdNotFound);
    }
    // What a consumer says as it leaves.
    let mut session = Session::of(&mut client, "t", BY_ID).await;
    session.open(&mut client, &[(0, 0)]).await;
    let last = FetchRequest { session_epoch: -1, max_wait_ms: 500, ..session.request(&[]) };
    let response = client.ask(BY_ID, &last).await;
    assert_eq!((response.error_code, response.session_id, response.responses.len()), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_session_outlives_its_connection() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    let mut session = Session::of(&mut client, "t", BY_ID).await;
    session.open(&mut client, &[(0, 0)]).await;
    drop(client);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(indexes(&session.go_on(&mut node.connect(), &[]).await), [0; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_for_what_its_session_has() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 2).await;
    let mut session = Session::of(&mut client, "t", BY_ID).await;
    session.open(&mut client, &[(0, 0), (1, 0)]).await;
    let began = Instant::now();
    let request = FetchRequest { max_wait_ms: 500, ..session.request(&[]) };
    assert_eq!(indexes(&session.ask(&mut client, &request).await), [0; 0]);
    assert_eq!(began.elapsed().as_millis() / 10, 50);
    // One partition is idle, the other one's place is said anew.
    for wanted in [&[][..], &[(0, 1)]] {
        let request = FetchRequest { max_wait_ms: 60_000, ..session.request(wanted) };
        let sent = client.send(BY_ID, &request).await;
        sleep(Duration::from_millis(10)).await;
        node.connect().produce_to(9, "t", 0, batch(&["a"])).await;
        let response = client.receive::<FetchRequest>(BY_ID, sent).await;
        session.answered(&response);
        assert_eq!(indexes(&response), [0]);
        assert!(!response.responses[0].partitions[0].records.is_empty());
    }
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn idle_partitions_count_for_min_bytes() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 2).await;
    let mut session = Session::of(&mut client, "t", BY_ID).await;
    session.open(&mut client, &[(0, 0), (1, 0)]).await;
    let records = batch(&["a"]);
    let min_bytes = i32::try_from(2 * records.len()).expect("small");
    let request = FetchRequest { max_wait_ms: 60_000, min_bytes, ..session.request(&[]) };
    let sent = client.send(BY_ID, &request).await;
    let mut producer = node.connect();
    producer.produce_to(9, "t", 0, records.clone()).await;
    assert!(tokio::time::timeout(Duration::from_secs(1), client.receive_raw()).await.is_err());
    producer.produce_to(9, "t", 1, records).await;
    let response = client.receive::<FetchRequest>(BY_ID, sent).await;
    assert_eq!(indexes(&response), [0, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_session_is_busy_while_a_request_of_it_waits() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    let mut session = Session::of(&mut client, "t", BY_ID).await;
    session.open(&mut client, &[(0, 0)]).await;
    let waiting = FetchRequest { max_wait_ms: 60_000, ..session.request(&[]) };
    client.send(BY_ID, &waiting).await;
    sleep(Duration::from_millis(10)).await;
    session.epoch += 1;
    let mut other = node.connect();
    let response = other.ask(BY_ID, &session.request(&[])).await;
    assert_eq!(refused(&response), ErrorCode::InvalidFetchSessionEpoch);
    // Its client leaves, and the session is there for another connection.
    drop(client);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(indexes(&session.go_on(&mut other, &[]).await), [0; 0]);
    other.produce("t", batch(&["a"])).await;
    assert_eq!(indexes(&session.go_on(&mut other, &[]).await), [0]);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_was_closed_meanwhile_answers_what_waits() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    let mut session = Session::of(&mut client, "t", BY_ID).await;
    session.open(&mut client, &[(0, 0)]).await;
    let waiting = FetchRequest { max_wait_ms: 60_000, ..session.request(&[]) };
    let sent = client.send(BY_ID, &waiting).await;
    sleep(Duration::from_millis(10)).await;
    let mut other = node.connect();
    other.ask(BY_ID, &FetchRequest { session_epoch: -1, ..session.request(&[]) }).await;
    other.produce("t", batch(&["a"])).await;
    let response = client.receive::<FetchRequest>(BY_ID, sent).await;
    session.answered(&response);
    assert_eq!(indexes(&response), [0]);
    let response = client.ask(BY_ID, &session.request(&[])).await;
    assert_eq!(refused(&response), ErrorCode::FetchSessionIdNotFound);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_topic_is_news_to_a_session_that_waits_and_to_one_that_does_not() {
    for (version, wait) in [(BY_NAME, 60_000), (BY_ID, 60_000), (BY_NAME, 0), (BY_ID, 0)] {
        let node = Node::start().await;
        let mut client = node.with_topic("t", 1).await;
        let mut session = Session::of(&mut client, "t", version).await;
        session.open(&mut client, &[(0, 0)]).await;
        let delete =
            DeleteTopicsRequest { topic_names: vec!["t".into()], timeout_ms: 1000, ..Default::default() };
        let began = Instant::now();
        let request = FetchRequest { max_wait_ms: wait, ..session.request(&[]) };
        let response = if wait > 0 {
            let sent = client.send(version, &request).await;
            sleep(Duration::from_millis(10)).await;
            node.connect().ask(5, &delete).await;
            client.receive::<FetchRequest>(version, sent).await
        } else {
            client.ask(5, &delete).await;
            client.ask(version, &request).await
        };
        session.answered(&response);
        let unknown =
            if version < 13 { ErrorCode::UnknownTopicOrPartition } else { ErrorCode::UnknownTopicId };
        assert_eq!(codes(&response), [(0, unknown)]);
        assert!(began.elapsed() < Duration::from_secs(1));
        // A name goes on with the next topic that has it, an id never.
        node.connect().create_topic("t", 1, &[]).await;
        let after = if version < 13 { ErrorCode::None } else { ErrorCode::UnknownTopicId };
        assert_eq!(codes(&session.go_on(&mut client, &[]).await), [(0, after)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_log_start_is_news() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 2).await;
    client.produce("t", batch(&["a", "b"])).await;
    let mut session = Session::of(&mut client, "t", BY_ID).await;
    session.open(&mut client, &[(0, 2), (1, 0)]).await;
    let partition = DeleteRecordsPartition { partition_index: 0, offset: 1 };
    let topic = DeleteRecordsTopic { name: "t".into(), partitions: vec![partition] };
    client.ask(2, &DeleteRecordsRequest { topics: vec![topic], timeout_ms: 1000 }).await;
    let response = session.go_on(&mut client, &[]).await;
    assert_eq!((indexes(&response), response.responses[0].partitions[0].log_start_offset), (vec![0], 1));
    assert_eq!(indexes(&session.go_on(&mut client, &[]).await), [0; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_log_that_departs_is_told_each_time() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    client.produce("t", batch(&["a"])).await;
    let mut session = Session::of(&mut client, "t", BY_ID).await;
    session.open(&mut client, &[(0, 1)]).await;
    let mut request = session.request(&[(0, 2)]);
    request.topics[0].partitions[0].last_fetched_epoch = 0;
    for request in [request, FetchRequest { session_epoch: 2, ..session.request(&[]) }] {
        let response = session.ask(&mut client, &request).await;
        assert_eq!(indexes(&response), [0]);
        assert_eq!(response.responses[0].partitions[0].diverging_epoch.end_offset, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_leads_no_more_says_so() {
    let node = Node::start().await;
    let mut client = node.with_topic("t", 1).await;
    let mut session = Session::of(&mut client, "t", BY_ID).await;
    session.open(&mut client, &[(0, 0)]).await;
    let request = FetchRequest { max_wait_ms: 60_000, ..session.request(&[]) };
    let sent = client.send(BY_ID, &request).await;
    sleep(Duration::from_millis(10)).await;
    node.lose_session();
    let response = client.receive::<FetchRequest>(BY_ID, sent).await;
    session.answered(&response);
    assert_eq!(codes(&response), [(0, ErrorCode::NotLeaderOrFollower)]);
    assert_eq!(response.node_endpoints.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn there_are_only_so_many_sessions_and_the_stale_go_first() {
    let settings = [("max.incremental.fetch.session.cache.slots".to_owned(), "2".to_owned())];
    let settings = Statics::read(settings.into()).expect("legal");
    let node = Node::with(BrokerConfig { settings, ..config() }).await;
    let mut client = node.with_topic("t", 1).await;
    let mut sessions = Vec::new();
    for _ in 0..2 {
        let mut session = Session::of(&mut client, "t", BY_ID).await;
        session.open(&mut client, &[(0, 0)]).await;
        sessions.push(session);
    }
    let third = Session::of(&mut client, "t", BY_ID).await;
    let response = client.ask(BY_ID, &third.request(&[(0, 0)])).await;
    assert_eq!((response.error_code, response.session_id, indexes(&response)), (0, 0, vec![0]));
    sleep(Duration::from_secs(90)).await;
    sessions[0].go_on(&mut client, &[]).await;
    sleep(Duration::from_secs(31)).await;
    let response = client.ask(BY_ID, &third.request(&[(0, 0)])).await;
    assert!(response.session_id > 0);
    sessions[0].go_on(&mut client, &[]).await;
    let response = client.ask(BY_ID, &sessions[1].request(&[])).await;
    assert_eq!(refused(&response), ErrorCode::FetchSessionIdNotFound);
}

#[tokio::test(start_paused = true)]
async fn sessions_have_only_so_many_partitions() {
    // One for each KiB of memory for answers.
    let node = Node::with(BrokerConfig { answer_memory: 100 << 10, ..config() }).await;
    let mut client = node.with_topic("t", 1).await;
    let mut session = Session::of(&mut client, "t", BY_NAME).await;
    let partitions = |range: std::ops::Range<i32>| range.map(|index| (index, 0)).collect::<Vec<_>>();
    let large = client.ask(BY_NAME, &session.request(&partitions(0..101))).await;
    assert_eq!((large.session_id, indexes(&large).len()), (0, 101));
    session.open(&mut client, &partitions(0..60)).await;
    assert_eq!(indexes(&session.go_on(&mut client, &partitions(60..100)).await).len(), 99);
    // A session that outgrows the bound is closed: the client begins anew.
    let response = client.ask(BY_NAME, &session.request(&partitions(100..101))).await;
    assert_eq!(refused(&response), ErrorCode::FetchSessionIdNotFound);
    let mut other = Session::of(&mut client, "t", BY_NAME).await;
    other.open(&mut client, &partitions(0..100)).await;
}

/// What a session is for.
#[tokio::test(start_paused = true)]
async fn a_session_of_many_idle_partitions_costs_few_bytes() {
    const MANY: i32 = 10_000;
    let node = Node::start().await;
    let mut client = node.with_topic("t", MANY).await;
    let mut session = Session::of(&mut client, "t", BY_ID).await;
    let all: Vec<_> = (0..MANY).map(|index| (index, 0)).collect();
    let full = session.open(&mut client, &all).await;
    assert!(length(&full) > 300_000, "{}", length(&full));
    let request = FetchRequest { max_wait_ms: 500, ..session.request(&[]) };
    let chunks = frame::encode_request(1, None, BY_ID, &request).expect("a request");
    let asked: usize = chunks.iter().map(|chunk| chunk.len()).sum();
    assert!(asked < 60, "{asked}");
    let response = session.ask(&mut client, &request).await;
    assert!(length(&response) < 30, "{}", length(&response));
}
