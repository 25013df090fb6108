//! One node or sentinel, asked by its address: its role is shown, and no write is ever mistaken for one to the master.

use standfast::{Client, ErrorKind, NodeHandle, Request, Timeout, Value};
use standfast_behaviour::{client, has_left, lab, until};

fn execute(node: &NodeHandle, line: &str) -> Result<Value, ErrorKind> {
    let request = Request::new(line.split(' ')).unwrap();
    node.execute_blocking(request, Timeout::Default, None).map_err(|error| error.kind())
}

fn node(client: &Client, address: impl ToString) -> NodeHandle {
    client.node(&address.to_string()).unwrap()
}

/// B-93.
#[test]
fn a_node_is_asked_by_its_address() {
    let lab = lab();
    let client = client(&lab, "");
    until("all nodes are known", || (client.nodes().len() == 3).then_some(()));
    let master = lab.master().unwrap();
    for address in lab.node_addrs() {
        let node = node(&client, address);
        assert_eq!(node.role(), "unknown", "nobody has asked yet");
        let Value::VerbatimString { text, .. } = execute(&node, "INFO server").unwrap() else { panic!("a text") };
        assert!(text.contains(&format!("tcp_port:{}", address.port())), "{text}");
        assert_eq!(node.role(), if *address == master { "master" } else { "replica" });
        for write in ["SET k v", "EVAL return 0", "PUBLISH c m", "NOSUCHCOMMAND"] {
            assert_eq!(execute(&node, write), Err(ErrorKind::InvalidArgument), "{write} on {}", node.role());
        }
        assert_eq!(execute(&node, "SUBSCRIBE c"), Err(ErrorKind::InvalidArgument));
        assert_eq!(execute(&node, "CONFIG SET maxmemory-samples 7"), Ok(Value::Okay), "it is no data");
        assert_eq!(execute(&node, "GET"), Err(ErrorKind::ReplyError));
    }
    let sentinel = client.sentinel(&lab.sentinel_addrs()[0].to_string()).unwrap();
    assert!(matches!(execute(&sentinel, "SENTINEL MYID"), Ok(Value::BulkString(_))));
    assert_eq!(sentinel.role(), "sentinel");
    for unknown in ["127.0.0.1:1", "nonsense", &lab.sentinel_addrs()[0].to_string()] {
        assert_eq!(client.node(unknown).unwrap_err().kind(), ErrorKind::InvalidArgument, "{unknown}");
    }
    assert_eq!(client.sentinel(&master.to_string()).unwrap_err().kind(), ErrorKind::InvalidArgument);
    client.close();
    assert_eq!(execute(&sentinel, "PING"), Err(ErrorKind::Closed));
}

/// B-93: a handle is of a node, not of a role.
#[test]
fn the_role_of_a_node_is_shown_after_a_failover() {
    let lab = lab();
    let client = client(&lab, "");
    let old = lab.master().unwrap();
    let handle = node(&client, old);
    assert!(execute(&handle, "DBSIZE").is_ok());
    assert_eq!(handle.role(), "master");
    lab.kill(old).unwrap();
    has_left(&client, &lab, old);
    assert_eq!(execute(&handle, "DBSIZE"), Err(ErrorKind::ConnectFailed), "a handle follows nobody");
    lab.restart(old).unwrap();
    until("it is a replica, and says so", || {
        // A handle of its own each time: the role is that of the connection.
        let handle = node(&client, old);
        (execute(&handle, "DBSIZE").is_ok() && handle.role() == "replica").then_some(())
    });
}
