#!/bin/sh
# Makes the configuration file of the packages: seagate config --defaults | packaging/settings.sh
#
# Each default is a comment, so that an upgrade brings those of its release. The data folder is the unit's, for
# commands that are run by hand.
set -eu
sed -e 's/^[a-z0-9_]* = /#&/' \
    -e 's|^#data_dir = .*|data_dir = "/var/lib/seagate" # the unit sets it, too|' \
    -e 's#\([^/]\)\(docs/[a-z]*\.md\)#\1/usr/share/doc/seagate/\2#g' \
    -e 's/^# Your own file needs only the keys that differ\./# Take the # away in front of what you change./'
