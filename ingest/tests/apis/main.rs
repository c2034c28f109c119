//! Every API over a connection to a node with a store in memory: what clients see.

mod administration;
mod alter_configs;
mod client;
mod cluster;
mod consumer_groups;
mod fetch;
mod groups;
mod list_offsets;
mod listener;
mod listeners;
mod memory;
mod metadata;
mod names;
mod node;
mod partitions;
mod pipeline;
mod produce;
mod protocol_errors;
mod recompression;
mod retention;
mod rotation;
mod settings;
mod share_groups;
mod status;
mod store;
mod topics;
