//! ApiVersions, and what is no proper request.

use ingest::connection::serve;
use protocol::messages::{ApiVersionsRequest, ApiVersionsResponse, MetadataRequest};
use protocol::{ApiKey, ErrorCode, frame};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::client::{Client, batch};
use crate::node::{LISTENER, Node};

/// A frame with this header and body.
fn request(key: i16, version: i16, body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    frame.extend(key.to_be_bytes());
    frame.extend(version.to_be_bytes());
    frame.extend(7i32.to_be_bytes());
    frame.extend(4i16.to_be_bytes());
    frame.extend(b"test");
    frame.extend(body);
    let length = i32::try_from(frame.len()).expect("a small frame");
    [&length.to_be_bytes()[..], &frame].concat()
}

fn versions(response: &ApiVersionsResponse) -> Vec<(i16, i16, i16)> {
    response.api_keys.iter().map(|api| (api.api_key, api.min_version, api.max_version)).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_served() {
    let node = Node::start().await;
    let mut client = node.connect();
    let request =
        ApiVersionsRequest { client_software_name: "test".into(), client_software_version: "1.0".into() };
    for version in 0..=4 {
        let response = client.ask(version, &request).await;
        let expected = [
            (0, 0, 13),
            (1, 4, 18),
            (2, 1, 11),
            (3, 0, 13),
            (8, 2, 10),
            (9, 1, 10),
            (10, 0, 6),
            (11, 0, 9),
            (12, 0, 4),
            (13, 0, 5),
            (14, 0, 5),
            (15, 0, 6),
            (16, 0, 5),
            (18, 0, 4),
            (19, 2, 7),
            (20, 1, 6),
            (21, 0, 2),
            (22, 0, 5),
            (23, 2, 4),
            (32, 1, 4),
            (33, 0, 2),
            (34, 1, 2),
            (35, 1, 5),
            (37, 0, 3),
            (38, 1, 3),
            (39, 1, 2),
            (40, 1, 2),
            (41, 1, 3),
            (42, 0, 2),
            (43, 0, 2),
            (44, 0, 1),
            (45, 0, 1),
            (46, 0, 0),
            (47, 0, 0),
            (55, 0, 2),
            (57, 0, 2),
            (60, 0, 2),
            (61, 0, 0),
            (64, 0, 0),
            (68, 0, 1),
            (69, 0, 1),
            (74, 0, 1),
            (75, 0, 0),
            (76, 1, 1),
            (77, 1, 1),
            (78, 1, 2),
            (79, 1, 2),
            (80, 0, 1),
            (81, 0, 0),
            (90, 0, 1),
            (91, 0, 0),
            (92, 0, 0),
        ];
        assert_eq!((response.error_code, versions(&response)), (0, expected.to_vec()), "v{version}");
        let features: Vec<_> = response.finalized_features.iter().map(|f| &*f.name).collect();
        assert_eq!(features, if version < 3 { &[][..] } else { &["group.version", "share.version"] });
        let supported = if version == 4 { 2 } else { 0 };
        assert_eq!(response.supported_features.len(), supported, "from level 0 on");
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_to_old_librdkafka_has_no_tags() {
    let node = Node::start().await;
    let mut client = node.connect();
    let request = ApiVersionsRequest {
        client_software_name: "librdkafka".into(),
        client_software_version: "2.0.2".into(),
    };
    let served = client.ask(0, &request).await.api_keys.len();
    client.send(3, &request).await;
    let frame = client.receive_raw().await.expect("a response");
    // It would lose its place at a tag.
    assert_eq!(frame.last(), Some(&0));
    assert_eq!(frame.len(), 4 + 2 + 1 + served * 7 + 4 + 1);
}

#[tokio::test(start_paused = true)]
async fn bad_software_names() {
    let node = Node::start().await;
    let mut client = node.connect();
    let request =
        ApiVersionsRequest { client_software_name: "-".into(), client_software_version: "1".into() };
    let response = client.ask(3, &request).await;
    assert_eq!(response.error_code, ErrorCode::InvalidRequest.code());
}

#[tokio::test(start_paused = true)]
async fn an_unknown_version_of_api_versions_is_answered_in_version_0() {
    let node = Node::start().await;
    let mut client = node.connect();
    for version in [5, 99] {
        // A tag section, and a body that only the future knows.
        client.send_raw(&request(18, version, &[0, 5, b't', b'e', b's', b't', 1, 2, 3])).await;
        let frame = client.receive_raw().await.expect("a response");
        let (header, response) = frame::decode_response::<ApiVersionsRequest>(frame, 0).expect("version 0");
        assert_eq!((header.correlation_id, response.error_code), (7, ErrorCode::UnsupportedVersion.code()));
        assert_eq!(versions(&response), [(18, 0, 4)]);
    }
    // The connection goes on.
    assert_eq!(client.ask(0, &ApiVersionsRequest::default()).await.error_code, 0);
}

async fn is_refused(node: &Node, bytes: &[u8]) -> bool {
    let mut client: Client = node.connect();
    client.send_raw(bytes).await;
    client.is_closed().await
}

#[tokio::test(start_paused = true)]
async fn everything_else_that_is_not_served_closes_the_connection() {
    let node = Node::start().await;
    for (key, version) in [(0, 2), (0, 14), (1, 3), (3, 14), (24, 0), (4, 0), (9999, 0), (-1, 0), (32000, 1)]
    {
        assert!(is_refused(&node, &request(key, version, &[0; 20])).await, "{key} v{version}");
    }
    assert_eq!(ApiKey::PeerPing.code(), 32000);
}

#[tokio::test(start_paused = true)]
async fn malformed_frames_close_the_connection() {
    let node = Node::start().await;
    let too_long = (8i32 << 20) + 1;
    for length in [-1, i32::MIN, too_long, i32::MAX] {
        assert!(is_refused(&node, &length.to_be_bytes()).await, "{length}");
    }
    // An empty frame, a header cut short, and a body cut short.
    assert!(is_refused(&node, &[0; 4]).await);
    assert!(is_refused(&node, &[0, 0, 0, 3, 0, 3, 0]).await);
    assert!(is_refused(&node, &request(3, 1, &[0, 0])).await);
    // An array that claims more than there is.
    assert!(is_refused(&node, &request(3, 1, &i32::MAX.to_be_bytes())).await);
}

/// Kafka ignores them, and librdkafka 2.16 sends some with Metadata 13.
#[tokio::test(start_paused = true)]
async fn bytes_after_a_request_are_ignored() {
    let node = Node::start().await;
    let mut client: Client = node.connect();
    client.send_raw(&request(3, 1, &[0, 0, 0, 0, 9])).await;
    assert!(!client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn what_came_before_is_answered_first() {
    let node = Node::start().await;
    let mut client = node.connect();
    let correlation_id = client.send(1, &MetadataRequest { topics: None, ..Default::default() }).await;
    client.send_raw(&(-1i32).to_be_bytes()).await;
    client.receive::<MetadataRequest>(1, correlation_id).await;
    assert!(client.is_closed().await);
}

/// Requests of every API with bytes changed, cut and added at random: the connection may end, the node must not.
#[tokio::test(start_paused = true)]
async fn no_bytes_bring_the_node_down() {
    let node = Node::start().await;
    let mut good = node.with_topic("t", 2).await;
    let mut rng = StdRng::seed_from_u64(7);
    let topic = b"\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\0";
    for round in 0..4000 {
        let key = ApiKey::ALL[rng.random_range(0..ApiKey::ALL.len())].code();
        let mut body: Vec<u8> = (0..rng.random_range(0..40)).map(|_| rng.random_range(0..4)).collect();
        body.extend(topic);
        body.extend((0..rng.random_range(0..60)).map(|_| if rng.random() { 0 } else { rng.random::<u8>() }));
        let mut bytes = request(key, rng.random_range(0..18), &body);
        if rng.random_bool(0.1) {
            let at = rng.random_range(0..bytes.len());
            bytes[at] = rng.random();
        }
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let (read, write) = tokio::io::split(theirs);
        let serving =
            serve(read, write, "random".into(), LISTENER.into(), node.service.clone(), node.stop.clone());
        let serving = tokio::spawn(serving);
        let mut client = Client::new(ours);
        client.send_raw(&bytes).await;
        drop(client);
        assert!(serving.await.is_ok(), "round {round}: {bytes:?}");
    }
    assert_eq!(good.produce("t", batch(&["a"])).await.error_code, 0);
}
