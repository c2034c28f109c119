//! A faulty store, and a seeded search for records that are lost, doubled or moved on it.

pub mod client;
pub mod fault;
pub mod history;
pub mod run;
