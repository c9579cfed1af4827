//! Near misses: what somebody may have meant by a name that does not exist.

/// `did you mean …?` if something known is near, else all that is known.
pub fn near(name: &str, known: &[impl AsRef<str>]) -> String {
    let mut ranked: Vec<(f64, &str)> = known
        .iter()
        .map(|known| (strsim::jaro_winkler(name, known.as_ref()), known.as_ref()))
        .filter(|(likeness, _)| *likeness > 0.75)
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    if ranked.is_empty() {
        let known: Vec<&str> = known.iter().map(AsRef::as_ref).collect();
        return format!("there are: {}", known.join(", "));
    }
    let best: Vec<String> = ranked.iter().take(3).map(|(_, name)| format!("`{name}`")).collect();
    format!("did you mean {}?", best.join(" or "))
}

#[cfg(test)]
mod tests {
    use super::near;

    #[test]
    fn the_nearest_come_first_and_nothing_near_lists_all() {
        let known = ["hung_master_returns", "no_fault", "canary"];
        assert_eq!(near("hung_master_return", &known), "did you mean `hung_master_returns`?");
        assert_eq!(near("xyz", &known), "there are: hung_master_returns, no_fault, canary");
    }
}
