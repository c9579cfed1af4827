//! Scripted peers of a controller: nodes that answer probes from their settings, and a load
//! balancer. They log what they get, and a node's log line has all requests that came in one
//! piece, before any of them is answered.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use host::{LocalBoxFuture, Stream};
use node::resp::{self, Frame, FrameReader};
use node::topology::Topology;
use tokio::io::AsyncWriteExt;

use super::memory::Network;

/// A node; the letter is the last one of its id.
pub struct FakeNode {
    pub letter: char,
    pub network: Rc<Network>,
    pub version: Cell<i64>,
    pub role: RefCell<String>,
    pub sequence: Cell<u64>,
    /// Takes requests and answers none.
    pub hung: Cell<bool>,
    /// The machine whose requests it takes and does not answer.
    pub ignores: RefCell<Option<&'static str>>,
    /// Answers SETNODES with an error.
    pub refuses_topologies: Cell<bool>,
    /// Its CLUSTER NODES.
    pub cluster_nodes: RefCell<String>,
    /// Answers everything with `-LOADING …`.
    pub loading: Cell<bool>,
    /// How many stamps it has given with replies to heartbeats; `None` if it gives none.
    pub stamps: Cell<Option<u32>>,
    /// What happens once, between the next request that contains this text and its reply.
    pub before_reply: RefCell<Option<(&'static str, LocalBoxFuture<'static, ()>)>>,
}

pub const NODE_PORT: u16 = 6666;

impl FakeNode {
    /// A node at `node-<letter>` that is in no topology.
    pub fn start(network: &Rc<Network>, letter: char) -> Rc<Self> {
        let node = Rc::new(Self {
            letter,
            network: network.clone(),
            version: Cell::new(-1),
            role: RefCell::new("slave".to_owned()),
            sequence: Cell::new(1),
            hung: Cell::new(false),
            ignores: RefCell::default(),
            refuses_topologies: Cell::default(),
            cluster_nodes: RefCell::default(),
            loading: Cell::new(false),
            stamps: Cell::new(None),
            before_reply: RefCell::default(),
        });
        let (host, serving) = (network.host(&format!("node-{letter}")), node.clone());
        host.clone().spawn(async move {
            let mut listener = host.bind(NODE_PORT).await.unwrap();
            while let Ok((stream, peer)) = listener.accept().await {
                host.spawn(serving.clone().serve(stream, peer));
            }
        });
        node
    }

    async fn serve(self: Rc<Self>, stream: Stream, peer: String) {
        let mut stream = FrameReader::new(stream);
        while let Ok(Some(first)) = stream.request().await {
            let mut requests = vec![first];
            while let Ok(Some(next)) = stream.buffered_request() {
                requests.push(next);
            }
            let lines: Vec<String> = requests.iter().map(|request| shown(request)).collect();
            self.network.tell(format!("{} gets {}", self.letter, lines.join(" + ")));
            let ignored = self.ignores.borrow().is_some_and(|ignored| ignored == peer);
            if self.hung.get() || ignored {
                std::future::pending::<()>().await;
            }
            let is_awaited = |(text, _): &mut (&str, _)| lines.join(" ").contains(*text);
            let deed = self.before_reply.borrow_mut().take_if(is_awaited);
            if let Some((_, deed)) = deed {
                deed.await;
            }
            let mut out = BytesMut::new();
            requests.iter().for_each(|request| resp::encode(&self.answer(request), &mut out));
            if stream.get_mut().write_all(&out).await.is_err() {
                return;
            }
        }
    }

