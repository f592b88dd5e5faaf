//! Where hosts and gateways are attached: realms, the NATs between them, addresses.

use super::*;

impl Net {
    pub(super) fn attach(&mut self, node: usize, address: IpAddr, realm: usize, link: LinkSpec) {
        self.realms[realm].hosts.insert(address, node);
        self.attached
            .insert((node, address), Attachment::new(realm, link));
    }

    pub(super) fn place_v4(
        &mut self,
        node: usize,
        index: usize,
        wan: &WanSpec,
    ) -> Option<(usize, IpAddr)> {
        // Inside addresses are the same everywhere on purpose, but for those who meet behind one NAT.
        let usual = IpAddr::from(Ipv4Addr::new(10, 0, index as u8, 2));
        let own = |shared: usize| {
            IpAddr::from(Ipv4Addr::new(
                10,
                64 + shared as u8,
                index as u8,
                2 + node as u8,
            ))
        };
        Some(match wan.v4 {
            V4Kind::None => return None,
            V4Kind::Global => (INTERNET, self.public_v4()),
            V4Kind::Firewall(spec) => {
                let random = self.dice.fork();
                let inside = self.realm(Nat::new(spec, None, random), INTERNET);
                (inside, self.public_v4())
            }
            V4Kind::Nat(spec) => (self.behind(spec, INTERNET), usual),
            V4Kind::Carrier(spec, carrier) => {
                let carrier = self.behind(carrier, INTERNET);
                (self.behind(spec, carrier), usual)
            }
            V4Kind::Shared(number) => (self.shared[number], own(number)),
            V4Kind::BehindShared(spec, number) => {
                let outer = self.shared[number];
                (self.behind(spec, outer), usual)
            }
        })
    }

    pub(super) fn place_v6(&mut self, wan: &WanSpec) -> Option<(usize, IpAddr)> {
        Some(match wan.v6 {
            V6Kind::None => return None,
            V6Kind::Global => (INTERNET, self.public_v6()),
            V6Kind::Firewall(spec) => {
                let random = self.dice.fork();
                let inside = self.realm(Nat::new(spec, None, random), INTERNET);
                (inside, self.public_v6())
            }
        })
    }

    /// A new network behind a new NAT.
    pub(super) fn behind(&mut self, spec: NatSpec, outer: usize) -> usize {
        let outside = if outer == INTERNET {
            self.public_v4()
        } else {
            self.carrier_v4()
        };
        let random = self.dice.fork();
        self.realm(Nat::new(spec, Some(outside), random), outer)
    }

    pub(super) fn realm(&mut self, nat: Nat, outside: usize) -> usize {
        let (inside, gate) = (self.realms.len(), self.gates.len());
        let is_v4_only = nat.outside.is_some();
        self.gates.push(Gate {
            nat,
            inside,
            outside,
        });
        let up6 = (!is_v4_only).then_some(gate);
        self.realms.push(Realm {
            up4: Some(gate),
            up6,
            ..Realm::default()
        });
        inside
    }

    pub(super) fn boxes_of(&self, node: usize) -> Vec<usize> {
        let mut boxes = Vec::new();
        for ((owner, _), attached) in &self.attached {
            let mut realm = attached.realm;
            while let (true, Some(gate)) = (*owner == node, self.realms[realm].up4) {
                boxes.push(gate);
                realm = self.gates[gate].outside;
            }
        }
        boxes
    }

    pub(super) fn public_v4(&mut self) -> IpAddr {
        self.next_public += 1;
        let [_, _, high, low] = self.next_public.to_be_bytes();
        // The benchmark network's neighbour: public by every rule, and nobody's.
        Ipv4Addr::new(192, 0, 16 + high, low).into()
    }

    pub(super) fn carrier_v4(&mut self) -> IpAddr {
        self.next_public += 1;
        let [_, _, high, low] = self.next_public.to_be_bytes();
        Ipv4Addr::new(100, 64, high, low).into()
    }

    pub(super) fn public_v6(&mut self) -> IpAddr {
        self.next_public += 1;
        Ipv6Addr::new(0x2001, 0xdb8, 0xffff, self.next_public as u16, 0, 0, 0, 2).into()
    }
}
