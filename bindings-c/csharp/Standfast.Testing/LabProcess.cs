// The command standfast-lab as a child process: where it is found, one JSON object a line in each direction, and a deadline for every answer.

using System;
using System.Collections.Generic;
using System.ComponentModel;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Threading.Tasks;

namespace Standfast.Testing
{
    internal sealed class LabProcess : IDisposable
    {
        /// <summary>Beyond what a request says of its own patience: starting and healing have limits in the lab, below this.</summary>
        internal static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(60);

        private const int EndWithinMilliseconds = 10000;
        private readonly object turn = new object();
        private readonly Process process;
        private long ids;
        // One that is late is read before the next answer.
        private Task<string> reading;

        private LabProcess(Process process)
        {
            this.process = process;
        }

        internal static string Program()
        {
            var named = Environment.GetEnvironmentVariable("STANDFAST_LAB");
            if (!string.IsNullOrEmpty(named))
            {
                return File.Exists(named) ? named : throw new LabException("STANDFAST_LAB names " + named + ", which is not there");
            }
            var folders = new[] { Path.GetDirectoryName(Assembly.GetExecutingAssembly().Location) }
                .Concat((Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator))
                .Where(folder => folder.Length > 0);
            return folders.Select(folder => Path.Combine(folder, "standfast-lab")).FirstOrDefault(File.Exists) ?? throw new LabException(
                "there is no standfast-lab in STANDFAST_LAB, beside this assembly, or on PATH: `cargo install standfast-lab`");
        }

        internal static LabProcess Start(string program)
        {
            var start = new ProcessStartInfo(program)
            {
                UseShellExecute = false,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
            };
            try
            {
                return new LabProcess(Process.Start(start));
            }
            catch (Win32Exception error)
            {
                throw new LabException(program + " cannot be started: " + error.Message);
            }
        }

        internal Dictionary<string, object> Ask(string request, IDictionary<string, object> parameters, TimeSpan within)
        {
            lock (turn)
            {
                var id = ++ids;
                var line = new Dictionary<string, object>(parameters ?? new Dictionary<string, object>()) { ["id"] = id, ["do"] = request };
                try
                {
                    process.StandardInput.WriteLine(Json.Write(line));
                    process.StandardInput.Flush();
                }
                catch (Exception error) when (error is IOException || error is ObjectDisposedException || error is InvalidOperationException)
                {
                    throw new LabException(request + ": the lab has ended");
                }
                for (var limit = Stopwatch.StartNew(); ;)
                {
                    var answer = (Dictionary<string, object>)Json.Parse(Line(request, within - limit.Elapsed));
                    if (!Equals(answer["id"], id))
                    {
                        continue;
                    }
                    return true.Equals(answer["ok"]) ? answer : throw new LabException(request + ": " + answer["error"]);
                }
            }
        }

        private string Line(string request, TimeSpan within)
        {
            reading = reading ?? process.StandardOutput.ReadLineAsync();
            if (within <= TimeSpan.Zero || !reading.Wait(within))
            {
                throw new LabException(request + ": the lab does not answer");
            }
            var line = reading.Result;
            reading = null;
            return line ?? throw new LabException(request + ": the lab has ended");
        }

        /// <summary>The end of its input ends it, and its servers.</summary>
        public void Dispose()
        {
            lock (turn)
            {
                try
                {
                    process.StandardInput.Close();
                    if (!process.WaitForExit(EndWithinMilliseconds))
                    {
                        process.Kill();
                    }
                }
                catch (Exception error) when (error is IOException || error is InvalidOperationException)
                {
                    // It has ended already, or was disposed before.
                }
                process.Dispose();
            }
        }
    }
}
