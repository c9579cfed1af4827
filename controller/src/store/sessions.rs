//! Sessions, the leaderships that they hold and the entries that they keep registered. Pure: the time is passed in, as the store's
//! boottime clock has it.
//!
//! What this is not: durable. A store that restarts has forgotten every session and every
//! leader, and elects whoever asks first, unless it is told to wait.
//!
//! The trap: an expired session has no effect from its deadline on, whether or not a timer has
//! removed it, so every call begins with removing what has expired.

use std::collections::BTreeMap;
use std::time::Duration;

/// The sessions of one life of the store.
#[derive(Debug)]
pub(crate) struct Sessions {
    /// When it begins to elect.
    elects_from: Duration,
    open: BTreeMap<u64, Session>,
    leaders: BTreeMap<String, Leader>,
    registered: BTreeMap<String, Registered>,
    /// How often a leadership began or ended.
    changes: u64,
}

#[derive(Debug)]
struct Session {
    ttl: Duration,
    deadline: Duration,
}

#[derive(Debug)]
struct Leader {
    session: u64,
    name: String,
}

#[derive(Debug)]
struct Registered {
    session: u64,
    value: String,
}

/// There is no such session, or no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("NOSESSION {0} is unknown or has expired")]
pub(crate) struct NoSession(u64);

/// Why nobody leads by this request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LeadError {
    /// The session cannot.
    #[error(transparent)]
    NoSession(#[from] NoSession),
    /// Nobody can yet.
    #[error("NOTYET elects nobody for another {} ms after the restart", .0.as_millis())]
    NotYet(Duration),
}

/// Who leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lead {
    /// The session that asked.
    Held,
    /// Another one, of this name.
    HeldBy(String),
}

impl Sessions {
    /// No session; nobody leads before `elects_from`.
    pub(crate) fn new(elects_from: Duration) -> Self {
        Self {
            elects_from,
            open: BTreeMap::new(),
            leaders: BTreeMap::new(),
            registered: BTreeMap::new(),
            changes: 0,
        }
    }

    /// Opens a session under an id that was never used.
    pub(crate) fn open(&mut self, id: u64, ttl: Duration, now: Duration) {
        self.open.insert(id, Session { ttl, deadline: now.saturating_add(ttl) });
    }

    /// Lets the session last for its TTL from now.
    pub(crate) fn keep(&mut self, id: u64, now: Duration) -> Result<(), NoSession> {
        self.expire(now);
        let session = self.open.get_mut(&id).ok_or(NoSession(id))?;
        session.deadline = now.saturating_add(session.ttl);
        Ok(())
    }

    /// Ends the session and what it held.
    pub(crate) fn close(&mut self, id: u64) {
        self.open.remove(&id);
        self.end_what_they_held();
    }

    /// Makes the session lead under this key if nobody does.
    pub(crate) fn lead(
        &mut self,
        key: &str,
        id: u64,
        name: &str,
        now: Duration,
    ) -> Result<Lead, LeadError> {
        self.expire(now);
        if !self.open.contains_key(&id) {
            return Err(NoSession(id).into());
        }
        if now < self.elects_from {
            return Err(LeadError::NotYet(self.elects_from.saturating_sub(now)));
        }
        match self.leaders.get(key) {
            Some(leader) if leader.session == id => Ok(Lead::Held),
            Some(leader) => Ok(Lead::HeldBy(leader.name.clone())),
            None => {
                let leader = Leader { session: id, name: name.to_owned() };
                self.leaders.insert(key.to_owned(), leader);
                self.changes += 1;
                Ok(Lead::Held)
            }
        }
    }

    /// Registers a value under this key, whoever had it, for as long as the session lasts.
    pub(crate) fn register(
        &mut self,
        key: &str,
        id: u64,
        value: &str,
        now: Duration,
    ) -> Result<(), NoSession> {
        self.expire(now);
        if !self.open.contains_key(&id) {
            return Err(NoSession(id));
        }
        let registered = Registered { session: id, value: value.to_owned() };
        self.registered.insert(key.to_owned(), registered);
        Ok(())
    }

    /// Every key that begins so and is registered, with its value.
    pub(crate) fn registered(&mut self, prefix: &str, now: Duration) -> Vec<(String, String)> {
        self.expire(now);
        let found = self.registered.iter().filter(|(key, _)| key.starts_with(prefix));
        found.map(|(key, registered)| (key.clone(), registered.value.clone())).collect()
    }

    /// The name of the leader under this key.
    pub(crate) fn leader(&self, key: &str) -> Option<&str> {
        self.leaders.get(key).map(|leader| leader.name.as_str())
    }

    /// A number that is another one after every change of any leadership.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// Ends the sessions whose deadline has come.
    pub(crate) fn expire(&mut self, now: Duration) {
        self.open.retain(|_, session| now < session.deadline);
        self.end_what_they_held();
    }

