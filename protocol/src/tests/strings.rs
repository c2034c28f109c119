//! No string is longer than Kafka's may be, wherever it stands and however its length is written.

use bytes::Bytes;

use crate::codec::{DecodeError, EncodeError, Problem, Writer};
use crate::messages::list_groups::ListedGroup;
use crate::messages::offset_commit::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use crate::messages::*;
use crate::{Message, Request, Str, frame};

const LONGEST: usize = 32_767;

/// A compact string of so many bytes.
fn compact(length: usize) -> Bytes {
    let mut writer = Writer::new();
    writer.varint(length as u32 + 1);
    writer.copy(&vec![b'x'; length]);
    writer.finish().expect("it is written").concat().into()
}

/// What becomes of a request whose string, the only one of so many bytes in it, lies between these bytes.
fn read<R: Request>(version: i16, before: &[u8], after: &[u8], length: usize) -> Result<R, DecodeError> {
    let sent = R::decode_sent([before, &compact(length), after].concat().into(), version);
    sent.map(|sent| sent.request)
}

fn refused<R: Request + std::fmt::Debug>(version: i16, before: &[u8], after: &[u8], field: &'static str) {
    let longest = read::<R>(version, before, after, LONGEST);
    assert!(longest.is_ok(), "{field}: {longest:?}");
    for length in [LONGEST + 1, 40_000] {
        let error = read::<R>(version, before, after, length).expect_err("it is too long");
        assert_eq!(error, DecodeError { field, problem: Problem::StringTooLong(length) });
    }
}

#[test]
fn a_compact_string_is_no_longer_than_any_other() {
    // A field, an element of an array, a string that may be null, one in a struct, and one behind a tag.
    refused::<DeleteGroupsRequest>(2, &[2], &[0], "DeleteGroupsRequest.groups_names");
    refused::<ListGroupsRequest>(4, &[2], &[0], "ListGroupsRequest.states_filter");
    refused::<HeartbeatRequest>(4, &[], &[0, 0, 0, 1, 1, 0, 0], "HeartbeatRequest.group_id");
    let before = [&[2, b'g'][..], &[0, 0, 0, 1], &[2, b'm']].concat();
    refused::<HeartbeatRequest>(4, &before, &[0], "HeartbeatRequest.group_instance_id");
    let offset = [&[2][..], &[0; 4], &[0; 8], &[0; 4]].concat();
    let before = [&[2, b'g'][..], &[0; 4], &[1, 0], &[2, 2, b't'], &offset].concat();
    let field = "OffsetCommitRequestPartition.committed_metadata";
    refused::<OffsetCommitRequest>(9, &before, &[0, 0, 0], field);
}

#[test]
fn a_tagged_string_is_no_longer_either() {
    // Fetch 12 ends in topics, forgotten ones and the rack; tag 0 is the cluster's id.
    let request = |length: usize| {
        let mut writer = Writer::new();
        writer.copy(&[0; 4 + 4 + 4 + 1 + 4 + 4]);
        writer.copy(&[1, 1, 1, 1, 0]);
        let value = compact(length);
        writer.varint(value.len() as u32);
        writer.copy(&value);
        let bytes: Vec<u8> = writer.finish().expect("it is written").concat();
        // This version begins with a replica's id.
        FetchRequest::decode([&[0; 4][..], &bytes].concat().into(), 12)
    };
    assert_eq!(request(LONGEST).map(|r| r.cluster_id.map(|id| id.len())), Ok(Some(LONGEST)));
    let error = request(LONGEST + 1).expect_err("it is too long");
    assert_eq!(error.problem, Problem::StringTooLong(LONGEST + 1));
}

#[test]
fn none_is_written_that_could_not_be_read() {
    for version in ListGroupsResponse::VERSIONS {
        let response = |length| {
            let group = ListedGroup { group_id: "x".repeat(length).into(), ..Default::default() };
            let response = ListGroupsResponse { groups: vec![group], ..Default::default() };
            frame::encode_response(1, version, &response).map(drop)
        };
        assert_eq!(response(LONGEST), Ok(()));
        let error = EncodeError::TooLong { length: LONGEST + 1, limit: LONGEST };
        assert_eq!(response(LONGEST + 1), Err(error), "version {version}");
    }
}

#[test]
fn records_and_bytes_may_be_longer() {
    let metadata = Bytes::from(vec![7; 100_000]);
    let protocol = join_group::JoinGroupRequestProtocol { name: "range".into(), metadata };
    let request = JoinGroupRequest { protocols: vec![protocol], ..Default::default() };
    for version in [5, 9] {
        let bytes = super::encode(&request, version);
        assert_eq!(JoinGroupRequest::decode(bytes, version).as_ref(), Ok(&request));
    }
}

#[test]
fn texts_for_humans_are_cut_between_characters() {
    assert_eq!(Str::cut("short".to_owned()), "short");
    assert_eq!(Str::cut("x".repeat(40_000)).len(), LONGEST);
    let cut = Str::cut("ä".repeat(20_000));
    assert_eq!((cut.len(), cut.chars().count()), (LONGEST - 1, LONGEST / 2));
}

#[test]
fn metadata_of_a_commit_is_such_a_string() {
    let partition = OffsetCommitRequestPartition {
        committed_metadata: Some("x".repeat(LONGEST + 1).into()),
        ..Default::default()
    };
    let topic = OffsetCommitRequestTopic { partitions: vec![partition], ..Default::default() };
    let request = OffsetCommitRequest { topics: vec![topic], ..Default::default() };
    for version in [2, 9] {
        let encoded = frame::encode_request(1, None, version, &request).map(drop);
        assert_eq!(encoded, Err(EncodeError::TooLong { length: LONGEST + 1, limit: LONGEST }));
    }
}
