//! Server-sent events (WHATWG HTML section 9.2): the inside of a page, each time it has changed.

use super::{Hall, Word};
use crate::{Kind, Watch};
use axum::body::Bytes;
use hyper::body::{Body, Frame};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

/// A comment now and then finds out whether anybody is there.
const QUIET: Duration = Duration::from_secs(10);
/// Changes that wait for a slow browser; more are not made meanwhile.
const WAITING: usize = 2;

/// The stream's content.
pub(super) struct Live(pub(super) mpsc::Receiver<Bytes>);

/// Looks until the browser is gone or its session over. `place` is one of the few that there are.
pub(super) fn start<K: Kind>(
    hall: Arc<Hall<K>>,
    watch: Watch<K>,
    place: OwnedSemaphorePermit,
) -> Live {
    let (events, content) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        look(&hall, &watch, &events).await;
        drop(place);
    });
    Live(content)
}

async fn look<K: Kind>(hall: &Hall<K>, watch: &Watch<K>, events: &mpsc::Sender<Bytes>) {
    let (mut before, mut quiet) = (String::new(), Duration::ZERO);
    loop {
        let result = hall.daemon.ask(K::show(&watch.page)).await;
        // Not `derive`'s clone, which would ask the kind itself to be one.
        let again = Watch {
            page: watch.page.clone(),
            ..*watch
        };
        let word = |reply| Word::Look(again, result, reply);
        let Some(page) = hall.tell(word).await else {
            return;
        };
        let Some(page) = page else {
            drop(
                events
                    .send(Bytes::from_static(b"event: over\ndata: .\n\n"))
                    .await,
            );
            return;
        };
        quiet += K::LOOK;
        let sent = if page != before {
            quiet = Duration::ZERO;
            let sent = events.send(event(&page)).await;
            before = page;
            sent
        } else if quiet >= QUIET {
            quiet = Duration::ZERO;
            events.send(Bytes::from_static(b":\n\n")).await
        } else {
            Ok(())
        };
        tokio::select! {
            () = events.closed() => return,
            () = tokio::time::sleep(K::LOOK) => {}
        }
        if sent.is_err() {
            return;
        }
    }
}

/// Each line of the data has its own field.
fn event(page: &str) -> Bytes {
    let mut out = String::with_capacity(page.len() + 16);
    for line in page.split(['\n', '\r']) {
        out.push_str("data: ");
        out.push_str(line);
        out.push('\n');
    }
    out.push('\n');
    out.into()
}

impl Body for Live {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let event = self.0.poll_recv(cx);
        event.map(|event| event.map(|event| Ok(Frame::data(event))))
    }
}
