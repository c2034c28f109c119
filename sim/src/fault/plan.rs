//! What can go wrong with an operation, and how often.

use std::ops::RangeInclusive;
use std::time::Duration;

use object_store::Error;
use object_store::path::Path;
use rand::Rng;
use rand::rngs::StdRng;

use super::strike::Strike;

/// An operation as faults see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Write an object, or complete an upload.
    Put,
    /// Read an object or ranges of it.
    Get,
    /// Ask for an object's size.
    Head,
    /// List keys.
    List,
    /// Delete an object.
    Delete,
    /// Copy or rename an object.
    Copy,
}

impl Operation {
    pub(super) fn writes(self) -> bool {
        matches!(self, Self::Put | Self::Delete | Self::Copy)
    }
}

/// What happens to one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It never reaches the store, and the caller gets an error.
    DropBefore,
    /// It is applied, and the caller gets an error.
    DropAfter,
    /// The caller gets an error, and it is applied whenever it arrives, perhaps long after.
    Late {
        /// When it is applied.
        lands: Duration,
        /// When the caller gets the error.
        fails: Duration,
    },
    /// It is not applied, and that is reported to the caller, more or less.
    Refuse(Status),
    /// It takes so much longer.
    Slow(Duration),
    /// The body, or the listing, ends half-way in an error. Without effect on other operations.
    Truncate,
    /// It never reaches the store, and there is no answer until the client gives up ([`PATIENCE`]).
    Stall,
    /// It is applied, and there is no answer either.
    StallAfter,
    /// The store answers, and one bit of the body is another one than was stored. Which one is a share of 2^32.
    /// Without effect on other operations than reads of objects.
    Flip(u32),
    /// Half of its body arrives, and no answer comes. Its key is locked for so long, and any other request to
    /// read or write it waits, as on MinIO.
    Lock(Duration),
}

/// How long the client of a store waits for an answer.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// An answer that refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// 409: another conditional write is under way. Clients report "already exists".
    Conflict,
    /// 412 without cause, as some proxies answer a repeated request. Clients report "already exists".
    PreconditionFailed,
    /// 429 or S3's SlowDown.
    TooManyRequests,
    /// 500.
    Internal,
    /// 503.
    Unavailable,
    /// 403, while credentials are renewed.
    Forbidden,
}

impl Status {
    pub(super) const DRAWN: [Self; 5] =
        [Self::Conflict, Self::PreconditionFailed, Self::TooManyRequests, Self::Internal, Self::Unavailable];

    /// The error that object_store's clients make of it.
    pub(super) fn error(self, at: &Path) -> Error {
        let path = at.to_string();
        let generic = |text: &'static str| Error::Generic { store: "fault", source: text.into() };
        match self {
            Self::Conflict => Error::AlreadyExists { path, source: "409 Conflict".into() },
            Self::PreconditionFailed => {
                Error::AlreadyExists { path, source: "412 Precondition Failed".into() }
            }
            Self::TooManyRequests => generic("429 Too Many Requests"),
            Self::Internal => generic("500 Internal Server Error"),
            Self::Unavailable => generic("503 Service Unavailable"),
            Self::Forbidden => Error::PermissionDenied { path, source: "403 Forbidden".into() },
        }
    }
}

/// Faults as they are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// [`Fault::DropBefore`]
    DropBefore,
    /// [`Fault::DropAfter`]
    DropAfter,
    /// [`Fault::Late`]
    Late,
    /// [`Fault::Refuse`]
    Refuse(Status),
    /// [`Fault::Slow`]
    Slow,
    /// [`Fault::Truncate`]
    Truncate,
    /// [`Fault::Flip`]
    Flip,
    /// [`Fault::Stall`]
    Stall,
    /// [`Fault::StallAfter`]
    StallAfter,
    /// [`Fault::Lock`]
    Lock,
}

impl Fault {
    /// What it counts as.
    pub fn kind(self) -> FaultKind {
        match self {
            Self::DropBefore => FaultKind::DropBefore,
            Self::DropAfter => FaultKind::DropAfter,
            Self::Late { .. } => FaultKind::Late,
            Self::Refuse(status) => FaultKind::Refuse(status),
            Self::Slow(_) => FaultKind::Slow,
            Self::Truncate => FaultKind::Truncate,
            Self::Flip(_) => FaultKind::Flip,
            Self::Stall => FaultKind::Stall,
            Self::StallAfter => FaultKind::StallAfter,
            Self::Lock(_) => FaultKind::Lock,
        }
    }
}

/// The probability of each fault, each time an operation is begun. They add up to at most 1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rates {
    /// Of [`Fault::DropBefore`].
    pub drop_before: f64,
    /// Of [`Fault::DropAfter`].
    pub drop_after: f64,
    /// Of [`Fault::Late`]; a read is dropped instead.
    pub late: f64,
    /// Of [`Fault::Refuse`], with any status but 403; a read never gets 409 or 412.
    pub refuse: f64,
    /// Of [`Fault::Slow`].
    pub slow: f64,
    /// Of [`Fault::Truncate`].
    pub truncate: f64,
    /// Of [`Fault::Stall`] or [`Fault::StallAfter`].
    pub stall: f64,
    /// Of [`Fault::Lock`] for 30 s; a read is never one.
    pub lock: f64,
    /// Of [`Fault::Flip`].
    pub flip: f64,
}

