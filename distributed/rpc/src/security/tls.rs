//! TLS 1.3 between nodes (RFC 8446), with their own keys as raw public keys (RFC 7250).
//!
//! There are no certificates, names or authorities: either side presents its key, proves in the handshake
//! that it owns it, and is the node with the id of that key. Whether that node may take part, the [`Gate`] decides.

use std::{fmt, io, net::IpAddr, sync::Arc, time::Duration};

use rustls::{
    CertificateError, ClientConfig, CommonState, ConnectionCommon, DigitallySignedStruct,
    DistinguishedName, Error, ServerConfig, SignatureScheme,
    client::{
        AlwaysResolvesClientRawPublicKeys, Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{
        WebPkiSupportedAlgorithms, ring::default_provider, verify_tls13_signature_with_raw_key,
    },
    pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime},
    server::{
        AlwaysResolvesServerRawPublicKeys,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::{CertifiedKey, SigningKey},
    version::TLS13,
};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::timeout};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use super::{
    NodeKey,
    applicants::{Applicants, Place},
    gate::{self, APPLICATION_BYTES_MAX, Applicant, Gate},
    id_of,
};
use crate::peer::PeerId;

/// The protocols that this program speaks on a connection, the preferred first (RFC 7301). A later version adds its
/// own before this one, and two nodes speak the newest that both know.
const PROTOCOLS: [&[u8]; 1] = [b"kadenza-rpc/1"];
/// The protocol of a node that applies to take part.
const APPLICATION: &[u8] = b"kadenza-application/1";

/// How long a stranger has for its application, and again for taking the answer.
const STRANGERS_PATIENCE: Duration = Duration::from_secs(5);

/// Both sides of TLS with the key of this node.
#[derive(Clone)]
pub(crate) struct Tls {
    connector: TlsConnector,
    applying: TlsConnector,
    acceptor: TlsAcceptor,
    /// Who may take part; everybody if there is none.
    gate: Option<Arc<dyn Gate>>,
    /// The nodes that apply.
    applicants: Applicants,
}

impl Tls {
    /// # Errors
    ///
    /// None with the provider that is built in.
    pub(crate) fn of(key: &NodeKey, gate: Option<Arc<dyn Gate>>) -> Result<Tls, Error> {
        let provider = Arc::new(default_provider());
        let presented = key
            .public_key()
            .ok_or(Error::InconsistentKeys(rustls::InconsistentKeys::Unknown))?;
        let presented = CertificateDer::from(presented.as_ref().to_vec());
        let own = Arc::new(CertifiedKey::new(vec![presented], Arc::new(key.clone())));
        let proven = Arc::new(Proven(provider.signature_verification_algorithms));

        let mut client = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(proven.clone())
            .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(
                own.clone(),
            )));
        client.resumption = Resumption::disabled();
        client.alpn_protocols = protocols();
        let mut applying = client.clone();
        applying.alpn_protocols = vec![APPLICATION.to_vec()];

        let mut server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(proven)
            .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(own)));
        // The listening side writes nothing of its own accord: a ticket would be the only thing.
        server.send_tls13_tickets = 0;
        server.alpn_protocols = protocols();
        if gate.is_some() {
            server.alpn_protocols.push(APPLICATION.to_vec());
        }

        Ok(Tls {
            connector: TlsConnector::from(Arc::new(client)),
            applying: TlsConnector::from(Arc::new(applying)),
            acceptor: TlsAcceptor::from(Arc::new(server)),
            gate,
            applicants: Applicants::default(),
        })
    }

    /// Shakes hands on a connection that this node made, with the node that is wanted if one is. When it returns, both
    /// may take part.
    pub(crate) async fn connect(
        &self,
        tcp: TcpStream,
        ip: IpAddr,
        wanted: Option<PeerId>,
        patience: Duration,
    ) -> io::Result<client::TlsStream<TcpStream>> {
        let connected = async {
            let name = ServerName::IpAddress(ip.into());
            let mut stream = self.connector.connect(name, tcp).await?;
            let id = proven(stream.get_ref().1)?;
            if wanted.is_some_and(|wanted| wanted != id) {
                return Err(invalid("another node lives at this address"));
            }
            if let Some(gate) = &self.gate {
                gate::introduce(&mut stream, &**gate, &id).await?;
            }
            Ok(stream)
        };
        in_time(patience, connected).await
    }

    /// Shakes hands on a connection on which this node applies, and says who is at the other end.
    pub(crate) async fn apply(
        &self,
        tcp: TcpStream,
        ip: IpAddr,
    ) -> io::Result<(client::TlsStream<TcpStream>, PeerId)> {
        let name = ServerName::IpAddress(ip.into());
        let stream = self.applying.connect(name, tcp).await?;
        let id = proven(stream.get_ref().1)?;
        Ok((stream, id))
    }

    /// Shakes hands on a connection that another node made, and says who is at the other end. None if that node only
    /// applied to take part: then it has its answer.
    pub(crate) async fn accept(
        &self,
        tcp: TcpStream,
        patience: Duration,
    ) -> io::Result<Option<(server::TlsStream<TcpStream>, PeerId)>> {
        let ip = tcp.peer_addr()?.ip();
        let accepted = async {
            let mut stream = self.acceptor.accept(tcp).await?;
            let session = stream.get_ref().1;
            let (id, applies) = (
                proven(session)?,
                session.alpn_protocol() == Some(APPLICATION),
            );
            match &self.gate {
                None => {}
                Some(gate) if applies => {
                    self.hear(&mut stream, &**gate, id, ip).await?;
                    return Ok(None);
                }
                Some(gate) => gate::receive(&mut stream, &**gate, &id).await?,
            }
            Ok(Some((stream, id)))
        };
        in_time(patience, accepted).await
    }

    /// Hears the application of a node, and answers it.
    async fn hear(
        &self,
        stream: &mut server::TlsStream<TcpStream>,
        gate: &dyn Gate,
        id: PeerId,
        ip: IpAddr,
    ) -> io::Result<()> {
        let is_member = gate.knows(&id);
        let place = self.applicants.admit(id, ip, is_member);
        let (place, gives_way) = place.ok_or_else(|| invalid("too many nodes apply at once"))?;
        let patience = match is_member {
            true => Duration::MAX,
            false => STRANGERS_PATIENCE,
        };
        let binding = binding(stream.get_ref().1)?;
        let heard = answer(stream, gate, Applicant { id, binding }, &place, patience);
        tokio::select! {
            heard = heard => heard,
            _gone = gives_way => Err(invalid("it gives way to another node that applies")),
        }
    }
}

