//! Frames: a header and a body. The four-byte length in front of a frame belongs to the reader of the socket;
//! decoding takes frames without it, encoding puts it there.

use bytes::Bytes;

use crate::ApiKey;
use crate::codec::{
    DecodeError, EncodeError, Message, Nullable, Problem, Reader, Request, Str, Version, Writer,
};

/// The header's string keeps its two-byte length in every version, so that any broker can read the header of
/// any ApiVersions request.
const FIXED: Version = Version { number: 1, flexible: false };

/// What precedes the body of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHeader {
    /// The API that is asked.
    pub request_api_key: ApiKey,
    /// The version of the request and of its response; it may be an unknown one.
    pub request_api_version: i16,
    /// The client's number for the request; the response carries it back.
    pub correlation_id: i32,
    /// The name the client gives itself.
    pub client_id: Option<Str>,
}

/// What precedes the body of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseHeader {
    /// The number of the request that is answered.
    pub correlation_id: i32,
}

/// Splits a request into its header and its body, which [`Message::decode`] takes. Fails on an API key that
/// this crate does not know, and on a malformed header.
pub fn decode_request_header(frame: Bytes) -> Result<(RequestHeader, Bytes), DecodeError> {
    let mut reader = Reader::new(frame);
    let code = reader.i16()?;
    let request_api_key = ApiKey::from_code(code).ok_or(Problem::UnknownApiKey(code))?;
    let request_api_version = reader.i16()?;
    let correlation_id = reader.i32()?;
    let client_id =
        Str::read_nullable(&mut reader, FIXED).map_err(|error| error.at("RequestHeader.client_id"))?;
    if request_api_key.request_header_version(request_api_version) >= 2 {
        reader.tags(|_, _| Ok(false)).map_err(|error| error.at("RequestHeader"))?;
    }
    let header = RequestHeader { request_api_key, request_api_version, correlation_id, client_id };
    Ok((header, reader.into_remaining()))
}

/// Splits a response to a request of this API and version into its header and its body, which
/// [`Message::decode`] takes. Fails on a malformed header.
pub fn decode_response_header(
    frame: Bytes,
    api_key: ApiKey,
    version: i16,
) -> Result<(ResponseHeader, Bytes), DecodeError> {
    let mut reader = Reader::new(frame);
    let correlation_id = reader.i32()?;
    if api_key.response_header_version(version) >= 1 {
        reader.tags(|_, _| Ok(false)).map_err(|error| error.at("ResponseHeader"))?;
    }
    Ok((ResponseHeader { correlation_id }, reader.into_remaining()))
}

/// Decodes the response to a request of type `R` and of this version. Fails on bytes that are not one.
pub fn decode_response<R: Request>(
    frame: Bytes,
    version: i16,
) -> Result<(ResponseHeader, R::Response), DecodeError> {
    let (header, body) = decode_response_header(frame, R::KEY, version)?;
    Ok((header, R::Response::decode(body, version)?))
}

/// Encodes a request as the chunks of a frame, the length in front. Fails on a version that the request does
/// not have, and on what this version cannot carry.
pub fn encode_request<R: Request>(
    correlation_id: i32,
    client_id: Option<&str>,
    version: i16,
    request: &R,
) -> Result<Vec<Bytes>, EncodeError> {
    let mut writer = Writer::framed();
    writer.i16(R::KEY.code());
    writer.i16(version);
    writer.i32(correlation_id);
    Str::write_nullable(client_id.map(Str::from).as_ref(), &mut writer, FIXED);
    if R::KEY.request_header_version(version) >= 2 {
        writer.varint(0);
    }
    request.encode(&mut writer, version);
    writer.finish()
}

/// Encodes a response as the chunks of a frame, the length in front; records are shared, not copied. Fails on
/// a version that the response does not have, and on what this version cannot carry.
pub fn encode_response<M: Message>(
    correlation_id: i32,
    version: i16,
    response: &M,
) -> Result<Vec<Bytes>, EncodeError> {
    let mut writer = Writer::framed();
    writer.i32(correlation_id);
    if M::KEY.response_header_version(version) >= 1 {
        writer.varint(0);
    }
    response.encode(&mut writer, version);
    writer.finish()
}
