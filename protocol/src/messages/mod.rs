//! The messages, one module for each API. A struct is its schema: the attributes of its fields carry versions,
//! nullability, tags and defaults as Kafka 4.3.1 defines them, and names are Kafka's in snake case. An
//! `Option` defaults to `None`; a version without null gets the empty value instead. What a version lacks is
//! left out when encoding, and is its default when decoding.

pub mod api_versions;
pub mod create_topics;
pub mod delete_records;
pub mod delete_topics;
pub mod describe_cluster;
pub mod describe_configs;
pub mod describe_log_dirs;
pub mod fetch;
pub mod init_producer_id;
pub mod list_offsets;
pub mod metadata;
pub mod offset_for_leader_epoch;
pub mod peer;
pub mod produce;

pub use api_versions::{ApiVersionsRequest, ApiVersionsResponse};
pub use create_topics::{CreateTopicsRequest, CreateTopicsResponse};
pub use delete_records::{DeleteRecordsRequest, DeleteRecordsResponse};
pub use delete_topics::{DeleteTopicsRequest, DeleteTopicsResponse};
pub use describe_cluster::{DescribeClusterRequest, DescribeClusterResponse};
pub use describe_configs::{DescribeConfigsRequest, DescribeConfigsResponse};
pub use describe_log_dirs::{DescribeLogDirsRequest, DescribeLogDirsResponse};
pub use fetch::{FetchRequest, FetchResponse};
pub use init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
pub use list_offsets::{ListOffsetsRequest, ListOffsetsResponse};
pub use metadata::{MetadataRequest, MetadataResponse};
pub use offset_for_leader_epoch::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};
pub use peer::{
    PeerControlRequest, PeerControlResponse, PeerPingRequest, PeerPingResponse, PeerStatusRequest,
    PeerStatusResponse, PeerWitnessRequest, PeerWitnessResponse,
};
pub use produce::{ProduceRequest, ProduceResponse};
