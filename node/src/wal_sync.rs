//! When the write-ahead log is made to survive power loss: the option `wal-sync`.
//!
//! What this is not: about a crash of the process. What was written survives that in any case.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// When the log is synced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum WalSync {
    /// Never: power loss may take any acknowledged write. Upstream's default.
    #[default]
    No,
    /// Before a write is acknowledged: power loss takes none.
    EveryWrite,
    /// So many milliseconds after a write: power loss may take what is younger.
    EveryMs(u64),
}

impl WalSync {
    /// What is allowed.
    pub const ALLOWED: &str = "expected no, every-write, or milliseconds, 1 or more";

    /// How long after a write the log is synced, if that is not at once.
    pub(crate) fn period(self) -> Option<Duration> {
        match self {
            WalSync::No | WalSync::EveryWrite => None,
            WalSync::EveryMs(ms) => Some(Duration::from_millis(ms)),
        }
    }
}

impl fmt::Display for WalSync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WalSync::No => f.write_str("no"),
            WalSync::EveryWrite => f.write_str("every-write"),
            WalSync::EveryMs(ms) => write!(f, "{ms}"),
        }
    }
}

/// The text is none of [`WalSync::ALLOWED`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", WalSync::ALLOWED)]
pub struct NotAWalSync;

impl FromStr for WalSync {
    type Err = NotAWalSync;

    fn from_str(text: &str) -> Result<Self, NotAWalSync> {
        match text.to_ascii_lowercase().as_str() {
            "no" => Ok(WalSync::No),
            "every-write" => Ok(WalSync::EveryWrite),
            ms => {
                let ms = ms.parse().ok().filter(|ms| *ms > 0);
                ms.map(WalSync::EveryMs).ok_or(NotAWalSync)
            }
        }
    }
}

impl TryFrom<String> for WalSync {
    type Error = NotAWalSync;

    fn try_from(text: String) -> Result<Self, NotAWalSync> {
        text.parse()
    }
}

impl From<WalSync> for String {
    fn from(sync: WalSync) -> Self {
        sync.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        for (text, sync) in [
            ("no", Ok(WalSync::No)),
            ("EVERY-WRITE", Ok(WalSync::EveryWrite)),
            ("200", Ok(WalSync::EveryMs(200))),
            ("0", Err(NotAWalSync)),
            ("yes", Err(NotAWalSync)),
            ("", Err(NotAWalSync)),
        ] {
            assert_eq!(text.parse(), sync, "{text}");
            if let Ok(sync) = sync {
                assert_eq!(sync.to_string(), text.to_lowercase());
            }
        }
    }
}
