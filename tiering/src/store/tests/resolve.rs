//! Whatever a store answers to a conditional write, the writer learns whose object it is.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use futures::future::join_all;
use object_store::path::Path;
use object_store::{
    Error, GetOptions, GetResult, GetResultPayload, ObjectStore, ObjectStoreExt, PutMode, PutOptions,
    PutPayload, PutResult, Result,
};
use parking_lot::Mutex;

use super::{nonce_of, path, signed};
use crate::store::testing::{Way, by};
use crate::store::{
    CreateError, CreateOutcome, CreatePolicy, ErrorKind, Hedge, MemoryStore, Store, StoreKind,
};

/// Long enough for a busy machine to answer in.
const ATTEMPT: Duration = Duration::from_millis(200);
const MINE: [u8; 16] = [1; 16];
const THEIRS: [u8; 16] = [2; 16];

/// What happens to one PUT.
#[derive(Debug, Clone, Copy)]
enum Put {
    /// It is carried out and answered.
    Works,
    /// It lands, and the answer is an error.
    LandsAndFails,
    /// It lands, and the answer takes so much longer.
    AnswersLate(Duration),
    /// It lands, and there is no answer.
    LandsSilently,
    /// It lands so much later, and there is no answer.
    LandsLate(Duration),
    /// Another writer's lands in its place, and the answer is an error.
    IsOvertaken,
    /// Nothing lands; 500, 503 or 429.
    Fails,
    /// Nothing lands; 409, which the client reports as "already exists".
    Conflicts,
    /// Nothing lands; 403.
    IsDenied,
    /// Nothing lands, and there is no answer.
    Vanishes,
    /// Nothing lands; the request makes no sense.
    IsInvalid,
}

/// What happens to one GET.
#[derive(Debug, Clone, Copy)]
enum Get {
    Fails,
    IsCutShort,
    Hangs,
}

#[derive(Debug, Default)]
struct Scripted {
    inner: MemoryStore,
    puts: Mutex<VecDeque<Put>>,
    gets: Mutex<VecDeque<Get>>,
    put_count: AtomicUsize,
}

fn error(what: &str) -> Error {
    Error::Generic { store: "scripted", source: what.to_string().into() }
}

#[async_trait]
impl Way for Scripted {
    fn objects(&self) -> &MemoryStore {
        &self.inner
    }

    async fn put(&self, at: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.put_count.fetch_add(1, Relaxed);
        let (path, source) = (at.to_string(), "scripted".into());
        let then = self.puts.lock().pop_front().unwrap_or(Put::Works);
        match then {
            Put::Works => self.inner.put_opts(at, payload, opts).await,
            Put::LandsAndFails => self.inner.put_opts(at, payload, opts).await.and(Err(error("503"))),
            Put::AnswersLate(delay) => {
                let landed = self.inner.put_opts(at, payload, opts).await;
                tokio::time::sleep(delay).await;
                landed
            }
            Put::LandsSilently => {
                self.inner.put_opts(at, payload, opts).await?;
                std::future::pending().await
            }
            Put::LandsLate(delay) => {
                let (inner, at) = (self.inner.clone(), at.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    inner.put_opts(&at, payload, opts).await
                });
                std::future::pending().await
            }
            Put::IsOvertaken => {
                self.inner.put_opts(at, signed(THEIRS), PutMode::Create.into()).await?;
                Err(error("500"))
            }
            Put::Fails => Err(error("429")),
            Put::Conflicts => Err(Error::AlreadyExists { path, source }),
            Put::IsDenied => Err(Error::PermissionDenied { path, source }),
            Put::Vanishes => std::future::pending().await,
            Put::IsInvalid => Err(Error::NotSupported { source }),
        }
    }

    async fn get(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        let then = self.gets.lock().pop_front();
        match then {
            None => self.inner.get_opts(at, options).await,
            Some(Get::Fails) => Err(error("500")),
            Some(Get::Hangs) => std::future::pending().await,
            Some(Get::IsCutShort) => {
                let whole = self.inner.get_opts(at, options).await?;
                let payload = GetResultPayload::Stream(futures::stream::iter([Ok("half".into())]).boxed());
                Ok(GetResult { payload, ..whole })
            }
        }
    }
}

struct Run {
    outcome: Result<CreateOutcome, CreateError>,
    puts: usize,
    /// Whose object it is in the end.
    owner: Option<[u8; 16]>,
    store: Store,
}

async fn run(puts: &[Put], gets: &[Get], policy: impl FnOnce(CreatePolicy) -> CreatePolicy) -> Run {
    let scripted = Arc::new(Scripted {
        puts: Mutex::new(puts.iter().copied().collect()),
        gets: Mutex::new(gets.iter().copied().collect()),
        ..Scripted::default()
    });
    let store = by(&scripted, StoreKind::Memory);
    let policy = policy(store.policy().with_attempt_timeout(ATTEMPT));
    let key = path("wal/00/session/0");
    let outcome = store.create_nonce(&key, signed(MINE), MINE, nonce_of, policy).await;
    let owner = match scripted.inner.get(&key).await {
        Ok(found) => nonce_of(&found.bytes().await.expect("readable")),
        Err(_) => None,
    };
    Run { outcome, puts: scripted.put_count.load(Relaxed), owner, store }
}

