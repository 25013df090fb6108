// What the client itself says, as small classes: items of subscriptions, events, status, nodes. Made from the maps of the
// library; whatever a class has no property for is in its Fields.

using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;

namespace Standfast
{
    /// <summary>One thing that a subscription says: a <see cref="Message"/>, a <see cref="Gap"/> or <see cref="Dropped"/>.</summary>
    public abstract class Item
    {
        internal static Item From(Value fields)
        {
            switch (fields["type"].AsString())
            {
                case "message": return new Message(fields);
                case "gap": return new Gap(fields);
                default: return new Dropped(fields);
            }
        }
    }

    /// <summary>A message.</summary>
    public sealed class Message : Item
    {
        internal Message(Value fields)
        {
            Channel = fields["channel"].AsString();
            Pattern = fields["pattern"].AsString();
            Payload = fields["payload"].AsBytes();
            GapBefore = fields["gap_before"].IsNil ? null : new Gap(fields["gap_before"]);
            Generation = fields["generation"].AsInt64();
            ReceivedAt = fields["received_at"].AsTime().GetValueOrDefault();
        }

        /// <summary>The channel it was published on.</summary>
        public string Channel { get; }

        /// <summary>The pattern that matched, or null.</summary>
        public string Pattern { get; }

        /// <summary>What was published.</summary>
        public byte[] Payload { get; }

        /// <summary>What was published, as text.</summary>
        public string Text => Encoding.UTF8.GetString(Payload);

        /// <summary>The gap that came just before it, or null.</summary>
        public Gap GapBefore { get; }

        /// <summary>The generation of the master it came from.</summary>
        public long Generation { get; }

        /// <summary>When it was received, UTC.</summary>
        public DateTime ReceivedAt { get; }

        /// <summary>The text.</summary>
        public override string ToString() => Text;
    }

    /// <summary>Messages published between two moments may be missing.</summary>
    public sealed class Gap : Item
    {
        internal Gap(Value fields)
        {
            Since = fields["since"].AsTime().GetValueOrDefault();
            Until = fields["until"].AsTime().GetValueOrDefault();
            Reason = fields["reason"].AsString();
            OldMaster = fields["old_master"].AsString();
            NewMaster = fields["new_master"].AsString();
            Generation = fields["generation"].AsInt64();
        }

        /// <summary>The last moment when nothing was missing, UTC.</summary>
        public DateTime Since { get; }

        /// <summary>The moment when the server confirmed the subscription again, UTC.</summary>
        public DateTime Until { get; }

        /// <summary>Why.</summary>
        public string Reason { get; }

        /// <summary>The master before, or null.</summary>
        public string OldMaster { get; }

        /// <summary>The master after, or null.</summary>
        public string NewMaster { get; }

        /// <summary>The generation after.</summary>
        public long Generation { get; }
    }

    /// <summary>Messages that a full queue forgot.</summary>
    public sealed class Dropped : Item
    {
        internal Dropped(Value fields)
        {
            Count = fields["count"].AsInt64();
            Bytes = fields["bytes"].AsInt64();
        }

        /// <summary>How many messages.</summary>
        public long Count { get; }

        /// <summary>How many bytes.</summary>
        public long Bytes { get; }
    }

    /// <summary>What happened to a client. The event "switch_report" is a <see cref="SwitchReport"/>; core/docs/events.md has
    /// all kinds and their fields.</summary>
    public class Event
    {
        internal static Event From(Value fields) =>
            fields["kind"].AsString() == "switch_report" ? new SwitchReport(fields) : new Event(fields);

        internal Event(Value fields)
        {
            Fields = fields;
            Seq = fields["seq"].AsInt64();
            At = fields["at"].AsTime().GetValueOrDefault();
            Kind = fields["kind"].AsString();
            Generation = fields["generation"].AsInt64();
            Epoch = fields["epoch"].AsInt64OrNull();
        }

        /// <summary>Counts up by one; a jump means that events were missed.</summary>
        public long Seq { get; }

        /// <summary>When, UTC.</summary>
        public DateTime At { get; }

        /// <summary>What: "ready", "master_switched", ...</summary>
        public string Kind { get; }

        /// <summary>The generation of the master at that moment.</summary>
        public long Generation { get; }

