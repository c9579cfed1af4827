//! `INFO` and `ROLE`: how a node tells about itself to clients and controllers. The sections
//! Replication and Keyspace are also the reply of every heartbeat.
//!
//! The trap: `role` here says whether the node replicates, not what its topology calls it.

use std::fmt::Write as _;

use bytes::Bytes;
use host::{Clock, Link};

use crate::arguments;
use crate::hello;
use crate::lease_stamp::LeaseStamp;
use crate::node::Node;
use crate::replication::{Following, Replica};
use crate::reply::Reply;

/// A section of INFO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    /// `# Server`
    Server,
    /// `# Replication`
    Replication,
    /// `# Cluster`
    Cluster,
    /// `# Keyspace`
    Keyspace,
}

impl Section {
    const ALL: [Section; 4] =
        [Section::Server, Section::Replication, Section::Cluster, Section::Keyspace];

    /// The sections that are named, all if none is; unknown names are passed over.
    pub(crate) fn wanted(names: &[Bytes]) -> Vec<Section> {
        let everything = ["all", "default", "everything"];
        let all = names.is_empty()
            || names.iter().any(|name| everything.iter().any(|word| arguments::is(name, word)));
        let named = |section: &Section| {
            all || names.iter().any(|name| arguments::is(name, section.title()))
        };
        Section::ALL.into_iter().filter(named).collect()
    }

    fn title(self) -> &'static str {
        match self {
            Section::Server => "Server",
            Section::Replication => "Replication",
            Section::Cluster => "Cluster",
            Section::Keyspace => "Keyspace",
        }
    }
}

/// The text of these sections. While the node is loading, Replication and Keyspace are absent.
pub(crate) fn text(node: &Node, sections: &[Section]) -> String {
    text_with(node, sections, None)
}

/// The reply of a heartbeat: with a stamp of this moment in Replication, if leases are dated.
pub(crate) fn heartbeat_text(node: &Node) -> String {
    let stamp = node.storage.gate().stamp(node.cluster.borrow().my_id());
    text_with(node, &[Section::Replication, Section::Keyspace], stamp)
}

fn text_with(node: &Node, sections: &[Section], stamp: Option<LeaseStamp>) -> String {
    let mut text = String::new();
    for section in sections {
        let needs_data = matches!(section, Section::Replication | Section::Keyspace);
        if needs_data && node.is_loading() {
            continue;
        }
        if !text.is_empty() {
            text.push_str("\r\n");
        }
        let mut line = |line: std::fmt::Arguments<'_>| {
            write!(text, "{line}\r\n").expect("writing to a String cannot fail");
        };
        line(format_args!("# {}", section.title()));
        match section {
            Section::Server => server(node, &mut line),
            Section::Replication => {
                replication(node, &mut line);
                if let Some(stamp) = &stamp {
                    line(format_args!("lease_stamp:{stamp}"));
                }
            }
            Section::Cluster => {
                line(format_args!(
                    "cluster_enabled:{}",
                    u8::from(node.config.borrow().cluster_enabled)
                ));
            }
            Section::Keyspace => keyspace(node, &mut line),
        }
    }
    text
}

type Line<'a> = dyn FnMut(std::fmt::Arguments<'_>) + 'a;

fn server(node: &Node, line: &mut Line<'_>) {
    let mode = if node.config.borrow().cluster_enabled { "cluster" } else { "standalone" };
    line(format_args!("redis_version:{}", hello::REDIS_VERSION));
    line(format_args!("redis_mode:{mode}"));
    line(format_args!("tcp_port:{}", node.port()));
    line(format_args!("loading:{}", u8::from(node.is_loading())));
}

fn replication(node: &Node, line: &mut Line<'_>) {
    let latest = node.storage.latest();
    let following = node.following.borrow();
    match following.as_ref() {
        None => line(format_args!("role:master")),
        Some(following) => replica_lines(node, following, latest, line),
    }
    let now = node.host.now(Clock::Monotonic);
    let replicas = node.replicas.all();
    line(format_args!("connected_slaves:{}", replicas.len()));
    for (index, Replica { ip, port, offset, heard_at }) in replicas.iter().enumerate() {
        let lag = now.saturating_sub(*heard_at).as_secs();
        line(format_args!("slave{index}:ip={ip},port={port},offset={offset},lag={lag}"));
    }
    line(format_args!("master_repl_offset:{latest}"));
}

fn replica_lines(node: &Node, following: &Following, latest: u64, line: &mut Line<'_>) {
    let link = following.state.link.get();
    let now = node.host.now(Clock::Monotonic);
    let silent_s = now.saturating_sub(following.state.heard_at.get()).as_secs();
    line(format_args!("role:slave"));
    line(format_args!("master_host:{}", following.host));
    line(format_args!("master_port:{}", following.port));
    let up = if link == Link::Streaming { "up" } else { "down" };
    line(format_args!("master_link_status:{up}"));
    let unrecoverable = if following.state.unrecoverable.get() { "yes" } else { "no" };
    line(format_args!("master_sync_unrecoverable_error:{unrecoverable}"));
    line(format_args!("master_sync_in_progress:{}", u8::from(link == Link::FullSync)));
    line(format_args!("master_last_io_seconds_ago:{silent_s}"));
    line(format_args!("slave_repl_offset:{latest}"));
    line(format_args!("slave_priority:{}", node.config.borrow().slave_priority));
}

fn keyspace(node: &Node, line: &mut Line<'_>) {
    let data = node.storage.data();
    let (keys, expires) = (data.len(), data.expiring());
    line(format_args!("db0:keys={keys},expires={expires},avg_ttl=0,expired=0"));
    line(format_args!("sequence:{}", node.storage.latest()));
}

/// The reply of `ROLE`.
pub(crate) fn role(node: &Node) -> Reply {
    let offset = || Reply::bulk(node.storage.latest().to_string());
    if let Some(following) = node.following.borrow().as_ref() {
        let state = match following.state.link.get() {
            Link::Connecting => "connecting",
            Link::FullSync => "sync",
            Link::Streaming => "connected",
        };
        return Reply::Array(vec![
            Reply::bulk("slave"),
            Reply::bulk(following.host.clone()),
            Reply::Integer(following.port.into()),
            Reply::bulk(state),
            offset(),
        ]);
    }
    let row = |replica: Replica| {
        let fields = [replica.ip, replica.port.to_string(), replica.offset.to_string()];
        Reply::Array(fields.into_iter().map(Reply::bulk).collect())
    };
    let replicas = node.replicas.all().into_iter().map(row).collect();
    Reply::Array(vec![Reply::bulk("master"), offset(), Reply::Array(replicas)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_chosen_by_name() {
        let wanted = |names: &[&'static str]| {
            Section::wanted(&names.iter().map(|name| Bytes::from(*name)).collect::<Vec<_>>())
        };
        assert_eq!(wanted(&[]), Section::ALL);
        assert_eq!(wanted(&["ALL"]), Section::ALL);
        assert_eq!(wanted(&["keyspace", "REPLICATION"]), [Section::Replication, Section::Keyspace]);
        assert_eq!(wanted(&["nonsense"]), []);
    }
}
