//! Appending at a given rate. A record has the time at which it was due, whether or not it could be sent then:
//! a broker that stops for a while is not measured by the few requests that waited for it, but by all the
//! records that would have come.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::BufMut;
use protocol::messages::produce::ProduceRequest;
use protocol::records::{BatchBuilder, Compression};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::length::Run;
use super::produce::Sender;
use super::report::Latencies;
use super::template::value;
use crate::client::{Error, Reply, check_produced};

/// What a value begins with: the run, and the microseconds after its beginning at which the record was due.
pub(super) const STAMP: usize = 16;

/// What is sent, and how fast.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    /// Records a second.
    pub(super) rate: f64,
    /// How long a record waits for others.
    pub(super) linger: Duration,
    /// Bytes of a value.
    pub(super) record_size: usize,
    /// Bytes of a batch.
    pub(super) batch_size: usize,
    /// Its codec.
    pub(super) compression: Compression,
    /// What this run's records have in common, and no others in the topic have.
    pub(super) run_id: u64,
}

/// What is being sent.
pub(super) struct Paced {
    pace: Pace,
    sender: Sender,
    in_flight: usize,
    waiting: VecDeque<Waiting>,
    latencies: Latencies,
    filler: Vec<u8>,
}

struct Waiting {
    due: Vec<Instant>,
    reply: Reply<ProduceRequest>,
}

/// Ticks are no closer than this.
const SHORTEST_TICK: Duration = Duration::from_micros(100);

/// Something to wait for every so often, until it is dropped; missed ticks are one. The runtime's own timers
/// are good to a millisecond, which is more than a fast broker takes; a sleeping thread wakes in time.
fn ticks(begin: Instant, every: Duration) -> Result<mpsc::Receiver<()>, Error> {
    let (sender, ticks) = mpsc::channel(1);
    let sleeper = move || {
        for number in 0u32.. {
            std::thread::sleep((begin + every * number).saturating_duration_since(Instant::now()));
            if let Err(mpsc::error::TrySendError::Closed(())) = sender.try_send(()) {
                break;
            }
        }
    };
    std::thread::Builder::new().name("pace".to_owned()).spawn(sleeper).map_err(Error::Thread)?;
    Ok(ticks)
}

/// The stamp of a record of this run.
pub(super) fn stamp_of(value: &[u8], run_id: u64) -> Option<Duration> {
    let (id, rest) = value.split_first_chunk::<8>()?;
    let micros = rest.first_chunk::<8>()?;
    (u64::from_be_bytes(*id) == run_id).then(|| Duration::from_micros(u64::from_be_bytes(*micros)))
}

impl Paced {
    pub(super) fn new(pace: Pace, sender: Sender, in_flight: usize) -> Self {
        let filler = value(1, pace.record_size.saturating_sub(STAMP));
        Self { pace, sender, in_flight, waiting: VecDeque::new(), latencies: Latencies::new(), filler }
    }

    /// Sends until the run is over, and returns how long acknowledgements took.
    pub(super) async fn go(mut self, run: Arc<Run>) -> Result<Latencies, Error> {
        let interval = Duration::from_secs_f64(1.0 / self.pace.rate);
        let mut ticks = ticks(run.begun, interval.max(self.pace.linger).max(SHORTEST_TICK))?;
        let mut next = run.begun;
        loop {
            tokio::select! {
                biased;
                answer = answered(&mut self.waiting), if !self.waiting.is_empty() => {
                    self.settle(answer, &run)?;
                    continue;
                }
                Some(()) = ticks.recv(), if self.waiting.len() < self.in_flight => {}
            }
            let now = Instant::now();
            let mut batch = BatchBuilder::new().compression(self.pace.compression);
            let mut dues = Vec::new();
            let fits = |batch: &BatchBuilder| batch.size() + self.pace.record_size < self.pace.batch_size;
            while next <= now && (dues.is_empty() || fits(&batch)) {
                if run.take(1) == 0 {
                    break;
                }
                let time = chrono::Utc::now().timestamp_millis();
                batch.push(time, None, Some(&self.value(next, &run)), &[]);
                dues.push(next);
                next += interval;
            }
            if !dues.is_empty() {
                self.send(batch, dues, &run).await?;
            } else if next <= now {
                break;
            }
        }
        while !self.waiting.is_empty() {
            let answer = answered(&mut self.waiting).await;
            self.settle(answer, &run)?;
        }
        Ok(self.latencies)
    }

    fn value(&self, due: Instant, run: &Run) -> Vec<u8> {
        let mut value = Vec::with_capacity(STAMP + self.filler.len());
        value.put_u64(self.pace.run_id);
        value.put_u64(u64::try_from((due - run.begun).as_micros()).unwrap_or(u64::MAX));
        value.extend_from_slice(&self.filler);
        value.truncate(self.pace.record_size);
        value
    }

    async fn send(&mut self, batch: BatchBuilder, due: Vec<Instant>, run: &Run) -> Result<(), Error> {
        let count = due.len() as u64;
        let stamped = |(id, epoch, sequence)| Ok(batch.producer(id, epoch, sequence).build()?.into());
        match self.sender.send(count, stamped).await? {
            Some(reply) => self.waiting.push_back(Waiting { due, reply }),
            None => {
                run.done(Instant::now(), count, count * self.pace.record_size as u64);
            }
        }
        Ok(())
    }

    /// Takes the answer to the oldest request. An error that may go away fails the records only.
    fn settle(&mut self, answer: Result<(), Error>, run: &Run) -> Result<(), Error> {
        let now = Instant::now();
        let Some(Waiting { due, .. }) = self.waiting.pop_front() else { return Ok(()) };
        let count = due.len() as u64;
        match answer {
            Ok(()) if run.done(now, count, count * self.pace.record_size as u64) => {
                due.iter().for_each(|due| self.latencies.record(now - *due, 1));
                Ok(())
            }
            Ok(()) => Ok(()),
            Err(error) if error.code().is_some_and(protocol::ErrorCode::is_retriable) => {
                run.failed(count);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

/// Waits for the oldest answer. May be cancelled.
async fn answered(waiting: &mut VecDeque<Waiting>) -> Result<(), Error> {
    match waiting.front_mut() {
        Some(oldest) => check_produced(&oldest.reply.wait().await?),
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_of_one_run() {
        let mut value = 7u64.to_be_bytes().to_vec();
        value.extend_from_slice(&1500u64.to_be_bytes());
        value.extend_from_slice(b"rest");
        assert_eq!(stamp_of(&value, 7), Some(Duration::from_micros(1500)));
        assert_eq!(stamp_of(&value, 8), None);
        assert_eq!(stamp_of(b"short", 7), None);
    }
}
