//! What was asked of gateways is answered once, in time, and rightly.

use super::*;

impl World {
    pub(crate) fn named(&mut self, number: usize, identity: &Identity) {
        let found = self.sites[number].machine.devices();
        for status in found {
            let (vip, name) = (status.vip4.parse().ok(), status.name);
            let mut devices = self.sites[number].devices.iter_mut();
            let device = devices.find(|device| device_mac(device.lan.mac) == status.mac);
            let (Some(device), true) = (device, vip.is_some()) else {
                continue;
            };
            if device.vip.is_some() && device.vip != vip {
                let old = device.vip;
                return self.fail(format!(
                    "a device of GW{number} had {old:?} and is now {identity:?}"
                ));
            }
            device.vip = vip;
            device.name = name;
        }
    }

    pub(crate) fn answered(
        &mut self,
        number: usize,
        query: u64,
        result: Result<Identity, Unresolved>,
    ) {
        let Some(about) = self.take_question(number, query, false) else {
            return;
        };
        self.note(Node::Site(number), || {
            format!("question {query} about {about:?}: {result:?}")
        });
        match (result, about) {
            (Ok(identity), Some((site, device))) => {
                self.watch.answers.0 += 1;
                self.watch.told.insert(query);
                if self.sites[site].devices[device].vip != Some(identity.vip4) {
                    self.fail(format!(
                        "GW{number} asked for {site}.{device} and was told {identity:?}"
                    ));
                }
                // A gateway that was removed may know what it knew.
                let removed = self.sites[number].removed.is_some();
                if site != number && !removed && !self.is_allowed(number, site) {
                    self.fail(format!(
                        "GW{number} was told of {site}.{device}, whom it may not reach"
                    ));
                }
            }
            (Ok(_), None) | (Err(_), _) => self.watch.answers.1 += 1,
        }
    }

    pub(crate) fn pong(
        &mut self,
        number: usize,
        query: u64,
        result: Result<PingReport, Unresolved>,
    ) {
        let Some(about) = self.take_question(number, query, true) else {
            return;
        };
        self.note(Node::Site(number), || {
            format!("ping {query} of {about:?}: {result:?}")
        });
        match (result, about) {
            (Ok(report), Some((site, device))) => {
                self.watch.answers.0 += 1;
                self.watch.told.insert(query);
                let vip = self.sites[site].devices[device]
                    .vip
                    .map(|vip| vip.to_string());
                if vip.as_ref() != Some(&report.vip4) {
                    self.fail(format!(
                        "GW{number} pinged {site}.{device} and reached {}",
                        report.vip4
                    ));
                }
            }
            (Ok(_), None) | (Err(_), _) => self.watch.answers.1 += 1,
        }
    }

    pub(super) fn take_question(
        &mut self,
        number: usize,
        query: u64,
        is_ping: bool,
    ) -> Option<Option<DeviceAt>> {
        let found = self.watch.questions.remove(&query);
        match found {
            Some(question) if question.site == number && question.is_ping == is_ping => {
                Some(question.about)
            }
            Some(_) | None => {
                self.fail(format!(
                    "GW{number} answers question {query}, which was not asked or is answered"
                ));
                None
            }
        }
    }

    pub(crate) fn check_questions(&mut self) {
        let late = self
            .watch
            .questions
            .iter()
            .find(|(_, question)| question.deadline < self.now);
        if let Some((query, question)) = late {
            let kind = if question.is_ping { "ping" } else { "question" };
            let what = format!(
                "GW{} leaves {kind} {query} without an answer",
                question.site
            );
            self.fail(what);
        }
        let (since, before, packets) = self.watch.minute;
        let sent = self.net.sent - before;
        // A packet takes two datagrams by a relay, and some must be answered.
        let carried = (self.watch.packets.len() - packets) as u64;
        if sent > STORM + 4 * carried {
            self.fail(format!("a storm: {sent} datagrams in less than a minute"));
        } else if self.now.duration_since(since) >= Duration::from_secs(60) {
            self.watch.minute = (self.now, self.net.sent, self.watch.packets.len());
        }
        for number in 0..self.nodes.len() {
            let (spins, calls) = (self.watch.spinning[number].1, self.watch.restless[number].1);
            if spins > SPIN || calls > RESTLESS {
                let node = self.name(self.nodes[number]);
                self.fail(format!(
                    "{node} spins: {spins} calls at one moment, {calls} in a minute"
                ));
            }
        }
    }
}