    fn end_what_they_held(&mut self) {
        let before = self.leaders.len();
        self.leaders.retain(|_, leader| self.open.contains_key(&leader.session));
        self.changes += u64::from(self.leaders.len() != before);
        self.registered.retain(|_, registered| self.open.contains_key(&registered.session));
    }

    /// When the session expires, if it is still there.
    pub(crate) fn deadline(&self, id: u64) -> Option<Duration> {
        self.open.get(&id).map(|session| session.deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_millis(100);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_session_lasts_for_its_ttl_after_the_last_keepalive() {
        let mut sessions = Sessions::new(Duration::ZERO);
        sessions.open(1, TTL, ms(0));
        assert_eq!(sessions.keep(1, ms(99)), Ok(()));
        assert_eq!(sessions.deadline(1), Some(ms(199)));
        assert_eq!(sessions.keep(1, ms(199)), Err(NoSession(1)));
        assert_eq!(sessions.keep(1, ms(0)), Err(NoSession(1)), "it does not come back");
    }

    #[test]
    fn the_first_leads_until_its_session_ends() {
        let mut sessions = Sessions::new(Duration::ZERO);
        sessions.open(1, TTL, ms(0));
        sessions.open(2, 2 * TTL, ms(0));
        assert_eq!(sessions.lead("k", 1, "one", ms(0)), Ok(Lead::Held));
        assert_eq!(sessions.lead("k", 1, "one", ms(1)), Ok(Lead::Held));
        assert_eq!(sessions.lead("k", 2, "two", ms(99)), Ok(Lead::HeldBy("one".into())));
        assert_eq!(sessions.lead("other", 2, "two", ms(99)), Ok(Lead::Held));
        assert_eq!(sessions.lead("k", 2, "two", ms(100)), Ok(Lead::Held));
        assert_eq!(sessions.lead("k", 1, "one", ms(100)), Err(NoSession(1).into()));
        assert_eq!(sessions.lead("k", 3, "three", ms(100)), Err(NoSession(3).into()));
    }

    #[test]
    fn nobody_leads_before_the_time_has_come() {
        let mut sessions = Sessions::new(ms(50));
        sessions.open(1, TTL, ms(0));
        let not_yet = Err(LeadError::NotYet(ms(1)));
        assert_eq!(sessions.lead("k", 1, "one", ms(49)), not_yet);
        assert_eq!(sessions.lead("k", 1, "one", ms(50)), Ok(Lead::Held));
    }

    #[test]
    fn every_change_of_a_leader_changes_the_number() {
        let mut sessions = Sessions::new(Duration::ZERO);
        sessions.open(1, TTL, ms(0));
        assert_eq!((sessions.leader("k"), sessions.changes()), (None, 0));
        sessions.lead("k", 1, "one", ms(0)).unwrap();
        sessions.lead("k", 1, "one", ms(1)).unwrap();
        assert_eq!((sessions.leader("k"), sessions.changes()), (Some("one"), 1));
        sessions.expire(ms(99));
        assert_eq!(sessions.changes(), 1);
        sessions.expire(ms(100));
        assert_eq!((sessions.leader("k"), sessions.changes()), (None, 2));
    }

    #[test]
    fn what_is_registered_goes_with_its_session() {
        let mut sessions = Sessions::new(ms(1000));
        sessions.open(1, TTL, ms(0));
        sessions.open(2, 2 * TTL, ms(0));
        sessions.register("peer/a", 1, "x", ms(0)).unwrap();
        sessions.register("peer/b", 2, "y", ms(0)).unwrap();
        sessions.register("other", 2, "z", ms(0)).unwrap();
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let both = [pair("peer/a", "x"), pair("peer/b", "y")];
        assert_eq!(sessions.registered("peer/", ms(99)), both);
        assert_eq!(sessions.registered("peer/", ms(100)), both[1..]);
        assert_eq!(sessions.register("peer/a", 1, "x", ms(100)), Err(NoSession(1)));
        sessions.register("peer/b", 2, "new", ms(100)).unwrap();
        assert_eq!(sessions.registered("peer/b", ms(100)), [pair("peer/b", "new")]);
        sessions.close(2);
        assert_eq!(sessions.registered("", ms(100)), []);
    }

    #[test]
    fn closing_ends_leadership_at_once() {
        let mut sessions = Sessions::new(Duration::ZERO);
        sessions.open(1, TTL, ms(0));
        sessions.open(2, TTL, ms(0));
        assert_eq!(sessions.lead("k", 1, "one", ms(0)), Ok(Lead::Held));
        sessions.close(1);
        assert_eq!(sessions.deadline(1), None);
        assert_eq!(sessions.lead("k", 2, "two", ms(0)), Ok(Lead::Held));
    }
}
