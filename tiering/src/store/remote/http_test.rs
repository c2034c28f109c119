//! What a server gets, and what is reported to its client.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use object_store::aws::{AmazonS3Builder, AwsCredential, S3ConditionalPut};
use object_store::path::Path;
use object_store::{ObjectStore, PutMode, PutOptions, PutPayload, RetryConfig, StaticCredentialProvider};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use super::*;
use crate::store::{CreateOutcome, Store, StoreKind};

/// One request: its header fields, and its body.
type Request = (BTreeMap<String, String>, Vec<u8>);

/// An S3 that takes everything.
#[derive(Default)]
struct Server {
    requests: Mutex<Vec<Request>>,
    /// Answered with 501, 400: whether checksums are not known here.
    refuses: Option<&'static str>,
    /// Bits that are flipped in each first body.
    damages: bool,
    /// Bytes read of the body that is on its way.
    read: Mutex<usize>,
    /// Whether bodies are read no further than one MiB at a time, each time that this is raised.
    allowed: Mutex<Option<usize>>,
}

impl Server {
    async fn start(self) -> (Arc<Self>, Store) {
        let socket = TcpSocket::new_v4().expect("a socket");
        // Little is on its way unseen.
        socket.set_recv_buffer_size(64 << 10).expect("a small buffer");
        socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
        let listener = socket.listen(16).expect("it listens");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let server = Arc::new(self);
        let serving = Arc::clone(&server);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&serving).serve(stream));
            }
        });
        let credential =
            AwsCredential { key_id: "AKID".into(), secret_key: "secret".into(), token: Some("token".into()) };
        let credentials = Arc::new(StaticCredentialProvider::new(credential));
        let checksums = Checksums::s3(Arc::clone(&credentials) as _, "us-east-1".into());
        let connector = Connector {
            connect_timeout: Duration::from_secs(5),
            timeout: None,
            checksums: Arc::new(checksums),
        };
        let client = AmazonS3Builder::new()
            .with_endpoint(endpoint)
            .with_bucket_name("bucket")
            .with_region("us-east-1")
            .with_credentials(credentials)
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_unsigned_payload(true)
            .with_client_options(ClientOptions::new().with_allow_http(true))
            .with_http_connector(connector)
            .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() });
        let client: Arc<dyn ObjectStore> = Arc::new(client.build().expect("a client"));
        (server, Store::new(StoreKind::S3, Arc::clone(&client), client))
    }

    async fn serve(self: Arc<Self>, mut stream: TcpStream) {
        let mut buffer = Vec::new();
        loop {
            let head = loop {
                if let Some(at) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                    let rest = buffer.split_off(at + 4);
                    break std::mem::replace(&mut buffer, rest);
                }
                if !matches!(stream.read_buf(&mut buffer).await, Ok(read) if read > 0) {
                    return;
                }
            };
            let head = String::from_utf8(head).expect("text");
            let fields = head.lines().skip(1).filter_map(|line| line.split_once(": "));
            let fields: BTreeMap<_, _> =
                fields.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
            let length: usize = fields.get("content-length").map_or(0, |n| n.parse().expect("a length"));
            while buffer.len() < length {
                while self.allowed.lock().is_some_and(|allowed| buffer.len() >= allowed) {
                    sleep(Duration::from_millis(1)).await;
                }
                if !matches!(stream.read_buf(&mut buffer).await, Ok(read) if read > 0) {
                    return;
                }
                *self.read.lock() = buffer.len();
            }
            let rest = buffer.split_off(length);
            let mut body = std::mem::replace(&mut buffer, rest);
            if head.starts_with("GET") || head.starts_with("HEAD") {
                stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await.expect("sent");
                continue;
            }
            if self.damages && self.requests.lock().is_empty() {
                body[length / 2] ^= 1;
            }
            let answer = self.judge(&fields, &body);
            self.requests.lock().push((fields, body));
            stream.write_all(answer.as_bytes()).await.expect("sent");
        }
    }

    fn judge(&self, fields: &BTreeMap<String, String>, body: &[u8]) -> String {
        let (status, text) = match (fields.get("x-amz-checksum-crc32c"), self.refuses) {
            (Some(_), Some("501")) => ("501 Not Implemented", "<Code>NotImplemented</Code>"),
            (Some(_), Some(_)) => {
                ("400 Bad Request", "<Message>Unsupported header 'x-amz-checksum-crc32c'</Message>")
            }
            (Some(sum), None) if *sum != BASE64_STANDARD.encode(crc32c::crc32c(body).to_be_bytes()) => {
                ("400 Bad Request", "<Code>BadDigest</Code> The x-amz-checksum-crc32c did not match")
            }
            _ => ("200 OK", ""),
        };
        format!("HTTP/1.1 {status}\r\nETag: \"x\"\r\nContent-Length: {}\r\n\r\n{text}", text.len())
    }
}

