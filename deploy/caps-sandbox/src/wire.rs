//! What can befall an answer on its way, whatever is in it: a reset connection, a byte a second.

use std::convert::Infallible;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use actix_web::body::{BoxBody, SizedStream};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;

/// A duplicate of a connection's socket, to reset it by.
pub struct Socket(OwnedFd);

impl Socket {
    /// Of a connection, for `on_connect`.
    pub fn of(connection: &dyn std::any::Any) -> Option<Self> {
        use actix_tls::accept::rustls_0_23::TlsStream;
        use actix_web::rt::net::TcpStream;
        let stream = connection
            .downcast_ref::<TcpStream>()
            .or_else(|| connection.downcast_ref::<TlsStream<TcpStream>>().map(|stream| stream.get_ref().0))?;
        stream.as_fd().try_clone_to_owned().ok().map(Self)
    }
}

/// A body of which a byte comes each second.
pub fn drip(body: Vec<u8>) -> BoxBody {
    let length = body.len() as u64;
    let bytes = stream::unfold(body.into_iter(), |mut bytes| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let byte = bytes.next()?;
        Some((Ok::<_, Infallible>(Bytes::copy_from_slice(&[byte])), bytes))
    });
    BoxBody::new(SizedStream::new(length, Box::pin(bytes)))
}

/// A body that fails makes the server drop the connection without a word; closing a socket that does not linger sends
/// RST instead of FIN. The [`Socket`] must be in the connection's data.
pub fn reset(request: &HttpRequest) -> HttpResponse {
    if let Some(Socket(socket)) = request.conn_data() {
        let _ = rustix::net::sockopt::set_socket_linger(socket, Some(Duration::ZERO));
    }
    let failing = stream::iter([Err::<Bytes, _>(std::io::Error::other("reset on demand"))]);
    HttpResponse::Ok().streaming(failing)
}
