//! One connection through a proxy: bytes are carried both ways as the faults in force allow, and its end on one side becomes the same end on
//! the other. Which faults are in force, `proxy` says.

use std::{
    collections::{HashMap, VecDeque},
    io,
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use rustix::net::sockopt::set_socket_linger;
use tokio::{
    net::TcpStream,
    sync::watch,
    time::{Instant, sleep_until, timeout},
};

use super::{
    Shared,
    fault::{Direction, Origin, Plan},
    frames::Filter,
};

const PIECE: usize = 64 * 1024;
/// How many delayed pieces wait in each direction before no more is read.
const PIECES: usize = 1024;
/// How long an ended connection may take to end on the far side, too.
const FAREWELL: Duration = Duration::from_secs(1);

/// A connection as the proxy's table knows it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: u64,
    pub(super) origin: Origin,
    /// Rules that are for this connection because it came at the right time.
    pub(super) own: Vec<u64>,
    pub(super) stream: Arc<TcpStream>,
    pub(super) order: watch::Sender<Order>,
    /// Bytes were lost or invented, so that it cannot be whole again.
    pub(super) spoiled: bool,
}

/// What the proxy wants of a connection at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Live,
    Reset,
    HalfOpen,
}

/// Why a connection ends.
enum End {
    /// Both sides have said all they had to say.
    Finished,
    Cut,
    Broken,
    Ordered(Order),
}

/// Carries a connection from its beginning to its end.
pub(super) async fn carry(shared: &Arc<Shared>, id: u64, client: Arc<TcpStream>, to: SocketAddr) {
    let Some(mut orders) = shared.orders(id) else {
        return;
    };
    let server = tokio::select! {
        connected = TcpStream::connect(to) => connected,
        _ = ordered(&mut orders, Order::Live) => return reset(&client),
    };
    let Ok(server) = server else {
        return reset(&client);
    };
    let _ = server.set_nodelay(true);
    let there = Pump { shared, id, way: Direction::ToServer, from: &client, to: &server };
    let back = Pump { shared, id, way: Direction::ToClient, from: &server, to: &client };
    let end = tokio::select! {
        // The order matters to nobody, but one that changes from run to run would.
        biased;
        order = ordered(&mut orders, Order::Live) => End::Ordered(order),
        ended = async { tokio::try_join!(there.run(), back.run()) } => ended.err().unwrap_or(End::Finished),
    };
    match end {
        End::Finished => {}
        End::Cut => {
            let both = async { tokio::join!(farewell(&client), farewell(&server)) };
            let _ = timeout(FAREWELL, both).await;
        }
        End::Broken | End::Ordered(Order::Reset | Order::Live) => {
            reset(&client);
            reset(&server);
        }
        End::Ordered(Order::HalfOpen) => {
            drop(server);
            // Readable means bytes or an end: neither gets anything but RST.
            tokio::select! {
                _ = client.readable() => {}
                _ = ordered(&mut orders, Order::HalfOpen) => {}
            }
            reset(&client);
        }
    }
}

/// Waits for an order other than `present`. If the proxy is gone, its connections go, too.
async fn ordered(orders: &mut watch::Receiver<Order>, present: Order) -> Order {
    match orders.wait_for(|order| *order != present).await {
        Ok(order) => *order,
        Err(_) => Order::Reset,
    }
}

/// Makes the end of this socket, which comes when the last handle on it is dropped, an RST.
pub(super) fn reset(stream: &TcpStream) {
    // A socket on which this fails is gone already.
    let _ = set_socket_linger(stream, Some(Duration::ZERO));
}

/// Ends a connection so that what was sent is certainly read: FIN, and then nothing but waiting for the other's.
async fn farewell(stream: &TcpStream) {
    finish(stream);
    let mut rest = [0; 4096];
    loop {
        match stream.try_read(&mut rest) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if stream.readable().await.is_err() {
                    return;
                }
            }
            Err(_) => return,
        }
    }
}

