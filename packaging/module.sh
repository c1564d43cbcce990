#!/bin/sh
# Changes the module path everywhere: packaging/module.sh github.com/OWNER/NAME
#
# `go install` cannot fetch a module whose path has no host, such as seagate.
set -eu
cd "$(dirname "$0")/.."
new=${1:-}
old=$(go list -m)

refuse() {
    echo "$1" >&2
    echo "usage: make module PATH=github.com/OWNER/NAME" >&2
    exit 2
}

matches() { printf '%s\n' "$new" | grep -Eq "$1"; }

# What Go accepts as the path of a module: see go.dev/ref/mod#go-mod-file-ident.
matches '^[a-z0-9][a-z0-9-]*(\.[a-z0-9-]+)+(/|$)' ||
    refuse "a module path begins with a host, such as github.com, and \"$new\" does not"
matches '^[^/]+(/[A-Za-z0-9_~-]([A-Za-z0-9._~-]*[A-Za-z0-9_~-])?)+$' ||
    refuse "a module path has one or more names after the host, of letters, digits and -._~, and \"$new\" does not"
case $new in
*.git) refuse "a module path has no .git at its end, and \"$new\" does" ;;
github.com/*/*) ;;
github.com/*) refuse "a module path on github.com has an owner and a name, and \"$new\" does not" ;;
esac
if matches '/v[0-9]+$' && ! matches '/v([2-9]|[1-9][0-9]+)$'; then
    refuse "a version at the end of a module path is v2 or more; v0 and v1 are left out, and \"$new\" has one"
fi

if [ "$new" = "$old" ]; then
    echo "the module is called $new already"
    exit 0
fi
go mod edit -module "$new"
pattern=$(printf '%s' "$old" | sed 's/\./\\./g')
# Lines that import a package of this module, and no other texts or modules that begin alike.
import='^(import |[[:space:]]*)([A-Za-z0-9_.]* )?"'$pattern'(/[^"]*)?"[[:space:]]*(//.*)?$'
find . -name '*.go' -not -path './.*' -exec grep -qF "\"$old" {} \; -exec sed -E -i.orig "\\#$import#s#\"$pattern#\"$new#" {} +
# Packages that the documents name.
rooms='(auth|catalog|client|cmd|gateway|groups|protocol|schema|storage|streams)'
sed -E -i.orig "s#\`$pattern/$rooms#\`$new/\\1#g" README.md CHANGELOG.md CONTRIBUTING.md docs/*.md
find . \( -name '*.go.orig' -o -name '*.md.orig' \) -not -path './.*' -exec rm {} +
gofmt -w .
echo "the module is called $new now: look at the changes, run make test, and commit"
