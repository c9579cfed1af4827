//! `splitbrain serve controller`: from a file with every setting, or from flags.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use controller::cluster_record::{LbRecord, NodeRecord, NodeRole, ShardRecord};
use controller::{
    ClusterRecord, ControllerConfig, ControllerRules, Heartbeat, LeaseConfig, ProbeConfig,
    StoreAddress,
};
use node::slot::{SLOTS, SlotRange};

use super::address::{Address, LbAddress, NodeLb, ShardLb};
use super::{LOCALHOST, Place, WIND_UP_MAX};
use crate::cli::CliError;
use crate::cluster::node_id;

#[derive(Args, Debug)]
pub(super) struct ServeController {
    /// Every setting, as TOML; instead of all other flags.
    #[arg(long, value_name = "FILE.toml", exclusive = true)]
    config: Option<PathBuf>,
    /// Where the store listens.
    #[arg(long, value_name = "HOST:PORT", required_unless_present = "config")]
    store: Option<Address>,
    /// The nodes of a shard, the first master first. Given several times: as many shards, which
    /// share the slots evenly. Of use only to a store that has no cluster yet.
    #[arg(
        long,
        value_name = "HOST:PORT,HOST:PORT,…",
        required_unless_present = "config",
        value_parser = parse_shard
    )]
    nodes: Vec<Shard>,
    /// A load balancer in front of the master of a shard, which is the first one, 0, unless it is
    /// named. May be given several times, for one shard too.
    #[arg(long, value_name = "[SHARD=]HOST:PORT:ADMINPORT")]
    lb: Vec<ShardLb>,
    /// The load balancer of a node's own: leads to that node until it is deposed, and then to the
    /// shard's master. May be given several times.
    #[arg(long, value_name = "NODE=HOST:PORT:ADMINPORT")]
    node_lb: Vec<NodeLb>,
    /// How long a lease lasts; without it there is none.
    #[arg(long, value_name = "MS")]
    ttl_ms: Option<u64>,
    /// Whether a heartbeat goes with the probe, or only after a good reply to it.
    #[arg(long, value_enum, default_value = "with-info")]
    heartbeat: HeartbeatArgument,
    /// From the start of one round of probes to the start of the next.
    #[arg(long, value_name = "MS", default_value_t = ProbeConfig::default().interval_ms)]
    probe_interval_ms: u64,
    /// How long a connection to a node may take.
    #[arg(long, value_name = "MS", default_value_t = ProbeConfig::default().connect_timeout_ms)]
    connect_timeout_ms: u64,
    /// How long a node's reply may take.
    #[arg(long, value_name = "MS", default_value_t = ProbeConfig::default().request_timeout_ms)]
    request_timeout_ms: u64,
    /// After how many failed probes in a row a master is replaced.
    #[arg(long, value_name = "N", default_value_t = ProbeConfig::default().failures)]
    failures: u32,
    /// How long the store keeps a silent controller's leadership.
    #[arg(long, value_name = "MS", default_value_t = 6_000)]
    session_ttl_ms: u64,
    #[command(flatten)]
    rules: RuleFlags,
    /// The port for orders of operators and questions of other controllers; without it there is
    /// none.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    admin_port: Option<u16>,
    /// Its name in elections, different from other controllers' [default: made of its process
    /// id].
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// The rules, each off unless it is named.
#[derive(Args, Debug)]
struct RuleFlags {
    /// Echo the nodes' stamps, for nodes with `--master-lease-dated yes`; `--heartbeat` has no
    /// say then.
    #[arg(long)]
    dated_heartbeat: bool,
    /// Grant, promote, write and push only while the own session is provably alive.
    #[arg(long)]
    leader_guard: bool,
    /// Promote nobody before the leases of the old master have expired.
    #[arg(long)]
    promotion_wait: bool,
    /// Never adopt a node's topology: raise the version above it and push the record back.
    #[arg(long)]
    store_is_truth: bool,
    /// Never promote a replica that has nothing, once its shard has taken a write.
    #[arg(long)]
    no_empty_candidate: bool,
    /// Promote only if every other controller says that it does not reach the master either; needs
    /// `--admin-port`.
    #[arg(long)]
    peer_vote: bool,
    /// By how much any clock may be off, in millionths.
    #[arg(long, value_name = "PPM", default_value_t = 0)]
    drift_ppm: u64,
}