    fn answer(&self, request: &[Bytes]) -> Frame {
        let words: Vec<&str> =
            request.iter().map(|word| std::str::from_utf8(word).unwrap()).collect();
        match words.as_slice() {
            _ if self.loading.get() => {
                resp::error("LOADING kvrocks is restoring the db from backup")
            }
            ["CLUSTER", "INFO"] if self.version.get() < 0 => {
                resp::error("CLUSTERDOWN The cluster is not initialized")
            }
            ["CLUSTER", "INFO"] => {
                resp::bulk(format!("cluster_current_epoch:{}\r\n", self.version.get()))
            }
            ["CLUSTER", "NODES"] => resp::bulk(self.cluster_nodes.borrow().clone()),
            ["INFO"] => resp::bulk(format!(
                "# Replication\r\nrole:{}\r\n# Keyspace\r\nsequence:{}\r\n",
                self.role.borrow(),
                self.sequence.get()
            )),
            ["CLUSTERX", "HEARTBEAT", ..] if self.stamps.get().is_some() => {
                let number = self.stamps.get().unwrap_or_default() + 1;
                self.stamps.set(Some(number));
                resp::bulk(format!("# Replication\r\nlease_stamp:{}-{number}\r\n", self.letter))
            }
            ["CLUSTERX", "SETNODES", ..] if self.refuses_topologies.get() => {
                resp::error("ERR Invalid cluster version")
            }
            ["CLUSTERX", "SETNODES", text, version] => self.take_topology(text, version),
            _ => resp::ok(),
        }
    }

    fn take_topology(&self, text: &str, version: &str) -> Frame {
        let version = version.parse().unwrap();
        let topology = Topology::parse(text, version).unwrap();
        let myself = topology.members.values().find(|member| member.id.ends_with(self.letter));
        let master = myself.is_some_and(|member| member.is_master());
        self.role.replace(if master { "master" } else { "slave" }.to_owned());
        self.version.set(version);
        resp::ok()
    }
}

/// Requests without the parts that are long: ids are their last letter, and a topology is its
/// version.
fn shown(request: &[Bytes]) -> String {
    let short = |word: &Bytes| {
        let word = String::from_utf8_lossy(word);
        match word.len() {
            40 => word[39..].to_owned(),
            41.. => "…".to_owned(),
            _ => word.into_owned(),
        }
    };
    request.iter().map(short).collect::<Vec<_>>().join(" ")
}

/// A load balancer that takes redirects, or answers an error while it is told to.
#[derive(Default)]
pub struct FakeLb {
    name: String,
    pub refuses: Cell<bool>,
    /// Takes requests and answers none.
    pub hung: Cell<bool>,
    /// Where it sends clients, and by which version; nowhere at the start.
    pub route: RefCell<Option<(String, i64)>>,
}

impl FakeLb {
    /// A load balancer at `lb`.
    pub fn start(network: &Rc<Network>, admin_port: u16) -> Rc<Self> {
        Self::start_at(network, "lb", admin_port)
    }

    pub fn start_at(network: &Rc<Network>, name: &str, admin_port: u16) -> Rc<Self> {
        let lb = Rc::new(Self { name: name.to_owned(), ..Self::default() });
        let (host, network, serving) = (network.host(name), network.clone(), lb.clone());
        host.clone().spawn(async move {
            let mut listener = host.bind(admin_port).await.unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                host.spawn(serving.clone().serve(network.clone(), stream));
            }
        });
        lb
    }

    async fn serve(self: Rc<Self>, network: Rc<Network>, stream: Stream) {
        let mut stream = FrameReader::new(stream);
        while let Ok(Some(request)) = stream.request().await {
            let words = shown(&request);
            network.tell(format!("{} gets {words}", self.name));
            if self.hung.get() {
                std::future::pending::<()>().await;
            }
            let mut out = BytesMut::new();
            resp::encode(&self.answer(&words), &mut out);
            stream.get_mut().write_all(&out).await.unwrap();
        }
    }

    fn answer(&self, words: &str) -> Frame {
        match words.split(' ').collect::<Vec<_>>().as_slice() {
            _ if self.refuses.get() => resp::error("ERR busy"),
            ["REDIRECT", _, host, port, version] => {
                self.route.replace(Some((format!("{host}:{port}"), version.parse().unwrap())));
                resp::ok()
            }
            ["ROUTE", _] => match self.route.borrow().clone() {
                Some((target, version)) => {
                    resp::array(vec![resp::bulk(target), Frame::Integer(version)])
                }
                None => Frame::Null,
            },
            other => panic!("{other:?} is not said to a load balancer"),
        }
    }
}
