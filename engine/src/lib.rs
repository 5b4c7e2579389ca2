//! Treering: an embeddable, log-structured storage engine.
#![deny(unsafe_code)]

pub mod codec;
pub mod disk;
pub mod error;
pub mod format;
pub mod page;
pub mod tree;
