// Scans as enumerations, and single nodes. Which node a scan is on, and what becomes of it when that changes, is the core's
// business.

using System;
using System.Collections.Generic;
using System.Linq;

namespace Standfast
{
    /// <summary>How to scan.</summary>
    public sealed class ScanOptions
    {
        /// <summary>Only what matches this pattern.</summary>
        public string Match { get; set; }

        /// <summary>Only keys of this type, such as "hash".</summary>
        public string Type { get; set; }

        /// <summary>How much work the server does in one step; 10 if it is not given.</summary>
        public long? Count { get; set; }

        /// <summary>On the master, not on a replica.</summary>
        public bool OnMaster { get; set; }

        /// <summary>When the node changes, begin again on another one and give nothing twice, at the cost of remembering what was
        /// given; otherwise the scan then fails with Disconnected.</summary>
        public bool Restart { get; set; }

        /// <summary>Told when the node of a scan that restarts has changed: the old one and the new one.</summary>
        public Action<string, string> NodeChanged { get; set; }

        internal object[] Words(params object[] what)
        {
            var words = new List<object>(what);
            Add(words, "MATCH", Match);
            Add(words, "TYPE", Type);
            Add(words, "COUNT", Count);
            if (OnMaster)
            {
                words.Add("MASTER");
            }
            if (Restart)
            {
                words.Add("RESTART");
            }
            return words.ToArray();
        }

        private static void Add(List<object> words, string word, object value)
        {
            if (value != null)
            {
                words.Add(word);
                words.Add(value);
            }
        }
    }

    internal static class Scanning
    {
        /// <summary>The items of a scan. Each enumeration is a scan of its own.</summary>
        internal static IEnumerable<Value> Items(Client client, object[] words, Action<string, string> nodeChanged)
        {
            ScanHandle scan = null;
            using (var native = new NativeArguments(words))
            {
                client.Call(handle => NativeMethods.standfast_scan_open(
                    handle, native.Count, native.Pointers, native.Lengths, out scan));
            }
            using (scan)
            {
                for (;;)
                {
                    ReplyHandle reply = null;
                    try
                    {
                        client.Wait(_ => NativeMethods.standfast_scan_next(scan, out reply));
                    }
                    catch (StandfastException ended) when (ended.Code == ErrorCode.EndOfStream)
                    {
                        yield break;
                    }
                    foreach (var item in reply.Take().Items)
                    {
                        if (item.Kind == ValueKind.Map)
                        {
                            nodeChanged?.Invoke(item["old_node"].AsString(), item["new_node"].AsString());
                        }
                        else
                        {
                            yield return item;
                        }
                    }
                }
            }
        }
    }

    /// <summary>One node or sentinel, asked itself whatever its role is; see <see cref="Client.Node"/>.</summary>
    public sealed class NodeClient : IDisposable
    {
        private readonly Client client;
        private readonly NodeHandle handle;

        internal NodeClient(Client client, NodeHandle handle)
        {
            this.client = client;
            this.handle = handle;
        }

        /// <summary>Host and port.</summary>
        public string Address => Get()["address"].AsString();

        /// <summary>What it said when it was connected to last: "master", "replica", "sentinel"; "unknown" before.</summary>
        public string Role => Get()["role"].AsString();

        /// <summary>Execute a command on this node. What may write data is refused: that goes through the client.</summary>
        public Value Execute(params object[] arguments)
        {
            ReplyHandle reply = null;
            using (var native = new NativeArguments(arguments))
            {
                client.Wait(_ => NativeMethods.standfast_node_send(
                    handle, native.Count, native.Pointers, native.Lengths, NativeMethods.DefaultTimeout, out reply));
            }
            return reply.Take();
        }

        /// <summary>Free it.</summary>
        public void Dispose() => handle.Dispose();

        private Value Get()
        {
            ReplyHandle reply = null;
            client.Call(_ => NativeMethods.standfast_node_get(handle, out reply));
            return reply.Take();
        }
    }
}
