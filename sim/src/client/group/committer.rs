//! A client that keeps a group's offsets and is no member, as those do that assign partitions themselves.

use std::sync::Arc;

use rand::Rng;

use super::offsets::{commit, fetch, nobody};
use super::seat::Seat;
use crate::history::{GroupReply, Place};

/// When there is hardly a commit, where offsets may expire (ms since the run began).
const QUIET_MS: std::ops::Range<u64> = 15_000..100_000;

/// Commits and reads until the run says otherwise, and once more after that.
pub(super) async fn run(mut seat: Seat) {
    let topics = Arc::clone(&seat.client.topics);
    loop {
        seat.client.pause(50..2500).await;
        let ends = !seat.client.is_running();
        let quiet = seat.group.plan.retention.is_some() && QUIET_MS.contains(&seat.client.now_ms());
        let fetches = if quiet { 0.97 } else { 0.4 };
        if !ends && seat.client.rng.random_bool(fetches) {
            fetch(&mut seat, &nobody()).await;
            continue;
        }
        let mut places: Vec<Place> = Vec::new();
        for _ in 0..seat.client.rng.random_range(1..4) {
            let topic = &topics[seat.client.rng.random_range(0..topics.len())];
            let index = seat.client.rng.random_range(0..topic.partitions);
            let place = (Arc::clone(&topic.name), index);
            if !places.contains(&place) {
                places.push(place);
            }
        }
        match commit(&mut seat, &nobody(), places).await {
            Some(GroupReply::Done) if ends => return,
            Some(GroupReply::Done) => {}
            _ => seat.breathe().await,
        }
    }
}
