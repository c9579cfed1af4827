//! What the colours and marks of the timeline mean.

use maud::{Markup, html};

use crate::timeline::{self, Window};

/// The legend, each entry with a small piece of the drawing itself.
pub(super) fn legend(whole: Window, close_up: Option<Window>) -> Markup {
    let bars = match close_up {
        Some(window) => format!(
            "writes acknowledged per {} ms ({} ms in the close-up)",
            timeline::bin_ms(whole),
            timeline::bin_ms(window)
        ),
        None => format!("writes acknowledged per {} ms", timeline::bin_ms(whole)),
    };
    html! {
        ul.legend {
            (entry("named", "takes writes, the store names it"))
            (entry("deposed", "deposed, and still takes writes"))
            (entry("role-master", "master in its own eyes"))
            (entry("role-replica", "replica in its own eyes"))
            (entry("held", "lease held"))
            (entry("expired", "lease expired"))
            (entry("hung", "process hangs"))
            (entry("down", "process is down"))
            (entry("band", "hit by a fault"))
            (entry("ack-named", &bars))
            (entry("ack-deposed", "… by a deposed node"))
            (entry("op-ok", "operations acknowledged"))
            (entry("op-info", "may have been done"))
            (entry("op-fail", "surely not done"))
            (entry("leads", "controller believes that it leads"))
            (stroke("at-commit", "commit that changed a master"))
            (stroke("at-p", "p: the promotion took effect"))
            (stroke("at-last", "last stale instant"))
            li { svg viewBox="0 0 18 12" { circle.note cx="9" cy="6" r="3.5" {} } "a note (point at it)" }
        }
    }
}

fn entry(class: &str, text: &str) -> Markup {
    html! {
        li { svg viewBox="0 0 18 12" { rect.(class) x="0.5" y="0.5" width="17" height="11" {} } (text) }
    }
}

fn stroke(class: &str, text: &str) -> Markup {
    html! {
        li { svg viewBox="0 0 18 12" { line.(class) x1="9" x2="9" y1="0" y2="12" {} } (text) }
    }
}
