//! The text of `nodes.conf`: version, own id and members, one per line. Pure, but for the
//! writing of the file.
//!
//! ```text
//! version 7
//! id <id>
//! node <id> <host> <port> master -  0-100 200 [<lb_host> <lb_port>]
//! node <id> <host> <port> slave <master_id> [<lb_host> <lb_port>]
//! ```
//!
//! What this is not: a place for anything else; an unknown key stops a real Kvrocks at start.
//!
//! The trap: the file brings a role back before anybody confirms it. A node that was master
//! when it died is master when it starts.

use std::fmt::Write as _;
use std::io;

use host::Host;

use crate::topology::{ID_LENGTH, Member, MemberRole, Topology, TopologyError};

/// The name of the file.
pub const NODES_CONF: &str = "nodes.conf";
const NODES_CONF_TMP: &str = "nodes.conf.tmp";

/// Why a text is no `nodes.conf`, worded as upstream words it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodesConfError {
    /// A line begins with something else than `version`, `id` or `node`.
    #[error("unknown key: {0}")]
    UnknownKey(String),
    /// The version is no number, or there are members without one.
    #[error("Invalid cluster version")]
    Version,
    /// The node's own id is not 40 bytes long.
    #[error("Invalid cluster node id")]
    Id,
    /// The members are no topology.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// The file is not UTF-8.
    #[error("not UTF-8")]
    NotText,
}

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodesConf {
    /// The node's own id; empty if it has none.
    pub my_id: String,
    /// The topology; absent if only the id was ever set.
    pub topology: Option<Topology>,
}

impl NodesConf {
    /// Reads the text. Blank lines and those that begin with `#` say nothing.
    ///
    /// # Errors
    /// See [`NodesConfError`].
    pub fn parse(text: &str) -> Result<NodesConf, NodesConfError> {
        let mut conf = NodesConf::default();
        let mut version = -1;
        let mut members = String::new();
        for line in text.lines().map(str::trim_start) {
            let (key, rest) = line.split_once(' ').unwrap_or((line, ""));
            match key {
                "" => {}
                comment if comment.starts_with('#') => {}
                "version" => {
                    version = rest.trim().parse().map_err(|_| NodesConfError::Version)?;
                }
                "id" => conf.my_id = parse_id(rest.trim())?,
                "node" => {
                    members.push_str(rest);
                    members.push('\n');
                }
                unknown => return Err(NodesConfError::UnknownKey(unknown.to_owned())),
            }
        }
        if version >= 0 {
            conf.topology = Some(Topology::parse(&members, version)?);
        } else if !members.is_empty() {
            return Err(NodesConfError::Version);
        }
        Ok(conf)
    }

    /// The text, in upstream's format to the blank.
    pub fn to_text(&self) -> String {
        text(&self.my_id, self.topology.as_ref())
    }
}

fn parse_id(id: &str) -> Result<String, NodesConfError> {
    match id.len() {
        0 | ID_LENGTH => Ok(id.to_owned()),
        _ => Err(NodesConfError::Id),
    }
}

/// As [`NodesConf::to_text`].
pub(crate) fn text(my_id: &str, topology: Option<&Topology>) -> String {
    let version = topology.map_or(-1, |topology| topology.version);
    let mut text = format!("version {version}\nid {my_id}\n");
    for member in topology.into_iter().flat_map(|topology| topology.members.values()) {
        node_line(&mut text, member).expect("writing to a String cannot fail");
    }
    text
}

fn node_line(text: &mut String, member: &Member) -> std::fmt::Result {
    let Member { id, host, port, role, lb } = member;
    write!(text, "node {id} {host} {port} ")?;
    match role {
        MemberRole::Master { slots } => {
            write!(text, "master - ")?;
            slots.iter().try_for_each(|range| write!(text, " {range}"))?;
            if lb.is_some() && !slots.is_empty() {
                write!(text, " ")?;
            }
        }
        MemberRole::Replica { of } => write!(text, "slave {of} ")?,
    }
    if let Some(lb) = lb {
        write!(text, "{} {}", lb.host, lb.port)?;
    }
    writeln!(text)
}

/// Writes the file by way of a temporary one. As upstream, without a sync: power loss may bring
/// the old one back.
pub(crate) async fn store(host: &Host, text: String) -> io::Result<()> {
    let disk = host.disk();
    disk.write(NODES_CONF_TMP, text.into_bytes()).await?;
    disk.rename(NODES_CONF_TMP, NODES_CONF).await
}

