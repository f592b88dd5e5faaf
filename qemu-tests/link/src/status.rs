//! What a cable says of itself: settings and counters, as one JSON object.

use serde::Serialize;

/// A cable's state. All counts are since the start or the last `reset`.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// `up` or `down`.
    pub carrier: &'static str,
    /// Whether the ends cut super-packets before they hand them over.
    pub segmented: bool,
    /// Changes that wait for their time.
    pub pending: usize,
    /// From the first end to the second.
    pub ab: DirectionStatus,
    /// From the second end to the first.
    pub ba: DirectionStatus,
}

/// One direction's state. Packets and bytes are those on the wire, Ethernet headers included.
#[derive(Clone, Debug, Serialize)]
pub struct DirectionStatus {
    /// As the words that would set them.
    pub settings: String,
    /// What came in.
    #[serde(flatten)]
    pub counters: Counters,
    /// Frames under way now, and the memory they take.
    pub held_frames: usize,
    /// See `held_frames`.
    pub held_bytes: usize,
}

/// What one direction counted.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Counters {
    /// Packets sent into the cable.
    pub packets_in: u64,
    /// Their bytes.
    pub bytes_in: u64,
    /// Packets that came out, copies included.
    pub packets_out: u64,
    /// Their bytes.
    pub bytes_out: u64,
    /// Packets that did not.
    pub dropped: Dropped,
    /// Copies made.
    pub duplicated: u64,
    /// Packets held back so that others overtake them.
    pub reordered: u64,
    /// How much later than due the frames came out, on average, in microseconds: the emulator's own fault.
    pub late_us_mean: u64,
    /// The worst of them.
    pub late_us_max: u64,
    #[serde(skip)]
    pub(crate) frames_out: u64,
    #[serde(skip)]
    pub(crate) late_us_sum: u64,
}

/// Packets that were not delivered, by cause.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Dropped {
    /// By chance.
    pub loss: u64,
    /// By a full queue before the rate.
    pub queue: u64,
    /// By the black hole.
    pub blackhole: u64,
    /// Too long.
    pub mtu: u64,
    /// The cable was pulled.
    pub carrier: u64,
    /// More under way than the emulator holds.
    pub memory: u64,
    /// The interface at the far end was down.
    pub refused: u64,
    /// No Ethernet frame.
    pub malformed: u64,
}
