//! CPU of one side of a handshake by rustls with ring, in memory: what
//! sides_bench.cc measures of the others.
//!
//!     rustls-side PKI CASE SIDE SECONDS
//!
//! PKI is a folder that pki_main wrote; CASE is as in cases.cc, SIDE `client`
//! or `server`. Prints the microseconds of that side for one handshake.

use rustls::client::Resumption;
use rustls::crypto::{ring, CryptoProvider};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

type Outcome<T> = Result<T, Box<dyn Error>>;

const BATCH: usize = 16; // handshakes beside each other, as in sides_bench.cc

#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

extern "C" {
    fn clock_gettime(clock: i32, time: *mut Timespec) -> i32;
}

/// The CPU time of this thread.
fn cpu_seconds() -> f64 {
    const CLOCK_THREAD_CPUTIME_ID: i32 = 3;
    let mut time = Timespec { seconds: 0, nanoseconds: 0 };
    // SAFETY: `time` is a timespec, of two 64-bit numbers on 64-bit Linux.
    unsafe { clock_gettime(CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.seconds as f64 + time.nanoseconds as f64 / 1e9
}

/// One suite and one group, as all benchmarks have.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        cipher_suites: vec![ring::cipher_suite::TLS13_AES_256_GCM_SHA384],
        kx_groups: vec![ring::kx_group::X25519],
        ..ring::default_provider()
    })
}

struct Setup {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

fn read_pair(
    pki: &Path,
    name: &str,
) -> Outcome<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let certificate = std::fs::read(pki.join(format!("{name}.der")))?;
    let key = std::fs::read(pki.join(format!("{name}.key")))?;
    Ok((
        vec![CertificateDer::from(certificate)],
        PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key)),
    ))
}

fn set_up(pki: &Path, mutual: bool) -> Outcome<Setup> {
    let versions = [&rustls::version::TLS13];
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(std::fs::read(pki.join("root.der"))?))?;
    let roots = Arc::new(roots);

    let client = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&versions)?
        .with_root_certificates(roots.clone());
    let mut client = if mutual {
        let (chain, key) = read_pair(pki, "client")?;
        client.with_client_auth_cert(chain, key)?
    } else {
        client.with_no_client_auth()
    };
    client.resumption = Resumption::disabled();

    let server =
        ServerConfig::builder_with_provider(provider()).with_protocol_versions(&versions)?;
    let server = if mutual {
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build()?;
        server.with_client_cert_verifier(verifier)
    } else {
        server.with_no_client_auth()
    };
    let (chain, key) = read_pair(pki, "server")?;
    let mut server = server.with_single_cert(chain, key)?;
    server.send_tls13_tickets = 0;
    Ok(Setup { client: Arc::new(client), server: Arc::new(server) })
}

/// Either end; the two types of rustls share no trait for this.
macro_rules! turn {
    ($end:expr, $input:expr) => {{
        let mut input: &[u8] = $input;
        let mut output = Vec::new();
        while !input.is_empty() {
            $end.read_tls(&mut input)?;
            $end.process_new_packets()?;
        }
        while $end.wants_write() {
            $end.write_tls(&mut output)?;
        }
        output
    }};
}

/// The CPU seconds of the client's and the server's side of a batch.
fn run_batch(setup: &Setup) -> Outcome<(f64, f64)> {
    let mut of_client = 0.0;
    let mut of_server = 0.0;
    let mut sent: Vec<Vec<u8>> = vec![Vec::new(); BATCH];

    let mut clients = Vec::new();
    let begin = cpu_seconds();
    for _ in 0..BATCH {
        let name = ServerName::try_from("server.example")?;
        clients.push(ClientConnection::new(setup.client.clone(), name)?);
    }
    of_client += cpu_seconds() - begin;

    let mut servers = Vec::new();
    let begin = cpu_seconds();
    for _ in 0..BATCH {
        servers.push(ServerConnection::new(setup.server.clone())?);
    }
    of_server += cpu_seconds() - begin;

    while clients.iter().any(|c| c.is_handshaking()) || servers.iter().any(|s| s.is_handshaking()) {
        let begin = cpu_seconds();
        for (client, bytes) in clients.iter_mut().zip(sent.iter_mut()) {
            *bytes = turn!(client, &bytes);
        }
        of_client += cpu_seconds() - begin;
        let begin = cpu_seconds();
        for (server, bytes) in servers.iter_mut().zip(sent.iter_mut()) {
            *bytes = turn!(server, &bytes);
        }
        of_server += cpu_seconds() - begin;
    }

    let begin = cpu_seconds();
    drop(clients);
    of_client += cpu_seconds() - begin;
    let begin = cpu_seconds();
    drop(servers);
    of_server += cpu_seconds() - begin;
    Ok((of_client, of_server))
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, pki, case, side, seconds] = arguments.as_slice() else {
        return Err("usage: rustls-side PKI CASE SIDE SECONDS".into());
    };
    let key = case.rsplit('_').next().ok_or("no case")?;
    let setup = set_up(&Path::new(pki).join(key), case.starts_with("mutual"))?;
    let wanted: f64 = seconds.parse()?;

    run_batch(&setup)?;
    let mut total = 0.0;
    let mut batches = 0;
    while total < wanted || batches == 0 {
        let (client, server) = run_batch(&setup)?;
        total += if side == "client" { client } else { server };
        batches += 1;
    }
    println!("{:.3}", total * 1e6 / (batches * BATCH) as f64);
    Ok(())
}
