//! What we write we read, in every version; what is cut short or too long we refuse.

use bytes::{BufMut, Bytes, BytesMut};

use super::{Sample, Source, each_message, encode};
use crate::codec::Problem;
use crate::messages::*;
use crate::{ApiKey, DecodeError, EncodeError, Message, Records, Request, Str, frame};

fn check<M: Message + Sample + std::fmt::Debug + PartialEq>() {
    for version in M::VERSIONS {
        let flexible = M::version(version).expect("it is in range").flexible;
        assert_eq!(flexible, M::KEY.is_flexible(version), "the header and the body agree");
        for seed in 0..100 {
            let message = M::sample(&mut Source::new(seed));
            let place = format!("version {version}, seed {seed}: {message:?}");
            let bytes = encode(&message, version);
            // The first pass drops what the version lacks, after that nothing changes.
            let read = M::decode(bytes.clone(), version).unwrap_or_else(|e| panic!("{e} in {place}"));
            assert_eq!(encode(&read, version), bytes, "{place}");
            assert_eq!(M::decode(bytes.clone(), version).as_ref(), Ok(&read), "{place}");
            if seed >= 10 {
                continue;
            }
            for length in 0..bytes.len() {
                let cut = M::decode(bytes.slice(..length), version);
                assert!(cut.is_err(), "{length} of {} bytes: {place}", bytes.len());
            }
            let longer = [&bytes[..], b"?"].concat().into();
            let trailing = Err(DecodeError { field: "", problem: Problem::TrailingBytes(1) });
            assert_eq!(M::decode(longer, version), trailing, "{place}");
        }
    }
    for version in [M::VERSIONS.start() - 1, M::VERSIONS.end() + 1, i16::MIN, i16::MAX] {
        let problem = Problem::UnsupportedVersion { api: M::KEY, version };
        assert_eq!(M::decode(Bytes::new(), version), Err(problem.into()));
        let error = EncodeError::UnsupportedVersion { api: M::KEY, version };
        assert_eq!(frame::encode_response(1, version, &M::default()), Err(error));
    }
}

macro_rules! tests {
    ($($name:ident: $message:ident,)*) => {$(
        #[test]
        fn $name() {
            check::<$message>();
        }
    )*};
}

each_message!(tests);

#[test]
fn peers() {
    check::<PeerControlRequest>();
    check::<PeerControlResponse>();
    check::<PeerPingRequest>();
    check::<PeerPingResponse>();
    check::<PeerShareGrantRequest>();
    check::<PeerShareGrantResponse>();
    check::<PeerSharesRequest>();
    check::<PeerSharesResponse>();
    check::<PeerStatusRequest>();
    check::<PeerStatusResponse>();
    check::<PeerWitnessRequest>();
    check::<PeerWitnessResponse>();
}

/// The bytes after the length, which is checked.
fn unframe(chunks: &[Bytes]) -> Bytes {
    let mut bytes = Bytes::from(chunks.concat());
    let length = bytes.split_to(4);
    assert_eq!(length[..], (bytes.len() as u32).to_be_bytes());
    bytes
}

fn ask<R>(version: i16, request: &R, response: &R::Response)
where
    R: Request + std::fmt::Debug + PartialEq,
    R::Response: std::fmt::Debug + PartialEq,
{
    let chunks = frame::encode_request(7, Some("client"), version, request).expect("it is encoded");
    let (header, body) = frame::decode_request_header(unframe(&chunks)).expect("the header is right");
    assert_eq!(header.request_api_key, R::KEY);
    assert_eq!(header.request_api_version, version);
    assert_eq!(header.correlation_id, 7);
    assert_eq!(header.client_id, Some(Str::from("client")));
    assert_eq!(R::decode(body, version).as_ref(), Ok(request));

    let chunks = frame::encode_response(7, version, response).expect("it is encoded");
    let (header, read) =
        frame::decode_response::<R>(unframe(&chunks), version).expect("the response is right");
    assert_eq!((header.correlation_id, &read), (7, response));
}

#[test]
fn frames() {
    for version in 0..=4 {
        ask(version, &ApiVersionsRequest::default(), &ApiVersionsResponse::default());
    }
    for version in 0..=13 {
        let request = MetadataRequest { topics: Some(Vec::new()), ..Default::default() };
        ask(version, &request, &MetadataResponse::default());
    }
    ask(0, &PeerPingRequest::default(), &PeerPingResponse { cluster_id: "c".into(), ..Default::default() });
    ask(0, &PeerSharesRequest::default(), &PeerSharesResponse { error_code: 42, ..Default::default() });
    let granted = PeerShareGrantResponse { error_code: 16, ..Default::default() };
    ask(0, &PeerShareGrantRequest { member_id: Some("m".into()), ..Default::default() }, &granted);
    ask(0, &PeerWitnessRequest::default(), &PeerWitnessResponse { reached: true, ..Default::default() });
    ask(0, &PeerStatusRequest::default(), &PeerStatusResponse { version: "1".into(), ..Default::default() });
    ask(0, &PeerControlRequest::default(), &PeerControlResponse { error_code: 102, ..Default::default() });
}

#[test]
fn client_ids() {
    for client_id in [None, Some(""), Some("é")] {
        let chunks =
            frame::encode_request(1, client_id, 9, &MetadataRequest::default()).expect("it is encoded");
        let (header, _) = frame::decode_request_header(unframe(&chunks)).expect("the header is right");
        assert_eq!(header.client_id.as_deref(), client_id);
    }
}

