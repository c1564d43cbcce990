#!/bin/sh
# Runs after the package is installed or upgraded. It starts nothing: a gateway without a root client is of no use.
set -e
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
systemctl is-active --quiet seagate.service || exit 0
# An upgrade. The socket keeps the port open, and a gateway whose configuration this release refuses goes on as it is:
# a reload begins with the check of this release, as the user and in the environment of the unit.
if ! systemctl reload seagate.service; then
    echo "seagate was not restarted, and the earlier release goes on, since it could not be reloaded:" \
        "journalctl -u seagate says what is wrong with its configuration; then run: systemctl restart seagate" >&2
elif ! systemctl restart seagate.service; then
    # The package is installed nevertheless.
    echo "seagate did not start again: see what journalctl -u seagate says, and run: systemctl restart seagate" >&2
fi
