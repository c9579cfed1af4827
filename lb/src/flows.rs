//! Which flows are established, by shard: enough to tell those that a redirect overtook that
//! they are, and to know when the last of them is gone.
//!
//! What this is not: a list of connections. A flow ends itself (see `flow`).

use std::collections::BTreeMap;
use std::future::pending;

use tokio::sync::watch;

/// The flows that lead to the present targets.
#[derive(Debug, Default)]
pub(crate) struct Flows(BTreeMap<u32, watch::Sender<bool>>);

impl Flows {
    /// A flow begins. To be called in the instant in which its target is read.
    pub(crate) fn register(&mut self, shard: u32) -> Registration {
        Registration(self.0.entry(shard).or_default().subscribe())
    }

    /// The shard's target is another from now on: all flows of before are told.
    pub(crate) fn overtake(&mut self, shard: u32) -> Overtaken {
        let flows = self.0.remove(&shard).unwrap_or_default();
        flows.send_replace(true);
        Overtaken(flows)
    }
}

/// A flow's own part. It is to be kept until the flow's connections are closed.
#[derive(Debug)]
pub(crate) struct Registration(watch::Receiver<bool>);

impl Registration {
    /// Returns once a redirect has led its shard elsewhere.
    pub(crate) async fn overtaken(&mut self) {
        if self.0.wait_for(|overtaken| *overtaken).await.is_err() {
            pending().await
        }
    }
}

/// The flows that a redirect overtook.
#[derive(Debug)]
pub(crate) struct Overtaken(watch::Sender<bool>);

impl Overtaken {
    /// Returns once none of them has a connection open.
    pub(crate) async fn gone(self) {
        self.0.closed().await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn those_of_before_are_told_and_waited_for_and_no_others() {
        let mut flows = Flows::default();
        let (mut before, mut of_other_shard) = (flows.register(0), flows.register(1));
        assert_eq!(before.overtaken().now_or_never(), None);

        let overtaken = flows.overtake(0);
        let mut after = flows.register(0);
        assert_eq!(before.overtaken().now_or_never(), Some(()));
        assert_eq!(after.overtaken().now_or_never(), None);
        assert_eq!(of_other_shard.overtaken().now_or_never(), None);

        let mut gone = Box::pin(overtaken.gone());
        assert_eq!(gone.as_mut().now_or_never(), None);
        drop(before);
        assert_eq!(gone.now_or_never(), Some(()));
        assert_eq!(flows.overtake(7).gone().now_or_never(), Some(()), "a shard without flows");
    }

    #[test]
    fn nobody_needs_to_wait_for_those_that_were_told() {
        let mut flows = Flows::default();
        let mut before = flows.register(0);
        drop(flows.overtake(0));
        assert_eq!(before.overtaken().now_or_never(), Some(()));
        let mut after = flows.register(0);
        drop(flows);
        assert_eq!(after.overtaken().now_or_never(), None, "the end of all is no redirect");
    }
}
