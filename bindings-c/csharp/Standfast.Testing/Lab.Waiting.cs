// What a lab can be waited for, what it has written down, and its publisher.

using System;
using System.Collections.Generic;
using System.Linq;

namespace Standfast.Testing
{
    public sealed partial class Lab
    {
        private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

        /// <summary>Wait until everything runs and every sentinel agrees, and change nothing. Gives the master. The limit is 30 s unless given.</summary>
        public string WaitHealthy(TimeSpan? limit = null) => (string)Patiently("wait_healthy", limit)["master"];

        /// <summary>Wait until every running node follows one master. Gives the master.</summary>
        public string WaitReplicating(TimeSpan? limit = null) => (string)Patiently("wait_replicating", limit)["master"];

        /// <summary>Wait until every running replica has confirmed what the master has written by now.</summary>
        public void WaitReplicated(TimeSpan? limit = null) => Patiently("wait_replicated", limit);

        /// <summary>Wait for the first write that another node took after the latest fault of a master.</summary>
        public Happened WaitWritable(TimeSpan? limit = null) => new Happened(Patiently("wait_writable", limit));

        /// <summary>Wait for an entry of the timeline, such as <c>+switch-master</c>, at or after a moment.</summary>
        public Entry WaitEvent(string kind, DateTime? since = null, TimeSpan? limit = null) => new Entry((Dictionary<string, object>)Patiently(
            "wait_event", limit, new Parameters { { "kind", kind }, { "since_us", Moment.Micros(since) } })["entry"]);

        /// <summary>Everything that happened at or after a moment, by time.</summary>
        public IReadOnlyList<Entry> Timeline(DateTime? since = null) =>
            ((List<object>)Ask("timeline", new Parameters { { "since_us", Moment.Micros(since) } })["timeline"])
                .Select(entry => new Entry((Dictionary<string, object>)entry)).ToList();

        /// <summary>Publish 0, 1, 2, … at the master, whoever that is, without Standfast, one message every 5 ms unless given.</summary>
        public Publisher Publisher(string channel, TimeSpan? every = null) => new Publisher(
            this, (long)Ask("publisher_start", new Parameters { { "channel", channel }, { "every_ms", Moment.Millis(every) } })["publisher"]);

        private IReadOnlyDictionary<string, object> Patiently(string request, TimeSpan? limit, Parameters parameters = null)
        {
            parameters = parameters ?? new Parameters();
            parameters.Add("timeout_ms", Moment.Millis(limit ?? Patience));
            return process.Ask(request, parameters, (limit ?? Patience) + LabProcess.AnswerWithin);
        }
    }

    /// <summary>Publishes numbered messages, so that what was missed can be counted.</summary>
    public sealed class Publisher
    {
        private readonly Lab lab;
        private readonly long number;

        internal Publisher(Lab lab, long number)
        {
            this.lab = lab;
            this.number = number;
        }

        /// <summary>End it, once. Gives what became of each message.</summary>
        public IReadOnlyList<Published> Stop() =>
            ((List<object>)lab.Ask("publisher_stop", new Parameters { { "publisher", number } })["log"])
                .Select(message => new Published((Dictionary<string, object>)message)).ToList();
    }
}
