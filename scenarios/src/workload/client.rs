//! One client: sends its operations one after another and records how each ended.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use host::{Clock, Host};
use node::client::{Client as Connection, ClientError, Timeouts};
use sim::OperationLog;
use sim::history::{Intent, Invocation, OpResult, Return, Via};

use super::generator::Generator;
use super::request::{self, Answer, Answers, NotDone};
use super::{Addresses, Way};
use crate::cluster::SHARD;
use crate::plan::Workload;

/// How many redirections one operation follows.
const REDIRECTIONS_MAX: u32 = 4;

pub(super) struct Client {
    host: Host,
    name: String,
    via: Via,
    log: OperationLog,
    addresses: Addresses,
    workload: Workload,
    generator: Generator,
    /// Where its next connection goes.
    target: (String, u16),
    connection: Option<Connection>,
}

impl Client {
    pub(super) fn new(
        host: Host,
        log: OperationLog,
        addresses: Addresses,
        workload: Workload,
        Way { via, name: kind, first }: Way,
        life: u32,
    ) -> Self {
        let again = if life > 1 { format!("-{life}") } else { String::new() };
        let name = format!("{}/{kind}{again}", host.name());
        let target = (first, addresses.port);
        let generator = Generator::new(name.clone(), host.random(&format!("workload/{name}")));
        Self { host, name, via, log, addresses, workload, generator, target, connection: None }
    }

    /// Until told to stop; the operation under way is ended first.
    pub(super) async fn run(mut self, stop: Rc<Cell<bool>>) {
        while !stop.get() {
            let Workload { pause_ms_min, pause_ms_max, .. } = self.workload;
            let pause_ms = self.generator.pause_ms(pause_ms_min, pause_ms_max);
            self.host.sleep(Clock::Monotonic, Duration::from_millis(pause_ms)).await;
            self.operate().await;
        }
    }

    async fn operate(&mut self) {
        let intents = self.generator.next();
        let op = self.log.next_op();
        self.log.invoke(Invocation {
            client: self.name.clone(),
            op,
            shard: SHARD,
            via: self.via,
            intents: intents.clone(),
        });
        let end = match self.send(&intents).await {
            Ok(answers) => {
                // Behind a load balancer nobody knows who answers.
                let by = (self.via != Via::Lb).then(|| self.target.0.clone());
                Return { op, result: OpResult::Ok, answers, by }
            }
            Err(NotDone::Surely(error)) => Return::of(op, OpResult::Fail { error }),
            Err(NotDone::Perhaps(error)) => Return::of(op, OpResult::Info { error }),
        };
        self.log.end(end);
    }

    /// Sends an operation, after each redirection once more.
    async fn send(&mut self, intents: &[Intent]) -> Result<Answers, NotDone> {
        let requests = request::requests(intents);
        for _ in 0..REDIRECTIONS_MAX {
            let answer = match self.connected().await {
                Ok(mut connection) => {
                    let replies = connection.pipeline(&requests).await;
                    if replies.is_ok() {
                        self.connection = Some(connection);
                    }
                    replies.map(|replies| request::answer(intents, &replies))
                }
                Err(error) => Err(error),
            };
            match answer {
                Ok(Answer::Ended(result)) => return result,
                Ok(Answer::Moved { host, port }) if self.via == Via::Direct => {
                    self.go_to((host, port));
                }
                Ok(Answer::Moved { host, port }) => {
                    // A sticky client stays; one behind a load balancer tries another flow.
                    if self.via == Via::Lb {
                        self.connection = None;
                    }
                    return Err(NotDone::Surely(format!("MOVED to {host}:{port}")));
                }
                Err(error) => {
                    self.look_elsewhere();
                    return Err(failed(&error));
                }
            }
        }
        Err(NotDone::Surely(format!("MOVED {REDIRECTIONS_MAX} times")))
    }

    /// The connection it has, or a new one.
    async fn connected(&mut self) -> Result<Connection, ClientError> {
        if let Some(connection) = self.connection.take() {
            return Ok(connection);
        }
        let limit = Duration::from_millis(self.workload.timeout_ms);
        let timeouts = Timeouts { connect: limit, request: limit };
        Connection::connect(&self.host, &self.target.0, self.target.1, timeouts).await
    }

    fn go_to(&mut self, target: (String, u16)) {
        self.connection = None;
        self.target = target;
    }

    /// After a failure a direct client asks the next node, which sends it on to the master that
    /// it knows; the others try the same address again.
    fn look_elsewhere(&mut self) {
        self.connection = None;
        if self.via != Via::Direct {
            return;
        }
        let nodes = &self.addresses.nodes;
        let at = nodes.iter().position(|node| *node == self.target.0);
        let next = at.map_or(0, |at| (at + 1) % nodes.len());
        self.target = (nodes[next].clone(), self.addresses.port);
    }
}

/// Surely not done if nothing was sent; otherwise it may have been.
fn failed(error: &ClientError) -> NotDone {
    let text = error.to_string();
    if error.surely_not_sent() { NotDone::Surely(text) } else { NotDone::Perhaps(text) }
}
