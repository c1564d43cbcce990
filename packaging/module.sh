#!/bin/sh
# Changes the module path everywhere: packaging/module.sh github.com/OWNER/NAME
#
# `go install` cannot fetch a module whose path has no host, such as seagate.
set -eu
cd "$(dirname "$0")/.."
new=${1:-}
old=$(go list -m)
case $new in
'' | *[!A-Za-z0-9./_~-]* | */ | */../* | *.git)
    echo "usage: make module PATH=github.com/OWNER/NAME (got \"$new\")" >&2
    exit 2
    ;;
esac
case ${new%%/*} in
*.*) ;;
*)
    echo "a module path begins with a host, such as github.com/OWNER/NAME, and \"$new\" does not" >&2
    exit 2
    ;;
esac
if [ "$new" = "$old" ]; then
    echo "the module is called $new already"
    exit 0
fi
go mod edit -module "$new"
find . -name '*.go' -not -path './.*' -exec grep -lF "\"$old/" {} + | while read -r file; do
    sed -i.orig "s#\"$old/#\"$new/#g" "$file" && rm "$file.orig"
done
# Packages that the documents name.
for file in README.md CHANGELOG.md CONTRIBUTING.md docs/*.md; do
    sed -i.orig "s#\`$old/\(auth\|catalog\|client\|cmd\|gateway\|groups\|protocol\|schema\|storage\|streams\)#\`$new/\1#g" "$file" && rm "$file.orig"
done
gofmt -w .
echo "the module is called $new now: look at the changes, run make test, and commit"
