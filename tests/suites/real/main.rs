//! Real crashes: processes that are killed, disks that are full, power that is cut, calls that fail, and neighbours on the same file.
//!
//! The store lives in a child process, `tests/actor`; what it acknowledged comes through a pipe, so the oracle is outside of the
//! store. What the machine does not allow (mounts, loop devices, strace) is skipped with a printed note.
//!
//! | file | what really happens |
//! |---|---|
//! | `kills` | SIGKILL at a drawn moment, or in the middle of a change of the file |
//! | `storm` | SIGKILL under threads that share their syncs |
//! | `cuts` | ext4 on a loop device loses its power |
//! | `clock` | a clock that stands still or jumps, by a library loaded before |
//! | `names` | the order of naming and syncing, by strace |
//! | `faults` | system calls fail or kill, by strace |
//! | `space` | a full disk, a file that may not grow, a mount that is read-only |
//! | `neighbours` | other openers: processes, links, forks |
//! | `shortened` | another process cuts the file short |
//! | `descriptors` | files that are closed, refused or dropped are let go |
//! | `paths` | permissions, descriptors, what is left in the folder |
//!
//! `TREERING_DEPTH=20` is what CI runs: 2,000 kills and 400 power cuts.
//!
//! Here alone time is waited for: the moment of a kill is what is drawn.
#![cfg(target_os = "linux")]
#![deny(unsafe_code)]

mod clock;
mod cuts;
mod descriptors;
mod faults;
mod kernel;
mod kills;
mod lives;
mod names;
mod neighbours;
mod paths;
mod shortened;
mod space;
mod storm;
mod tools;