fn patient(milliseconds: u64) -> impl FnOnce(CreatePolicy) -> CreatePolicy {
    move |policy| policy.with_patience(Duration::from_millis(milliseconds))
}

fn lost() -> CreateOutcome {
    CreateOutcome::Lost(signed(THEIRS).into())
}

#[tokio::test]
async fn an_outcome_in_doubt_is_settled() {
    use Put::*;
    let late = LandsLate(ATTEMPT + Duration::from_millis(10));
    let cases: &[(&[Put], &[Get], CreateOutcome, usize)] = &[
        (&[], &[], CreateOutcome::Created, 1),
        (&[LandsAndFails], &[], CreateOutcome::Created, 1),
        (&[LandsSilently], &[], CreateOutcome::Created, 1),
        (&[Fails], &[], CreateOutcome::Created, 2),
        (&[Conflicts], &[], CreateOutcome::Created, 2),
        (&[Conflicts, Conflicts, Fails], &[], CreateOutcome::Created, 4),
        (&[Vanishes], &[], CreateOutcome::Created, 2),
        (&[IsDenied, IsDenied], &[], CreateOutcome::Created, 3),
        (&[late], &[], CreateOutcome::Created, 2),
        (&[late, Fails, LandsAndFails], &[], CreateOutcome::Created, 2),
        (&[IsOvertaken], &[], lost(), 1),
        (&[Fails, IsOvertaken], &[], lost(), 2),
        (&[LandsLate(ATTEMPT * 10), IsOvertaken], &[], lost(), 2),
        (&[Vanishes, LandsSilently], &[], CreateOutcome::Created, 2),
        // An object that is there, but cannot be read yet, is not written again.
        (&[LandsAndFails, Works], &[Get::Fails, Get::Fails], CreateOutcome::Created, 2),
        (&[LandsAndFails, Works], &[Get::IsCutShort, Get::Fails, Get::Fails], CreateOutcome::Created, 2),
        (&[LandsAndFails, Works], &[Get::Hangs, Get::Hangs, Get::Hangs], CreateOutcome::Created, 2),
        (&[IsOvertaken, Works], &[Get::Fails, Get::IsCutShort, Get::Fails, Get::IsCutShort], lost(), 2),
    ];
    let runs = join_all(cases.iter().map(|(puts, gets, ..)| run(puts, gets, |policy| policy))).await;
    for ((puts, gets, outcome, expected), run) in cases.iter().zip(runs) {
        let case = format!("{puts:?} {gets:?}");
        assert_eq!(run.outcome.as_ref().expect("settled"), outcome, "{case}");
        assert_eq!(run.owner, Some(if *outcome == lost() { THEIRS } else { MINE }), "{case}");
        match puts {
            // Which of the two lands first is not fixed.
            [LandsLate(_), ..] => assert!(run.puts >= 1 && run.puts <= 3, "{case}: {}", run.puts),
            _ => assert_eq!(run.puts, *expected, "{case}"),
        }
        assert_eq!(run.store.metrics().ambiguous() == 0, puts.is_empty(), "{case}");
    }
}

#[tokio::test]
async fn patience_ends_with_what_is_known() {
    use Put::*;
    let unknown = run(&[Vanishes; 20], &[], patient(900)).await;
    assert!(matches!(unknown.outcome, Err(CreateError::Unknown { .. })), "{:?}", unknown.outcome);
    assert!(unknown.puts >= 2 && unknown.owner.is_none());

    let denied = run(&[IsDenied; 20], &[], patient(100)).await;
    let error = denied.outcome.expect_err("denied");
    assert!(matches!(error, CreateError::NotApplied { .. }), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Retry);

    // One attempt without an answer is enough to know nothing.
    let doubtful =
        run(&[Vanishes, IsDenied, IsDenied, IsDenied, IsDenied, IsDenied], &[], patient(600)).await;
    assert!(matches!(doubtful.outcome, Err(CreateError::Unknown { .. })), "{:?}", doubtful.outcome);

    // It may have landed, but no read gets through.
    let unread = run(&[LandsAndFails], &[Get::Fails; 50], patient(100)).await;
    assert!(matches!(unread.outcome, Err(CreateError::Unknown { .. })), "{:?}", unread.outcome);
    assert_eq!(unread.owner, Some(MINE));
}

