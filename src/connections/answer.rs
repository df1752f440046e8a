//! One request and its answer, with what the connection has to know of it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::ConnectInfo;
use axum::http::{Request, Response};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use tower::Service;

use super::table::Connection;
use super::unread;

/// The time of a request that is under way, to the end of its answer.
#[derive(Debug)]
struct UnderWay(Arc<Connection>);

impl UnderWay {
    fn begin(connection: Arc<Connection>) -> Self {
        connection.begin_request();
        Self(connection)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.end_request();
    }
}

/// An answer's body. While it lasts, the request is under way.
#[derive(Debug)]
pub(super) struct AnswerBody {
    body: Body,
    _under_way: UnderWay,
}

pub(super) async fn answer(
    mut router: Router,
    peer: SocketAddr,
    connection: Arc<Connection>,
    mut request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Infallible> {
    let under_way = UnderWay::begin(connection);
    request.extensions_mut().insert(ConnectInfo(peer));
    let answer = if request.body().is_end_stream() {
        router.call(request.map(|_| Body::empty())).await?
    } else {
        let (request, rest) = unread::share(request);
        let mut answer = router.call(request).await?;
        rest.settle(&mut answer, &under_way.0).await;
        answer
    };
    Ok(answer.map(|body| AnswerBody { body, _under_way: under_way }))
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
