//! A target that speaks RESP, tells what happens to it, and answers when it is told to.

use std::rc::Rc;

use host::{Host, Stream};
use lb::Target;
use node::resp::FrameReader;
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;

use super::{Bench, Gate};

/// Answers each request with its name and the request; `large` with a bulk of 1 MB; and `later …`
/// only when it is told to.
pub struct Scripted {
    pub target: Target,
    name: &'static str,
    later: Gate,
    log: watch::Sender<Vec<String>>,
}

impl Scripted {
    pub async fn start(bench: &Bench, name: &'static str) -> Rc<Self> {
        let mut listener = bench.host.bind(0).await.unwrap();
        let target = Target::new(&bench.address, listener.port());
        let log = watch::Sender::default();
        let scripted = Rc::new(Self { target, name, later: Gate::closed(), log });
        let (host, serving): (Host, _) = (bench.host.clone(), scripted.clone());
        bench.host.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                host.spawn(serving.clone().serve(stream));
            }
        });
        scripted
    }

    /// Answers what was to be answered later.
    pub fn answer(&self) {
        self.later.open();
    }

    /// Returns once this was told: `connected`, `got <request>`, `closed`.
    pub async fn told(&self, line: &str) {
        self.told_times(line, 1).await;
    }

    /// Returns once this was told so often.
    pub async fn told_times(&self, line: &str, times: usize) {
        let told = |log: &Vec<String>| log.iter().filter(|told| *told == line).count() >= times;
        self.log.subscribe().wait_for(told).await.unwrap();
    }

    /// All that was told so far.
    pub fn log(&self) -> Vec<String> {
        self.log.borrow().clone()
    }

    fn tell(&self, line: String) {
        self.log.send_modify(|log| log.push(line));
    }

    async fn serve(self: Rc<Self>, stream: Stream) {
        self.tell("connected".to_owned());
        let mut stream = FrameReader::new(stream);
        while let Ok(Some(words)) = stream.request().await {
            let words: Vec<_> = words.iter().map(|word| String::from_utf8_lossy(word)).collect();
            let request = words.join(" ");
            self.tell(format!("got {request}"));
            if request.starts_with("later") {
                self.later.pass().await;
            }
            let reply = match request.as_str() {
                "large" => format!("$1000000\r\n{}\r\n", "0123456789".repeat(100_000)),
                request => format!("+{} {request}\r\n", self.name),
            };
            // A client that is gone reads no answer.
            let _ = stream.get_mut().write_all(reply.as_bytes()).await;
        }
        self.tell("closed".to_owned());
    }
}
