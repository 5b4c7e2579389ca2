//! Task configurations: text of some kilobytes that thousands of tasks share, named by the hash of its bytes.
//!
//! A status change must not rewrite a configuration, and finding an equal one must not compare texts: a content hash gives both.
//! Two texts with one BLAKE3 hash are not expected in the life of the universe, so equal hashes are taken as equal texts.

use crate::error::{Error, Result};
use crate::model::{JobId, Requests};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fmt::Write as _;

/// Longest configuration that is stored: 16 MiB, a thousand times the usual.
pub const MAX_CONFIGURATION_BYTES: usize = 16 << 20;

/// BLAKE3 hash of a configuration's bytes: its name. Stored; never change the function.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConfigHash(pub [u8; 32]);

impl ConfigHash {
    /// The name of `text`.
    #[must_use]
    pub fn of(text: &[u8]) -> ConfigHash {
        ConfigHash(*blake3::hash(text).as_bytes())
    }
}

impl fmt::Display for ConfigHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ConfigHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConfigHash({self})")
    }
}

/// What a configuration's text is made from: small, so that a described cluster does not hold a gigabyte of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigSpec {
    /// The job that it is for.
    pub job: JobId,
    /// Number of the text among the job's.
    pub variant: u32,
    /// What a task of it asks for.
    pub requests: Requests,
    /// Length of the text; a text is never shorter than its fixed parts, some 200 bytes.
    pub len_bytes: u32,
    /// Where the variables' values come from.
    pub seed: u64,
}

impl ConfigSpec {
    /// The text: the same bytes for the same description, on every machine.
    ///
    /// # Errors
    /// `Input` when `len_bytes` is beyond [`MAX_CONFIGURATION_BYTES`].
    pub fn text(&self) -> Result<Vec<u8>> {
        let len = self.len_bytes as usize;
        if len > MAX_CONFIGURATION_BYTES {
            return Err(Error::input(format!("a configuration of {len} bytes: at most {MAX_CONFIGURATION_BYTES} are stored")));
        }
        let Requests { cpu_milli, memory_mib, num_gpu, gpu_milli, .. } = self.requests;
        let mut text = String::with_capacity(len + 256);
        let head = format!(
            "{{\"job\":{},\"variant\":{},\"cpu_milli\":{cpu_milli},\"memory_mib\":{memory_mib},\"num_gpu\":{num_gpu},\
             \"gpu_milli\":{gpu_milli},\"command\":\"/srv/run --port {{{{port}}}}\",\"environment\":{{",
            self.job, self.variant
        );
        text.push_str(&head);
        let mut random = fastrand::Rng::with_seed(self.seed ^ (self.job.0 << 24) ^ u64::from(self.variant));
        let mut number = 0;
        while text.len() + 50 < len {
            // One variable takes 37 bytes (19 + 1 + 18 with its quotes and colon, a comma), the end at least 10.
            write!(text, "\"VARIABLE_{number:06}\":\"{:016x}\",", random.u64(..)).expect("a String takes every write");
            number += 1;
        }
        text.push_str("\"END\":\"");
        while text.len() + 3 < len {
            text.push('-');
        }
        text.push_str("\"}}");
        Ok(text.into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(len_bytes: u32, variant: u32) -> ConfigSpec {
        ConfigSpec { job: JobId(3), variant, requests: Requests::default(), len_bytes, seed: 1 }
    }

    /// A description has one text, of the length asked for, and another variant has another.
    #[test]
    fn a_text_is_determined_by_its_description() {
        for len in [300, 4_096, 10_240, 10_241, 10_279] {
            let text = spec(len, 0).text().unwrap();
            assert_eq!(text.len(), len as usize);
            assert_eq!(text, spec(len, 0).text().unwrap());
            assert_ne!(ConfigHash::of(&text), ConfigHash::of(&spec(len, 1).text().unwrap()));
        }
    }

    /// A short text keeps its fixed parts.
    #[test]
    fn a_text_is_never_shorter_than_its_fixed_parts() {
        let text = String::from_utf8(spec(0, 0).text().unwrap()).unwrap();
        assert!(text.starts_with('{') && text.ends_with("}}"), "{text}");
        assert!(spec(u32::MAX, 0).text().is_err());
    }
}
