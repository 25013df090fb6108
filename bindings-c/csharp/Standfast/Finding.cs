// What the doctor finds, made from the maps of the native library.

namespace Standfast
{
    /// <summary>Something that is wrong with a deployment, or will be when something fails.</summary>
    public sealed class Finding
    {
        internal Finding(Value fields)
        {
            Id = fields["id"].AsString();
            Severity = fields["severity"].AsString();
            Reason = fields["reason"].AsString();
            Remedy = fields["remedy"].AsString();
            Details = fields["details"];
        }

        /// <summary>What it is; every one stands in core/docs/doctor.md.</summary>
        public string Id { get; }

        /// <summary>"error", "warning" or "info".</summary>
        public string Severity { get; }

        /// <summary>What was seen, in one sentence.</summary>
        public string Reason { get; }

        /// <summary>What to do about it.</summary>
        public string Remedy { get; }

        /// <summary>What was seen, as data: a map whose names depend on the finding.</summary>
        public Value Details { get; }
    }
}
