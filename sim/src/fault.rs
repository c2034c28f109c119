//! A store that fails the way networks and clouds do, repeatably.
//!
//! It decorates another store. What happens to an operation is drawn from a seed, or scripted by a test.
//! Time is tokio's, so under a paused clock forty seconds cost nothing and a seed always gives the same run.
//! Faults never break the promises of the store itself: what is refused has not landed, what was read was
//! written. A store that lies is not this one's business.

mod course;
mod ledger;
mod plan;
mod store;
mod strike;
#[cfg(test)]
mod tests;
mod upload;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use object_store::path::Path;
use object_store::{Error, ObjectStore};
use parking_lot::Mutex;
use rand::rngs::StdRng;

use self::plan::Course;
use crate::process::Process;
use crate::trace::Trace;

pub use self::course::pause;
pub use self::ledger::{Late, Ledger};
pub use self::plan::{Fault, FaultKind, FaultPlan, Latency, Operation, PATIENCE, Rates, Status};
pub use self::strike::{Blow, Moment, Strike, Target};

/// A faulty view of a store. Several views, one for each node, may share the store behind them.
#[derive(Debug, Clone)]
pub struct FaultStore {
    inner: Arc<dyn ObjectStore>,
    state: Arc<Mutex<State>>,
    view: Arc<View>,
}

/// Whose view it is.
#[derive(Clone)]
pub struct View {
    /// The process that uses the store, and is stopped and killed with its operations.
    pub process: Process,
    /// What the views share.
    pub ledger: Arc<Ledger>,
    /// Where operations are written down.
    pub trace: Option<Arc<Trace>>,
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "View({:?})", self.process)
    }
}

type Matches = Box<dyn Fn(&Path) -> bool + Send>;

struct State {
    rng: StdRng,
    plan: FaultPlan,
    script: Vec<(Operation, Matches, Fault)>,
    strike: Option<Strike>,
    /// How often everything was forgiven.
    forgiven: u32,
    injected: BTreeMap<FaultKind, u64>,
    reachable: bool,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "State({:?}, {} scripted, {:?})", self.plan, self.script.len(), self.injected)
    }
}

impl FaultStore {
    /// A view of `inner` whose faults are drawn from `rng` as `plan` says.
    pub fn new(inner: Arc<dyn ObjectStore>, rng: StdRng, plan: FaultPlan) -> Self {
        let view = View { process: Process::new(0), ledger: Arc::default(), trace: None };
        Self::of(view, inner, rng, plan)
    }

    /// The view of one process.
    pub fn of(view: View, inner: Arc<dyn ObjectStore>, rng: StdRng, plan: FaultPlan) -> Self {
        let (script, injected) = Default::default();
        let state = State { rng, plan, script, strike: None, forgiven: 0, injected, reachable: true };
        Self { inner, state: Arc::new(Mutex::new(state)), view: Arc::new(view) }
    }

    /// Changes what is drawn from now on.
    pub fn set_plan(&self, plan: FaultPlan) {
        self.state.lock().plan = plan;
    }

    /// Cuts this view off from the store (every operation stalls, none is applied), or joins it again.
    pub fn set_reachable(&self, reachable: bool) {
        self.state.lock().reachable = reachable;
    }

    /// Lets a blow wait for its operation. It takes the place of one that waits.
    pub fn strike(&self, strike: Strike) {
        self.state.lock().strike = Some(strike);
    }

    /// Inflicts `fault` on the next `operation` whose key satisfies `matches`. What is scripted first is met
    /// first, and nothing is drawn for that operation.
    pub fn script(
        &self,
        operation: Operation,
        matches: impl Fn(&Path) -> bool + Send + 'static,
        fault: Fault,
    ) {
        self.state.lock().script.push((operation, Box::new(matches), fault));
    }

    /// Forgets the blow that waits, also for the end of an operation that goes on, and every scripted fault that no
    /// operation has met.
    pub fn forgive(&self) {
        let mut state = self.state.lock();
        state.strike = None;
        state.forgiven += 1;
        state.script.clear();
    }

    fn forgiven(&self) -> u32 {
        self.state.lock().forgiven
    }

    /// Scripted faults that no operation has met yet.
    pub fn pending(&self) -> usize {
        self.state.lock().script.len()
    }

    /// How many faults were inflicted, by kind.
    pub fn injected(&self) -> BTreeMap<FaultKind, u64> {
        self.state.lock().injected.clone()
    }

    /// What happens to one operation. All that is random is drawn here, in the order of calls.
    fn draw(&self, operation: Operation, at: &Path) -> Course {
        let mut state = self.state.lock();
        let state = &mut *state;
        let scripted = state.script.iter().position(|(on, matches, _)| *on == operation && matches(at));
        let scripted = scripted.map(|index| state.script.remove(index).2);
        let mut course = state.plan.draw(operation, &mut state.rng);
        if let Some(fault) = scripted {
            course.fault = Some(fault);
        } else if !state.reachable {
            course.fault = Some(Fault::Stall);
        }
        if let Some(fault) = &course.fault {
            *state.injected.entry(fault.kind()).or_default() += 1;
        }
        course.strike = state.strike.filter(|_| state.strike.as_mut().is_some_and(|s| s.hits(operation, at)));
        if course.strike.is_some() {
            state.strike = None;
        }
        course
    }
}

fn injected(what: &'static str) -> Error {
    Error::Generic { store: "fault", source: what.into() }
}
