//! A stranger who speaks TLS with whatever key, and says whatever he likes.

use std::sync::Arc;

use kadenza_rpc::NodeKey;
use rustls::{
    ClientConfig, DigitallySignedStruct, DistinguishedName, Error, ServerConfig,
    SignatureAlgorithm, SignatureScheme, SupportedProtocolVersion,
    client::{
        AlwaysResolvesClientRawPublicKeys,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::ring::default_provider,
    pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime},
    server::{
        AlwaysResolvesServerRawPublicKeys,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::{CertifiedKey, Signer, SigningKey},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use super::Node;

pub(crate) const PROTOCOL: &[u8] = b"kadenza-rpc/1";

/// A key that is presented, and the one that really signs.
#[derive(Debug, Clone)]
pub(crate) struct Stranger {
    pub(crate) presents: NodeKey,
    pub(crate) signs_with: NodeKey,
    /// None if it is empty.
    pub(crate) protocol: &'static [u8],
    pub(crate) version: &'static SupportedProtocolVersion,
}

impl Stranger {
    pub(crate) fn new(number: u8) -> Stranger {
        let key = NodeKey::from_secret(&[number; 32]);
        Stranger {
            presents: key.clone(),
            signs_with: key,
            protocol: PROTOCOL,
            version: &rustls::version::TLS13,
        }
    }

    fn protocols(&self) -> Vec<Vec<u8>> {
        let named = (!self.protocol.is_empty()).then(|| self.protocol.to_vec());
        named.into_iter().collect()
    }

    fn certified(&self) -> Arc<CertifiedKey> {
        let presented = self.presents.public_key().unwrap();
        let presented = CertificateDer::from(presented.as_ref().to_vec());
        Arc::new(CertifiedKey::new(vec![presented], Arc::new(self.clone())))
    }

    /// Dials a node.
    pub(crate) async fn dial(&self, node: &Node) -> std::io::Result<client::TlsStream<TcpStream>> {
        let own = AlwaysResolvesClientRawPublicKeys::new(self.certified());
        let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[self.version])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone))
            .with_client_cert_resolver(Arc::new(own));
        config.alpn_protocols = self.protocols();
        let address = node.peer().address;
        let tcp = TcpStream::connect(address).await?;
        let name = ServerName::IpAddress(address.ip().into());
        TlsConnector::from(Arc::new(config))
            .connect(name, tcp)
            .await
    }

    /// Takes a connection of a node.
    pub(crate) async fn accept(
        &self,
        tcp: TcpStream,
    ) -> std::io::Result<server::TlsStream<TcpStream>> {
        let own = AlwaysResolvesServerRawPublicKeys::new(self.certified());
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[self.version])
            .unwrap()
            .with_client_cert_verifier(Arc::new(Anyone))
            .with_cert_resolver(Arc::new(own));
        config.alpn_protocols = self.protocols();
        TlsAcceptor::from(Arc::new(config)).accept(tcp).await
    }
}

impl SigningKey for Stranger {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        self.signs_with.choose_scheme(offered)
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        self.presents.public_key()
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ED25519
    }
}

macro_rules! takes_any_signature {
    () => {
        fn verify_tls12_signature(
            &self,
            _message: &[u8],
            _presented: &CertificateDer<'_>,
            _signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            _message: &[u8],
            _presented: &CertificateDer<'_>,
            _signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            vec![SignatureScheme::ED25519]
        }

        fn requires_raw_public_keys(&self) -> bool {
            true
        }
    };
}

/// Takes any other end.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _presented: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    takes_any_signature!();
}

impl ClientCertVerifier for Anyone {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _presented: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    takes_any_signature!();
}
