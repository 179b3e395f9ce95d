//! The resolver.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Data;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, MX, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use crate::faults::{DnsFault, Endpoint};
use crate::tables::{DOMAINS, Mail};
use crate::{Call, State};

/// Of every record, in seconds.
const TTL: u32 = 60;

/// Answers over UDP, each question by itself, until the socket fails.
pub(crate) async fn serve(socket: UdpSocket, state: Data<State>) -> std::io::Result<()> {
    let socket = Arc::new(socket);
    let mut buffer = [0; 4_096];
    loop {
        let (read, peer) = socket.recv_from(&mut buffer).await?;
        let (question, socket, state) = (buffer[..read].to_vec(), socket.clone(), state.clone());
        tokio::spawn(async move {
            if let Some(answer) = answer(&question, &state, true).await {
                let _ = socket.send_to(&answer, peer).await;
            }
        });
    }
}

/// Answers over TCP, one question after the other, until the client closes.
pub(crate) async fn serve_stream(mut stream: TcpStream, state: Data<State>) -> std::io::Result<()> {
    loop {
        let length = stream.read_u16().await?;
        let mut question = vec![0; length.into()];
        stream.read_exact(&mut question).await?;
        let Some(answer) = answer(&question, &state, false).await else { continue };
        stream.write_u16(answer.len().try_into().unwrap_or_default()).await?;
        stream.write_all(&answer).await?;
    }
}

/// None where there is nothing to answer, or nothing shall be.
async fn answer(question: &[u8], state: &State, is_udp: bool) -> Option<Vec<u8>> {
    let mut message = Message::from_vec(question).ok()?.into_response();
    message.additionals.clear();
    message.metadata.recursion_available = true;
    let asked = message.queries.first()?.clone();
    let domain = asked.name().to_ascii().trim_end_matches('.').to_ascii_lowercase();
    let line = format!("{domain} {}", asked.query_type());
    let fault = state.faults.befall(Endpoint::Dns, &line).unwrap_or_default();
    match (fault.dns, records(&domain, asked.query_type())) {
        (Some(DnsFault::Servfail), _) => message.metadata.response_code = ResponseCode::ServFail,
        (Some(DnsFault::Refused), _) => message.metadata.response_code = ResponseCode::Refused,
        (Some(DnsFault::Truncated), _) if is_udp => message.metadata.truncation = true,
        (_, Err(code)) => message.metadata.response_code = code,
        (_, Ok(records)) => {
            message.add_answers(
                records.into_iter().map(|data| Record::from_rdata(asked.name().clone(), TTL, data)),
            );
        }
    }
    let is_dropped = fault.dns == Some(DnsFault::Drop);
    state.journal.record(Call {
        at: state.clock.now(),
        endpoint: Endpoint::Dns,
        asked: line,
        correlation_id: None,
        status: (!is_dropped).then(|| message.metadata.response_code.into()),
    });
    if let Some(latency) = fault.latency_ms {
        tokio::time::sleep(Duration::from_millis(latency.into())).await;
    }
    if is_dropped { None } else { message.to_vec().ok() }
}

/// The records of a domain; of a host named `mx.` in it, an address.
fn records(domain: &str, kind: RecordType) -> Result<Vec<RData>, ResponseCode> {
    let of = |domain: &str| DOMAINS.iter().find(|(name, _)| *name == domain).map(|(_, mail)| *mail);
    let mail = match domain.strip_prefix("mx.").and_then(of) {
        Some(Mail::Mx) => Mail::A,
        _ => of(domain).ok_or(ResponseCode::NXDomain)?,
    };
    let exchange = |host: &str| Name::from_ascii(host).map_err(|_| ResponseCode::ServFail);
    // Addresses for documentation: RFC 5737, RFC 3849.
    let address = RData::A(A(Ipv4Addr::new(192, 0, 2, 25)));
    Ok(match (mail, kind) {
        (Mail::Servfail, _) => return Err(ResponseCode::ServFail),
        (Mail::Mx, RecordType::MX) => vec![RData::MX(MX::new(10, exchange(&format!("mx.{domain}."))?))],
        (Mail::NullMx, RecordType::MX) => vec![RData::MX(MX::new(0, exchange(".")?))],
        (Mail::Mx | Mail::NullMx | Mail::A, RecordType::A) => vec![address],
        (Mail::Aaaa, RecordType::AAAA) => {
            vec![RData::AAAA(AAAA(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 25)))]
        }
        (Mail::Neither, RecordType::TXT) => vec![RData::TXT(TXT::new(vec!["v=spf1 -all".to_owned()]))],
        _ => vec![],
    })
}
