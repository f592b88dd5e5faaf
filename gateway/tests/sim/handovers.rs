//! What the gateways have on record after their tunnels took another way.

use crate::net::Mapping::EndpointIndependent;
use crate::routes::chat;
use crate::scenarios::{SECOND, settled, until_whole};
use crate::world::{CAR, HOME, WanKind, World};
use ntm_gateway::status::HandoverStatus;
use std::time::Duration;

const NAT: WanKind = WanKind::Nat(EndpointIndependent);

/// Numbered packets both ways, 20 a second.
fn talk(world: &mut World, numbers: std::ops::Range<u32>) {
    numbers.for_each(|next| chat(world, next));
}

fn handovers(world: &World, site: usize) -> Vec<HandoverStatus> {
    world.sites[&site].gateway.handovers(world.now)
}

/// The only one since the packets began to flow.
fn only(world: &World, site: usize) -> HandoverStatus {
    let all = handovers(world, site);
    let [one] = &all[..] else {
        panic!("one handover, not {all:#?}");
    };
    one.clone()
}

fn is_between(time: Option<f64>, least: f64, most: f64) -> bool {
    time.is_some_and(|time| (least..=most).contains(&time))
}

#[test]
fn a_move_is_on_record_at_both_ends_with_its_steps() {
    let mut world = settled(41, WanKind::Global, WanKind::Global);
    until_whole(&mut world, 5 * SECOND, 1);
    talk(&mut world, 100..140);
    assert!(handovers(&world, CAR).is_empty() && handovers(&world, HOME).is_empty());
    world.plug(CAR, NAT);
    talk(&mut world, 200..240);
    let own = only(&world, CAR);
    assert_eq!(
        (own.cause.as_str(), own.done),
        ("own address changed", true)
    );
    assert_eq!(own.peer, "home.ntm.test");
    let ends = [own.from, own.to].map(|hop| hop.expect("a way").local);
    assert_eq!(ends, ["198.51.100.20:4750", "10.0.0.2:4750"]);
    assert_eq!(
        (own.address_ms, own.detect_ms, own.lost),
        (Some(0.0), None, 0)
    );
    for step in [own.register_ms, own.tunnel_ms, own.packet_ms] {
        assert!(is_between(step, 1.0, 1000.0), "{step:?}");
    }
    assert!(is_between(own.gap_ms, 50.0, 1000.0), "{:?}", own.gap_ms);
    let other = only(&world, HOME);
    assert_eq!((other.cause.as_str(), other.done), ("peer moved", true));
    assert_eq!((other.address_ms, other.register_ms), (None, None));
    assert!(is_between(other.gap_ms, 50.0, 1000.0), "{:?}", other.gap_ms);
}

#[test]
fn a_way_that_falls_silent_tells_how_long_that_took_to_notice() {
    let mut world = settled(42, WanKind::Global, WanKind::Global);
    until_whole(&mut world, 5 * SECOND, 1);
    talk(&mut world, 100..140);
    world.net.drop_if = Box::new(|_| true);
    talk(&mut world, 200..240);
    let lost = only(&world, CAR);
    assert_eq!((lost.cause.as_str(), lost.done), ("silence", false));
    // It may have fallen back to the relay, which is as silent.
    assert_eq!(lost.gap_ms, None);
    world.net.drop_if = Box::new(|_| false);
    talk(&mut world, 300..400);
    let found = only(&world, CAR);
    assert!(found.done && is_between(found.detect_ms, 300.0, 3000.0));
    // 40 packets, 50 ms each, went into the void.
    assert!(is_between(found.gap_ms, 1900.0, 4000.0), "{found:#?}");
    assert!(found.again > 0, "{found:#?}");
}

#[test]
fn a_tunnel_that_goes_direct_has_found_a_better_path() {
    let mut world = settled(43, NAT, NAT);
    until_whole(&mut world, 5 * SECOND, 1);
    talk(&mut world, 100..200);
    let better = only(&world, CAR);
    assert_eq!(better.cause, "better path found");
    let paths = [better.from, better.to].map(|hop| hop.expect("a way").path);
    assert_eq!(paths, ["relay", "direct"]);
    assert_eq!((better.lost, better.done), (0, true));
    world.run_for(Duration::from_secs(1000));
    // The tunnel is closed, what it went through stays on record.
    assert!(world.sites[&CAR].gateway.tunnels(world.now).is_empty());
    assert_eq!(only(&world, CAR).ago_s / 100, 10);
}
