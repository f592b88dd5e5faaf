//! The loop around the machine: one task owns it, hands it what arrives, and does what it wants done.
//!
//! What happens to packets is in [`data_path`]; here is who has its turn when.

mod data_path;
mod event;
mod train;
mod ways;

pub(crate) use ways::Ways;

use crate::dhcp::Devices;
use crate::forgotten::Forgotten;
use crate::keys_met::KeysMet;
use crate::owner::{Wanted, Wish};
use crate::question::{ForShell, Preference, Question, Waiting};
use crate::reload::Reload;
use crate::start::{Ended, Signals, Word};
use crate::tun::{self, Tun};
use crate::wan::WanInterface;
use anyhow::{Context, Result, bail};
use ntm_gateway::coalesce::Coalescer;
use ntm_gateway::config::{Config, DeviceChange, changed};
use ntm_gateway::{Event, Gateway, Output, Wan};
use ntm_proto::id::Fqdn;
use serde_json::{Value, json};
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::{self, Poll};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tracing::{error, info};
use train::Train;

/// How long packets may keep the other tasks waiting, the name server and the command line among them: each of these needs
/// several turns for one answer. No shorter, as every break asks the kernel what else there is.
const SLICE: Duration = Duration::from_millis(1);
/// How long we sleep when nothing is due.
const NOTHING_DUE: Duration = Duration::from_secs(3600);

/// The machine and its surroundings.
pub(crate) struct Shell {
    gateway: Gateway,
    tun: Tun,
    ways: Ways,
    devices: Devices,
    questions: mpsc::Receiver<Question>,
    wans: mpsc::Receiver<Vec<WanInterface>>,
    /// Tells the DNS server of the other domains.
    domains: watch::Sender<Vec<Fqdn>>,
    waiting: Waiting,
    reload: Reload,
    forgotten: Forgotten,
    keys_met: KeysMet,
    /// Who had the last turn.
    last: Source,
    /// What the TUN interface brought.
    packet: Vec<u8>,
    /// What the machine made of it.
    train: Train,
    /// What a socket brought; the machine opens it where it lies.
    arrivals: Vec<u8>,
    /// Which parts of it go to the TUN interface.
    coalescer: Coalescer,
}

/// What can be read from.
enum Readable {
    Tun,
    Socket(usize),
    Devices,
}

/// Where packets come from, as their turns follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Sockets,
    Tun,
    Devices,
}

impl Source {
    /// Who is asked first, second and third after this one had its turn: a flood on one keeps nobody else waiting
    /// for more than a batch.
    fn turns(self) -> [Self; 3] {
        match self {
            Self::Sockets => [Self::Tun, Self::Devices, Self::Sockets],
            Self::Tun => [Self::Devices, Self::Sockets, Self::Tun],
            Self::Devices => [Self::Sockets, Self::Tun, Self::Devices],
        }
    }
}

impl Shell {
    pub(crate) fn new(
        gateway: Gateway,
        tun: Tun,
        ways: Ways,
        devices: Devices,
        questions: mpsc::Receiver<Question>,
        wans: mpsc::Receiver<Vec<WanInterface>>,
        domains: watch::Sender<Vec<Fqdn>>,
        reload: Reload,
    ) -> Self {
        let mut gateway = gateway;
        let forgotten = Forgotten::read(&reload.dir);
        gateway.forget_again(forgotten.devices());
        let keys_met = KeysMet::read(&reload.dir);
        gateway.remember_keys(keys_met.keys());
        Self {
            gateway,
            tun,
            ways,
            devices,
            questions,
            wans,
            domains,
            waiting: Waiting::default(),
            reload,
            forgotten,
            keys_met,
            last: Source::Devices,
            packet: vec![0; tun::LONGEST],
            train: Train::new(),
            arrivals: vec![0; data_path::TURN],
            coalescer: Coalescer::default(),
        }
    }

