//! A day in use, and what of it is written to flash. Of the gateway's files only one is written while it runs: the leases that it
//! gave, or the list of the devices whose leases others give. Keys and membership are written at enrolment; tunnels, peers and
//! WANs leave nothing there.

#![cfg(test)]

mod lan;

use lan::*;
use lan_dhcp::{Config, DhcpServer, FollowOutput, Follower, Output};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The most writes, and bytes, of a day in use.
const WRITES: usize = 24;
const BYTES: usize = 64 * 1024;

const DEVICES: u8 = 50;
/// Of these one comes each two hours or so, to stay.
const NEW: u8 = 7;
const MINUTES: u64 = 24 * 60;
/// The lease time that is the default.
const LEASE: Duration = Duration::from_secs(12 * 3600);

/// Where a device is, minute by minute. Most stay; each fifth goes out for some hours and comes back, several times a day.
fn is_home(device: u8, minute: u64) -> bool {
    let since = u64::from(device.saturating_sub(DEVICES)) * (MINUTES / u64::from(NEW + 1));
    let device = u64::from(device);
    minute >= since && (!device.is_multiple_of(5) || (minute + 37 * device) % 420 < 200)
}

fn name(device: u8) -> String {
    format!("living-room-{device}")
}

/// What a device says of itself each time, as most do.
fn says(device: u8, name: &str) -> Ask {
    let mut id = vec![1];
    id.extend(mac(device));
    Ask::new(REQUEST, mac(device)).named(name).option(61, &id)
}

/// What was written, as the lists of one day.
#[derive(Default)]
struct Flash {
    writes: usize,
    bytes: usize,
    last: String,
}

impl Flash {
    fn write(&mut self, text: String) {
        self.writes += 1;
        self.bytes += text.len();
        self.last = text;
    }

    fn is_within_budget(&self) {
        let Self { writes, bytes, .. } = self;
        assert!(*writes > 0 && *writes <= WRITES, "{writes} writes");
        assert!(*bytes <= BYTES, "{bytes} bytes in {writes} writes");
    }
}

/// The server, what it has written, and when each device renews next.
struct Served {
    lan: Lan,
    flash: Flash,
    renews: BTreeMap<u8, (u64, u8)>,
    acknowledged: usize,
}

impl Served {
    fn new(lease_time: Duration) -> Self {
        let config = wide(lease_time);
        Self {
            lan: Lan::new(config),
            flash: Flash::default(),
            renews: BTreeMap::new(),
            acknowledged: 0,
        }
    }

    fn minute(&mut self, minute: u64, lease_minutes: u64) {
        let at = self.lan.now(minute * 60_000);
        self.lan.server.handle_timeout(at);
        self.drain(at);
        for device in 1..=DEVICES + NEW {
            if !is_home(device, minute) {
                self.renews.remove(&device);
                continue;
            }
            let address = host(100 + device);
            let ask = says(device, &name(device));
            let ask = match self.renews.get(&device) {
                Some((due, _)) if *due > minute => continue,
                Some(_) => ask.ciaddr(address),
                None => ask.requested(address),
            };
            self.renews
                .insert(device, (minute + lease_minutes / 2, device));
            self.lan.server.handle_datagram(&ask.bytes(), at).unwrap();
            self.drain(at);
        }
    }

    /// What a shell does; and whoever is told of an address has it in the file, whatever happens then.
    fn drain(&mut self, now: Instant) {
        while let Some(output) = self.lan.server.poll_output() {
            match output {
                Output::Save => self.flash.write(self.lan.server.export(now)),
                Output::Send { datagram, .. } => {
                    let (address, mac) = (&datagram[16..20], &datagram[28..34]);
                    let address: [u8; 4] = address.try_into().unwrap();
                    let line = format!(
                        "02:00:5e:00:00:{:02x} {} ",
                        mac[5],
                        std::net::Ipv4Addr::from(address)
                    );
                    assert!(self.flash.last.contains(&line), "{line}");
                    self.acknowledged += 1;
                }
                Output::Probe(_) | Output::LeaseChanged(_) | Output::LeaseEnded(_) => {}
            }
        }
    }
}

fn wide(lease_time: Duration) -> Config {
    Config {
        first: host(100),
        last: host(250),
        lease_time,
        max_leases: 250,
        static_leases: Vec::new(),
        ..config()
    }
}

