// Who may look inside: our own tests, which read JSON files of the tree with the kit's reader.

using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("StandfastTests")]
