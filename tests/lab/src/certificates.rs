//! Certificates for one lab, made anew each time: an authority, and what it certified for servers and for clients.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::error::{LabError, Result};

/// Files in PEM. They live as long as their folder.
#[derive(Clone, Debug)]
pub struct Certificates {
    /// The authority that certified the others.
    pub ca: PathBuf,
    /// The servers' chain and key.
    pub server: PathBuf,
    /// See `server`.
    pub server_key: PathBuf,
    /// A client's chain and key.
    pub client: PathBuf,
    /// See `client`.
    pub client_key: PathBuf,
}

impl Certificates {
    /// Makes an authority of its own. `names` are the host names and IP addresses that the servers' certificate is for.
    pub fn make(folder: &Path, names: &[String]) -> Result<Self> {
        let failed = |error: rcgen::Error| LabError::new(format!("making certificates: {error}"));
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // One of its own for each: authorities of the same name are taken for each other.
        let name = format!("authority {:016x}", fastrand::u64(..));
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().map_err(failed)?;
        let authority = CertifiedIssuer::self_signed(params, key).map_err(failed)?;
        let certify = |whom: &str, names: &[String]| {
            let mut params = CertificateParams::new(names).map_err(failed)?;
            params.distinguished_name.push(DnType::CommonName, whom);
            let key = KeyPair::generate().map_err(failed)?;
            let certificate = params.signed_by(&key, &authority).map_err(failed)?;
            Ok::<_, LabError>((certificate.pem(), key.serialize_pem()))
        };
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            fs::write(&path, text).map_err(|e| LabError::io(path.display(), e))?;
            Ok::<_, LabError>(path)
        };
        fs::create_dir_all(folder).map_err(|e| LabError::io(folder.display(), e))?;
        let (server, server_key) = certify("server", names)?;
        let (client, client_key) = certify("client", &[])?;
        Ok(Self {
            ca: write("ca.pem", &authority.pem())?,
            server: write("server.pem", &server)?,
            server_key: write("server.key", &server_key)?,
            client: write("client.pem", &client)?,
            client_key: write("client.key", &client_key)?,
        })
    }
}
