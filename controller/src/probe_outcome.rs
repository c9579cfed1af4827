//! What the reply to a probe means. Pure.

use node::client::ClientError;
use node::resp::Frame;

/// What a probe showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ProbeOutcome {
    /// The node answers; its topology has this version, −1 before any.
    Healthy {
        /// The version.
        version: i64,
    },
    /// It is taking a full copy: its failure count is neither raised nor cleared.
    Loading,
    /// It failed, for this reason.
    Failed(String),
}

/// Judges the reply to `CLUSTER INFO`, as upstream does, by texts that errors contain.
pub(crate) fn judge(reply: &Result<Frame, ClientError>) -> ProbeOutcome {
    match reply {
        Err(error) => ProbeOutcome::Failed(error.to_string()),
        Ok(Frame::Error(text)) if text.contains(LOADING) => ProbeOutcome::Loading,
        Ok(Frame::Error(text)) if text.contains(NOT_INITIALIZED) => {
            ProbeOutcome::Healthy { version: -1 }
        }
        Ok(Frame::Error(text)) => ProbeOutcome::Failed(text.to_string()),
        Ok(reply) => match info_number(reply, "cluster_current_epoch") {
            Some(version) => ProbeOutcome::Healthy { version },
            None => ProbeOutcome::Failed("CLUSTER INFO without cluster_current_epoch".to_owned()),
        },
    }
}

/// The value of a field of an INFO text (`field:value` lines).
pub(crate) fn info_field<'a>(reply: &'a Frame, field: &str) -> Option<&'a str> {
    let Frame::BulkString(text) = reply else {
        return None;
    };
    let text = std::str::from_utf8(text).ok()?;
    text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).map(str::trim)
}

/// A field of an INFO text that is a number.
pub(crate) fn info_number<T: std::str::FromStr>(reply: &Frame, field: &str) -> Option<T> {
    info_field(reply, field)?.parse().ok()
}

const LOADING: &str = "LOADING kvrocks is restoring the db from backup";
const NOT_INITIALIZED: &str = "CLUSTERDOWN The cluster is not initialized";

#[cfg(test)]
mod tests {
    use node::resp::{bulk, error, ok};

    use super::*;

    #[test]
    fn replies_are_judged_as_upstream_judges_them() {
        let healthy = |version| ProbeOutcome::Healthy { version };
        let info = "cluster_state:ok\r\ncluster_current_epoch:12\r\ncluster_my_epoch:13\r\n";
        for (reply, expected) in [
            (bulk(info), healthy(12)),
            (error("CLUSTERDOWN The cluster is not initialized"), healthy(-1)),
            (error("ERR CLUSTERDOWN The cluster is not initialized"), healthy(-1)),
            (error(LOADING), ProbeOutcome::Loading),
        ] {
            assert_eq!(judge(&Ok(reply)), expected);
        }
        for reply in [
            Ok(error("NOAUTH Authentication required.")),
            Ok(bulk("cluster_state:ok\r\n")),
            Ok(bulk("cluster_current_epoch:x\r\n")),
            Ok(ok()),
            Err(ClientError::Closed),
        ] {
            assert!(matches!(judge(&reply), ProbeOutcome::Failed(_)), "{reply:?}");
        }
    }

    #[test]
    fn fields_of_an_info_text() {
        let info = bulk("# Replication\r\nrole:slave\r\nsequence:42\r\nsequence_x:1\r\n");
        assert_eq!(info_field(&info, "role"), Some("slave"));
        assert_eq!(info_number::<u64>(&info, "sequence"), Some(42));
        assert_eq!(info_field(&info, "seq"), None);
    }
}
