#!/bin/sh
# Lists the modules in a program, with their licenses: packaging/sbom.sh VERSION PROGRAM FILE
#
# cyclonedx-gomod guesses licenses from their words, and is told none: packaging/licenses.txt corrects it. It does not
# find that of the program itself, whose module is in no registry.
set -eu
corrections=$(dirname "$0")/licenses.txt
said=$(mktemp)
trap 'rm -f "$said"' EXIT
CI=true ${CYCLONEDX:-cyclonedx-gomod} bin -json -licenses -version "$1" -output "$3" "$2" 2>"$said" || {
    cat "$said" >&2
    exit 1
}
grep -v -e "module download failed.*module=$(go list -m)@" -e "resolve module license.*module=$(go list -m)@" "$said" >&2 || true
awk -v own=Apache-2.0 '
    NR == FNR { if (!/^#/) right[$1] = $2; next }
    # The program is the component of the metadata, before the components.
    /^  "components":/ { listed = 1 }
    /^    "component": \{/ { program = 1 }
    /^ +"name":/ { split($0, part, "\""); module = part[4] }
    listed && /^ +"id":/ && module in right { sub(/"id": "[^"]*"/, "\"id\": \"" right[module] "\"") }
    program && !listed && /^      "version":/ {
        comma = sub(/,$/, "") ? "," : ""
        $0 = $0 ",\n      \"licenses\": [{\"license\": {\"id\": \"" own "\"}}]" comma
        program = 0
    }
    { print }
' "$corrections" "$3" >"$3.corrected"
mv "$3.corrected" "$3"
