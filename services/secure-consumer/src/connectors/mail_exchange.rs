//! Whether a domain takes mail, as DNS says (RFC 5321 §5.1, RFC 7505).

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::time::{Duration, Instant};

use common::client::{Breaker, CallError};
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::{Resolver, TokioResolver};
use tokio::sync::Semaphore;

use super::{BUDGET, Unavailable};

/// Questions under way at once.
const MOST: usize = 64;
/// For one of the two attempts that the budget has room for.
const ATTEMPT: Duration = Duration::from_millis(700);
/// An answer is kept for its own time, and no longer than this.
const LONGEST: Duration = Duration::from_secs(3_600);

/// Whether a domain takes mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mail {
    /// It has a mail exchange, or an address that stands for one.
    Accepted,
    /// It does not exist, has neither, or says that it takes none (RFC 7505).
    None,
}

/// Why there is no resolver.
#[derive(Debug, thiserror::Error)]
pub enum ResolverError {
    /// Not `host:port`, or no such host.
    #[error("must be host:port of a host that exists, or system")]
    Address,
    /// `/etc/resolv.conf` cannot be read.
    #[error("the system's resolver: {0}")]
    System(NetError),
}

/// The connector.
pub struct MailExchange {
    resolver: TokioResolver,
    places: Semaphore,
    breaker: Breaker,
}

impl MailExchange {
    /// Asks the resolver at `host:port` over UDP and, where an answer is cut, TCP; or those of the `system`.
    ///
    /// # Errors
    /// [`ResolverError`]
    pub fn new(resolver: &str) -> Result<Self, ResolverError> {
        let mut builder = if resolver == "system" {
            TokioResolver::builder_tokio().map_err(ResolverError::System)?
        } else {
            let address = resolver.to_socket_addrs().ok().and_then(|mut all| all.next());
            let server = name_server(address.ok_or(ResolverError::Address)?);
            let config = ResolverConfig::from_parts(None, vec![], vec![server]);
            Resolver::builder_with_config(config, TokioRuntimeProvider::default())
        };
        let options = builder.options_mut();
        options.timeout = ATTEMPT;
        options.attempts = 1;
        options.use_hosts_file = ResolveHosts::Never;
        options.cache_size = 4_096;
        options.positive_max_ttl = Some(LONGEST);
        options.negative_max_ttl = Some(Duration::ZERO);
        let resolver = builder.build().map_err(ResolverError::System)?;
        let breaker = Breaker::new(20, Duration::from_secs(10), Duration::from_secs(5));
        Ok(Self { resolver, places: Semaphore::new(MOST), breaker })
    }

    /// Whether a domain (in ASCII, RFC 5890) takes mail. What is no name in DNS takes none.
    ///
    /// # Errors
    /// [`Unavailable`]: a resolver that fails says nothing of the domain.
    pub async fn of(&self, domain: &str) -> Result<Mail, Unavailable> {
        let Ok(mut name) = Name::from_ascii(domain) else { return Ok(Mail::None) };
        // Not to be looked for in the resolver's own search list.
        name.set_fqdn(true);
        if name.is_root() {
            return Ok(Mail::None);
        }
        let _place = self.places.try_acquire().map_err(|_| CallError::Full)?;
        let admission = self.breaker.admit(Instant::now())?;
        let outcome = tokio::time::timeout(BUDGET, self.asked(name)).await;
        let outcome = outcome.unwrap_or(Err(CallError::Timeout.into()));
        // A resolver that answers SERVFAIL is up: it is the domain that is broken, and anybody can have such a one.
        let failed = matches!(outcome, Err(Unavailable::Call(_)));
        self.breaker.record(admission, failed, Instant::now());
        outcome
    }

    async fn asked(&self, name: Name) -> Result<Mail, Unavailable> {
        let records = match self.records(&name, RecordType::MX).await? {
            Records::NoSuchName => return Ok(Mail::None),
            Records::Data(records) => records,
        };
        let mut exchanges = records.iter().filter_map(|data| match data {
            RData::MX(mx) => Some(!mx.exchange.is_root()),
            _ => None,
        });
        if let Some(first) = exchanges.next() {
            // A null MX, whose host is the root, counts where it is the only one (RFC 7505 §3).
            let accepted = first || exchanges.any(|is_host| is_host);
            return Ok(if accepted { Mail::Accepted } else { Mail::None });
        }
        for kind in [RecordType::A, RecordType::AAAA] {
            if let Records::Data(records) = self.records(&name, kind).await?
                && records.iter().any(|data| data.record_type() == kind)
            {
                return Ok(Mail::Accepted);
            }
        }
        Ok(Mail::None)
    }

