//! Two worlds, a.test and b.test, whose coordinators can reach each other.

use super::*;
use ntm_proto::wire::{Kind, Opening};

pub const A: &str = "192.0.2.1:4750";
pub const B: &str = "192.0.2.2:4750";

/// Both; `car` and `home` are their gateways, `laptop` and `camera` the devices.
pub struct Two {
    pub a: World,
    pub b: World,
    pub car: usize,
    pub home: usize,
    pub laptop: Identity,
    pub camera: Identity,
    /// Whether nothing gets from one coordinator to the other.
    pub cut: bool,
    /// What DNS says of either.
    pub dns: bool,
    /// Whether the lookups get no answer at all.
    pub deaf: bool,
    /// So many of the messages that follow on B's handshakes are lost.
    pub lose_hellos: usize,
    /// Datagrams from one coordinator to the other.
    pub crossed: usize,
}

impl Two {
    /// Both trust each other, and both groups allow the two gateways.
    pub fn allowed() -> Self {
        let mut two = Self::strangers();
        let (a, b) = (two.a.key.public(), two.b.key.public());
        two.trust(a, b);
        two.allow(true, true);
        two
    }

    /// Nobody trusts anybody.
    pub fn strangers() -> Self {
        Self::with_limits(Limits {
            messages_per_second: 100_000,
            ..Limits::default()
        })
    }

    pub fn with_limits(limits: Limits) -> Self {
        let mut a = World::of("a.test", A, 11, limits);
        let mut b = World::of("b.test", B, 12, limits);
        // The second is born later, and time never runs back.
        a.now = b.now;
        let car = a.gateway("car", 1, "203.0.113.1:4750", &["203.0.113.1:4750"]);
        let home = b.gateway("home", 1, "203.0.113.2:4750", &["203.0.113.2:4750"]);
        a.connect(car);
        b.connect(home);
        let laptop = a.device(car, 1, "laptop").unwrap().unwrap();
        let camera = b.device(home, 1, "camera").unwrap().unwrap();
        Self {
            a,
            b,
            car,
            home,
            laptop,
            camera,
            cut: false,
            dns: true,
            deaf: false,
            lose_hellos: 0,
            crossed: 0,
        }
    }

    /// A pins this key for b.test, B that one for a.test.
    pub fn trust(&mut self, a: ntm_proto::key::PublicKey, b: ntm_proto::key::PublicKey) {
        let record = |domain, key| DomainRecord {
            domain: Fqdn::parse(domain).unwrap(),
            key,
            address: None,
        };
        self.a.domains = vec![record("b.test", b)];
        self.b.domains = vec![record("a.test", a)];
        self.reload();
    }

    /// Whose operator puts the two into a group.
    pub fn allow(&mut self, a: bool, b: bool) {
        let name = |text| Fqdn::parse(text).unwrap();
        for (world, foreign, allows) in [
            (&mut self.a, name("b.test"), a),
            (&mut self.b, name("car.a.test"), b),
        ] {
            world.groups = vec![("friends".into(), 1)];
            let member = ("friends".to_owned(), foreign);
            world.foreign = allows.then_some(member).into_iter().collect();
        }
        self.reload();
    }

    pub fn reload(&mut self) {
        for world in [&mut self.a, &mut self.b] {
            let snapshot = world.snapshot();
            world.dc.reload(snapshot, world.now);
            world.dc.handle_timeout(world.now);
        }
        self.run();
    }

    /// The laptop asks for the camera.
    pub fn ask(&mut self) -> u32 {
        let request = self.a.ask(self.car, self.laptop.node, "camera.home.b.test");
        self.run();
        request
    }

    /// The camera asks for the laptop.
    pub fn ask_back(&mut self) -> u32 {
        let request = self.b.ask(self.home, self.camera.node, "laptop.car.a.test");
        self.run();
        request
    }

    /// Somebody who has the key of b.test's coordinator and its address, and is linked with A.
    pub fn impostor(&mut self) -> Link {
        let key = self.b.key.clone();
        self.impostor_with(&key)
    }

