//! The connections by which the pages are asked for. Each is for one request, and ends by itself; those that say
//! nothing keep no others out.

use std::collections::VecDeque;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

/// The pause after an error that the next accept would meet, too.
const BACK_OFF: Duration = Duration::from_millis(100);

/// What connections may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// How many there are at a time. For one more, the oldest is closed: it had the longest time to ask.
    pub(super) most: usize,
    /// How long a request's head may take to come.
    pub(super) head: Duration,
    /// How long a connection may last.
    pub(super) whole: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { most: 128, head: Duration::from_secs(5), whole: Duration::from_secs(30) }
    }
}

/// Serves pages for as long as the process lives.
pub(super) async fn serve(listener: TcpListener, pages: Router, limits: Limits) {
    let mut open: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let socket = match listener.accept().await {
            Ok((socket, _)) => socket,
            Err(error) => {
                tracing::debug!(%error, "a connection for /health or /metrics was not accepted");
                sleep(BACK_OFF).await;
                continue;
            }
        };
        if open.len() >= limits.most {
            open.retain(|connection| !connection.is_finished());
        }
        while open.len() >= limits.most {
            if let Some(oldest) = open.pop_front() {
                oldest.abort();
            }
        }
        open.push_back(tokio::spawn(answer(socket, pages.clone(), limits)).abort_handle());
    }
}

async fn answer(socket: TcpStream, pages: Router, limits: Limits) {
    let mut http = http1::Builder::new();
    http.keep_alive(false).timer(TokioTimer::new()).header_read_timeout(limits.head);
    let connection = http.serve_connection(TokioIo::new(socket), TowerToHyperService::new(pages));
    // The client learns of it by the connection's end.
    let _ = timeout(limits.whole, connection).await;
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    async fn start(limits: Limits) -> std::net::SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let large = || async { "x".repeat(64 << 20) };
        let pages = Router::new().route("/", get(|| async { "page" })).route("/large", get(large));
        tokio::spawn(serve(listener, pages, limits));
        address
    }

    /// A connection that has sent this.
    async fn said(address: std::net::SocketAddr, what: &str) -> TcpStream {
        let mut socket = TcpStream::connect(address).await.expect("it listens");
        socket.write_all(what.as_bytes()).await.expect("it reads");
        socket
    }

    /// What comes until the connection is closed.
    async fn rest(mut socket: TcpStream) -> String {
        let mut all = Vec::new();
        // A connection that is closed while something unread is on it is reset.
        let _ = socket.read_to_end(&mut all).await;
        String::from_utf8_lossy(&all).into_owned()
    }

    const WHOLE: &str = "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
    const HALF: &str = "GET / HTTP/1.1\r\nhost: ";

    #[tokio::test]
    async fn a_connection_is_for_one_request() {
        let address = start(Limits::default()).await;
        let page = rest(said(address, WHOLE).await).await;
        assert!(page.starts_with("HTTP/1.1 200") && page.contains("connection: close"), "{page}");
        assert!(page.ends_with("page"), "{page}");
    }

    #[tokio::test]
    async fn half_a_request_is_not_waited_for_for_ever() {
        let address = start(Limits { head: Duration::from_millis(50), whole: LONG, most: 8 }).await;
        for half in ["", HALF] {
            let page = rest(said(address, half).await).await;
            assert!(!page.contains("page"), "{page}");
        }
    }

    #[tokio::test]
    async fn an_answer_that_is_not_read_ends_too() {
        let address = start(Limits { head: LONG, whole: Duration::from_millis(100), most: 8 }).await;
        let socket = said(address, "GET /large HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
        sleep(Duration::from_millis(500)).await;
        let page = rest(socket).await;
        assert!(page.len() < 64 << 20, "{}", page.len());
    }

    #[tokio::test]
    async fn many_half_requests_keep_no_whole_one_out() {
        let address = start(Limits { head: LONG, whole: LONG, most: 8 }).await;
        let mut half = Vec::new();
        for _ in 0..100 {
            half.push(said(address, HALF).await);
        }
        let page = rest(said(address, WHOLE).await).await;
        assert!(page.ends_with("page"), "{page}");
        // All but the last seven were closed.
        for socket in half.drain(..93) {
            assert_eq!(rest(socket).await, "");
        }
        let mut youngest = half.pop().expect("it is there");
        youngest.write_all(b"localhost\r\n\r\n").await.expect("it is open");
        assert!(rest(youngest).await.ends_with("page"));
    }
}
