//! The seam itself: what a machine must offer. [`crate::Host`] is the comfortable side of it.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use crate::{Clock, Disk, Listener, LocalBoxFuture, Observation, Probe, Random, Stream, Task};

/// A machine on which one process lives. Each method is documented at [`crate::Host`].
pub trait Machine {
    /// See [`crate::Host::name`].
    fn name(&self) -> &str;
    /// See [`crate::Host::connect`].
    fn connect(&self, host: &str, port: u16) -> LocalBoxFuture<'static, io::Result<Stream>>;
    /// See [`crate::Host::bind`].
    fn bind(&self, port: u16) -> LocalBoxFuture<'static, io::Result<Box<dyn Listener>>>;
    /// See [`crate::Host::now`].
    fn now(&self, clock: Clock) -> Duration;
    /// See [`crate::Host::sleep_until`].
    fn sleep_until(&self, clock: Clock, deadline: Duration) -> LocalBoxFuture<'static, ()>;
    /// See [`crate::Host::disk`].
    fn disk(&self) -> Rc<dyn Disk>;
    /// See [`crate::Host::random`].
    fn random(&self, purpose: &str) -> Random;
    /// See [`crate::Host::spawn`].
    fn spawn(&self, future: LocalBoxFuture<'static, ()>) -> Task;
    /// See [`crate::Host::point`].
    fn point(&self, name: &'static str) -> Option<LocalBoxFuture<'static, ()>>;
    /// See [`crate::Host::observe`].
    fn observe(&self, observation: Observation);
    /// See [`crate::Host::probe`].
    fn probe(&self, probe: Probe);
}
