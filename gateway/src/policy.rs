//! Who may begin something with whom: the owner's rules, beside what the DC's groups allow.
//!
//! The first rule that matches (who begins, with whom) decides; without one it is allowed. So each pair has a
//! verdict: may ours begin, may theirs? It is made when the DC directs the pair, and again when rules or names change.
//! A pair in which both may begin costs the data path one look at that. In one with a denied side each packet is asked
//! what it means (`meaning.rs`):
//!
//! * TCP without state, so that sessions outlive a restart: what is denied to begin is a SYN without ACK. A session that
//!   was begun before a rule came goes on if the other side may begin.
//! * ICMP: a question is a beginning; answers are not, nor is an error that quotes a packet of that pair.
//! * UDP and all else: a packet of the denied side passes as long as it belongs to what the other side began (`flows.rs`).
//! * Fragments: the first is judged as a whole packet is, the others pass, since nothing can be made of them without it.
//!   TCP's that could replace the flags of the first, and whatever is too short to be judged, are refused from the denied
//!   side and counted for themselves.
//!
//! Devices of one LAN reach each other without us: no rule is about them.

mod flows;
mod meaning;
#[cfg(test)]
mod tests;

use crate::status::PolicyStatus;
use crate::{Gateway, Output, Reject};
use flows::{Flow, Flows};
use meaning::Meaning;
use ntm_proto::id::{Fqdn, Label, NameError};
use ntm_proto::ip::Ipv4View;
use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// Most rules.
pub const MAX_POLICIES: usize = 64;
/// Pause between two words to devices that they may not.
const TELL_PAUSE: Duration = Duration::from_millis(5);

/// One of the owner's rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Who begins.
    pub from: Party,
    /// With whom.
    pub to: Party,
    /// What then.
    pub action: Action,
}

/// Whom a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Party {
    /// `*`: everybody.
    Anyone,
    /// The device of this name behind this gateway.
    Ours(Label),
    /// The device, all of the gateway, or all of the domain of this full name.
    Named(Fqdn),
}

/// What a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// They may begin.
    Allow,
    /// They may not.
    Deny,
}

impl Party {
    /// Reads `*`, the short name of one of our devices, or a full name. A full name of one label ends in a dot.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        match text {
            "*" => Ok(Self::Anyone),
            name if name.contains('.') => Fqdn::parse(name).map(Self::Named),
            label => Label::parse(label).map(Self::Ours),
        }
    }

    /// By the full name; `own` is the gateway's.
    fn full(&self, own: &Fqdn) -> Self {
        match self {
            // A name that is too long to be one is nobody's.
            Self::Ours(label) => own.child(label).map_or_else(|_| self.clone(), Self::Named),
            Self::Anyone | Self::Named(_) => self.clone(),
        }
    }

    fn is(&self, name: &Fqdn) -> bool {
        match self {
            Self::Anyone => true,
            Self::Ours(_) => false,
            Self::Named(party) => name.is_within(party),
        }
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anyone => f.write_str("*"),
            Self::Ours(label) => label.fmt(f),
            Self::Named(name) => name.fmt(f),
        }
    }
}

impl Action {
    /// Reads `allow` or `deny`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "allow" => Some(Self::Allow),
            "deny" => Some(Self::Deny),
            _ => None,
        }
    }

    /// As it is written.
    pub fn text(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

/// Who sends a packet of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Ours,
    Theirs,
}

/// What is known of a pair's two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// May ours begin?
    ours: Ruling,
    /// May theirs?
    theirs: Ruling,
}

/// Which rule decided, counted from 1, 0 for none; and in the highest bit, whether it denies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Ruling(u8);

const DENIED: u8 = 0x80;

impl Ruling {
    fn is_denied(self) -> bool {
        self.0 & DENIED != 0
    }

    /// The rule's place in the list.
    fn rule(self) -> Option<usize> {
        usize::from(self.0 & !DENIED).checked_sub(1)
    }
}

