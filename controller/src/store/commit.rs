//! What a write to the store means to the history: a commit of the cluster's topology. The only
//! place where the store looks into a value.

use host::Observation;

use crate::cluster_record::ClusterRecord;

/// The key under which the cluster's record stands.
pub const CLUSTER_KEY: &str = "cluster";

/// The observation that the write of `value` under `key` calls for.
pub(crate) fn observed(key: &str, value: &str) -> Option<Observation> {
    if key != CLUSTER_KEY {
        return None;
    }
    Some(match ClusterRecord::from_json(value) {
        Ok(record) => Observation::Committed { version: record.version, masters: record.masters() },
        Err(error) => Observation::Note { text: format!("stored under {CLUSTER_KEY}: {error}") },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster_record::tests::{id, record};

    #[test]
    fn a_cluster_is_observed_with_its_masters() {
        let masters = vec![host::MasterOf { shard: 0, member: id('a') }];
        let committed = Observation::Committed { version: 1, masters };
        assert_eq!(observed(CLUSTER_KEY, &record().to_json()), Some(committed));
        assert_eq!(observed("other", &record().to_json()), None);
        assert!(matches!(observed(CLUSTER_KEY, "what"), Some(Observation::Note { .. })));
    }
}
