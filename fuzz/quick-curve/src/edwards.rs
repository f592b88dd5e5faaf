//! The other shape of points, which `x25519-dalek` goes through.

use crate::montgomery::MontgomeryPoint;

/// A power, as [`MontgomeryPoint`] is.
pub struct EdwardsPoint(MontgomeryPoint);

impl EdwardsPoint {
    /// The public half of `secret`.
    pub fn mul_base_clamped(secret: [u8; 32]) -> Self {
        Self(MontgomeryPoint::mul_base_clamped(secret))
    }

    /// As it travels.
    pub fn to_montgomery(&self) -> MontgomeryPoint {
        self.0
    }
}
