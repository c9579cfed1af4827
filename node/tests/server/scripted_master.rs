//! A master that answers its replicas by a script.

use std::cell::RefCell;
use std::rc::Rc;

use host::{Host, Stream};
use node::resp::FrameReader;
use tokio::io::AsyncWriteExt;

/// What a master by script heard.
pub type Heard = Rc<RefCell<Vec<String>>>;

/// A master that answers each request as the script says; without an answer it is silent.
pub async fn scripted(host: Host, script: fn(&str) -> Option<&'static str>) -> (u16, Heard) {
    let mut listener = host.bind(0).await.unwrap();
    let (port, heard) = (listener.port(), Heard::default());
    let (told, spawner) = (heard.clone(), host.clone());
    host.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            spawner.spawn(play(stream, told.clone(), script));
        }
    });
    (port, heard)
}

async fn play(stream: Stream, heard: Heard, script: fn(&str) -> Option<&'static str>) {
    let mut reader = FrameReader::new(stream);
    while let Ok(Some(request)) = reader.request().await {
        let words: Vec<_> = request.iter().map(|word| String::from_utf8_lossy(word)).collect();
        let words = words.join(" ");
        heard.borrow_mut().push(words.clone());
        if let Some(answer) = script(&words)
            && reader.get_mut().write_all(answer.as_bytes()).await.is_err()
        {
            return;
        }
    }
}

/// What every master says before it comes to the point.
pub fn polite(request: &str) -> Option<&'static str> {
    match request {
        "_db_name" => Some("change.me.db\r\n"),
        _ => Some("+OK\r\n"),
    }
}
