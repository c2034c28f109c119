//! A broker for tests that answers what they want. It leads partition 0 of every topic, and serves each connection's
//! requests one after the other.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use protocol::messages::api_versions::ApiVersion;
use protocol::messages::metadata::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use protocol::messages::{
    ApiVersionsResponse, FetchRequest, FetchResponse, ListOffsetsRequest, ListOffsetsResponse,
    MetadataRequest, MetadataResponse, ProduceRequest, ProduceResponse,
};
use protocol::{ApiKey, Message, Request, frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What is served, in one version each.
const SERVED: [(ApiKey, i16); 5] = [
    (ApiKey::ApiVersions, 3),
    (ApiKey::Metadata, 12),
    (ApiKey::Produce, 9),
    (ApiKey::Fetch, 12),
    (ApiKey::ListOffsets, 7),
];

type Answer<R> = Box<dyn FnMut(R) -> <R as Request>::Response + Send>;

/// The answers. What a test does not give fails it when it is asked for.
pub(super) struct Script {
    pub(super) produce: Answer<ProduceRequest>,
    pub(super) fetch: Answer<FetchRequest>,
    pub(super) offsets: Answer<ListOffsetsRequest>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            produce: Box::new(|_| -> ProduceResponse { panic!("Produce") }),
            fetch: Box::new(|_| -> FetchResponse { panic!("Fetch") }),
            offsets: Box::new(|_| -> ListOffsetsResponse { panic!("ListOffsets") }),
        }
    }
}

/// Starts a broker; where it is.
pub(super) async fn broker(script: Script) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let script = Arc::new(Mutex::new(script));
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(serve(socket, Arc::clone(&script), address.port()));
        }
    });
    address.to_string()
}

async fn serve(mut socket: TcpStream, script: Arc<Mutex<Script>>, port: u16) {
    while let Ok(length) = socket.read_i32().await {
        let mut request = vec![0; usize::try_from(length).expect("a length")];
        socket.read_exact(&mut request).await.expect("a whole frame");
        let chunks = answer(request.into(), &mut script.lock(), port);
        socket.write_all(&chunks.concat()).await.expect("the client reads");
    }
}

fn answer(request: Bytes, script: &mut Script, port: u16) -> Vec<Bytes> {
    let (header, body) = frame::decode_request_header(request).expect("a request");
    let (id, version) = (header.correlation_id, header.request_api_version);
    match header.request_api_key {
        ApiKey::ApiVersions => encoded(id, version, &versions()),
        ApiKey::Metadata => {
            let request = decoded(body, version);
            encoded(id, version, &metadata(request, port))
        }
        ApiKey::Produce => encoded(id, version, &(script.produce)(decoded(body, version))),
        ApiKey::Fetch => encoded(id, version, &(script.fetch)(decoded(body, version))),
        ApiKey::ListOffsets => encoded(id, version, &(script.offsets)(decoded(body, version))),
        other => panic!("{other:?}"),
    }
}

fn decoded<R: Request>(body: Bytes, version: i16) -> R {
    R::decode_sent(body, version).expect("a request").request
}

fn encoded<M: Message>(id: i32, version: i16, response: &M) -> Vec<Bytes> {
    frame::encode_response(id, version, response).expect("a response")
}

fn versions() -> ApiVersionsResponse {
    let served = |(key, version): (ApiKey, i16)| ApiVersion {
        api_key: key.code(),
        min_version: version,
        max_version: version,
    };
    ApiVersionsResponse { api_keys: SERVED.map(served).into(), ..Default::default() }
}

fn metadata(request: MetadataRequest, port: u16) -> MetadataResponse {
    let broker = MetadataResponseBroker { host: "127.0.0.1".into(), port: port.into(), ..Default::default() };
    let topic = |name| MetadataResponseTopic {
        name,
        partitions: vec![MetadataResponsePartition::default()],
        ..Default::default()
    };
    MetadataResponse {
        brokers: vec![broker],
        topics: request.topics.into_iter().flatten().map(|asked| topic(asked.name)).collect(),
        ..Default::default()
    }
}
