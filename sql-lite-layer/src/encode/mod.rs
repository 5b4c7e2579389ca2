//! Values as bytes: keys whose order as bytes is the order of their values, and compact rows.
//!
//! What comes from a store is untrusted until checked: every decoder is bounded and gives an error, never a panic or a wrong value.
