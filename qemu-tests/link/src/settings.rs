//! How one direction of a cable treats what goes through it.

use std::fmt;
use std::time::Duration;

/// A share of all packets, in parts per million.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share(u32);

impl Share {
    /// `None` above one million.
    #[must_use]
    pub fn of_million(ppm: u32) -> Option<Self> {
        (ppm <= 1_000_000).then_some(Self(ppm))
    }

    /// Parts per million.
    #[must_use]
    pub fn ppm(self) -> u32 {
        self.0
    }
}

/// How much waits before a direction with a rate; what comes on top is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// Bytes on the wire.
    Bytes(u64),
    /// Time it takes to send what waits.
    Time(Duration),
}

/// What vanishes without a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Blackhole {
    /// Nothing.
    #[default]
    None,
    /// IPv4; the two ends still hear each other's ARP.
    V4,
    /// IPv6, except neighbour discovery.
    V6,
    /// IPv4 and IPv6, as a provider's fault looks to a router: its modem still answers ARP.
    Both,
    /// Every frame.
    All,
}

/// Whether the ends may hand over super-packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offload {
    /// While every packet is treated alike.
    Auto,
    On,
    Off,
}

/// One direction's settings. Nothing is changed but the delay, unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Time from one end to the other.
    pub delay: Duration,
    /// The delay differs by up to this much either way, evenly. Order is kept.
    pub jitter: Duration,
    /// Bits per second, Ethernet headers included.
    pub rate: Option<u64>,
    /// What waits before `rate`.
    pub queue: Queue,
    /// Share that is lost.
    pub loss: Share,
    /// Share that arrives twice.
    pub duplicate: Share,
    /// Share that arrives later by `reorder_by`, overtaken by what follows.
    pub reorder: Share,
    /// See `reorder`.
    pub reorder_by: Duration,
    /// What vanishes.
    pub blackhole: Blackhole,
    /// Longer packets (without Ethernet header) vanish without an ICMP message.
    pub mtu: Option<usize>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            delay: Duration::from_millis(20),
            jitter: Duration::ZERO,
            rate: None,
            queue: Queue::Time(Duration::from_millis(100)),
            loss: Share(0),
            duplicate: Share(0),
            reorder: Share(0),
            reorder_by: Duration::from_millis(10),
            blackhole: Blackhole::None,
            mtu: None,
        }
    }
}

/// The words of a command that would set the same.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "delay={:?} jitter={:?} rate=", self.delay, self.jitter)?;
        match self.rate {
            Some(rate) => write!(f, "{rate}bit")?,
            None => f.write_str("none")?,
        }
        match self.queue {
            Queue::Bytes(bytes) => write!(f, " queue={bytes}B")?,
            Queue::Time(time) => write!(f, " queue={time:?}")?,
        }
        write!(f, " loss={} duplicate={}", self.loss, self.duplicate)?;
        write!(
            f,
            " reorder={} reorder_by={:?}",
            self.reorder, self.reorder_by
        )?;
        write!(f, " blackhole={} mtu=", self.blackhole)?;
        match self.mtu {
            Some(mtu) => write!(f, "{mtu}"),
            None => f.write_str("none"),
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", f64::from(self.0) / 10_000.0)
    }
}

impl fmt::Display for Blackhole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::V4 => "4",
            Self::V6 => "6",
            Self::Both => "both",
            Self::All => "all",
        })
    }
}
