//! The section of a run's page on outages: when no master took writes, and why for so long.

use maud::{Markup, html};

use super::evidence;
use crate::noteworthy::Noteworthy;
use crate::record::RunRecord;
use crate::wording::{self, OUTAGE_PARTS, seconds};

pub(super) fn outages(record: &RunRecord, events: &Noteworthy) -> Markup {
    let outages = || record.figures.availability.iter().flat_map(|shard| &shard.outages);
    html! {
        h2 { "Outages" }
        @if outages().next().is_none() {
            p { "There was a master that takes writes all the time." }
        } @else {
            div.wide { table {
                thead { tr {
                    th.number { "shard" } th.number { "from, s" } th.number { "until, s" }
                    th.number { "length, s" }
                    @for part in OUTAGE_PARTS { th.number { (part) ", s" } }
                    th.number { "client reaction, s" } th { "ended by" } th { "events" }
                } }
                tbody { @for outage in outages() {
                    tr {
                        td.number { (outage.shard) }
                        td.number { (seconds(outage.from_ms)) } td.number { (seconds(outage.until_ms)) }
                        td.number { b { (seconds(outage.length_ms())) } }
                        @for part in wording::outage_parts(outage) { td.number { (part) } }
                        td.number { (wording::client_reaction(outage)) }
                        td { (wording::outage_end(&outage.end)) }
                        td { (evidence(&outage.evidence, events)) }
                    }
                } }
            } }
            p.light {
                "The parts sum up to the length: detection, until a controller began with the failover; \
                 election, until the commit; push, until the new master acted under it; lease wait, until \
                 its lease let it write; not ready, while it hung, was down, loading or paused instead; \
                 recovery, if the old master came back. Client reaction: from then on until that node \
                 acknowledged its first write."
            }
        }
    }
}
