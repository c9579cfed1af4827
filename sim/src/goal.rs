//! Goals: what a run must have reached, because otherwise its pass is empty. Whether it did is
//! judged in `check`.

use serde::{Deserialize, Serialize};

/// Something that a run must have reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Goal {
    /// Clients had writes acknowledged before the first fault, and after the last heal.
    Writes,
    /// Clients behind a load balancer had writes acknowledged after the last heal.
    LbWrites,
    /// A promotion took effect.
    Promotion,
    /// A second one did, too.
    TwoPromotions,
    /// No commit changed a master.
    NoPromotion,
    /// A deposed node acknowledged a write after p.
    StaleWrite,
    /// It did so for a client behind a load balancer.
    StaleLbWrite,
    /// Another controller than the first one believed that it leads.
    LeaderChange,
    /// The lease of the master of before p ran out after p, while it was not renewed.
    LeaseEndedAfterP,
    /// A process was killed and began another life.
    Restart,
    /// A process hung.
    Hang,
    /// A task stood at a point at which a fault held it up.
    Stalled,
    /// A fault moved a clock.
    ClockMoved,
}

impl Goal {
    /// The goal in words.
    pub fn words(&self) -> &'static str {
        match self {
            Goal::Writes => "clients wrote before the faults and after the heal",
            Goal::LbWrites => "clients behind a load balancer wrote after the heal",
            Goal::Promotion => "a promotion took effect",
            Goal::TwoPromotions => "two promotions took effect",
            Goal::NoPromotion => "no master was changed",
            Goal::StaleWrite => "a deposed node acknowledged a write",
            Goal::StaleLbWrite => "a deposed node acknowledged a write through a load balancer",
            Goal::LeaderChange => "another controller began to lead",
            Goal::LeaseEndedAfterP => "the old master's lease ran out after the promotion",
            Goal::Restart => "a process began another life",
            Goal::Hang => "a process hung",
            Goal::Stalled => "a task was held up at a point",
            Goal::ClockMoved => "a clock was moved",
        }
    }
}
