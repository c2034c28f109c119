//! A network in memory: hosts that listen, connections with latency, and links that fall silent.
//!
//! A link is silent in one direction only; what was sent meanwhile arrives when it speaks again, as TCP does;
//! a writer waits while much is unread. A dead process resets its connections, unless its machine went down
//! with it: then its peers receive nothing until another process listens there.

mod pipe;
mod socket;

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use broker::node::Broker;
use broker::peer::Connect;
use coordinator::cluster::Address;
use ingest::Service;
use parking_lot::Mutex;
use rand::Rng;
use rand::rngs::StdRng;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::process::Process;
use pipe::Pipe;
pub use socket::{Reader, Socket, Writer};

/// The port that every node listens on.
pub const PORT: u16 = 9092;

/// A host that never answers.
pub const SILENT: &str = "silent";

/// The name of every listener.
const LISTENER: &str = "PLAINTEXT";

/// A machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// Of a node.
    Node(usize),
    /// Of a client.
    Client(usize),
}

/// Who answers at a node's address.
#[derive(Clone)]
pub struct Listener {
    /// The process.
    pub process: Process,
    /// What serves the connections.
    pub service: Arc<Service>,
    /// Ends them.
    pub stop: CancellationToken,
    /// Counts them.
    pub connections: TaskTracker,
}

/// The network of a run.
#[derive(Clone)]
pub struct Network(Arc<Mutex<State>>);

struct State {
    rng: StdRng,
    /// The most that a message takes, in milliseconds.
    latency_ms: u64,
    listeners: BTreeMap<usize, Listener>,
    /// Machines that are switched off.
    off: BTreeSet<usize>,
    /// Links that are silent, from and to.
    silent: BTreeSet<(Host, Host)>,
    pipes: Vec<Weak<Pipe>>,
    /// Of those who wait for a link or a machine.
    waiting: Vec<Waker>,
}

/// The address of a node.
pub fn address(node: usize) -> Address {
    Address { listener: LISTENER.into(), host: format!("node-{node}"), port: PORT }
}

/// The node that a host name stands for.
pub fn node_named(host: &str) -> Option<usize> {
    host.strip_prefix("node-")?.parse().ok()
}

