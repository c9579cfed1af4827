//! Reports of runs: text, Markdown, JSON, JUnit and self-contained HTML with a timeline.
//!
//! Pure functions from run records and histories to strings: no file, no clock, no randomness;
//! the same input gives the same bytes. It judges nothing: verdicts and figures come from `sim`,
//! and this crate gathers them ([`cell`]), compares them with what was expected, and shows them.
//!
//! Reading order: [`record`] (what is told of one run), [`cell`] (what is told of one scenario
//! under one profile, and the exit status), then one file per format: [`text`], [`markdown`],
//! [`json`], [`junit`], [`html`]. The page of a run draws its [`timeline`] from [`lanes`] and lists its
//! [`noteworthy`] events; [`judgement`] tells of a history that has no scenario; [`wording`] puts
//! figures and results in words for all of them.

pub mod cell;
pub mod html;
pub mod json;
pub mod judgement;
pub mod junit;
pub mod lanes;
pub mod markdown;
pub mod noteworthy;
pub mod record;
pub mod text;
pub mod timeline;
pub mod vacuity;
pub mod wording;
