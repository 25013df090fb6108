// What a lab tells: who did what when, what went through a proxy, what became of a message.

using System;
using System.Collections.Generic;
using System.Linq;

namespace Standfast.Testing
{
    using Fields = IReadOnlyDictionary<string, object>;

    /// <summary>The lab could not do what was asked, did not answer, or is not there.</summary>
    public sealed class LabException : Exception
    {
        /// <summary>Says what and why.</summary>
        public LabException(string message) : base(message) { }
    }

    /// <summary>Something that was done to a server, or that it did.</summary>
    public sealed class Happened
    {
        internal Happened(Fields answer)
        {
            Node = (string)answer["node"];
            At = Moment.Of(answer["at_us"]);
        }

        /// <summary>Its address.</summary>
        public string Node { get; }

        /// <summary>UTC.</summary>
        public DateTime At { get; }
    }

    /// <summary>A line of the timeline: a fault, a sentinel's event, or a node's first write.</summary>
    public sealed class Entry
    {
        internal Entry(Fields entry)
        {
            At = Moment.Of(entry["at_us"]);
            Source = (string)entry["source"];
            Kind = (string)entry["kind"];
            Detail = (string)entry["detail"];
        }

        /// <summary>UTC.</summary>
        public DateTime At { get; }

        /// <summary><c>lab</c> for a fault, otherwise the address of whoever spoke.</summary>
        public string Source { get; }

        /// <summary>A fault, <c>writable</c>, or a sentinel's event.</summary>
        public string Kind { get; }

        /// <summary>The address that the fault went to, or the event's text.</summary>
        public string Detail { get; }
    }

    /// <summary>What became of a published message.</summary>
    public sealed class Published
    {
        internal Published(Fields line)
        {
            Number = (long)line["n"];
            At = Moment.Of(line["at_us"]);
            Done = Moment.Of(line["done_us"]);
            Node = (string)line["node"];
            Receivers = line.TryGetValue("receivers", out var receivers) ? (long?)receivers : null;
            Error = line.TryGetValue("error", out var error) ? (string)error : null;
        }

        /// <summary>The message is this number, in digits.</summary>
        public long Number { get; }

        /// <summary>When it was sent.</summary>
        public DateTime At { get; }

        /// <summary>When it was answered, or had failed.</summary>
        public DateTime Done { get; }

        /// <summary>Where it was sent, or null.</summary>
        public string Node { get; }

        /// <summary>How many heard it; null if it failed.</summary>
        public long? Receivers { get; }

        /// <summary>Why it failed, or null.</summary>
        public string Error { get; }
    }

    /// <summary>What went through a server's proxy.</summary>
    public sealed class Traffic
    {
        internal Traffic(Fields traffic)
        {
            Clients = new Count((Fields)traffic["clients"]);
            Peers = new Count((Fields)traffic["peers"]);
        }

        /// <summary>By clients. The lab's own connections are not among them.</summary>
        public Count Clients { get; }

        /// <summary>By the lab's other servers.</summary>
        public Count Peers { get; }

        /// <summary>Connections and bytes.</summary>
        public sealed class Count
        {
            internal Count(Fields count)
            {
                Open = (long)count["open"];
                Total = (long)count["total"];
                ToServer = (long)count["to_server"];
                ToClient = (long)count["to_client"];
            }

            /// <summary>Connections that are open now.</summary>
            public long Open { get; }

            /// <summary>Connections since the start.</summary>
            public long Total { get; }

            /// <summary>Bytes.</summary>
            public long ToServer { get; }

            /// <summary>Bytes.</summary>
            public long ToClient { get; }
        }
    }

    /// <summary>A further master under the same sentinels.</summary>
    public sealed class Topology
    {
        internal Topology(Fields about)
        {
            Url = (string)about["url"];
            Nodes = ((List<object>)about["nodes"]).Cast<string>().ToList();
            Master = (string)about["master"];
        }

        /// <summary>What <c>Client.Connect</c> takes.</summary>
        public string Url { get; }

        /// <summary>Its nodes.</summary>
        public IReadOnlyList<string> Nodes { get; }

        /// <summary>The first master.</summary>
        public string Master { get; }
    }

    /// <summary>The lab's moments and lengths of time, and ours.</summary>
    internal static class Moment
    {
        private static readonly DateTime Epoch = new DateTime(1970, 1, 1, 0, 0, 0, DateTimeKind.Utc);

        internal static DateTime Of(object micros) => Epoch.AddTicks((long)micros * 10);

        internal static object Micros(DateTime? moment) => (moment?.ToUniversalTime() - Epoch)?.Ticks / 10;

        internal static object Millis(TimeSpan? span) => (long?)span?.TotalMilliseconds;
    }
}