impl Verdict {
    /// No rule decides.
    pub(crate) const FREE: Self = Self {
        ours: Ruling(0),
        theirs: Ruling(0),
    };

    /// Both may begin: nothing of theirs is looked at.
    pub(crate) fn is_free(self) -> bool {
        (self.ours.0 | self.theirs.0) & DENIED == 0
    }

    /// Neither may.
    pub(crate) fn is_closed(self) -> bool {
        self.ours.0 & self.theirs.0 & DENIED != 0
    }

    /// Whether the rule at this place decides about a side of it.
    fn is_by(self, rule: usize) -> bool {
        self.ours.rule() == Some(rule) || self.theirs.rule() == Some(rule)
    }

    fn of(self, side: Side) -> Ruling {
        match side {
            Side::Ours => self.ours,
            Side::Theirs => self.theirs,
        }
    }
}

/// A rule in force.
struct Rule {
    policy: Policy,
    from: Party,
    to: Party,
    /// How often it decided about a beginning.
    decided: u64,
}

/// The rules, and what they let begin.
#[derive(Default)]
pub(crate) struct Policies {
    rules: Vec<Rule>,
    /// What ours began, and what theirs did: neither can push the other's out. None where there are no rules.
    begun: Option<Box<[Flows; 2]>>,
    /// When a device was last told.
    told: Option<Instant>,
}

