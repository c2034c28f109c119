//! The model: which steps are possible in a world, and what each does.
//!
//! One step is one thing that a store or a process does at once. There is no clock and no crash: a process may
//! rest for ever after any step, and a PUT may land after any other. A GET and what its reader makes of it are
//! one step; where objects are deleted, replay takes two.

use stateright::{Model, Property};

use crate::config::Config;
use crate::events::{self, Event, Seen};
use crate::mutants::Mutant;
use crate::node::{Proc, Progress, Serving, Task};
use crate::properties;
use crate::world::{Entry, Move, Put, RECS, Rec, SHARDS, Session, Shard, Sid, Slot, World};
use crate::writer::Step;

/// The commit protocol, within bounds, with at most one rule broken.
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
    /// A session is deleted.
    Delete { sid: Sid },
    /// A process does something with its session.
    Serve { p: u8, act: Act },
    /// A process's checkpoint writer does something.
    Write { p: u8, step: Step },
    /// A process reads metadata, to seal a session and take its shards. Its last checkpoint may be damaged.
    Begin { p: u8, sid: Sid, damaged: bool },
    /// A process reads metadata, to take what no session has.
    Take { p: u8 },
    /// A taker looks at the slot it seals, and sends a SEAL or goes on.
    Seal { p: u8 },
    /// A proposer learns whose entry has its key.
    Resolve { p: u8 },
    /// A mutant sends an entry without an answer to the next key.
    Resend { p: u8 },
}

/// What a process does with its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// A producer's request arrives.
    Send { rec: Rec },
    /// A linearizable read arrives.
    Read,
    /// A record arrives that the state held would refuse.
    Refuse { rec: Rec },
    /// The reply "created" arrives.
    Created { n: u8 },
    /// "Exists", a conflict or a time-out is looked into with a GET.
    Conflict { n: u8 },
    /// Tiering has put the shard's acknowledged records into a segment.
    Compact { shard: Shard },
    /// CLOSE is sent.
    Close,
    /// A client creates a topic.
    Topic,
    /// An operator moves a shard: RELEASE is sent.
    Release { shard: Shard },
    /// The MOVE of a released shard is proposed.
    HandOver { shard: Shard, to: Sid },
    /// Metadata is read to its end.
    Learn,
    /// A step of replaying a shard that was granted. The last checkpoint may be damaged.
    Replay { shard: Shard, damaged: bool },
    /// The session's end, read before, is seen by the task that puts its slots.
    Stop,
    /// An idempotent producer asks for its id.
    HandOut,
    /// A further block of producer ids is proposed.
    Block,
}

impl Protocol {
    pub(crate) fn new(cfg: Config, mutant: Option<Mutant>) -> Self {
        Self { cfg, mutant, seen: Seen::default() }
    }

    pub(crate) fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// What comes from the store and from clients.
    fn requests(&self, w: &World, s: &Serving, acts: &mut Vec<Act>) {
        let serves = |rec: &Rec| self.serves(s, self.cfg.shard(*rec));
        acts.extend((0..self.cfg.records()).filter(serves).map(|rec| Act::Send { rec }));
        for n in (0..s.next).filter(|&n| !s.confirmed(n)) {
            let object = w.sessions[s.sid as usize].slots[n as usize];
            if object.is_some() && object == s.slots[n as usize] {
                acts.push(Act::Created { n });
            }
            acts.push(Act::Conflict { n });
        }
        if w.left.topics > 0 {
            acts.push(Act::Topic);
        }
        if w.left.producer_ids > 0 && s.block.is_some() {
            acts.push(Act::HandOut);
        }
        if s.waiting.is_none() && self.has_room(s) && s.owned(0).is_some() {
            if w.left.reads > 0 {
                acts.push(Act::Read);
            }
            if w.left.rejections > 0 {
                let refused = (0..self.cfg.records()).filter(|&rec| self.refuses(s, rec));
                acts.extend(refused.map(|rec| Act::Refuse { rec }));
            }
        }
    }