/// How long a request takes when nothing is wrong: exponentially distributed from a least time on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Latency {
    /// The fastest answer.
    pub least: Duration,
    /// How much slower the mean is.
    pub spread: Duration,
}

/// How often operations meet which fault.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultPlan {
    /// Faults of PUT, DELETE and COPY.
    pub writes: Rates,
    /// Faults of GET, HEAD and LIST.
    pub reads: Rates,
    /// The time of an operation without fault.
    pub latency: Latency,
    /// The extra time of a slow one.
    pub slow: RangeInclusive<Duration>,
    /// When a late write lands.
    pub late: RangeInclusive<Duration>,
    /// The probability that a write whose caller stops waiting is applied all the same.
    pub survives: f64,
}

impl FaultPlan {
    /// No fault, and no delay.
    pub fn calm() -> Self {
        Self {
            writes: Rates::default(),
            reads: Rates::default(),
            latency: Latency::default(),
            slow: Duration::from_millis(200)..=Duration::from_secs(5),
            late: Duration::from_millis(1)..=Duration::from_secs(40),
            survives: 0.5,
        }
    }

    /// A cloud store on an ordinary day: no fault, tens of milliseconds.
    pub fn cloud() -> Self {
        let latency = Latency { least: Duration::from_millis(8), spread: Duration::from_millis(12) };
        Self { latency, ..Self::calm() }
    }

    /// The same faults, `share` times as often.
    #[must_use]
    pub fn milder(self, share: f64) -> Self {
        let scale = |rates: Rates| Rates {
            drop_before: rates.drop_before * share,
            drop_after: rates.drop_after * share,
            late: rates.late * share,
            refuse: rates.refuse * share,
            slow: rates.slow * share,
            truncate: rates.truncate * share,
            stall: rates.stall * share,
            lock: rates.lock * share,
            flip: rates.flip * share,
        };
        Self { writes: scale(self.writes), reads: scale(self.reads), ..self }
    }

    /// A cloud store on its worst day: about every fifth operation meets a fault.
    pub fn storm() -> Self {
        let writes = Rates {
            drop_before: 0.03,
            drop_after: 0.04,
            late: 0.03,
            refuse: 0.05,
            slow: 0.04,
            truncate: 0.0,
            stall: 0.01,
            lock: 0.002,
            flip: 0.0,
        };
        Self {
            writes,
            reads: Rates { late: 0.0, drop_after: 0.0, truncate: 0.04, lock: 0.0, ..writes },
            ..Self::cloud()
        }
    }

    /// What happens to one operation. The number of draws does not depend on what is drawn.
    pub(super) fn draw(&self, operation: Operation, rng: &mut StdRng) -> Course {
        let rates = if operation.writes() { self.writes } else { self.reads };
        let (dice, status, coin) = (rng.random::<f64>(), rng.random::<f64>(), rng.random::<bool>());
        let (there, back) = (self.latency.draw(rng) / 2, self.latency.draw(rng) / 2);
        let (slow, lands, fails) =
            (between(&self.slow, rng), between(&self.late, rng), between(&self.late, rng));
        let flips = rng.random();
        let statuses = if operation.writes() { &Status::DRAWN[..] } else { &Status::DRAWN[2..] };
        let status = statuses[(status * statuses.len() as f64) as usize];
        let late = match operation.writes() {
            true => Fault::Late { lands, fails: fails.min(Duration::from_secs(10)) },
            false => Fault::DropBefore,
        };
        let faults = [
            (rates.drop_before, Fault::DropBefore),
            (rates.drop_after, Fault::DropAfter),
            (rates.late, late),
            (rates.refuse, Fault::Refuse(status)),
            (rates.slow, Fault::Slow(slow)),
            (rates.truncate, Fault::Truncate),
            (rates.stall, if coin { Fault::Stall } else { Fault::StallAfter }),
            (rates.lock, Fault::Lock(PATIENCE)),
            (rates.flip, Fault::Flip(flips)),
        ];
        let mut below = 0.0;
        let fault = faults.into_iter().find_map(|(rate, fault)| {
            below += rate;
            (dice < below).then_some(fault)
        });
        let survives = operation.writes() && rng.random::<f64>() < self.survives;
        Course { fault, there, back, survives, strike: None, body: 0 }
    }
}

impl Latency {
    fn draw(&self, rng: &mut StdRng) -> Duration {
        let spread = -(1.0 - rng.random::<f64>()).ln();
        self.least + self.spread.mul_f64(spread)
    }
}

fn between(range: &RangeInclusive<Duration>, rng: &mut StdRng) -> Duration {
    let share = rng.random::<f64>();
    *range.start() + range.end().saturating_sub(*range.start()).mul_f64(share)
}

/// Everything that was drawn for one operation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Course {
    pub(super) fault: Option<Fault>,
    /// How long the request takes to arrive.
    pub(super) there: Duration,
    /// How long the answer takes.
    pub(super) back: Duration,
    /// Whether it is applied though its caller stops waiting.
    pub(super) survives: bool,
    /// What becomes of the process meanwhile.
    pub(super) strike: Option<Strike>,
    /// The bytes that it sends.
    pub(super) body: u64,
}
