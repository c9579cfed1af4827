//! The store's process: connections, timers and the disk around the pure [`super::values`] and
//! [`super::sessions`].
//!
//! The trap: a write takes effect, and is observed, in the order in which writes got to the disk,
//! and only after it was synced there. Reads meanwhile see the state before it.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use host::{Clock, Host, Observation, Random, Stream};
use node::resp::{self, Frame, FrameReader};
use rand::Rng;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::sync::{Mutex, watch};

use super::command::{self, Command};
use super::commit;
use super::sessions::{Lead, Sessions};
use super::values::{Conflict, Values};

/// The settings of a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// The port on which it listens.
    pub port: u16,
    /// How long after a restart it elects nobody, in ms; 0, the default, is upstream's: whoever
    /// asks first leads. The session TTL of its controllers here is the store's part of the rule
    /// `leader-guard`: a leader of before the restart may still prove its session alive for so
    /// long, although the store has forgotten it.
    #[serde(default)]
    pub elect_after_restart_wait_ms: u64,
}

/// Why a store could not start.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Its file cannot be read.
    #[error("cannot read {FILE}: {0}")]
    Read(#[source] io::Error),
    /// Its file cannot be written.
    #[error("cannot write {FILE}: {0}")]
    Write(#[source] io::Error),
    /// Its file is not what a store writes.
    #[error("{FILE} is damaged: {0}")]
    Damaged(#[source] serde_json::Error),
    /// It cannot listen.
    #[error("cannot listen on port {port}: {source}")]
    Listen {
        /// The port.
        port: u16,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Runs a store on this machine until it is killed. What was written before is there again,
/// sessions are not.
///
/// Every write under [`super::CLUSTER_KEY`] is told as [`Observation::Committed`] at the instant
/// at which it takes effect.
///
/// # Errors
/// [`StoreError`] if it cannot start.
pub async fn serve_store(host: Host, config: StoreConfig) -> Result<(), StoreError> {
    let wait = Duration::from_millis(config.elect_after_restart_wait_ms);
    let (values, elects_from) = match load(&host).await? {
        Some(values) => (values, host.now(Clock::Boottime).saturating_add(wait)),
        None => (begin(&host, wait).await?, Duration::ZERO),
    };
    let listen_error = |source| StoreError::Listen { port: config.port, source };
    let mut listener = host.bind(config.port).await.map_err(listen_error)?;
    let store = Rc::new(Store::new(host.clone(), values, elects_from));
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                host.spawn(serve_connection(store.clone(), stream));
            }
            Err(error) => {
                note(&host, format!("cannot accept: {error}"));
                host.sleep(Clock::Monotonic, ACCEPT_PAUSE).await;
            }
        }
    }
}

struct Store {
    host: Host,
    values: RefCell<Values>,
    sessions: RefCell<Sessions>,
    session_ids: RefCell<Random>,
    /// [`Sessions::changes`], for those who watch.
    changes: watch::Sender<u64>,
    /// Held from the decision on a write until it has taken effect.
    writing: Mutex<()>,
}

impl Store {
    fn new(host: Host, values: Values, elects_from: Duration) -> Self {
        let session_ids = RefCell::new(host.random("session-ids"));
        Self {
            host,
            values: RefCell::new(values),
            sessions: RefCell::new(Sessions::new(elects_from)),
            session_ids,
            changes: watch::Sender::default(),
            writing: Mutex::new(()),
        }
    }

    async fn execute(self: &Rc<Self>, command: Command) -> Frame {
        let now = self.host.now(Clock::Boottime);
        match command {
            Command::Get { key } => self.get(&key),
            Command::Put { key, value } => {
                self.write(&key, &value, |values| Ok(values.put(&key, &value))).await
            }
            Command::CompareAndSet { key, revision, value } => {
                let next = |values: &Values| values.compare_and_set(&key, revision, &value);
                self.write(&key, &value, next).await
            }
            Command::OpenSession { ttl } => self.open_session(ttl, now),
            Command::KeepSession { id } => {
                let kept = self.sessions.borrow_mut().keep(id, now);
                self.tell_watchers();
                kept.map_or_else(|error| resp::error(error.to_string()), |()| resp::ok())
            }
            Command::CloseSession { id } => {
                self.sessions.borrow_mut().close(id);
                self.tell_watchers();
                resp::ok()
            }
            Command::Lead { key, session, name } => {
                let lead = self.sessions.borrow_mut().lead(&key, session, &name, now);
                self.tell_watchers();
                match lead {
                    Ok(Lead::Held) => resp::ok(),
                    Ok(Lead::HeldBy(holder)) => resp::bulk(holder),
                    Err(error) => resp::error(error.to_string()),
                }
            }
            Command::Register { key, session, value } => {
                let registered = self.sessions.borrow_mut().register(&key, session, &value, now);
                self.tell_watchers();
                registered.map_or_else(|error| resp::error(error.to_string()), |()| resp::ok())
            }
            Command::Registered { prefix } => {
                let found = self.sessions.borrow_mut().registered(&prefix, now);
                self.tell_watchers();
                resp::array(found.into_iter().flat_map(|(k, v)| [k, v]).map(resp::bulk).collect())
            }
            Command::Watch { key, name, wait } => self.watch(&key, &name, wait).await,
        }
    }

    async fn watch(&self, key: &str, name: &str, wait: Duration) -> Frame {
        let mut changes = self.changes.subscribe();
        let changed = async {
            while self.sessions.borrow().leader(key) == Some(name) {
                changes.changed().await.expect("the store is there as long as its connections");
            }
        };
        // In time or not, the answer is who leads.
        let _ = self.host.timeout(Clock::Monotonic, wait, changed).await;
        let sessions = self.sessions.borrow();
        sessions.leader(key).map_or(Frame::Null, |name| resp::bulk(name.to_owned()))
    }

    fn tell_watchers(&self) {
        let now = self.sessions.borrow().changes();
        self.changes.send_if_modified(|before| std::mem::replace(before, now) != now);
    }

    fn get(&self, key: &str) -> Frame {
        match self.values.borrow().get(key) {
            Some(entry) => {
                resp::array(vec![revision_frame(entry.revision), resp::bulk(entry.value.clone())])
            }
            None => Frame::Null,
        }
    }

    async fn write(
        &self,
        key: &str,
        value: &str,
        next: impl FnOnce(&Values) -> Result<Values, Conflict>,
    ) -> Frame {
        let _writing = self.writing.lock().await;
        let next = match next(&self.values.borrow()) {
            Ok(next) => next,
            Err(conflict) => return resp::error(conflict.to_string()),
        };
        if let Err(error) = persist(&self.host, &next).await {
            return resp::error(format!(
                "ERR cannot persist, may be there after a restart: {error}"
            ));
        }
        let revision = next.revision();
        self.values.replace(next);
        if let Some(observation) = commit::observed(key, value) {
            self.host.observe(observation);
        }
        revision_frame(revision)
    }

    fn open_session(self: &Rc<Self>, ttl: Duration, now: Duration) -> Frame {
        // Positive as a RESP integer, and never one of an earlier life.
        let id = self.session_ids.borrow_mut().random_range(1..=i64::MAX.unsigned_abs());
        self.sessions.borrow_mut().open(id, ttl, now);
        self.host.spawn(expire_in_time(self.clone(), id));
        revision_frame(id)
    }
}

/// Ends a session at its deadline, wherever keepalives have moved it meanwhile.
async fn expire_in_time(store: Rc<Store>, id: u64) {
    loop {
        let Some(deadline) = store.sessions.borrow().deadline(id) else {
            return;
        };
        store.host.sleep_until(Clock::Boottime, deadline).await;
        store.sessions.borrow_mut().expire(store.host.now(Clock::Boottime));
        store.tell_watchers();
    }
}

async fn serve_connection(store: Rc<Store>, stream: Stream) {
    let mut stream = FrameReader::new(stream);
    let mut out = BytesMut::new();
    loop {
        let (reply, last) = match stream.request().await {
            Ok(Some(request)) => (answer(&store, &request).await, false),
            Ok(None) | Err(resp::RespError::Io(_) | resp::RespError::UnexpectedEof) => return,
            Err(error) => (resp::error(format!("ERR {error}")), true),
        };
        resp::encode(&reply, &mut out);
        if send(stream.get_mut(), &out).await.is_err() || last {
            return;
        }
        out.clear();
    }
}

async fn send(stream: &mut Stream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

async fn answer(store: &Rc<Store>, request: &[Bytes]) -> Frame {
    match command::parse(request) {
        Ok(command) => store.execute(command).await,
        Err(error) => resp::error(error.to_string()),
    }
}

fn revision_frame(number: u64) -> Frame {
    resp::integer(i64::try_from(number).expect("revisions count writes, ids are drawn to fit"))
}

async fn load(host: &Host) -> Result<Option<Values>, StoreError> {
    match host.disk().read(FILE).await {
        Ok(content) => serde_json::from_slice(&content).map(Some).map_err(StoreError::Damaged),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::Read(error)),
    }
}

/// The first start of all. If a later one is to be told from it, its file must be there before
/// anybody has a session.
async fn begin(host: &Host, wait: Duration) -> Result<Values, StoreError> {
    let values = Values::default();
    if !wait.is_zero() {
        persist(host, &values).await.map_err(StoreError::Write)?;
    }
    Ok(values)
}

async fn persist(host: &Host, values: &Values) -> io::Result<()> {
    let content = serde_json::to_vec(values)?;
    let disk = host.disk();
    disk.write(FILE_NEXT, content).await?;
    disk.sync(FILE_NEXT).await?;
    disk.rename(FILE_NEXT, FILE).await?;
    disk.sync(FILE).await
}

fn note(host: &Host, text: String) {
    host.observe(Observation::Note { text });
}

const FILE: &str = "store.json";
const FILE_NEXT: &str = "store.json.tmp";

/// How long to wait after a failed accept; its reason (no descriptors left, say) tells nobody
/// when it is over.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
