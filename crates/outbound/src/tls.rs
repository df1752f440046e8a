//! What a connection goes by: whom it trusts, and who it says it is.

use std::sync::{Arc, LazyLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::CallError;

/// How a connection is made safe. By default the authorities of the machine are trusted, and those that browsers know.
#[derive(Debug, Default)]
pub struct Tls {
    /// PEM of the authorities to trust in place of those.
    pub authority: Option<Vec<u8>>,
    pub identity: Option<Identity>,
    /// Whether any certificate is taken.
    pub insecure: bool,
}

/// Who a connection says it is.
pub struct Identity {
    /// PEM of the certificate, and those that vouch for it.
    pub certificate: Vec<u8>,
    /// PEM.
    pub key: Vec<u8>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Identity")
    }
}

static TRUSTED: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    Arc::new(roots)
});

impl Tls {
    pub(crate) fn config(&self) -> Result<ClientConfig, CallError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
        let builder =
            builder.with_safe_default_protocol_versions().map_err(|_| CallError::Tls("TLS can't be used"))?;
        let roots = match &self.authority {
            Some(pem) => Arc::new(roots(pem)?),
            None => Arc::clone(&TRUSTED),
        };
        let builder = match self.insecure {
            true => builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider))),
            false => {
                let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider).build();
                builder.with_webpki_verifier(verifier.map_err(|_| CallError::Tls(AUTHORITY))?)
            }
        };
        match &self.identity {
            None => Ok(builder.with_no_client_auth()),
            Some(identity) => {
                let chain = certificates(&identity.certificate).ok_or(CallError::Tls(CERTIFICATE))?;
                let key = PrivateKeyDer::from_pem_slice(&identity.key).map_err(|_| CallError::Tls(KEY))?;
                builder.with_client_auth_cert(chain, key).map_err(|_| CallError::Tls(KEY))
            }
        }
    }
}

const AUTHORITY: &str = "the certificate authority is no certificate in PEM";
const CERTIFICATE: &str = "the client's certificate is no certificate in PEM";
const KEY: &str = "the client's key is no private key in PEM, or not that of its certificate";

fn roots(pem: &[u8]) -> Result<RootCertStore, CallError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem).ok_or(CallError::Tls(AUTHORITY))? {
        roots.add(certificate).map_err(|_| CallError::Tls(AUTHORITY))?;
    }
    Ok(roots)
}

/// All certificates of a text, at least one.
fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    certificates.ok().filter(|certificates| !certificates.is_empty())
}

/// Takes any certificate, from whoever has its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