    /// Somebody who has this key, and is linked with A.
    pub fn impostor_with(&mut self, key: &SecretKey) -> Link {
        let seed = key.public().0;
        let mut link = Link::new(key.clone(), self.a.key.public(), Random::from_seed(seed));
        link.connect(self.a.now);
        let init = link.poll_output().unwrap();
        self.hand_to_a(&init).unwrap();
        let (_, response) = self.a.strays.pop().unwrap();
        let _ = link.handle_datagram(&response, self.a.now).unwrap();
        link
    }

    /// What A says to `message` of the impostor; what it answers waits in `a.strays`.
    pub fn hear(&mut self, link: &mut Link, message: &Message) -> Result<(), Reject> {
        let datagram = link.seal(message, self.a.now).unwrap();
        self.hand_to_a(&datagram)
    }

    fn hand_to_a(&mut self, datagram: &[u8]) -> Result<(), Reject> {
        let path = Path {
            local: A.parse().unwrap(),
            remote: B.parse().unwrap(),
        };
        let handled = self.a.dc.handle_datagram(path, datagram, self.a.now);
        self.a.run();
        handled
    }

    /// Lets everybody finish what there is to say at this moment.
    pub fn run(&mut self) {
        loop {
            self.a.run();
            self.b.run();
            let quiet = self.a.strays.is_empty()
                && self.b.strays.is_empty()
                && self.a.sought.is_empty()
                && self.b.sought.is_empty();
            if quiet {
                return;
            }
            self.look_up();
            self.cross();
        }
    }

    fn look_up(&mut self) {
        let (dns, deaf) = (self.dns, self.deaf);
        for (world, address) in [(&mut self.a, B), (&mut self.b, A)] {
            for domain in std::mem::take(&mut world.sought) {
                let found = dns.then(|| address.parse().unwrap());
                if !deaf {
                    world.dc.handle_domain_found(
                        &domain,
                        found.into_iter().collect(),
                        Duration::from_secs(60),
                        world.now,
                    );
                }
            }
        }
    }

    fn cross(&mut self) {
        let strays = [
            std::mem::take(&mut self.a.strays),
            std::mem::take(&mut self.b.strays),
        ];
        for (world, from, strays) in [(&mut self.b, A, &strays[0]), (&mut self.a, B, &strays[1])] {
            for (to, datagram) in strays {
                if self.cut || to.remote != world.address {
                    continue;
                }
                let is_control = Opening::decode(datagram).is_ok_and(|it| it.kind == Kind::Control);
                if from == B && is_control && self.lose_hellos > 0 {
                    self.lose_hellos -= 1;
                    continue;
                }
                self.crossed += 1;
                let path = Path {
                    local: world.address,
                    remote: from.parse().unwrap(),
                };
                let _ = world.dc.handle_datagram(path, datagram, world.now);
            }
        }
    }

    /// Lets time pass for both.
    pub fn pass(&mut self, time: Duration) {
        let end = self.a.now + time;
        loop {
            let due = [self.a.dc.poll_timeout(), self.b.dc.poll_timeout()];
            let Some(next) = due.into_iter().flatten().min().filter(|next| *next <= end) else {
                break;
            };
            let now = next.max(self.a.now);
            self.at(now);
        }
        self.at(end);
    }

    fn at(&mut self, now: Instant) {
        for world in [&mut self.a, &mut self.b] {
            world.now = now;
            world.dc.handle_timeout(now);
        }
        self.run();
    }

    /// Both gateways renew their links and say that they are there.
    pub fn keep_alive(&mut self) {
        for (world, at) in [(&mut self.a, self.car), (&mut self.b, self.home)] {
            world.clients[at].link.connect(world.now);
            world.run();
            let outside = world.clients[at].outside.to_string();
            let local = world.clients[at].addresses[0].to_string();
            world.keep_alive(at, &local, &outside, true).unwrap();
        }
        self.run();
    }

    /// What the car was told last.
    pub fn car(&self) -> &RouteDirection {
        self.a.clients[self.car].routes().pop().expect("a route")
    }

    /// What home was told last.
    pub fn home(&self) -> &RouteDirection {
        self.b.clients[self.home].routes().pop().expect("a route")
    }

    /// How many routes either gateway was told.
    pub fn told(&self) -> [usize; 2] {
        [
            self.a.clients[self.car].routes().len(),
            self.b.clients[self.home].routes().len(),
        ]
    }
}