fn nonce_of(head: &[u8]) -> Option<[u8; 16]> {
    head.get(..16)?.try_into().ok()
}

fn payload(bytes: usize) -> PutPayload {
    // Slices of many sizes, as a slot has them.
    let (mut slices, mut left) = (vec![Bytes::from_static(&[7; 16]), Bytes::new()], bytes - 16);
    while left > 0 {
        let slice = left.min(slices.len() * 100_000);
        slices.push((0..slice).map(|at| at as u8).collect());
        left -= slice;
    }
    slices.into_iter().collect()
}

async fn create(store: &Store, key: &str) -> CreateOutcome {
    let (path, payload) = (Path::from(key), payload(1_000_000));
    let written = store.create_nonce(&path, payload, [7; 16], nonce_of, store.policy());
    timeout(Duration::from_secs(60), written).await.expect("in time").expect("it is taken")
}

#[tokio::test]
async fn an_upload_has_a_signed_checksum_that_its_bytes_have() {
    let (server, store) = Server::default().start().await;
    assert_eq!(create(&store, "wal/0").await, CreateOutcome::Created);
    let requests = std::mem::take(&mut *server.requests.lock());
    let [(fields, body)] = requests.as_slice() else { panic!("{} requests", requests.len()) };
    assert_eq!(*body, Bytes::from(payload(1_000_000)));
    let sum = BASE64_STANDARD.encode(crc32c::crc32c(body).to_be_bytes());
    assert_eq!(fields.get("x-amz-checksum-crc32c"), Some(&sum));
    assert_eq!(fields.get("x-amz-content-sha256").map(String::as_str), Some("UNSIGNED-PAYLOAD"));
    assert_eq!(fields.get("if-none-match").map(String::as_str), Some("*"));
    let signed = fields.get("authorization").expect("it is signed");
    let (_, signed) = signed.split_once("SignedHeaders=").expect("names");
    let signed: Vec<&str> = signed.split(',').next().expect("names").split(';').collect();
    for name in fields.keys().filter(|name| name.starts_with("x-amz-") || *name == "if-none-match") {
        assert!(signed.contains(&name.as_str()), "{name} is not signed");
    }
}

#[tokio::test]
async fn a_body_that_was_damaged_on_its_way_is_sent_again() {
    let (server, store) = Server { damages: true, ..Default::default() }.start().await;
    assert_eq!(create(&store, "wal/0").await, CreateOutcome::Created);
    let requests = server.requests.lock();
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|(fields, _)| fields.contains_key("x-amz-checksum-crc32c")));
    assert_eq!(requests[1].1, Bytes::from(payload(1_000_000)));
}

#[tokio::test]
async fn a_server_that_does_not_know_checksums_is_spared_them() {
    for refuses in ["501", "400"] {
        let (server, store) = Server { refuses: Some(refuses), ..Default::default() }.start().await;
        for key in ["wal/0", "wal/1"] {
            assert_eq!(create(&store, key).await, CreateOutcome::Created);
        }
        let requests = server.requests.lock();
        let with: Vec<_> = requests.iter().map(|(f, _)| f.contains_key("x-amz-checksum-crc32c")).collect();
        assert_eq!(with, [true, false, false], "{refuses}");
    }
}

#[tokio::test]
async fn an_upload_tells_how_far_it_has_come() {
    const BODY: usize = 32 << 20;
    let (server, store) = Server::default().start().await;
    *server.allowed.lock() = Some(0);
    let progress = Progress::new(None);
    let mut options = PutOptions::from(PutMode::Create);
    options.extensions.insert(progress.clone());
    let at = Path::from("wal/0");
    let upload = store.conditional().put_opts(&at, payload(BODY), options);
    let watched = async {
        for allowed in (0..BODY).step_by(4 << 20) {
            *server.allowed.lock() = Some(allowed);
            let sent = timeout(Duration::from_secs(30), async {
                while *server.read.lock() < allowed {
                    sleep(Duration::from_millis(1)).await;
                }
                // Until what the system buffers is full.
                loop {
                    let sent = progress.sent();
                    sleep(Duration::from_millis(100)).await;
                    if progress.sent() == sent {
                        return sent as usize;
                    }
                }
            });
            let sent = sent.await.expect("it goes on");
            assert!((allowed..allowed + (8 << 20)).contains(&sent), "{sent} of {allowed}");
        }
        *server.allowed.lock() = None;
    };
    let (answer, ()) = tokio::join!(upload, watched);
    answer.expect("it is taken");
    assert_eq!(progress.sent(), BODY as u64);
}