/// The first day a router is set up, and everybody is new: these writes nobody can save. Then come the days of its use.
fn served_on_second_day(lease_minutes: u64) -> Served {
    let mut served = Served::new(Duration::from_secs(60 * lease_minutes));
    for device in 1..=DEVICES {
        let ask = says(device, &name(device)).requested(host(100 + device));
        let now = served.lan.now(0);
        served
            .lan
            .server
            .handle_datagram(&ask.bytes(), now)
            .unwrap();
        served.drain(now);
    }
    assert_eq!(
        served.flash.writes,
        usize::from(DEVICES),
        "each before it was acknowledged"
    );
    // In the evening the router is started anew, with what it has written.
    let mut again = Served::new(Duration::from_secs(60 * lease_minutes));
    let imported = again.lan.server.import(&served.flash.last, again.lan.start);
    assert_eq!(
        (imported.accepted, imported.skipped),
        (usize::from(DEVICES), 0)
    );
    again.flash.last = served.flash.last;
    again
}

#[test]
fn a_day_of_leases_given_is_within_the_budget_and_nothing_acknowledged_is_lost() {
    for lease_minutes in [LEASE.as_secs() / 60, 60] {
        let mut served = served_on_second_day(lease_minutes);
        for minute in 0..MINUTES {
            served.minute(minute, lease_minutes);
        }
        assert!(served.acknowledged > 150, "{}", served.acknowledged);
        assert!(
            served.flash.writes >= usize::from(NEW),
            "a new device is written at once"
        );
        served.flash.is_within_budget();

        // A power cut: everybody has the address that was promised.
        let now = served.lan.now(MINUTES * 60_000);
        let mut after = DhcpServer::new(wide(LEASE)).unwrap();
        let imported = after.import(&served.flash.last, now);
        assert_eq!(imported.accepted, usize::from(DEVICES + NEW));
    }
}

#[test]
fn a_day_in_which_the_same_devices_renew_writes_nothing() {
    let mut served = served_on_second_day(60);
    let renews = |device: u8| says(device, &name(device)).ciaddr(host(100 + device));
    for minute in 0..MINUTES {
        let now = served.lan.now(minute * 60_000);
        served.lan.server.handle_timeout(now);
        if minute % 10 == 0 {
            for device in 1..=DEVICES {
                served
                    .lan
                    .server
                    .handle_datagram(&renews(device).bytes(), now)
                    .unwrap();
            }
        }
        served.drain(now);
    }
    assert_eq!(served.flash.writes, 0);
}

#[test]
fn who_renames_itself_all_day_does_not_wear_the_flash() {
    let mut served = served_on_second_day(60);
    for minute in 0..MINUTES {
        let now = served.lan.now(minute * 60_000);
        let ask = says(1, &format!("name-{minute}")).ciaddr(host(101));
        served
            .lan
            .server
            .handle_datagram(&ask.bytes(), now)
            .unwrap();
        served.lan.server.handle_timeout(now);
        served.drain(now);
    }
    assert!(served.flash.writes <= WRITES, "{}", served.flash.writes);
}

#[test]
fn a_day_of_leases_that_others_give_is_within_the_budget() {
    let start = Lan::new(config()).start;
    let mut follower = Follower::new(SERVER, 24, 250);
    let mut flash = Flash::default();
    for minute in 0..MINUTES {
        let lines = (1..=DEVICES + NEW).filter(|device| is_home(*device, minute));
        let leases: String = lines
            .map(|device| {
                format!(
                    "0 02:00:5e:00:00:{device:02x} 192.168.1.{} {} *\n",
                    100 + device,
                    name(device)
                )
            })
            .collect();
        let now = start + Duration::from_secs(60 * minute);
        follower.update([leases.as_str()], now);
        for second in 0..60 {
            let now = now + Duration::from_secs(second);
            follower.handle_timeout(now);
            while let Some(output) = follower.poll_output() {
                if output == FollowOutput::Save {
                    flash.write(follower.export());
                }
            }
        }
    }
    flash.is_within_budget();
    // Nothing happens any more, nothing is written.
    let now = start + Duration::from_secs(60 * MINUTES) + Duration::from_secs(6 * 3600);
    follower.handle_timeout(now);
    while follower.poll_output().is_some() {}
    let written = follower.is_unsaved();
    assert!(!written, "what was left to write is written");
}
