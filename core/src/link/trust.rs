//! Whom a hop trusts and how it proves itself: the TLS settings made into what the TLS library wants.
//!
//! Certificates and keys come from files or are given as text; files are looked at again for every connection, so that a
//! certificate can be renewed without a restart. The provider of cryptography is named here and nowhere else.

use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::tls::TlsStage;
use crate::config::hooks::{self, NameFunction};
use crate::config::{Config, Hop, HostPort, SYSTEM, Secret, ServerNames, VerifyPolicy};
use crate::error::{Error, ErrorKind, Result};
use crate::sync::lock;

/// No file of certificates is larger.
const MOST: u64 = 4 << 20;

/// The TLS settings of one hop.
pub(crate) struct Trust {
    settings: Settings,
    function: Option<Arc<NameFunction>>,
    built: Mutex<Option<Built>>,
}

#[derive(PartialEq, Eq)]
struct Settings {
    /// What stands before the options' names.
    prefix: &'static str,
    ca: String,
    cert: String,
    key: Secret,
    names: ServerNames,
    verify: VerifyPolicy,
}

struct Built {
    /// What the files looked like.
    stamp: Vec<Option<(SystemTime, u64)>>,
    config: Arc<ClientConfig>,
}

impl Trust {
    /// The block of settings of this hop.
    pub(crate) fn of(config: &Config, block: Hop) -> Trust {
        let options = config.options.clone();
        let settings = match block {
            Hop::Data => Settings {
                prefix: "",
                ca: options.tls_ca,
                cert: options.tls_cert,
                key: options.tls_key,
                names: options.tls_server_name,
                verify: options.tls_verify,
            },
            Hop::Sentinel => Settings {
                prefix: "sentinel_",
                ca: options.sentinel_tls_ca,
                cert: options.sentinel_tls_cert,
                key: options.sentinel_tls_key,
                names: options.sentinel_tls_server_name,
                verify: options.sentinel_tls_verify,
            },
        };
        Trust { settings, function: config.hooks.of(block).server_name.clone(), built: Mutex::default() }
    }

    /// Whether both mean the same.
    pub(crate) fn is(&self, other: &Trust) -> bool {
        self.settings == other.settings && hooks::same(self.function.as_ref(), other.function.as_ref())
    }

    /// The stage for a link to this address.
    pub(crate) fn stage(&self, address: &HostPort) -> Result<TlsStage> {
        let by_function = self.function.as_ref().and_then(|function| hooks::call(|| function(address)));
        let name = by_function.as_deref().unwrap_or_else(|| self.settings.names.of(address));
        TlsStage::new(self.config()?, name)
    }

    /// What the library wants; made anew when a file has changed.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`], naming the option and never showing what it holds.
    pub(crate) fn config(&self) -> Result<Arc<ClientConfig>> {
        let stamp = self.stamp();
        let mut built = lock(&self.built);
        if let Some(built) = built.as_ref().filter(|built| built.stamp == stamp) {
            return Ok(Arc::clone(&built.config));
        }
        match (self.build(), &*built) {
            (Ok(config), _) => {
                let config = Arc::new(config);
                *built = Some(Built { stamp, config: Arc::clone(&config) });
                Ok(config)
            }
            // Half-way through a renewal certificate and key do not fit; what was good stays good.
            (Err(error), Some(built)) => {
                tracing::warn!(target: "standfast", %error, "the new certificates cannot be used");
                Ok(Arc::clone(&built.config))
            }
            (Err(error), None) => Err(error),
        }
    }

    fn stamp(&self) -> Vec<Option<(SystemTime, u64)>> {
        let Settings { ca, cert, key, .. } = &self.settings;
        let look = |value: &str| {
            let about = if is_file(value) { std::fs::metadata(value).ok() } else { None }?;
            Some((about.modified().ok()?, about.len()))
        };
        [ca.as_str(), cert, key.reveal()].map(look).into()
    }

    fn build(&self) -> Result<ClientConfig> {
        let Settings { prefix, ca, cert, key, names: _, verify } = &self.settings;
        let provider = Arc::new(ring::default_provider());
        let internal = |error: rustls::Error| Error::new(ErrorKind::Internal, format!("TLS cannot be used: {error}"));
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions().map_err(internal)?;
        let builder = match verify {
            VerifyPolicy::Full => builder.with_root_certificates(roots(prefix, ca)?),
            VerifyPolicy::Insecure => {
                tracing::warn!(
                    target: "standfast",
                    "option {prefix}tls_verify=insecure: servers are not verified, anybody may read and change everything"
                );
                builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody { provider }))
            }
        };
        match (cert.as_str(), key.reveal()) {
            ("", "") => Ok(builder.with_no_client_auth()),
            ("", _) => Err(wrong(prefix, "tls_key", "needs a certificate (tls_cert)")),
            (_, "") => Err(wrong(prefix, "tls_cert", "needs its key (tls_key)")),
            (cert, key) => {
                let chain = certificates(prefix, "tls_cert", cert)?;
                let key = PrivateKeyDer::from_pem_slice(&material(prefix, "tls_key", key)?)
                    .map_err(|_| wrong(prefix, "tls_key", "holds no private key in PEM"))?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|_| wrong(prefix, "tls_key", "holds a key that does not fit its certificate (tls_cert)"))
            }
        }
    }
}

fn roots(prefix: &str, ca: &str) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let certificates = match ca {
        SYSTEM => rustls_native_certs::load_native_certs().certs,
        ca => certificates(prefix, "tls_ca", ca)?,
    };
    let (used, _) = roots.add_parsable_certificates(certificates);
    match used {
        0 if ca == SYSTEM => Err(wrong(prefix, "tls_ca", "is `system`, but the system trusts nobody; name a file")),
        0 => Err(wrong(prefix, "tls_ca", "holds no certificate that can be used")),
        _ => Ok(roots),
    }
}

fn certificates(prefix: &str, option: &str, value: &str) -> Result<Vec<CertificateDer<'static>>> {
    let bytes = material(prefix, option, value)?;
    let found: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(wrong(prefix, option, "holds no certificate in PEM")),
    }
}

fn is_file(value: &str) -> bool {
    !value.is_empty() && value != SYSTEM && !value.trim_start().starts_with("-----BEGIN")
}

/// The text itself, or what the file of this name holds. The name is not shown: it may be a key that lost its first line.
fn material(prefix: &str, option: &str, value: &str) -> Result<Vec<u8>> {
    if !is_file(value) {
        return Ok(value.as_bytes().to_vec());
    }
    let refused =
        |error: std::io::Error| wrong(prefix, option, &format!("names a file that cannot be read: {}", error.kind()));
    let mut bytes = Vec::new();
    let length =
        std::fs::File::open(value).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes)).map_err(refused)?;
    if length as u64 > MOST {
        return Err(wrong(prefix, option, "names a file that is too large"));
    }
    Ok(bytes)
}

fn wrong(prefix: &str, option: &str, what: &str) -> Error {
    Error::new(ErrorKind::InvalidOption, format!("option {prefix}{option} {what}"))
}

/// Trusts anybody who has the key to what he shows. `tls_verify=insecure`.
#[derive(Debug)]
struct Anybody {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
