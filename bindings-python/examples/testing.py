"""A test of your own code: it kills the master and goes on. Needs redis-server and standfast-lab; runs under pytest, too."""

import standfast
from standfast.testing import Lab


def test_orders_survive_the_master() -> None:
    with Lab() as lab, standfast.connect(lab.url) as client:
        client.set("orders", 1)
        lab.wait_replicated()  # Right after the start a replica may not have it yet.

        lab.kill_master()
        successor = lab.wait_writable()

        assert client.incr("orders") == 2, "what was written is still there"
        assert client.status()["master"] == successor.node
        print("orders: 2, and the master is", successor.node)


if __name__ == "__main__":
    test_orders_survive_the_master()
