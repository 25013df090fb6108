// What a lab consists of, and what may be wrong with connections: values that become the parameters of a request.

using System;
using System.Collections.Generic;

namespace Standfast.Testing
{
    /// <summary>How many servers a lab has, and how its sentinels behave. What is null has the lab's own default.</summary>
    public sealed class LabOptions
    {
        /// <summary>0 to 5; 2 unless given.</summary>
        public int? Replicas { get; set; }

        /// <summary>1 to 5; 3 unless given.</summary>
        public int? Sentinels { get; set; }

        /// <summary>How many sentinels must agree that the master is down; a majority unless given.</summary>
        public int? Quorum { get; set; }

        /// <summary>down-after-milliseconds; 1 s unless given.</summary>
        public TimeSpan? DownAfter { get; set; }

        /// <summary>failover-timeout; 5 s unless given.</summary>
        public TimeSpan? FailoverTimeout { get; set; }

        /// <summary><c>mymaster</c> unless given.</summary>
        public string MasterName { get; set; }

        /// <summary>The default user's password on the data nodes.</summary>
        public string Password { get; set; }

        /// <summary>The default user's password on the sentinels.</summary>
        public string SentinelPassword { get; set; }

        /// <summary>A proxy in front of every server, for <see cref="Lab.Fault"/>, <see cref="Lab.Partition"/> and <see cref="Lab.Traffic"/>.</summary>
        public bool Proxied { get; set; }

        /// <summary>Names of further masters under the same sentinels, with one replica each.</summary>
        public IList<string> MoreMasters { get; set; }

        /// <summary>More arguments for every data node, as on redis-server's command line.</summary>
        public IList<string> ServerArgs { get; set; }

        internal Parameters ToParameters() => new Parameters
        {
            { "replicas", Replicas },
            { "sentinels", Sentinels },
            { "quorum", Quorum },
            { "down_after_ms", Moment.Millis(DownAfter) },
            { "failover_timeout_ms", Moment.Millis(FailoverTimeout) },
            { "master_name", MasterName },
            { "password", Password },
            { "sentinel_password", SentinelPassword },
            { "proxied", Proxied },
            { "more_masters", MoreMasters },
            { "server_args", ServerArgs },
        };
    }

    /// <summary>Which bytes a fault is for.</summary>
    public enum Direction
    {
        /// <summary>Both ways.</summary>
        Both,

        /// <summary>From whoever connected to the server.</summary>
        ToServer,

        /// <summary>From the server to whoever connected.</summary>
        ToClient,
    }

    /// <summary>What is wrong with the connections to a server, and with which of them. The lab's README tells what a client sees of each.</summary>
    public sealed class Fault
    {
        private static readonly string[] Directions = { "both", "to_server", "to_client" };
        private readonly Parameters what;

        private Fault(string kind, Parameters what = null)
        {
            this.what = what ?? new Parameters();
            this.what.Add("kind", kind);
        }

        /// <summary>Whose connections: <c>all</c> unless given, <c>clients</c>, <c>peers</c> (the lab's other servers), or a server's address.</summary>
        public string Side { get; set; }

        /// <summary>Only for so many new connections.</summary>
        public int? Next { get; set; }

        /// <summary>Only for the newest connection.</summary>
        public bool Newest { get; set; }

        /// <summary>Bytes are acknowledged and forgotten.</summary>
        public static Fault Swallow(Direction direction = Direction.Both) =>
            new Fault("swallow", new Parameters { { "direction", Directions[(int)direction] } });

        /// <summary>Packets are dropped as by a firewall.</summary>
        public static Fault BlackHole() => new Fault("black_hole");

        /// <summary>An orderly end after exactly so many bytes of one direction.</summary>
        public static Fault Cut(Direction direction, long after) =>
            new Fault("cut", new Parameters { { "direction", Directions[(int)direction] }, { "after", after } });

        /// <summary>Everything comes so much later.</summary>
        public static Fault Delay(TimeSpan delay) => new Fault("delay", new Parameters { { "ms", Moment.Millis(delay) } });

        /// <summary>Present connections end with RST.</summary>
        public static Fault Reset() => new Fault("reset");

        /// <summary>The server's end is closed and nobody says so.</summary>
        public static Fault HalfOpen() => new Fault("half_open");

        /// <summary>New connections are refused.</summary>
        public static Fault Refuse() => new Fault("refuse");

        /// <summary>Messages on matching channels never arrive.</summary>
        public static Fault DropPushes(string channel) => new Fault("drop_pushes", new Parameters { { "channel", channel } });

        /// <summary>A wrong program: this is the answer to whatever arrives.</summary>
        public static Fault Answer(string text) => new Fault("answer", new Parameters { { "text", text } });

        /// <summary>Another server behind the address, for new connections.</summary>
        public static Fault Reroute(string to) => new Fault("reroute", new Parameters { { "to", to } });

        internal Parameters ToParameters()
        {
            var parameters = new Parameters { { "side", Side }, { "next", Next }, { "newest", Newest } };
            foreach (var pair in what)
            {
                parameters.Add(pair.Key, pair.Value);
            }
            return parameters;
        }
    }
}
