//! The first of two futures.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// Which one was first.
#[derive(Debug)]
pub(crate) enum First<A, B> {
    /// The first one.
    One(A),
    /// The second one.
    Other(B),
}

/// Waits for either; the other is dropped. Where both are ready, `one` wins.
pub(crate) async fn first<A, B>(
    one: impl Future<Output = A>,
    other: impl Future<Output = B>,
) -> First<A, B> {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|context| {
        if let Poll::Ready(done) = one.as_mut().poll(context) {
            return Poll::Ready(First::One(done));
        }
        other.as_mut().poll(context).map(First::Other)
    })
    .await
}
