// tests/vectors/replies.json: what C# makes of what servers send. The other languages have the same test.

using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using Standfast;

internal static class ReplyTests
{
    private const string Vectors = "tests/vectors/replies.json";

    private static readonly Encoding Latin1 = Encoding.GetEncoding(28591);

    public static void EveryReplyBecomesItsValue()
    {
        var start = new ProcessStartInfo(Path.Combine(Path.GetDirectoryName(Lab.Program()), "standfast-replies"))
        {
            Arguments = Path.Combine(Lab.Repository(), Vectors),
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        using (var server = Process.Start(start))
        {
            try
            {
                var ports = server.StandardOutput.ReadLine().Split(' ');
                using (var three = Client.Connect("redis://127.0.0.1:" + ports[0]))
                using (var two = Client.Connect("redis://127.0.0.1:" + ports[1]))
                {
                    var replies = (List<object>)((Dictionary<string, object>)JsonFile.Read(Vectors))["replies"];
                    foreach (Dictionary<string, object> vector in replies)
                    {
                        Compare(vector.ContainsKey("resp") ? two : three, vector);
                    }
                    Check.True(replies.Count > 80, "only " + replies.Count);
                }
            }
            finally
            {
                server.StandardInput.Close();
                server.WaitForExit();
            }
        }
    }

    private static void Compare(Client client, Dictionary<string, object> vector)
    {
        var name = (string)vector["name"];
        var words = ((List<object>)vector["words"]).ToArray();
        object error;
        if (vector.TryGetValue("error", out error))
        {
            try
            {
                client.Execute(words);
            }
            catch (StandfastServerException thrown)
            {
                Check.Equal(
                    name + ": " + string.Join(" ", (List<object>)error),
                    name + ": " + thrown.Name + " " + thrown.ServerCode + " " + thrown.ServerText);
                return;
            }
            throw new CheckException(name + ": no error");
        }
        Check.Equal(name + ": " + Written((List<object>)vector["value"]), name + ": " + Written(client.Execute(words)));
    }

    /// <summary>A value as the file writes it, for what C# tells apart: a status is text, and so is a big number.</summary>
    private static string Written(Value value)
    {
        switch (value.Kind)
        {
            case ValueKind.Nil: return "nil";
            case ValueKind.Boolean: return "bool " + value.AsBoolean();
            case ValueKind.Integer: return "int " + value.AsInt64().ToString(CultureInfo.InvariantCulture);
            case ValueKind.Double: return "double " + value.AsDouble().ToString("R", CultureInfo.InvariantCulture);
            case ValueKind.Error: return "error " + value.ErrorCode + " " + Latin1.GetString(value.AsBytes());
            case ValueKind.Array: return "list [" + string.Join(", ", value.Items.Select(Written)) + "]";
            case ValueKind.Set: return "set [" + string.Join(", ", value.Items.Select(Written)) + "]";
            case ValueKind.Map:
                return "map [" + string.Join(", ", value.Pairs.Select(pair => Written(pair.Key) + ": " + Written(pair.Value))) + "]";
            default: return "text " + Latin1.GetString(value.AsBytes());
        }
    }

    private static string Written(List<object> value)
    {
        var kind = (string)value[0];
        switch (kind)
        {
            case "nil": return "nil";
            case "bool": return "bool " + value[1];
            case "error": return "error " + value[1] + " " + value[2];
            case "double": return "double " + Number((string)value[1]).ToString("R", CultureInfo.InvariantCulture);
            case "status":
            case "big": return "text " + value[1];
            case "list":
            case "set":
                return kind + " [" + string.Join(", ", ((List<object>)value[1]).Select(item => Written((List<object>)item))) + "]";
            case "map":
                return "map [" + string.Join(
                    ", ",
                    ((List<object>)value[1]).Cast<List<object>>()
                        .Select(pair => Written((List<object>)pair[0]) + ": " + Written((List<object>)pair[1]))) + "]";
            default: return kind + " " + value[1];
        }
    }

    private static double Number(string digits)
    {
        switch (digits)
        {
            case "inf": return double.PositiveInfinity;
            case "-inf": return double.NegativeInfinity;
            case "nan": return double.NaN;
            default: return double.Parse(digits, CultureInfo.InvariantCulture);
        }
    }
}
