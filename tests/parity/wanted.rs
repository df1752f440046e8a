//! Where zendo is meant to differ from ZenML 0.98.0, and why. The suite fails when one of these is no longer so.

/// A difference and its reason.
pub struct Wanted {
    /// `place: reference | zendo`, with `*` for anything. Each of them has to be there.
    pub differs: &'static [&'static str],
    pub reason: &'static str,
}

/// Wherever they are met.
pub const EVERYWHERE: [Wanted; 3] = [
    Wanted {
        differs: &["text of *"],
        reason: "a refusal is in zendo's own words; clients go by the status and the exception's name",
    },
    Wanted {
        differs: &["words of a violation: *", "number of violations: *"],
        reason: "a body is read to the first thing that is wrong, and the reason is in zendo's own words",
    },
    Wanted {
        differs: &["body.access_token.(opened).claims.jti: (absent) | *"],
        reason: "a token has an id, so that it can be revoked, and says what it is for",
    },
];
