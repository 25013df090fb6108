// A real Sentinel topology for tests of your own code: start it, break it, wait for what follows. The command standfast-lab does it; this file
// converts. What can be waited for and published is in Lab.Waiting.cs, the process in LabProcess.cs.

using System;
using System.Collections.Generic;
using System.Linq;

namespace Standfast.Testing
{
    /// <summary>
    /// A master, its replicas and sentinels that agree: real redis-server and redis-sentinel processes on loopback. They are gone when the lab is
    /// disposed, and when this process dies in whatever way.
    /// </summary>
    /// <remarks>
    /// Needed are redis-server (or what STANDFAST_LAB_SERVER names) and the command standfast-lab, which is looked for in STANDFAST_LAB, beside this
    /// assembly, and on PATH; <c>cargo install standfast-lab</c> builds it. Methods block, and may be called from any thread: they go one after another.
    /// Whatever fails throws <see cref="LabException"/>. Addresses are <c>host:port</c>, moments are UTC.
    /// </remarks>
    public sealed partial class Lab : IDisposable
    {
        private readonly LabProcess process;

        private Lab(LabProcess process, Dictionary<string, object> started)
        {
            this.process = process;
            Url = (string)started["url"];
            Sentinels = Texts(started["sentinels"]);
            Nodes = Texts(started["nodes"]);
            MasterName = (string)started["master_name"];
            Version = (string)started["version"];
            MoreMasters = ((Dictionary<string, object>)started["more_masters"])
                .ToDictionary(pair => pair.Key, pair => new Topology((Dictionary<string, object>)pair.Value));
        }

        /// <summary>What <c>Client.Connect</c> takes, passwords included.</summary>
        public string Url { get; }

        /// <summary>All sentinels, running or not.</summary>
        public IReadOnlyList<string> Sentinels { get; }

        /// <summary>All data nodes, running or not. The first was the first master.</summary>
        public IReadOnlyList<string> Nodes { get; }

        /// <summary>The name under which the sentinels know the master.</summary>
        public string MasterName { get; }

        /// <summary>The servers' version.</summary>
        public string Version { get; }

        /// <summary>Further masters under the same sentinels, by name.</summary>
        public IReadOnlyDictionary<string, Topology> MoreMasters { get; }

        /// <summary>Start servers; returns when every sentinel agrees.</summary>
        public static Lab Start(LabOptions options = null)
        {
            var process = LabProcess.Start(LabProcess.Program());
            try
            {
                return new Lab(process, process.Ask("start", (options ?? new LabOptions()).ToParameters(), LabProcess.AnswerWithin));
            }
            catch
            {
                process.Dispose();
                throw;
            }
        }

        /// <summary>The path of the command standfast-lab.</summary>
        public static string Program() => LabProcess.Program();

        /// <summary>The node that most sentinels call the master.</summary>
        public string Master() => (string)Ask("master")["master"];

        /// <summary>Execute a command at the master, past Standfast and past all faults of connections. Gives a string, a long, null, or a list of those.</summary>
        public object Redis(params string[] arguments) => Ask("redis", new Parameters { { "args", arguments } })["reply"];

        /// <summary>The same at a node or a sentinel.</summary>
        public object RedisAt(string node, params string[] arguments) =>
            Ask("redis", new Parameters { { "node", node }, { "args", arguments } })["reply"];

        /// <summary>What went to a node or a sentinel; needs <see cref="LabOptions.Proxied"/>.</summary>
        public Traffic Traffic(string node) =>
            new Traffic((Dictionary<string, object>)Ask("traffic", new Parameters { { "node", node } })["traffic"]);

        /// <summary>SIGKILL.</summary>
        public Happened KillMaster() => Happening("kill_master");

        /// <summary>SIGSTOP: it keeps its connections and says nothing.</summary>
        public Happened StopMaster() => Happening("stop_master");

        /// <summary>SIGTERM; returns when it has ended.</summary>
        public Happened ShutdownMaster() => Happening("shutdown_master");

        /// <summary>SIGKILL, for a node or a sentinel.</summary>
        public Happened KillNode(string node) => Happening("kill_node", new Parameters { { "node", node } });

        /// <summary>SIGSTOP, for a node or a sentinel.</summary>
        public Happened StopNode(string node) => Happening("stop_node", new Parameters { { "node", node } });

        /// <summary>SIGTERM, for a node or a sentinel; returns when it has ended.</summary>
        public Happened ShutdownNode(string node) => Happening("shutdown_node", new Parameters { { "node", node } });

        /// <summary>SIGCONT, for one server, or for all that were stopped.</summary>
        public void Cont(string node = null) => Ask("cont", new Parameters { { "node", node } });

        /// <summary>Start a dead server again at its address; a node comes back as a replica of the present master.</summary>
        public Happened Restart(string node) => Happening("restart", new Parameters { { "node", node } });

        /// <summary>SENTINEL FAILOVER; what is given is the old master.</summary>
        public Happened PlannedFailover(string masterName = null) =>
            Happening("planned_failover", new Parameters { { "master_name", masterName } });

        /// <summary>Make a sentinel watch another node under the same name.</summary>
        public Happened Remonitor(string sentinel, string node) =>
            Happening("remonitor", new Parameters { { "sentinel", sentinel }, { "node", node } });

        /// <summary>Replace sentinels, or all of them, by new ones at their addresses that know nothing but the present masters.</summary>
        public void Redeploy(IEnumerable<string> sentinels = null) => Ask("redeploy", new Parameters { { "sentinels", sentinels } });

        /// <summary>Disturb the connections to a node or a sentinel, from now on; needs <see cref="LabOptions.Proxied"/>.</summary>
        public Happened Fault(string node, Fault fault)
        {
            var parameters = fault.ToParameters();
            parameters.Add("node", node);
            return Happening("fault", parameters);
        }

        /// <summary>Let nothing pass between two groups of servers; needs <see cref="LabOptions.Proxied"/>.</summary>
        public void Partition(IEnumerable<string> some, IEnumerable<string> others) =>
            Ask("partition", new Parameters { { "between", new[] { some, others } } });

        /// <summary>End the faults of connections, at one server or everywhere.</summary>
        public void HealFaults(string node = null) => Ask("heal_faults", new Parameters { { "node", node } });

        /// <summary>Mend everything as quickly as it can be done. Gives the master.</summary>
        public string Heal() => (string)Ask("heal")["master"];

        /// <summary>Send the command a request of its own language, as in the lab's README, and give its answer. Parameters that are null are left out.</summary>
        public IReadOnlyDictionary<string, object> Ask(string request, IDictionary<string, object> parameters = null) =>
            process.Ask(request, parameters, LabProcess.AnswerWithin);

        /// <summary>End the servers and the command.</summary>
        public void Dispose() => process.Dispose();

        private Happened Happening(string request, Parameters parameters = null) => new Happened(Ask(request, parameters));

        private static IReadOnlyList<string> Texts(object list) => ((List<object>)list).Cast<string>().ToList();
    }

    /// <summary>A name for a long type.</summary>
    internal sealed class Parameters : Dictionary<string, object> { }
}
