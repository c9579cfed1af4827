//! The topology that a node keeps and the one that it shows, in one form, so that a checker that
//! knows nothing of either can compare them: version, then one line a node, sorted, with the
//! address by which clients reach it.

use node::nodes_conf::NodesConf;
use node::topology::{Member, MemberRole, Topology};

/// What a node's `nodes.conf` says.
///
/// # Errors
/// If it is none, or has no topology.
pub fn of_nodes_conf(text: &str) -> Result<String, String> {
    let conf = NodesConf::parse(text).map_err(|error| format!("nodes.conf: {error}"))?;
    let topology = conf.topology.ok_or("nodes.conf has no topology")?;
    let Topology { version, members } = topology;
    let mut lines: Vec<String> = members.values().map(line).collect();
    lines.sort();
    Ok(format!("version {version}\n{}", lines.join("\n")))
}

fn line(member: &Member) -> String {
    let Member { id, host, port, role, lb } = member;
    let (host, port) = lb.as_ref().map_or((host, port), |lb| (&lb.host, &lb.port));
    match role {
        MemberRole::Master { slots } => {
            let slots: Vec<String> = slots.iter().map(ToString::to_string).collect();
            format!("{id} {host}:{port} master - {}", slots.join(" ")).trim_end().to_owned()
        }
        MemberRole::Replica { of } => format!("{id} {host}:{port} slave {of}"),
    }
}

/// What a node answers to `CLUSTER NODES`: `<id> <host>:<port>@<cport> <flags> <master> <ping>
/// <pong> <version> connected [slots]`.
///
/// # Errors
/// If a line is no such line, or the lines name several versions.
pub fn of_cluster_nodes(text: &str) -> Result<String, String> {
    let mut version = None;
    let mut lines = Vec::new();
    for line in text.lines() {
        let bad = || format!("CLUSTER NODES answered {line:?}");
        let fields: Vec<&str> = line.split(' ').collect();
        let [id, address, flags, of, _, _, epoch, "connected", slots @ ..] = &fields[..] else {
            return Err(bad());
        };
        if *version.get_or_insert(*epoch) != *epoch {
            return Err(format!("CLUSTER NODES names the versions {version:?} and {epoch}"));
        }
        let (address, _) = address.split_once('@').ok_or_else(bad)?;
        let role = flags.trim_start_matches("myself,");
        let shown = format!("{id} {address} {role} {of} {}", slots.join(" "));
        lines.push(shown.trim_end().to_owned());
    }
    lines.sort();
    Ok(format!("version {}\n{}", version.unwrap_or("-1"), lines.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    #[test]
    fn the_same_topology_is_the_same_text() {
        let kept = format!(
            "version 7\nid {A}\nnode {B} node-2 1 slave {A} lb 7000\nnode {A} node-1 1 master - 0-5 9\n"
        );
        let shown = format!(
            "{A} node-1:1@10001 myself,master - 99 100 7 connected 0-5 9\n\
             {B} lb:7000@17000 slave {A} 99 100 7 connected\n"
        );
        assert_eq!(of_nodes_conf(&kept), of_cluster_nodes(&shown));
        let other = shown.replace("lb:7000", "node-2:1");
        assert_ne!(of_nodes_conf(&kept), of_cluster_nodes(&other), "another address");
        let later = shown.replace(" 7 connected", " 8 connected");
        assert_ne!(of_nodes_conf(&kept), of_cluster_nodes(&later), "another version");
    }

    #[test]
    fn what_is_no_topology_is_refused() {
        assert!(of_nodes_conf("nonsense 1").unwrap_err().contains("unknown key: nonsense"));
        assert!(of_nodes_conf("version 1\n").is_err());
        assert!(of_cluster_nodes("CLUSTERDOWN").unwrap_err().contains("CLUSTERDOWN"));
        let two =
            format!("{A} h:1@2 master - 1 1 7 connected\n{B} h:2@3 slave {A} 1 1 8 connected\n");
        assert!(of_cluster_nodes(&two).unwrap_err().contains("versions"));
    }
}
