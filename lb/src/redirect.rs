//! A redirect, and whether it is refused because it is older than the one in force. Pure.
//!
//! The version is that of the topology from which a controller reads the target, so that of two
//! redirects the one of the later commit is the higher, in whichever order they arrive.
//!
//! The trap: versions say something only where every redirect has one and one store numbers
//! them all. A store that was set up anew starts from 1 and is refused until it has caught up.

use crate::route::{Route, Routes, Target, UnknownShard};

/// New connections of a shard are to go to the target from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Redirect {
    pub(crate) shard: u32,
    pub(crate) target: Target,
    /// The topology's version, 0 or more.
    pub(crate) version: Option<i64>,
}

/// Why a redirect is refused, with the error code of the reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("ERR {0}")]
    UnknownShard(#[from] UnknownShard),
    /// It cannot be told whether it is older.
    #[error("ERR a redirect needs a version here, where older ones are refused")]
    NoVersion,
    #[error("STALE redirect of version {asked} refused, version {in_force} is in force")]
    Older { asked: i64, in_force: i64 },
    /// One topology has one master for a shard: one of the two comes from a mistake.
    #[error("STALE redirect of version {version} to {asked} refused, it is in force to {in_force}")]
    Contradicts { version: i64, asked: Target, in_force: Target },
}

impl Redirect {
    /// Whether this one may take the place of the one in force. Without `refuse_older` the last
    /// one wins, whatever its version.
    pub(crate) fn judge(&self, routes: &Routes, refuse_older: bool) -> Result<(), Refusal> {
        let Route { target, version } = routes.of(self.shard)?;
        if !refuse_older {
            return Ok(());
        }
        let asked = self.version.ok_or(Refusal::NoVersion)?;
        match (version, target) {
            (Some(in_force), _) if asked < *in_force => {
                Err(Refusal::Older { asked, in_force: *in_force })
            }
            (Some(version), Some(target)) if asked == *version && self.target != *target => {
                let (asked, in_force) = (self.target.clone(), target.clone());
                Err(Refusal::Contradicts { version: *version, asked, in_force })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::ListenerConfig;
    use crate::kept::Kept;

    fn listeners() -> [ListenerConfig; 2] {
        [0, 1].map(|shard| ListenerConfig {
            shard,
            port: 0,
            target: Some(Target::new("settings", 1)),
        })
    }

    fn redirect(shard: u32, version: Option<i64>, host: &str) -> Redirect {
        Redirect { shard, version, target: Target::new(host, 1) }
    }

    #[test]
    fn without_refuse_older_the_last_one_wins() {
        let mut routes = Routes::new(&listeners());
        for next in [redirect(0, Some(5), "a"), redirect(0, Some(3), "b"), redirect(0, None, "c")] {
            assert_eq!(next.judge(&routes, false), Ok(()));
            routes.redirect(&next).unwrap();
        }
        assert_eq!(routes.of(0).unwrap().target, Some(Target::new("c", 1)));
        assert!(matches!(
            redirect(9, None, "a").judge(&routes, false),
            Err(Refusal::UnknownShard(_))
        ));
    }

    #[test]
    fn what_is_refused_is_told_why() {
        let mut routes = Routes::new(&listeners());
        let told = |routes: &Routes, redirect: Redirect| {
            redirect.judge(routes, true).map_err(|refusal| refusal.to_string())
        };
        routes.redirect(&redirect(0, Some(5), "a")).unwrap();
        let stale = "STALE redirect of version 3 refused, version 5 is in force";
        assert_eq!(told(&routes, redirect(0, Some(3), "a")), Err(stale.to_owned()));
        let other = "STALE redirect of version 5 to b:1 refused, it is in force to a:1";
        assert_eq!(told(&routes, redirect(0, Some(5), "b")), Err(other.to_owned()));
        let none = "ERR a redirect needs a version here, where older ones are refused";
        assert_eq!(told(&routes, redirect(0, None, "b")), Err(none.to_owned()));
        assert_eq!(told(&routes, redirect(0, Some(5), "a")), Ok(()));
        assert_eq!(told(&routes, redirect(0, Some(6), "b")), Ok(()));
        assert_eq!(told(&routes, redirect(1, Some(0), "b")), Ok(()), "another shard");
    }

    #[derive(Clone, Debug)]
    enum Step {
        Redirect(Redirect),
        Restart,
    }

    fn step() -> impl Strategy<Value = Step> {
        let redirect = (0_u32..2, 0_i64..4, 0_usize..3).prop_map(|(shard, version, host)| {
            Step::Redirect(redirect(shard, Some(version), ["a", "b", "c"][host]))
        });
        prop_oneof![6 => redirect, 1 => Just(Step::Restart)]
    }

    /// What is in force by definition: of all redirects of the shard that were ever seen, the
    /// first of those with the greatest version.
    fn in_force(seen: &[Redirect], shard: u32) -> Option<&Redirect> {
        let greatest = seen.iter().filter(|one| one.shard == shard).map(|one| one.version).max()?;
        seen.iter().find(|one| one.shard == shard && one.version == greatest)
    }

    proptest! {
        /// Also across restarts, from what is kept.
        #[test]
        fn the_first_redirect_of_the_greatest_version_is_in_force(
            steps in prop::collection::vec(step(), 1..40)
        ) {
            let (mut routes, mut kept) = (Routes::new(&listeners()), Kept::default());
            let mut seen = Vec::new();
            for step in steps {
                match step {
                    Step::Restart => {
                        kept = Kept::parse(&kept.to_text()).unwrap();
                        routes = Routes::new(&listeners());
                        kept.restore(&mut routes);
                    }
                    Step::Redirect(redirect) => {
                        seen.push(redirect.clone());
                        let acknowledged = redirect.judge(&routes, true).is_ok();
                        prop_assert_eq!(acknowledged, in_force(&seen, redirect.shard) == Some(&redirect));
                        if acknowledged {
                            kept = kept.with(&redirect).unwrap();
                            routes.redirect(&redirect).unwrap();
                        }
                    }
                }
                for shard in 0..2 {
                    let route = routes.of(shard).unwrap();
                    let expected = in_force(&seen, shard);
                    prop_assert_eq!(route.version, expected.and_then(|one| one.version));
                    let target = expected.map_or(Target::new("settings", 1), |one| one.target.clone());
                    prop_assert_eq!(route.target.as_ref(), Some(&target));
                }
            }
        }
    }
}
