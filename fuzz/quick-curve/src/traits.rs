//! What can be asked of a point.

use crate::montgomery::MontgomeryPoint;

/// Whether it is the one that multiplies nothing.
pub trait IsIdentity {
    /// Whether it is.
    fn is_identity(&self) -> bool;
}

impl IsIdentity for MontgomeryPoint {
    fn is_identity(&self) -> bool {
        self.0 == [0; 32]
    }
}