        /// <summary>The configuration epoch at that moment, when it is known.</summary>
        public long? Epoch { get; }

        /// <summary>Everything there is to say, with the names of core/docs/events.md: read times with <see cref="Value.AsTime"/>,
        /// lengths of time with <see cref="Value.AsTimeSpan"/>.</summary>
        public Value Fields { get; }

        /// <summary>The kind.</summary>
        public override string ToString() => Kind;
    }

    /// <summary>A snapshot of a client.</summary>
    public sealed class Status
    {
        internal Status(Value fields)
        {
            Fields = fields;
            State = fields["state"].AsString();
            Master = fields["master"].AsString();
            Generation = fields["generation"].AsInt64();
            Epoch = fields["epoch"].AsInt64OrNull();
            ConfirmedBy = fields["confirmed_by"].Items.Select(address => address.AsString()).ToList();
            Since = fields["since"].AsTime();
            Nodes = fields["nodes"].Items.Select(node => new Node(node)).ToList();
            Minority = fields["minority"].AsString();
            Counters = fields["counters"].Pairs.ToDictionary(pair => pair.Key.AsString(), pair => pair.Value.AsInt64());
            Pending = fields["pending"].AsInt64();
        }

        /// <summary>"connecting", "ready", "fenced", "no_master" or "closed".</summary>
        public string State { get; }

        /// <summary>The master that commands go to, or null.</summary>
        public string Master { get; }

        /// <summary>Counts the masters of this client: 1 is the first.</summary>
        public long Generation { get; }

        /// <summary>The configuration epoch of the master, when a sentinel confirmed it.</summary>
        public long? Epoch { get; }

        /// <summary>The sentinels whose last answer names this master.</summary>
        public IReadOnlyList<string> ConfirmedBy { get; }

        /// <summary>Since when the client is in this state, UTC.</summary>
        public DateTime? Since { get; }

        /// <summary>The data nodes that the sentinels report.</summary>
        public IReadOnlyList<Node> Nodes { get; }

        /// <summary>What is believed when fewer than a majority of the known sentinels answer: the option "minority".</summary>
        public string Minority { get; }

        /// <summary>What was counted since the client was opened, by name: "switches", "maybe_executed", ... Every counter is
        /// always there; core/docs/events.md has the list.</summary>
        public IReadOnlyDictionary<string, long> Counters { get; }

        /// <summary>Commands that are being waited for.</summary>
        public long Pending { get; }

        /// <summary>Everything, with sentinels and links: read times with <see cref="Value.AsTime"/>.</summary>
        public Value Fields { get; }
    }

    /// <summary>A data node, as the sentinels report it.</summary>
    public sealed class Node
    {
        internal Node(Value fields)
        {
            Fields = fields;
            Address = fields["address"].AsString();
            Role = fields["role"].AsString();
            Used = fields["used"].AsBoolean();
            Opinions = fields["opinions"].Items.Select(opinion => new Opinion(opinion)).ToList();
        }

        /// <summary>The address.</summary>
        public string Address { get; }

        /// <summary>"master" or "replica".</summary>
        public string Role { get; }

        /// <summary>Whether it is the master that this client uses.</summary>
        public bool Used { get; }

        /// <summary>What each sentinel thinks of it.</summary>
        public IReadOnlyList<Opinion> Opinions { get; }

        /// <summary>Everything.</summary>
        public Value Fields { get; }
    }

    /// <summary>What one sentinel thinks of one node.</summary>
    public sealed class Opinion
    {
        internal Opinion(Value fields)
        {
            Sentinel = fields["sentinel"].AsString();
            Role = fields["role"].AsString();
            Flags = fields["flags"].AsString();
            Epoch = fields["epoch"].AsInt64OrNull();
            Link = fields["link"].AsString();
        }

        /// <summary>The sentinel.</summary>
        public string Sentinel { get; }

        /// <summary>"master" or "replica".</summary>
        public string Role { get; }

        /// <summary>The flags that it reports, such as "s_down".</summary>
        public string Flags { get; }

        /// <summary>The configuration epoch, for masters; otherwise null.</summary>
        public long? Epoch { get; }

        /// <summary>The replication link of a replica, "ok" or "err", when it is known; otherwise null.</summary>
        public string Link { get; }
    }
}
