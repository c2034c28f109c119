//! A store that fails the way networks and clouds do, repeatably.
//!
//! It decorates another store. What happens to an operation is drawn from a seed, or scripted by a test.
//! Time is tokio's, so under a paused clock forty seconds cost nothing and a seed always gives the same run.
//! Faults never break the promises of the store itself: what is refused has not landed, what was read was
//! written, but for a bit that flips on its way. A store that lies is not this one's business.

mod course;
mod damage;
mod ledger;
mod link;
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
pub use self::damage::Damage;
pub use self::ledger::{Late, Ledger};
pub use self::link::Link;
pub use self::plan::{Fault, FaultKind, FaultPlan, Latency, Operation, PATIENCE, Rates, Status};
pub use self::strike::{Blow, Moment, Strike, Target};

/// A faulty view of a store. Several views, one for each node, may share the store behind them.
#[derive(Debug, Clone)]
pub struct FaultStore {
    inner: Arc<dyn ObjectStore>,
    state: Arc<Mutex<State>>,
    view: Arc<View>,
    links: Arc<Links>,
}

/// This view's own way to the store and back; what all views share is in the [`Ledger`].
#[derive(Debug, Default)]
struct Links {
    up: Link,
    down: Link,
}

/// Operations that are not done for a view, and what they meet instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denial {
    /// Which ones.
    pub target: Target,
    /// What they meet.
    pub fault: Fault,
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
    denial: Option<Denial>,
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
        let (strike, forgiven, reachable, denial) = (None, 0, true, None);
        let state = State { rng, plan, script, strike, forgiven, injected, reachable, denial };
        Self { inner, state: Arc::new(Mutex::new(state)), view: Arc::new(view), links: Arc::default() }
    }

    /// Changes what is drawn from now on.
    pub fn set_plan(&self, plan: FaultPlan) {
        self.state.lock().plan = plan;
    }

    /// Cuts this view off from the store (every operation stalls, none is applied), or joins it again.
    pub fn set_reachable(&self, reachable: bool) {
        self.state.lock().reachable = reachable;
    }

    /// Denies this view some operations, as a store does whose permissions were changed, or lets it do all again.
    pub fn deny(&self, denial: Option<Denial>) {
        self.state.lock().denial = denial;
    }

    /// How many bytes a second this view can write, and how many it can read; any number for none.
    pub fn set_rates(&self, up: Option<u64>, down: Option<u64>) {
        self.links.up.set_rate(up);
        self.links.down.set_rate(down);
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
        } else if let Some(fault) = self.view.ledger.outage() {
            course.fault = Some(fault);
        } else if let Some(denial) = state.denial.filter(|denial| denial.target.counts(operation, at)) {
            course.fault = Some(denial.fault);
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
