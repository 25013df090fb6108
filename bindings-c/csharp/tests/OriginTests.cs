// Locks, scans and single nodes against real servers.

using System;
using System.Linq;
using Standfast;
using Standfast.Testing;

internal static class OriginTests
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    public static void LocksAreTakenExtendedAndReleasedByTheirOwner(Lab lab)
    {
        using (var client = Client.Connect(lab.Url))
        {
            Check.True(client.LockTake("cs:job", "a", Minute), "it was free");
            Check.True(!client.LockTake("cs:job", "b", Minute), "it has an owner");
            Check.Equal("a", client.LockQuery("cs:job"));
            Check.True(!client.LockExtend("cs:job", "b", Minute) && !client.LockRelease("cs:job", "b"), "b is not the owner");
            Check.True(client.LockExtend("cs:job", "a", Minute) && client.LockRelease("cs:job", "a"), "a is the owner");
            Check.Equal<string>(null, client.LockQuery("cs:job"));
            using (var held = client.Lock("cs:job", Minute).Acquire())
            {
                Check.Equal("held", held.State);
                Check.Equal(held.Token, client.LockQuery("cs:job"));
                Check.True(held.TimeLeft > TimeSpan.Zero && held.TimeLeft <= Minute, "wrong time");
                Check.True(held.FenceCounter >= 2, "each taking counts");
                Check.True(held.FenceEpoch.HasValue, "no epoch");
                using (var other = client.Lock("cs:job", Minute))
                {
                    Check.Fails<StandfastException>(ErrorCode.LockNotHeld, () => other.Acquire());
                    Check.Fails<StandfastException>(ErrorCode.LockNotHeld, () => other.Extend());
                    Check.Fails<StandfastException>(ErrorCode.LockNotHeld, () => other.Release());
                }
                Check.Equal("held", held.NextChange(Check.Patience).State);
                Check.True(held.NextChange(TimeSpan.Zero) == null, "nothing changed");
                Check.Equal(held.Token, held.Query());
            }
            Check.Equal<string>(null, client.LockQuery("cs:job"));
            Check.Fails<StandfastException>(ErrorCode.InvalidArgument, () => client.Lock("", Minute));
        }
    }

    public static void AHolderIsToldOfAFailover()
    {
        using (var lab = Lab.Start())
        using (var client = Client.Connect(lab.Url))
        using (var held = client.Lock("job", Minute, automatic: true).Acquire())
        {
            Check.Equal("held", held.NextChange(Check.Patience).State);
            lab.PlannedFailover();
            Check.Equal("uncertain", held.NextChange(Check.Patience).State);
            Check.Equal("held", held.NextChange(Check.Patience).State);
        }
    }

    public static void ScansGiveEverything(Lab lab)
    {
        using (var client = Client.Connect(lab.Url))
        {
            for (var n = 0; n < 50; n++)
            {
                client.Execute("SET", "cs:scan:" + n, n);
            }
            var options = new ScanOptions { Match = "cs:scan:*", Count = 7, OnMaster = true, Restart = true };
            Check.Equal(50, client.ScanKeys(options).Count());
            client.Execute("WAIT", 2, 5000);
            Check.Equal(50, client.ScanKeys("cs:scan:*").Distinct().Count());
            client.Execute("HSET", "cs:scan-h", "f", "v");
            client.Execute("SADD", "cs:scan-s", "m");
            client.Execute("ZADD", "cs:scan-z", 1.5, "m");
            var master = new ScanOptions { OnMaster = true };
            Check.Equal("v", client.ScanHash("cs:scan-h", master).Single().Value.AsString());
            Check.Equal("m", client.ScanSet("cs:scan-s", master).Single().AsString());
            Check.Equal(1.5, client.ScanSortedSet("cs:scan-z", master).Single().Value);
            Check.Fails<StandfastException>(ErrorCode.InvalidArgument, () => client.ScanKeys(new ScanOptions { Count = 0 }).ToList());
        }
    }

    public static void ReadsGoToReplicas(Lab lab)
    {
        using (var client = Client.Connect(lab.Url + "?read_from=prefer_replica"))
        {
            client.Execute("SET", "cs:read", "v");
            client.Execute("WAIT", 2, 5000);
            Check.Equal("v", client.Execute("GET", "cs:read").AsString());
            Check.Equal("v", client.ExecuteFrom("replica", "GET", "cs:read").AsString());
            Check.Fails<StandfastException>(ErrorCode.InvalidArgument, () => client.ExecuteFrom("nonsense", "GET", "k"));
        }
    }

    public static void NodesAreAskedByTheirAddress(Lab lab)
    {
        using (var client = Client.Connect(lab.Url))
        {
            foreach (var known in client.Nodes())
            {
                using (var node = client.Node(known.Address))
                {
                    Check.Equal("unknown", node.Role);
                    node.Execute("DBSIZE");
                    Check.Equal(known.Role, node.Role);
                    Check.Fails<StandfastException>(ErrorCode.InvalidArgument, () => node.Execute("SET", "k", "v"));
                }
            }
            using (var sentinel = client.Sentinel(client.Nodes().First().Opinions.First().Sentinel))
            {
                Check.Equal(40, sentinel.Execute("SENTINEL", "MYID").AsString().Length);
                Check.Equal("sentinel", sentinel.Role);
            }
            Check.Fails<StandfastException>(ErrorCode.InvalidArgument, () => client.Node("127.0.0.1:1"));
        }
    }

    public static void AWriteProbeIsShown(Lab lab)
    {
        using (var client = Client.Connect(lab.Url + "?write_probe_interval=50ms"))
        {
            Event probe;
            do
            {
                probe = client.NextEvent(Check.Patience);
            }
            while (probe.Kind != "write_probe");
            Check.True(client.Status().WriteProbe["ok"].AsBoolean(), "the probe failed");
        }
    }
}