    async fn records(&self, name: &Name, kind: RecordType) -> Result<Records, Unavailable> {
        match self.resolver.lookup(name.clone(), kind).await {
            Ok(lookup) => {
                Ok(Records::Data(lookup.answers().iter().map(|record| record.data.clone()).collect()))
            }
            Err(NetError::Dns(DnsError::NoRecordsFound(NoRecords { response_code, .. }))) => {
                match response_code {
                    ResponseCode::NXDomain => Ok(Records::NoSuchName),
                    ResponseCode::NoError => Ok(Records::Data(Vec::new())),
                    _ => Err(Unavailable::Resolver),
                }
            }
            Err(NetError::Dns(_)) => Err(Unavailable::Resolver),
            Err(NetError::Timeout) => Err(CallError::Timeout.into()),
            Err(NetError::Io(_) | NetError::NoConnections) => Err(CallError::Unreachable.into()),
            Err(_) => Err(CallError::Unreadable.into()),
        }
    }
}

enum Records {
    NoSuchName,
    Data(Vec<RData>),
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let at = |mut connection: ConnectionConfig| {
        connection.port = address.port();
        connection
    };
    let ip: IpAddr = address.ip();
    NameServerConfig::new(ip, true, vec![at(ConnectionConfig::udp()), at(ConnectionConfig::tcp())])
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use hickory_resolver::proto::op::Message;
    use hickory_resolver::proto::rr::Record;
    use hickory_resolver::proto::rr::rdata::{A, AAAA, MX};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, UdpSocket};

    use super::*;

    /// What the made-up resolver says; nothing at all where it is none.
    type Said = Option<Result<Vec<RData>, ResponseCode>>;

    fn answer(query: &[u8], says: fn(&str, RecordType) -> Said, truncated: bool) -> Option<Vec<u8>> {
        let mut message = Message::from_vec(query).unwrap().into_response();
        let question = message.queries[0].clone();
        message.additionals.clear();
        message.metadata.truncation = truncated;
        match says(&question.name().to_ascii(), question.query_type())? {
            Ok(_) if truncated => {}
            Ok(data) => {
                let records =
                    data.into_iter().map(|data| Record::from_rdata(question.name().clone(), 60, data));
                message.add_answers(records);
            }
            Err(code) => message.metadata.response_code = code,
        }
        message.to_vec().ok()
    }

    /// A resolver on UDP, which cuts its answers where `on_tcp`, and TCP; and how often it was asked.
    async fn resolver(says: fn(&str, RecordType) -> Said, on_tcp: bool) -> (MailExchange, Arc<AtomicUsize>) {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let udp = UdpSocket::bind(address).await.unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = asked.clone();
        tokio::spawn(async move {
            let mut buffer = [0; 1_500];
            while let Ok((read, peer)) = udp.recv_from(&mut buffer).await {
                counted.fetch_add(1, Ordering::Relaxed);
                if let Some(answer) = answer(&buffer[..read], says, on_tcp) {
                    udp.send_to(&answer, peer).await.unwrap();
                }
            }
        });
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = tcp.accept().await {
                let length = stream.read_u16().await.unwrap();
                let mut query = vec![0; length.into()];
                stream.read_exact(&mut query).await.unwrap();
                let answer = answer(&query, says, false).unwrap();
                stream.write_u16(answer.len().try_into().unwrap()).await.unwrap();
                stream.write_all(&answer).await.unwrap();
            }
        });
        (MailExchange::new(&address.to_string()).unwrap(), asked)
    }

    fn mx(host: &str) -> RData {
        RData::MX(MX::new(10, Name::from_ascii(host).unwrap()))
    }

    fn made_up(name: &str, kind: RecordType) -> Said {
        let address = RData::A(A(Ipv4Addr::new(192, 0, 2, 1)));
        Some(match (name, kind) {
            ("mail.example.", RecordType::MX) => Ok(vec![mx("mx.mail.example.")]),
            ("null.example.", RecordType::MX) => Ok(vec![mx(".")]),
            ("null.example.", _) => Ok(vec![address]),
            ("both.example.", RecordType::MX) => Ok(vec![mx("."), mx("mx.mail.example.")]),
            ("web.example.", RecordType::A) => Ok(vec![address]),
            ("six.example.", RecordType::AAAA) => Ok(vec![RData::AAAA(AAAA("2001:db8::1".parse().unwrap()))]),
            ("mail.example." | "web.example." | "six.example." | "text.example.", _) => Ok(vec![]),
            ("broken.example.", _) => Err(ResponseCode::ServFail),
            ("refused.example.", _) => Err(ResponseCode::Refused),
            ("mute.example.", _) => return None,
            _ => Err(ResponseCode::NXDomain),
        })
    }

    #[tokio::test]
    async fn mail_goes_to_an_exchange_or_else_to_an_address() {
        let (mail, _) = resolver(made_up, false).await;
        for (domain, expected) in [
            ("mail.example", Mail::Accepted),
            ("both.example", Mail::Accepted),
            ("web.example", Mail::Accepted),
            ("six.example", Mail::Accepted),
            ("null.example", Mail::None),
            ("text.example", Mail::None),
            ("absent.example", Mail::None),
        ] {
            assert_eq!(mail.of(domain).await, Ok(expected), "{domain}");
        }
    }

    #[tokio::test]
    async fn what_is_no_name_takes_no_mail_and_is_not_asked_for() {
        let (mail, asked) = resolver(made_up, false).await;
        for domain in ["", ".", "a..example", &"a".repeat(64), &"a.".repeat(200)] {
            assert_eq!(mail.of(domain).await, Ok(Mail::None), "{domain}");
        }
        assert_eq!(asked.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_resolver_that_fails_says_nothing_of_the_domain() {
        let (mail, _) = resolver(made_up, false).await;
        for domain in ["broken.example", "refused.example"] {
            assert_eq!(mail.of(domain).await, Err(Unavailable::Resolver), "{domain}");
        }
        let started = Instant::now();
        assert_eq!(mail.of("mute.example").await, Err(CallError::Timeout.into()));
        assert!(started.elapsed() < BUDGET + Duration::from_millis(300), "{:?}", started.elapsed());
    }

    #[tokio::test]
    async fn a_cut_answer_is_asked_for_over_tcp() {
        let (mail, asked) = resolver(made_up, true).await;
        assert_eq!(mail.of("mail.example").await, Ok(Mail::Accepted));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn an_answer_is_kept_and_a_failure_is_not() {
        let (mail, asked) = resolver(made_up, false).await;
        for (domain, expected) in [("mail.example", 1), ("absent.example", 2), ("broken.example", 4)] {
            asked.store(0, Ordering::Relaxed);
            for _ in 0..2 {
                let _ = mail.of(domain).await;
            }
            // A SERVFAIL is asked for twice each time.
            assert_eq!(asked.load(Ordering::Relaxed), expected, "{domain}");
        }
    }

    #[tokio::test]
    async fn a_mute_resolver_is_given_up_and_broken_domains_are_not_its_fault() {
        let (mail, asked) = resolver(made_up, false).await;
        let ask = |domain| futures_util::future::join_all((0..20).map(|_| mail.of(domain)));
        ask("broken.example").await;
        assert_eq!(mail.of("mail.example").await, Ok(Mail::Accepted));
        ask("mute.example").await;
        ask("mute.example").await;
        asked.store(0, Ordering::Relaxed);
        assert_eq!(mail.of("mail.example").await, Err(CallError::Open.into()));
        assert_eq!(asked.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_resolver_is_a_host_with_its_port() {
        for resolver in ["", "127.0.0.1", "127.0.0.1:", "127.0.0.1:dns", ":53"] {
            assert!(matches!(MailExchange::new(resolver), Err(ResolverError::Address)), "{resolver}");
        }
    }
}
