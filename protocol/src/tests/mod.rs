//! Tests over all messages.

mod allocation;
mod arbitrary;
mod differential;
mod field_tree;
mod golden;
mod roundtrip;
mod sample;
mod tags;

pub(crate) use golden::hex;
pub(crate) use sample::{Sample, Source};

/// Calls a macro with every message, and the path of the `kafka-protocol` struct of the same name if it has one.
macro_rules! each_message {
    ($callback:ident) => {
        $callback! {
            api_versions_request: ApiVersionsRequest,
            api_versions_response: ApiVersionsResponse,
            create_topics_request: CreateTopicsRequest,
            create_topics_response: CreateTopicsResponse,
            delete_records_request: DeleteRecordsRequest,
            delete_records_response: DeleteRecordsResponse,
            delete_topics_request: DeleteTopicsRequest,
            delete_topics_response: DeleteTopicsResponse,
            describe_cluster_request: DescribeClusterRequest,
            describe_cluster_response: DescribeClusterResponse,
            describe_configs_request: DescribeConfigsRequest,
            describe_configs_response: DescribeConfigsResponse,
            describe_log_dirs_request: DescribeLogDirsRequest,
            describe_log_dirs_response: DescribeLogDirsResponse,
            fetch_request: FetchRequest,
            fetch_response: FetchResponse,
            init_producer_id_request: InitProducerIdRequest,
            init_producer_id_response: InitProducerIdResponse,
            list_offsets_request: ListOffsetsRequest,
            list_offsets_response: ListOffsetsResponse,
            metadata_request: MetadataRequest,
            metadata_response: MetadataResponse,
            offset_for_leader_epoch_request: OffsetForLeaderEpochRequest,
            offset_for_leader_epoch_response: OffsetForLeaderEpochResponse,
            produce_request: ProduceRequest,
            produce_response: ProduceResponse,
        }
    };
}
pub(crate) use each_message;

use crate::Message;
use bytes::Bytes;

/// The body of a message in one piece.
pub(crate) fn encode<M: Message>(message: &M, version: i16) -> Bytes {
    let mut writer = crate::codec::Writer::new();
    message.encode(&mut writer, version);
    writer.finish().expect("the sample fits its version").concat().into()
}