impl Policies {
    /// The rules are these now, of the gateway `own`. One that was there before goes on counting.
    fn set(&mut self, policies: &[Policy], own: &Fqdn) {
        let before = std::mem::take(&mut self.rules);
        let rule = |policy: &Policy| {
            let known = before.iter().find(|rule| rule.policy == *policy);
            Rule {
                policy: policy.clone(),
                from: policy.from.full(own),
                to: policy.to.full(own),
                decided: known.map_or(0, |rule| rule.decided),
            }
        };
        self.rules = policies.iter().take(MAX_POLICIES).map(rule).collect();
        if self.rules.is_empty() {
            self.begun = None;
        } else if self.begun.is_none() {
            self.begun = Some(Box::new([Flows::new(), Flows::new()]));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Who may begin, of our device and the remote one with these full names.
    pub(crate) fn verdict(&self, ours: &Fqdn, remote: &Fqdn) -> Verdict {
        Verdict {
            ours: self.ruling(ours, remote),
            theirs: self.ruling(remote, ours),
        }
    }

    fn ruling(&self, from: &Fqdn, to: &Fqdn) -> Ruling {
        let matching = |(_, rule): &(u8, &Rule)| rule.from.is(from) && rule.to.is(to);
        let Some((number, rule)) = (1..).zip(&self.rules).find(matching) else {
            return Ruling::default();
        };
        match rule.policy.action {
            Action::Allow => Ruling(number),
            Action::Deny => Ruling(number | DENIED),
        }
    }

    /// Whether a packet may pass that `side` of the pair (our device, the remote one as the LAN sees it) sends.
    pub(crate) fn judge(
        &mut self,
        verdict: Verdict,
        pair: (Ipv4Addr, Ipv4Addr),
        side: Side,
        view: &Ipv4View<'_>,
        now: Instant,
    ) -> Result<(), Reject> {
        let ruling = verdict.of(side);
        if verdict.is_closed() {
            self.count(ruling);
            return Err(Reject::Denied);
        }
        let begins = match meaning::of(view) {
            Meaning::GoesOn => false,
            Meaning::Begins => true,
            Meaning::Unclear if ruling.is_denied() => return Err(Reject::Undecidable),
            Meaning::Unclear => false,
            Meaning::Flow { protocol, ports } => {
                let ports = match side {
                    Side::Ours => ports,
                    Side::Theirs => (ports.1, ports.0),
                };
                let flow = Flow {
                    pair,
                    protocol,
                    ports,
                };
                self.is_new(flow, side, ruling, now)
            }
        };
        if begins {
            self.count(ruling);
            if ruling.is_denied() {
                return Err(Reject::Denied);
            }
        }
        Ok(())
    }

    /// Whether with this packet of `side` something begins. What the side that may begin sends is remembered.
    fn is_new(&mut self, flow: Flow, side: Side, ruling: Ruling, now: Instant) -> bool {
        // A verdict that is not free has rules behind it.
        let Some([ours, theirs]) = self.begun.as_deref_mut() else {
            return true;
        };
        let (own, other) = match side {
            Side::Ours => (ours, theirs),
            Side::Theirs => (theirs, ours),
        };
        if ruling.is_denied() {
            !other.goes_on(flow, now)
        } else {
            own.begin(flow, now)
        }
    }

    fn count(&mut self, ruling: Ruling) {
        if let Some(rule) = ruling.rule().and_then(|at| self.rules.get_mut(at)) {
            rule.decided += 1;
        }
    }

    /// Our device was refused before it sent anything: its question for a name, say.
    pub(crate) fn count_refused(&mut self, verdict: Verdict) {
        self.count(verdict.ours);
    }

    /// Whether it is time for another word to a device.
    pub(crate) fn may_tell(&mut self, now: Instant) -> bool {
        let is_soon = |told| now.duration_since(told) < TELL_PAUSE;
        let may = !self.told.is_some_and(is_soon);
        if may {
            self.told = Some(now);
        }
        may
    }
}

impl Gateway {
    /// The owner's rules are these now, the first that matches decides; of more than [`MAX_POLICIES`] the rest is not looked
    /// at. They hold at once, also for pairs that talk.
    pub fn policies_changed(&mut self, policies: &[Policy], now: Instant) {
        self.policies.set(policies, &self.setup.name);
        self.forget_denied();
        self.judge_pairs();
        self.settle(now);
    }

    /// The rules in force, in their order.
    pub fn policies(&self) -> Vec<PolicyStatus> {
        let is_known = |party: &Party| match party {
            Party::Anyone => true,
            // Too long with our own name behind it.
            Party::Ours(_) => false,
            Party::Named(name) => {
                let domains = std::iter::once(&self.setup.domain).chain(&self.domains.1);
                domains.into_iter().any(|domain| name.is_within(domain))
            }
        };
        let status = |(at, rule): (usize, &Rule)| PolicyStatus {
            number: at + 1,
            from: rule.from.to_string(),
            to: rule.to.to_string(),
            action: rule.policy.action.text().to_owned(),
            pairs: self.pairs.verdicts().filter(|it| it.is_by(at)).count(),
            decided: rule.decided,
            unknown: [&rule.from, &rule.to]
                .into_iter()
                .filter(|party| !is_known(party))
                .map(Party::to_string)
                .collect(),
        };
        self.policies.rules.iter().enumerate().map(status).collect()
    }

    /// Rules or names have changed: each pair gets its verdict anew. One whose names are not known any more is forgotten;
    /// its next packet makes us ask for them.
    pub(crate) fn judge_pairs(&mut self) {
        let ours: BTreeMap<Ipv4Addr, &Fqdn> = self
            .devices
            .identities()
            .map(|identity| (identity.vip4, &identity.name))
            .collect();
        let (peers, policies) = (&self.peers, &self.policies);
        self.pairs.judge(|(device, seen), slot| {
            let remote = peers.peek(slot)?.remotes.get(&seen)?;
            Some(policies.verdict(ours.get(&device)?, &remote.name))
        });
    }

    /// A device sent what it may not: it hears so, unless others have just heard the same.
    pub(crate) fn tell_denied(&mut self, packet: &[u8], now: Instant) {
        if let Some(answer) = crate::unreachable::prohibited(packet)
            && self.policies.may_tell(now)
        {
            self.output.push_back(Output::Deliver(answer));
        }
    }
}
