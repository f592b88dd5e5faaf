//! `ntm-gateway ping`: round trips, one a second, and how they went.

use crate::cli::print;
use crate::ctl;
use anyhow::Result;
use ntm_gateway::status::PingReport;
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_secs(1);

/// Pings `count` times. Succeeds if one answer came.
pub(crate) fn ping(name: &str, count: u32, json: bool, dir: &Path) -> Result<ExitCode> {
    let mut tally = Tally::default();
    let mut next = Instant::now();
    for _ in 0..count {
        sleep(next.saturating_duration_since(Instant::now()));
        next = Instant::now() + INTERVAL;
        let answer = ctl::post(dir, "ping", &json!({"name": name}))?;
        let answer = answer
            .and_then(|value| serde_json::from_value(value).map_err(|error| error.to_string()));
        if !json {
            print(&line(&answer))?;
        }
        tally.add(answer);
    }
    if json {
        print(&format!(
            "{}\n",
            serde_json::to_string_pretty(&tally.summary(name))?
        ))?;
    } else if count > 1 {
        print(&tally.closing())?;
    }
    Ok(if tally.times.is_empty() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// What was sent and what came back.
#[derive(Default)]
struct Tally {
    sent: u32,
    times: Vec<f64>,
    last: Option<PingReport>,
    error: Option<String>,
}

impl Tally {
    fn add(&mut self, answer: Result<PingReport, String>) {
        self.sent += 1;
        match answer {
            Ok(report) => {
                self.times.push(report.rtt_ms);
                self.last = Some(report);
            }
            Err(error) => self.error = Some(error),
        }
    }

    /// Least, mean and most, in milliseconds.
    fn times(&self) -> Option<[f64; 3]> {
        let count = u32::try_from(self.times.len())
            .ok()
            .filter(|count| *count > 0)?;
        let least = self.times.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.times.iter().copied().fold(0.0, f64::max);
        Some([
            least,
            self.times.iter().sum::<f64>() / f64::from(count),
            most,
        ])
    }

    fn closing(&self) -> String {
        let came = self.times.len();
        match self.times() {
            Some([least, mean, most]) => {
                format!(
                    "{} sent, {came} answered; round trip {least:.1} / {mean:.1} / {most:.1} ms\n",
                    self.sent
                )
            }
            None => format!("{} sent, none answered\n", self.sent),
        }
    }

    fn summary(&self, asked: &str) -> Value {
        let mut summary = match &self.last {
            Some(report) => json!(report),
            None => json!({"name": asked, "rtt_ms": null}),
        };
        summary["sent"] = json!(self.sent);
        summary["received"] = json!(self.times.len());
        summary["error"] = json!(self.error);
        if let Some([least, mean, most]) = self.times() {
            summary["rtt_ms"] = json!(mean);
            summary["rtt_min_ms"] = json!(least);
            summary["rtt_max_ms"] = json!(most);
        }
        summary
    }
}

fn line(answer: &Result<PingReport, String>) -> String {
    match answer {
        Ok(report) => {
            let PingReport {
                name,
                vip4,
                gateway,
                rtt_ms,
                path,
                why,
                remote,
            } = report;
            let way = match path.as_str() {
                "relay" => format!("by the relay {remote}"),
                "local" => "on this LAN".to_owned(),
                path => format!("{path} to {remote}"),
            };
            let why = if why.is_empty() {
                String::new()
            } else {
                format!(" ({why})")
            };
            format!("{name} ({vip4}) behind {gateway}: {rtt_ms:.1} ms, {way}{why}\n")
        }
        Err(error) => format!("{error}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(rtt_ms: f64, path: &str) -> PingReport {
        PingReport {
            name: "camera.home.ntm.test".into(),
            vip4: "198.18.0.5".into(),
            gateway: "home.ntm.test".into(),
            rtt_ms,
            path: path.into(),
            why: "both NATs are symmetric".into(),
            remote: "203.0.113.20:4750".into(),
        }
    }

    #[test]
    fn a_line_says_how_far_by_which_way_and_why() {
        assert_eq!(
            line(&Ok(report(12.34, "relay"))),
            "camera.home.ntm.test (198.18.0.5) behind home.ntm.test: 12.3 ms, by the relay 203.0.113.20:4750 \
             (both NATs are symmetric)\n"
        );
        assert!(line(&Ok(report(1.0, "direct"))).contains("direct to 203.0.113.20:4750"));
    }

    #[test]
    fn the_tally_counts_what_was_lost() {
        let mut tally = Tally::default();
        tally.add(Ok(report(10.0, "direct")));
        tally.add(Err("no answer".into()));
        tally.add(Ok(report(20.0, "direct")));
        assert_eq!(
            tally.closing(),
            "3 sent, 2 answered; round trip 10.0 / 15.0 / 20.0 ms\n"
        );
        let summary = tally.summary("camera");
        assert_eq!(
            (&summary["sent"], &summary["received"], &summary["rtt_ms"]),
            (&json!(3), &json!(2), &json!(15.0))
        );
        assert_eq!(summary["error"], json!("no answer"));
        assert_eq!(Tally::default().summary("x")["rtt_ms"], Value::Null);
    }
}
