// What must agree with other files. That the declarations and the error codes do is a test of tests/drift.

using System.IO;
using System.Text.RegularExpressions;
using Standfast;

internal static class DeclarationTests
{
    public static void VersionsAgree()
    {
        var header = File.ReadAllText(Path.Combine(Lab.Repository(), "bindings-c/include/standfast.h"));
        var version = Regex.Match(header, "STANDFAST_VERSION \"([^\"]+)\"").Groups[1].Value;
        Check.Equal(version, Library.Version);
        var project = File.ReadAllText(Path.Combine(Lab.Repository(), "bindings-c/csharp/Standfast.csproj"));
        Check.True(project.Contains("<Version>" + version + "</Version>"), "the project file has another version");
    }

    public static void SourcesAreWithinWhatEveryCompilerReads()
    {
        foreach (var file in Directory.GetFiles(Path.Combine(Lab.Repository(), "bindings-c/csharp/Standfast"), "*.cs"))
        {
            Check.True(!File.ReadAllText(file).Contains("#nullable"), file + " uses #nullable, which mcs does not read");
        }
    }
}
