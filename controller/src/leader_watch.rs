//! Hears from the store that leadership has changed hands, without asking all the time: a long
//! poll beside the campaign, which then asks at once.
//!
//! The trap: silence says nothing. A controller that is cut off from the store hears of no change,
//! and as upstream goes on believing what it heard last.

use host::{Clock, Host};
use node::client::Timeouts;
use tokio::sync::{Notify, watch};

use crate::config::ControllerConfig;
use crate::leadership::LEADER_KEY;
use crate::store::client::StoreClient;

/// The leader as it was heard of last.
#[derive(Default)]
pub(crate) struct LeaderWatch {
    heard: watch::Sender<Option<String>>,
    changed: Notify,
}

impl LeaderWatch {
    /// The campaign has heard this, or nothing; it is watched from now on.
    pub(crate) fn heard(&self, leader: Option<&str>) {
        self.heard.send_replace(leader.map(str::to_owned));
    }

    /// The leader as it was heard of last.
    pub(crate) fn leader(&self) -> Option<String> {
        self.heard.borrow().clone()
    }

    /// Waits until the store says that somebody else leads than was heard, or nobody.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Watches for ever.
    pub(crate) async fn run(&self, host: &Host, config: &ControllerConfig) {
        let wait = config.session_ttl();
        let pause = config.keepalive_interval();
        let timeouts = Timeouts { connect: pause, request: wait.saturating_add(pause) };
        let store = StoreClient::new(host, &config.store, timeouts);
        let mut heard = self.heard.subscribe();
        loop {
            let leader = {
                let leader = heard.wait_for(Option::is_some).await.expect(OWN_SENDER);
                leader.clone().expect("it was waited for")
            };
            match store.watch_leader(LEADER_KEY, &leader, wait).await {
                Ok(now) if now.as_ref() == Some(&leader) => {}
                Ok(_) => {
                    heard.mark_unchanged();
                    self.changed.notify_one();
                    heard.changed().await.expect(OWN_SENDER);
                }
                Err(_) => host.sleep(Clock::Monotonic, pause).await,
            }
        }
    }
}

const OWN_SENDER: &str = "the sender is this watch's own";
