//! A record made from what a node shows in `CLUSTER NODES`, as upstream makes it. Pure.
//!
//! The text has ids, addresses, roles, slots and the version. It has no election version, which
//! is 0 then; and no load balancers, which are kept as they were known.
//!
//! The trap: where a load balancer stands in front of a node, the text shows the load balancer's
//! address, and that is taken for the node's own.

use node::slot::SlotRange;

use crate::cluster_record::{ClusterRecord, NodeRecord, NodeRole, RecordError, ShardRecord};

/// Why a text gives no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ClusterNodesError {
    #[error("a line of CLUSTER NODES is not understood: {0:?}")]
    Line(String),
    #[error("CLUSTER NODES gives no cluster: {0}")]
    Record(#[from] RecordError),
}

/// Makes a record of the text. Shards stand in the order of their slots, each with its master
/// first; a replica of nobody in the text is left out. What the text cannot tell is taken from
/// the record that was known.
pub(crate) fn read(text: &str, known: &ClusterRecord) -> Result<ClusterRecord, ClusterNodesError> {
    let lines: Vec<Line> = text.lines().map(Line::parse).collect::<Result<_, _>>()?;
    let mut masters: Vec<&Line> = lines.iter().filter(|l| l.role == NodeRole::Master).collect();
    masters.sort_by_key(|line| line.slots.first().map(|range| range.first));
    let shard = |master: &&Line| {
        let replicas = lines.iter().filter(|line| line.master == master.id);
        let nodes = std::iter::once(*master).chain(replicas).map(|line| line.node(known)).collect();
        shard_record(master, nodes, known)
    };
    let record = ClusterRecord {
        version: lines.last().map_or(-1, |line| line.version),
        election_version: 0,
        shards: masters.iter().map(shard).collect(),
    };
    record.validate()?;
    Ok(record)
}

fn shard_record(master: &Line, nodes: Vec<NodeRecord>, known: &ClusterRecord) -> ShardRecord {
    let has_one = |shard: &&ShardRecord| {
        shard.nodes.iter().any(|node| nodes.iter().any(|new| new.id == node.id))
    };
    let slots = master.slots.clone();
    match known.shards.iter().find(has_one) {
        Some(shard) => ShardRecord { slots, nodes, ..shard.clone() },
        None => ShardRecord { slots, nodes, lbs: Vec::new() },
    }
}

/// `<id> <host>:<port>@<cport> [myself,]<role> <master> <ping> <pong> <version> <link> [slots]`
struct Line<'a> {
    id: &'a str,
    host: &'a str,
    port: u16,
    role: NodeRole,
    master: &'a str,
    version: i64,
    slots: Vec<SlotRange>,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Result<Self, ClusterNodesError> {
        Self::try_parse(line).ok_or_else(|| ClusterNodesError::Line(line.to_owned()))
    }

    fn try_parse(line: &'a str) -> Option<Self> {
        let fields: Vec<&str> = line.split(' ').collect();
        let [id, address, flags, master, _, _, version, _, slots @ ..] = fields.as_slice() else {
            return None;
        };
        let (host, port) = address.split_once('@')?.0.rsplit_once(':')?;
        let role = match flags.split_once(',').map_or(*flags, |(_, role)| role) {
            "master" => NodeRole::Master,
            "slave" => NodeRole::Slave,
            _ => return None,
        };
        // Slots on their way to or from another node stand in brackets.
        let slots = slots.iter().filter(|field| !field.starts_with('['));
        Some(Self {
            id,
            host,
            port: port.parse().ok()?,
            role,
            master,
            version: version.parse().ok()?,
            slots: slots.map(|field| field.parse().ok()).collect::<Option<_>>()?,
        })
    }

    fn node(&self, known: &ClusterRecord) -> NodeRecord {
        let (id, host) = (self.id.to_owned(), self.host.to_owned());
        let Self { port, role, .. } = *self;
        match known.nodes().find(|(_, _, node)| node.id == id) {
            Some((_, _, node)) => {
                let mut node = NodeRecord { host, port, ..node.clone() };
                node.take_role(role);
                node
            }
            None => NodeRecord { id, host, port, role, deposed: false, lb: None },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster_record::tests::{id, record};

    /// The lines of the cluster in which `b` is master, as a node behind a load balancer shows
    /// them.
    fn text(version: i64) -> String {
        let (a, b, c) = (id('a'), id('b'), id('c'));
        format!(
            "{a} node-a:6666@16666 myself,slave {b} 99 100 {version} connected\n\
             {b} lb:7000@17000 master - 99 100 {version} connected 0-99 101-16383 [5->-{a}]\n\
             {c} node-c:6666@16666 slave {b} 99 100 {version} connected\n"
        )
    }

    #[test]
    fn everything_in_the_text_is_taken_as_it_stands() {
        let read = read(&text(9), &record()).unwrap();
        assert_eq!((read.version, read.election_version), (9, 0));
        assert_eq!(read.masters()[0].member, id('b'));
        let nodes = &read.shards[0].nodes;
        let addresses: Vec<String> = nodes.iter().map(NodeRecord::address).collect();
        assert_eq!(addresses, ["lb:7000", "node-a:6666", "node-c:6666"]);
        assert_eq!(nodes.iter().map(|node| node.deposed).collect::<Vec<_>>(), [false, true, false]);
        let slots: Vec<String> = read.shards[0].slots.iter().map(SlotRange::to_string).collect();
        assert_eq!(slots, ["0-99", "101-16383"]);
    }

    #[test]
    fn what_it_does_not_show_is_kept_or_lost() {
        let known = ClusterRecord { election_version: 7, ..record() };
        let read = read(&text(9), &known).unwrap();
        assert_eq!(read.shards[0].lbs, known.shards[0].lbs);
        assert_eq!(read.election_version, 0);
        let mut stranger = record();
        stranger.shards[0].nodes.iter_mut().for_each(|node| node.id = id('x'));
        assert_eq!(super::read(&text(9), &stranger).unwrap().shards[0].lbs, []);
    }

    #[test]
    fn shards_stand_in_the_order_of_their_slots() {
        let (a, b) = (id('a'), id('b'));
        // No LB is known: each of the two masters would stand behind the one of `record`.
        let mut known = record();
        known.shards[0].lbs.clear();
        let text = format!(
            "{b} node-b:1@2 master - 1 2 3 connected 100-16383\n\
             {a} node-a:1@2 master - 1 2 3 connected 0-99\n"
        );
        let masters = read(&text, &known).unwrap().masters();
        assert_eq!([&masters[0].member, &masters[1].member], [&a, &b]);
    }

    #[test]
    fn what_is_no_cluster_is_refused() {
        let line = |line: &str| read(line, &record()).unwrap_err();
        for wrong in [
            "",
            "x",
            &text(9).replace("6666@", "x@"),
            &text(9).replace("@16666", ""),
            &text(9).replace("slave", "witness"),
            &text(9).replace(" 9 ", " nine "),
            &text(9).replace("0-99", "0-x"),
            &text(9).replace(" master - ", &format!(" slave {} ", id('b'))),
        ] {
            line(wrong);
        }
        assert!(matches!(line("x"), ClusterNodesError::Line(_)));
        assert!(matches!(line(""), ClusterNodesError::Record(_)));
    }
}