    /// Runs until a signal says stop, or a person wants a new start, or until the TUN interface or the watch of the WANs is
    /// gone.
    pub(crate) async fn run(mut self, signals: &mut Signals) -> Result<Ended> {
        self.look_for_devices();
        let mut timer = pin!(tokio::time::sleep(Duration::ZERO));
        // Since when there was always something to read.
        let mut busy = None;
        let ended = loop {
            let deadline = self.deadline();
            if timer.deadline() != deadline {
                timer.as_mut().reset(deadline);
            }
            tokio::select! {
                word = signals.wait() => match word {
                    Word::Stop => break Ended::Stopped,
                    Word::Reload => self.reload_by_signal(),
                },
                readable = poll_fn(|cx| {
                    let readable = poll_readable(&mut self.ways, &self.tun, &self.devices, &mut self.last, cx);
                    if readable.is_pending() {
                        busy = None;
                    }
                    readable
                }) => match readable.context("the TUN interface broke")? {
                    Readable::Tun => self.packets().context("the TUN interface is gone")?,
                    Readable::Socket(at) => self.datagrams(at),
                    Readable::Devices => self.look_for_devices(),
                },
                Some(question) = self.questions.recv() => if self.question(question) {
                    break Ended::Anew;
                },
                list = self.wans.recv() => match list {
                    Some(list) => self.wans_changed(list),
                    None => bail!("the kernel's word of the interfaces (netlink) ended; a new start is needed"),
                },
                () = timer.as_mut() => self.timeout(),
            }
            if busy.get_or_insert_with(Instant::now).elapsed() >= SLICE {
                tokio::task::yield_now().await;
                busy = None;
            }
        };
        let now = Instant::now();
        self.devices.stop(now);
        self.ways.stop(now);
        if let Err(error) = self.keys_met.write(self.gateway.known_keys(), now) {
            error!("{error}");
        }
        Ok(ended)
    }

    fn deadline(&self) -> tokio::time::Instant {
        let due = [
            self.gateway.poll_timeout(),
            self.devices.poll_timeout(),
            self.ways.poll_timeout(),
        ];
        let due = due.into_iter().flatten().min();
        due.unwrap_or_else(|| Instant::now() + NOTHING_DUE).into()
    }

    fn look_for_devices(&mut self) {
        self.devices.work(&mut self.gateway, Instant::now());
        self.drain();
        self.forgotten.keep(self.gateway.forgetting());
    }

    /// Whether it is the end.
    fn question(&mut self, question: Question) -> bool {
        let now = Instant::now();
        let for_us = self
            .waiting
            .ask(question, &mut self.gateway, &mut self.ways, now);
        self.drain();
        match for_us {
            Some(ForShell::Prefer(preference)) => self.prefer(preference, now),
            Some(ForShell::Accept { name, reply }) => drop(reply.send(self.accept(&name, now))),
            Some(ForShell::Device { wish, reply }) => drop(reply.send(self.understand(&wish))),
            Some(ForShell::DeviceSaid {
                wanted,
                is_handed,
                reply,
            }) => drop(reply.send(self.said(&wanted, is_handed, now))),
            // Nobody listens any more: fine.
            Some(ForShell::Reload(reply)) => drop(reply.send(self.reload(now))),
            Some(ForShell::Restart) => return true,
            None => {}
        }
        false
    }

    fn reload_by_signal(&mut self) {
        match self.reload(Instant::now()) {
            Ok(_) => info!("policies, devices and limits are read anew"),
            Err(error) => error!("{error}"),
        }
    }

    /// Takes up policies, devices and limits as they are written now; the answer is what the policies have become. What is
    /// wrong changes nothing.
    fn reload(&mut self, now: Instant) -> Result<Value, String> {
        let read = self.reload.read();
        let (before, is_all) = read.map_err(|error| format!("{error:#}"))?;
        self.take_up(&before, now)?;
        if !is_all {
            return Err("other settings than policies, devices and limits have changed: they take effect when the gateway is started anew".into());
        }
        Ok(json!(self.gateway.policies()))
    }

    /// Policies, devices and limits are those of the configuration now.
    fn take_up(&mut self, before: &Config, now: Instant) -> Result<(), String> {
        let (config, gateway) = (&self.reload.config, &mut self.gateway);
        gateway.policies_changed(&config.policies, now);
        gateway.entries_changed(&config.lan.devices, now);
        self.ways.limits_changed(&config.wan.limit_mb, now);
        let devices = self.devices.reconfigure(before, config, gateway, now);
        self.drain();
        devices.map_err(|error| format!("{error:#}"))
    }

    /// Which device is meant, and whether what is wanted of it can be.
    fn understand(&self, wish: &Wish) -> Result<Wanted, String> {
        let wanted = wish.read(&self.gateway.devices())?;
        if wanted.change == DeviceChange::Forget {
            let may = self.gateway.may_forget(wanted.mac);
            may.map_err(|error| error.to_string())?;
        }
        Ok(wanted)
    }

