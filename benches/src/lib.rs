//! Measures Treering, alone and beside its peers.
//!
//! `benches/` holds small measurements of single rooms (criterion). The binary `table` plays the rows of a published workload on several
//! engines in turn: [`engine`] is what each must do, [`engines`] are the adapters, [`load`] is the data, [`meter`] reads the clocks,
//! [`rows`] are the measurements, [`limits`] what the machine allows, [`report`] the table.
//!
//! Not measured here: whole applications (`treering drill` does), and SQL.
#![deny(unsafe_code)]

pub mod engine;
pub mod engines;
pub mod limits;
pub mod load;
pub mod meter;
pub mod report;
pub mod rows;
pub mod samples;
pub mod stores;
