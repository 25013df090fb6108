//! TLS inside the engine against a server of the same library, in memory: no socket, and every byte is counted.

use std::io::{Read, Write};

use rcgen::{CertificateParams, KeyPair};
use redis::Value;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{RootCertStore, ServerConfig, ServerConnection};

use super::*;
use crate::link::engine::{Engine, Incoming};
use crate::link::resp::Bounds;

fn server_and_engine(certified: &str, expected: &str) -> (ServerConnection, Engine) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![certified.to_owned()]).unwrap().self_signed(&key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut engine = Engine::new(Bounds { bytes: 1 << 20, depth: 8 });
    engine.encrypt(TlsStage::new(Arc::new(client), expected).unwrap());
    (ServerConnection::new(Arc::new(server)).unwrap(), engine)
}

/// Everything that the engine wants to write goes to the server.
fn to_server(engine: &mut Engine, server: &mut ServerConnection) {
    while engine.has_output() {
        let mut bytes = engine.output();
        let count = bytes.len();
        while !bytes.is_empty() {
            server.read_tls(&mut bytes).unwrap();
            server.process_new_packets().unwrap();
        }
        engine.wrote(count);
    }
}

/// Everything that the server wants to write comes to the engine, one byte at a time.
fn to_engine(engine: &mut Engine, server: &mut ServerConnection) {
    let mut bytes = Vec::new();
    while server.wants_write() {
        server.write_tls(&mut bytes).unwrap();
    }
    bytes.iter().for_each(|byte| engine.feed(std::slice::from_ref(byte)));
}

fn shake_hands(engine: &mut Engine, server: &mut ServerConnection) {
    for _ in 0..4 {
        to_server(engine, server);
        to_engine(engine, server);
    }
    assert!(!engine.is_handshaking());
}

fn heard(server: &mut ServerConnection) -> Vec<u8> {
    let mut text = vec![0; 1 << 20];
    let count = server.reader().read(&mut text).unwrap_or(0);
    text.truncate(count);
    text
}

#[test]
fn requests_wait_for_the_handshake_and_replies_come_in_their_order() {
    let (mut server, mut engine) = server_and_engine("redis.example", "redis.example");
    engine.push(1, b"HELLO", 1);
    to_server(&mut engine, &mut server);
    // The server has not answered: there is nothing more to write, though a request waits.
    assert!(engine.is_handshaking() && !engine.has_output() && engine.queued() == 5);
    shake_hands(&mut engine, &mut server);
    assert_eq!(heard(&mut server), b"HELLO");
    server.writer().write_all(b":1\r\n").unwrap();
    to_engine(&mut engine, &mut server);
    assert_eq!(engine.next().unwrap(), Some(Incoming::Replies { token: 1, values: vec![Value::Int(1)] }));
    assert!(engine.is_idle());
}

#[test]
fn what_the_kernel_did_not_take_was_not_sent() {
    let (mut server, mut engine) = server_and_engine("redis.example", "redis.example");
    shake_hands(&mut engine, &mut server);
    engine.push(1, b"GET", 1);
    // Sealed, and not taken.
    let record = engine.output().len();
    assert!(record > 0 && engine.queued() == 3);
    // One byte of its record may be one too many.
    engine.wrote(1);
    assert!(engine.queued() == 0 && engine.has_output());
    // What comes behind it is in a record of its own, and was sent when the first byte of that was taken.
    engine.push(2, b"SET", 1);
    assert!(engine.output().len() > record - 1 && engine.queued() == 3);
    engine.wrote(record - 1);
    assert!(engine.has_output() && engine.queued() == 3);
    engine.wrote(1);
    assert!(engine.has_output() && engine.queued() == 0);
}

#[test]
fn a_stream_that_is_cut_off_has_not_ended_in_order() {
    let (mut server, mut engine) = server_and_engine("redis.example", "redis.example");
    shake_hands(&mut engine, &mut server);
    assert!(!engine.ended_in_order());
    server.send_close_notify();
    to_engine(&mut engine, &mut server);
    assert!(engine.ended_in_order());
}

#[test]
fn a_wrong_name_is_told_with_the_names_that_were_found() {
    let (mut server, mut engine) = server_and_engine("redis.example", "other.example");
    to_server(&mut engine, &mut server);
    to_engine(&mut engine, &mut server);
    let error = engine.next().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TlsFailed);
    assert_eq!(
        error.message(),
        "the certificate is not for \"other.example\", it is for redis.example (option tls_server_name)"
    );
}

#[test]
fn garbage_is_no_tls_and_names_can_be_impossible() {
    let (_, mut engine) = server_and_engine("redis.example", "redis.example");
    engine.push(1, b"HELLO", 1);
    engine.feed(b"-ERR unknown command\r\n");
    let error = engine.next().unwrap_err();
    assert!(error.message().contains("does not speak TLS"), "{error}");
    let config = Arc::new(
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth(),
    );
    assert_eq!(TlsStage::new(Arc::clone(&config), "no name").unwrap_err().kind(), ErrorKind::TlsFailed);
    TlsStage::new(config, "fe80::1%eth0").unwrap();
}