    /// Does what the file says of a device now. Where somebody else writes it, we read it a moment later, by his word.
    fn said(&mut self, wanted: &Wanted, is_handed: bool, now: Instant) -> Result<Value, String> {
        let Wanted { mac, change } = wanted;
        let mut forgotten = Ok(());
        if *change == DeviceChange::Forget {
            forgotten = self.gateway.forget_device(*mac, now);
            self.forgotten.keep(self.gateway.forgetting());
        }
        if is_handed {
            let before = self.reload.config.clone();
            let devices = changed(&before.lan.devices, *mac, change);
            self.reload.config.lan.devices = devices.map_err(|error| error.to_string())?;
            self.take_up(&before, now)?;
        } else if let Err(error) = self.reload(now) {
            // What else waits in the file for the next start is not this one's business.
            info!("{error}");
        }
        self.drain();
        forgotten.map_err(|error| error.to_string())?;
        Ok(json!(self.gateway.devices()))
    }

    /// The owner knows why a gateway has another key.
    fn accept(&mut self, name: &str, now: Instant) -> Result<Value, String> {
        let peer = Fqdn::parse(name).map_err(|error| format!("{name:?} is no name: {error}"))?;
        if !self.gateway.accept_key(&peer) {
            return Err(format!(
                "{peer} has the key that it had; `ntm-gateway tunnels` lists those that have another one"
            ));
        }
        self.keys_met.write(self.gateway.known_keys(), now)?;
        Ok(json!(self.gateway.tunnels(now)))
    }

    /// A planned switch. The answer says that the machine knows.
    fn prefer(&mut self, preference: Preference, now: Instant) {
        let result = self.ways.prefer(preference.name.as_deref(), now);
        let result = result.map(|wans| {
            self.tell_wans(wans, now);
            self.ways.report(&self.gateway, now)
        });
        // Nobody listens any more: fine.
        drop(preference.reply.send(result));
    }

    fn wans_changed(&mut self, list: Vec<WanInterface>) {
        let now = Instant::now();
        let wans = self.ways.changed(list, now);
        self.tell_wans(wans, now);
    }

    fn tell_wans(&mut self, wans: Vec<Wan>, now: Instant) {
        event::log_wans(&wans);
        self.gateway.wans_changed(wans, now);
        self.drain();
    }

    fn timeout(&mut self) {
        let now = Instant::now();
        self.gateway.handle_timeout(now);
        self.drain();
        if let Some(wans) = self.ways.handle_timeout(now) {
            self.tell_wans(wans, now);
        }
        self.ways.count_by_the_way(now);
        self.look_for_devices();
    }

    fn drain(&mut self) {
        while let Some(output) = self.gateway.poll_output() {
            match output {
                // Neither goes before what the machine said earlier.
                Output::Send { path, datagram } => {
                    self.send_train();
                    self.ways.sockets.send(path, &datagram);
                }
                Output::Probe { path, datagram } => {
                    self.send_train();
                    self.ways.sockets.send_whole(path, &datagram);
                }
                Output::Deliver(packet) => {
                    self.deliver();
                    self.tun.send(&packet);
                }
                Output::Answer { query, result } => self.waiting.answer(query, result),
                Output::Pong { query, result } => self.waiting.pong(query, result),
                Output::Domains(domains) => {
                    event::log_domains(&domains);
                    self.domains.send_replace(domains);
                }
                Output::Event(event) => {
                    event::log(&event);
                    if matches!(event, Event::DeviceForgotten) {
                        self.forgotten.keep(self.gateway.forgetting());
                    }
                    if matches!(event, Event::TunnelUp { .. } | Event::KeyChanged { .. }) {
                        let keys = self.gateway.known_keys();
                        self.keys_met.keep(keys, Instant::now());
                    }
                }
            }
        }
    }
}

fn poll_readable(
    ways: &mut Ways,
    tun: &Tun,
    devices: &Devices,
    last: &mut Source,
    cx: &mut task::Context<'_>,
) -> Poll<io::Result<Readable>> {
    for source in last.turns() {
        let ready = match source {
            Source::Sockets => ways
                .sockets
                .poll_readable(cx)
                .map(|at| Ok(Readable::Socket(at))),
            Source::Tun => tun
                .poll_readable(cx)
                .map(|ready| ready.map(|()| Readable::Tun)),
            Source::Devices => devices.poll_readable(cx).map(|()| Ok(Readable::Devices)),
        };
        if ready.is_ready() {
            *last = source;
            return ready;
        }
    }
    Poll::Pending
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn under_a_flood_of_all_everybody_has_its_turn() {
        let mut last = Source::Devices;
        let served: Vec<_> = std::iter::repeat_with(|| {
            last = last.turns()[0];
            last
        })
        .take(6)
        .collect();
        let round = [Source::Sockets, Source::Tun, Source::Devices];
        assert_eq!(served, [round, round].concat());
        for source in round {
            let mut turns = source.turns();
            assert_eq!(turns[2], source, "who had its turn is the last");
            turns.sort_by_key(|turn| *turn as u8);
            assert_eq!(turns, round);
        }
    }
}
