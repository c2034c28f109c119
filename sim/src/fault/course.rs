//! What an operation goes through.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use object_store::path::Path;
use object_store::{ObjectStore, Result};
use tokio::time::sleep;

use super::plan::{Course, PATIENCE};
use super::strike::{Blow, Moment};
use super::{Fault, FaultStore, Operation, View, injected};
use crate::process::Process;

impl FaultStore {
    /// Lets an operation take its course. `apply` is what the store itself would do.
    pub(super) async fn meet<T: Send + 'static>(
        &self,
        operation: Operation,
        at: &Path,
        apply: impl FnOnce(Arc<dyn ObjectStore>) -> BoxFuture<'static, Result<T>>,
    ) -> Result<T> {
        let course = self.draw(operation, at);
        self.follow(operation, course, at, apply).await
    }

    pub(super) async fn follow<T: Send + 'static>(
        &self,
        operation: Operation,
        course: Course,
        at: &Path,
        apply: impl FnOnce(Arc<dyn ObjectStore>) -> BoxFuture<'static, Result<T>>,
    ) -> Result<T> {
        self.follow_body(operation, course, at, apply, &|_| ()).await
    }

    /// As [`FaultStore::follow`]; `told` is called with the bytes of each piece of the body that is on its way.
    pub(super) async fn follow_body<T: Send + 'static>(
        &self,
        operation: Operation,
        course: Course,
        at: &Path,
        apply: impl FnOnce(Arc<dyn ObjectStore>) -> BoxFuture<'static, Result<T>>,
        told: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<T> {
        let process = &self.view.process;
        process.running().await;
        let (strike, forgiven) = (course.strike, self.forgiven());
        if let Some(strike) = strike.filter(|s| s.moment == Moment::Before) {
            self.view.strike(strike.blow).await;
        }
        let apply = apply(Arc::clone(&self.inner));
        let fault = course.fault;
        let answer = self.suffer(course, at, apply, told).await;
        if let Some(strike) = strike.filter(|s| s.moment == Moment::After && self.forgiven() == forgiven) {
            self.view.strike(strike.blow).await;
        }
        process.running().await;
        if let Some(trace) = &self.view.trace {
            let outcome = match &answer {
                Ok(_) => "ok".into(),
                Err(error) => brief(error),
            };
            trace.line(format_args!("store {} {operation:?} {at} {fault:?} {outcome}", process.id()));
        }
        answer
    }

    /// Takes as long as a body of so many bytes does on its way to the store.
    pub(super) async fn send(&self, bytes: u64, told: &(dyn Fn(u64) + Send + Sync)) {
        self.links.up.carry(bytes, told).await;
        self.view.ledger.up.carry(bytes, told).await;
    }

    /// As [`FaultStore::send`], on the way back.
    pub(super) async fn receive(&self, bytes: u64) {
        self.links.down.carry(bytes, |_| ()).await;
        self.view.ledger.down.carry(bytes, |_| ()).await;
    }

    async fn suffer<T: Send + 'static>(
        &self,
        course: Course,
        at: &Path,
        apply: BoxFuture<'static, Result<T>>,
        told: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<T> {
        let Course { fault, there, back, survives, body, .. } = course;
        let (ledger, key) = (Arc::clone(&self.view.ledger), at.clone());
        // Whatever becomes of it then, a body of which a part is missing is never applied.
        if !matches!(fault, Some(Fault::DropBefore | Fault::Refuse(_) | Fault::Stall | Fault::Lock(_))) {
            self.send(body, told).await;
        }
        let apply = async move {
            sleep(there).await;
            ledger.unlocked(&key).await;
            apply.await
        };
        match fault {
            None | Some(Fault::Truncate | Fault::Flip(_)) => {
                let answer = outliving(survives, apply).await;
                sleep(back).await;
                answer
            }
            Some(Fault::Slow(extra)) => {
                sleep(extra / 2).await;
                let answer = outliving(survives, apply).await;
                sleep(back + extra / 2).await;
                answer
            }
            Some(Fault::DropBefore) => {
                sleep(there).await;
                Err(injected("the connection was reset"))
            }
            Some(Fault::DropAfter) => {
                let _ = apply.await;
                sleep(back).await;
                Err(injected("the connection was closed without an answer"))
            }
            Some(Fault::Late { lands, fails }) => {
                self.land(lands, at, apply);
                sleep(fails).await;
                Err(injected("no answer in time"))
            }
            Some(Fault::Refuse(status)) => {
                sleep(there + back).await;
                Err(status.error(at))
            }
            Some(Fault::Stall) => no_answer().await,
            Some(Fault::StallAfter) => {
                let _ = apply.await;
                no_answer().await
            }
            Some(Fault::Lock(time)) => {
                sleep(there).await;
                self.view.ledger.lock(at, time);
                no_answer().await
            }
        }
    }

    /// Applies a write long after its failure was reported to its caller.
    fn land<T: Send + 'static>(
        &self,
        lands: Duration,
        at: &Path,
        apply: impl Future<Output = Result<T>> + Send + 'static,
    ) {
        let (view, key) = (Arc::clone(&self.view), at.clone());
        drop(tokio::spawn(async move {
            sleep(lands).await;
            let outcome = apply.await.map(drop);
            if outcome.is_ok() {
                view.ledger.landed(&key);
            }
            if let Some(trace) = &view.trace {
                trace.line(format_args!("store {} late {key} {}", view.process.id(), outcome.is_ok()));
            }
        }));
    }
}

impl View {
    /// Strikes the process. Returns when it goes on.
    async fn strike(&self, blow: Blow) {
        if let Some(trace) = &self.trace {
            trace.line(format_args!("process {} {blow:?}", self.process.id()));
        }
        match blow {
            Blow::Kill => self.process.kill(),
            Blow::Pause(time) => pause(&self.process, time),
            Blow::Hold(time) => sleep(time).await,
        }
        self.process.running().await;
    }
}

/// Stops a process for a while.
pub fn pause(process: &Process, time: Duration) {
    process.pause();
    let process = process.clone();
    drop(tokio::spawn(async move {
        sleep(time).await;
        process.resume();
    }));
}

/// Whether an operation goes on when its caller stops waiting, as a request that has left the machine does.
async fn outliving<T: Send + 'static>(
    survives: bool,
    apply: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    match survives {
        true => tokio::spawn(apply).await?,
        false => apply.await,
    }
}

async fn no_answer<T>() -> Result<T> {
    sleep(PATIENCE).await;
    Err(injected("no answer in time"))
}

/// An error in a word.
fn brief(error: &object_store::Error) -> String {
    match error {
        object_store::Error::NotFound { .. } => "absent".into(),
        object_store::Error::AlreadyExists { .. } => "exists".into(),
        object_store::Error::Generic { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}