impl RuleFlags {
    fn rules(&self) -> ControllerRules {
        ControllerRules {
            dated_heartbeat: self.dated_heartbeat,
            leader_guard: self.leader_guard,
            promotion_wait: self.promotion_wait,
            store_is_truth: self.store_is_truth,
            no_empty_candidate: self.no_empty_candidate,
            peer_vote: self.peer_vote,
            drift_ppm: self.drift_ppm,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum HeartbeatArgument {
    /// In one write with the probe: a hung node finds both in its buffer.
    WithInfo,
    /// Only after a good reply to the probe.
    AfterInfo,
}

impl ServeController {
    pub(super) fn execute(self) -> Result<u8, CliError> {
        let config = match &self.config {
            Some(path) => read(path)?,
            None => self.settings()?,
        };
        config.validate().map_err(|error| CliError::Usage(error.to_string()))?;
        for warning in config.warnings() {
            tracing::warn!("{warning}");
        }
        // It keeps nothing, so any folder does.
        let place = Place { name: config.name.clone(), bind: LOCALHOST, dir: PathBuf::from(".") };
        super::run_within(place, WIND_UP_MAX, async |host, mut signals| {
            let StoreAddress { host: store, port } = &config.store;
            tracing::info!("controller {} with the store {store}:{port}", config.name);
            let end = async {
                let _which = signals.receive().await;
            };
            controller::serve_until(host, config, end).await
        })
    }

    fn settings(self) -> Result<ControllerConfig, CliError> {
        let Address { host, port } = self.store.ok_or_else(|| missing("--store"))?;
        Ok(ControllerConfig {
            name: self.name.unwrap_or_else(|| format!("controller-{}", std::process::id())),
            store: StoreAddress { host, port },
            session_ttl_ms: self.session_ttl_ms,
            probe: ProbeConfig {
                interval_ms: self.probe_interval_ms,
                connect_timeout_ms: self.connect_timeout_ms,
                request_timeout_ms: self.request_timeout_ms,
                failures: self.failures,
            },
            lease: self.ttl_ms.map(|ttl_ms| LeaseConfig { ttl_ms }),
            heartbeat: match self.heartbeat {
                HeartbeatArgument::WithInfo => Heartbeat::WithInfo,
                HeartbeatArgument::AfterInfo => Heartbeat::AfterInfo,
            },
            rules: self.rules.rules(),
            admin_port: self.admin_port,
            admin_host: Some(LOCALHOST.to_string()),
            initial: record(self.nodes, self.lb, self.node_lb).map_err(CliError::Usage)?,
        })
    }
}

fn missing(flag: &str) -> CliError {
    CliError::Usage(format!("{flag} is missing; allowed is --config FILE.toml without it"))
}

fn read(path: &Path) -> Result<ControllerConfig, CliError> {
    let usage = |error: String| CliError::Usage(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| usage(error.to_string()))?;
    toml::from_str(&text).map_err(|error| usage(error.to_string()))
}

/// The nodes of one shard.
#[derive(Clone, Debug)]
struct Shard(Vec<Address>);

fn parse_shard(text: &str) -> Result<Shard, String> {
    text.split(',').map(str::parse).collect::<Result<_, _>>().map(Shard)
}

/// The cluster as it is first written to the store.
fn record(
    shards: Vec<Shard>,
    lbs: Vec<ShardLb>,
    node_lbs: Vec<NodeLb>,
) -> Result<ClusterRecord, String> {
    let slots = slots(shards.len());
    let mut shards: Vec<ShardRecord> =
        shards.into_iter().zip(slots).map(|(shard, slots)| shard_record(shard, slots)).collect();
    let last = shards.len().saturating_sub(1);
    for ShardLb { shard, lb } in lbs {
        let no_shard = || format!("--lb: there is no shard {shard}; allowed are 0 to {last}");
        shards.get_mut(shard).ok_or_else(no_shard)?.lbs.push(lb_record(lb));
    }
    for NodeLb { node: Address { host, port }, lb } in node_lbs {
        let mut nodes = shards.iter_mut().flat_map(|shard| &mut shard.nodes);
        let node = nodes.find(|node| node.host == host && node.port == port);
        let no_node = || format!("--node-lb: {host}:{port} is none of --nodes");
        node.ok_or_else(no_node)?.lb = Some(lb_record(lb));
    }
    Ok(ClusterRecord { version: 1, election_version: 0, shards })
}

fn lb_record(LbAddress { address: Address { host, port }, admin_port }: LbAddress) -> LbRecord {
    LbRecord { host, port, admin_port }
}

fn shard_record(Shard(nodes): Shard, slots: SlotRange) -> ShardRecord {
    let nodes = nodes.into_iter().enumerate().map(|(at, Address { host, port })| NodeRecord {
        id: node_id(&format!("{host}:{port}")),
        host,
        port,
        role: if at == 0 { NodeRole::Master } else { NodeRole::Slave },
        deposed: false,
        lb: None,
    });
    ShardRecord { slots: vec![slots], nodes: nodes.collect(), lbs: vec![] }
}

/// All slots in so many ranges of nearly the same length.
fn slots(shards: usize) -> impl Iterator<Item = SlotRange> {
    let bound = move |at: usize| {
        u16::try_from(usize::from(SLOTS) * at / shards).expect("at most SLOTS, as at <= shards")
    };
    (0..shards).map(move |at| SlotRange { first: bound(at), last: bound(at + 1).max(1) - 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shards(texts: &[&str]) -> Vec<Shard> {
        texts.iter().map(|text| parse_shard(text).unwrap()).collect()
    }

    #[test]
    fn shards_share_the_slots_and_the_first_node_of_each_is_master() {
        let record = record(shards(&["a:1,b:2", "c:3", "d:4"]), vec![], vec![]).unwrap();
        record.validate().unwrap();
        let ranges: Vec<String> =
            record.shards.iter().map(|shard| shard.slots[0].to_string()).collect();
        assert_eq!(ranges, ["0-5460", "5461-10921", "10922-16383"]);
        let masters: Vec<String> = record.masters().into_iter().map(|of| of.member).collect();
        assert_eq!(masters, ["a:1", "c:3", "d:4"].map(node_id));
    }

    #[test]
    fn load_balancers_stand_where_they_belong() {
        let made = |lbs: &[&str], node_lbs: &[&str]| {
            let lbs = lbs.iter().map(|text| text.parse().unwrap()).collect();
            let node_lbs = node_lbs.iter().map(|text| text.parse().unwrap()).collect();
            record(shards(&["a:1,b:2", "c:3"]), lbs, node_lbs)
        };
        let record = made(&["l:5:6", "1=m:5:6", "n:5:6"], &["b:2=o:7:8"]).unwrap();
        record.validate().unwrap();
        let hosts = |at: usize| record.shards[at].lbs.iter().map(|lb| lb.host.as_str());
        assert_eq!(hosts(0).collect::<Vec<_>>(), ["l", "n"]);
        assert_eq!(hosts(1).collect::<Vec<_>>(), ["m"]);
        assert_eq!(record.shards[0].nodes[0].lb, None);
        assert_eq!(record.shards[0].nodes[1].lb.as_ref().map(|lb| lb.admin_port), Some(8));
        assert!(made(&["2=l:5:6"], &[]).unwrap_err().contains("no shard 2; allowed are 0 to 1"));
        assert!(made(&[], &["b:3=o:7:8"]).unwrap_err().contains("b:3 is none of --nodes"));
    }

    #[test]
    fn one_wrong_address_refuses_the_list() {
        assert!(parse_shard("a:1,b").unwrap_err().contains("`b` is no address"));
    }
}