#[test]
fn headers_from_strangers() {
    let header = |key: i16, version: i16| {
        let mut bytes = BytesMut::new();
        bytes.put_i16(key);
        bytes.put_i16(version);
        bytes.put_i32(5);
        bytes.put_i16(-1);
        bytes.put_u8(0);
        bytes.freeze()
    };
    let unknown = frame::decode_request_header(header(12345, 0));
    assert_eq!(unknown, Err(Problem::UnknownApiKey(12345).into()));
    // A version from the future has a header all the same, so that ApiVersions can be answered.
    let (header, body) = frame::decode_request_header(header(18, 99)).expect("the header is right");
    assert_eq!((header.request_api_key, header.request_api_version), (ApiKey::ApiVersions, 99));
    assert!(body.is_empty());
}

#[test]
fn errors_name_the_field() {
    let body = encode(&ProduceRequest { topic_data: vec![Default::default()], ..Default::default() }, 9);
    let error = ProduceRequest::decode(body.slice(..body.len() - 3), 9).expect_err("it is cut");
    assert_eq!(error.field, "TopicProduceData.partition_data");
    assert_eq!(error.to_string(), "TopicProduceData.partition_data: 1 bytes needed, 0 left");
    let error = ProduceRequest::decode(body.slice(..body.len() - 2), 9).expect_err("it is cut");
    assert_eq!(error.field, "TopicProduceData", "its tags are cut");
}

#[test]
fn what_does_not_fit_is_an_error() {
    let long = Str::from("x".repeat(40_000));
    let request = DescribeClusterResponse { cluster_id: long.clone(), ..Default::default() };
    let error = EncodeError::TooLong { length: 40_000, limit: 32_767 };
    assert_eq!(frame::encode_response(1, 2, &request), Err(error.clone()), "not in compact form either");
    let request = MetadataResponse { cluster_id: Some(long), ..Default::default() };
    assert_eq!(frame::encode_response(1, 2, &request), Err(error));
}

#[test]
fn null_where_there_is_none() {
    use crate::messages::metadata::MetadataResponseTopic;
    let topics = vec![MetadataResponseTopic { name: None, ..Default::default() }];
    let response = MetadataResponse { topics, ..Default::default() };
    let read = |version| MetadataResponse::decode(encode(&response, version), version).expect("it is right");
    assert_eq!(read(11).topics[0].name.as_deref(), Some(""));
    assert_eq!(read(12).topics[0].name, None);
    // All topics: null, or in version 0 an empty array.
    let request = MetadataRequest::default();
    let read = |version| MetadataRequest::decode(encode(&request, version), version).expect("it is right");
    assert_eq!(read(0).topics, Some(Vec::new()));
    assert_eq!(read(1).topics, None);
}

#[test]
fn fetched_records_are_never_null_and_may_be_read_as_null() {
    use crate::messages::fetch::{FetchableTopicResponse, PartitionData};
    let partitions = vec![PartitionData { records: Records::new(), ..Default::default() }];
    let responses = vec![FetchableTopicResponse { partitions, ..Default::default() }];
    let response = FetchResponse { responses, ..Default::default() };
    let bytes = encode(&response, 4);
    assert_eq!(bytes[bytes.len() - 4..], [0; 4]);
    let null = [&bytes[..bytes.len() - 4], &[0xff; 4]].concat().into();
    assert_eq!(FetchResponse::decode(null, 4), Ok(response));
}

#[test]
fn a_struct_may_be_null() {
    use crate::messages::consumer_group_heartbeat::Assignment;
    let null = ConsumerGroupHeartbeatResponse::default();
    let empty = ConsumerGroupHeartbeatResponse { assignment: Some(Assignment::default()), ..null.clone() };
    let (null_bytes, empty_bytes) = (encode(&null, 1), encode(&empty, 1));
    let common = null_bytes.len() - 2;
    assert_eq!(null_bytes[common..], [0xff, 0], "the mark, and the message's tags");
    assert_eq!(empty_bytes[common..], [1, 1, 0, 0], "the mark, no topics, tags of both structs");
    // Any mark that is not negative stands for a struct, and any that is for null.
    for (mark, rest, expected) in
        [(0, &[1, 0, 0][..], &empty), (127, &[1, 0, 0], &empty), (0x80, &[0], &null)]
    {
        let bytes = [&null_bytes[..common], &[mark], rest].concat().into();
        assert_eq!(ConsumerGroupHeartbeatResponse::decode(bytes, 1).as_ref(), Ok(expected));
    }
}

#[test]
fn shared_records_are_empty_and_never_null() {
    use crate::messages::share_fetch::{PartitionData, ShareFetchableTopicResponse};
    let partitions = vec![PartitionData::default()];
    let responses = vec![ShareFetchableTopicResponse { partitions, ..Default::default() }];
    let mut bytes = encode(&ShareFetchResponse { responses, ..Default::default() }, 2).to_vec();
    // Records, acquired records and tags; tags of the topic; endpoints; tags of the response.
    let records = bytes.len() - 6;
    assert_eq!(bytes[records..], [1, 1, 0, 0, 1, 0]);
    bytes[records] = 0;
    let error = ShareFetchResponse::decode(bytes.into(), 2).expect_err("it is null");
    assert_eq!((error.field, error.problem), ("PartitionData.records", Problem::UnexpectedNull));
}