    /// What the process does of its own accord.
    fn chores(&self, w: &World, s: &Serving, idle: bool, acts: &mut Vec<Act>) {
        if s.ended {
            return acts.push(Act::Stop);
        }
        let several = self.cfg.shards > 1 || self.cfg.warm > 1 || self.cfg.follows;
        if several && (s.known as usize) < w.meta.len() {
            acts.push(Act::Learn);
        }
        for shard in 0..self.cfg.shards {
            if let Some(holding) = s.holding(shard).filter(|holding| !holding.is_replayed()) {
                acts.push(Act::Replay { shard, damaged: false });
                if w.left.damages > 0 && holding.progress == Progress::Granted {
                    acts.push(Act::Replay { shard, damaged: true });
                }
            }
            if s.owned(shard).is_some() && self.has_room(s) {
                if w.left.releases > 0 && several {
                    acts.push(Act::Release { shard });
                }
                let settled = self.after(s, shard, s.acknowledged());
                if w.left.compactions > 0 && settled.compacted() < settled.log.len() {
                    acts.push(Act::Compact { shard });
                }
            }
        }
        if !idle {
            return;
        }
        if w.left.producer_ids > 0 && s.block.is_none() {
            acts.push(Act::Block);
        }
        if self.cfg.close && self.may_close(s) {
            acts.push(Act::Close);
        }
        for shard in (0..self.cfg.shards).filter(|&shard| self.may_hand_over(s, shard)) {
            let others = (0..w.sessions.len() as Sid).filter(|&to| to != s.sid);
            acts.extend(others.map(|to| Act::HandOver { shard, to }));
        }
    }

    fn serve(&self, w: &mut World, p: u8, mut s: Serving, act: Act) {
        match act {
            Act::Send { rec } => return self.send(w, p, s, rec),
            Act::Read => return self.wait(w, p, s, None),
            Act::Refuse { rec } => return self.wait(w, p, s, Some(rec)),
            Act::Created { n } => return self.confirm(w, p, s, n),
            Act::Conflict { n } => return self.conflict(w, p, s, n),
            Act::Topic => return self.create_topic(w, p),
            Act::Release { shard } => return self.release(w, p, s, shard),
            Act::HandOver { shard, to } => return self.hand_over(w, p, &s, shard, to),
            Act::Learn => return self.learn(w, p, s),
            Act::HandOut => return self.hand_out(w, p, s),
            Act::Block => return self.ask_for_block(w, p, &s),
            Act::Compact { shard } => self.compact(w, &mut s, shard),
            Act::Close => {
                self.put(w, &mut s, Slot::Close);
                s.closing = true;
            }
            Act::Stop => return self.fenced(w, p, &s),
            Act::Replay { shard, damaged } => {
                w.left.damages -= u8::from(damaged);
                let ledger = self.ledger(w, s.known as usize);
                self.replay_holding(w, &mut s, shard, &ledger, damaged);
                self.inherited(w, &mut s);
            }
        }
        w.procs[p as usize].serving = Some(s);
    }

    fn step(&self, w: &mut World, action: Action) {
        match action {
            Action::Land(put) => {
                if let Put::Slot { sid, slot: Slot::Data { .. }, n } = put
                    && w.sessions[sid as usize].slots[..n as usize].contains(&Some(Slot::Seal))
                {
                    self.seen.mark(Event::LandedPastSeal);
                }
                self.notice_resurrection(w, &put);
                self.notice_checkpoint(w, &put);
                w.land(put, self.is(Mutant::OverwritesMetadata));
            }
            Action::Delete { sid } => self.delete(w, sid),
            Action::Begin { p, sid, damaged } => self.begin(w, p, sid, damaged),
            Action::Write { p, step } => self.write(w, p, step),
            Action::Take { p } => self.take(w, p),
            Action::Seal { p } => self.seal(w, p, w.procs[p as usize].task),
            Action::Resolve { p } | Action::Resend { p } => {
                if let Task::Proposing { k, entry } = w.procs[p as usize].task {
                    match action {
                        Action::Resend { .. } => self.resend(w, p, k, entry),
                        _ => self.resolve(w, p, k, entry),
                    }
                }
            }
            Action::Serve { p, act } => {
                if let Some(s) = w.procs[p as usize].serving {
                    self.serve(w, p, s, act);
                }
            }
        }
    }

