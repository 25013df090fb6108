// What a change of the master cost, with the types of C#. Measured by the core.

using System;

namespace Standfast
{
    /// <summary>The event "switch_report": what a change of the master cost.</summary>
    public sealed class SwitchReport : Event
    {
        internal SwitchReport(Value fields)
            : base(fields)
        {
            OldMaster = fields["old_master"].AsString();
            NewMaster = fields["new_master"].AsString();
            Eager = fields["eager"].AsBoolean();
            SinceLost = fields["since_lost"].AsTimeSpan();
            SinceAnnounced = fields["since_announced"].AsTimeSpan();
            SinceReplica = fields["since_replica"].AsTimeSpan();
            HeldFor = fields["held_for"].AsTimeSpan();
            CommandsHeld = fields["commands_held"].AsInt64();
            MaybeExecuted = fields["maybe_executed"].AsInt64();
            BytesAtRisk = fields["bytes_at_risk"].AsInt64OrNull();
        }

        /// <summary>The master before.</summary>
        public string OldMaster { get; }

        /// <summary>The master after.</summary>
        public string NewMaster { get; }

        /// <summary>Whether the switch was made before the sentinels announced it.</summary>
        public bool Eager { get; }

        /// <summary>How long after the loss of the old master commands went to the new one; null when it was not lost.</summary>
        public TimeSpan? SinceLost { get; }

        /// <summary>How long after a sentinel announced the failover; null when none did.</summary>
        public TimeSpan? SinceAnnounced { get; }

        /// <summary>How long after the new master last said that it was a replica; null when it never did.</summary>
        public TimeSpan? SinceReplica { get; }

        /// <summary>How long commands were held; null when they were not.</summary>
        public TimeSpan? HeldFor { get; }

        /// <summary>How many commands waited when the switch was made.</summary>
        public long CommandsHeld { get; }

        /// <summary>How many commands of this client ended with an unknown outcome meanwhile.</summary>
        public long MaybeExecuted { get; }

        /// <summary>How many bytes the old master took that the new one does not have; null when that cannot be known.</summary>
        public long? BytesAtRisk { get; }
    }
}
