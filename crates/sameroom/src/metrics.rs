//! Figures in the Prometheus text format 0.0.4.

use sameroom_engine::figures::{AccountFigures, DELAY_BOUNDS_MS, Figures};

/// Renders all figures; by account and platform, not by room.
pub(crate) fn render(figures: &Figures, flushes: u64) -> String {
    let mut out = String::new();
    family(&mut out, "sameroom_events_accepted_total", "counter", "Events accepted.", figures, |f| {
        f.accepted
    });
    family(
        &mut out,
        "sameroom_deliveries_total",
        "counter",
        "Deliveries that the platform took.",
        figures,
        |f| f.delivered,
    );
    family(&mut out, "sameroom_deliveries_late_total", "counter", "Deliveries marked late.", figures, |f| {
        f.late
    });
    family(
        &mut out,
        "sameroom_account_connected",
        "gauge",
        "Whether the account is connected.",
        figures,
        |f| u64::from(f.connected),
    );
    head(&mut out, "sameroom_delivery_delay_seconds", "histogram", "From acceptance to confirmation.");
    for (account, one) in &figures.accounts {
        delays(&mut out, &labels(account.as_str(), one), one);
    }
    head(&mut out, "sameroom_deliveries_open", "gauge", "Deliveries that did not end, by state.");
    for (state, count) in [("waiting", figures.waiting), ("held", figures.held), ("parked", figures.parked)] {
        line(&mut out, "sameroom_deliveries_open", &format!("state=\"{state}\""), count);
    }
    for (name, kind, help, value) in [
        ("sameroom_tubes", "gauge", "Tubes in use.", figures.tubes),
        ("sameroom_rooms", "gauge", "Rooms known.", figures.rooms),
        ("sameroom_log_flushes_total", "counter", "Flushes of the log to the disk.", flushes),
        (
            "sameroom_sends_repeated_total",
            "counter",
            "Sends repeated after an unknown outcome that could not be cleared up.",
            figures.repeats,
        ),
    ] {
        head(&mut out, name, kind, help);
        line(&mut out, name, "", value);
    }
    out
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    out.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
}

fn line(out: &mut String, name: &str, labels: &str, value: u64) {
    if labels.is_empty() {
        out.push_str(&format!("{name} {value}\n"));
    } else {
        out.push_str(&format!("{name}{{{labels}}} {value}\n"));
    }
}

fn family(
    out: &mut String,
    name: &str,
    kind: &str,
    help: &str,
    figures: &Figures,
    value: impl Fn(&AccountFigures) -> u64,
) {
    head(out, name, kind, help);
    for (account, one) in &figures.accounts {
        line(out, name, &labels(account.as_str(), one), value(one));
    }
}

fn labels(account: &str, one: &AccountFigures) -> String {
    let platform = one.platform.as_ref().map_or("", |platform| platform.as_str());
    format!("account=\"{}\",platform=\"{}\"", escape(account), escape(platform))
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn delays(out: &mut String, labels: &str, one: &AccountFigures) {
    let name = "sameroom_delivery_delay_seconds";
    let mut sum = 0;
    for (bound, count) in DELAY_BOUNDS_MS.iter().zip(&one.delays) {
        sum += count;
        let seconds = format!("{}.{:03}", bound / 1_000, bound % 1_000);
        line(out, &format!("{name}_bucket"), &format!("{labels},le=\"{seconds}\""), sum);
    }
    sum += one.delays.last().copied().unwrap_or(0);
    line(out, &format!("{name}_bucket"), &format!("{labels},le=\"+Inf\""), sum);
    let seconds = format!("{}.{:03}", one.delay_sum_ms / 1_000, one.delay_sum_ms % 1_000);
    out.push_str(&format!("{name}_sum{{{labels}}} {seconds}\n"));
    line(out, &format!("{name}_count"), labels, sum);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_up_to_its_count() {
        let mut figures = Figures::default();
        let mut one = AccountFigures { platform: Some("irc".into()), delivered: 3, ..Default::default() };
        one.delays[0] = 2;
        one.delays[12] = 1;
        one.delay_sum_ms = 700_001;
        figures.accounts.insert("li\"bera".into(), one);
        let text = render(&figures, 7);
        assert!(text.contains(
            "sameroom_delivery_delay_seconds_bucket{account=\"li\\\"bera\",platform=\"irc\",le=\"0.001\"} 2"
        ));
        assert!(text.contains("le=\"+Inf\"} 3"));
        assert!(text.contains("_sum{account=\"li\\\"bera\",platform=\"irc\"} 700.001"));
        assert!(text.contains("# TYPE sameroom_deliveries_open gauge"));
        assert!(text.contains("\nsameroom_log_flushes_total 7\n"));
    }
}