fn finish(stream: &TcpStream) {
    // Fails when the other side is gone, which is what follows anyhow.
    let _ = rustix::net::shutdown(stream, rustix::net::Shutdown::Write);
}

/// One direction of a connection.
struct Pump<'a> {
    shared: &'a Arc<Shared>,
    id: u64,
    way: Direction,
    from: &'a TcpStream,
    to: &'a TcpStream,
}

impl Pump<'_> {
    async fn run(self) -> Result<(), End> {
        let mut changed = self.shared.changes();
        let mut buffer = vec![0; PIECE];
        let mut waiting: VecDeque<(Instant, Vec<u8>)> = VecDeque::new();
        let mut filter = Filter::default();
        let mut passed = 0;
        // How many bytes had passed when a rule was first seen.
        let mut cut_from: HashMap<u64, u64> = HashMap::new();
        let (mut ended, mut cut) = (false, false);
        loop {
            changed.borrow_and_update();
            let plan = self.shared.plan(self.id, self.way);
            for (rule, _) in &plan.cuts {
                cut_from.entry(*rule).or_insert(passed);
            }
            if plan.hole {
                let _ = changed.changed().await;
                continue;
            }
            if waiting.is_empty() && cut {
                return Err(End::Cut);
            }
            if waiting.is_empty() && ended {
                finish(self.to);
                return Ok(());
            }
            let due = waiting.front().map(|(due, _)| *due);
            let reads = !ended && !cut && waiting.len() < PIECES;
            tokio::select! {
                biased;
                // The sender lives as long as the proxy, and this task no longer than that.
                _ = changed.changed() => continue,
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    if let Some((_, piece)) = waiting.pop_front() {
                        self.write(&piece).await?;
                    }
                    continue;
                }
                ready = self.from.readable(), if reads => ready.map_err(|_| End::Broken)?,
            }
            let size = match self.from.try_read(&mut buffer) {
                Ok(0) => {
                    ended = true;
                    continue;
                }
                Ok(size) => size,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(_) => return Err(End::Broken),
            };
            // The faults may have changed while it waited for bytes.
            let plan = self.shared.plan(self.id, self.way);
            let mut piece = &buffer[..size];
            for (rule, after) in &plan.cuts {
                let end = *cut_from.entry(*rule).or_insert(passed) + after;
                let left = usize::try_from(end.saturating_sub(passed)).unwrap_or(usize::MAX);
                if left <= piece.len() {
                    piece = &piece[..left];
                    cut = true;
                }
            }
            passed += piece.len() as u64;
            let piece = self.changed_by(&plan, piece, &mut filter).await?;
            if piece.is_empty() {
                continue;
            }
            self.shared.count(self.id, self.way, piece.len());
            if plan.delay.is_zero() && waiting.is_empty() {
                self.write(&piece).await?;
            } else {
                waiting.push_back((Instant::now() + plan.delay, piece));
            }
        }
    }

    /// What becomes of bytes that were read.
    async fn changed_by(&self, plan: &Plan, piece: &[u8], filter: &mut Filter) -> Result<Vec<u8>, End> {
        if plan.swallow {
            self.shared.spoil(self.id);
            if let Some(text) = &plan.answer {
                write(self.from, text.as_bytes()).await?;
            }
            return Ok(Vec::new());
        }
        Ok(if self.way == Direction::ToClient { filter.pass(piece, &plan.drop_pushes) } else { piece.to_vec() })
    }

    async fn write(&self, bytes: &[u8]) -> Result<(), End> {
        write(self.to, bytes).await
    }
}

async fn write(to: &TcpStream, mut bytes: &[u8]) -> Result<(), End> {
    while !bytes.is_empty() {
        match to.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                to.writable().await.map_err(|_| End::Broken)?;
            }
            Err(_) => return Err(End::Broken),
        }
    }
    Ok(())
}
