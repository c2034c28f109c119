//! A cluster, its clients and everything that can go wrong, in one thread and simulated time; and checkers for
//! what must not come of it.

pub mod chaos;
pub mod check;
pub mod client;
pub mod cluster;
mod ending;
pub mod fault;
mod forgotten;
pub mod history;
mod logs;
pub mod misaddressed;
pub mod moves;
pub mod network;
mod panics;
pub mod process;
pub mod report;
pub mod run;
pub mod scenario;
pub mod stored;
pub mod trace;
pub mod trial;
pub mod variety;
