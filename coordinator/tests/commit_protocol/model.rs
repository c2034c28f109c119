//! The model: which steps are possible in a world, and what each does.
//!
//! One step is one thing that a store or a process does at once. There is no clock and no crash: a process may
//! rest for ever after any step, and a PUT may land after any other. As nothing is deleted or overwritten, a GET
//! and what its reader makes of it are one step.

use stateright::{Model, Property};

use crate::config::Config;
use crate::events::{self, Event, Seen};
use crate::mutants::Mutant;
use crate::node::{Phase, Proc, Serving};
use crate::properties;
use crate::world::{Entry, Log, Move, Put, RECS, Rec, Session, Slot, World};

/// The commit protocol of one shard, within bounds, with at most one rule broken.
#[derive(Debug)]
pub(crate) struct Protocol {
    pub(crate) cfg: Config,
    pub(crate) mutant: Option<Mutant>,
    pub(crate) seen: Seen,
}

/// A step. `p` is a process, `n` a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// The store carries out a PUT that is under way.
    Land(Put),
    /// A producer's request arrives.
    Send { p: u8, rec: Rec },
    /// A linearizable read arrives.
    Read { p: u8 },
    /// The reply "created" arrives.
    Created { p: u8, n: u8 },
    /// "Exists", a conflict or a time-out is looked into with a GET.
    Conflict { p: u8, n: u8 },
    /// A checkpoint is sent.
    Checkpoint { p: u8, n: u8 },
    /// CLOSE is sent.
    Close { p: u8 },
    /// A client creates a topic.
    Topic { p: u8 },
    /// A process reads metadata to take the shard.
    Begin { p: u8 },
    /// A taker looks at the slot it seals, and sends a SEAL or goes on.
    Seal { p: u8 },
    /// A proposer learns whose entry has its key.
    Resolve { p: u8 },
    /// A mutant sends an entry without an answer to the next key.
    Resend { p: u8 },
}

impl Protocol {
    pub(crate) fn new(cfg: Config, mutant: Option<Mutant>) -> Self {
        Self { cfg, mutant, seen: Seen::default() }
    }

    pub(crate) fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    fn serving_actions(&self, w: &World, p: u8, s: &Serving, actions: &mut Vec<Action>) {
        actions.extend((0..self.cfg.records()).map(|rec| Action::Send { p, rec }));
        for n in (0..s.next).filter(|&n| !s.confirmed(n)) {
            let object = w.sessions[s.sid as usize].slots[n as usize];
            if object.is_some() && object == s.slots[n as usize] {
                actions.push(Action::Created { p, n });
            }
            actions.push(Action::Conflict { p, n });
        }
        if self.cfg.checkpoints {
            let may = |n: &u8| self.may_checkpoint(s, *n) && s.slots[*n as usize - 1] != Some(Slot::Close);
            actions.extend((1..=s.next).filter(may).map(|n| Action::Checkpoint { p, n }));
        }
        if self.cfg.close && self.may_close(s) {
            actions.push(Action::Close { p });
        }
        if w.topics > 0 {
            actions.push(Action::Topic { p });
        }
        if w.reads > 0 && s.read.is_none() && !s.closing && self.has_room(s) {
            actions.push(Action::Read { p });
        }
    }

    fn step(&self, w: &mut World, action: Action) {
        let phase = |w: &World, p: u8| w.procs[p as usize].phase;
        match action {
            Action::Land(put) => {
                if let Put::Slot { sid, slot: Slot::Data { .. }, n } = put
                    && w.sessions[sid as usize].slots[..n as usize].contains(&Some(Slot::Seal))
                {
                    self.seen.mark(Event::LandedPastSeal);
                }
                w.land(put, self.is(Mutant::OverwritesMetadata));
            }
            Action::Begin { p } => self.begin(w, p),
            Action::Seal { p } => {
                if let Phase::Sealing { known, sid, at, sent } = phase(w, p) {
                    self.seal(w, p, known, sid, at, sent);
                }
            }
            Action::Resolve { p } | Action::Resend { p } => {
                if let Phase::Proposing { k, entry } = phase(w, p) {
                    match action {
                        Action::Resend { .. } => self.resend(w, p, k, entry),
                        _ => self.resolve(w, p, k, entry),
                    }
                }
            }
            Action::Send { p, .. }
            | Action::Read { p }
            | Action::Created { p, .. }
            | Action::Conflict { p, .. }
            | Action::Checkpoint { p, .. }
            | Action::Close { p }
            | Action::Topic { p } => {
                if let Phase::Serving(s) = phase(w, p) {
                    self.serve(w, p, s, action);
                }
            }
        }
    }

    fn serve(&self, w: &mut World, p: u8, s: Serving, action: Action) {
        match action {
            Action::Send { rec, .. } => self.send(w, p, s, rec),
            Action::Read { .. } => self.read(w, p, s),
            Action::Created { n, .. } => self.confirm(w, p, s, n),
            Action::Conflict { n, .. } => self.conflict(w, p, s, n),
            Action::Checkpoint { n, .. } => w.issue(Put::Ckpt { sid: s.sid, n, log: s.after(n) }),
            Action::Topic { .. } => self.create_topic(w, p),
            _ => self.close(w, p, s),
        }
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let idle = Proc { opened: 0, phase: Phase::Idle { fenced: None } };
        let mut world = World {
            meta: Vec::new(),
            sessions: vec![Session::default(); self.cfg.sessions()],
            net: Vec::new(),
            procs: vec![idle; self.cfg.opens.len()],
            acked: [None; RECS],
            reads: self.cfg.reads,
            topics: self.cfg.topics,
            faults: 0,
        };
        if self.cfg.warm {
            let moves = Some(Move { from: None, to: 0 });
            world.meta.push(Entry { by: 0, end: None, open: Some(0), moves });
            world.procs[0] = Proc { opened: 1, phase: Phase::Serving(Serving::new(0, Log::default())) };
        }
        vec![world]
    }

    fn actions(&self, w: &World, actions: &mut Vec<Action>) {
        // Only a mutant sends an entry for a key beyond the next.
        let beyond = |put: &Put| matches!(put, Put::Meta { k, .. } if *k as usize > w.meta.len());
        actions.extend(w.net.iter().filter(|put| !beyond(put)).map(|&put| Action::Land(put)));
        for (p, proc) in w.procs.iter().enumerate() {
            let p = p as u8;
            match proc.phase {
                Phase::Idle { fenced } if fenced.is_some() || proc.opened < self.cfg.opens[p as usize] => {
                    actions.push(Action::Begin { p });
                }
                Phase::Sealing { .. } => actions.push(Action::Seal { p }),
                Phase::Proposing { k, .. } => {
                    if (k as usize) < w.meta.len() {
                        actions.push(Action::Resolve { p });
                    }
                    if self.is(Mutant::ResendsUnresolvedEntry) && k < 4 {
                        actions.push(Action::Resend { p });
                    }
                }
                Phase::Serving(s) => self.serving_actions(w, p, &s, actions),
                Phase::Idle { .. } | Phase::Stopped => {}
            }
        }
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        self.step(&mut world, action);
        (world != *last).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut all = properties::always();
        all.extend(self.cfg.expects.iter().map(|&event| events::sometimes(event)));
        all
    }
}