#[tokio::test]
async fn what_is_pointless_is_not_repeated() {
    let refused = run(&[Put::IsInvalid; 3], &[], |policy| policy).await;
    let error = refused.outcome.expect_err("refused");
    assert!(matches!(error, CreateError::NotApplied { .. }), "{error:?}");
    assert_eq!((error.kind(), refused.puts), (ErrorKind::Invalid, 1));
    let doubtful = run(&[Put::Vanishes, Put::IsInvalid], &[], |policy| policy).await;
    assert!(matches!(doubtful.outcome, Err(CreateError::Unknown { .. })), "{:?}", doubtful.outcome);
}

#[tokio::test]
async fn a_hedge_wins_where_the_first_attempt_hangs() {
    use Put::*;
    let hedged = |policy: CreatePolicy| CreatePolicy {
        hedge: Hedge::After(Duration::from_millis(10)),
        attempt_timeout: Duration::from_secs(60),
        ..policy
    };
    for (puts, outcome, expected, hedges, won) in [
        (&[][..], CreateOutcome::Created, 1, 0, 0),
        (&[Vanishes, Works], CreateOutcome::Created, 2, 1, 1),
        // The first landed and the second is refused: the writer's own all the same.
        (&[LandsSilently, Works], CreateOutcome::Created, 2, 1, 0),
        (&[LandsLate(Duration::from_millis(80)), Vanishes, Works], CreateOutcome::Created, 2, 1, 0),
        (&[Vanishes, IsOvertaken], lost(), 2, 1, 0),
    ] {
        let policy = |policy| {
            let hedged = hedged(policy);
            // Where neither attempt is ever answered, only their time-out helps.
            let hopeless = matches!(puts, [LandsLate(_), ..] | [_, IsOvertaken]);
            if hopeless { hedged.with_attempt_timeout(ATTEMPT) } else { hedged }
        };
        let run = run(puts, &[], policy).await;
        assert_eq!(run.outcome.expect("settled"), outcome, "{puts:?}");
        let metrics = run.store.metrics();
        assert_eq!((run.puts, metrics.hedges(), metrics.hedges_won()), (expected, hedges, won), "{puts:?}");
    }
}

/// The second attempt finds the key taken by the first, whose answer comes before the object can be read back.
#[tokio::test(start_paused = true)]
async fn a_hedge_that_finds_the_key_taken_does_not_hold_up_the_first_answer() {
    let hedge = Hedge::After(Duration::from_millis(10));
    let late = Put::AnswersLate(Duration::from_millis(50));
    for (gets, took) in [(&[][..], 10), (&[Get::Hangs], 50)] {
        let began = tokio::time::Instant::now();
        let run = run(&[late, Put::Works], gets, |policy| CreatePolicy { hedge, ..policy }).await;
        assert_eq!(run.outcome.expect("settled"), CreateOutcome::Created);
        assert_eq!(began.elapsed(), Duration::from_millis(took));
        let metrics = run.store.metrics();
        assert_eq!((run.puts, metrics.hedges(), metrics.hedges_won()), (2, 1, 0));
    }
}

#[tokio::test]
async fn one_attempt_says_what_it_saw() {
    use Put::*;
    for (put, says) in [
        (Works, "ok"),
        (LandsAndFails, "unknown"),
        (LandsSilently, "unknown"),
        (Vanishes, "unknown"),
        (Conflicts, "exists"),
        (IsDenied, "not applied"),
        (IsInvalid, "not applied"),
    ] {
        let scripted = Arc::new(Scripted { puts: Mutex::new([put].into()), ..Scripted::default() });
        let store = by(&scripted, StoreKind::S3);
        let said = match store.create(&path("k"), signed(MINE), ATTEMPT).await {
            Ok(()) => "ok",
            Err(CreateError::AlreadyExists { .. }) => "exists",
            Err(CreateError::Unknown { .. }) => "unknown",
            Err(CreateError::NotApplied { .. }) => "not applied",
            Err(CreateError::Unsynced { .. }) => "unsynced",
        };
        assert_eq!(said, says, "{put:?}");
    }
}

/// A question whose answer is lost is asked again beside it, and the first answer counts.
#[tokio::test(start_paused = true)]
async fn a_read_without_an_answer_is_asked_again() {
    let objects = Arc::new(Scripted::default());
    let store = by(&objects, StoreKind::S3);
    let path = path("read");
    store.create(&path, signed(MINE), ATTEMPT).await.expect("it is free");
    let began = tokio::time::Instant::now();
    *objects.gets.lock() = [Get::Hangs].into();
    store.get(&path).await.expect("the second answer");
    assert_eq!((store.metrics().hedged_reads(), store.metrics().hedges()), (1, 0));
    assert_eq!(began.elapsed(), store.policy().hedge.patience().expect("a network"));
    // While another question is under way, an error decides nothing.
    *objects.gets.lock() = [Get::Hangs, Get::Fails].into();
    let answer = tokio::time::timeout(Duration::from_secs(10), store.get(&path)).await;
    answer.expect("the third one").expect("an answer");
    *objects.gets.lock() = [Get::Fails].into();
    assert_eq!(store.get(&path).await.map_err(|error| error.kind()), Err(ErrorKind::Retry));
}
