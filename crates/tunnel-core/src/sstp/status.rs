//! What an SSTP peer says about a message it did not like ([MS-SSTP] section 2.2.8).
//!
//! It must never be taken for more than the peer's word. Nothing here can fail.

/// A status code. Codes that are not known are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status(pub u32);

impl Status {
    /// Nothing is wrong.
    pub const NO_ERROR: Self = Self(0);
    /// An attribute stands twice in a message.
    pub const DUPLICATE_ATTRIBUTE: Self = Self(1);
    /// An attribute is not known.
    pub const UNRECOGNISED_ATTRIBUTE: Self = Self(2);
    /// An attribute has a length that it cannot have.
    pub const INVALID_ATTRIBUTE_LENGTH: Self = Self(3);
    /// An attribute has a value that is not supported.
    pub const VALUE_NOT_SUPPORTED: Self = Self(4);
    /// The message is not one for now.
    pub const UNACCEPTED_FRAME: Self = Self(5);
    /// Too many tries.
    pub const RETRY_COUNT_EXCEEDED: Self = Self(6);
    /// The message is not one at all.
    pub const INVALID_FRAME: Self = Self(7);
    /// The call did not come about in time.
    pub const NEGOTIATION_TIMEOUT: Self = Self(8);
    /// An attribute does not belong into this message.
    pub const ATTRIBUTE_NOT_SUPPORTED: Self = Self(9);
    /// An attribute that this message needs is missing.
    pub const REQUIRED_ATTRIBUTE_MISSING: Self = Self(10);
    /// Status info does not belong into this message.
    pub const STATUS_NOT_SUPPORTED: Self = Self(11);

    /// What it means, for people.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::NO_ERROR => "no error",
            Self::DUPLICATE_ATTRIBUTE => "an attribute stands twice",
            Self::UNRECOGNISED_ATTRIBUTE => "unknown attribute",
            Self::INVALID_ATTRIBUTE_LENGTH => "an attribute has a wrong length",
            Self::VALUE_NOT_SUPPORTED => "a value is not supported",
            Self::UNACCEPTED_FRAME => "a message that is not expected now",
            Self::RETRY_COUNT_EXCEEDED => "too many tries",
            Self::INVALID_FRAME => "not a valid message",
            Self::NEGOTIATION_TIMEOUT => "the call did not come about in time",
            Self::ATTRIBUTE_NOT_SUPPORTED => "an attribute that does not belong into the message",
            Self::REQUIRED_ATTRIBUTE_MISSING => "an attribute is missing",
            Self::STATUS_NOT_SUPPORTED => "status info does not belong into the message",
            Self(_) => "unknown status",
        }
    }
}

/// The number of an attribute ([MS-SSTP] section 2.2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Attribute(pub u8);

impl Attribute {
    /// None in particular.
    pub const NONE: Self = Self(0);
    /// What is carried: always PPP.
    pub const ENCAPSULATED_PROTOCOL: Self = Self(1);
    /// A status about another attribute.
    pub const STATUS_INFO: Self = Self(2);
    /// The client's proof that TLS and authentication have the same two ends.
    pub const CRYPTO_BINDING: Self = Self(3);
    /// The server's nonce for it.
    pub const CRYPTO_BINDING_REQUEST: Self = Self(4);
}

/// What is wrong, and with which attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Invalid {
    /// What is wrong.
    pub status: Status,
    /// With which attribute; `Attribute::NONE` if with none in particular.
    pub attribute: Attribute,
}

impl Invalid {
    /// A status about no attribute in particular.
    #[must_use]
    pub const fn message(status: Status) -> Self {
        Self { status, attribute: Attribute::NONE }
    }
}