    /// What an idle process may do about others' shards.
    fn takeovers(&self, w: &World, p: u8, proc: &Proc, actions: &mut Vec<Action>) {
        let may_take = match proc.serving {
            Some(s) => self.cfg.survivors && !s.closing,
            None => self.next_own(w, p).is_some(),
        };
        if !may_take && proc.fenced.is_none() {
            return;
        }
        let ledger = self.ledger(w, w.meta.len());
        let own = proc.serving.map(|s| s.sid);
        // A process that reads that its own session is ended has nowhere to take shards to.
        if own.is_some_and(|own| !ledger.is_open(own)) {
            return;
        }
        let suspects = (0..w.sessions.len() as Sid).filter(|&sid| {
            let matters = ledger.assigned(sid).next().is_some() || self.cfg.deletes;
            ledger.is_open(sid) && Some(sid) != own && (proc.fenced == Some(sid) || may_take && matters)
        });
        for sid in suspects {
            actions.push(Action::Begin { p, sid, damaged: false });
            if w.left.damages > 0 && w.sessions[sid as usize].checkpoints().next().is_some() {
                actions.push(Action::Begin { p, sid, damaged: true });
            }
        }
        if may_take && self.unassigned(&ledger).next().is_some() {
            actions.push(Action::Take { p });
        }
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let mut world = World {
            meta: Vec::new(),
            sessions: vec![Session::default(); self.cfg.sessions()],
            net: Vec::new(),
            procs: vec![Proc::default(); self.cfg.opens.len()],
            acked: [None; RECS],
            producer_ids: 0,
            left: self.cfg.requests,
            deletes: self.cfg.deletes,
            faults: 0,
        };
        for p in 0..self.cfg.warm {
            let sid = self.cfg.sid(p, 0);
            let mut entry = Entry { by: p, open: Some(sid), ..Entry::default() };
            let begins = |shard: &u8| p == if self.cfg.split { *shard } else { 0 };
            for shard in (0..self.cfg.shards).filter(begins) {
                entry.moves[shard as usize] = Some(Move { from: None, to: sid, leader: 0 });
            }
            world.meta.push(entry);
        }
        let ledger = self.ledger(&world, world.meta.len());
        for p in 0..self.cfg.warm {
            let mut s = Serving::new(self.cfg.sid(p, 0), self.cfg.warm, Some(p));
            self.update(&mut world, &mut s, &ledger);
            for shard in 0..2 * SHARDS as u8 {
                self.replay_holding(&world, &mut s, shard / 2, &ledger, false);
            }
            (world.procs[p as usize].opened, world.procs[p as usize].serving) = (1, Some(s));
        }
        vec![world]
    }

    fn actions(&self, w: &World, actions: &mut Vec<Action>) {
        // Only a mutant sends an entry for a key beyond the next, or one that is taken.
        let possible = |put: &Put| match put {
            Put::Meta { k, .. } => *k as usize <= w.meta.len(),
            _ => !w.taken(put),
        };
        actions.extend(w.net.iter().filter(|put| possible(put)).map(|&put| Action::Land(put)));
        if self.cfg.deletes {
            let sids = 0..w.sessions.len() as Sid;
            actions.extend(sids.filter(|&sid| self.may_delete(w, sid)).map(|sid| Action::Delete { sid }));
        }
        for (p, proc) in (0..).zip(&w.procs) {
            if let Some(s) = &proc.serving {
                let mut acts = Vec::new();
                self.requests(w, s, &mut acts);
                self.chores(w, s, proc.task == Task::Idle, &mut acts);
                actions.extend(acts.into_iter().map(|act| Action::Serve { p, act }));
            }
            actions.extend(self.writes(w, proc).map(|step| Action::Write { p, step }));
            match proc.task {
                Task::Idle => self.takeovers(w, p, proc, actions),
                Task::Sealing { .. } => actions.push(Action::Seal { p }),
                Task::Proposing { k, .. } => {
                    if (k as usize) < w.meta.len() {
                        actions.push(Action::Resolve { p });
                    }
                    if self.is(Mutant::ResendsUnresolvedEntry) && k < 4 {
                        actions.push(Action::Resend { p });
                    }
                }
                Task::Stopped => {}
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
