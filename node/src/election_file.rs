//! The election version on disk, in a file of its own: below it this node takes no heartbeat,
//! in this life and all later ones. Rule `durable-version`.
//!
//! ```text
//! election_version 7
//! ```
//!
//! What this is not: a part of `nodes.conf`, where an unknown key stops a real Kvrocks. Nor
//! bound to the node's role or topology: it outlives `CLUSTER RESET`. Whoever moves a node to a
//! cluster that counts elections from lower numbers removes the file.
//!
//! The trap: an attempt that failed may have reached the disk. What was lower than an attempt
//! stays refused.

use std::cell::Cell;
use std::io;

use host::Host;

/// The name of the file.
pub(crate) const ELECTION_CONF: &str = "election.conf";
const ELECTION_CONF_TMP: &str = "election.conf.tmp";

/// The file. Its methods are not to be called side by side.
pub(crate) struct ElectionFile {
    host: Host,
    /// What survives power loss.
    kept: Cell<u64>,
    /// The highest version that was ever to be kept.
    attempted: Cell<u64>,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ElectionFileError {
    /// It cannot be read.
    #[error("{ELECTION_CONF}: {0}")]
    Io(#[from] io::Error),
    /// It holds something else.
    #[error(
        "{ELECTION_CONF}: allowed is one line, `election_version N`, N from 0 to {}, and not \
         `{found}`",
        u64::MAX
    )]
    Malformed {
        /// The beginning of what it holds.
        found: String,
    },
}

impl ElectionFile {
    /// The file that is there, or will be.
    pub(crate) fn new(host: Host) -> Self {
        Self { host, kept: Cell::new(0), attempted: Cell::new(0) }
    }

    /// The version that an earlier life kept; 0 if there was none.
    ///
    /// # Errors
    /// See [`ElectionFileError`].
    pub(crate) async fn load(&self) -> Result<u64, ElectionFileError> {
        let version = match self.host.disk().read(ELECTION_CONF).await {
            Ok(bytes) => parse(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error.into()),
        };
        // Its content was synced before it got its name, but the name may not have been: what is
        // read survives power loss only once it is written again.
        self.kept.set(0);
        self.attempted.set(version);
        Ok(version)
    }

    /// The highest version that may be on the disk.
    pub(crate) fn attempted(&self) -> u64 {
        self.attempted.get()
    }

    /// Makes this version survive restarts and power loss, unless as high a one does already.
    ///
    /// # Errors
    /// If the disk says so. The version may or may not be kept then.
    pub(crate) async fn keep(&self, version: u64) -> io::Result<()> {
        if version <= self.kept.get() {
            return Ok(());
        }
        self.attempted.set(version.max(self.attempted.get()));
        let disk = self.host.disk();
        disk.write(ELECTION_CONF_TMP, text(version).into_bytes()).await?;
        disk.sync(ELECTION_CONF_TMP).await?;
        disk.rename(ELECTION_CONF_TMP, ELECTION_CONF).await?;
        disk.sync(ELECTION_CONF).await?;
        self.kept.set(version);
        Ok(())
    }
}

fn text(version: u64) -> String {
    format!("election_version {version}\n")
}

/// Whatever is not exactly what [`text`] writes is damaged.
fn parse(bytes: &[u8]) -> Result<u64, ElectionFileError> {
    let content = String::from_utf8_lossy(bytes);
    let number = content.strip_prefix("election_version ").map(str::trim_end);
    let version = number.and_then(|number| number.parse().ok());
    version.filter(|version| text(*version) == content).ok_or_else(|| {
        ElectionFileError::Malformed { found: content.escape_debug().take(SHOWN_MAX).collect() }
    })
}

/// So much of a file that is damaged is shown.
const SHOWN_MAX: usize = 60;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_damaged() {
        for bad in [
            "",
            "7\n",
            "election_version 7",
            "election_version 7\n\n",
            "election_version 07\n",
            "election_version +7\n",
            "election_version -7\n",
            "election_version 18446744073709551616\n",
            "election_version 7\nelection_version 8\n",
            "version 7\n",
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
        let error = parse(&[b'x', 0xff, b'\n']).unwrap_err().to_string();
        assert_eq!(
            error,
            "election.conf: allowed is one line, `election_version N`, N from 0 to \
             18446744073709551615, and not `x\u{fffd}\\n`"
        );
        let long = parse(&[b'x'; 10_000]).unwrap_err().to_string();
        assert!(long.len() < 200, "{long}");
    }

    proptest! {
        #[test]
        fn parse_reads_what_is_written_whole(version in any::<u64>()) {
            let text = text(version);
            prop_assert_eq!(parse(text.as_bytes()).unwrap(), version);
            prop_assert!(parse(&text.as_bytes()[..text.len() - 1]).is_err());
        }
    }
}
