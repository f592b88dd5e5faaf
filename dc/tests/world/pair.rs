//! Two gateways of one account that want to talk, in the worlds that differ.

use super::World;
use ntm_dc::Limits;
use ntm_proto::id::Identity;
use ntm_proto::message::RouteDirection;

pub const HOME: &str = "203.0.113.5:4750";
pub const CAR: &str = "198.51.100.7:61000";
pub const INSIDE: &str = "192.168.1.2:4750";
pub const CAR6: &str = "[2001:db8:7::7]:4750";

/// Two gateways of one account, each with a device: home (global unless told otherwise) and car (behind a NAT).
pub struct Pair {
    pub world: World,
    pub home: usize,
    pub car: usize,
    pub camera: Identity,
    pub laptop: Identity,
}

pub fn pair_with(limits: Limits, home_sockets: &[&str], car: &str, car_sockets: &[&str]) -> Pair {
    let mut world = World::with_limits(limits);
    let home = world.gateway("home", 1, HOME, home_sockets);
    let car = world.gateway("car", 1, car, car_sockets);
    world.connect(home);
    world.connect(car);
    let camera = world.device(home, 1, "camera").unwrap().unwrap();
    let laptop = world.device(car, 2, "laptop").unwrap().unwrap();
    Pair {
        world,
        home,
        car,
        camera,
        laptop,
    }
}

pub fn pair(home_sockets: &[&str], car: &str, car_sockets: &[&str]) -> Pair {
    pair_with(
        Limits {
            messages_per_second: 100_000,
            ..Limits::default()
        },
        home_sockets,
        car,
        car_sockets,
    )
}

/// Home global, car behind a NAT.
pub fn mixed() -> Pair {
    pair(&[HOME], CAR, &[INSIDE])
}

/// Both behind NATs, and a relay.
pub fn natted() -> (Pair, usize) {
    let mut pair = pair(&[INSIDE], CAR, &[INSIDE]);
    let relay = pair
        .world
        .relay("rs1", &["192.0.2.20:4750", "[2001:db8::20]:4750"]);
    pair.world.connect(relay);
    (pair, relay)
}

impl Pair {
    pub fn ask(&mut self) -> u32 {
        self.world
            .ask(self.car, self.laptop.node, "camera.home.ntm.test")
    }

    pub fn last(&self, at: usize) -> &RouteDirection {
        self.world.clients[at]
            .routes()
            .pop()
            .expect("a direction came")
    }
}