/// Reads the file if there is one.
pub(crate) async fn load(host: &Host) -> io::Result<Option<Vec<u8>>> {
    match host.disk().read(NODES_CONF).await {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes the file if there is one.
pub(crate) async fn remove(host: &Host) -> io::Result<()> {
    match host.disk().remove(NODES_CONF).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::slot::SlotRange;
    use crate::topology::LbAddress;

    const EXAMPLE: &str = "version 7
id 07c37dfeb235213a872192d90877d0cd55635b91
node 07c37dfeb235213a872192d90877d0cd55635b91 127.0.0.1 6666 master -  0-100 200
node 07c37dfeb235213a872192d90877d0cd55635b92 127.0.0.1 6667 slave \
07c37dfeb235213a872192d90877d0cd55635b91 
node 07c37dfeb235213a872192d90877d0cd55635b93 127.0.0.1 6668 master - 
";

    #[test]
    fn upstreams_example_is_read_and_written_to_the_byte() {
        let conf = NodesConf::parse(EXAMPLE).unwrap();
        assert_eq!(conf.my_id, "07c37dfeb235213a872192d90877d0cd55635b91");
        assert_eq!(conf.topology.as_ref().unwrap().members.len(), 3);
        assert_eq!(conf.to_text(), EXAMPLE);
    }

    #[test]
    fn load_balancers_stand_at_the_end() {
        let id = "a".repeat(40);
        for line in [
            format!("node {id} h 1 master -  0-5 7 lb 70"),
            format!("node {id} h 1 master - lb 70"),
            format!("node {id} h 1 slave {} lb 70", "b".repeat(40)),
        ] {
            let text = format!("version 1\nid {id}\n{line}\n");
            let conf = NodesConf::parse(&text).unwrap();
            let lb = LbAddress { host: "lb".to_owned(), port: 70 };
            assert_eq!(conf.topology.as_ref().unwrap().members[0].lb, Some(lb));
            assert_eq!(conf.to_text(), text);
        }
    }

    #[test]
    fn an_id_without_a_topology_is_kept() {
        let conf = NodesConf { my_id: "a".repeat(40), topology: None };
        assert_eq!(NodesConf::parse(&conf.to_text()), Ok(conf));
        assert_eq!(NodesConf::parse("version -1\nid \n"), Ok(NodesConf::default()));
        assert_eq!(NodesConf::parse("# nothing\n\n"), Ok(NodesConf::default()));
    }

    #[test]
    fn what_is_refused() {
        let id = "a".repeat(40);
        for (text, error) in [
            ("epoch 3".to_owned(), "unknown key: epoch"),
            ("version x".to_owned(), "Invalid cluster version"),
            ("id abc".to_owned(), "Invalid cluster node id"),
            (format!("node {id} h 1 master -"), "Invalid cluster version"),
            ("version 1".to_owned(), "Invalid cluster nodes info"),
            (format!("version 1\nnode {id} h x master -"), "Invalid cluster node port"),
        ] {
            assert_eq!(NodesConf::parse(&text).unwrap_err().to_string(), error, "{text}");
        }
    }

    fn member() -> impl Strategy<Value = Member> {
        let id = "[0-9a-f]{40}";
        let lb = proptest::option::of(("lb[a-z-]{0,5}", 1..u16::MAX));
        (id, "[a-z]{1,9}", any::<u16>(), proptest::option::of(id), lb).prop_map(
            |(id, host, port, of, lb)| {
                let role = match of {
                    Some(of) => MemberRole::Replica { of },
                    None => MemberRole::Master { slots: vec![] },
                };
                let lb = lb.map(|(host, port)| LbAddress { host, port });
                Member { id, host, port, role, lb }
            },
        )
    }

    proptest! {
        #[test]
        fn parse_reads_what_to_text_writes(
            my_id in "([0-9a-f]{40})?",
            version in 0..i64::MAX,
            drafts in proptest::collection::vec(member(), 1..6),
        ) {
            let mut topology = Topology { version, members: Default::default() };
            for (index, mut member) in drafts.into_iter().enumerate() {
                if let MemberRole::Master { slots } = &mut member.role {
                    let first = 100 * index as u16;
                    *slots = vec![SlotRange { first, last: first + 50 }];
                }
                topology.members.insert(member.id.clone(), member);
            }
            let conf = NodesConf { my_id, topology: Some(topology) };
            prop_assert_eq!(NodesConf::parse(&conf.to_text()), Ok(conf));
        }

        #[test]
        fn what_is_accepted_of_any_text_is_kept_whole(
            lines in proptest::collection::vec("(version|id|node|#)? ?[ -~]{0,60}", 0..6),
            noise in proptest::collection::vec(any::<char>(), 0..40),
        ) {
            let noise: String = noise.into_iter().collect();
            for text in [lines.join("\n"), noise] {
                if let Ok(conf) = NodesConf::parse(&text) {
                    prop_assert_eq!(NodesConf::parse(&conf.to_text()), Ok(conf));
                }
            }
        }
    }
}
