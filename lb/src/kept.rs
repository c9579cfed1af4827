//! The last redirect of each shard, on the disk, for a load balancer that refuses older ones:
//! after a restart it leads where it led, and knows the version that it has to refuse below.
//!
//! ```text
//! redirects 2
//! 0 7 node-2 6666
//! 1 5 node-4 6666
//! ```
//!
//! The first line counts the others; each of them is `<shard> <version> <host> <port>`.
//!
//! What this is not: settings. A shard that has no port any more keeps its line.
//!
//! The trap: a write that failed may be on the disk all the same. The redirect is then not
//! acknowledged, and a restart may bring it; whoever sent it goes on sending.

use std::collections::BTreeMap;
use std::io;

use host::Host;

use crate::redirect::Redirect;
use crate::route::{Routes, Target};

/// Why what was kept is of no use. Starting without it would take up redirects that are older.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// The file cannot be read, or not be synced.
    #[error("cannot read {FILE}: {0}")]
    Io(#[from] io::Error),
    /// The file is not what a load balancer writes.
    #[error("{FILE} is damaged in line {line}: {what}")]
    Damaged {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
}

/// The last redirect of each shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept(BTreeMap<u32, (i64, Target)>);

impl Kept {
    /// What the disk has; nothing if there is no file.
    pub(crate) async fn load(host: &Host) -> Result<Self, KeptError> {
        let bytes = match host.disk().read(FILE).await {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error.into()),
        };
        let kept = Self::parse(&String::from_utf8_lossy(&bytes))?;
        // Who wrote it may have been killed before it was synced, and it is acted upon now.
        host.disk().sync(FILE).await?;
        Ok(kept)
    }

    /// Keeps a redirect: it survives a power loss once this has returned.
    pub(crate) async fn keep(&mut self, host: &Host, redirect: &Redirect) -> io::Result<()> {
        let Some(next) = self.with(redirect).filter(|next| next != self) else {
            return Ok(());
        };
        let disk = host.disk();
        disk.write(FILE_TMP, next.to_text().into_bytes()).await?;
        disk.sync(FILE_TMP).await?;
        disk.rename(FILE_TMP, FILE).await?;
        disk.sync(FILE).await?;
        *self = next;
        Ok(())
    }

    /// The routes are those of the last redirects again.
    pub(crate) fn restore(&self, routes: &mut Routes) {
        for (&shard, (version, target)) in &self.0 {
            let redirect = Redirect { shard, target: target.clone(), version: Some(*version) };
            if routes.redirect(&redirect).is_err() {
                tracing::warn!(shard, "{FILE} has a redirect of a shard without a port");
            }
        }
    }

    /// With this redirect as its shard's last one; `None` if it has no version.
    pub(crate) fn with(&self, redirect: &Redirect) -> Option<Self> {
        let mut next = self.clone();
        next.0.insert(redirect.shard, (redirect.version?, redirect.target.clone()));
        Some(next)
    }

    pub(crate) fn to_text(&self) -> String {
        let line = |(shard, (version, Target { host, port })): (&u32, &(i64, Target))| {
            format!("{shard} {version} {host} {port}\n")
        };
        let lines: String = self.0.iter().map(line).collect();
        format!("redirects {}\n{lines}", self.0.len())
    }

    pub(crate) fn parse(text: &str) -> Result<Self, KeptError> {
        let damaged = |line: usize, what: &str| {
            let what = what.to_owned();
            KeptError::Damaged { line: line + 1, what }
        };
        let (head, lines) = text.split_once('\n').unwrap_or((text, ""));
        let count: usize = head
            .strip_prefix("redirects ")
            .and_then(|count| count.parse().ok())
            .ok_or_else(|| damaged(0, "expected `redirects <count>`"))?;
        let mut kept = Self::default();
        for (at, line) in lines.lines().enumerate() {
            let expected = || damaged(at + 1, "expected `<shard> <version> <host> <port>`");
            let (shard, redirect) = parse_line(line).ok_or_else(expected)?;
            if kept.0.insert(shard, redirect).is_some() {
                return Err(damaged(at + 1, "the shard stands there twice"));
            }
        }
        if kept.0.len() != count {
            return Err(damaged(0, &format!("it counts {count}, there are {}", kept.0.len())));
        }
        Ok(kept)
    }
}

fn parse_line(line: &str) -> Option<(u32, (i64, Target))> {
    let [shard, version, host, port] = line.split(' ').collect::<Vec<_>>().try_into().ok()?;
    let version = version.parse().ok().filter(|version| *version >= 0)?;
    let target = Target::new(host, port.parse().ok()?);
    target.validate().ok()?;
    Some((shard.parse().ok()?, (version, target)))
}

const FILE: &str = "redirects";
const FILE_TMP: &str = "redirects.tmp";

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "redirects 2\n0 7 node-2 6666\n1 0 ::1 1\n";

    #[test]
    fn what_is_written_is_what_is_read() {
        let kept = Kept::parse(TEXT).unwrap();
        assert_eq!(kept.0[&0], (7, Target::new("node-2", 6666)));
        assert_eq!(kept.to_text(), TEXT);
        assert_eq!(Kept::parse("redirects 0\n").unwrap(), Kept::default());
    }

    #[test]
    fn what_is_damaged_is_named_with_its_line() {
        let replaced = |from: &str, to: &str| TEXT.replace(from, to);
        for (text, expected) in [
            (String::new(), "line 1: expected `redirects"),
            (replaced("redirects 2", "redirects x"), "line 1: expected `redirects"),
            (replaced("redirects 2", "redirects 3"), "line 1: it counts 3, there are 2"),
            (replaced("1 0 ::1 1\n", ""), "line 1: it counts 2, there are 1"),
            (replaced("1 0 ::1 1\n", "1 0 ::"), "line 3: expected `<shard>"),
            (replaced(" 7 ", " -7 "), "line 2: expected `<shard>"),
            (replaced(" 6666", " 66666"), "line 2: expected `<shard>"),
            (replaced(" 6666", " 0"), "line 2: expected `<shard>"),
            (replaced("node-2", ""), "line 2: expected `<shard>"),
            (replaced("\n1 0", "\n0 0"), "line 3: the shard stands there twice"),
        ] {
            let error = Kept::parse(&text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("redirects is damaged in {expected}")), "{error}");
        }
    }
}