/// Reads the application of a node that has a place, and answers it. It has so long for either.
async fn answer(
    stream: &mut server::TlsStream<TcpStream>,
    gate: &dyn Gate,
    applicant: Applicant,
    place: &Place,
    patience: Duration,
) -> io::Result<()> {
    let application = in_time(patience, gate::read(stream, APPLICATION_BYTES_MAX)).await?;
    place.set_answered(true);
    let answer = gate.apply(applicant, application).await;
    place.set_answered(false);
    let Some(answer) = answer else {
        return Ok(());
    };
    let given = async {
        gate::write(stream, &answer).await?;
        stream.shutdown().await
    };
    in_time(patience, given).await
}

/// The secret that both ends of a connection alone share: the channel binding `tls-exporter` (RFC 9266).
pub(crate) fn binding<D>(session: &ConnectionCommon<D>) -> io::Result<[u8; 32]> {
    let exported = session.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b""));
    exported.map_err(io::Error::other)
}

/// A handshake, within this time.
async fn in_time<T>(
    patience: Duration,
    handshake: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    let late = |_late| io::Error::new(io::ErrorKind::TimedOut, "the handshake takes too long");
    timeout(patience, handshake).await.map_err(late)?
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

fn protocols() -> Vec<Vec<u8>> {
    PROTOCOLS.iter().map(|name| name.to_vec()).collect()
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// The node that the other end has proven to be. Both ends must have agreed on a protocol.
fn proven(session: &CommonState) -> io::Result<PeerId> {
    let protocol = session.alpn_protocol();
    protocol.ok_or_else(|| invalid("the other end does not speak the protocol of nodes"))?;
    let id = session
        .peer_certificates()
        .and_then(|keys| keys.first())
        .and_then(|key| id_of(key));
    id.ok_or_else(|| invalid("the other end has no key of a node"))
}

/// Takes the key of any node, if the other end owns it.
#[derive(Debug)]
struct Proven(WebPkiSupportedAlgorithms);

impl Proven {
    fn key(presented: &CertificateDer<'_>) -> Result<PeerId, Error> {
        id_of(presented).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))
    }

    fn signature(
        &self,
        message: &[u8],
        presented: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Proven::key(presented)?;
        let key = SubjectPublicKeyInfoDer::from(presented.as_ref());
        verify_tls13_signature_with_raw_key(message, &key, signature, &self.0)
    }
}

/// What both traits ask alike: the one signature scheme, and raw public keys.
macro_rules! checks_signatures {
    () => {
        fn verify_tls12_signature(
            &self,
            _message: &[u8],
            _presented: &CertificateDer<'_>,
            _signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Err(Error::PeerIncompatible(
                rustls::PeerIncompatible::Tls12NotOffered,
            ))
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            presented: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            self.signature(message, presented, signature)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            vec![SignatureScheme::ED25519]
        }

        fn requires_raw_public_keys(&self) -> bool {
            true
        }
    };
}

impl ServerCertVerifier for Proven {
    fn verify_server_cert(
        &self,
        presented: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Proven::key(presented).map(|_id| ServerCertVerified::assertion())
    }

    checks_signatures!();
}

impl ClientCertVerifier for Proven {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        presented: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Proven::key(presented).map(|_id| ClientCertVerified::assertion())
    }

    checks_signatures!();
}