impl Network {
    /// A network whose messages take up to `latency_ms`.
    pub fn new(rng: StdRng, latency_ms: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            rng,
            latency_ms,
            listeners: BTreeMap::new(),
            off: BTreeSet::new(),
            silent: BTreeSet::new(),
            pipes: Vec::new(),
            waiting: Vec::new(),
        })))
    }

    /// Lets a process answer at a node's address. What the one before it left open is reset.
    pub fn listen(&self, node: usize, listener: Listener) {
        let mut state = self.0.lock();
        state.off.remove(&node);
        if let Some(before) = state.listeners.insert(node, listener)
            && !before.process.is_alive()
        {
            reset(&mut state, |pipe| pipe.touches(&before.process));
        }
        wake(state);
    }

    /// A process does not answer at its node's address any more.
    pub fn unlisten(&self, node: usize, process: &Process) {
        let mut state = self.0.lock();
        if state.listeners.get(&node).is_some_and(|l| l.process.is(process)) {
            state.listeners.remove(&node);
        }
    }

    /// No process answers anywhere any more.
    pub fn clear(&self) {
        let listeners = std::mem::take(&mut self.0.lock().listeners);
        drop(listeners);
    }

    /// A process of a node is dead. If its machine is `off`, no peer notices.
    pub fn died(&self, node: usize, process: &Process, off: bool) {
        let mut state = self.0.lock();
        if state.listeners.get(&node).is_some_and(|l| l.process.is(process)) {
            match off {
                // Until a process listens again.
                true => drop(state.off.insert(node)),
                false => drop(state.listeners.remove(&node)),
            }
        }
        if !off {
            reset(&mut state, |pipe| pipe.touches(process));
        }
    }

    /// What serves the connections of a process, if it answers at this node's address.
    pub fn broker(&self, node: usize, process: u64) -> Option<Arc<Broker>> {
        let state = self.0.lock();
        let listener = state.listeners.get(&node).filter(|listener| listener.process.id() == process)?;
        Some(Arc::clone(listener.service.broker()))
    }

    /// Resets every connection of a host.
    pub fn reset(&self, host: Host) {
        reset(&mut self.0.lock(), |pipe| pipe.from == host || pipe.to == host);
    }

    /// Silences a link in one direction.
    pub fn silence(&self, from: Host, to: Host) {
        self.0.lock().silent.insert((from, to));
    }

    /// Lets a link speak again, in one direction.
    pub fn restore(&self, from: Host, to: Host) {
        let mut state = self.0.lock();
        state.silent.remove(&(from, to));
        wake(state);
    }

    /// Lets every link speak again.
    pub fn restore_all(&self) {
        let mut state = self.0.lock();
        state.silent.clear();
        wake(state);
    }

    /// How a node reaches others.
    pub fn connect_from(&self, node: usize, process: &Process) -> Connect {
        let (network, process) = (self.clone(), process.clone());
        Arc::new(move |address: Address| {
            let (network, process) = (network.clone(), process.clone());
            Box::pin(async move {
                process.running().await;
                if address.host == SILENT {
                    std::future::pending::<()>().await;
                }
                let Some(target) = node_named(&address.host) else {
                    return Err(io::ErrorKind::NotFound.into());
                };
                let socket = network.connect(Host::Node(node), Some(process), target).await?;
                Ok(Box::new(socket) as Box<dyn broker::peer::Stream>)
            })
        })
    }

    /// Connects to a node. `process` is who connects, if that can be stopped or killed.
    pub async fn connect(&self, from: Host, process: Option<Process>, node: usize) -> io::Result<Socket> {
        let to = Host::Node(node);
        sleep(self.delay() + self.delay()).await;
        poll_fn(|cx| self.poll_reachable(cx, from, to)).await;
        let listener = self.0.lock().listeners.get(&node).cloned();
        let Some(listener) = listener.filter(|l| l.process.is_alive()) else {
            return Err(io::ErrorKind::ConnectionRefused.into());
        };
        let there = Arc::new(Pipe::new(from, to, process.clone(), Some(listener.process.clone())));
        let back = Arc::new(Pipe::new(to, from, Some(listener.process.clone()), process.clone()));
        {
            let mut state = self.0.lock();
            state.pipes.retain(|pipe| pipe.strong_count() > 0);
            state.pipes.extend([Arc::downgrade(&there), Arc::downgrade(&back)]);
        }
        let ours = Socket::new(self, process, Arc::clone(&back), Arc::clone(&there));
        let theirs = Socket::new(self, Some(listener.process.clone()), there, back);
        let Listener { process, service, stop, connections } = listener;
        let serving = connections.track_future(async move {
            let (read, write) = theirs.split();
            ingest::connection::serve(read, write, "simulated".into(), LISTENER.into(), service, stop).await;
        });
        drop(process.spawn(serving));
        Ok(ours.named(process.id()))
    }

    fn poll_reachable(&self, cx: &mut Context<'_>, from: Host, to: Host) -> Poll<()> {
        let mut state = self.0.lock();
        let is_off = |host: &Host| matches!(host, Host::Node(node) if state.off.contains(node));
        if is_off(&to) || state.silent.contains(&(from, to)) || state.silent.contains(&(to, from)) {
            state.waiting.push(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// Whether a link is silent; then `cx` is woken when it may speak again.
    fn is_silent(&self, cx: &mut Context<'_>, from: Host, to: Host) -> bool {
        let mut state = self.0.lock();
        if state.silent.is_empty() || !state.silent.contains(&(from, to)) {
            return false;
        }
        state.waiting.push(cx.waker().clone());
        true
    }

    fn delay(&self) -> Duration {
        let mut state = self.0.lock();
        let most = state.latency_ms;
        Duration::from_millis(state.rng.random_range(0..=most))
    }
}

fn reset(state: &mut State, which: impl Fn(&Pipe) -> bool) {
    let pipes: Vec<_> = state.pipes.iter().filter_map(Weak::upgrade).filter(|pipe| which(pipe)).collect();
    pipes.iter().for_each(|pipe| pipe.reset());
}

fn wake(mut state: parking_lot::MutexGuard<'_, State>) {
    let waiting = std::mem::take(&mut state.waiting);
    drop(state);
    waiting.into_iter().for_each(Waker::wake);
}
